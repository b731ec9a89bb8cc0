//! Ecash with a real mint and a wallet of others: a workspace of its own, because they bring hundreds of crates.
//!
//! Grade: tool.

use std::path::PathBuf;

use crate::run::{Outcome, Report, WALLETS, cargo, cargo_command, complete, is_installed, root};

/// The workspace.
const OWN_WORKSPACE: [&str; 3] = ["--locked", "--manifest-path", "tools/mint/Cargo.toml"];

/// Its lock file knows the crates that ours use now: whoever adds one seldom builds it.
pub(crate) fn verify_lock() -> Outcome {
    cargo(&[&["update", "--workspace"], &OWN_WORKSPACE[..]].concat())
}

/// Lints and runs it.
pub(crate) fn steps(report: &mut Report) {
    report.step("compiler of protocol buffers", protoc);
    report.step("clippy, mint", || {
        cargo(&[&["clippy", "--all-targets"], &OWN_WORKSPACE[..], &["--", "-D", "warnings"]].concat())
    });
    report.step("the program", || cargo(&["build", "--package", "dazaar-cli", "--features", WALLETS]));
    report.step("tests with a mint", || {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        let mut test = cargo_command(&[&["test"], &OWN_WORKSPACE[..]].concat());
        complete(test.env("DAZAAR_PROGRAM", target.join("debug/dazaar")))
    });
}

/// The mint's build needs it.
fn protoc() -> Outcome {
    if is_installed("protoc") {
        return Ok(());
    }
    Err("install it first: `apt-get install protobuf-compiler`".to_owned())
}
