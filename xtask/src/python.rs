//! Tests the Python package against the program.
//!
//! Grade: tool.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Outcome, WALLETS, cargo, complete, program, root};

/// Tests the package as cargo builds it along with everything else.
pub(crate) fn test() -> Outcome {
    // All at once and with an example, so that everything has the features that it has in the other tests, and is not built again.
    cargo(&["build", "--lib", "--bins", "--examples", "--features", WALLETS])?;
    let package = root().join("target/python");
    let copied = package.join("dazaar");
    fs::create_dir_all(&copied).map_err(|error| format!("{}: {error}", copied.display()))?;
    copy(&root().join("crates/dazaar-python/python/dazaar/__init__.py"), &copied.join("__init__.py"))?;
    copy(&root().join("target/debug/lib_dazaar.so"), &copied.join("_dazaar.abi3.so"))?;
    complete(pytest().env("PYTHONPATH", &package))
}

/// Builds the wheel that users install, installs it, and tests that.
pub(crate) fn wheel() -> Outcome {
    cargo(&["build"])?;
    let wheels = root().join("target/wheels");
    // Old wheels would be candidates too.
    let _ = fs::remove_dir_all(&wheels);
    let manifest = root().join("crates/dazaar-python/Cargo.toml");
    let mut build = program(python("maturin"), &["build", "--release", "--manifest-path"]);
    complete(build.arg(manifest).arg("--interpreter").arg(python("python")).arg("--out").arg(&wheels))?;
    let install = ["-m", "pip", "install", "--force-reinstall", "--no-deps", "--no-index", "--find-links"];
    complete(program(python("python"), &install).arg(&wheels).arg("dazaar"))?;
    complete(&mut pytest())
}

/// A program of the environment that `setup` makes.
fn python(name: &str) -> PathBuf {
    root().join("target/interop/python/bin").join(name)
}

fn pytest() -> Command {
    let mut command = program(python("python"), &["-m", "pytest", "--quiet", "-p", "no:cacheprovider"]);
    command.arg(root().join("crates/dazaar-python/tests"));
    command.env("DAZAAR_PROGRAM", root().join("target/debug/dazaar")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}
