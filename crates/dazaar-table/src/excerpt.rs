//! The beginning of a text, as messages show it. Grade: plain.

/// Characters that a message shows of a text.
const CHARACTERS: usize = 48;

/// At most the first characters of `text`, without control characters.
pub(crate) fn excerpt(text: &str) -> String {
    let mut short: String =
        text.chars().take(CHARACTERS).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect();
    if text.chars().nth(CHARACTERS).is_some() {
        short.push('\u{2026}');
    }
    short
}
