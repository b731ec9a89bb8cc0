//! Ctrl-C and a polite kill: both end the program cleanly, or at least soon.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::{Failure, Kind};

/// How long ending cleanly may take. Whoever asks twice need not wait.
const PATIENCE: Duration = Duration::from_secs(15);

/// The user's wish that the program end, heard from the moment when this is made.
pub(crate) struct Interruption {
    request: Request,
    insistence: Request,
}

impl Interruption {
    /// Begins to listen. To be called before anybody is told that the program runs, who might end it then.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self { request: Request::new()?, insistence: Request::new()? })
    }

    /// Runs `work` until it is done, or until the user wants it to end: then there is no result.
    pub(crate) async fn or<T>(
        self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Option<T>, Failure> {
        let Self { mut request, mut insistence } = self;
        // A task of its own: the program may be stuck in writing to somebody who does not read.
        let deadline = tokio::spawn(async move {
            insistence.made().await;
            let _ = tokio::time::timeout(PATIENCE, insistence.made()).await;
            std::process::exit(Kind::Interrupted as i32);
        });
        tokio::select! {
            result = work => {
                deadline.abort();
                result.map(Some)
            }
            () = request.made() => Ok(None),
        }
    }
}

/// The signals by which a user asks the program to end.
struct Request {
    interrupt: Signal,
    terminate: Signal,
}

impl Request {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next signal.
    async fn made(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
