//! `dazaar bench`: how fast feeds are written, read and replicated on this machine, and beside npm hypercore 9 if asked.
//!
//! Every measurement is a process of its own, for either peer: this program or `interop/js/bench.js`. Both take the same
//! [`Job`] and answer with the same [`Sample`]. The peers take turns, so that both see the machine in the same mood.

mod feed;
mod job;
mod peer;
mod replicate;
mod stage;

use std::path::PathBuf;

use clap::{Args, ValueEnum as _};

use self::job::{Job, Sample, Workload};
use self::peer::Peer;
use self::stage::Stage;
use super::Context;
use crate::event::Event;
use crate::failure::Failure;

/// Measure how fast feeds are written, read and replicated on this machine
#[derive(Debug, Args)]
#[command(after_help = "Works in a temporary folder below --dir, so it is that disk which is measured.

Examples:
  dazaar bench
  dazaar bench --only replicate --only replicate-large --rounds 5
  dazaar bench --vs-js                        beside npm hypercore 9; first: npm ci --prefix interop")]
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

    /// Measure npm hypercore 9 as well; the folder is the repository's `interop`, with its packages installed
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "interop")]
    vs_js: Option<PathBuf>,

    /// Do this one job, and print the sample: how this command calls itself
    #[arg(long, value_name = "JSON", hide = true)]
    job: Option<String>,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if let Some(job) = &arguments.job {
        return job::perform(job).await;
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

/// Measures one workload with every peer, in turns, and reports the medians.
async fn compare(
    context: &Context,
    arguments: &Arguments,
    workload: Workload,
    peers: &[Peer],
    stage: &mut Stage,
) -> Result<(), Failure> {
    let mut samples = vec![Vec::new(); peers.len()];
    let feed = match workload.feed_blocks(arguments.blocks) {
        Some(blocks) => Some(stage.feed(blocks, workload.block_bytes())?),
        None => None,
    };
    for _ in 0..arguments.rounds {
        for (peer, samples) in peers.iter().zip(&mut samples) {
            let scratch = stage.scratch()?;
            let dir = scratch.path().to_owned();
            samples.push(peer.measure(&Job::new(workload, arguments.blocks, feed.clone(), dir)).await?);
        }
    }
    let medians: Vec<_> = samples.into_iter().filter_map(median).collect();
    for (peer, sample) in peers.iter().zip(&medians) {
        // The other peers are compared with the first, which is this program.
        let others = medians.get(1).filter(|_| peer.is_ours());
        let ratio = others.map(|other| other.seconds / sample.seconds);
        context.output.event(&row(workload, arguments.blocks, peer, *sample, ratio))?;
    }
    Ok(())
}

/// The sample in the middle, by time.
fn median(mut samples: Vec<Sample>) -> Option<Sample> {
    samples.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    samples.get(samples.len() / 2).copied()
}

fn row(workload: Workload, scale: u64, peer: &Peer, sample: Sample, ratio: Option<f64>) -> Event {
    let blocks = workload.blocks(scale);
    let per_second = blocks as f64 / sample.seconds;
    Event::Bench {
        workload: workload.name(),
        peer: peer.name(),
        blocks,
        seconds: sample.seconds,
        per_second,
        bytes_per_second: per_second * workload.block_bytes() as f64,
        rss_bytes: sample.rss_bytes,
        ratio,
    }
}

/// What stands above the rows for a person.
fn heading() -> String {
    format!(
        "{:<15} {:<12} {:>10} {:>9} {:>14} {:>9} {:>7}  memory",
        "workload", "peer", "blocks", "seconds", "blocks/s", "MB/s", "ratio"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_sample_that_was_taken() {
        let sample = |seconds| Sample { seconds, rss_bytes: None };
        assert_eq!(median(Vec::new()), None);
        assert_eq!(median(vec![sample(3.0), sample(1.0), sample(2.0)]), Some(sample(2.0)));
        assert_eq!(median(vec![sample(2.0), sample(1.0)]), Some(sample(2.0)));
    }
}
