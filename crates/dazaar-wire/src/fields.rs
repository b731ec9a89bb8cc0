//! Reading the fields of a stranger's message, with a fault that names message and field.
//!
//! Grade: plain. Source: classic protocol, section 4.4.

use dazaar_log::codec::protobuf::{Reader, Value};

use crate::fault::PeerFault;

/// The fields of one message.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    message: &'static str,
    reader: Reader<'a>,
}

/// One field.
#[derive(Debug)]
pub(crate) struct Field<'a> {
    message: &'static str,
    pub(crate) number: u64,
    value: Value<'a>,
}

impl<'a> Fields<'a> {
    /// Reads `body` as a message of this name.
    pub(crate) const fn new(message: &'static str, body: &'a [u8]) -> Self {
        Self { message, reader: Reader::new(body) }
    }

    /// The value of a field that has to be there.
    pub(crate) fn required<T>(&self, field: &'static str, value: Option<T>) -> Result<T, PeerFault> {
        value.ok_or(PeerFault::FieldMissing { message: self.message, field })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, PeerFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let message = self.message;
        let field = self.reader.next()?;
        Some(match field {
            Ok((number, value)) => Ok(Field { message, number, value }),
            Err(_) => Err(PeerFault::Malformed { message }),
        })
    }
}

impl<'a> Field<'a> {
    pub(crate) fn integer(&self, name: &'static str) -> Result<u64, PeerFault> {
        self.value.varint().ok_or_else(|| self.invalid(name))
    }

    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, PeerFault> {
        self.integer(name).map(|value| value != 0)
    }

    pub(crate) fn bytes(&self, name: &'static str) -> Result<&'a [u8], PeerFault> {
        self.value.bytes().ok_or_else(|| self.invalid(name))
    }

    pub(crate) fn array<const N: usize>(&self, name: &'static str) -> Result<[u8; N], PeerFault> {
        self.bytes(name)?.try_into().map_err(|_| self.invalid(name))
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<&'a str, PeerFault> {
        std::str::from_utf8(self.bytes(name)?).map_err(|_| self.invalid(name))
    }

    /// The fault of a field whose value breaks a rule.
    pub(crate) const fn invalid(&self, field: &'static str) -> PeerFault {
        PeerFault::FieldInvalid { message: self.message, field }
    }

    /// The fault of a field that comes too often.
    pub(crate) const fn repeated(&self, field: &'static str, max: usize) -> PeerFault {
        PeerFault::FieldRepeated { message: self.message, field, max }
    }
}
