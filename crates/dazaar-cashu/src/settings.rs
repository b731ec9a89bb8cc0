//! What the owner of a wallet decides.
//!
//! Grade: plain. No secrets: those grow from the market's master key.

use cashu::MintUrl;
use serde::{Deserialize, Serialize};

use crate::error::EcashError;
use crate::limits::MINTS_MAX;

/// The settings of a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The mints that are trusted, by their addresses, the preferred one first: a seller takes their coins, a buyer keeps money there.
    pub mints: Vec<String>,
    /// How many satoshis in coins of one mint may count before they are redeemed there. What goes beyond counts once it is redeemed.
    pub unredeemed_max_sat: u64,
    /// For how many hours a buyer's coins are locked to a seller. Afterwards those that were not redeemed can be taken back.
    pub lock_hours: u64,
    /// How many hours before the end of their lock coins may still count before they are redeemed.
    pub margin_hours: u64,
    /// How many seconds a mint may take to answer.
    pub answer_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mints: Vec::new(),
            unredeemed_max_sat: 10_000,
            lock_hours: 72,
            margin_hours: 24,
            answer_seconds: 30,
        }
    }
}

impl Settings {
    /// The addresses of the mints, in one spelling.
    ///
    /// # Errors
    /// [`EcashError::Settings`] if there is none or too many, or one is no address of the web. Only a mint on this machine is spoken to
    /// without encryption: coins would be anybody's who listens.
    pub(crate) fn mint_urls(&self) -> Result<Vec<MintUrl>, EcashError> {
        if self.mints.is_empty() || self.mints.len() > MINTS_MAX {
            let reason =
                format!("between 1 and {MINTS_MAX} mints are needed, and {} given", self.mints.len());
            return Err(EcashError::Settings { reason });
        }
        self.mints.iter().map(|text| mint_url(text)).collect()
    }
}

fn mint_url(text: &str) -> Result<MintUrl, EcashError> {
    let wrong = |reason: &str| EcashError::Settings { reason: format!("mint {text:?}: {reason}") };
    let url: MintUrl = text.trim().parse().map_err(|_| wrong("not an address like https://mint.example"))?;
    let spelled = url.to_string();
    let is_here = ["http://127.0.0.1", "http://[::1]", "http://localhost"].iter().any(|host| {
        spelled.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    if spelled.contains('@') {
        return Err(wrong("no names or passwords"));
    }
    if !spelled.starts_with("https://") && !is_here {
        return Err(wrong("must begin with https://, unless it is on this machine"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(mints: &[&str]) -> Result<Vec<MintUrl>, EcashError> {
        let mints = mints.iter().map(|&mint| mint.to_owned()).collect();
        Settings { mints, ..Settings::default() }.mint_urls()
    }

    #[test]
    fn a_mint_has_one_spelling() {
        let [one, two] = ["https://Mint.Example/Bitcoin/", "https://mint.example/Bitcoin"];
        assert_eq!(urls(&[one]).unwrap(), urls(&[two]).unwrap());
        urls(&["http://127.0.0.1:3338", "http://localhost", "http://[::1]:80/x"]).unwrap();
    }

    #[test]
    fn names_what_is_no_mint() {
        for mint in [
            "",
            "mint",
            "http://mint.example",
            "http://127.0.0.1.example",
            "ftp://127.0.0.1",
            "https://a:b@c",
        ] {
            assert!(matches!(urls(&[mint]), Err(EcashError::Settings { .. })), "{mint}");
        }
        assert!(urls(&[]).is_err());
        assert!(urls(&["https://a"; MINTS_MAX + 1]).is_err());
    }

    #[test]
    fn what_is_not_known_is_not_skipped() {
        let known = serde_json::from_str::<Settings>(r#"{"mints":["https://a"],"margin_hours":2}"#).unwrap();
        assert_eq!((known.margin_hours, known.lock_hours), (2, 72));
        assert!(serde_json::from_str::<Settings>(r#"{"mint":"https://a"}"#).is_err());
    }
}
