//! The part of protobuf that the protocols use: numbered fields that are integers or bytes.
//!
//! Grade: plain. Source: classic protocol, conventions; the messages of section 4 are made of these fields.

use super::varint;

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const BYTES: u64 = 2;
const FIXED_32: u64 = 5;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer or a truth value.
    Varint(u64),
    /// Bytes, text or a message.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The integer, if it is one.
    pub const fn varint(self) -> Option<u64> {
        match self {
            Self::Varint(value) => Some(value),
            Self::Bytes(_) => None,
        }
    }

    /// The bytes, if it is bytes.
    pub const fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Varint(_) => None,
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

/// Reads the fields of a message in the order in which they come; the same field may come again.
///
/// Fixed-size numbers are passed over. After an error there is nothing more.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `message`.
    pub const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Result<Option<(u64, Value<'a>)>, ProtobufError> {
        while !self.rest.is_empty() {
            let tag = self.varint()?;
            let (field, wire_type) = (tag >> 3, tag & 7);
            if field == 0 {
                return Err(ProtobufError::FieldZero);
            }
            match wire_type {
                VARINT => return Ok(Some((field, Value::Varint(self.varint()?)))),
                BYTES => {
                    let length = self.varint()?;
                    return Ok(Some((field, Value::Bytes(self.take(length)?))));
                }
                FIXED_64 => self.take(8)?,
                FIXED_32 => self.take(4)?,
                _ => return Err(ProtobufError::WireType { field, wire_type: wire_type as u8 }),
            };
        }
        Ok(None)
    }

    fn varint(&mut self) -> Result<u64, ProtobufError> {
        let decoded = varint::decode(self.rest).map_err(|_| ProtobufError::Varint)?;
        let (value, length) = decoded.ok_or(ProtobufError::Truncated { missing: 1 })?;
        self.rest = &self.rest[length..];
        Ok(value)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], ProtobufError> {
        let missing = length.saturating_sub(self.rest.len() as u64);
        if missing > 0 {
            return Err(ProtobufError::Truncated { missing });
        }
        let (taken, rest) = self.rest.split_at(length as usize);
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<(u64, Value<'a>), ProtobufError>;

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        field.transpose()
    }
}

/// Appends an integer field.
pub fn encode_varint(field: u64, value: u64, out: &mut Vec<u8>) {
    varint::encode(field << 3 | VARINT, out);
    varint::encode(value, out);
}

/// Appends a field of bytes.
pub fn encode_bytes(field: u64, bytes: &[u8], out: &mut Vec<u8>) {
    varint::encode(field << 3 | BYTES, out);
    varint::encode(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtobufError {
    /// The message ends within a field.
    #[error("the message ends at least {missing} bytes too early")]
    Truncated {
        /// Bytes that are certainly missing.
        missing: u64,
    },
    /// An integer of more than 64 bits.
    #[error("the message has an integer of more than 64 bits")]
    Varint,
    /// Field numbers begin at one.
    #[error("the message has a field numbered zero")]
    FieldZero,
    /// A group, or an encoding that does not exist.
    #[error("field {field} has wire type {wire_type}, which is none of 0, 1, 2, 5")]
    WireType {
        /// Number of the field.
        field: u64,
        /// Its three type bits.
        wire_type: u8,
    },
}

#[cfg(test)]
mod tests;
