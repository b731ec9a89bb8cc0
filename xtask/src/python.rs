//! Builds the Python package and runs its tests against the program.
//!
//! Grade: tool.

use crate::run::{Outcome, cargo, complete, program, root};

/// Installs the package as users do, from a wheel, and lets pytest have it.
pub(crate) fn test() -> Outcome {
    let bin = root().join("target/interop/python/bin");
    let wheels = root().join("target/wheels");
    // All at once, as for the tests: alone, the program would be built with other features of what it uses.
    cargo(&["build"])?;
    // Old wheels would be candidates too.
    let _ = std::fs::remove_dir_all(&wheels);
    complete(
        program(bin.join("maturin"), &["build", "--profile", "dev", "--manifest-path"])
            .arg(root().join("crates/dazaar-python/Cargo.toml"))
            .arg("--interpreter")
            .arg(bin.join("python"))
            .arg("--out")
            .arg(&wheels),
    )?;
    let install =
        ["-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", "--no-index", "--find-links"];
    complete(program(bin.join("python"), &install).arg(&wheels).arg("dazaar"))?;
    complete(
        program(bin.join("python"), &["-m", "pytest", "--quiet", "-p", "no:cacheprovider"])
            .arg(root().join("crates/dazaar-python/tests"))
            .env("DAZAAR_PROGRAM", root().join("target/debug/dazaar")),
    )
}
