//! Calls a command or a web service.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use dazaar::payment::PaymentError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::message::Question;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What to call.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum HookSettings {
    /// A command for the shell: it reads the question from its standard input.
    Command(String),
    /// A web service: the question is posted.
    Service {
        /// Where.
        url: String,
        /// Sent as `Authorization: Bearer`, if there is one.
        token: Option<String>,
    },
}

/// A command or web service, ready to be called.
pub struct Call {
    settings: HookSettings,
    agent: ureq::Agent,
}

/// What every answer may be instead.
#[derive(Deserialize)]
struct Wrong {
    error: String,
    /// Whether asking again later may help.
    #[serde(default)]
    retry: bool,
}

impl Call {
    pub(super) fn new(settings: HookSettings) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0);
        Self { settings, agent: config.build().into() }
    }

    /// Asks, and reads the answer.
    pub(super) async fn ask<A: DeserializeOwned>(&self, question: &Question<'_>) -> Result<A, PaymentError> {
        // Texts and numbers always have a JSON form.
        let question = serde_json::to_vec(question).unwrap_or_default();
        let answer = match &self.settings {
            HookSettings::Command(command) => run(command, question).await?,
            HookSettings::Service { url, token } => self.post(url, token.as_deref(), question).await?,
        };
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|_| PaymentError::unavailable("the hook's answer is not JSON"))?;
        if let Ok(Wrong { error, retry }) = Wrong::deserialize(&answer) {
            let reason = dazaar::cards::display_text(&error);
            return Err(if retry {
                PaymentError::unavailable(reason)
            } else {
                PaymentError::refused(reason)
            });
        }
        A::deserialize(answer)
            .map_err(|error| PaymentError::unavailable(format!("the hook's answer is wrong: {error}")))
    }

    async fn post(&self, url: &str, token: Option<&str>, question: Vec<u8>) -> Result<Vec<u8>, PaymentError> {
        let (agent, url) = (self.agent.clone(), url.to_owned());
        let authorization = token.map(|token| format!("Bearer {token}"));
        let posting = move || {
            let mut request = agent.post(&url).header("content-type", "application/json");
            if let Some(authorization) = &authorization {
                request = request.header("authorization", authorization);
            }
            let mut response = request.send(&question)?;
            let answer = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
            Ok::<_, ureq::Error>((response.status().as_u16(), answer))
        };
        match tokio::task::spawn_blocking(posting).await {
            Ok(Ok((200..=299, answer))) => Ok(answer),
            Ok(Ok((status, _))) => {
                Err(PaymentError::unavailable(format!("the hook answers with status {status}")))
            }
            Ok(Err(error)) => Err(PaymentError::unavailable(format!("the hook cannot be reached: {error}"))),
            Err(_) => Err(PaymentError::unavailable("the hook was not asked")),
        }
    }
}

/// Runs a command, and returns what it prints.
async fn run(command: &str, question: Vec<u8>) -> Result<Vec<u8>, PaymentError> {
    let failed =
        |error: std::io::Error| PaymentError::unavailable(format!("the hook cannot be run: {error}"));
    let running = async {
        let mut child = tokio::process::Command::new("sh")
            .args(["-c", command])
            // The command deals with money of its own; our secrets are none of its business.
            .env_remove("DAZAAR_PASSPHRASE")
            .env_remove("DAZAAR_VOUCHER")
            .env_remove("DAZAAR_WALLET_SECRET")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that knows the answer without the question may close its input.
            let _ = stdin.write_all(&question).await;
        }
        let mut answer = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await.map_err(failed)?;
        }
        let status = child.wait().await.map_err(failed)?;
        if status.success() {
            return Ok(answer);
        }
        Err(PaymentError::unavailable(format!("the hook failed: {status}")))
    };
    let late = |_| PaymentError::unavailable("the hook takes too long");
    tokio::time::timeout(TIMEOUT, running).await.map_err(late)?
}

impl fmt::Debug for HookSettings {
    /// A token is a secret, and a command may have one in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command(_) => "Command(..)",
            Self::Service { .. } => "Service { .. }",
        })
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}
