//! Where the rows come from.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dazaar::drive::Drive;
use dazaar::folder::Folder;
use dazaar::hyperdb::HyperDb;
use dazaar_table::Format;
use dazaar_table::import::{Expect, FileFormat, RowReader};

use super::{Arguments, RowFormat};
use crate::failure::{Failure, Kind};

/// How often a file is looked at that may grow.
const GROWTH_INTERVAL: Duration = Duration::from_millis(50);

/// Any readable bytes, buffered.
pub(super) type Input = BufReader<Box<dyn Read + Send>>;

/// Where the rows come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A file with an end.
    File { path: PathBuf, format: RowFormat },
    /// A file that grows.
    Growing { path: PathBuf, format: RowFormat },
    /// Standard input, whole.
    Spooled { spool: File, format: RowFormat },
    /// Standard input, row by row as they come.
    Stream { format: RowFormat },
    /// A feed that exists already.
    Folder { path: PathBuf },
    /// A drive that exists already.
    Drive { path: PathBuf },
    /// A map of several writers.
    Several { path: PathBuf },
    /// Files that become a drive.
    Files { path: PathBuf },
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
        let path = path.canonicalize()?;
        Ok(match () {
            () if Folder::is_feed(&path) => match HyperDb::folder_of_source(&path) {
                Some(map) => Self::Several { path: map.to_owned() },
                None => Self::Folder { path },
            },
            () if Drive::is_in(&path) => Self::Drive { path },
            () if HyperDb::is_in(&path) => Self::Several { path },
            () => Self::Files { path },
        })
    }

    /// The name that the source suggests: the file's without its extensions.
    pub(super) fn name(&self) -> String {
        let path = match self {
            Self::File { path, .. }
            | Self::Growing { path, .. }
            | Self::Folder { path }
            | Self::Drive { path }
            | Self::Several { path }
            | Self::Files { path } => path.as_path(),
            Self::Spooled { .. } | Self::Stream { .. } => Path::new("stdin"),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut name = name.as_str();
        for extension in
            [".gz", ".csv", ".jsonl", ".ndjson", ".txt", ".log", ".parquet", ".arrow", ".ipc", ".feather"]
        {
            name = name.strip_suffix(extension).filter(|name| !name.is_empty()).unwrap_or(name);
        }
        name.to_owned()
    }

    /// How the rows are written; `None` if the source is a feed already.
    pub(super) const fn format(&self) -> Option<RowFormat> {
        match self {
            Self::File { format, .. }
            | Self::Growing { format, .. }
            | Self::Spooled { format, .. }
            | Self::Stream { format } => Some(*format),
            Self::Folder { .. } | Self::Drive { .. } | Self::Several { .. } | Self::Files { .. } => None,
        }
    }

    /// The text from the first row on, each row as it stands; none if the source is a feed already.
    pub(super) fn rows(&self) -> Result<Option<(Input, Format)>, Failure> {
        let format = match self.format() {
            None => return Ok(None),
            Some(RowFormat::Csv) => Format::Csv,
            Some(RowFormat::Jsonl) => Format::JsonLines,
            Some(RowFormat::Lines) => Format::Lines,
            Some(RowFormat::Parquet | RowFormat::Arrow) => {
                return Err(Failure::new(Kind::Usage, "Parquet and Arrow files have no rows of text")
                    .hint("leave out --blocks raw"));
            }
        };
        Ok(self.input()?.map(|input| (input, format)))
    }

    /// The rows from the first one on, as typed columns.
    pub(super) fn reader(&self, expect: &Expect) -> Result<RowReader, Failure> {
        let format = match self.format() {
            Some(RowFormat::Csv) => FileFormat::Csv,
            Some(RowFormat::Jsonl) => FileFormat::JsonLines,
            Some(RowFormat::Parquet) => FileFormat::Parquet,
            Some(RowFormat::Arrow) => FileFormat::ArrowIpc,
            Some(RowFormat::Lines) | None => {
                return Err(Failure::new(Kind::Usage, "plain lines have no columns")
                    .hint("add --format csv or jsonl, or --blocks raw"));
            }
        };
        let reader = match self {
            Self::File { path, .. } if !is_compressed(path) => {
                RowReader::from_file(format, open(path)?, expect)
            }
            Self::Spooled { spool, .. } => {
                let mut spool = spool.try_clone()?;
                spool.rewind()?;
                RowReader::from_file(format, spool, expect)
            }
            _ => {
                let input = self.input()?.ok_or_else(|| Failure::input("a feed has no rows to read"))?;
                RowReader::from_stream(format, Box::new(input), expect)
            }
        };
        reader.map_err(Failure::input)
    }

    fn input(&self) -> Result<Option<Input>, Failure> {
        let input: Box<dyn Read + Send> = match self {
            Self::Folder { .. } | Self::Drive { .. } | Self::Several { .. } | Self::Files { .. } => {
                return Ok(None);
            }
            Self::File { path, .. } if is_compressed(path) => {
                Box::new(flate2::read::MultiGzDecoder::new(open(path)?))
            }
            Self::File { path, .. } => Box::new(open(path)?),
            Self::Growing { path, .. } => Box::new(GrowingFile { file: open(path)?, position: 0 }),
            Self::Spooled { spool, .. } => {
                let mut spool = spool.try_clone()?;
                spool.rewind()?;
                Box::new(spool)
            }
            Self::Stream { .. } => Box::new(io::stdin()),
        };
        Ok(Some(BufReader::with_capacity(256 * 1024, input)))
    }

    /// Bytes of the source, if that can be known.
    pub(super) fn bytes(&self) -> Option<u64> {
        match self {
            Self::File { path, .. } if !is_compressed(path) => path.metadata().ok().map(|data| data.len()),
            Self::Spooled { spool, .. } => spool.metadata().ok().map(|data| data.len()),
            _ => None,
        }
    }

    /// The same source, for another thread.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::File { path, format } => Self::File { path: path.clone(), format: *format },
            Self::Growing { path, format } => Self::Growing { path: path.clone(), format: *format },
            Self::Spooled { spool, format } => Self::Spooled { spool: spool.try_clone()?, format: *format },
            Self::Stream { format } => Self::Stream { format: *format },
            Self::Folder { path } => Self::Folder { path: path.clone() },
            Self::Drive { path } => Self::Drive { path: path.clone() },
            Self::Several { path } => Self::Several { path: path.clone() },
            Self::Files { path } => Self::Files { path: path.clone() },
        })
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

fn format(arguments: &Arguments) -> Result<RowFormat, Failure> {
    let by_name = || {
        let name = arguments.source.to_string_lossy().to_lowercase();
        let name = name.trim_end_matches(".gz");
        let formats = [
            (".csv", RowFormat::Csv),
            (".jsonl", RowFormat::Jsonl),
            (".ndjson", RowFormat::Jsonl),
            (".parquet", RowFormat::Parquet),
            (".arrow", RowFormat::Arrow),
            (".ipc", RowFormat::Arrow),
            (".feather", RowFormat::Arrow),
        ];
        if name == "-" {
            return Some(RowFormat::Lines);
        }
        formats.into_iter().find(|(extension, _)| name.ends_with(extension)).map(|(_, format)| format)
    };
    arguments.format.or_else(by_name).ok_or_else(|| {
        Failure::input("the name does not say how the rows are written")
            .hint("add --format csv, jsonl, parquet, arrow or lines")
    })
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
