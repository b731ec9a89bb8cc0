//! `dazaar map put`, `import` and `rm`: changes of a map of mine.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use dazaar::SharedLog;
use dazaar::drive::Drive;
use dazaar::folder::Folder;
use dazaar::hyperdb::HyperDb;
use dazaar::log::{Durability, FeedKeyPair, Log};
use dazaar_data::{MapChange, MapPublisher, publish_to_db};
use serde::Deserialize;

use super::folder;
use super::value::Value;
use super::writers::version;
use crate::commands::Context;
use crate::event::Event;
use crate::failure::{Failure, Kind};

/// Entries that are read before they are published.
const ENTRIES_AT_ONCE: usize = 10_000;

/// Bytes of entries that are read before they are published.
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;

/// Bytes of a value: more do not fit into a block.
const VALUE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Bytes of a line: each of a value may take six.
const LINE_BYTES_MAX: u64 = 8 * VALUE_BYTES_MAX;

/// Set the value of a key; the map is made if it is not there
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar map put ./prices btc/usd 100000
  dazaar map put ./logos dazaar.svg < dazaar.svg")]
pub(crate) struct PutArguments {
    /// Folder of the map, or the name by which I sell it
    map: PathBuf,

    /// The key; components have slashes between them
    key: String,

    /// The value [default: what standard input holds]
    value: Option<String>,
}

/// Take many entries from JSON lines, as `dazaar map ls --json` prints them; the map is made if it is not there
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  echo '{\"key\":\"btc/usd\",\"value\":\"100000\"}' | dazaar map import ./prices
  echo '{\"key\":\"btc/usd\",\"deleted\":true}' | dazaar map import ./prices
  dazaar map import ./prices entries.jsonl    also: {\"key\":\"logo\",\"base64\":\"iVBORw0K...\"}")]
pub(crate) struct ImportArguments {
    /// Folder of the map, or the name by which I sell it
    map: PathBuf,

    /// The file [default: standard input]
    file: Option<PathBuf>,
}

/// Delete keys; older versions keep them
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar map rm ./prices btc/usd btc/eur")]
pub(crate) struct RemoveArguments {
    /// Folder of the map, or the name by which I sell it
    map: PathBuf,

    /// The keys
    #[arg(required = true)]
    keys: Vec<String>,
}

/// One line of an import.
#[derive(Debug, Deserialize)]
struct Line {
    key: String,
    #[serde(flatten)]
    value: Option<Value>,
    #[serde(default)]
    deleted: bool,
}

pub(super) async fn put(context: &Context, arguments: &PutArguments) -> Result<(), Failure> {
    let value = match &arguments.value {
        Some(value) => value.clone().into_bytes(),
        None => from_stdin()?,
    };
    let change = MapChange { key: arguments.key.clone(), value: Some(value) };
    let mut map = Writing::open(context, &arguments.map, true)?;
    map.publish(&[change]).await?;
    map.finish(context).await
}

pub(super) async fn remove(context: &Context, arguments: &RemoveArguments) -> Result<(), Failure> {
    let changes: Vec<_> =
        arguments.keys.iter().map(|key| MapChange { key: key.clone(), value: None }).collect();
    let mut map = Writing::open(context, &arguments.map, false)?;
    map.publish(&changes).await?;
    map.finish(context).await
}

pub(super) async fn import(context: &Context, arguments: &ImportArguments) -> Result<(), Failure> {
    let lines: Box<dyn BufRead> = match &arguments.file {
        Some(path) => {
            let file =
                File::open(path).map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
            Box::new(BufReader::new(file))
        }
        None => Box::new(io::stdin().lock()),
    };
    let mut map = Writing::open(context, &arguments.map, true)?;
    let imported = map.import(lines).await;
    // What was read before a wrong line stays.
    map.finish(context).await?;
    imported
}

fn from_stdin() -> Result<Vec<u8>, Failure> {
    let mut value = Vec::new();
    io::stdin().take(VALUE_BYTES_MAX + 1).read_to_end(&mut value)?;
    if value.len() as u64 > VALUE_BYTES_MAX {
        return Err(Failure::input("a value has at most 8 MiB").hint("large files: dazaar drive import"));
    }
    Ok(value)
}

/// A map that is being changed.
enum Writing {
    One { log: Arc<SharedLog>, publisher: Box<MapPublisher> },
    Several { map: Box<HyperDb>, changed: u64 },
}

impl Writing {
    fn open(context: &Context, map: &Path, may_make: bool) -> Result<Self, Failure> {
        let folder = folder(context, map)?;
        if HyperDb::is_in(&folder) {
            return Ok(Self::Several { map: Box::new(HyperDb::open(&folder, None)?), changed: 0 });
        }
        // A feed of a drive may be empty, and is no place for anything else.
        if std::path::absolute(&folder)?.ancestors().any(Drive::is_in) {
            return Err(Failure::input("this is no map").hint("it belongs to a drive: dazaar drive"));
        }
        let is_there = Folder::is_feed(&folder);
        if !is_there {
            let is_free = std::fs::read_dir(&folder).map_or(true, |mut entries| entries.next().is_none());
            if !may_make || !is_free {
                return Err(Failure::input(format!("{} is no map", folder.display())));
            }
        }
        let storage = Folder::open(&folder).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Failure::new(Kind::Busy, "another process is writing this map"),
            _ => Failure::input(format!("{}: {error}", folder.display())),
        })?;
        let log = match is_there {
            true => Log::open(storage),
            false => Log::create(storage, FeedKeyPair::from_seed(&dazaar::random_seed())),
        };
        let log = SharedLog::new(log.map_err(|error| Failure::of_log(&folder, &error))?);
        let publisher = Box::new(MapPublisher::begin(&log, Durability::Os)?);
        Ok(Self::One { log, publisher })
    }

    async fn publish(&mut self, changes: &[MapChange]) -> Result<(), Failure> {
        match self {
            Self::One { publisher, .. } => publisher.publish(changes, None)?,
            Self::Several { map, changed } => *changed += publish_to_db(map, changes).await?,
        }
        Ok(())
    }

    async fn import(&mut self, mut lines: impl BufRead) -> Result<(), Failure> {
        let mut changes = Vec::new();
        let mut bytes = 0;
        let mut text = String::new();
        for number in 1.. {
            text.clear();
            let read = (&mut lines).take(LINE_BYTES_MAX).read_line(&mut text);
            let read = read.map_err(|error| error.to_string());
            let change = match read {
                Ok(0) => break,
                Ok(_) if text.trim().is_empty() => continue,
                Ok(read) if read as u64 == LINE_BYTES_MAX => Err("the line is too long".to_owned()),
                read => read.and_then(|_| change(&text)),
            };
            match change {
                Ok(change) => {
                    bytes += text.len();
                    changes.push(change);
                }
                Err(problem) => {
                    self.publish(&changes).await?;
                    return Err(Failure::input(format!("line {number}: {problem}")));
                }
            }
            if changes.len() >= ENTRIES_AT_ONCE || bytes >= BYTES_AT_ONCE {
                self.publish(&changes).await?;
                (changes, bytes) = (Vec::new(), 0);
            }
        }
        self.publish(&changes).await
    }

    async fn finish(&self, context: &Context) -> Result<(), Failure> {
        let (key, version, changed) = match self {
            Self::One { log, publisher } => {
                log.flush().await?;
                (log.key(), log.lock().length().into(), publisher.changed())
            }
            Self::Several { map, changed } => {
                map.flush().await?;
                (map.key(), version(map)?.into(), *changed)
            }
        };
        Ok(context.output.event(&Event::MapDone { key: key.to_string(), version, changed })?)
    }
}

fn change(line: &str) -> Result<MapChange, String> {
    let Line { key, value, deleted } = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let value = match (value, deleted) {
        (None, true) => None,
        (Some(value), false) => Some(value.into_bytes().ok_or("this is no base64")?),
        _ => return Err("an entry has a value, or is deleted".to_owned()),
    };
    Ok(MapChange { key, value })
}
