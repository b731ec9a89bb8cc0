//! Random operations on a writer and a sparse reader, against lists of blocks.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    Append(Vec<u16>),
    Clear(Range<u64>),
    Fetch(Vec<u64>),
    Forget(Range<u64>),
    Reopen,
    /// What Hypercore leaves: no commit record.
    ReopenWithoutRecord,
    Flush,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let range = || (0_u64..400, 0_u64..60).prop_map(|(start, count)| start..start + count);
    let op = prop_oneof![
        4 => prop::collection::vec(0_u16..90, 0..70).prop_map(Op::Append),
        1 => range().prop_map(Op::Clear),
        4 => prop::collection::vec(0_u64..400, 1..9).prop_map(Op::Fetch),
        1 => range().prop_map(Op::Forget),
        1 => Just(Op::Reopen),
        1 => Just(Op::ReopenWithoutRecord),
        1 => Just(Op::Flush),
    ];
    prop::collection::vec(op, 1..25)
}

/// A log and the blocks that it should hold.
struct Modelled {
    log: Option<Log<MemoryStorage>>,
    blocks: Vec<Option<Bytes>>,
}

impl Modelled {
    fn log(&mut self) -> &mut Log<MemoryStorage> {
        self.log.as_mut().unwrap()
    }

    fn clear(&mut self, range: Range<u64>) {
        self.log().clear(range.clone()).unwrap();
        let end = (range.end as usize).min(self.blocks.len());
        self.blocks[(range.start as usize).min(end)..end].fill(None);
    }

    fn reopen(&mut self, with_record: bool) {
        let mut storage = self.log.take().unwrap().into_storage();
        if !with_record {
            storage.replace(FileName::Commit, Vec::new());
        }
        self.log = Some(Log::open(storage).unwrap());
    }

    fn check(&mut self) {
        let log = self.log.as_mut().unwrap();
        assert_eq!(log.length() as usize, self.blocks.len());
        assert_eq!(log.tree().length(), log.length());
        for (block, expected) in (0..).zip(&self.blocks) {
            assert_eq!(log.has(block), expected.is_some());
            assert_eq!(&log.block(block).unwrap(), expected, "block {block}");
        }
        let held = self.blocks.iter().flatten().count() as u64;
        assert_eq!(log.audit().unwrap(), Audit { valid: held, invalid: 0 });
        let mut block = 0;
        while let Some(run) = { log.have().runs(block..log.length()).next() } {
            let read = log.blocks(run.clone()).unwrap();
            let expected = &self.blocks[run.start as usize..][..read.len()];
            assert!(
                !read.is_empty()
                    && read.iter().zip(expected).all(|(read, expected)| expected.as_deref() == Some(read))
            );
            block = run.start + read.len() as u64;
        }
    }
}

fn check_positions(writer: &Log<MemoryStorage>, sizes: &[u16]) {
    let mut offset = 0;
    for (block, &size) in (0..).zip(sizes) {
        assert_eq!(writer.byte_offset(block).unwrap(), Some(offset));
        for byte in [0, size / 2, size.saturating_sub(1)].into_iter().filter(|byte| *byte < size) {
            assert_eq!(writer.seek(offset + u64::from(byte)).unwrap(), Some((block, u64::from(byte))));
        }
        offset += u64::from(size);
    }
    assert_eq!(writer.byte_length(), offset);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn logs_hold_what_was_put_in(ops in ops()) {
        let mut writer = Modelled { log: Some(log()), blocks: Vec::new() };
        let reader = Log::create_reader(MemoryStorage::new(), pair().public()).unwrap();
        let mut reader = Modelled { log: Some(reader), blocks: Vec::new() };
        let mut sizes = Vec::new();
        for op in ops {
            match op {
                Op::Append(batch) => {
                    let first = writer.blocks.len();
                    let blocks: Vec<Bytes> = (first..).zip(&batch).map(|(block, &size)| vec![block as u8; size.into()].into()).collect();
                    let appended = writer.log().append(&blocks).unwrap();
                    prop_assert_eq!(appended, first as u64..(first + batch.len()) as u64);
                    writer.blocks.extend(blocks.into_iter().map(Some));
                    sizes.extend(batch);
                }
                Op::Clear(range) => writer.clear(range),
                Op::Fetch(wanted) => {
                    for block in wanted {
                        if !writer.log().has(block) {
                            continue;
                        }
                        let sent = send(writer.log(), reader.log(), block);
                        let verified = reader.log().verify(sent).unwrap();
                        let stored = reader.log().store(verified).unwrap();
                        reader.blocks.resize(stored.length as usize, None);
                        prop_assert_eq!(stored.block.is_some(), reader.blocks[block as usize].is_none());
                        reader.blocks[block as usize].clone_from(&writer.blocks[block as usize]);
                    }
                }
                Op::Forget(range) => reader.clear(range),
                Op::Reopen => [&mut writer, &mut reader].into_iter().for_each(|each| each.reopen(true)),
                Op::ReopenWithoutRecord => [&mut writer, &mut reader].into_iter().for_each(|each| each.reopen(false)),
                Op::Flush => [&mut writer, &mut reader].into_iter().for_each(|each| each.log().flush().unwrap()),
            }
        }
        writer.check();
        reader.check();
        check_positions(writer.log(), &sizes);
        for each in [&mut writer, &mut reader] {
            each.reopen(true);
            each.check();
        }
    }
}
