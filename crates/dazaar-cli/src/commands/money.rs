//! Amounts of money as people type them.

use dazaar::cards::{Asset, Money, Wish};

/// An amount of money, such as `5000 sats` or `10 EUR`.
pub(super) fn money(text: &str) -> Result<Money, String> {
    let Wish::Money { amount, currency: name } = wished_money(text)? else { return Err(no_money(text)) };
    let asset = currency(&name)?;
    let scale = match asset {
        Asset::Bitcoin if name.eq_ignore_ascii_case("btc") => 11,
        Asset::Bitcoin => 3,
        _ => 2,
    };
    let units = amount.whole(scale);
    Ok(Money {
        asset,
        units: units.ok_or_else(|| format!("`{text}` is finer than can be counted, or too much"))?,
    })
}

/// An amount of money in whatever the seller is paid in, tokens too.
pub(super) fn wished_money(text: &str) -> Result<Wish, String> {
    match text.parse() {
        Ok(wish @ Wish::Money { .. }) => Ok(wish),
        _ => Err(no_money(text)),
    }
}

fn no_money(text: &str) -> String {
    format!("`{text}` is no amount of money, such as `5000 sats` or `10 EUR`")
}

/// The asset that a currency's name stands for.
pub(super) fn currency(name: &str) -> Result<Asset, String> {
    let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if is_one_of(&["sat", "sats", "btc"]) {
        return Ok(Asset::Bitcoin);
    }
    // A budget that limits nothing would be worse than none.
    if name.len() != 3 || is_one_of(&["eth", "wei"]) {
        return Err(format!("`{name}` is neither sats, BTC nor a currency such as EUR"));
    }
    Asset::credit(name).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_of_money() {
        let units = |text: &str| money(text).map(|money| money.units);
        assert_eq!(units("5000 sats"), Ok(5_000_000));
        assert_eq!(units("0.00000001 BTC"), Ok(1_000));
        assert_eq!(units("1.50 EUR"), Ok(150));
        for text in ["1.505 EUR", "1h", "once", "5 ETH", "5 euros", "10", "99999999999999999999 EUR", ""] {
            assert!(money(text).is_err(), "{text}");
        }
        assert!(wished_money("5 USDC").is_ok());
        assert!(wished_money("1h").is_err());
    }
}
