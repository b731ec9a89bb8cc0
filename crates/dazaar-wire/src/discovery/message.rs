//! One datagram of the DHT: a request or an answer, as a protobuf.
//!
//! Grade: plain. Fields are written in the order of the reference and read in any.
//! Source: classic protocol, section 8.2.

use std::net::SocketAddrV4;

use dazaar_log::codec::protobuf::{ProtobufError, Reader, Value, encode_bytes, encode_varint};

use super::id::{self, Contact, NodeId};
use super::limits::{DATAGRAM_BYTES_MAX, TEXT_BYTES_MAX};

/// The version that we speak. Nodes of a lower one have no id.
const VERSION: u64 = 1;

/// Numbers of the fields.
mod field {
    pub(super) const KIND: u64 = 1;
    pub(super) const NUMBER: u64 = 2;
    pub(super) const ID: u64 = 3;
    pub(super) const TARGET: u64 = 4;
    pub(super) const CLOSER: u64 = 5;
    pub(super) const TOKEN: u64 = 6;
    pub(super) const COMMAND: u64 = 7;
    pub(super) const ERROR: u64 = 8;
    pub(super) const VALUE: u64 = 9;
    pub(super) const TO: u64 = 10;
    pub(super) const VERSION: u64 = 11;
}

/// Commands.
pub(super) mod command {
    pub(in super::super) const PING: &str = "_ping";
    pub(in super::super) const FIND_NODE: &str = "_find_node";
    pub(in super::super) const HOLEPUNCH: &str = "_holepunch";
    pub(in super::super) const PEERS: &str = "peers";
}

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A question.
    Query,
    /// A wish to change something, with a token.
    Update,
    /// An answer.
    Response,
}

/// Proof that one can be reached at one's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(pub [u8; 32]);

/// A datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Question, wish or answer.
    pub kind: Kind,
    /// The number of the request, which its answer repeats.
    pub number: u64,
    /// The recipient's address as its sender sees it.
    pub to: Option<SocketAddrV4>,
    /// The sender; none if it does not take part.
    pub id: Option<NodeId>,
    /// What the message is about.
    pub target: Option<[u8; 32]>,
    /// Nodes that are closer to the target.
    pub closer: Vec<Contact>,
    /// In answers and wishes.
    pub token: Option<Token>,
    /// What is asked for.
    pub command: Option<String>,
    /// Why there is no proper answer.
    pub error: Option<String>,
    /// What the command needs, or what it gives.
    pub value: Option<Vec<u8>>,
}

impl Message {
    /// A message with nothing in it yet.
    pub const fn new(kind: Kind, number: u64) -> Self {
        Self {
            kind,
            number,
            to: None,
            id: None,
            target: None,
            closer: Vec::new(),
            token: None,
            command: None,
            error: None,
            value: None,
        }
    }

    /// The bytes of the datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.closer.len() * id::CONTACT_BYTES);
        encode_varint(field::VERSION, VERSION, &mut out);
        encode_varint(field::KIND, 1 + self.kind as u64, &mut out);
        encode_varint(field::NUMBER, self.number, &mut out);
        let to = self.to.map(id::encode_address);
        let closer = (!self.closer.is_empty()).then(|| id::encode_contacts(&self.closer));
        let fields = [
            (field::TO, to.as_ref().map(<[u8; 6]>::as_slice)),
            (field::ID, self.id.as_ref().map(|id| id.0.as_slice())),
            (field::TARGET, self.target.as_ref().map(<[u8; 32]>::as_slice)),
            (field::CLOSER, closer.as_deref()),
            (field::TOKEN, self.token.as_ref().map(|token| token.0.as_slice())),
            (field::COMMAND, self.command.as_deref().map(str::as_bytes)),
            (field::ERROR, self.error.as_deref().map(str::as_bytes)),
            (field::VALUE, self.value.as_deref()),
        ];
        for (number, bytes) in fields {
            if let Some(bytes) = bytes {
                encode_bytes(number, bytes, &mut out);
            }
        }
        out
    }

    /// Reads a datagram.
    ///
    /// # Errors
    /// [`MessageError`] if it is not a message of the DHT.
    pub fn decode(datagram: &[u8]) -> Result<Self, MessageError> {
        if datagram.len() > DATAGRAM_BYTES_MAX {
            return Err(MessageError::TooLong { bytes: datagram.len() });
        }
        let (mut kind, mut number, mut version) = (None, None, 0);
        let mut message = Self::new(Kind::Query, 0);
        for entry in Reader::new(datagram) {
            match entry? {
                (field::KIND, value) => kind = Some(decode_kind(value)?),
                (field::NUMBER, value) => number = Some(integer(field::NUMBER, value)?),
                (field::VERSION, value) => version = integer(field::VERSION, value)?,
                (number, value) => message.read(number, value)?,
            }
        }
        message.kind = kind.ok_or(MessageError::Missing { field: field::KIND })?;
        message.number = number.ok_or(MessageError::Missing { field: field::NUMBER })?;
        if version < VERSION {
            message.id = None;
        }
        Ok(message)
    }

    fn read(&mut self, number: u64, value: Value<'_>) -> Result<(), MessageError> {
        match number {
            field::TO => self.to = Some(id::decode_address(array(number, value)?)),
            field::ID => self.id = Some(NodeId(array(number, value)?)),
            field::TARGET => self.target = Some(array(number, value)?),
            field::CLOSER => self.closer = id::decode_contacts(bytes(number, value)?),
            field::TOKEN => self.token = Some(Token(array(number, value)?)),
            field::COMMAND => self.command = Some(text(number, value)?),
            field::ERROR => self.error = Some(text(number, value)?),
            field::VALUE => self.value = Some(bytes(number, value)?.to_vec()),
            // Later versions may say more.
            _ => {}
        }
        Ok(())
    }
}

fn decode_kind(value: Value<'_>) -> Result<Kind, MessageError> {
    match value.varint() {
        Some(1) => Ok(Kind::Query),
        Some(2) => Ok(Kind::Update),
        Some(3) => Ok(Kind::Response),
        _ => Err(MessageError::Invalid { field: field::KIND }),
    }
}

fn integer(field: u64, value: Value<'_>) -> Result<u64, MessageError> {
    value.varint().ok_or(MessageError::Invalid { field })
}

fn bytes(field: u64, value: Value<'_>) -> Result<&[u8], MessageError> {
    value.bytes().ok_or(MessageError::Invalid { field })
}

fn array<const N: usize>(field: u64, value: Value<'_>) -> Result<[u8; N], MessageError> {
    bytes(field, value)?.try_into().map_err(|_| MessageError::Invalid { field })
}

fn text(field: u64, value: Value<'_>) -> Result<String, MessageError> {
    let text = std::str::from_utf8(bytes(field, value)?).ok().filter(|text| text.len() <= TEXT_BYTES_MAX);
    text.map(str::to_owned).ok_or(MessageError::Invalid { field })
}

/// Why a datagram is not a message of the DHT. Datagrams come from everywhere, so it is dropped and nothing else happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// More bytes than any message has.
    #[error("a message has at most {DATAGRAM_BYTES_MAX} bytes, this one has {bytes}")]
    TooLong {
        /// Bytes of the datagram.
        bytes: usize,
    },
    /// Not a protobuf.
    #[error(transparent)]
    Protobuf(#[from] ProtobufError),
    /// A field that every message has is not there.
    #[error("field {field} is missing")]
    Missing {
        /// Number of the field.
        field: u64,
    },
    /// A field has a value that it cannot have.
    #[error("field {field} has a wrong type, length or value")]
    Invalid {
        /// Number of the field.
        field: u64,
    },
}

#[cfg(test)]
mod tests;
