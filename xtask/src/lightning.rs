//! Lightning, for real: builds Bitcoin Core from a crate that carries its sources, and an Electrum server, installs LNbits and Electrum, and
//! tests wallets, and the program with a node in it, with all of them.
//!
//! Grade: tool. The Core that is built is a snapshot of its development: right for a chain of one's own, never for real money.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Outcome, Report, cargo, cargo_command, complete, output, program, root};
use crate::setup::{install, make_environment, need};

/// The node and its engine are built apart, without optimisation: that takes a third of the time, and the payments of tests are few. Each
/// step names the same packages, so that they have the same features, and are built once.
const APART: [&str; 12] = [
    "--package",
    "dazaar-ldk",
    "--package",
    "dazaar-pay",
    "--package",
    "dazaar-cli",
    "--features",
    "dazaar-cli/ldk",
    "--target-dir",
    "target/lightning",
    "--config",
    "profile.dev.package.\"*\".opt-level=0",
];

/// The Electrum server, with the lock file that it was published with.
const ELECTRS: &str = "0.12.0";

/// All steps.
pub(crate) fn steps(report: &mut Report) {
    report.step("build bitcoind", bitcoind);
    report.step("build electrs", electrs);
    report.step("install LNbits", lnbits);
    report.step("clippy, Lightning node", || {
        cargo(&[&["clippy", "--all-targets"], &APART[..], &["--", "-D", "warnings"]].concat())
    });
    report.step("the program, with a node", || {
        let targets = ["--lib", "--bin", "dazaar", "--test", "regtest", "--test", "lnbits"];
        cargo(&[&["build"], &APART[..], &targets].concat())
    });
    report.step("wallets on a chain of their own", || {
        let mut test = test(&["--lib", "--test", "regtest"]);
        complete(test.env("DAZAAR_BITCOIND", bitcoind_path()).env("DAZAAR_ELECTRS", electrs_path()))
    });
    report.step("wallets in LNbits", || complete(&mut test(&["--test", "lnbits", "--", "--ignored"])));
}

/// Tests, of the program too.
fn test(words: &[&str]) -> Command {
    let mut command = cargo_command(&[&["test"], &APART[..], words].concat());
    command.env("DAZAAR_PROGRAM", root().join("target/lightning/debug/dazaar"));
    command
}

fn bitcoind_path() -> PathBuf {
    root().join("target/regtest/build/bin/bitcoind")
}

/// Installs Electrum, whose Lightning is its own, and the server that it needs.
fn electrs() -> Outcome {
    need(&["electrum"], &["electrum"])?;
    need(&["clang"], &["clang", "libclang-dev"])?;
    if electrs_path().exists() {
        return Ok(());
    }
    let version = format!("electrs@{ELECTRS}");
    let mut install = cargo_command(&["install", "--locked", "--no-default-features", "--root"]);
    complete(install.arg(electrs_root()).arg(version))
}

fn electrs_path() -> PathBuf {
    electrs_root().join("bin/electrs")
}

fn electrs_root() -> PathBuf {
    root().join(format!("target/regtest/electrs-{ELECTRS}"))
}

/// Builds `bitcoind`, once for each version of the crate.
fn bitcoind() -> Outcome {
    need(&["cmake", "g++"], &["cmake", "g++", "libboost-dev"])?;
    let build = root().join("target/regtest/build");
    install(&root().join("tools/regtest/Cargo.lock"), &build, || {
        let source = core_source()?;
        let options = [
            "-DCMAKE_BUILD_TYPE=Release",
            "-DCMAKE_CXX_FLAGS_RELEASE=-O1",
            "-DBUILD_DAEMON=ON",
            "-DBUILD_CLI=OFF",
            "-DBUILD_BITCOIN_BIN=OFF",
            "-DBUILD_TESTS=OFF",
            "-DBUILD_TX=OFF",
            "-DBUILD_UTIL=OFF",
            "-DBUILD_BENCH=OFF",
            "-DENABLE_WALLET=OFF",
            "-DENABLE_EXTERNAL_SIGNER=OFF",
            "-DENABLE_IPC=OFF",
            "-DWITH_EMBEDDED_ASMAP=OFF",
        ];
        complete(program("cmake", &options).arg("-S").arg(&source).arg("-B").arg(&build))?;
        let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
        let targets = ["--target", "bitcoind", "--parallel", &jobs];
        complete(program("cmake", &["--build"]).arg(&build).args(targets))
    })
}

/// The sources of Core that the crate carries, which cargo unpacks where it keeps sources.
fn core_source() -> Result<PathBuf, String> {
    let manifest = ["--locked", "--manifest-path", "tools/regtest/Cargo.toml"];
    cargo(&[&["fetch"], &manifest[..]].concat())?;
    let tree = output(&mut cargo_command(&[&["metadata", "--format-version", "1"], &manifest[..]].concat()))?;
    // Without a parser of JSON: the path of the crate's manifest is the only text that ends like this.
    let manifest = tree.split('"').find(|text| is_core_manifest(text));
    let folder = manifest.and_then(|text| Path::new(text).parent());
    folder.map(|folder| folder.join("bitcoin")).ok_or_else(|| "the sources of Core are not there".to_owned())
}

fn is_core_manifest(text: &str) -> bool {
    text.contains("/libbitcoinkernel-sys-") && text.ends_with("/Cargo.toml")
}

fn lnbits() -> Outcome {
    need(&["python3"], &["python3", "python3-venv"])?;
    let requirements = root().join("interop/lnbits/requirements.txt");
    let venv = root().join("target/interop/lnbits");
    install(&requirements, &venv, || make_environment(&venv, &requirements))
}
