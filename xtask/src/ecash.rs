//! Ecash with a real mint and a wallet of others: a workspace of its own, because they bring hundreds of crates.
//!
//! Grade: tool.

use crate::run::{
    Outcome, Report, build_program, cargo, cargo_command, complete, is_installed, program_path,
};

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
    report.step("the program", build_program);
    report.step("tests with a mint", || {
        let mut test = cargo_command(&[&["test"], &OWN_WORKSPACE[..]].concat());
        complete(test.env("DAZAAR_PROGRAM", program_path()))
    });
}

/// The mint's build needs it.
fn protoc() -> Outcome {
    if is_installed("protoc") {
        return Ok(());
    }
    Err("install it first: `apt-get install protobuf-compiler`".to_owned())
}
