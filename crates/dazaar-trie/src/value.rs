//! Values as text and as JSON, the way JavaScript's encodings of those names write them.
//!
//! Grade: plain. A map keeps bytes, or none; JSON's `null` is none.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes of a value in JSON; none for `null`.
///
/// # Errors
/// That of the value, if it cannot be JSON.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Option<Vec<u8>>, serde_json::Error> {
    let bytes = serde_json::to_vec(value)?;
    Ok((bytes != b"null").then_some(bytes))
}

/// Reads a value that [`json`] or JavaScript wrote.
///
/// # Errors
/// What is wrong with the bytes.
pub fn from_json<T: DeserializeOwned>(value: Option<&[u8]>) -> Result<T, serde_json::Error> {
    serde_json::from_slice(value.unwrap_or(b"null"))
}

/// Reads a value as text.
///
/// # Errors
/// If it is none.
pub fn text(value: Option<&[u8]>) -> Result<Option<&str>, std::str::Utf8Error> {
    value.map(std::str::from_utf8).transpose()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json as object};

    use super::*;

    #[test]
    fn known_bytes() {
        for (value, bytes) in [
            (object!(null), None),
            (object!(0), Some(&b"0"[..])),
            (object!("world"), Some(b"\"world\"")),
            (object!({"a": [1, null]}), Some(b"{\"a\":[1,null]}")),
        ] {
            assert_eq!(json(&value).unwrap().as_deref(), bytes);
            assert_eq!(from_json::<Value>(bytes).unwrap(), value);
        }
        assert!(from_json::<Value>(Some(b"{")).is_err());
        assert_eq!((text(Some(b"a")).unwrap(), text(None).unwrap()), (Some("a"), None));
        assert!(text(Some(b"\xff")).is_err());
    }
}
