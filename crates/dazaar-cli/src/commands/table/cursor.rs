//! How far the rows of a question went into a file, so that they go on there: none lost, none doubled.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// A place in a table, and in the file with the rows before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The row that comes next.
    pub(crate) next_row: u64,
    /// Bytes of the file. What follows was written and not noted, and is written again.
    pub(crate) bytes: u64,
}

/// The file with the place.
#[derive(Debug)]
pub(crate) struct Cursor {
    path: PathBuf,
    /// Where the last run ended.
    pub(crate) place: Option<Place>,
}

impl Cursor {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let unusable = |error: &dyn std::fmt::Display| Failure::input(format!("{}: {error}", path.display()));
        let place = match std::fs::read(path) {
            Ok(text) => Some(serde_json::from_slice(&text).map_err(|error| unusable(&error))?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(unusable(&error)),
        };
        Ok(Self { path: path.to_owned(), place })
    }

    /// Notes a place, once the rows before it are on the disk.
    pub(crate) fn store(&mut self, place: Place) -> Result<(), Failure> {
        if self.place == Some(place) {
            return Ok(());
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))?;
        file.write_all(&serde_json::to_vec(&place).map_err(Failure::input)?)?;
        file.as_file().sync_data()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        self.place = Some(place);
        Ok(())
    }
}
