//! Questions to a seller before anything is paid: a message there, a message back.

use std::pin::pin;
use std::time::Duration;

use dazaar::cards::BuyerEvent;
use dazaar::cards::extension::display_text;
use dazaar::cards::pay::refund::{self, RefundAnswer, RefundQuestion};
use dazaar::{Buyer, BuyerNotice};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use crate::error::SellerError;

/// How long the seller may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A kind of question.
pub trait Question: Serialize + DeserializeOwned {
    /// The name of its messages.
    const NAME: &'static str;
    /// What is answered.
    type Answer: Serialize + DeserializeOwned;
}

impl Question for RefundQuestion {
    const NAME: &'static str = refund::NAME;
    type Answer = RefundAnswer;
}

/// What comes back when there is no answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) error: String,
}

/// Connects to the seller, asks, and waits for the answer.
///
/// # Errors
/// The seller cannot be reached, is silent, or refuses to answer.
pub async fn ask<Q: Question>(buyer: &Buyer, question: &Q) -> Result<Q::Answer, SellerError> {
    let mut notices = buyer.notices();
    let ended = |reason: String| SellerError::Ended { reason };
    let message = serde_json::to_value(question).map_err(|error| ended(error.to_string()))?;
    buyer.send(Q::NAME, &message);
    let mut obstacle =
        "it does not answer; is it running, and does it sell a table with this program?".to_owned();
    let answered = async {
        let mut connection = pin!(buyer.run());
        loop {
            tokio::select! {
                notice = notices.recv() => match notice {
                    Ok(BuyerNotice::Session(BuyerEvent::UserMessage { name, message })) if name == Q::NAME => {
                        return Ok(message);
                    }
                    Ok(BuyerNotice::Disconnected { reason, .. }) => obstacle = reason,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Err(ended("the purchase was stopped".to_owned())),
                },
                end = &mut connection => return Err(SellerError::of(&end)),
            }
        }
    };
    let answer = timeout(PATIENCE, answered).await;
    let message = answer.map_err(|_| SellerError::Unreachable { reason: obstacle })??;
    read::<Q>(message)
}

fn read<Q: Question>(message: Value) -> Result<Q::Answer, SellerError> {
    if let Ok(Refusal { error }) = Refusal::deserialize(&message) {
        return Err(SellerError::Refused { reason: display_text(&error) });
    }
    let nonsense = |_| SellerError::Ended { reason: "the seller's answer makes no sense".to_owned() };
    serde_json::from_value(message).map_err(nonsense)
}
