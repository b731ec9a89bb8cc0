//! What kind of values a column of text has, judged by a sample. Grade: plain.

use crate::excerpt::excerpt;
use crate::schema::Kind;
use crate::times::{Epoch, parse_scaled, parse_time};

/// What all values so far could be.
#[derive(Debug, Clone)]
pub(super) struct Guess {
    /// Whether there was any.
    seen: bool,
    int: bool,
    number: bool,
    /// Whether a whole number does not fit in 64 bits: only text keeps it.
    wide: bool,
    bool: bool,
    /// Times as text.
    time: bool,
    epoch: Epochs,
    /// A value that is no time.
    example: Option<String>,
}

/// What numbers count since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Epochs {
    /// Nothing but zeros.
    Any,
    One(Epoch),
    /// Nothing, or not all the same.
    None,
}

impl Guess {
    pub(super) const fn new() -> Self {
        Self {
            seen: false,
            int: true,
            number: true,
            wide: false,
            bool: true,
            time: true,
            epoch: Epochs::Any,
            example: None,
        }
    }

    /// A value. `bare` says that it may be a number or truth value, and is no text that looks like one.
    pub(super) fn add(&mut self, text: &str, bare: bool) {
        let text = text.trim_ascii();
        if text.is_empty() {
            return;
        }
        self.seen = true;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
        // Leading zeros are part of a name, such as a postcode.
        let whole_number = bare && whole && (digits == "0" || !digits.starts_with('0'));
        self.wide |= whole_number && text.parse::<i64>().is_err();
        self.int &= whole_number;
        self.number &= whole_number || (bare && !whole && text.parse::<f64>().is_ok());
        self.bool &= bare && (text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"));
        self.time = self.time && parse_time(text).is_ok();
        self.add_epoch(text);
        if self.example.is_none() && !self.time && self.epoch == Epochs::None {
            self.example = Some(excerpt(text));
        }
    }

    fn add_epoch(&mut self, text: &str) {
        let number = match self.epoch {
            Epochs::None => None,
            _ => parse_scaled(text, 0).and_then(|number| number.value),
        };
        self.epoch = match (self.epoch, number, number.and_then(Epoch::of)) {
            (epoch, Some(0), _) => epoch,
            (Epochs::Any, _, Some(epoch)) => Epochs::One(epoch),
            (Epochs::One(before), _, Some(epoch)) if before == epoch => Epochs::One(epoch),
            _ => Epochs::None,
        };
    }

    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self { seen: false, .. } => Kind::Text,
            Self { bool: true, .. } => Kind::Bool,
            Self { int: true, wide: false, .. } => Kind::Int,
            Self { number: true, wide: false, .. } => Kind::Float,
            Self { time: true, .. } => Kind::Timestamp,
            _ => Kind::Text,
        }
    }

    /// Whether they are numbers that can be times.
    pub(super) const fn is_epoch(&self) -> bool {
        self.seen && matches!(self.epoch, Epochs::One(_))
    }

    /// Whether they are numbers at all, or could be.
    pub(super) const fn is_number(&self) -> bool {
        !self.seen || self.number
    }

    /// Whether they can be times. `epoch` is what the user said that numbers count.
    ///
    /// # Errors
    /// What they are instead.
    pub(super) fn check_time(&self, epoch: Option<Epoch>) -> Result<(), String> {
        let numbers = self.epoch != Epochs::None || (epoch.is_some() && self.number);
        match &self.example {
            Some(example) if self.seen && !self.time && !numbers => Err(format!(
                "`{example}` is no time such as 2026-01-05T09:30:00Z, nor a number since 1970 of the magnitude of those before"
            )),
            _ => Ok(()),
        }
    }
}
