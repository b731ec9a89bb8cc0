//! What is said about tokens: demands of sellers, payments of buyers, answers of nodes.

use dazaar_evm::jsonrpc::{Block, Log, Logs, Receipt, answer};
use dazaar_evm::transfers::received;
use dazaar_evm::vet::{self, Expected};
use dazaar_evm::x402::{Payment, Requirements};
use dazaar_evm::{Address, B256, Token, U256, deposit};
use dazaar_log::IdentityKeyPair;

/// The number of every question here.
const QUESTION: u64 = 1;

fn token() -> Token {
    Token {
        contract: Address::repeat_byte(1),
        decimals: 6,
        name: "Dollar".to_owned(),
        version: "2".to_owned(),
    }
}

fn expected(token: &Token) -> Expected<'_> {
    Expected { chain: 1, token, amount: U256::from(500), pay_to: Some(Address::repeat_byte(2)) }
}

/// A seller's demand: what is signed is what was agreed.
pub fn evm_demand(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (token, payer) = (token(), Address::repeat_byte(3));
    if let Ok(demand) = Requirements::parse(text) {
        let again = serde_json::to_string(&demand).expect("a message is JSON");
        assert_eq!(Requirements::parse(&again), Ok(demand), "what we write we read");
    }
    if let Ok(demand) = vet::demand(text, &expected(&token), payer) {
        let agreed = (token.contract, U256::from(500), Address::repeat_byte(2));
        assert_eq!((demand.asset, demand.amount, demand.pay_to), agreed);
        assert!(demand.is_on(1));
    }
    let _ = vet::address(text);
    if let Ok(key) = deposit::public_key(text) {
        let [seller, buyer] = [1, 2].map(|seed| IdentityKeyPair::from_seed(&[seed; 32]).public());
        assert_ne!(deposit::address(&key, &seller, &buyer), deposit::address(&key, &buyer, &seller));
    }
}

/// A buyer's payment: what is taken pays what was asked.
pub fn evm_payment(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(payment) = Payment::parse(text) else { return };
    let again = serde_json::to_string(&payment).expect("a message is JSON");
    assert_eq!(Payment::parse(&again).as_ref(), Ok(&payment), "what we write we read");
    let token = token();
    if let Ok(signature) = vet::payment(&payment, &expected(&token), 1_000_000) {
        let authorisation = &payment.payload.authorization;
        assert!(authorisation.value >= U256::from(500) && authorisation.to == Address::repeat_byte(2));
        assert!(payment.payload.call(&signature).len() > 4);
    }
}

/// An answer of a node: the first byte says what was asked.
pub fn evm_answer(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    match kind % 4 {
        0 => drop(answer::<Option<Block>>(text, QUESTION)),
        1 => drop(answer::<U256>(text, QUESTION)),
        2 => {
            let Ok(Some(receipt)) = answer::<Option<Receipt>>(text, QUESTION) else { return };
            sum(&receipt.logs);
        }
        _ => {
            let Ok(Logs(logs)) = answer::<Logs>(text, QUESTION) else { return };
            sum(&logs);
        }
    }
}

fn sum(logs: &[Log]) {
    let owner = (Address::repeat_byte(3), B256::repeat_byte(4));
    let came = received(logs, Address::repeat_byte(1), owner, Address::repeat_byte(2));
    assert!(came.is_zero() || logs.len() > 1, "money without a log that says for what");
}
