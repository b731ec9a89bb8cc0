//! `dazaar bench`: how fast feeds are written, read and replicated on this machine, and beside npm hypercore if asked.
//!
//! Every measurement is a process of its own, for either peer: this program or `interop/js/bench.js`. Both take the same
//! [`Job`] and answer with the same [`Sample`]. The peers take turns, so that both see the machine in the same mood.

mod fan_out;
mod feed;
mod figures;
mod find;
mod idle;
mod job;
mod js;
mod line;
mod live;
mod peer;
mod replicate;
mod stage;
mod vendor;
mod workload;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum as _};

pub(crate) use self::figures::Figures;
use self::job::{Job, Sample};
use self::line::Line;
use self::peer::Peer;
use self::stage::Stage;
use self::workload::Workload;
use super::Context;
use crate::event::Event;
use crate::failure::Failure;

/// Measure how fast feeds are written, read and replicated on this machine
#[derive(Debug, Args)]
#[command(after_help = "Works in a temporary folder below --dir, so it is that disk which is measured.

Examples:
  dazaar bench
  dazaar bench --only replicate --only replicate-large --rounds 5
  dazaar bench --vs-js                        beside npm hypercore; first: npm ci --prefix interop")]
pub(crate) struct Arguments {
    /// Blocks in the largest feed; the slower workloads take a fixed part of it
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    blocks: u64,

    /// Measure this workload only; may be repeated
    #[arg(long, value_enum, value_name = "WORKLOAD")]
    only: Vec<Workload>,

    /// Measurements of each workload; the median is reported
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,

    /// Measure npm hypercore 9 (with npm dazaar) and 11 as well; the folder is the repository's `interop`, with its packages installed
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "interop")]
    vs_js: Option<PathBuf>,

    /// Do this one job, and print the sample: how this command calls itself
    #[arg(long, value_name = "JSON", hide = true)]
    job: Option<String>,

    /// Sell a new feed to everybody and obey standard input: the other process of some jobs
    #[arg(long, value_name = "JSON", hide = true)]
    vendor: Option<String>,

    /// Buy with many buyers until standard input ends: further processes of one job
    #[arg(long, value_name = "JSON", hide = true)]
    crowd: Option<String>,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if let Some(job) = &arguments.job {
        return job::perform(job).await;
    }
    if let Some(stock) = &arguments.vendor {
        return vendor::sell(&context.dir, stock).await;
    }
    if let Some(part) = &arguments.crowd {
        return idle::buy(&context.dir, part).await;
    }
    let peers = Peer::all(arguments.vs_js.as_deref())?;
    let mut stage = Stage::new(&context.dir)?;
    if !context.output.is_json() {
        context.output.event(&Event::Note { text: heading() })?;
    }
    for &workload in Workload::value_variants() {
        if arguments.only.is_empty() || arguments.only.contains(&workload) {
            compare(context, arguments, workload, &peers, &mut stage).await?;
        }
    }
    Ok(())
}

/// Measures one workload with every peer that can do it, in turns, and reports the medians.
async fn compare(
    context: &Context,
    arguments: &Arguments,
    workload: Workload,
    peers: &[Peer],
    stage: &mut Stage,
) -> Result<(), Failure> {
    if workload.is_with_js() && arguments.vs_js.is_none() {
        return Ok(());
    }
    let peers: Vec<_> = peers.iter().filter(|peer| peer.can(workload)).collect();
    let mut samples = vec![Vec::new(); peers.len()];
    for _ in 0..arguments.rounds {
        for (peer, samples) in peers.iter().zip(&mut samples) {
            samples.push(measure(arguments, workload, peer, stage).await?);
        }
    }
    let medians: Vec<_> = samples.into_iter().filter_map(median).collect();
    for (peer, sample) in peers.iter().zip(&medians) {
        // The other peers are compared with the first, which is this program.
        let others = medians.iter().skip(1).map(Sample::cost).min_by(f64::total_cmp);
        let ratio = others.filter(|_| peer.is_ours()).map(|other| other / sample.cost());
        context.output.event(&row(workload, arguments.blocks, peer, *sample, ratio))?;
    }
    Ok(())
}

/// Measures one workload with one peer, and adds what can be seen from outside.
async fn measure(
    arguments: &Arguments,
    workload: Workload,
    peer: &Peer,
    stage: &mut Stage,
) -> Result<Sample, Failure> {
    let feed = match workload.feed_blocks(arguments.blocks) {
        Some(blocks) => {
            let maker = if peer.reads_our_folders() { &Peer::Dazaar } else { peer };
            Some(stage.feed(maker, blocks, workload.block_bytes()).await?)
        }
        None => None,
    };
    let scratch = stage.scratch()?;
    let line = match workload.line() {
        Some(delay) => Some(Line::new(delay).await?),
        None => None,
    };
    let job = Job {
        feed,
        line: line.as_ref().map(Line::ends),
        interop: arguments.vs_js.clone(),
        ..Job::new(workload, arguments.blocks, scratch.path().to_owned())
    };
    let sample = peer.measure(&job).await?;
    let mut seen = line.map_or_else(Figures::default, |line| line.figures(sample.seconds, job.blocks));
    if workload.is_append() {
        let (files, disk) = bytes_below(scratch.path())?;
        seen.file_bytes_per_block = Some(files as f64 / job.blocks as f64);
        seen.disk_bytes_per_block = Some(disk as f64 / job.blocks as f64);
    }
    Ok(Sample { figures: sample.figures.or(seen), ..sample })
}

/// Lengths of all files below a folder, and what they take up on the disk.
fn bytes_below(folder: &Path) -> std::io::Result<(u64, u64)> {
    let mut sum = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let (files, disk) = if metadata.is_dir() {
            bytes_below(&entry.path())?
        } else {
            // The system counts in these units, whatever those of the file system are.
            (metadata.len(), metadata.blocks() * 512)
        };
        sum = (sum.0 + files, sum.1 + disk);
    }
    Ok(sum)
}

/// The sample in the middle, by what counts.
fn median(mut samples: Vec<Sample>) -> Option<Sample> {
    samples.sort_by(|a, b| a.cost().total_cmp(&b.cost()));
    samples.get(samples.len() / 2).copied()
}

fn row(workload: Workload, scale: u64, peer: &Peer, sample: Sample, ratio: Option<f64>) -> Event {
    let blocks = workload.blocks(scale) * workload.buyers(scale);
    let per_second = blocks as f64 / sample.seconds;
    Event::Bench {
        workload: workload.name(),
        peer: peer.name(),
        blocks,
        seconds: sample.seconds,
        per_second,
        bytes_per_second: per_second * workload.block_bytes() as f64,
        rss_bytes: sample.rss_bytes,
        figures: sample.figures,
        ratio,
    }
}

/// What stands above the rows for a person.
fn heading() -> String {
    format!(
        "{:<20} {:<12} {:>10} {:>9} {:>14} {:>9} {:>7}  also",
        "workload", "peer", "blocks", "seconds", "blocks/s", "MB/s", "ratio"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_sample_that_was_taken() {
        let sample = |seconds| Sample { seconds, rss_bytes: None, figures: Figures::default() };
        assert_eq!(median(Vec::new()), None);
        assert_eq!(median(vec![sample(3.0), sample(1.0), sample(2.0)]), Some(sample(2.0)));
        assert_eq!(median(vec![sample(2.0), sample(1.0)]), Some(sample(2.0)));
    }
}
