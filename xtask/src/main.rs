//! One command for people and CI: `cargo xtask test` installs what the tests need and runs every check.
//!
//! Grade: tool. Uses the standard library only, so that it is built in a moment.

mod ecash;
mod floors;
mod fuzz;
mod lightning;
mod lint;
mod nat;
mod python;
mod run;
mod setup;
mod sources;

use std::process::ExitCode;
use std::time::Duration;

use run::{Outcome, Report, WALLETS};

/// How long building and running all tests may take, on two cores and from nothing, before something must hang.
const TESTS_MAX: Duration = Duration::from_secs(50 * 60);

const USAGE: &str = "\
usage: cargo xtask <command>

  test                     everything that CI checks
  cashu                    what CI leaves out because a mint takes long to build: sell and buy for ecash with a real one
  sql                      what CI leaves out because its engine takes long to build: lint and test SQL
  iroh                     what CI leaves out because iroh takes long to build: lint and test sales through it
  fuse                     what CI leaves out because it mounts, as root or with fusermount3: drives as folders of the system
  nat                      sales between network namespaces, through NAT and firewalls; only root can
  lightning                what CI leaves out because a node takes long to build: test wallets on a chain of their own
  wheel                    build the Python package as users install it, and test that
  setup                    install the npm and Python packages that the tests talk to
  lint                     format, clippy, documentation
  tidy                     which crate may use which, file sizes, spelling of sources
  fuzz [target] [seconds]  fuzz one target or all of them (needs nightly Rust and cargo-fuzz)
  simulate [seeds] [from]  run so many worlds of the simulator, a million if nobody says
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut report = Report::default();
    match words.as_slice() {
        ["test"] => test(&mut report),
        ["cashu"] => ecash::steps(&mut report),
        ["sql"] => sql(&mut report),
        ["iroh"] => iroh(&mut report),
        ["fuse"] => fuse(&mut report),
        ["lightning"] => lightning::steps(&mut report),
        ["nat"] => nat::steps(&mut report),
        ["wheel"] => {
            setup::steps(&mut report);
            report.step("Python wheel", python::wheel);
        }
        ["setup"] => setup::steps(&mut report),
        ["lint"] => lint::steps(&mut report),
        ["tidy"] => tidy(&mut report),
        ["fuzz", rest @ ..] => report.step("fuzz", || fuzz::search(rest)),
        ["simulate"] => report.step("simulate", || simulate("1000000", "0")),
        ["simulate", seeds] => report.step("simulate", || simulate(seeds, "0")),
        ["simulate", seeds, from] => report.step("simulate", || simulate(seeds, from)),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    report.finish()
}

fn test(report: &mut Report) {
    setup::steps(report);
    tidy(report);
    lint::steps(report);
    report.step("tests", || run::cargo_within(TESTS_MAX, &["test", "--no-fail-fast", "--features", WALLETS]));
    report.step("Python package", python::test);
    report.step("fuzz search", fuzz::search_briefly);
}

/// The engine is built without optimisation: it takes a third of the time, and the questions of tests are small.
fn sql(report: &mut Report) {
    let plain = ["--config", "profile.dev.package.\"*\".opt-level=0"];
    let packages = ["--package", "dazaar-sql", "--package", "dazaar-cli", "--features", "dazaar-cli/sql"];
    let clippy = [&plain[..], &["clippy"], &packages, &["--all-targets", "--", "-D", "warnings"]].concat();
    report.step("clippy, SQL", || run::cargo(&clippy));
    // The same packages each time, or else much would be built again.
    let test = [&plain[..], &["test"], &packages].concat();
    report.step("tests of SQL", || run::cargo(&[&test[..], &["--lib", "--test", "sql"]].concat()));
    report.step("tests of `dazaar sql`", || {
        run::cargo(&[&test[..], &["--test", "interop", "--", "sql::"]].concat())
    });
}

/// The same packages each time, or else much would be built again.
fn iroh(report: &mut Report) {
    let packages = ["--package", "dazaar-iroh", "--package", "dazaar-cli", "--features", "dazaar-cli/iroh"];
    let clippy = [&["clippy"], &packages[..], &["--all-targets", "--", "-D", "warnings"]].concat();
    report.step("clippy, iroh", || run::cargo(&clippy));
    let test = [&["test"], &packages[..]].concat();
    report.step("tests of iroh", || run::cargo(&[&test[..], &["--lib", "--test", "sale"]].concat()));
    report.step("tests of the program with iroh", || {
        run::cargo(&[&test[..], &["--test", "interop", "--", "iroh::"]].concat())
    });
}

/// The same packages each time, or else much would be built again.
fn fuse(report: &mut Report) {
    let packages = ["--package", "dazaar-fuse", "--package", "dazaar-cli", "--features", "dazaar-cli/fuse"];
    // By name: what mounts is among the tests of nobody else.
    let targets = ["--lib", "--bins", "--test", "folder", "--test", "interop"];
    let clippy = [&["clippy"], &packages[..], &targets, &["--", "-D", "warnings"]].concat();
    report.step("clippy, FUSE", || run::cargo(&clippy));
    let test = [&["test"], &packages[..]].concat();
    report.step("tests of folders", || run::cargo(&[&test[..], &["--lib", "--test", "folder"]].concat()));
    report.step("tests of `dazaar drive attach`", || {
        run::cargo(&[&test[..], &["--test", "interop", "--", "attach::"]].concat())
    });
}

fn simulate(seeds: &str, from: &str) -> Outcome {
    let command = ["run", "--release", "--package", "dazaar-sim", "--"];
    run::cargo(&[&command[..], &["--seeds", seeds, "--from", from]].concat())
}

fn tidy(report: &mut Report) {
    report.step("floors", floors::verify);
    report.step("sources", sources::verify);
    report.step("lock file of the mint", ecash::verify_lock);
}

/// Turns a list of complaints into one outcome.
fn complain(complaints: &[String]) -> Outcome {
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
}
