//! Answering the questions of buyers, and of those who may become some.

use std::time::Duration;

use dazaar::cards::SellerEvent;
use dazaar::{Seller, SellerNotice};
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;

use crate::ask::{Question, Refusal};
use crate::preview::{self, PreviewQuestion};
use crate::quote::{self, QuoteQuestion};

/// How long a seller rests after an answer.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers the buyers of a seller, one after the other, for as long as it exists.
pub async fn answer_all(seller: Seller) {
    let mut notices = seller.notices();
    loop {
        let (buyer, name, message) = match notices.recv().await {
            Ok(SellerNotice::Session { buyer, event: SellerEvent::UserMessage { name, message } }) => {
                (buyer, name, message)
            }
            Ok(_) | Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let asked = seller.clone();
        // Reading is work that other tasks must not wait for.
        let answer =
            tokio::task::spawn_blocking(move || answer(&asked, &name, message).map(|answer| (name, answer)));
        match answer.await {
            Ok(Some((name, answer))) => {
                seller.send(&buyer, &name, &answer);
                // Anybody may ask, as often as they like.
                tokio::time::sleep(PAUSE).await;
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "a question of a buyer could not be answered"),
        }
    }
}

/// Whether messages of this name are answered here, so that nobody else need care.
pub fn is_question(name: &str) -> bool {
    [QuoteQuestion::NAME, PreviewQuestion::NAME].contains(&name)
}

/// The answer to a message; none if it is no question that we know.
fn answer(seller: &Seller, name: &str, message: Value) -> Option<Value> {
    match name {
        QuoteQuestion::NAME => Some(answered(message, |question| quote::answer(&question, seller))),
        PreviewQuestion::NAME => Some(answered(message, |question| {
            preview::answer(&question, &seller.listing().card, seller.log(), dazaar::now_ms())
        })),
        _ => None,
    }
}

fn answered<Q: Question>(message: Value, answer: impl FnOnce(Q) -> Result<Q::Answer, String>) -> Value {
    let question = serde_json::from_value(message).map_err(|error| error.to_string());
    let answer = question.and_then(answer).and_then(|answer| to_json(&answer));
    answer.unwrap_or_else(|error| to_json(&Refusal { error }).unwrap_or_default())
}

fn to_json(value: &impl serde::Serialize) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}
