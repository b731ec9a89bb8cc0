//! Sales between network namespaces: through NAT and firewalls, over bad lines.
//!
//! Grade: tool. Needs root, for the namespaces.

use crate::run::{Outcome, Report, cargo, output, program};
use crate::setup::need;

/// All steps.
pub(crate) fn steps(report: &mut Report) {
    report.step("tools of networks", tools);
    report.step("sales between network namespaces", sales);
}

fn tools() -> Outcome {
    need(&["ip", "tc", "nft", "openssl"], &["iproute2", "nftables", "openssl"])
}

/// The same packages as for `cargo xtask iroh`, or else much would be built again.
fn sales() -> Outcome {
    if output(&mut program("id", &["-u"]))?.trim() != "0" {
        return Err("only root makes network namespaces".to_owned());
    }
    let packages = ["--package", "dazaar-iroh", "--package", "dazaar-cli", "--features", "dazaar-cli/iroh"];
    let test = ["--test", "interop", "--", "--ignored", "nat::"];
    cargo(&[&["test"], &packages[..], &test].concat())
}
