//! A text that nobody else may read: the key of a wallet.
//!
//! Grade: plain.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A key or password. It is written where settings are written, and nowhere else: not for debugging, not in errors.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps a text, without the white space around it that files and clipboards add.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_show_it() {
        let secret = Secret::new(" 0201036c6e64\n");
        assert_eq!(secret.reveal(), "0201036c6e64");
        assert_eq!(format!("{secret:?}"), "(secret)");
        let written = serde_json::to_string(&secret).unwrap();
        assert_eq!(written, "\"0201036c6e64\"");
        assert_eq!(serde_json::from_str::<Secret>(&written).unwrap(), secret);
    }
}
