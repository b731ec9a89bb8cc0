//! The program `dazaar`: sell and buy time-series data, with nobody in between.

mod args;
mod blocks;
mod commands;
mod event;
mod failure;
mod file_limit;
mod output;
mod secrets;
mod signals;
mod sizes;
mod times;
mod wallets;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;

use crate::args::Args;
use crate::output::Output;

/// How long work on threads of its own may take to end: a library's may never do.
const END_PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let args = Args::parse();
    begin_log(args.verbose);
    leave_no_core();
    let output = Arc::new(Output::new(args.json));
    let outcome = tokio::runtime::Runtime::new().map_err(failure::Failure::from).and_then(|runtime| {
        let outcome = runtime.block_on(commands::run(args, &output));
        runtime.shutdown_timeout(END_PATIENCE);
        outcome
    });
    output.finish_progress();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&output),
    }
}

/// A core dump would hold the master key. A system that refuses this is no worse than before.
fn leave_no_core() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
}

/// Sends what the libraries have to say to stderr: warnings, or more with `-v` or `DAZAAR_LOG`.
fn begin_log(verbose: u8) {
    let level = ["warn", "info", "debug", "trace"][usize::from(verbose.min(3))];
    // `fuser` warns of every question that a folder which is only read has no answer to.
    let filter = tracing_subscriber::EnvFilter::try_from_env(args::LOG_VARIABLE)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(format!("{level},fuser=error")));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
