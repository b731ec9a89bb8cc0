//! How sellers are found and reached, as the program has it: what is not said is taken from its environment variables.

use std::env::var;
use std::sync::Arc;

use dazaar::Market;
use dazaar::discovery::{DiscoverySettings, LanScope, Mode, bootstrap_nodes};
use dazaar::transport::Proxy;
use pyo3::PyResult;

use crate::error::failed;

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
    let lan = lan.unwrap_or_else(|| !is_set("DAZAAR_NO_LAN"));
    market.discover_by(DiscoverySettings {
        dht: (!bootstrap.is_empty()).then_some(Mode::Client),
        bootstrap,
        bind: None,
        lan: if lan { LanScope::All } else { LanScope::None },
    });
    Ok(())
}

/// Whether a variable that is a switch is on, as the program reads it.
fn is_set(name: &str) -> bool {
    let value = var(name).unwrap_or_default().to_lowercase();
    !matches!(value.as_str(), "" | "0" | "f" | "false" | "n" | "no" | "off")
}
