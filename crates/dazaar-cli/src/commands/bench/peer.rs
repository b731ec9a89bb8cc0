//! Who is measured: a program that takes a job as its last argument and prints a sample.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::job::{Job, Sample};
use super::workload::Workload;
use crate::failure::{Failure, Kind};

/// A program to measure.
#[derive(Debug)]
pub(super) enum Peer {
    /// This one.
    Dazaar,
    /// npm hypercore 9, with npm dazaar on top where there are buyers, driven by this script.
    Hypercore9 { script: PathBuf },
    /// npm hypercore 11, driven by this script.
    Hypercore11 { script: PathBuf },
}

impl Peer {
    /// This program, and npm's if there is a folder with them.
    pub(super) fn all(interop: Option<&Path>) -> Result<Vec<Self>, Failure> {
        let mut peers = vec![Self::Dazaar];
        if let Some(interop) = interop {
            let script = interop.join("js/bench.js");
            if !script.is_file() || !interop.join("node_modules/hypercore11").is_dir() {
                let folder = interop.display();
                return Err(Failure::input(format!("{folder} has no js/bench.js with npm hypercore"))
                    .hint(format!("install it: npm ci --prefix {folder}")));
            }
            peers.push(Self::Hypercore9 { script: script.clone() });
            peers.push(Self::Hypercore11 { script });
        }
        Ok(peers)
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Dazaar => "dazaar",
            Self::Hypercore9 { .. } => "hypercore-9",
            Self::Hypercore11 { .. } => "hypercore-11",
        }
    }

    /// Whether there is a way to do this workload.
    pub(super) const fn can(&self, workload: Workload) -> bool {
        match self {
            Self::Dazaar => true,
            // Its buyers are all in memory, and theirs is that of ten thousand.
            Self::Hypercore9 { .. } => !matches!(workload, Workload::Idle),
            Self::Hypercore11 { .. } => workload.is_for_hypercore_11(),
        }
    }

    /// Whether it reads the folders that this program writes.
    pub(super) const fn reads_our_folders(&self) -> bool {
        !matches!(self, Self::Hypercore11 { .. })
    }

    pub(super) const fn is_ours(&self) -> bool {
        matches!(self, Self::Dazaar)
    }

    /// Does the job in a new process.
    pub(super) async fn measure(&self, job: &Job) -> Result<Sample, Failure> {
        let mut command = self.command()?;
        command.arg(serde_json::to_string(job).map_err(std::io::Error::from)?);
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let output = command.output().await.map_err(|error| {
            Failure::new(Kind::General, format!("{} cannot be started: {error}", self.name()))
        })?;
        if !output.status.success() {
            let workload = job.workload.name();
            return Err(Failure::new(Kind::General, format!("{} failed at {workload}", self.name())));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::new(Kind::General, format!("{}: {error}", self.name())))
    }

    fn command(&self) -> Result<Command, Failure> {
        Ok(match self {
            Self::Dazaar => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["bench", "--job"]);
                command
            }
            Self::Hypercore9 { script } | Self::Hypercore11 { script } => {
                let mut command = Command::new("node");
                command.arg(script).arg(self.name());
                command
            }
        })
    }
}
