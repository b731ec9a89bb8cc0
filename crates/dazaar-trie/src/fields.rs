//! Fields of messages whose type is known.
//!
//! Grade: plain.

use dazaar_log::codec::protobuf::Value;
use dazaar_log::codec::varint;

use crate::fault::Fault;
use crate::limits::MAX_KEY_BYTES;
use crate::path::Path;

/// The bytes of `field`.
pub(crate) fn bytes(field: u64, value: Value<'_>) -> Result<&[u8], Fault> {
    value.bytes().ok_or(Fault::FieldType { field })
}

/// The integer of `field`.
pub(crate) const fn integer(field: u64, value: Value<'_>) -> Result<u64, Fault> {
    match value {
        Value::Varint(integer) => Ok(integer),
        Value::Bytes(_) => Err(Fault::FieldType { field }),
    }
}

/// The key in field 1.
pub(crate) fn key(bytes: Option<&[u8]>) -> Result<Path, Fault> {
    let bytes = bytes.ok_or(Fault::NoField { field: 1 })?;
    if bytes.len() > MAX_KEY_BYTES {
        return Err(Fault::KeyTooLong { bytes: bytes.len() });
    }
    Ok(Path::new(std::str::from_utf8(bytes).map_err(|_| Fault::KeyNotUtf8)?))
}

/// Takes a varint from the front of an index.
pub(crate) fn take_varint(rest: &mut &[u8]) -> Result<u64, Fault> {
    match varint::decode(rest) {
        Ok(Some((value, length))) => {
            *rest = rest.get(length..).unwrap_or_default();
            Ok(value)
        }
        _ => Err(Fault::Index),
    }
}
