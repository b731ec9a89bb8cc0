//! A look at rows that the seller marked free, before anything is paid.
//!
//! The rows come as a segment, which is what a table's blocks are too, in one message. They are the seller's word: only a purchase
//! proves that the feed has them.

use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dazaar::SharedLog;
use dazaar::cards::Card;
use dazaar_table::read::{Locator, Plan, Query, Rows, RowsEvent};
use dazaar_table::{Schema, segment};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ask::Question;
use crate::describe::nothing;
use crate::free::Free;
use crate::quote::time;

/// The field of a card that says which rows are free.
pub const CARD_FIELD: &str = "preview";

/// Rows of an answer.
pub const PREVIEW_ROWS_MAX: u64 = 5_000;

/// Bytes of an answer as JSON: a message has room for 64 KiB.
const ANSWER_BYTES_MAX: usize = 60 * 1024;

/// Blocks that are read for an answer. The end of a table that is being written may have a thousand small ones.
const BLOCKS_MAX: usize = 2048;

/// Which of the free rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PreviewQuestion {
    /// RFC 3339, inclusive.
    pub from: Option<String>,
    /// RFC 3339, exclusive.
    pub to: Option<String>,
    /// No more rows than so many; [`PREVIEW_ROWS_MAX`] at most.
    pub limit: Option<u64>,
}

/// Free rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PreviewAnswer {
    /// What they look like.
    pub schema: Schema,
    /// Which rows are free, in the seller's words.
    pub free: Vec<String>,
    /// The rows as a segment, in base64; none if there are none.
    pub rows: Option<String>,
}

impl Question for PreviewQuestion {
    const NAME: &'static str = "dazaar-preview";
    type Answer = PreviewAnswer;
}

impl PreviewAnswer {
    /// The rows.
    ///
    /// # Errors
    /// They are no rows of the schema.
    pub fn batch(&self) -> Result<RecordBatch, String> {
        let Some(rows) = &self.rows else { return Ok(RecordBatch::new_empty(self.schema.to_arrow())) };
        let block = STANDARD.decode(rows).map_err(|error| error.to_string())?;
        let columns: Vec<usize> = (0..self.schema.columns().len()).collect();
        segment::decode(&self.schema, &block, &columns)
            .map(|(_, rows)| rows)
            .map_err(|error| error.to_string())
    }
}

/// The rules on a card.
pub(crate) fn rules(card: &str) -> Vec<Free> {
    let card = Card::parse(card.as_bytes()).ok();
    let field = card.as_ref().and_then(|card| card.fields.get(CARD_FIELD)).and_then(Value::as_array);
    field.into_iter().flatten().filter_map(|rule| rule.as_str()?.parse().ok()).collect()
}

pub(crate) fn answer(
    question: &PreviewQuestion,
    card: &str,
    log: &SharedLog,
    now_ms: i64,
) -> Result<PreviewAnswer, String> {
    let rules = rules(card);
    if rules.is_empty() {
        return Err("no rows of this table are free to look at".to_owned());
    }
    let from = time(question.from.as_deref())?;
    let to = time(question.to.as_deref())?;
    let limit = question.limit.unwrap_or(PREVIEW_ROWS_MAX).min(PREVIEW_ROWS_MAX);
    let mut reader = Reader { log, length: log.lock().length(), blocks_left: BLOCKS_MAX };
    // Nothing lies before the first row or after the last, so that no rule need look there.
    let mut found = reader.plan(nothing())?;
    for number in found.tail.clone() {
        if let Some(block) = reader.block(number)? {
            found.cover(number, &block).map_err(|error| error.to_string())?;
        }
    }
    let (schema, (first, last)) = (found.schema, found.coverage.times.unwrap_or((0, 0)));
    let asked = from.unwrap_or(i64::MIN).max(first)..to.unwrap_or(i64::MAX).min(last.saturating_add(1));
    let mut rows = Vec::new();
    for rule in &rules {
        let to_row = match rule {
            Free::First(count) => Some(*count),
            _ => None,
        };
        let mut left = limit;
        for Range { start, end } in rule.ranges(&asked, now_ms.saturating_mul(1_000_000)) {
            let query = Query { from: Some(start), to: Some(end), to_row, ..Query::default() };
            left -= reader.read(Query { limit: Some(left), ..query }, &mut rows)?;
            if left == 0 {
                break;
            }
        }
        // The first rule that has such rows answers: rules may overlap.
        if left < limit {
            break;
        }
    }
    let rows = concat_batches(&schema.to_arrow(), &rows).map_err(|error| error.to_string())?;
    let free: Vec<String> = rules.iter().map(ToString::to_string).collect();
    let answer = PreviewAnswer { schema, free, rows: None };
    let room = ANSWER_BYTES_MAX.saturating_sub(serde_json::to_vec(&answer).map_or(0, |text| text.len()));
    let rows = packed(&answer.schema, rows, room / 4 * 3)?.map(|block| STANDARD.encode(block));
    Ok(PreviewAnswer { rows, ..answer })
}

/// Reads a log, but no more blocks than an answer may cost.
struct Reader<'a> {
    log: &'a SharedLog,
    length: u64,
    blocks_left: usize,
}

impl Reader<'_> {
    /// A block. The log is locked for that alone: buyers are served meanwhile.
    fn block(&mut self, number: u64) -> Result<Option<Bytes>, String> {
        let block = self.log.lock().block(number).map_err(|error| error.to_string())?;
        if block.is_some() {
            self.blocks_left = self.blocks_left.checked_sub(1).ok_or("the answer would take too long")?;
        }
        Ok(block)
    }

    fn plan(&mut self, query: Query) -> Result<Plan, String> {
        let mut locator = Locator::new(self.length, query);
        loop {
            let wanted = locator.wanted();
            if wanted.is_empty() {
                return Ok(locator.into_plan().expect("nothing more is wanted"));
            }
            for number in wanted {
                let block = self.block(number)?;
                locator.handle_block(number, block.as_deref()).map_err(|error| error.to_string())?;
            }
        }
    }

    /// Adds the rows of a question, and returns how many there were.
    fn read(&mut self, query: Query, found: &mut Vec<RecordBatch>) -> Result<u64, String> {
        let mut rows = Rows::new(self.plan(query)?);
        let mut count = 0;
        while let Some(number) = rows.wanted() {
            let block = self.block(number)?;
            if let RowsEvent::Rows(batch) =
                rows.handle_block(block.as_deref()).map_err(|error| error.to_string())?
            {
                count += batch.num_rows() as u64;
                found.push(batch);
            }
        }
        Ok(count)
    }
}

/// As many of the rows as fit into so many bytes; none if there are none.
fn packed(schema: &Schema, mut rows: RecordBatch, room: usize) -> Result<Option<Vec<u8>>, String> {
    if rows.num_rows() == 0 {
        return Ok(None);
    }
    while rows.num_rows() > 0 {
        let block = segment::pack(schema, &rows);
        if block.len() <= room {
            return Ok(Some(block));
        }
        rows = rows.slice(0, rows.num_rows() / 2);
    }
    Err("not even one of the free rows fits into a message".to_owned())
}
