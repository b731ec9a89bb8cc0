//! Random work, and the power fails: what was promised is there, and what is there is right.

use bytes::Bytes;
use proptest::prelude::*;

use super::power::PowerStorage;
use super::*;

#[derive(Debug, Clone)]
enum Op {
    Append(Vec<u16>),
    Commit(Vec<u16>),
    Clear(Range<u64>),
    Fetch(Vec<u64>),
    Forget(Range<u64>),
    Flush,
    /// A checkpoint that others work beside.
    Begin,
    Finish,
    Kill,
    Cut(u64),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let range = || (0_u64..200, 0_u64..60).prop_map(|(start, count)| start..start + count);
    let sizes = || prop::collection::vec(prop_oneof![0_u16..90, 0_u16..1500], 0..20);
    let op = prop_oneof![
        3 => sizes().prop_map(Op::Append),
        5 => sizes().prop_map(Op::Commit),
        1 => range().prop_map(Op::Clear),
        5 => prop::collection::vec(0_u64..200, 1..9).prop_map(Op::Fetch),
        1 => range().prop_map(Op::Forget),
        1 => Just(Op::Flush),
        1 => Just(Op::Begin),
        1 => Just(Op::Finish),
        1 => Just(Op::Kill),
        3 => any::<u64>().prop_map(Op::Cut),
    ];
    prop::collection::vec(op, 1..30)
}

/// Decides at random, more often one way or the other.
fn dice(seed: u64) -> impl FnMut() -> bool {
    power::dice(seed, [0, 8, 32, 50, 56, 63, 64][seed as usize % 7])
}

/// A log on a medium that may lose its power, and what it was told.
struct Tested {
    storage: PowerStorage,
    log: Option<Log<PowerStorage>>,
    /// Blocks that were appended; those of a reader are its writer's.
    blocks: Vec<Bytes>,
    /// Blocks that must be held.
    promised: Vec<bool>,
    checkpoint: Option<(Checkpoint, Vec<bool>)>,
}

impl Tested {
    fn new(log: Log<MemoryStorage>) -> Self {
        let storage = PowerStorage::new(log.into_storage());
        let log = Some(Log::open(storage.clone()).unwrap());
        Self { storage, log, blocks: Vec::new(), promised: Vec::new(), checkpoint: None }
    }

    fn log(&mut self) -> &mut Log<PowerStorage> {
        self.log.as_mut().unwrap()
    }

    fn held(&mut self) -> Vec<bool> {
        let log = self.log();
        (0..log.length()).map(|block| log.has(block)).collect()
    }

    fn append(&mut self, sizes: &[u16], committed: bool) {
        let first = self.blocks.len();
        let blocks = (first..).zip(sizes);
        // Blocks of an append that a power cut took differ from those that come in their place.
        let salt = self.storage.syncs() as u8;
        let blocks: Vec<Bytes> =
            blocks.map(|(block, &size)| vec![salt ^ block as u8; size.into()].into()).collect();
        if committed {
            self.log().append_committed(&blocks).unwrap();
        } else {
            self.log().append(&blocks).unwrap();
        }
        self.blocks.extend(blocks);
        if committed && !sizes.is_empty() {
            self.promised = self.held();
        }
    }

    fn clear(&mut self, range: Range<u64>) {
        self.log().clear(range.clone()).unwrap();
        for block in range.start..range.end.min(self.log().length()) {
            if let Some(promised) = self.promised.get_mut(block as usize) {
                *promised = false;
            }
            if let Some((_, promised)) = &mut self.checkpoint
                && let Some(promised) = promised.get_mut(block as usize)
            {
                *promised = false;
            }
        }
    }

    fn flush(&mut self) {
        self.log().flush().unwrap();
        self.promised = self.held();
    }

    fn begin(&mut self) {
        let checkpoint = self.log().begin_checkpoint().unwrap();
        for file in FileName::CHECKPOINTED {
            self.storage.sync(file).unwrap();
        }
        let held = self.held();
        self.checkpoint = Some((checkpoint, held));
    }

    fn finish(&mut self) {
        let Some((checkpoint, held)) = self.checkpoint.take() else { return };
        self.log().finish_checkpoint(checkpoint, Ok(())).unwrap();
        self.promised.resize(self.promised.len().max(held.len()), false);
        self.promised.iter_mut().zip(held).for_each(|(promised, held)| *promised |= held);
    }

    /// The process ends, or the power does; the log is opened again.
    fn reopen(&mut self, cut: Option<u64>) {
        let before = self.held();
        (self.log, self.checkpoint) = (None, None);
        let files = cut.map_or_else(|| self.storage.files(), |seed| self.storage.cut(dice(seed)));
        self.storage = PowerStorage::new(files);
        let mut log = Log::open(self.storage.clone()).unwrap_or_else(|error| panic!("{error:?}"));
        let length = log.length() as usize;
        assert!(self.promised.len() <= length && length <= before.len(), "{} {length}", self.promised.len());
        if cut.is_none() {
            assert_eq!((0..log.length()).map(|block| log.has(block)).collect::<Vec<_>>(), before);
        }
        for block in 0..length {
            let has = log.has(block as u64);
            let promised = self.promised.get(block).copied().unwrap_or_default();
            assert!(has || !promised, "block {block} of {length} is gone");
        }
        assert_eq!(log.tree().length(), log.length());
        if log.is_writable() {
            self.blocks.truncate(length);
        }
        self.check(&log);
        let audit = log.audit().unwrap();
        assert_eq!(audit.invalid, 0);
        self.log = Some(Log::open(self.storage.clone()).unwrap());
        // The new process may flush what it found, but need not.
        self.promised.truncate(length);
    }

    fn check<S: Storage>(&self, log: &Log<S>) {
        for (block, expected) in (0..log.length()).zip(&self.blocks) {
            if let Some(found) = log.block(block).unwrap_or_else(|error| {
                panic!(
                    "block {block}: {error} {:?} {:?}",
                    log.have().runs(0..99).collect::<Vec<_>>(),
                    log.tree().bits().runs(0..200).flatten().collect::<Vec<_>>()
                )
            }) {
                assert_eq!(found, expected, "block {block}");
            }
        }
    }
}

/// Proves every block that is here to a reader that knows nothing.
fn copy<S: Storage>(log: &Log<S>) {
    let mut reader = Log::create_reader(MemoryStorage::new(), log.key()).unwrap();
    for block in (0..log.length()).step_by(1 + log.length() as usize / 8).filter(|&block| log.has(block)) {
        let verified = reader.verify(send(log, &reader, block)).unwrap();
        reader.store(verified).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_writer_keeps_what_it_committed(ops in ops()) {
        let mut writer = Tested::new(log());
        for op in ops {
            match op {
                Op::Append(sizes) => writer.append(&sizes, false),
                Op::Commit(sizes) => writer.append(&sizes, true),
                Op::Clear(range) => writer.clear(range),
                Op::Flush => writer.flush(),
                Op::Begin => writer.begin(),
                Op::Finish => writer.finish(),
                Op::Kill => writer.reopen(None),
                Op::Cut(seed) => {
                    writer.reopen(Some(seed));
                    copy(writer.log());
                }
                Op::Fetch(_) | Op::Forget(_) => {}
            }
        }
        writer.reopen(Some(2));
        copy(writer.log());
    }

    #[test]
    fn a_reader_keeps_what_was_flushed(ops in ops()) {
        let mut writer = log();
        let mut reader = Tested::new(Log::create_reader(MemoryStorage::new(), writer.key()).unwrap());
        for op in ops {
            match op {
                Op::Append(sizes) | Op::Commit(sizes) => {
                    let blocks: Vec<Bytes> = sizes.iter().map(|&size| vec![size as u8; size.into()].into()).collect();
                    writer.append(&blocks).unwrap();
                    reader.blocks.extend(blocks);
                }
                Op::Fetch(wanted) => {
                    for block in wanted.into_iter().filter(|&block| writer.has(block)) {
                        let sent = send(&writer, reader.log(), block);
                        let verified = reader.log().verify(sent).unwrap();
                        reader.log().store(verified).unwrap();
                    }
                }
                Op::Forget(range) | Op::Clear(range) => reader.clear(range),
                Op::Flush => reader.flush(),
                Op::Begin => reader.begin(),
                Op::Finish => reader.finish(),
                Op::Kill => reader.reopen(None),
                Op::Cut(seed) => reader.reopen(Some(seed)),
            }
        }
        reader.reopen(Some(2));
        for block in (0..writer.length()).filter(|&block| writer.has(block)) {
            let sent = send(&writer, reader.log(), block);
            let verified = reader.log().verify(sent).unwrap();
            reader.log().store(verified).unwrap();
        }
        reader.check(reader.log.as_ref().unwrap());
        prop_assert_eq!(reader.log().downloaded(), writer.length());
    }
}

#[test]
fn a_commit_is_one_sync_and_survives_the_loss_of_all_else() {
    let mut writer = Tested::new(log());
    writer.append(&[5, 0, 700], true);
    for nth in 0..40 {
        let before = writer.storage.syncs();
        writer.append(&[nth, 1], true);
        assert_eq!(writer.storage.syncs(), before + 1);
    }
    let files = writer.storage.cut(|| false);
    let log = Log::open(files).unwrap();
    assert_eq!(log.length(), 83);
    writer.check(&log);
}

#[test]
fn a_record_that_a_killed_process_did_not_sync_is_synced_before_it_is_built_on() {
    let mut log = log();
    log.append(&rows(0..3)).unwrap();
    log.flush().unwrap();
    let storage = PowerStorage::new(log.into_storage());
    let mut log = Log::open(storage.clone()).unwrap();
    log.append(&rows(3..5)).unwrap();
    let checkpoint = log.begin_checkpoint().unwrap();
    FileName::CHECKPOINTED.into_iter().for_each(|file| storage.clone().sync(file).unwrap());
    let before = storage.cut(|| false);
    log.finish_checkpoint(checkpoint, Ok(())).unwrap();
    // As if it had been killed after the record was written, and before it was synced.
    let written = storage.files().bytes(FileName::Commit).to_vec();
    let storage = PowerStorage::new(before);
    storage.clone().write(FileName::Commit, 0, &written).unwrap();
    let mut log = Log::open(storage.clone()).unwrap();
    assert_eq!(log.length(), 5);
    log.append_committed(&rows(5..6)).unwrap();
    assert_eq!(Log::open(storage.cut(|| false)).unwrap().length(), 6);
}
