//! A key as a path through a tree: components, each with the digits of its hash.
//!
//! Grade: plain. A digit is two bits of the SipHash of a component, lowest bits first, 32 a component; behind the last comes
//! the end mark. The hash has no secret, so somebody who spends 2^32 steps finds two components of the same digits; whoever
//! follows digits compares the texts where a component ends.
//! Source: docs/structures.md, keys.

use std::cmp::Ordering;
use std::ops::Range;

use siphasher::sip::SipHasher24;

use crate::fault::KeyError;
use crate::limits::MAX_KEY_BYTES;

/// Digits of one component.
pub(crate) const COMPONENT_DIGITS: usize = 32;

/// The digit behind the last component.
pub(crate) const END: u8 = 4;

/// Kinds of digits, the end mark included.
pub(crate) const DIGITS: u8 = 5;

/// A key and its digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: Box<str>,
    components: Box<[Component]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Component {
    /// Where it ends in the text.
    end: u32,
    /// Its digits, the first in the lowest bits.
    digits: u64,
}

impl Path {
    /// Reads a key: components with `/` between them. One slash in front, and one behind, mean nothing.
    pub fn new(key: &str) -> Self {
        let text = key.strip_prefix('/').unwrap_or(key);
        let start = text.len() - text.strip_prefix('/').unwrap_or(text).len();
        let body = text.get(start..).unwrap_or_default();
        let body = body.strip_suffix('/').unwrap_or(body);
        let mut end = start;
        let components =
            (!body.is_empty() || text.len() > start).then(|| body.split('/')).into_iter().flatten().map(
                |component| {
                    end += component.len();
                    let found = Component { end: end as u32, digits: digits(component) };
                    end += 1;
                    found
                },
            );
        Self { components: components.collect(), text: text.into() }
    }

    /// Reads a key that is to be written, and means the same when it is read again.
    ///
    /// # Errors
    /// [`KeyError`] if it would not, or is too long.
    pub fn writable(key: &str) -> Result<Self, KeyError> {
        if key.len() > MAX_KEY_BYTES {
            return Err(KeyError::TooLong { bytes: key.len() });
        }
        let path = Self::new(key);
        if path.is_empty() || path.text.starts_with('/') {
            return Err(KeyError::NotLasting { key: key.to_owned() });
        }
        Ok(path)
    }

    /// The key, without the slash in front.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many components it has.
    pub fn len(&self) -> usize {
        self.components.len()
    }

    /// Whether it has no component: the key of the whole map.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty()
    }

    /// A component.
    pub fn component(&self, nth: usize) -> Option<&str> {
        self.text.get(self.range(nth)?)
    }

    fn range(&self, nth: usize) -> Option<Range<usize>> {
        let end = self.components.get(nth)?.end as usize;
        let start = match nth.checked_sub(1) {
            Some(before) => self.components.get(before)?.end as usize + 1,
            None => usize::from(self.text.starts_with('/')),
        };
        Some(start..end)
    }

    /// How many digits it has without the end mark.
    pub(crate) fn digits(&self) -> usize {
        self.components.len() * COMPONENT_DIGITS
    }

    /// A digit: 0 to 3, or the end mark behind the last.
    pub(crate) fn digit(&self, index: usize) -> u8 {
        let Some(component) = self.components.get(index / COMPONENT_DIGITS) else { return END };
        (component.digits >> (2 * (index % COMPONENT_DIGITS)) & 3) as u8
    }

    /// The first digit from `from` on that differs, the end mark included.
    pub(crate) fn first_difference(&self, other: &Self, from: usize) -> Option<usize> {
        let mut digit = from;
        loop {
            let nth = digit / COMPONENT_DIGITS;
            let (ours, theirs) = match (self.components.get(nth), other.components.get(nth)) {
                (Some(ours), Some(theirs)) => (ours.digits, theirs.digits),
                (None, None) => return None,
                _ => return Some(digit),
            };
            let differing = (ours ^ theirs) >> (2 * (digit % COMPONENT_DIGITS));
            if differing != 0 {
                return Some(digit + differing.trailing_zeros() as usize / 2);
            }
            digit = (nth + 1) * COMPONENT_DIGITS;
        }
    }

    /// The first component from `from` on, and before `end`, whose text differs though both have it.
    pub(crate) fn first_collision(&self, other: &Self, from: usize, end: usize) -> Option<usize> {
        let end = end.min(self.len()).min(other.len());
        // Mostly there is none, and then all of it is compared at once.
        if from >= end || self.components(from, end) == other.components(from, end) {
            return None;
        }
        (from..end).find(|&nth| self.component(nth) != other.component(nth))
    }

    /// The text of several components.
    fn components(&self, from: usize, end: usize) -> Option<&str> {
        self.text.get(self.range(from)?.start..self.range(end.checked_sub(1)?)?.end)
    }

    /// Orders by text as JavaScript does.
    pub(crate) fn cmp_text(&self, other: &Self) -> Ordering {
        self.text.encode_utf16().cmp(other.text.encode_utf16())
    }

    /// Orders by digits, the end mark first, and then by text.
    pub(crate) fn cmp(&self, other: &Self) -> Ordering {
        let rank = |path: &Self, index| (path.digit(index) + 1) % DIGITS;
        match self.first_difference(other, 0) {
            Some(index) => rank(self, index).cmp(&rank(other, index)),
            None => self.cmp_text(other),
        }
    }

    /// Bytes in memory beside the structure itself.
    pub(crate) fn memory(&self) -> usize {
        self.text.len() + size_of_val(&*self.components)
    }
}

fn digits(component: &str) -> u64 {
    SipHasher24::new().hash(component.as_bytes())
}

#[cfg(test)]
mod tests;
