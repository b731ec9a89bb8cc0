//! Asks an external command: exit code 0 admits.
//!
//! The command finds `DAZAAR_SELLER`, `DAZAAR_BUYER`, `DAZAAR_FEED`, `DAZAAR_SERVED_MS` and `DAZAAR_SERVED_BYTES` in its
//! environment. A JSON object on its standard output is passed to the buyer; of a refusal, the field `reason` or the first line.

use std::process::Stdio;

use dazaar_market::Verdict;
use tokio::io::AsyncReadExt as _;

use super::{ANSWER_BYTES_MAX, ANSWER_TIMEOUT, Answer, Question, Validator, undecided, verdict};

/// A program and its arguments.
#[derive(Debug)]
pub(super) struct Command {
    command: Vec<String>,
}

impl Command {
    pub(super) const fn new(command: Vec<String>) -> Self {
        Self { command }
    }

    async fn run(&self, question: Question) -> std::io::Result<Verdict> {
        let (program, arguments) = self.command.split_first().ok_or(std::io::ErrorKind::NotFound)?;
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .env("DAZAAR_SELLER", question.seller.to_string())
            .env("DAZAAR_BUYER", question.buyer.to_string())
            .env("DAZAAR_FEED", question.feed.to_string())
            .env("DAZAAR_SERVED_MS", question.served_ms.to_string())
            .env("DAZAAR_SERVED_BYTES", question.served_bytes.to_string())
            .env("DAZAAR_SERVED_RECORDS", question.served_records().to_string())
            // The command decides about buyers; our own secrets are none of its business.
            .env_remove("DAZAAR_PASSPHRASE")
            .env_remove("DAZAAR_VOUCHER")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let mut answer = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        }
        Ok(verdict(child.wait().await?.success(), &answer))
    }
}

impl Validator for Command {
    fn validate(&self, question: Question) -> Answer<'_> {
        Box::pin(async move {
            match tokio::time::timeout(ANSWER_TIMEOUT, self.run(question)).await {
                Ok(Ok(verdict)) => verdict,
                Ok(Err(error)) => {
                    tracing::error!(%error, command = ?self.command, "cannot run the validation command");
                    undecided()
                }
                Err(_) => {
                    tracing::error!(command = ?self.command, "the validation command takes too long");
                    undecided()
                }
            }
        })
    }
}
