//! Group commit: whoever wants blocks on the disk while a commit runs joins the next one, and all of them share its
//! signature and its sync.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dazaar_log::LogError;
use tokio::sync::oneshot;

use crate::shared_log::SharedLog;

/// Blocks that are committed at once, unless one caller brings more.
const GROUP_BLOCKS: usize = 4096;

/// Bytes that are committed at once, unless one caller brings more.
const GROUP_BYTES: usize = 128 * 1024;

/// What became of a caller's blocks. An error of the log is shared by all whose blocks it concerns.
pub(crate) type Outcome = Result<Range<u64>, Arc<LogError>>;

/// Callers that wait for the next commit. Each waits for its own, so there are never more blocks than callers brought.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    callers: Vec<Caller>,
    /// Somebody commits, and will take whoever waits by then.
    is_running: bool,
}

#[derive(Debug)]
struct Caller {
    blocks: Vec<Vec<u8>>,
    outcome: oneshot::Sender<Outcome>,
}

impl Queue {
    /// Waits in the queue of `log`, and commits what waits if nobody does.
    pub(crate) async fn commit(&self, log: &Arc<SharedLog>, blocks: Vec<Vec<u8>>) -> Outcome {
        let (sender, outcome) = oneshot::channel();
        let is_running = {
            let mut waiting = self.lock();
            waiting.callers.push(Caller { blocks, outcome: sender });
            std::mem::replace(&mut waiting.is_running, true)
        };
        if !is_running {
            let turn = Turn { log: Arc::clone(log), is_over: false };
            tokio::task::spawn_blocking(move || turn.run());
        }
        // A turn that ended early drops its callers. What became of their blocks is seen when the log is opened anew.
        outcome.await.unwrap_or_else(|_| Err(Arc::new(LogError::Poisoned)))
    }

    fn next_group(&self) -> Option<Vec<Caller>> {
        let mut waiting = self.lock();
        let (mut blocks, mut bytes) = (0, 0);
        let fitting = waiting.callers.iter().take_while(|caller| {
            blocks += caller.blocks.len();
            bytes += caller.blocks.iter().map(Vec::len).sum::<usize>();
            blocks <= GROUP_BLOCKS && bytes <= GROUP_BYTES
        });
        let count = fitting.count().max(1).min(waiting.callers.len());
        let group: Vec<_> = waiting.callers.drain(..count).collect();
        waiting.is_running = !group.is_empty();
        (!group.is_empty()).then_some(group)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody's turn to commit for all who wait.
#[derive(Debug)]
struct Turn {
    log: Arc<SharedLog>,
    is_over: bool,
}

impl Turn {
    /// Commits one group after the other until nobody waits.
    fn run(mut self) {
        while let Some(group) = self.log.queue().next_group() {
            commit(&self.log, group);
        }
        self.is_over = true;
    }
}

impl Drop for Turn {
    /// A panic, or the end of the runtime, must not leave callers that wait for ever.
    fn drop(&mut self) {
        if !self.is_over {
            let mut waiting = self.log.queue().lock();
            waiting.is_running = false;
            waiting.callers.clear();
        }
    }
}

/// Appends what a group of callers brought, and tells each which blocks are theirs.
fn commit(log: &SharedLog, group: Vec<Caller>) {
    let (blocks, callers): (Vec<_>, Vec<_>) =
        group.into_iter().map(|caller| (caller.blocks, caller.outcome)).unzip();
    let counts: Vec<_> = blocks.iter().map(|blocks| blocks.len() as u64).collect();
    let blocks = blocks.concat();
    let appended = log.lock().append_committed(&blocks).map_err(Arc::new);
    if appended.is_ok() {
        log.announce();
    }
    let mut next = appended.as_ref().map_or(0, |appended| appended.start);
    for (count, outcome) in counts.into_iter().zip(callers) {
        let own = appended.as_ref().map(|_| next..next + count).map_err(Arc::clone);
        next += count;
        // A caller that is gone has no question any more.
        let _ = outcome.send(own);
    }
}

#[cfg(test)]
mod tests {
    use dazaar_log::{FeedKeyPair, Log};

    use super::*;
    use crate::folder::Folder;

    fn shared(folder: &std::path::Path) -> Arc<SharedLog> {
        let pair = FeedKeyPair::from_seed(&[1; 32]);
        SharedLog::new(Log::create(Folder::open(folder).unwrap(), pair).unwrap())
    }

    #[tokio::test]
    async fn everybody_gets_the_numbers_of_their_own_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let log = shared(dir.path());
        let tasks: Vec<_> = (0..200_u32)
            .map(|nth| {
                let log = Arc::clone(&log);
                let blocks: Vec<Vec<u8>> =
                    (0..nth % 4).map(|part| vec![nth as u8; part as usize + 1]).collect();
                tokio::spawn(async move { (blocks.clone(), log.append_committed(blocks).await.unwrap()) })
            })
            .collect();
        let mut total = 0;
        for task in tasks {
            let (blocks, appended) = task.await.unwrap();
            assert_eq!(appended.end - appended.start, blocks.len() as u64);
            total += blocks.len() as u64;
            for (number, block) in appended.zip(blocks) {
                assert_eq!(log.lock().block(number).unwrap().unwrap(), block);
            }
        }
        assert_eq!(log.lock().length(), total);
        assert_eq!(log.lock().audit().unwrap().invalid, 0);
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_written_says_so_to_all() {
        let dir = tempfile::tempdir().unwrap();
        let key = FeedKeyPair::from_seed(&[1; 32]).public();
        let log = SharedLog::new(Log::create_reader(Folder::open(dir.path()).unwrap(), key).unwrap());
        let (one, other) =
            tokio::join!(log.append_committed(vec![vec![1]]), log.append_committed(vec![vec![2]]));
        for error in [one.unwrap_err(), other.unwrap_err()] {
            assert!(matches!(*error, LogError::ReadOnly { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_turn_that_ended_early() {
        let dir = tempfile::tempdir().unwrap();
        let log = shared(dir.path());
        log.queue().lock().is_running = true;
        let turn = Turn { log: Arc::clone(&log), is_over: false };
        let mut waiting = Box::pin(log.append_committed(vec![vec![1]]));
        let polled = tokio::time::timeout(std::time::Duration::from_millis(20), &mut waiting).await;
        assert!(polled.is_err(), "it is somebody else's turn");
        drop(turn);
        assert!(matches!(*waiting.await.unwrap_err(), LogError::Poisoned));
        assert_eq!(log.append_committed(vec![vec![2]]).await.unwrap(), 0..1);
    }
}
