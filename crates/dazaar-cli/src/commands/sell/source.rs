//! Where the rows come from.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dazaar::folder::Folder;
use dazaar_table::Format;

use super::{Arguments, RowFormat};
use crate::failure::Failure;

/// How often a file is looked at that may grow.
const GROWTH_INTERVAL: Duration = Duration::from_millis(50);

/// Any readable bytes, buffered.
pub(super) type Input = BufReader<Box<dyn Read + Send>>;

/// Where the rows come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A file with an end.
    File { path: PathBuf, format: Format },
    /// A file that grows.
    Growing { path: PathBuf, format: Format },
    /// Standard input, whole.
    Spooled { spool: File, format: Format },
    /// Standard input, row by row as they come.
    Stream { format: Format },
    /// A feed that exists already.
    Folder { path: PathBuf },
}

impl Source {
    pub(super) fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let path = &arguments.source;
        let is_stdin = path == Path::new("-");
        if !is_stdin && path.is_dir() {
            return Self::folder(path);
        }
        let format = format(arguments)?;
        match (is_stdin, arguments.follow) {
            (true, true) => Ok(Self::Stream { format }),
            (true, false) => Ok(Self::Spooled { spool: spool(io::stdin())?, format }),
            (false, true) if is_compressed(path) => {
                Err(Failure::input("a compressed file cannot be followed"))
            }
            (false, true) => Ok(Self::Growing { path: path.clone(), format }),
            (false, false) => Ok(Self::File { path: path.clone(), format }),
        }
    }

    fn folder(path: &Path) -> Result<Self, Failure> {
        if !Folder::is_feed(path) {
            return Err(Failure::input(format!("{} is a folder, but not that of a feed", path.display()))
                .hint("a feed's folder has the files `key` and `bitfield`"));
        }
        Ok(Self::Folder { path: path.canonicalize()? })
    }

    /// The name that the source suggests: the file's without its extensions.
    pub(super) fn name(&self) -> String {
        let path = match self {
            Self::File { path, .. } | Self::Growing { path, .. } | Self::Folder { path } => path.as_path(),
            Self::Spooled { .. } | Self::Stream { .. } => Path::new("stdin"),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut name = name.as_str();
        for extension in [".gz", ".csv", ".jsonl", ".ndjson", ".txt", ".log"] {
            name = name.strip_suffix(extension).filter(|name| !name.is_empty()).unwrap_or(name);
        }
        name.to_owned()
    }

    /// The rows from the first one on; none if the source is a feed already.
    pub(super) fn rows(&self) -> Result<Option<(Input, Format)>, Failure> {
        let (input, format): (Box<dyn Read + Send>, _) = match self {
            Self::Folder { .. } => return Ok(None),
            Self::File { path, format } if is_compressed(path) => {
                (Box::new(flate2::read::MultiGzDecoder::new(open(path)?)), *format)
            }
            Self::File { path, format } => (Box::new(open(path)?), *format),
            Self::Growing { path, format } => {
                (Box::new(GrowingFile { file: open(path)?, position: 0 }), *format)
            }
            Self::Spooled { spool, format } => {
                let mut spool = spool.try_clone()?;
                spool.rewind()?;
                (Box::new(spool), *format)
            }
            Self::Stream { format } => (Box::new(io::stdin()), *format),
        };
        Ok(Some((BufReader::with_capacity(256 * 1024, input), format)))
    }

    /// Whether reading it again gives the same rows from the first one on. A stream goes on where the feed ends.
    pub(super) const fn repeats(&self) -> bool {
        !matches!(self, Self::Stream { .. })
    }

    /// Whether rows may come as long as we live, so that they cannot all be checked first.
    pub(super) const fn is_endless(&self) -> bool {
        matches!(self, Self::Growing { .. } | Self::Stream { .. })
    }
}

fn format(arguments: &Arguments) -> Result<Format, Failure> {
    let by_name = || {
        let name = arguments.source.to_string_lossy().to_lowercase();
        let name = name.trim_end_matches(".gz");
        let ends = |extensions: &[&str]| extensions.iter().any(|extension| name.ends_with(extension));
        if name == "-" {
            Some(Format::Lines)
        } else if ends(&[".csv"]) {
            Some(Format::Csv)
        } else if ends(&[".jsonl", ".ndjson"]) {
            Some(Format::JsonLines)
        } else {
            None
        }
    };
    match arguments.format {
        Some(RowFormat::Csv) => Ok(Format::Csv),
        Some(RowFormat::Jsonl) => Ok(Format::JsonLines),
        Some(RowFormat::Lines) => Ok(Format::Lines),
        None => by_name().ok_or_else(|| {
            Failure::input("the name does not say how the rows are written")
                .hint("add --format csv, jsonl or lines")
        }),
    }
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::input(format!("{}: {error}", path.display())))
}

/// Everything from `input` in a file without a name, so that it can be checked before it is imported.
fn spool(mut input: impl Read) -> io::Result<File> {
    let mut spool = tempfile::tempfile()?;
    io::copy(&mut input, &mut spool)?;
    Ok(spool)
}

/// A file whose end is not the end: reading waits until there is more.
#[derive(Debug)]
struct GrowingFile {
    file: File,
    position: u64,
}

impl Read for GrowingFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.file.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                self.position += read as u64;
                return Ok(read);
            }
            if self.file.metadata()?.len() < self.position {
                return Err(io::Error::other("the file has become shorter"));
            }
            std::thread::sleep(GROWTH_INTERVAL);
        }
    }
}
