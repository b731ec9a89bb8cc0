//! Asks a web service: the question is posted as JSON, status 200 admits.
//!
//! The body has the fields `seller`, `buyer`, `feed`, `served_ms` and `served_bytes`. A JSON object in the answer is passed to the
//! buyer; of a refusal, the field `reason` or the first line.

use dazaar_market::Verdict;
use serde_json::json;

use super::{ANSWER_BYTES_MAX, ANSWER_TIMEOUT, Answer, Question, Validator, undecided, verdict};

/// The service, and the connections to it.
#[derive(Debug)]
pub(super) struct Http {
    url: String,
    agent: ureq::Agent,
}

impl Http {
    pub(super) fn new(url: String) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0);
        Self { url, agent: config.build().into() }
    }
}

impl Validator for Http {
    fn validate(&self, question: Question) -> Answer<'_> {
        let (agent, url) = (self.agent.clone(), self.url.clone());
        Box::pin(async move {
            let answer = tokio::task::spawn_blocking(move || ask(&agent, &url, question)).await;
            match answer {
                Ok(Ok(verdict)) => verdict,
                Ok(Err(error)) => {
                    tracing::error!(%error, url = self.url, "the validation service does not answer");
                    undecided()
                }
                Err(_) => undecided(),
            }
        })
    }
}

fn ask(agent: &ureq::Agent, url: &str, question: Question) -> Result<Verdict, ureq::Error> {
    let body = json!({
        "seller": question.seller.to_string(),
        "buyer": question.buyer.to_string(),
        "feed": question.feed.to_string(),
        "served_ms": question.served_ms,
        "served_bytes": question.served_bytes,
        "served_records": question.served_records(),
    });
    let mut response = agent.post(url).send_json(body)?;
    let admit = response.status() == 200;
    let answer = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
    Ok(verdict(admit, &answer))
}
