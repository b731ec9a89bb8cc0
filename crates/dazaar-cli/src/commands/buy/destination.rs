//! Where what is bought goes, as it was typed: whether that is a file or a folder is known once there is a block.

use std::fs;
use std::path::{Path, PathBuf};

use super::Arguments;
use super::copied::Memory;
use crate::failure::Failure;

/// Where to, and until when.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    /// The market's folder, which nothing is written into.
    pub(super) home: PathBuf,
    /// What was written into folders.
    pub(super) memory: Memory,
    /// A folder, if it is a drive.
    pub(super) folder: Option<PathBuf>,
    pub(super) is_live: bool,
    /// By what the purchase is found.
    pub(super) name: String,
}

impl Destination {
    /// # Errors
    /// What would hinder a file of that name.
    pub(super) fn new(
        arguments: &Arguments,
        (home, memory): (&Path, Memory),
        name: String,
    ) -> Result<Self, Failure> {
        if let Some(to) = arguments.to.as_deref().filter(|to| *to != Path::new("-") && !to.is_dir()) {
            check(to).map_err(|error| Failure::input(format!("{}: {error}", to.display())))?;
        }
        let (home, folder) = (home.to_owned(), arguments.to.clone());
        Ok(Self { home, memory, folder, is_live: arguments.live, name })
    }
}

/// Whether there can be a file, or is one that can be written. None is made.
fn check(path: &Path) -> std::io::Result<()> {
    match fs::metadata(path) {
        Ok(_) => fs::File::options().write(true).open(path).map(drop),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            fs::metadata(parent.unwrap_or_else(|| Path::new("."))).map(drop)
        }
        Err(error) => Err(error),
    }
}
