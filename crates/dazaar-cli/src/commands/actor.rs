//! Another process, mostly of this program, on stage: told what to do by its arguments and its input, heard by its events.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::failure::{Failure, Kind};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running process. It ends with its owner.
#[derive(Debug)]
pub(super) struct Actor {
    child: Child,
    /// None once it has had all of it.
    input: Option<ChildStdin>,
    events: Lines<BufReader<ChildStdout>>,
}

impl Actor {
    /// Starts this program with its state in `dir`.
    pub(super) fn start(dir: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--json").arg("--dir").arg(dir).args(arguments);
        Self::spawn(command)
    }

    /// Starts a program that tells what happens as this one does.
    pub(super) fn spawn(mut command: Command) -> Result<Self, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::new(Kind::General, "a process without input and output"));
        };
        Ok(Self { child, input: Some(input), events: BufReader::new(output).lines() })
    }

    /// Gives the process a line to read.
    pub(super) async fn tell(&mut self, line: &str) -> Result<(), Failure> {
        let input =
            self.input.as_mut().ok_or(std::io::ErrorKind::BrokenPipe).map_err(std::io::Error::from)?;
        Ok(input.write_all(format!("{line}\n").as_bytes()).await?)
    }

    /// The same with the last line.
    #[cfg(feature = "cashu")]
    pub(super) async fn tell_last(&mut self, line: &str) -> Result<(), Failure> {
        self.tell(line).await?;
        self.input = None;
        Ok(())
    }

    /// Waits for the next event of this name.
    pub(super) async fn wait(&mut self, name: &str) -> Result<Value, Failure> {
        self.wait_for(name, |_| true).await
    }

    /// Waits for an event of this name, and for the end of the process.
    #[cfg(feature = "ldk")]
    pub(super) async fn answer(mut self, name: &str) -> Result<Value, Failure> {
        let event = self.wait(name).await?;
        self.input = None;
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(ended) => ended.map(|_| event).map_err(Failure::from),
            Err(_) => Err(Failure::new(Kind::General, format!("a process goes on after `{name}`"))),
        }
    }

    /// Waits for an event of this name that fits.
    pub(super) async fn wait_for(
        &mut self,
        name: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value, Failure> {
        let waiting = async {
            while let Some(line) = self.events.next_line().await? {
                let event: Value = serde_json::from_str(&line).map_err(std::io::Error::from)?;
                if event["event"] == "error" {
                    return Err(Failure::new(Kind::General, event["error"].as_str().unwrap_or_default()));
                }
                if event["event"] == name && fits(&event) {
                    return Ok(event);
                }
            }
            Err(Failure::new(Kind::General, format!("a process ended before `{name}`")))
        };
        match timeout(PATIENCE, waiting).await {
            Ok(result) => result,
            Err(_) => {
                Err(Failure::new(Kind::General, format!("no `{name}` within {} s", PATIENCE.as_secs())))
            }
        }
    }

    /// Ends the process politely.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        if let Some(id) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            rustix::process::kill_process(id, rustix::process::Signal::TERM).map_err(std::io::Error::from)?;
        }
        self.child.wait().await?;
        Ok(())
    }
}
