//! Steps with a name, and the programs that they start.
//!
//! Grade: tool.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// What a step ends with: nothing, or what is wrong.
pub(crate) type Outcome = Result<(), String>;

/// The steps that ran. A failed step does not stop the others, so that one run shows everything.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<(&'static str, Duration, Outcome)>,
}

impl Report {
    /// Runs one step and says so.
    pub(crate) fn step(&mut self, name: &'static str, body: impl FnOnce() -> Outcome) {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = body();
        if let Err(reason) = &outcome {
            println!("{reason}\n=== {name}: FAILED");
        }
        self.steps.push((name, start.elapsed(), outcome));
    }

    /// Prints the summary; failure if any step failed.
    pub(crate) fn finish(self) -> ExitCode {
        println!();
        let mut code = ExitCode::SUCCESS;
        for (name, took, outcome) in self.steps {
            let word = if outcome.is_ok() { "ok" } else { "FAILED" };
            println!("{word:>6}  {name} ({:.1} s)", took.as_secs_f64());
            if outcome.is_err() {
                code = ExitCode::FAILURE;
            }
        }
        code
    }
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// A program that will run in the folder of the workspace.
pub(crate) fn program(name: impl AsRef<Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(name.as_ref());
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// The cargo that started us.
pub(crate) fn cargo_command(arguments: &[&str]) -> Command {
    program(std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from), arguments)
}

/// The program is checked with every wallet that it can have.
pub(crate) const WALLETS: &str = "dazaar-cli/wallets";

/// Builds the program, with every wallet, for tests that live elsewhere: as a test of its own needs it, for else all libraries would be
/// built once more.
pub(crate) fn build_program() -> Outcome {
    cargo(&["test", "--no-run", "--test", "reference", "--features", WALLETS])
}

/// Where it is then.
pub(crate) fn program_path() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(target).join("debug/dazaar")
}

/// Runs cargo, letting it print.
pub(crate) fn cargo(arguments: &[&str]) -> Outcome {
    complete(&mut cargo_command(arguments))
}

/// Runs a command to its end, letting it print.
pub(crate) fn complete(command: &mut Command) -> Outcome {
    let line = line(command);
    println!("$ {line}");
    let status = command.status().map_err(|error| format!("cannot start `{line}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}`: {status}")) }
}

/// Runs cargo like [`cargo`], with an end: whatever still runs then is killed with all that it started. A test that waits for ever
/// would take the report of everything else with it.
pub(crate) fn cargo_within(limit: Duration, arguments: &[&str]) -> Outcome {
    let mut command = cargo_command(arguments);
    let line = line(&command);
    println!("$ {line}");
    let started = command.process_group(0).spawn();
    let mut child = started.map_err(|error| format!("cannot start `{line}`: {error}"))?;
    let group = child.id();
    let (ended, waiting) = mpsc::channel();
    let waiter = thread::spawn(move || ended.send(child.wait()));
    let status = match waiting.recv_timeout(limit) {
        Ok(status) => status.map_err(|error| format!("cannot wait for `{line}`: {error}")),
        Err(_) => {
            complete(&mut program("kill", &["-KILL", "--", &format!("-{group}")]))?;
            Err(format!("`{line}` was killed after {} minutes: something hangs", limit.as_secs() / 60))
        }
    };
    // Its thread has nothing left to wait for.
    let _ = waiter.join();
    let status = status?;
    if status.success() { Ok(()) } else { Err(format!("`{line}`: {status}")) }
}

/// Runs a command to its end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let line = line(command);
    let output = command.output().map_err(|error| format!("cannot start `{line}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}`: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program is installed.
pub(crate) fn is_installed(name: &str) -> bool {
    let quiet = program(name, &["--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
