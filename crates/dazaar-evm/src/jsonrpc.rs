//! Questions to a node, and its answers.
//!
//! Grade: plain. Source: JSON-RPC 2.0, the execution API of Ethereum.

use alloy_primitives::{Address, B256, Bytes, U64, U128};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::limits::{LOGS_MAX, REASON_CHARS_MAX};

/// A question.
pub(crate) fn question(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// The answer to the question with this number.
///
/// # Errors
/// [`AnswerFault`].
pub fn answer<T: DeserializeOwned>(bytes: &[u8], id: u64) -> Result<T, AnswerFault> {
    let answer: Answer = serde_json::from_slice(bytes).map_err(|_| AnswerFault::Form)?;
    if answer.id != id {
        return Err(AnswerFault::Form);
    }
    if let Some(Complaint { code, message }) = answer.error {
        let message = message.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect();
        return Err(AnswerFault::Refused { code, message });
    }
    // A result that is missing is one that is null: what was asked for is not there.
    serde_json::from_value(answer.result).map_err(|_| AnswerFault::Form)
}

#[derive(Deserialize)]
struct Answer {
    id: Value,
    #[serde(default)]
    result: Value,
    error: Option<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    code: i64,
    #[serde(default)]
    message: String,
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerFault {
    /// Not what was asked for.
    #[error("the node's answer is not understood")]
    Form,
    /// The node says no.
    #[error("the node refuses: {message} ({code})")]
    Refused {
        /// What kind of no.
        code: i64,
        /// Why, in the node's words.
        message: String,
    },
}

/// A block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    /// Blocks before it.
    pub number: U64,
    /// Its name.
    pub hash: B256,
    /// The name of the one before.
    pub parent_hash: B256,
    /// Seconds since 1970.
    pub timestamp: U64,
    /// Wei that a unit of gas costs at least; none on chains without a fee market.
    #[serde(default)]
    pub base_fee_per_gas: Option<U128>,
}

/// The transactions of a block.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Transactions {
    /// In their order.
    pub transactions: Vec<Sent>,
}

/// A transaction in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Sent {
    /// Its name.
    pub hash: B256,
    /// Who sent it.
    pub from: Address,
    /// How many that account had sent before.
    pub nonce: U64,
}

/// What a contract told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    /// Which contract.
    pub address: Address,
    /// What it is about.
    pub topics: Vec<B256>,
    /// The rest.
    pub data: Bytes,
    /// In which block.
    pub block_number: U64,
    /// In which block.
    pub block_hash: B256,
    /// In which transaction.
    pub transaction_hash: B256,
    /// Logs before it in the block.
    pub log_index: U64,
    /// Whether its block is gone.
    #[serde(default)]
    pub removed: bool,
}

/// What became of a transaction that is in a block.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Which.
    pub transaction_hash: B256,
    /// In which block.
    pub block_number: U64,
    /// In which block.
    pub block_hash: B256,
    /// 1 if it was carried out.
    pub status: U64,
    /// What was told meanwhile.
    pub logs: Vec<Log>,
}

impl Receipt {
    /// Whether it was carried out.
    pub fn is_success(&self) -> bool {
        self.status == U64::from(1)
    }
}

/// Logs, not too many.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Log>")]
pub struct Logs(pub Vec<Log>);

impl TryFrom<Vec<Log>> for Logs {
    type Error = &'static str;

    fn try_from(logs: Vec<Log>) -> Result<Self, Self::Error> {
        if logs.len() > LOGS_MAX { Err("too many logs") } else { Ok(Self(logs)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_what_was_asked_for() {
        let number = |text: &str| answer::<U64>(text.as_bytes(), 7);
        assert_eq!(number(r#"{"jsonrpc":"2.0","id":7,"result":"0x10"}"#), Ok(U64::from(16)));
        let no = r#"{"id":7,"error":{"code":3,"message":"execution reverted: used\n","data":"0x"}}"#;
        let message = "execution reverted: used".to_owned();
        assert_eq!(number(no), Err(AnswerFault::Refused { code: 3, message }));
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"id":8,"result":"0x1"}"#,
            r#"{"id":7}"#,
            r#"{"id":7,"result":"0xg"}"#,
        ] {
            assert_eq!(number(text), Err(AnswerFault::Form), "{text}");
        }
        let nothing = answer::<Option<Receipt>>(br#"{"id":7,"result":null}"#, 7);
        assert_eq!(nothing, Ok(None));
    }

    #[test]
    fn a_long_excuse_is_cut() {
        let text = json!({ "id": 1, "error": { "code": -32000, "message": "x".repeat(5000) } }).to_string();
        let Err(AnswerFault::Refused { message, .. }) = answer::<U64>(text.as_bytes(), 1) else {
            panic!("an excuse")
        };
        assert_eq!(message.len(), REASON_CHARS_MAX);
    }
}
