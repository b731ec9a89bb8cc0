//! What a Lightning node in this program says of itself.

use dazaar::cards::Asset;
use dazaar_ldk::LdkWallet;

use crate::event::Event;
use crate::failure::Failure;
use crate::output::Output;

/// Units of a satoshi.
pub(crate) const SAT: u64 = 1000;

/// Tells how the node that is the wallet `name` is doing, and each of its channels.
pub(crate) async fn tell(output: &Output, name: &str, node: &LdkWallet) -> Result<(), Failure> {
    let standing = node.standing().await?;
    output.event(&Event::LightningNode {
        name: name.to_owned(),
        id: standing.id,
        listening: standing.listening,
        height: standing.height,
        asset: Asset::Bitcoin.to_string(),
        on_chain: standing.chain_sat.saturating_mul(SAT),
        spendable: standing.spendable_sat.saturating_mul(SAT),
    })?;
    for channel in standing.channels {
        output.event(&Event::LightningChannel {
            channel: channel.id,
            peer: channel.peer,
            state: channel.state,
            asset: Asset::Bitcoin.to_string(),
            capacity: channel.capacity_sat.saturating_mul(SAT),
            outbound: channel.outbound_msat,
            inbound: channel.inbound_msat,
        })?;
    }
    Ok(())
}
