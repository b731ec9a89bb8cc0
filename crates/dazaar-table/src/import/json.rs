//! Rows of JSON lines: one object each. Grade: plain.
//!
//! Values are taken as they are written, so that numbers keep all their digits. Empty lines are skipped.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{ImportError, Place};
use super::table::Table;
use super::text::Row;
use crate::excerpt::excerpt;

/// A value as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    /// An object or array.
    Nested,
    /// A number, true or false.
    Bare(&'a str),
    Text(Cow<'a, str>),
}

impl<'a> Value<'a> {
    fn new(raw: &'a str) -> Result<Self, serde_json::Error> {
        Ok(match raw.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b'{' | b'[') => Self::Nested,
            Some(b'"') => {
                let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
                if inside.contains('\\') {
                    Self::Text(Cow::Owned(serde_json::from_str(raw)?))
                } else {
                    Self::Text(Cow::Borrowed(inside))
                }
            }
            _ => Self::Bare(raw),
        })
    }
}

/// Calls `each` with the fields of the object that stands on a line.
pub(super) fn fields(
    line: &[u8],
    place: Place,
    each: impl FnMut(&str, Value<'_>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let text = std::str::from_utf8(line)
        .map_err(|error| ImportError::NotUtf8 { place, byte: error.valid_up_to() + 1 })?;
    let mut fault = None;
    let mut parser = serde_json::Deserializer::from_str(text);
    let parsed = parser.deserialize_map(Object { each, fault: &mut fault }).and_then(|()| parser.end());
    match (fault, parsed) {
        (Some(fault), _) => Err(fault),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => Err(not_json(&error, text, place)),
    }
}

fn not_json(error: &serde_json::Error, text: &str, place: Place) -> ImportError {
    // What is missing at the end is reported on the line after it.
    let end = text.trim_ascii_end().len();
    let byte = if error.line() <= 1 { error.column().clamp(1, end.max(1)) } else { end };
    ImportError::NotJson { place, byte, reason: reason(error) }
}

/// The parser's words without its own count of lines, which knows only this row.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned()
}

struct Object<'f, F> {
    each: F,
    /// Why `each` ended the parsing.
    fault: &'f mut Option<ImportError>,
}

impl<'de, F: FnMut(&str, Value<'_>) -> Result<(), ImportError>> Visitor<'de> for Object<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key_seed(NameSeed)? {
            let raw: &'de RawValue = map.next_value()?;
            let value = Value::new(raw.get()).map_err(|error| de::Error::custom(reason(&error)))?;
            if let Err(fault) = (self.each)(&name, value) {
                *self.fault = Some(fault);
                return Err(de::Error::custom("given up"));
            }
        }
        Ok(())
    }
}

/// The name of a field, borrowed if it has no escapes.
struct Name<'de>(Cow<'de, str>);

struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Name<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

/// Reads rows.
#[derive(Debug)]
pub(super) struct Json {
    columns: HashMap<String, usize>,
    names: Vec<String>,
    /// For each column, the last row that had it.
    seen: Vec<u64>,
    /// Whether fields that are no column are left out.
    ignores_others: bool,
    /// Bytes of the line that were looked at.
    looked: usize,
}

impl Json {
    pub(super) fn new(names: Vec<String>, ignores_others: bool) -> Self {
        let columns = names.iter().enumerate().map(|(nth, name)| (name.clone(), nth)).collect();
        let seen = vec![0; names.len()];
        Self { columns, names, seen, ignores_others, looked: 0 }
    }

    /// Adds the row that `bytes` begin with, if it is complete.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        ended: bool,
        place: Place,
        table: &mut Table,
    ) -> Result<Row, ImportError> {
        let Some(line) = line(bytes, self.looked, ended) else {
            self.looked = bytes.len();
            return Ok(if ended { Row::End } else { Row::More });
        };
        self.looked = 0;
        if line.trim_ascii().is_empty() {
            return Ok(Row::Blank { bytes: line.len(), lines: 1 });
        }
        // The field that comes next if all objects have the same.
        let mut next = 0;
        fields(line, place, |name, value| {
            let column = match self.names.get(next) {
                Some(expected) if expected == name => Some(next),
                _ => self.columns.get(name).copied(),
            };
            let Some(column) = column else {
                return match self.ignores_others {
                    true => Ok(()),
                    false => Err(ImportError::UnknownField { place, field: excerpt(name) }),
                };
            };
            next = column + 1;
            if std::mem::replace(&mut self.seen[column], place.row) == place.row {
                return Err(ImportError::FieldTwice { place, field: excerpt(name) });
            }
            match value {
                Value::Null => table.push_missing(column, place),
                Value::Bare(text) => table.push(column, text, place),
                Value::Text(text) => table.push(column, &text, place),
                Value::Nested => Err(ImportError::Nested { place, column: excerpt(name) }),
            }
        })?;
        for column in (0..self.seen.len()).filter(|&column| self.seen[column] != place.row) {
            table.push_missing(column, place)?;
        }
        Ok(Row::Read { bytes: line.len(), lines: 1 })
    }
}

/// The line that `bytes` begin with, its end included; `None` if it is not complete. The first `looked` bytes have no end.
pub(super) fn line(bytes: &[u8], looked: usize, ended: bool) -> Option<&[u8]> {
    match bytes.get(looked..)?.iter().position(|&byte| byte == b'\n') {
        Some(end) => Some(&bytes[..=looked + end]),
        None => (ended && !bytes.is_empty()).then_some(bytes),
    }
}
