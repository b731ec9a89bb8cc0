//! What events of a Lightning node say to a person.

use super::Event;
use crate::commands::ledger::amount as money;

/// The line of an event of a Lightning node; none if it is of something else.
pub(super) fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::LightningNode { name, id, listening, height, asset, on_chain, spendable } => {
            let [on_chain, spendable] = [on_chain, spendable].map(|units| money(Some(asset), *units));
            let places: String = listening.iter().map(|place| format!("\n  listens on {place}")).collect();
            format!(
                "{name}  node {id}{places}\n  on the chain, at block {height}: {on_chain}, of which {spendable} can be spent"
            )
        }
        Event::LightningChannel { channel, peer, state, asset, capacity, outbound, inbound } => {
            let [capacity, outbound, inbound] =
                [capacity, outbound, inbound].map(|units| money(Some(asset), *units));
            format!(
                "Channel {channel}, {state}\n  with {peer}\n  {capacity}: can pay {outbound}, can be paid {inbound}"
            )
        }
        Event::BitcoinAddress { address } => address.clone(),
        Event::BitcoinSent { transaction } => format!("Sent with transaction {transaction}"),
        Event::ChannelOpened { channel } => format!(
            "Channel {channel} is on its way to the chain; it can be used after a few blocks, while the node runs"
        ),
        Event::ChannelClosed { channel } => format!("Channel {channel} is closed"),
        _ => return None,
    })
}
