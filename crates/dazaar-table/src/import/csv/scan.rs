//! Where the fields of a row end. Grade: machine: rows may come in any pieces.

use super::super::error::{ImportError, Place};

/// Finds the fields of one row after the other.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    state: State,
    /// Bytes of the row that were looked at.
    looked: usize,
    /// Where the fields of the row end, without what ends them.
    ends: Vec<usize>,
    /// Line ends within quotes.
    inner_lines: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte of a field.
    #[default]
    Begin,
    Plain,
    Quoted,
    /// After a quote within quotes: the closing one, or the first of two.
    Quote,
}

/// A complete row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Its bytes, line end included.
    pub(crate) bytes: usize,
    /// Its lines.
    pub(crate) lines: u64,
}

/// What a look at the input found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scan {
    /// A row; [`Scanner::ends`] has its fields.
    Row(Scanned),
    /// An empty line.
    Blank(Scanned),
    /// The beginning of a row.
    More,
    /// Nothing is left.
    End,
}

/// What is no CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Unclosed,
    AfterQuote { field: usize },
}

impl Fault {
    pub(crate) const fn at(self, place: Place) -> ImportError {
        match self {
            Self::Unclosed => ImportError::UnclosedQuote { place },
            Self::AfterQuote { field } => ImportError::AfterQuote { place, field },
        }
    }
}

impl Scanner {
    /// Looks for the end of the row that `bytes` begin with: the same bytes as last time and more, until a row was found.
    /// `ended` says that none come after them.
    pub(crate) fn scan(&mut self, bytes: &[u8], ended: bool) -> Result<Scan, Fault> {
        if self.looked == 0 {
            self.ends.clear();
            self.inner_lines = 0;
        }
        while let Some(&byte) = bytes.get(self.looked) {
            match (self.state, byte) {
                (State::Begin, b'"') => self.enter(State::Quoted),
                (State::Begin | State::Plain, _) => {
                    let ends = |&byte: &u8| byte == b',' || byte == b'\n';
                    let Some(end) = bytes[self.looked..].iter().position(ends) else {
                        self.looked = bytes.len();
                        self.state = State::Plain;
                        break;
                    };
                    self.looked += end;
                    if bytes[self.looked] == b'\n' {
                        let carriage_return = bytes[..self.looked].ends_with(b"\r");
                        return Ok(self.end_row(self.looked - usize::from(carriage_return), self.looked + 1));
                    }
                    self.end_field();
                }
                (State::Quoted, b'"') => self.enter(State::Quote),
                (State::Quoted, _) => {
                    self.inner_lines += u64::from(byte == b'\n');
                    self.looked += 1;
                }
                (State::Quote, b'"') => self.enter(State::Quoted),
                (State::Quote, b',') => self.end_field(),
                (State::Quote, b'\n') => return Ok(self.end_row(self.looked, self.looked + 1)),
                (State::Quote, b'\r') => match bytes.get(self.looked + 1) {
                    Some(b'\n') => return Ok(self.end_row(self.looked, self.looked + 2)),
                    None if ended => return Ok(self.end_row(self.looked, self.looked + 1)),
                    None => return Ok(Scan::More),
                    Some(_) => return Err(self.after_quote()),
                },
                (State::Quote, _) => return Err(self.after_quote()),
            }
        }
        match (ended, self.state) {
            (false, _) => Ok(Scan::More),
            (true, _) if bytes.is_empty() => Ok(Scan::End),
            (true, State::Quoted) => Err(Fault::Unclosed),
            (true, State::Plain) if bytes.ends_with(b"\r") => Ok(self.end_row(bytes.len() - 1, bytes.len())),
            (true, _) => Ok(self.end_row(bytes.len(), bytes.len())),
        }
    }

    /// Where the fields of the last row end.
    pub(crate) fn ends(&self) -> &[usize] {
        &self.ends
    }

    const fn enter(&mut self, state: State) {
        self.state = state;
        self.looked += 1;
    }

    fn end_field(&mut self) {
        self.ends.push(self.looked);
        self.enter(State::Begin);
    }

    fn end_row(&mut self, end: usize, bytes: usize) -> Scan {
        self.ends.push(end);
        self.state = State::Begin;
        self.looked = 0;
        let scanned = Scanned { bytes, lines: 1 + self.inner_lines };
        if end == 0 { Scan::Blank(scanned) } else { Scan::Row(scanned) }
    }

    const fn after_quote(&self) -> Fault {
        Fault::AfterQuote { field: self.ends.len() + 1 }
    }
}
