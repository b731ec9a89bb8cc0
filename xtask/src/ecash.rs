//! Ecash with a real mint and a wallet of others: a workspace of its own, because they bring hundreds of crates.
//!
//! Grade: tool.

use crate::run::{Outcome, Report, cargo, is_installed};

/// The workspace.
const OWN_WORKSPACE: [&str; 3] = ["--locked", "--manifest-path", "tools/mint/Cargo.toml"];

/// Lints and runs it.
pub(crate) fn steps(report: &mut Report) {
    report.step("compiler of protocol buffers", protoc);
    report.step("clippy, mint", || {
        cargo(&[&["clippy", "--all-targets"], &OWN_WORKSPACE[..], &["--", "-D", "warnings"]].concat())
    });
    report.step("tests with a mint", || cargo(&[&["test"], &OWN_WORKSPACE[..]].concat()));
}

/// The mint's build needs it.
fn protoc() -> Outcome {
    if is_installed("protoc") {
        return Ok(());
    }
    Err("install it first: `apt-get install protobuf-compiler`".to_owned())
}
