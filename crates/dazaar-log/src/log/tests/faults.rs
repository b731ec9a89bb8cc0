//! The medium refuses any single operation of much work: a full disk, a bad sector, a controller that resets.
//!
//! An error leaves a log that goes on, or that says it has to be opened anew. Opened anew, it has all that it
//! acknowledged, and nothing else; and after a power cut, all that was committed.

use std::io::ErrorKind;

use super::faulty::{Fault, FaultyStorage};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append(&'static [usize]),
    Commit(&'static [usize]),
    /// A block of the writer that the test has beside its reader.
    Store(u64),
    Range(Range<u64>),
    Clear(Range<u64>),
    Flush,
    Begin,
    Finish,
    Audit,
    Read,
    Reopen,
}

/// A log under test, and what it told.
struct Tested {
    storage: FaultyStorage,
    log: Option<Log<FaultyStorage>>,
    /// Whose blocks a reader stores.
    writer: Option<Log<MemoryStorage>>,
    /// Blocks that were acknowledged; `None` once cleared, or where a reader has none.
    blocks: Vec<Option<Vec<u8>>>,
    /// How many of them survive a power cut, or which.
    committed: Vec<bool>,
    /// What an append that failed may have left behind.
    surplus: Vec<Vec<u8>>,
    checkpoint: Option<(Checkpoint, Vec<bool>)>,
    attempts: u8,
    context: String,
}

impl Tested {
    fn held(&self) -> Vec<bool> {
        self.blocks.iter().map(Option::is_some).collect()
    }

    fn log(&mut self) -> &mut Log<FaultyStorage> {
        self.log.as_mut().unwrap()
    }

    fn try_step(&mut self, step: &Step) -> Result<(), LogError> {
        match step {
            Step::Append(sizes) => return self.append(sizes, false),
            Step::Commit(sizes) => return self.append(sizes, true),
            Step::Store(block) => {
                let block = *block;
                let (Some(writer), Some(log)) = (&self.writer, &mut self.log) else { unreachable!() };
                let verified = log.verify(send(writer, log, block)).map_err(lookup)?;
                log.store(verified)?;
                self.acknowledge(block..block + 1);
            }
            Step::Range(blocks) => {
                let (Some(writer), Some(log)) = (&self.writer, &mut self.log) else { unreachable!() };
                let sent = send_range(writer, blocks.clone(), &mut RemoteTree::new());
                let verified = log.verify_range(sent).map_err(lookup)?;
                log.store_range(verified)?;
                self.acknowledge(blocks.clone());
            }
            Step::Clear(range) => {
                // Once it has begun nobody knows which of the blocks are left.
                for block in range.clone() {
                    self.committed[block as usize] = false;
                    if let Some((_, committed)) = &mut self.checkpoint {
                        committed[block as usize] = false;
                    }
                }
                self.log().clear(range.clone())?;
                range.clone().for_each(|block| self.blocks[block as usize] = None);
            }
            Step::Flush => {
                self.log().flush()?;
                self.committed = self.held();
            }
            Step::Begin => {
                let checkpoint = self.log().begin_checkpoint()?;
                self.checkpoint = Some((checkpoint, self.held()));
            }
            Step::Finish => {
                let Some((checkpoint, held)) = self.checkpoint.take() else { return Ok(()) };
                let mut storage = self.storage.clone();
                let sync =
                    |file| storage.sync(file).map_err(|source| LogError::Io { file, offset: 0, source });
                let synced = FileName::CHECKPOINTED.into_iter().try_for_each(sync);
                self.log().finish_checkpoint(checkpoint, synced)?;
                self.committed.resize(self.committed.len().max(held.len()), false);
                self.committed.iter_mut().zip(held).for_each(|(committed, held)| *committed |= held);
            }
            Step::Audit => assert_eq!(self.log().audit()?.invalid, 0),
            Step::Read => {
                for (block, expected) in (0..).zip(&self.blocks) {
                    let found = self.log.as_ref().unwrap().block(block)?;
                    if let Some(expected) = expected {
                        assert_eq!(found.as_deref(), Some(&expected[..]), "{}", self.context);
                    }
                }
            }
            Step::Reopen => self.open()?,
        }
        Ok(())
    }

    fn append(&mut self, sizes: &[usize], committed: bool) -> Result<(), LogError> {
        // Blocks of an attempt that failed differ from those that come in their place.
        self.attempts += 1;
        let blocks: Vec<_> = sizes.iter().map(|&size| vec![self.attempts; size]).collect();
        let appended =
            if committed { self.log().append_committed(&blocks) } else { self.log().append(&blocks) };
        if let Err(error) = appended {
            if !matches!(error, LogError::Poisoned) {
                self.surplus = blocks;
            }
            return Err(error);
        }
        self.surplus.clear();
        self.blocks.extend(blocks.into_iter().map(Some));
        if committed {
            self.committed = self.held();
        }
        Ok(())
    }

    fn acknowledge(&mut self, blocks: Range<u64>) {
        self.blocks.resize(self.blocks.len().max(blocks.end as usize), None);
        blocks.for_each(|block| self.blocks[block as usize] = Some(row(block).into_bytes()));
        self.committed.resize(self.blocks.len(), false);
    }

    /// Opens the log anew, and takes over what a failed append left complete.
    fn open(&mut self) -> Result<(), LogError> {
        (self.log, self.checkpoint) = (None, None);
        let log = Log::open(self.storage.clone())?;
        if log.is_writable() && log.length() > self.blocks.len() as u64 {
            self.blocks.extend(std::mem::take(&mut self.surplus).into_iter().map(Some));
            assert_eq!(log.length(), self.blocks.len() as u64, "{}", self.context);
        }
        self.log = Some(log);
        Ok(())
    }

    /// Does all steps. What fails is done again, if need be with the log opened anew.
    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            for attempt in 0.. {
                assert!(attempt < 3, "{}: {step:?} never ends", self.context);
                if self.log.is_none() {
                    self.open().unwrap_or_else(|error| panic!("{}: {error:?}", self.context));
                }
                match self.try_step(step) {
                    Ok(()) => break,
                    Err(LogError::Poisoned) => self.log = None,
                    Err(LogError::Io { .. }) => {}
                    Err(error) => panic!("{}: {step:?}: {error:?}", self.context),
                }
            }
        }
    }

    /// The process ends, or the power does.
    fn check(&self, files: MemoryStorage, expected: &[bool], what: &str) {
        let context = format!("{}, {what}", self.context);
        let mut log = Log::open(files).unwrap_or_else(|error| panic!("{context}: {error:?}"));
        let end = expected.iter().rposition(|expected| *expected).map_or(0, |last| last as u64 + 1);
        assert!(end <= log.length(), "{context}: {}", log.length());
        let surplus = self.surplus.iter().cloned().map(Some);
        let all: Vec<_> = self.blocks.iter().cloned().chain(surplus).collect();
        for block in 0..log.length() {
            let found = log.block(block).unwrap_or_else(|error| panic!("{context}: {error:?}"));
            let expected = expected.get(block as usize).copied().unwrap_or_default();
            assert!(found.is_some() || !expected, "{context}: block {block} is gone");
            if let Some((found, written)) = found.zip(all.get(block as usize).cloned().flatten()) {
                assert_eq!(found, written, "{context}: block {block}");
            }
        }
        assert_eq!(log.audit().unwrap().invalid, 0, "{context}");
    }
}

fn lookup(error: crate::verify::VerifyError<LogError>) -> LogError {
    match error {
        crate::verify::VerifyError::Lookup(error) => error,
        error => panic!("{error:?}"),
    }
}

/// Keeps one in two, one in eight, or seven in eight of what was not synced.
fn dice(seed: u64) -> impl FnMut() -> bool {
    power::dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), [32, 8, 56][seed as usize % 3])
}

/// Lets every operation fail in turn. Returns how many there are.
fn fail_everywhere(
    files: &MemoryStorage,
    writer: impl Fn() -> Option<Log<MemoryStorage>>,
    steps: &[Step],
) -> usize {
    for after in 0.. {
        for (kind, eighths) in [(ErrorKind::StorageFull, 0), (ErrorKind::Other, 4), (ErrorKind::Other, 8)] {
            let fault = Fault { after, eighths, forever: false, reads: true, kind };
            let storage = FaultyStorage::new(files.clone(), fault);
            let mut tested = Tested {
                log: None,
                writer: writer(),
                blocks: Vec::new(),
                committed: Vec::new(),
                surplus: Vec::new(),
                checkpoint: None,
                attempts: 0,
                context: format!("{fault:?}"),
                storage,
            };
            // Opening may be what fails.
            let _ = tested.open();
            let mut is_checked = false;
            for (nth, step) in steps.iter().enumerate() {
                tested.run(std::slice::from_ref(step));
                if tested.storage.is_over() && !is_checked {
                    // Right after the fault, and not only at the end.
                    tested.check(tested.storage.files(), &tested.held(), &format!("killed after {nth}"));
                    tested.check(tested.storage.synced(), &tested.committed, &format!("cut after {nth}"));
                    is_checked = true;
                }
            }
            tested.check(tested.storage.files(), &tested.held(), "killed");
            for seed in 0..3 {
                let cut = tested.storage.cut(dice(seed + after as u64));
                tested.check(cut, &tested.committed, &format!("cut {seed}"));
            }
            if !tested.storage.is_over() {
                return after;
            }
        }
    }
    unreachable!("the steps end")
}

#[test]
fn a_writer_takes_any_fault() {
    use Step::{Append, Audit, Begin, Clear, Commit, Finish, Flush, Read, Reopen};
    let steps = [
        Append(&[3, 0, 700]),
        Commit(&[5]),
        Commit(&[1, 2]),
        Reopen,
        Commit(&[9]),
        Begin,
        Append(&[40]),
        Commit(&[8, 8]),
        Finish,
        Commit(&[1]),
        Reopen,
        Clear(1..4),
        Commit(&[6]),
        Read,
        Append(&[2; 30]),
        Flush,
        Append(&[1]),
        Audit,
        Commit(&[4, 4]),
    ];
    let operations = fail_everywhere(&log().into_storage(), || None, &steps);
    assert!(operations > 150, "{operations}");
}

#[test]
fn a_batch_that_is_too_large_for_the_journal_takes_any_fault() {
    use Step::{Commit, Reopen};
    let steps = [Commit(&[5]), Commit(&[130_000, 140_000]), Commit(&[6]), Reopen, Commit(&[7])];
    assert!(fail_everywhere(&log().into_storage(), || None, &steps) > 50);
}

#[test]
fn a_reader_takes_any_fault() {
    use Step::{Audit, Begin, Clear, Finish, Flush, Range, Read, Reopen, Store};
    let writer = || {
        let mut writer = log();
        writer.append(&rows(0..20)).unwrap();
        writer.append(&rows(20..50)).unwrap();
        Some(writer)
    };
    let reader = Log::create_reader(MemoryStorage::new(), pair().public()).unwrap().into_storage();
    let steps = [
        Store(3),
        Range(8..16),
        Store(17),
        Flush,
        Range(0..5),
        Reopen,
        Store(30),
        Begin,
        Range(30..44),
        Finish,
        Clear(9..12),
        Read,
        Range(9..20),
        Audit,
        Reopen,
        Store(49),
    ];
    let operations = fail_everywhere(&reader, writer, &steps);
    assert!(operations > 150, "{operations}");
}
