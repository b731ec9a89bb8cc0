//! Invoices from BOLT 11 itself, and some of our own that are wrong in one way.

use dazaar_market::Price;
use dazaar_market::price::Kind;
use proptest::prelude::*;

use super::*;
use crate::lightning::bolt11::testing::{Draft, bill, invoice};

/// "Please send $3 for a cup of coffee to the same peer, within one minute", of BOLT 11.
const COFFEE: &str = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh";

#[test]
fn the_invoice_of_the_standard_is_read() {
    let request = read_invoice(COFFEE).unwrap();
    let hash = "0001020304050607080900010203040506070809000102030405060708090102";
    let payee = "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad";
    assert_eq!(hex::encode(request.hash), hash);
    assert_eq!(hex::encode(request.payee), payee);
    assert_eq!(request.msat, 250_000_000);
    assert_eq!(request.expires_ms, (1_496_314_658 + 60) * 1000);
    assert_eq!(request.memo.as_deref(), Some("1 cup coffee"));
    assert_eq!(request.network, Network::Bitcoin);
    assert!(request.uri().starts_with("LIGHTNING:LNBC2500U1"));
    assert_eq!(read_invoice(&request.uri()), Ok(request));
}

#[test]
fn each_difference_from_the_bill_has_a_name() {
    let bill = bill();
    let good = Draft::of(&bill);
    let read = |draft: &Draft| read_request(&bill, Network::Regtest, &invoice(draft)).map(drop);
    assert_eq!(read(&good), Ok(()));
    let (asked, ours) = (bill.units + 1, bill.units);
    let cases = [
        (Draft { msat: Some(asked), ..good.clone() }, RequestError::Amount { asked, bill: ours }),
        (Draft { msat: None, ..good.clone() }, RequestError::NoAmount),
        (Draft { currency: Currency::Bitcoin, ..good.clone() }, RequestError::Network { found: "bitcoin" }),
        (Draft { currency: Currency::Simnet, ..good.clone() }, RequestError::Network { found: "simnet" }),
    ];
    for (draft, error) in cases {
        assert_eq!(read(&draft), Err(error));
    }
    let euros = Bill { price: Price::new(Asset::credit("eur").unwrap(), Kind::Free), ..bill.clone() };
    assert_eq!(read_request(&euros, Network::Regtest, &invoice(&good)).map(drop), Err(RequestError::Asset));
    assert_eq!(
        read_invoice(&"l".repeat(5000)).map(drop),
        Err(RequestError::TooLong { max: INVOICE_CHARS_MAX })
    );
}

#[test]
fn a_memo_of_npm_dazaar_must_be_exact_and_others_may_be_shortened() {
    let bill = bill();
    let read = |bill: &Bill, memo: &str| {
        let draft = Draft { memo: memo.to_owned(), ..Draft::of(bill) };
        read_request(bill, Network::Regtest, &invoice(&draft)).map(drop)
    };
    assert_eq!(read(&bill, "something else"), Ok(()));
    let legacy = Bill { memo: format!("dazaar: {} {}", bill.seller, bill.buyer), ..bill };
    assert_eq!(read(&legacy, &legacy.memo), Ok(()));
    let swapped = format!("dazaar: {} {}", legacy.buyer, legacy.seller);
    for memo in [&*swapped, "", legacy.memo.trim_end_matches(|_| true), &format!("{} ", legacy.memo)] {
        assert_eq!(read(&legacy, memo), Err(RequestError::Memo), "{memo:?}");
    }
}

#[test]
fn a_node_on_the_card_must_be_the_one_that_is_paid() {
    let bill = bill();
    let text = invoice(&Draft::of(&bill));
    let payee = hex::encode(read_invoice(&text).unwrap().payee);
    let read = |pay_to: &str| {
        let bill = Bill { pay_to: Some(pay_to.to_owned()), ..bill.clone() };
        read_request(&bill, Network::Regtest, &text).map(drop)
    };
    assert_eq!(read(&payee), Ok(()));
    assert_eq!(read(&format!("{payee}@127.0.0.1:9735")), Ok(()));
    assert_eq!(read("our shop"), Ok(()));
    assert_eq!(read(&"02".repeat(33)), Err(RequestError::Payee { found: payee.clone() }));
}

proptest! {
    /// A signature covers all of it: a change anywhere is found, or leaves everything as it was.
    #[test]
    fn a_changed_invoice_is_refused(at in 0_usize..1000, with in "[a-z0-9]") {
        let good = read_invoice(COFFEE).unwrap();
        let mut changed = COFFEE.to_owned();
        let at = at % changed.len();
        changed.replace_range(at..=at, &with);
        if changed != COFFEE {
            prop_assert!(read_invoice(&changed).is_err());
        } else {
            prop_assert_eq!(read_invoice(&changed), Ok(good));
        }
    }

    #[test]
    fn nothing_makes_it_panic(text in "(ln(bc|bcrt|tb|tbs|sb)[0-9]{0,12}[munp]?1)?[ac-hj-np-z02-9]{0,300}") {
        let _ = read_invoice(&text);
    }
}
