//! A schema from what columns are called and what is in them. Grade: plain.

use super::Expect;
use super::error::ImportError;
use crate::schema::{Column, Kind, Schema};

/// A column of a file.
#[derive(Debug)]
pub(super) struct Found {
    /// The column if it is not the time.
    pub(super) column: Column,
    /// Whether it is numbers that can be times.
    pub(super) epoch: bool,
    /// Why it can be no time.
    pub(super) no_time: Option<String>,
}

/// The schema that the user said.
pub(super) fn said(schema: &Schema, expect: &Expect) -> Result<Schema, ImportError> {
    let name = |nth: usize| schema.columns()[nth].name.clone();
    let time = expect.time.clone().unwrap_or_else(|| name(schema.time()));
    let keys = match expect.keys.is_empty() {
        true => schema.keys().iter().map(|&key| name(key)).collect(),
        false => expect.keys.clone(),
    };
    let lateness = expect.lateness.or_else(|| schema.lateness());
    Ok(Schema::new(schema.columns().to_vec(), &time, &keys, lateness)?)
}

/// The schema of a file with these columns.
pub(super) fn learnt(mut found: Vec<Found>, expect: &Expect) -> Result<Schema, ImportError> {
    let time = time(&found, expect)?;
    if let Some(reason) = found[time].no_time.take() {
        return Err(ImportError::NotATime { column: found[time].column.name.clone(), reason });
    }
    let mut columns: Vec<Column> = found.into_iter().map(|found| found.column).collect();
    columns[time].kind = Kind::Timestamp;
    for column in columns.iter_mut().filter(|column| expect.keys.contains(&column.name)) {
        // A key is a name, even one of digits.
        if matches!(column.kind, Kind::Int | Kind::Bool) {
            column.kind = Kind::Text;
        }
    }
    let time = columns[time].name.clone();
    Ok(Schema::new(columns, &time, &expect.keys, expect.lateness)?)
}

/// Which column is the time: the one that the user named, else the first that is a time by its values, else the first that
/// is called like one and has numbers that can be times.
fn time(found: &[Found], expect: &Expect) -> Result<usize, ImportError> {
    let columns = || names(found.iter().map(|found| found.column.name.as_str()));
    if let Some(name) = &expect.time {
        return found
            .iter()
            .position(|found| found.column.name == *name)
            .ok_or_else(|| ImportError::NoColumn { column: name.clone(), columns: columns() });
    }
    let by_values = found.iter().position(|found| found.column.kind == Kind::Timestamp);
    let numbers = |found: &Found| found.epoch || (expect.epoch.is_some() && found.no_time.is_none());
    let by_name = || found.iter().position(|found| is_called_time(&found.column.name) && numbers(found));
    by_values.or_else(by_name).ok_or_else(|| ImportError::NoTime { columns: columns() })
}

/// Names as a message lists them.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let mut shown: Vec<String> = names.map(|name| format!("`{}`", crate::excerpt::excerpt(name))).collect();
    if shown.len() > SHOWN {
        shown.truncate(SHOWN);
        shown.push("\u{2026}".to_owned());
    }
    shown.join(", ")
}

fn is_called_time(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = ["time", "timestamp", "ts", "date", "datetime"];
    words.contains(&name.as_str())
        || name.ends_with("_time")
        || name.ends_with("_ts")
        || name.ends_with("timestamp")
}

/// For each of the file's columns, which column of the schema it is.
///
/// # Errors
/// A column of the schema that the file does not have.
pub(super) fn matched(schema: &Schema, file: &[String]) -> Result<Vec<Option<usize>>, ImportError> {
    if let Some(missing) = schema.columns().iter().find(|column| !file.contains(&column.name)) {
        let columns = names(file.iter().map(String::as_str));
        return Err(ImportError::NoColumn { column: missing.name.clone(), columns });
    }
    Ok(file.iter().map(|name| schema.find(name)).collect())
}
