//! What events say to a person, in parts.

use dazaar::cards::extension::display_text;
use serde_json::Value;

use crate::commands::ledger::amount as money;
use crate::times::utc;

/// A receipt, its keys whole.
pub(super) fn described_receipt(receipt: &Value) -> String {
    let text = |field: &str| display_text(receipt[field].as_str().unwrap_or_default());
    let units = receipt["units"].as_str().and_then(|units| units.parse::<u64>().ok());
    let amount = units.map_or_else(|| "for good".to_owned(), |units| money(receipt["asset"].as_str(), units));
    let time = utc(receipt["time_ms"].as_i64().unwrap_or(0));
    let [seller, buyer, reference] = ["seller", "buyer", "reference"].map(text);
    // Digits that are left out are digits that nobody compares.
    format!("{time}  {amount} by {}  {reference}\n  seller {seller}\n  buyer  {buyer}", text("method"))
}

/// What a seller asks, a line for each way to pay.
pub(super) fn due(methods: &[String], offers: &[String]) -> String {
    let mut lines: Vec<String> = offers.iter().map(|offer| format!("  price: {offer}")).collect();
    if methods.iter().any(|method| method != "credit") {
        lines.push("  pay: --pay 1h, or --pay '5000 sats'".to_owned());
    }
    if methods.iter().any(|method| method == "credit") {
        lines.push("  ask the seller for a voucher, and redeem it: --voucher".to_owned());
    }
    lines.insert(0, "The seller wants to be paid".to_owned());
    lines.join("\n")
}

/// What a voucher gives.
pub(super) fn amount(ms: Option<i64>) -> String {
    ms.map_or_else(|| "for good".to_owned(), duration)
}

/// What a phone scans: an invoice as a QR code of half-height characters, in capitals, which makes it smaller.
pub(super) fn qr_code(invoice: &str) -> Option<String> {
    let code = qrcode::QrCode::new(format!("LIGHTNING:{}", invoice.to_ascii_uppercase())).ok()?;
    Some(format!("{}\n", code.render::<qrcode::render::unicode::Dense1x2>().build()))
}

/// Lines of somebody else's, a little to the right.
pub(super) fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// The first digits of a key: enough to tell a few apart.
pub(super) fn short(key: &str) -> &str {
    key.get(..8).unwrap_or(key)
}

pub(super) const fn security(authenticated: bool) -> &'static str {
    if authenticated { "authenticated" } else { "classic encryption" }
}

/// What a seller says about an admission.
pub(super) fn describe(info: &Value) -> String {
    match (info["type"].as_str(), info["remaining"].as_i64()) {
        (Some("time"), Some(left)) => format!(", {} left", duration(left)),
        (Some("bytes" | "records"), Some(left)) => {
            format!(", {left} {} left", info["type"].as_str().unwrap_or_default())
        }
        (Some("range"), _) => {
            let ranges = info["ranges"].as_array().into_iter().flatten();
            let ranges = ranges
                .map(|range| [&range["from"], &range["to"]].map(|end| end.as_str().unwrap_or_default()));
            let ranges: Vec<_> = ranges.map(|[from, to]| display_text(&format!("{from} to {to}"))).collect();
            format!(", for {}", ranges.join(" and "))
        }
        // The first is what validators of npm dazaar say, the second what its core says for a feed that all share.
        (Some("free"), _) => ", free".to_owned(),
        _ if info["free"] == true => ", free".to_owned(),
        _ if info.is_null() => String::new(),
        _ => format!(": {}", display_text(&info.to_string())),
    }
}

/// Milliseconds in words, to the second.
pub(super) fn duration(ms: i64) -> String {
    let seconds = u64::try_from(ms).unwrap_or(0).div_ceil(1000);
    indicatif::FormattedDuration(std::time::Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn b15_both_ways_to_say_free_are_understood() {
        for info in [
            json!({ "type": "free" }),
            json!({ "type": "free", "uniqueFeed": false }),
            json!({ "free": true }),
        ] {
            assert_eq!(describe(&info), ", free", "{info}");
        }
        assert_eq!(describe(&json!({ "free": false })), ": {\"free\":false}");
        assert_eq!(describe(&json!({ "type": "bytes", "remaining": 7 })), ", 7 bytes left");
        let ranges = json!([{ "from": "2024-01-01", "to": "2025-01-01" }, { "from": "2026-01-01", "to": "2026-02-01" }]);
        assert_eq!(
            describe(&json!({ "type": "range", "ranges": ranges })),
            ", for 2024-01-01 to 2025-01-01 and 2026-01-01 to 2026-02-01"
        );
    }
}
