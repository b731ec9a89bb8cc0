//! The part of `dazaar doctor` that is about relays of iroh: those that we use, and those that the seller names.

use dazaar::cards::Link;

use super::Context;
use crate::commands::iroh::IrohArguments;
use crate::failure::Failure;

/// Relays that are tried; a link may name any number.
#[cfg(feature = "iroh")]
const RELAYS_MAX: usize = 8;

/// Tries each relay, and tells how it is.
#[cfg(feature = "iroh")]
pub(super) async fn tell(context: &Context, iroh: &IrohArguments, link: &Link) -> Result<(), Failure> {
    use std::collections::BTreeSet;

    use futures_util::future::join_all;

    if !iroh.is_wanted() {
        return Ok(());
    }
    let named =
        link.addresses.iter().filter_map(|address| address.iroh()).flat_map(|address| address.relays());
    let mut seen = BTreeSet::new();
    let relays: Vec<&str> =
        iroh.relays().chain(named).filter(|url| seen.insert(*url)).take(RELAYS_MAX).collect();
    let authorities = iroh.authorities()?;
    let reports = join_all(relays.iter().map(|url| dazaar_iroh::examine_relay(url, &authorities))).await;
    for (url, report) in relays.into_iter().zip(reports) {
        let (fine, detail) = match report {
            Err(error) => (false, error.to_string()),
            Ok(report) => describe(url, &report),
        };
        super::network::tell(context, &format!("relay {url}"), fine, detail)?;
    }
    Ok(())
}

#[cfg(feature = "iroh")]
fn describe(url: &str, report: &dazaar_iroh::RelayReport) -> (bool, String) {
    match (&report.reached, report.seen) {
        (Err(problem), _) => (false, format!("not reached: {problem}")),
        (Ok(time), Some(seen)) => {
            (true, format!("reached in {} ms; UDP goes there and back, seen as {seen}", time.as_millis()))
        }
        (Ok(time), None) => {
            let why = if url.starts_with("http:") {
                "it speaks HTTP, and so tells nobody from where they are seen"
            } else {
                "UDP does not go there and back"
            };
            (
                true,
                format!(
                    "reached in {} ms; {why}: it helps to punch no holes, and carries everything",
                    time.as_millis()
                ),
            )
        }
    }
}

/// Without iroh there is none.
#[cfg(not(feature = "iroh"))]
pub(super) async fn tell(_: &Context, _: &IrohArguments, _: &Link) -> Result<(), Failure> {
    Ok(())
}
