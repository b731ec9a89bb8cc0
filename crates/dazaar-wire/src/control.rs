//! Messages by which two sessions open and close feeds, and announce and use extensions.
//!
//! Grade: plain. Source: classic protocol, sections 4.5 to 4.7.

use bytes::{Buf as _, Bytes};
use dazaar_log::DiscoveryKey;
use dazaar_log::codec::protobuf::{encode_bytes, encode_varint};
use dazaar_log::codec::varint;

use crate::capability::Capability;
use crate::fault::PeerFault;
use crate::fields::Fields;
use crate::frame::Body;
use crate::limits::{EXTENSION_NAME_BYTES_MAX, EXTENSIONS_MAX};

/// Opens a feed.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) discovery_key: DiscoveryKey,
    pub(crate) capability: Option<Capability>,
}

impl Open {
    pub(crate) fn encode(discovery_key: &DiscoveryKey, capability: &Capability) -> Body<'static> {
        let mut fields = Vec::new();
        encode_bytes(1, discovery_key.as_bytes(), &mut fields);
        encode_bytes(2, &capability.0, &mut fields);
        Body { fields, ..Body::default() }
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, PeerFault> {
        let mut fields = Fields::new("Open", body);
        let (mut discovery_key, mut capability) = (None, None);
        for field in &mut fields {
            let field = field?;
            match field.number {
                1 => discovery_key = Some(DiscoveryKey(field.array("discoveryKey")?)),
                2 => capability = Some(Capability(field.array("capability")?)),
                _ => {}
            }
        }
        Ok(Self { discovery_key: fields.required("discoveryKey", discovery_key)?, capability })
    }
}

/// Closes the channel that it comes on, or names a feed that the sender does not open.
#[derive(Debug)]
pub(crate) struct Close {
    pub(crate) discovery_key: Option<DiscoveryKey>,
}

impl Close {
    pub(crate) fn encode(discovery_key: Option<&DiscoveryKey>) -> Body<'static> {
        let mut fields = Vec::new();
        if let Some(key) = discovery_key {
            encode_bytes(1, key.as_bytes(), &mut fields);
        }
        Body { fields, ..Body::default() }
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, PeerFault> {
        let mut discovery_key = None;
        for field in Fields::new("Close", body) {
            let field = field?;
            if field.number == 1 {
                discovery_key = Some(DiscoveryKey(field.array("discoveryKey")?));
            }
        }
        Ok(Self { discovery_key })
    }
}

/// Announces the sender's extensions on the stream or on a channel.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) extensions: Vec<String>,
    pub(crate) ack: bool,
}

impl Options {
    pub(crate) fn encode(extensions: &[String], ack: bool) -> Body<'static> {
        let mut fields = Vec::new();
        for name in extensions {
            encode_bytes(1, name.as_bytes(), &mut fields);
        }
        if ack {
            encode_varint(2, 1, &mut fields);
        }
        Body { fields, ..Body::default() }
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, PeerFault> {
        let mut options = Self { extensions: Vec::new(), ack: false };
        for field in Fields::new("Options", body) {
            let field = field?;
            match field.number {
                1 if options.extensions.len() == EXTENSIONS_MAX => {
                    return Err(field.repeated("extensions", EXTENSIONS_MAX));
                }
                1 => match field.text("extensions")? {
                    name if name.len() > EXTENSION_NAME_BYTES_MAX => return Err(field.invalid("extensions")),
                    name => options.extensions.push(name.to_owned()),
                },
                2 => options.ack = field.flag("ack")?,
                _ => {}
            }
        }
        Ok(options)
    }
}

/// The payload of an extension.
#[derive(Debug)]
pub(crate) struct Extension {
    /// Which of the sender's extensions.
    pub(crate) id: u64,
    pub(crate) payload: Bytes,
}

impl Extension {
    pub(crate) fn encode(id: u64, payload: &[u8]) -> Body<'_> {
        let mut fields = Vec::new();
        varint::encode(id, &mut fields);
        Body { at: fields.len(), fields, payload }
    }

    pub(crate) fn decode(mut body: Bytes) -> Result<Self, PeerFault> {
        let decoded = varint::decode(&body).ok().flatten();
        let (id, length) = decoded.ok_or(PeerFault::FieldInvalid { message: "Extension", field: "id" })?;
        body.advance(length);
        Ok(Self { id, payload: body })
    }
}
