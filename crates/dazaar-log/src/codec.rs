//! Byte formats that several rooms share. Grade: plain. Source: classic protocol, conventions and section 4.

pub mod protobuf;
pub mod varint;
