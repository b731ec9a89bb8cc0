//! How sellers are found and reached, as the program has it: what is not said is taken from its environment variables.

use std::env::var;
use std::sync::Arc;

use dazaar::discovery::{DiscoverySettings, LanScope, Mode, bootstrap_nodes};
use dazaar::transport::Proxy;
use dazaar::{Market, switch};
use pyo3::PyResult;

use crate::error::failed;

/// The variable that turns the local network off.
const NO_LAN: &str = "DAZAAR_NO_LAN";

/// Has a market find and dial sellers like this.
pub(crate) fn join(
    market: &Market,
    bootstrap: Option<Vec<String>>,
    lan: Option<bool>,
    proxy: Option<String>,
) -> PyResult<()> {
    let proxy = proxy.or_else(|| var("DAZAAR_PROXY").ok()).filter(|proxy| !proxy.is_empty());
    if let Some(proxy) = proxy {
        // What is wrong is told without the text: there may be a password in it.
        let proxy: Proxy = proxy.trim().parse().map_err(failed)?;
        market.dial_by(vec![Arc::new(proxy)]);
        // The local network and the DHT are UDP, which the proxy does not carry.
        return Ok(());
    }
    let bootstrap = bootstrap.unwrap_or_else(|| {
        let named = var("DAZAAR_BOOTSTRAP").unwrap_or_default();
        named.split(',').filter(|node| !node.is_empty()).map(str::to_owned).collect()
    });
    let nodes = bootstrap.iter().map(|node| bootstrap_nodes(node)).collect::<Result<Vec<_>, _>>();
    let bootstrap = nodes.map_err(failed)?.concat();
    let lan = match lan {
        Some(lan) => lan,
        None => {
            !switch(&var(NO_LAN).unwrap_or_default()).map_err(|error| failed(format!("{NO_LAN}: {error}")))?
        }
    };
    market.discover_by(DiscoverySettings {
        dht: (!bootstrap.is_empty()).then_some(Mode::Client),
        bootstrap,
        bind: None,
        lan: if lan { LanScope::All } else { LanScope::None },
    });
    Ok(())
}
