//! Workloads on a feed alone: appending, opening, reading.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dazaar::SharedLog;
use dazaar::folder::Folder;
use dazaar::log::{FeedKeyPair, Log, LogError};
use tokio::task::JoinSet;

use super::job::{Job, Sample};
use crate::failure::{Failure, Kind};

/// Blocks that are read with one call.
const READ_BLOCKS: u64 = 1000;

/// Tasks that append at once.
pub(super) const APPENDERS: u64 = 64;

/// Odd, and without a pattern to its digits: its multiples visit a feed all over.
const STRIDE: u64 = 2_654_435_761;

/// Appends to a new feed.
pub(super) fn append(job: &Job) -> Result<Sample, Failure> {
    let log = create(&job.dir.join("feed"))?;
    let began = Instant::now();
    fill(&log, job.blocks, job.batch, job.block_bytes)?;
    let sample = Sample::since(began);
    // As after any end that was not a crash: whoever opens it has nothing to check.
    log.lock().flush()?;
    Ok(sample)
}

/// A new feed.
pub(super) fn create(folder: &Path) -> Result<Arc<SharedLog>, Failure> {
    let pair = FeedKeyPair::from_seed(&[7; 32]);
    Ok(SharedLog::new(Log::create(Folder::open(folder)?, pair)?))
}

/// Appends to a new feed from several tasks, each of which waits for its block to be safe before the next.
pub(super) async fn append_committed(job: &Job, tasks: u64) -> Result<Sample, Failure> {
    let log = create(&job.dir.join("feed"))?;
    let taken = Arc::new(AtomicU64::new(0));
    let (blocks, block) = (job.blocks, vec![0x41; job.block_bytes]);
    let began = Instant::now();
    let mut appenders = JoinSet::new();
    for _ in 0..tasks {
        let (log, taken, block) = (Arc::clone(&log), Arc::clone(&taken), block.clone());
        appenders.spawn(async move {
            while taken.fetch_add(1, Ordering::Relaxed) < blocks {
                log.append_committed(vec![block.clone()]).await?;
            }
            Ok::<_, Arc<LogError>>(())
        });
    }
    while let Some(ended) = appenders.join_next().await {
        ended.map_err(Failure::input)?.map_err(|error| Failure::new(Kind::General, error))?;
    }
    let sample = Sample::since(began);
    expect(log.lock().length(), blocks)?;
    Ok(sample)
}

/// Appends `blocks` blocks, `batch` at a time.
pub(super) fn fill(log: &SharedLog, blocks: u64, batch: u64, block_bytes: usize) -> Result<(), Failure> {
    let block = vec![0x41; block_bytes];
    let together = vec![block.as_slice(); usize::try_from(batch).map_err(Failure::input)?];
    for first in (0..blocks).step_by(together.len()) {
        let count = usize::try_from(batch.min(blocks - first)).map_err(Failure::input)?;
        log.append(together.get(..count).unwrap_or_default())?;
    }
    Ok(())
}

/// Opens a feed as a program does that wants to append to it.
pub(super) fn open(job: &Job) -> Result<Sample, Failure> {
    let began = Instant::now();
    let log = open_feed(job)?;
    let sample = Sample::since(began);
    expect(log.length(), job.blocks)?;
    Ok(Sample { rss_bytes: rss_bytes(), ..sample })
}

/// Reads blocks one by one, all over the feed.
pub(super) fn get_random(job: &Job) -> Result<Sample, Failure> {
    let log = open_feed(job)?;
    let read = || {
        scattered(job.blocks, log.length()).try_for_each(|index| {
            let block = log.block(index)?;
            expect(black_box(block).map_or(0, |block| block.len() as u64), job.block_bytes as u64)
        })
    };
    // The first time everything is cold, for every peer.
    read()?;
    let began = Instant::now();
    read()?;
    Ok(Sample::since(began))
}

/// Reads blocks in order.
pub(super) fn read_in_order(job: &Job) -> Result<Sample, Failure> {
    let log = open_feed(job)?;
    let began = Instant::now();
    let mut next = 0;
    while next < job.blocks {
        let blocks = black_box(log.blocks(next..job.blocks.min(next + READ_BLOCKS))?);
        if blocks.is_empty() {
            break;
        }
        next += blocks.len() as u64;
    }
    expect(next, job.blocks)?;
    Ok(Sample::since(began))
}

/// `count` blocks of a feed of `length`, all over it.
pub(super) fn scattered(count: u64, length: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |nth| nth.wrapping_mul(STRIDE) % length)
}

pub(super) fn open_feed(job: &Job) -> Result<Log<Folder>, Failure> {
    Ok(Log::open(Folder::open(job.feed()?)?)?)
}

/// A measurement of something else than what was meant is none.
fn expect(found: u64, expected: u64) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(Failure::new(Kind::General, format!("{expected} were expected, {found} found: this is a bug")))
}

/// Memory of this process, where the system tells.
pub(super) fn rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
