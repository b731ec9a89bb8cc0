//! The first rows of text, from which its columns are learnt. Grade: over a door (any `BufRead`).

use super::Expect;
use super::csv::{self, Field, Scan, Scanner};
use super::error::{ImportError, Place};
use super::guess::Guess;
use super::json::{self, Value};
use super::learn::Found;
use super::limits::{LINE_BYTES_MAX, SAMPLE_ROWS, TAKE_BYTES};
use super::source::Source;
use crate::limits::COLUMNS_MAX;
use crate::schema::{Column, SchemaError};

/// The columns of the first rows.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) names: Vec<String>,
    guesses: Vec<Guess>,
    /// Bytes of the header.
    pub(super) header: usize,
    /// Lines of the header, and of empty lines before it.
    pub(super) lines: u64,
    /// Rows that were looked at.
    rows: usize,
}

impl Sample {
    /// Waits for the header, and a row to learn from.
    pub(super) fn of_csv(source: &mut Source, expect: &Expect) -> Result<Self, ImportError> {
        let wanted = if expect.schema.is_some() { 1 } else { 2 };
        let mut counted = Counted::default();
        while !source.ended() && !enough(counted.rows(source), wanted, source, expect) {
            fill(source)?;
        }
        look_at_csv(source)
    }

    /// Waits for a row to learn from.
    pub(super) fn of_json_lines(source: &mut Source, expect: &Expect) -> Result<Self, ImportError> {
        let mut counted = CountedLines::default();
        while !source.ended() && !enough(counted.rows(source), 1, source, expect) {
            fill(source)?;
        }
        look_at_json(source)
    }

    /// The columns, as far as they can be told.
    pub(super) fn found(&self, expect: &Expect) -> Result<Vec<Found>, ImportError> {
        if self.rows == 0 {
            return Err(ImportError::Empty);
        }
        let found = |(name, guess): (&String, &Guess)| Found {
            column: Column::new(name, guess.kind()),
            epoch: guess.is_epoch() || (expect.epoch.is_some() && guess.is_number()),
            no_time: guess.check_time(expect.epoch).err(),
        };
        Ok(self.names.iter().zip(&self.guesses).map(found).collect())
    }
}

/// Whether there is enough to learn from.
fn enough(rows: usize, wanted: usize, source: &Source, expect: &Expect) -> bool {
    let patient = expect.patient && expect.schema.is_none();
    rows >= wanted && (!patient || rows > SAMPLE_ROWS || source.bytes().len() >= TAKE_BYTES)
}

/// Takes more of a beginning that is not long enough to learn from.
fn fill(source: &mut Source) -> Result<(), ImportError> {
    if source.bytes().len() > 2 * LINE_BYTES_MAX {
        return Err(ImportError::TooLong { place: Place { row: 1, line: None } });
    }
    Ok(source.fill()?)
}

/// Rows of CSV that are complete.
#[derive(Debug, Default)]
struct Counted {
    scanner: Scanner,
    bytes: usize,
    rows: usize,
}

impl Counted {
    fn rows(&mut self, source: &Source) -> usize {
        loop {
            match self.scanner.scan(&source.bytes()[self.bytes..], source.ended()) {
                Ok(Scan::More | Scan::End) => return self.rows,
                Ok(Scan::Blank(row)) => self.bytes += row.bytes,
                Ok(Scan::Row(row)) => {
                    self.bytes += row.bytes;
                    self.rows += 1;
                }
                // The reading will find it too.
                Err(_) => return usize::MAX,
            }
        }
    }
}

/// Lines that are complete and not empty.
#[derive(Debug, Default)]
struct CountedLines {
    /// Where the line begins that is not complete.
    begin: usize,
    looked: usize,
    rows: usize,
}

impl CountedLines {
    fn rows(&mut self, source: &Source) -> usize {
        while let Some(end) = source.bytes()[self.looked..].iter().position(|&byte| byte == b'\n') {
            self.looked += end + 1;
            let line = &source.bytes()[self.begin..self.looked];
            self.rows += usize::from(!line.trim_ascii().is_empty());
            self.begin = self.looked;
        }
        self.looked = source.bytes().len();
        self.rows
    }
}

/// Faults in rows are left to the reading, which gives the rows before them first.
fn look_at_csv(source: &Source) -> Result<Sample, ImportError> {
    let mut sample = Sample::default();
    let looked = csv::rows(source.bytes(), source.ended(), |fields, end| {
        if sample.names.is_empty() {
            let name = |(nth, field)| match field {
                Field::Missing => format!("column{}", nth + 1),
                Field::Text(name) => name.trim().to_owned(),
            };
            sample.names = fields.iter().enumerate().map(name).collect();
            sample.guesses = vec![Guess::new(); sample.names.len()];
            sample.header = end;
            sample.lines = source.bytes()[..end].iter().filter(|&&byte| byte == b'\n').count() as u64;
        } else {
            sample.rows += 1;
            for (field, guess) in fields.iter().zip(&mut sample.guesses) {
                if let Field::Text(text) = field {
                    guess.add(&text, true);
                }
            }
        }
        Ok(sample.rows < SAMPLE_ROWS)
    });
    match looked {
        Err(fault) if sample.names.is_empty() => Err(fault),
        _ if sample.names.is_empty() => Err(ImportError::NoHeader),
        _ => Ok(sample),
    }
}

fn look_at_json(source: &Source) -> Result<Sample, ImportError> {
    let mut sample = Sample::default();
    let mut place = Place { row: 1, line: Some(1) };
    let mut rest = source.bytes();
    while sample.rows < SAMPLE_ROWS
        && let Some(line) = json::line(rest, 0, source.ended())
    {
        rest = &rest[line.len()..];
        if !line.trim_ascii().is_empty() {
            let looked = json::fields(line, place, |name, value| add_json(&mut sample, name, value, place));
            match looked {
                Err(fault) if sample.rows == 0 => return Err(fault),
                Err(_) => break,
                Ok(()) => sample.rows += 1,
            }
            place.row += 1;
        }
        place.line = place.line.map(|line| line + 1);
    }
    Ok(sample)
}

fn add_json(sample: &mut Sample, name: &str, value: Value<'_>, place: Place) -> Result<(), ImportError> {
    if sample.names.len() > COLUMNS_MAX {
        // Too many already, and no need to know how many there are.
        return Err(SchemaError::TooManyColumns { columns: sample.names.len(), max: COLUMNS_MAX }.into());
    }
    let nth = sample.names.iter().position(|before| before == name).unwrap_or_else(|| {
        sample.names.push(name.to_owned());
        sample.guesses.push(Guess::new());
        sample.names.len() - 1
    });
    match value {
        Value::Null => {}
        Value::Bare(text) => sample.guesses[nth].add(text, true),
        Value::Text(text) => sample.guesses[nth].add(&text, false),
        Value::Nested => return Err(ImportError::Nested { place, column: name.to_owned() }),
    }
    Ok(())
}
