//! Batches of an Arrow IPC stream, or of a file, which has the same inside. Grade: over a door (any `BufRead`).

use std::collections::HashMap;
use std::io::BufRead;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{read_dictionary, read_record_batch};

mod message;

use super::columnar::Batches;
use super::error::ImportError;
use super::guard::guarded;
use message::{Messages, Whole};

/// Reads a stream.
pub(super) struct Ipc {
    messages: Messages,
    schema: SchemaRef,
    dictionaries: HashMap<i64, ArrayRef>,
}

impl Ipc {
    pub(super) fn open(input: Box<dyn BufRead + Send>) -> Result<Self, ImportError> {
        let mut messages = Messages::open(input)?;
        let none = || damaged(0, "it has no schema".to_owned());
        let first = messages.next(0)?.ok_or_else(none)?;
        let schema = guarded(|| match first.head()?.header_as_schema() {
            Some(schema) => Ok(fb_to_schema(schema)),
            None => Err(ArrowError::IpcError("it has no schema".to_owned())),
        });
        let schema = schema.map_err(|reason| damaged(0, reason))?.into();
        Ok(Self { messages, schema, dictionaries: HashMap::new() })
    }

    /// The batch that a message has; `None` if it has something else.
    fn decode(&mut self, message: &Whole) -> Result<Option<RecordBatch>, ArrowError> {
        let head = message.head()?;
        if let Some(dictionary) = head.header_as_dictionary_batch() {
            let known = &mut self.dictionaries;
            read_dictionary(&message.body, dictionary, &self.schema, known, &head.version())?;
        }
        let batch = head.header_as_record_batch().map(|batch| {
            let schema = self.schema.clone();
            read_record_batch(&message.body, batch, schema, &self.dictionaries, None, &head.version())
        });
        batch.transpose()
    }
}

impl Batches for Ipc {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn next(&mut self, rows: u64) -> Result<Option<RecordBatch>, ImportError> {
        while let Some(message) = self.messages.next(rows)? {
            let decoded = guarded(|| self.decode(&message));
            if let Some(batch) = decoded.map_err(|reason| damaged(rows, reason))? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    fn bytes(&self) -> u64 {
        self.messages.bytes()
    }
}

fn damaged(rows: u64, reason: String) -> ImportError {
    ImportError::Damaged { rows, format: "Arrow IPC", reason }
}
