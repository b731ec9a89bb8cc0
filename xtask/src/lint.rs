//! Format, clippy and documentation.
//!
//! Grade: tool.

use crate::floors::PURE;
use crate::run::{Report, WALLETS, cargo, cargo_command, complete};

/// All lint steps.
pub(crate) fn steps(report: &mut Report) {
    report.step("format", || cargo(&["fmt", "--all", "--check"]));
    report.step("clippy", || {
        cargo(&["clippy", "--all-targets", "--features", WALLETS, "--", "-D", "warnings"])
    });
    report.step("clippy, pure crates", || {
        let packages = PURE.iter().flat_map(|package| ["--package", package]);
        let words: Vec<&str> =
            ["clippy", "--lib"].into_iter().chain(packages).chain(["--", "-D", "warnings"]).collect();
        complete(cargo_command(&words).env("CLIPPY_CONF_DIR", "lints/pure"))
    });
    report.step("documentation", || {
        complete(cargo_command(&["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    });
}
