//! Runs worlds: one with its trace, or very many.
//!
//! Grade: tool.

use std::process::ExitCode;
use std::time::Instant;

use dazaar_sim::dht;

const USAGE: &str =
    "usage: dazaar-sim --seed N [--trace] | --seeds COUNT [--from N] | --dht NODES [--seed N]";

/// Seeds between two lines of progress.
const PROGRESS: u64 = 10_000;

/// Failures after which a long run ends.
const FAILURES_MAX: u64 = 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no number\n{USAGE}"));
    let outcome = match words.as_slice() {
        ["--seed", seed] => number(seed).and_then(|seed| run(seed, None)),
        ["--seed", seed, "--trace"] => {
            number(seed).and_then(|seed| run(seed, Some(|line| println!("{line}"))))
        }
        ["--seeds", count] => number(count).and_then(|count| run_many(0, count)),
        ["--seeds", count, "--from", from] => {
            number(from).and_then(|from| number(count).and_then(|count| run_many(from, count)))
        }
        ["--dht", nodes] => number(nodes).and_then(|nodes| run_dht(nodes, 0)),
        ["--dht", nodes, "--seed", seed] => {
            number(seed).and_then(|seed| number(nodes).and_then(|nodes| run_dht(nodes, seed)))
        }
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Sellers of a hundred that have to be found.
const FOUND_PERCENT_MIN: usize = 99;

/// One DHT, from whose nodes 30 in a hundred leave and 10 lie.
fn run_dht(nodes: u64, seed: u64) -> Result<(), String> {
    let nodes = u32::try_from(nodes).ok().filter(|nodes| (100..=100_000).contains(nodes));
    let nodes = nodes.ok_or("a DHT of 100 to 100000 nodes")?;
    let start = Instant::now();
    let report = dht::run(seed, dht::Trial { nodes, sellers: 200, churn_percent: 30 });
    println!("{report}\n{:.0} s", start.elapsed().as_secs_f64());
    if report.found * 100 >= report.lookups * FOUND_PERCENT_MIN {
        Ok(())
    } else {
        Err("too few were found".to_owned())
    }
}

fn run(seed: u64, sink: Option<fn(String)>) -> Result<(), String> {
    let outcome = dazaar_sim::simulate(seed, sink).map_err(|failure| failure.to_string())?;
    println!("{outcome:#?}");
    Ok(())
}

/// Goes on after failures, as far as they are few.
fn run_many(from: u64, count: u64) -> Result<(), String> {
    let (start, mut stored, mut failed) = (Instant::now(), 0, 0);
    for seed in from..from.saturating_add(count) {
        match dazaar_sim::simulate(seed, None) {
            Ok(outcome) => stored += outcome.stored,
            Err(failure) => {
                eprintln!("{failure}");
                failed += 1;
            }
        }
        let done = seed - from + 1;
        if done.is_multiple_of(PROGRESS) || done == count || failed == FAILURES_MAX {
            println!(
                "{done} worlds, {failed} failed, {stored} blocks, {:.0} s",
                start.elapsed().as_secs_f64()
            );
        }
        if failed == FAILURES_MAX {
            break;
        }
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} worlds failed")) }
}
