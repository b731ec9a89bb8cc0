//! Tokens and payment requests of ecash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use cashu::secret::Secret;
use cashu::{Amount, CurrencyUnit, Id, KeySet, Keys, Proof, PublicKey, SecretKey};
use dazaar_cashu::limits::{COINS_MAX, SAT_MAX};
use dazaar_cashu::{Standing, examine, read_request, read_token};

/// What a buyer may hand over, or a seller may ask for: the first byte says what, and in which wrapping.
pub fn ecash(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let wrapped = |prefix: &str| format!("{prefix}{}", URL_SAFE.encode(data));
    match which % 6 {
        0 => token(&String::from_utf8_lossy(data)),
        1 => token(&wrapped("cashuB")),
        2 => token(&wrapped("cashuA")),
        3 => request(&String::from_utf8_lossy(data)),
        4 => request(&wrapped("creqA")),
        _ => secret(&String::from_utf8_lossy(data)),
    }
}

fn token(text: &str) {
    let Ok(token) = read_token(text) else { return };
    let coins = token.token_secrets();
    assert!((1..=COINS_MAX).contains(&coins.len()));
    assert_eq!(read_token(&token.to_string()).as_ref(), Ok(&token), "what we write we read");
    for coin in coins {
        secret(&coin.to_string());
    }
}

fn request(text: &str) {
    let Ok(asked) = read_request(text) else { return };
    assert!(asked.sat > 0 && asked.sat <= SAT_MAX && !asked.mints.is_empty());
}

/// A coin with this secret, which nobody signed: whatever its lock says, it is not ours.
fn secret(text: &str) {
    let key = key(1);
    let keys = Keys::new([(Amount::from(8), key)].into());
    let keyset = KeySet {
        id: Id::v1_from_keys(&keys),
        unit: CurrencyUnit::Sat,
        active: Some(true),
        keys,
        input_fee_ppk: 0,
        final_expiry: None,
    };
    let coin = Proof::new(Amount::from(8), keyset.id, Secret::new(text), key);
    assert_ne!(examine(&coin, &keyset, &self::key(7), 1000), Ok(Standing::Ours), "nobody signed it");
}

/// The key that seeds lock coins to, and others.
pub(crate) fn key(byte: u8) -> PublicKey {
    SecretKey::from_slice(&[byte; 32]).expect("a small number is a key").public_key()
}

/// What honest wallets say, unwrapped as [`ecash`] wraps it.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let lock = key(7).to_hex();
    let tags = r#"[["sigflag","SIG_INPUTS"],["locktime","9000"],["refund","KEY"]]"#.replace("KEY", &lock);
    let secret = format!(r#"["P2PK",{{"nonce":"00","data":"{lock}","tags":{tags}}}]"#);
    let mint: cashu::MintUrl = "https://mint.example".parse().expect("an address");
    let id: Id = "009a1f293253e41e".parse().expect("a name of keys");
    let coin = Proof::new(Amount::from(8), id, Secret::new(&secret), key(1));
    let token = cashu::Token::new(mint.clone(), vec![coin], None, CurrencyUnit::Sat);
    let ask = cashu::PaymentRequest::builder().amount(8_u64).unit(CurrencyUnit::Sat).add_mint(mint);
    let wanted =
        cashu::nuts::nut18::Nut10SecretRequest::new(cashu::Kind::P2PK, lock, None::<Vec<Vec<String>>>);
    let request = ask.nut10(wanted).build();
    let unwrapped = |text: String| {
        let bytes = text.find(|char: char| char.is_ascii_uppercase()).map(|end| &text[end + 1..]);
        URL_SAFE.decode(bytes.unwrap_or_default()).unwrap_or_default()
    };
    let seed = |which: u8, data: &[u8]| [&[which], data].concat();
    vec![
        seed(0, token.to_string().as_bytes()),
        seed(1, &unwrapped(token.to_string())),
        seed(2, &unwrapped(token.to_v3_string())),
        seed(3, request.to_string().as_bytes()),
        seed(4, &unwrapped(request.to_string())),
        seed(5, secret.as_bytes()),
    ]
}
