//! A mint with a memory: it signs no output twice, takes no coin twice, and counts what it pays.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use cashu::{Amount, BlindSignature, BlindedMessage, Proof};
use lightning_invoice::{Bolt11Invoice, Currency, InvoiceBuilder, PaymentSecret};
use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::testing::Signer;

/// What the mint remembers.
#[derive(Default)]
pub(crate) struct Memory {
    signed: HashMap<String, (BlindedMessage, BlindSignature)>,
    spent: HashSet<String>,
    /// The state of each invoice of its own.
    pub(crate) issues: HashMap<String, &'static str>,
    /// Which invoice a quote is for, and whether it was paid.
    melts: HashMap<String, (String, bool)>,
    /// Every payment that left.
    pub(crate) paid: Vec<String>,
}

/// The running mint. Its own invoices are paid at once.
pub(crate) struct Mint {
    pub(crate) server: Server,
    pub(crate) memory: Arc<Mutex<Memory>>,
}

impl Mint {
    pub(crate) fn start() -> Self {
        let memory = Arc::new(Mutex::new(Memory::default()));
        let shared = Arc::clone(&memory);
        let server = Server::start(move |path, body| {
            let answer = shared.lock().unwrap().answer(path, body);
            answer.unwrap_or_else(|code| Reply::Status(400, json!({ "code": code, "detail": "no" })))
        });
        Self { server, memory }
    }

    /// What the coins in circulation are worth.
    pub(crate) fn circulating(&self) -> u64 {
        let memory = self.memory.lock().unwrap();
        let issued: u64 = memory.signed.values().map(|(_, signature)| u64::from(signature.amount)).sum();
        issued
            - memory.spent.iter().filter_map(|coin| coin.rsplit('/').next()?.parse::<u64>().ok()).sum::<u64>()
    }
}

impl Memory {
    /// The answer to a question, or the number of the reason why there is none.
    fn answer(&mut self, path: &str, body: &Value) -> Result<Reply, u64> {
        let signer = Signer::new(1, 0);
        let outputs: Vec<BlindedMessage> =
            serde_json::from_value(body["outputs"].clone()).unwrap_or_default();
        let inputs: Vec<Proof> = serde_json::from_value(body["inputs"].clone()).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Ok(Reply::Json(match path {
            "/v1/keysets" => {
                let id = signer.keyset().id;
                json!({ "keysets": [{ "id": id, "unit": "sat", "active": true, "input_fee_ppk": 0 }] })
            }
            "/v1/mint/quote/bolt11" => {
                let quote = format!("issue-{}", self.issues.len());
                self.issues.insert(quote.clone(), "PAID");
                let sat = body["amount"].as_u64().unwrap();
                json!({ "quote": quote, "request": invoice(sat, &quote), "state": "UNPAID" })
            }
            "/v1/mint/bolt11" => {
                if self.issues[&text("quote")] == "ISSUED" {
                    return Err(20_002);
                }
                let signatures = self.sign(&signer, &outputs)?;
                self.issues.insert(text("quote"), "ISSUED");
                json!({ "signatures": signatures })
            }
            "/v1/swap" => {
                self.check(&inputs)?;
                let signatures = self.sign(&signer, &outputs)?;
                self.spend(&inputs);
                json!({ "signatures": signatures })
            }
            "/v1/restore" => {
                let known =
                    outputs.iter().filter_map(|output| self.signed.get(&output.blinded_secret.to_hex()));
                let (outputs, signatures): (Vec<_>, Vec<_>) = known.cloned().unzip();
                json!({ "outputs": outputs, "signatures": signatures })
            }
            "/v1/checkstate" => {
                let state = |y: &Value| {
                    let is_spent = self.spent.iter().any(|coin| coin.starts_with(y.as_str().unwrap()));
                    json!({ "Y": y, "state": if is_spent { "SPENT" } else { "UNSPENT" } })
                };
                json!({ "states": body["Ys"].as_array().unwrap().iter().map(state).collect::<Vec<_>>() })
            }
            "/v1/melt/quote/bolt11" => {
                let quote = format!("melt-{}", self.melts.len());
                self.melts.insert(quote.clone(), (text("request"), false));
                self.melt_state(&quote)
            }
            "/v1/melt/bolt11" => {
                let quote = text("quote");
                self.check(&inputs)?;
                let (invoice, is_paid) = self.melts[&quote].clone();
                if is_paid {
                    return Err(20_006);
                }
                let in_all: u64 = inputs.iter().map(|coin| u64::from(coin.amount)).sum();
                let change = in_all - sat_of(&invoice);
                let digits = (0..u64::BITS).map(|bit| 1 << bit).filter(|digit| change & digit != 0);
                let outputs: Vec<BlindedMessage> = outputs
                    .into_iter()
                    .zip(digits)
                    .map(|(output, digit)| BlindedMessage { amount: Amount::from(digit), ..output })
                    .collect();
                let change = self.sign(&signer, &outputs)?;
                self.spend(&inputs);
                self.paid.push(invoice.clone());
                self.melts.insert(quote.clone(), (invoice, true));
                let mut state = self.melt_state(&quote);
                state["change"] = json!(change);
                state
            }
            path => match (
                path.strip_prefix("/v1/mint/quote/bolt11/"),
                path.strip_prefix("/v1/melt/quote/bolt11/"),
            ) {
                (Some(quote), _) => json!({ "quote": quote, "request": "", "state": self.issues[quote] }),
                (_, Some(quote)) => self.melt_state(quote),
                _ => json!({ "keysets": [signer.keyset()] }),
            },
        }))
    }

    fn melt_state(&self, quote: &str) -> Value {
        let (invoice, is_paid) = &self.melts[quote];
        let state = if *is_paid { "PAID" } else { "UNPAID" };
        json!({ "quote": quote, "amount": sat_of(invoice), "fee_reserve": 0, "state": state })
    }

    fn check(&self, inputs: &[Proof]) -> Result<(), u64> {
        if inputs.iter().any(|coin| self.spent.contains(&name(coin))) { Err(11_001) } else { Ok(()) }
    }

    fn spend(&mut self, inputs: &[Proof]) {
        self.spent.extend(inputs.iter().map(name));
    }

    fn sign(&mut self, signer: &Signer, outputs: &[BlindedMessage]) -> Result<Vec<BlindSignature>, u64> {
        if outputs.iter().any(|output| self.signed.contains_key(&output.blinded_secret.to_hex())) {
            return Err(11_003);
        }
        let sign = |output: &BlindedMessage| {
            let signature = signer.sign(output);
            self.signed.insert(output.blinded_secret.to_hex(), (output.clone(), signature.clone()));
            signature
        };
        Ok(outputs.iter().map(sign).collect())
    }
}

fn name(coin: &Proof) -> String {
    format!("{}/{}", coin.y().unwrap().to_hex(), u64::from(coin.amount))
}

fn sat_of(invoice: &str) -> u64 {
    invoice.parse::<Bolt11Invoice>().unwrap().amount_milli_satoshis().unwrap() / 1000
}

/// An invoice over so much; another one for each name.
pub(crate) fn invoice(sat: u64, name: &str) -> String {
    let (curve, key) = (Secp256k1::new(), SecretKey::from_slice(&[5; 32]).unwrap());
    InvoiceBuilder::new(Currency::Regtest)
        .description(name.to_owned())
        .payment_hash(sha256::Hash::hash(name.as_bytes()))
        .payment_secret(PaymentSecret([9; 32]))
        .duration_since_epoch(Duration::from_secs(1_700_000_000))
        .min_final_cltv_expiry_delta(18)
        .amount_milli_satoshis(sat * 1000)
        .build_signed(|hash| curve.sign_ecdsa_recoverable(hash, &key))
        .unwrap()
        .to_string()
}
