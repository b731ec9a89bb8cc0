//! Values as JSON: text as it is, anything else in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A value of a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Value {
    /// Bytes that are UTF-8.
    #[serde(rename = "value")]
    Text(String),
    /// Any bytes.
    Base64(String),
}

impl Value {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    /// The bytes; none if they are no base64.
    pub(super) fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.into_bytes()),
            Self::Base64(text) => STANDARD.decode(text).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        for bytes in [&b""[..], b"1", "\u{e9}\n".as_bytes(), b"\xff\x00"] {
            let text = serde_json::to_string(&Value::of(bytes)).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value.into_bytes().as_deref(), Some(bytes));
        }
        assert_eq!(Value::Base64("*".to_owned()).into_bytes(), None);
    }
}
