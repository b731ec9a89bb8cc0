//! Ctrl-C and a polite kill: both end the program cleanly.

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Runs `work` until it is done, or until the user wants it to end: then there is no result.
pub(crate) async fn until_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<Option<T>, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = work => result.map(Some),
        _ = interrupt.recv() => Ok(None),
        _ = terminate.recv() => Ok(None),
    }
}
