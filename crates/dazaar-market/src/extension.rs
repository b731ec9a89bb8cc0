//! The extension messages by which seller and buyer talk, and their payloads.
//!
//! Grade: plain. JSON is written compactly, as `JSON.stringify` does. JSON that cannot be read, or that is not what
//! the message needs (`null`, an array, a number), means nothing and is skipped; a payload over its limit is a fault.
//! Source: classic protocol, section 7.3. `terms-acceptance` is ours; the reference ignores names it does not know.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::limits::{JSON_BYTES_MAX, REASON_CHARS_MAX};
use crate::session::PeerFault;

/// An extension message of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extension {
    /// The feeds that come with the `one-time-feed`: see [`Member`](crate::Member).
    Feeds,
    /// A validation failed: `{"error": text}`.
    Invalid,
    /// The key of the feed that this buyer may open: 32 bytes.
    OneTimeFeed,
    /// 32 random bytes of a selling program; a buyer that sees them twice is connected twice.
    SellerId,
    /// A buyer's signed acceptance of the terms of use.
    TermsAcceptance,
    /// The seller's terms: UTF-8 text.
    TermsOfUse,
    /// Anything that applications tell each other: `{"name": text, "message": any}`.
    UserMessage,
    /// A validation succeeded: whatever object the validator gives.
    Valid,
}

impl Extension {
    /// Every message, in the order in which the wire announces them: by name.
    pub const ALL: [Self; 8] = [
        Self::Feeds,
        Self::Invalid,
        Self::OneTimeFeed,
        Self::SellerId,
        Self::TermsAcceptance,
        Self::TermsOfUse,
        Self::UserMessage,
        Self::Valid,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Feeds => "dazaar/feeds",
            Self::Invalid => "dazaar/invalid",
            Self::OneTimeFeed => "dazaar/one-time-feed",
            Self::SellerId => "dazaar/seller-id",
            Self::TermsAcceptance => "dazaar/terms-acceptance",
            Self::TermsOfUse => "dazaar/terms-of-use",
            Self::UserMessage => "dazaar/user-message",
            Self::Valid => "dazaar/valid",
        }
    }

    /// The message of this name, if it is one of ours.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|extension| extension.name() == name)
    }

    /// `payload`, unless it is longer than `max` bytes.
    pub(crate) const fn limited(self, payload: &[u8], max: usize) -> Result<&[u8], PeerFault> {
        if payload.len() > max {
            return Err(PeerFault::PayloadTooLong { extension: self, bytes: payload.len(), max });
        }
        Ok(payload)
    }

    /// The JSON object in `payload`; none if it is anything else.
    pub(crate) fn decode_object(self, payload: &[u8]) -> Result<Option<Map<String, Value>>, PeerFault> {
        Ok(serde_json::from_slice(self.limited(payload, JSON_BYTES_MAX)?).ok())
    }
}

/// The names to announce on a session, sorted.
pub fn names() -> Vec<String> {
    Extension::ALL.iter().map(|extension| extension.name().to_owned()).collect()
}

/// The payload of [`Extension::Valid`]; none if there is nothing to tell, or more than the other side takes.
pub(crate) fn encode_info(info: &Value) -> Option<Vec<u8>> {
    let payload = info.is_object().then(|| info.to_string().into_bytes())?;
    (payload.len() <= JSON_BYTES_MAX).then_some(payload)
}

/// The payload of [`Extension::Invalid`].
pub(crate) fn encode_reason(reason: &str) -> Vec<u8> {
    json!({ "error": reason }).to_string().into_bytes()
}

/// The reason in an [`Extension::Invalid`]: fit for display, and empty if the peer gave none.
pub(crate) fn decode_reason(payload: &[u8]) -> Result<Option<String>, PeerFault> {
    let object = Extension::Invalid.decode_object(payload)?;
    Ok(object.map(|object| object.get("error").and_then(Value::as_str).map(display_text).unwrap_or_default()))
}

/// The payload of [`Extension::UserMessage`].
pub(crate) fn encode_user_message(name: &str, message: &Value) -> Vec<u8> {
    // Name first, as the reference does: a map would sort it behind the message.
    let name = Value::from(name);
    format!("{{\"name\":{name},\"message\":{message}}}").into_bytes()
}

/// Name and message in an [`Extension::UserMessage`]. JSON cannot carry `undefined`, so a missing message is null.
pub(crate) fn decode_user_message(payload: &[u8]) -> Result<Option<(String, Value)>, PeerFault> {
    let Some(mut object) = Extension::UserMessage.decode_object(payload)? else { return Ok(None) };
    let Some(Value::String(name)) = object.remove("name") else { return Ok(None) };
    Ok(Some((name, object.remove("message").unwrap_or_default())))
}

/// Characters that make a terminal show others in another order.
const REORDERING: [RangeInclusive<char>; 3] =
    ['\u{200e}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];

/// A stranger's text for a human: without control characters, and no longer than [`REASON_CHARS_MAX`].
pub fn display_text(text: &str) -> String {
    let mut shown: String = text.chars().take(REASON_CHARS_MAX).map(harmless).collect();
    if text.chars().nth(REASON_CHARS_MAX).is_some() {
        shown.push('\u{2026}');
    }
    shown
}

/// A stranger's text for a human, whole: a token, an address.
pub fn printable(text: &str) -> String {
    text.chars().map(harmless).collect()
}

fn harmless(char: char) -> char {
    let is_harmful = char.is_control() || REORDERING.iter().any(|range| range.contains(&char));
    if is_harmful { char::REPLACEMENT_CHARACTER } else { char }
}

#[cfg(test)]
mod tests;
