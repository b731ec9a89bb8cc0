//! The header: block 0 of a table feed, a JSON line that says what the rows look like.
//!
//! ```text
//! {"dazaar-table":1,"schema":{...}}
//! ```
//!
//! Grade: plain.

use serde::{Deserialize, Serialize};

use crate::limits::HEADER_BYTES_MAX;
use crate::schema::Schema;

/// The version that this program writes and reads.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "dazaar-table")]
    version: u32,
    schema: serde_json::Value,
}

/// Why a block is not the header of a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Something else.
    #[error("the feed is no table: it does not begin with a header")]
    NotATable,
    /// A table of a later version.
    #[error("the table is of version {version}, and this program reads version 1")]
    Version {
        /// Its version.
        version: u32,
    },
    /// A schema that is none.
    #[error("the header of the table has no schema that can be used: {0}")]
    Schema(String),
}

/// The header of a table.
pub fn encode(schema: &Schema) -> Vec<u8> {
    let schema = serde_json::to_value(schema).expect("a schema is JSON");
    let mut line = serde_json::to_vec(&Header { version: VERSION, schema }).expect("a header is JSON");
    line.push(b'\n');
    line
}

/// Reads a header.
///
/// # Errors
/// Why it is none.
pub fn decode(block: &[u8]) -> Result<Schema, HeaderError> {
    let text = block.get(..HEADER_BYTES_MAX.min(block.len())).unwrap_or_default();
    let header: Header = serde_json::from_slice(text).map_err(|_| HeaderError::NotATable)?;
    if header.version != VERSION {
        return Err(HeaderError::Version { version: header.version });
    }
    serde_json::from_value(header.schema).map_err(|error| HeaderError::Schema(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Column, Kind};

    #[test]
    fn a_header_reads_as_it_was_written() {
        let none: [&str; 0] = [];
        let schema = Schema::new(vec![Column::new("t", Kind::Timestamp)], "t", &none, None).unwrap();
        let block = encode(&schema);
        assert_eq!(
            String::from_utf8_lossy(&block),
            "{\"dazaar-table\":1,\"schema\":{\"fields\":[{\"name\":\"t\",\"type\":\"timestamp\"}],\"time\":\"t\"}}\n"
        );
        assert_eq!(decode(&block).unwrap(), schema);
    }

    #[test]
    fn other_blocks_are_no_headers() {
        for (block, reason) in [
            ("time,price\n", "the feed is no table: it does not begin with a header"),
            (
                r#"{"dazaar-table":2,"schema":{}}"#,
                "the table is of version 2, and this program reads version 1",
            ),
            (
                r#"{"dazaar-table":1,"schema":{"time":"t","fields":[]}}"#,
                "the header of the table has no schema that can be used: there is no column `t`",
            ),
        ] {
            assert_eq!(decode(block.as_bytes()).unwrap_err().to_string(), reason);
        }
    }
}
