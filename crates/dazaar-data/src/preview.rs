//! A look at rows that the seller marked free, before anything is paid.
//!
//! The rows come as a segment, which is what a table's blocks are too, in one message. They are the seller's word: only a purchase
//! proves that the feed has them.

use arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::TimestampNanosecondType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dazaar::SharedLog;
use dazaar::cards::Card;
use dazaar_table::read::{Plan, Query, Rows, RowsEvent, locate};
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

/// Bytes of the rows of an answer, so that it fits into a message.
const BYTES_MAX: usize = 40 * 1024;

/// Segments that are read for an answer.
const SEGMENTS_MAX: usize = 16;

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
    let length = log.lock().length();
    let plan = |query| {
        // Locked for each block alone: buyers are served meanwhile.
        locate(length, query, |block| log.lock().block(block)).map_err(|error| error.to_string())
    };
    // Nothing lies before the first row or after the last, so that no rule need look there.
    let mut found = plan(nothing())?;
    for number in found.tail.clone() {
        let block = log.lock().block(number).map_err(|error| error.to_string())?;
        block.map_or(Ok(()), |block| found.cover(number, &block)).map_err(|error| error.to_string())?;
    }
    let (schema, (first, last)) = (found.schema, found.coverage.times.unwrap_or((0, 0)));
    let asked = from.unwrap_or(i64::MIN).max(first)..to.unwrap_or(i64::MAX).min(last.saturating_add(1));
    let mut rows = RecordBatch::new_empty(schema.to_arrow());
    for rule in &rules {
        rows = match rule {
            Free::First(count) => {
                let found =
                    read(plan(Query { limit: Some(*count), ..Query::default() })?, log, PREVIEW_ROWS_MAX)?;
                between(&schema, &found, &asked, limit)
            }
            rule => {
                let mut rows = rows;
                for range in rule.ranges(&asked, now_ms.saturating_mul(1_000_000)) {
                    let left = limit - rows.num_rows() as u64;
                    let query = Query { from: Some(range.start), to: Some(range.end), ..Query::default() };
                    let more = read(plan(Query { limit: Some(left), ..query })?, log, left)?;
                    rows = concat_batches(&schema.to_arrow(), [&rows, &more])
                        .map_err(|error| error.to_string())?;
                    if rows.num_rows() as u64 >= limit {
                        break;
                    }
                }
                rows
            }
        };
        // The first rule that has such rows answers: rules may overlap.
        if rows.num_rows() > 0 {
            break;
        }
    }
    let free = rules.iter().map(ToString::to_string).collect();
    let rows = packed(&schema, rows).map(|block| STANDARD.encode(block));
    Ok(PreviewAnswer { schema, free, rows })
}

/// The rows of a plan, no more than so many, out of a few segments.
fn read(plan: Plan, log: &SharedLog, limit: u64) -> Result<RecordBatch, String> {
    let schema = plan.schema.to_arrow();
    let mut rows = Rows::new(plan);
    let mut found = Vec::new();
    let mut count = 0;
    for _ in 0..SEGMENTS_MAX {
        match rows.read_next(|block| log.lock().block(block)).map_err(|error| error.to_string())? {
            Some(RowsEvent::Rows(batch)) => {
                count += batch.num_rows() as u64;
                found.push(batch);
            }
            Some(_) => {}
            None => break,
        }
        if count >= limit {
            break;
        }
    }
    let all = concat_batches(&schema, &found).map_err(|error| error.to_string())?;
    Ok(all.slice(0, all.num_rows().min(usize::try_from(limit).unwrap_or(usize::MAX))))
}

/// Those of the rows between two times.
fn between(schema: &Schema, rows: &RecordBatch, asked: &std::ops::Range<i64>, limit: u64) -> RecordBatch {
    let times = rows.column(schema.time()).as_primitive::<TimestampNanosecondType>();
    let wanted: BooleanArray = times.values().iter().map(|time| Some(asked.contains(time))).collect();
    let rows = filter_record_batch(rows, &wanted).expect("there is one for each row");
    rows.slice(0, rows.num_rows().min(usize::try_from(limit).unwrap_or(usize::MAX)))
}

/// As many of the rows as fit into a message.
fn packed(schema: &Schema, rows: RecordBatch) -> Option<Vec<u8>> {
    let mut rows = rows;
    while rows.num_rows() > 0 {
        let block = segment::pack(schema, &rows);
        if block.len() <= BYTES_MAX {
            return Some(block);
        }
        rows = rows.slice(0, rows.num_rows() / 2);
    }
    None
}
