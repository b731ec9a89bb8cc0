//! A node: questions over HTTP, one at a time, and each answered soon or not at all.
//!
//! Grade: driver. A node's address may contain a key, so no error repeats it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use dazaar::payment::PaymentError;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Secret;
use crate::jsonrpc::{self, AnswerFault};
use crate::limits::{ANSWER_BYTES_MAX, ANSWER_TIMEOUT};

/// A node, and the connections to it.
pub(crate) struct Node {
    agent: ureq::Agent,
    url: Secret,
    asked: AtomicU64,
}

impl Node {
    pub(crate) fn new(url: &Secret) -> Option<Self> {
        let is_web = ["http://", "https://"].iter().any(|scheme| url.reveal().starts_with(scheme));
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0);
        let agent = config.build().into();
        is_web.then(|| Self { agent, url: url.clone(), asked: AtomicU64::new(0) })
    }

    /// Asks a question.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, NodeError> {
        let id = self.asked.fetch_add(1, Ordering::Relaxed);
        let (agent, url) = (self.agent.clone(), self.url.clone());
        let question = jsonrpc::question(id, method, &params);
        let answer = tokio::task::spawn_blocking(move || post(&agent, &url, &question)).await;
        let bytes = answer.unwrap_or(Err(NodeError::Unreachable("the question was given up")))?;
        Ok(jsonrpc::answer(&bytes, id)?)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}

/// Some nodes say what is wrong with a status as well, so that it is the answer that counts.
fn post(agent: &ureq::Agent, url: &Secret, question: &Value) -> Result<Vec<u8>, NodeError> {
    let mut response = agent.post(url.reveal()).send_json(question).map_err(|error| explain(&error))?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX as u64).read_to_vec();
    match body.map_err(|error| explain(&error)) {
        Ok(body) if !status.is_success() && !body.starts_with(b"{") => {
            Err(NodeError::Status(status.as_u16()))
        }
        body => body,
    }
}

const fn explain(error: &ureq::Error) -> NodeError {
    NodeError::Unreachable(match error {
        ureq::Error::Timeout(_) => "it does not answer in time",
        ureq::Error::HostNotFound => "its name is not known",
        ureq::Error::Io(_) | ureq::Error::ConnectionFailed => "the connection fails",
        ureq::Error::BodyExceedsLimit(_) => "its answer is too long",
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "its address is none",
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => "it does not prove who it is",
        _ => "it does not speak HTTP as it should",
    })
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NodeError {
    /// Nothing was understood.
    #[error("the node cannot be reached: {0}")]
    Unreachable(&'static str),
    /// Too many questions, a wrong key.
    #[error("the node answers with status {0}")]
    Status(u16),
    /// An answer that is none.
    #[error(transparent)]
    Answer(#[from] AnswerFault),
    /// The node of another chain.
    #[error("the node is on chain {found}, the wallet is for chain {wanted}")]
    WrongChain { found: u64, wanted: u64 },
    /// A block that every chain has.
    #[error("the node does not know the block `{0}`")]
    NoBlock(&'static str),
    /// A contract that answers in another language, or is not there.
    #[error("the contract does not answer as a token does")]
    NotAToken,
    /// Old chains.
    #[error("the chain has no fee market")]
    NoFeeMarket,
}

impl NodeError {
    /// Whether a contract said no: it will next time too.
    pub(crate) fn revert(&self) -> Option<&str> {
        // 3 is what nodes agreed on; some only say it in words.
        match self {
            Self::Answer(AnswerFault::Refused { code, message })
                if *code == 3 || message.to_ascii_lowercase().contains("revert") =>
            {
                Some(message)
            }
            _ => None,
        }
    }
}

impl From<NodeError> for PaymentError {
    fn from(error: NodeError) -> Self {
        Self::unavailable(error.to_string())
    }
}
