//! Fuzzing: the search for new inputs. It needs nightly Rust; the replay of the known ones is an ordinary test.
//!
//! Grade: tool.

use std::fs;

use crate::run::{Outcome, cargo, complete, is_installed, output, program, root};

/// How long each target is fuzzed if nobody says.
const SECONDS: &str = "60";

/// How long each target is fuzzed among the other tests, if it can be.
const SECONDS_IN_TESTS: &str = "2";

/// Fuzzes every target for a moment where nightly Rust and cargo-fuzz are installed. Elsewhere the replay, which runs thousands of
/// variations too, has to do.
pub(crate) fn search_briefly() -> Outcome {
    if !is_installed("cargo-fuzz") || output(&mut program("cargo", &["+nightly", "--version"])).is_err() {
        println!("left out: nightly Rust or cargo-fuzz is not installed");
        return Ok(());
    }
    search_in(&targets()?, SECONDS_IN_TESTS)
}

/// Fuzzes `[target] [seconds]`.
pub(crate) fn search(words: &[&str]) -> Outcome {
    if !is_installed("cargo-fuzz") {
        return Err(
            "install it first: `cargo install cargo-fuzz`, `rustup toolchain install nightly`".to_owned()
        );
    }
    let (targets, seconds) = match words {
        [] => (targets()?, SECONDS),
        [target] => (vec![(*target).to_owned()], SECONDS),
        [target, seconds] => (vec![(*target).to_owned()], *seconds),
        _ => return Err("expected `fuzz [target] [seconds]`".to_owned()),
    };
    search_in(&targets, seconds)
}

fn search_in(targets: &[String], seconds: &str) -> Outcome {
    cargo(&["run", "--package", "dazaar-fuzz", "--example", "write_seeds"])?;
    for target in targets {
        let limit = format!("-max_total_time={seconds}");
        let words = ["+nightly", "fuzz", "run", "--features", "libfuzzer", target, "--", &limit];
        complete(&mut program("cargo", &words))?;
    }
    Ok(())
}

/// One target per file.
fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}
