//! One mint, over HTTP.
//!
//! Grade: driver. Source: NUT-01 to NUT-09 and NUT-23. Every answer has a limit in time and size, and none is believed: what signatures
//! are worth is checked where they become coins. A refusal is what a mint says in the form of the standard, with a code; whatever
//! else happens may be different next time.

mod fault;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cashu::nuts::nut07::{CheckStateRequest, CheckStateResponse};
use cashu::nuts::nut09::{RestoreRequest, RestoreResponse};
use cashu::{
    BlindSignature, BlindedMessage, CurrencyUnit, Id, KeySet, KeysResponse, KeysetResponse, MeltRequest,
    MintRequest, MintUrl, PublicKey, State, SwapRequest, SwapResponse,
};
use dazaar_market::display_text;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::fault::MintFault;
use crate::limits::{ANSWER_BYTES_MAX, KEYS_PAUSE, KEYSETS_MAX};

/// A mint, and the connections to it.
#[derive(Debug)]
pub(crate) struct Mint {
    pub(crate) url: MintUrl,
    agent: ureq::Agent,
    /// Who spends coins there does it one after the other.
    turn: Mutex<()>,
    keys_asked: Mutex<Option<Instant>>,
}

/// What a mint says of itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Info {
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) nuts: BTreeMap<String, Value>,
}

/// An invoice of the mint's, for which it issues coins.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct IssueQuote {
    pub(crate) quote: String,
    pub(crate) request: String,
    #[serde(default)]
    state: Option<String>,
}

impl IssueQuote {
    pub(crate) fn is_paid(&self) -> bool {
        self.state.as_deref() == Some("PAID")
    }

    pub(crate) fn is_issued(&self) -> bool {
        self.state.as_deref() == Some("ISSUED")
    }
}

/// An invoice that the mint pays for coins.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MeltQuote {
    pub(crate) quote: String,
    pub(crate) amount: u64,
    pub(crate) fee_reserve: u64,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) payment_preimage: Option<String>,
    #[serde(default)]
    pub(crate) change: Option<Vec<BlindSignature>>,
}

impl MeltQuote {
    pub(crate) fn is_paid(&self) -> bool {
        self.state == "PAID"
    }

    pub(crate) fn is_unpaid(&self) -> bool {
        self.state == "UNPAID"
    }
}

/// What a mint says of an error.
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    detail: String,
    code: u64,
}

impl Mint {
    pub(crate) fn new(url: MintUrl, answer_timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(answer_timeout))
            .http_status_as_error(false)
            .max_redirects(0);
        Self { url, agent: config.build().into(), turn: Mutex::new(()), keys_asked: Mutex::new(None) }
    }

    /// Waits for others to be done with this mint.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its keys may be asked for once more because of what a stranger sent.
    pub(crate) fn may_ask_for_keys(&self) -> bool {
        let mut asked = self.keys_asked.lock().unwrap_or_else(PoisonError::into_inner);
        let may = asked.is_none_or(|last| last.elapsed() >= KEYS_PAUSE);
        if may {
            *asked = Some(Instant::now());
        }
        may
    }

    pub(crate) fn info(&self) -> Result<Info, MintFault> {
        self.get("v1/info")
    }

    /// Its keysets of satoshis, those without a wrong name. `known` are not asked for again: their keys cannot change.
    pub(crate) fn keysets(&self, known: &[KeySet]) -> Result<Vec<KeySet>, MintFault> {
        let list: KeysetResponse = self.get("v1/keysets")?;
        let mut keysets = Vec::new();
        let mut list = list.keysets;
        list.retain(|info| info.unit == CurrencyUnit::Sat);
        list.sort_by_key(|info| !info.active);
        for info in list.into_iter().take(KEYSETS_MAX) {
            let keyset = match known.iter().find(|keyset| keyset.id == info.id) {
                Some(keyset) => keyset.clone(),
                None => self.keys(&info.id)?,
            };
            let (active, input_fee_ppk) = (Some(info.active), info.input_fee_ppk);
            keysets.push(KeySet { active, input_fee_ppk, ..keyset });
        }
        Ok(keysets)
    }

    fn keys(&self, id: &Id) -> Result<KeySet, MintFault> {
        let answer: KeysResponse = self.get(&format!("v1/keys/{id}"))?;
        let keyset = answer.keysets.into_iter().find(|keyset| keyset.id == *id);
        let is_right = |keyset: &KeySet| keyset.unit == CurrencyUnit::Sat && keyset.verify_id().is_ok();
        keyset.filter(is_right).ok_or(MintFault::Answer { what: "keys" })
    }

    pub(crate) fn swap(&self, request: &SwapRequest) -> Result<Vec<BlindSignature>, MintFault> {
        self.post("v1/swap", request).map(|answer: SwapResponse| answer.signatures)
    }

    /// What it signed of these, each message with its signature, in its order.
    pub(crate) fn restore(
        &self,
        outputs: Vec<BlindedMessage>,
    ) -> Result<Vec<(BlindedMessage, BlindSignature)>, MintFault> {
        let answer: RestoreResponse = self.post("v1/restore", &RestoreRequest { outputs })?;
        if answer.outputs.len() != answer.signatures.len() {
            return Err(MintFault::Answer { what: "restored signatures" });
        }
        Ok(answer.outputs.into_iter().zip(answer.signatures).collect())
    }

    /// Whether coins are spent, in their order.
    pub(crate) fn states(&self, ys: &[PublicKey]) -> Result<Vec<State>, MintFault> {
        let answer: CheckStateResponse =
            self.post("v1/checkstate", &CheckStateRequest { ys: ys.to_vec() })?;
        let state = |y: &PublicKey| answer.states.iter().find(|state| state.y == *y).map(|state| state.state);
        ys.iter().map(|y| state(y).ok_or(MintFault::Answer { what: "states" })).collect()
    }

    pub(crate) fn issue_quote(&self, sat: u64) -> Result<IssueQuote, MintFault> {
        self.post("v1/mint/quote/bolt11", &json!({ "amount": sat, "unit": "sat" }))
    }

    pub(crate) fn issue_state(&self, quote: &str) -> Result<IssueQuote, MintFault> {
        self.get(&format!("v1/mint/quote/bolt11/{}", path_part(quote)?))
    }

    pub(crate) fn issue(
        &self,
        quote: &str,
        outputs: Vec<BlindedMessage>,
    ) -> Result<Vec<BlindSignature>, MintFault> {
        let request = MintRequest { quote: quote.to_owned(), outputs, signature: None };
        self.post("v1/mint/bolt11", &request).map(|answer: SwapResponse| answer.signatures)
    }

    pub(crate) fn melt_quote(&self, invoice: &str) -> Result<MeltQuote, MintFault> {
        self.post("v1/melt/quote/bolt11", &json!({ "request": invoice, "unit": "sat" }))
    }

    pub(crate) fn melt_state(&self, quote: &str) -> Result<MeltQuote, MintFault> {
        self.get(&format!("v1/melt/quote/bolt11/{}", path_part(quote)?))
    }

    pub(crate) fn melt(&self, request: &MeltRequest<String>) -> Result<MeltQuote, MintFault> {
        self.post("v1/melt/bolt11", request)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, MintFault> {
        read(self.agent.get(format!("{}/{path}", self.url)).call(), path)
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, MintFault> {
        read(self.agent.post(format!("{}/{path}", self.url)).send_json(body), path)
    }
}

/// A quote's name as part of an address: it is the mint's choice, and must not lead elsewhere.
fn path_part(quote: &str) -> Result<&str, MintFault> {
    let is_plain = !quote.is_empty()
        && quote.len() <= 128
        && quote.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_plain { Ok(quote) } else { Err(MintFault::Answer { what: "a quote" }) }
}

fn read<T: DeserializeOwned>(
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    path: &str,
) -> Result<T, MintFault> {
    let unreachable = |error: ureq::Error| MintFault::Unreachable { reason: error.to_string() };
    let mut response = response.map_err(unreachable)?;
    let status = response.status().as_u16();
    let body =
        response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(unreachable)?;
    if status == 200 {
        return serde_json::from_slice(&body).map_err(|error| {
            tracing::debug!(%error, path, "not the answer of a mint");
            MintFault::Answer { what: "an answer" }
        });
    }
    match serde_json::from_slice::<Refusal>(&body) {
        Ok(Refusal { code, detail }) if (400..500).contains(&status) => {
            Err(MintFault::Refused { code, detail: display_text(&detail) })
        }
        _ => Err(MintFault::Status { status }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_does_not_lead_elsewhere() {
        for quote in ["", "../melt", "a/b", "a?b", "a b", "%2e", &"x".repeat(129)] {
            assert!(path_part(quote).is_err(), "{quote}");
        }
        assert_eq!(path_part("019a-BC_d"), Ok("019a-BC_d"));
    }
}
