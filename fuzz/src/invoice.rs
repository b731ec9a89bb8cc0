//! Lightning invoices.

use bitcoin::bech32::primitives::iter::Fe32IterExt as _;
use bitcoin::bech32::{Bech32, Fe32, Hrp};
use dazaar_pay::lightning::read_invoice;

/// How invoices begin: whose, and how much.
const BEGINNINGS: [&str; 8] = [
    "lnbc",
    "lnbc2500u",
    "lnbcrt1",
    "lntb20m",
    "lntbs9678785340p",
    "lnsb1n",
    "lnbc0u",
    "lnbc18446744073709551615",
];

/// A text, and the same bytes as values of an invoice whose checksum is right: which beginning, and five bits of each byte.
pub fn invoice(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        read(text);
    }
    let [which, values @ ..] = data else { return };
    let beginning = BEGINNINGS[usize::from(*which) % BEGINNINGS.len()];
    let hrp = Hrp::parse_unchecked(beginning);
    let values = values.iter().map(|value| Fe32::try_from(value & 31).expect("five bits"));
    read(&values.with_checksum::<Bech32>(&hrp).chars().collect::<String>());
}

/// What is read says how much, and its URI is read as the same.
fn read(text: &str) {
    let Ok(request) = read_invoice(text) else { return };
    assert!(request.msat > 0);
    assert!(request.invoice.is_ascii() && request.uri().len() == request.invoice.len() + "lightning:".len());
    assert_eq!(read_invoice(&request.uri()).as_ref(), Ok(&request));
}

/// "One cup of coffee" of BOLT 11, as text and as values.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let text = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh";
    let values = text.rsplit('1').next().unwrap_or_default();
    let values = values.chars().filter_map(|char| Fe32::from_char(char).ok()).map(Fe32::to_u8);
    let mut values: Vec<u8> = std::iter::once(1).chain(values).collect();
    values.truncate(values.len() - 6);
    vec![text.as_bytes().to_vec(), text.to_ascii_uppercase().into_bytes(), values]
}
