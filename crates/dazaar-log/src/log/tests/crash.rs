//! A log is stopped at every single change of its files, whole or torn; then it is opened again.

use super::faulty::{Fault, FaultyStorage};
use super::*;

/// Something that a writer does.
enum Step {
    Append(u64),
    Clear(Range<u64>),
    Flush,
}

/// Does the steps until one fails. Returns the lengths before and after the step that failed, and the files.
fn write(steps: &[Step], fault: Fault) -> (Option<(u64, u64)>, MemoryStorage) {
    let storage = FaultyStorage::new(MemoryStorage::new(), fault);
    let Ok(mut log) = Log::create(storage.clone(), pair()) else { return (Some((0, 0)), storage.files()) };
    for step in steps {
        let before = log.length();
        let (after, done) = match step {
            Step::Append(count) => (before + count, log.append(&rows(before..before + count)).map(|_| ())),
            Step::Clear(range) => (before, log.clear(range.clone())),
            Step::Flush => (before, log.flush()),
        };
        if done.is_err() {
            assert_eq!(log.length(), before);
            return (Some((before, after)), storage.files());
        }
    }
    (None, storage.files())
}

/// Opens the files, and goes on with the log as if nothing had happened.
fn check_writer(files: MemoryStorage, lengths: (u64, u64), cleared: &Range<u64>, context: &str) {
    let mut log = match Log::open(files) {
        Ok(log) => log,
        Err(LogError::NotALog) if lengths == (0, 0) => return,
        Err(error) => panic!("{context}: {error}"),
    };
    assert!(
        [lengths.0, lengths.1].contains(&log.length()),
        "{context}: length {} of {lengths:?}",
        log.length()
    );
    for round in 0..2 {
        assert_eq!(log.tree().length(), log.length(), "{context}");
        assert_eq!(log.audit().unwrap().invalid, 0, "{context}, round {round}");
        for block in 0..log.length() {
            match log.block(block).unwrap() {
                Some(data) => assert_eq!(data, row(block), "{context}"),
                None => assert!(cleared.contains(&block), "{context}: block {block} of {}", log.length()),
            }
        }
        copy(&log, context);
        log.append(&rows(log.length()..log.length() + 3)).unwrap();
        log = Log::open(log.into_storage()).unwrap();
    }
}

/// Proves every block that is here to a reader that knows nothing.
fn copy(log: &Log<MemoryStorage>, context: &str) {
    let mut reader = Log::create_reader(MemoryStorage::new(), log.key()).unwrap();
    for block in (0..log.length()).step_by(1 + log.length() as usize / 40).filter(|&block| log.has(block)) {
        let sent = send(log, &reader, block);
        let verified =
            reader.verify(sent).unwrap_or_else(|error| panic!("{context}: block {block}: {error}"));
        reader.store(verified).unwrap();
    }
}

/// Stops the steps at every change. Returns how many changes there were.
fn stop_everywhere(steps: &[Step], cleared: &Range<u64>) -> usize {
    for after in 0.. {
        for eighths in [0, 1, 3, 4, 6, 7, 8] {
            let fault = Fault { after, eighths, ..Fault::default() };
            let (failed, files) = write(steps, fault);
            let Some(lengths) = failed else { return after };
            check_writer(files, lengths, cleared, &format!("{fault:?}"));
        }
    }
    unreachable!("the steps end")
}

#[test]
fn a_stopped_writer_has_the_old_or_the_new_length() {
    let steps = [
        Step::Append(1),
        Step::Append(7),
        Step::Clear(2..5),
        Step::Append(4),
        Step::Flush,
        Step::Append(1),
        Step::Append(3),
        Step::Flush,
        Step::Append(60),
    ];
    assert!(stop_everywhere(&steps, &(2..5)) > 40);
}

#[test]
fn a_stopped_batch_over_several_pages_is_there_or_not() {
    let steps = [Step::Append(5000), Step::Append(12_000)];
    assert!(stop_everywhere(&steps, &(0..0)) > 15);
}

#[test]
fn a_stopped_reader_holds_only_what_verifies() {
    let mut writer = log();
    let mut lengths = Vec::new();
    let order = [
        (3, 0),
        (3, 2),
        (10, 9),
        (10, 4),
        (10, 5),
        (11, 1),
        (40, 17),
        (40, 16),
        (40, 39),
        (40, 38),
        (40, 30),
    ];
    let mut sent = Vec::new();
    let mut reader = Log::create_reader(MemoryStorage::new(), writer.key()).unwrap();
    let empty = Log::create_reader(MemoryStorage::new(), writer.key()).unwrap().into_storage();
    for (length, block) in order {
        writer.append(&rows(writer.length()..length)).unwrap();
        let unverified = send(&writer, &reader, block);
        sent.push(unverified.clone());
        reader.store(reader.verify(unverified).unwrap()).unwrap();
        lengths.push(reader.length());
    }
    for after in 0.. {
        for eighths in [0, 1, 3, 5, 7, 8] {
            let fault = Fault { after, eighths, ..Fault::default() };
            let mut log = Log::open(FaultyStorage::new(empty.clone(), fault)).unwrap();
            let stored = sent.iter().position(|block| {
                let verified = log.verify(block.clone()).unwrap();
                log.store(verified).is_err()
            });
            let Some(stored) = stored else { return };
            let old = stored.checked_sub(1).map_or(0, |before| lengths[before]);
            check_reader(
                log.into_storage().files(),
                &writer,
                (old, lengths[stored]),
                &order[..stored],
                &format!("{fault:?}"),
            );
        }
    }
}

fn check_reader(
    files: MemoryStorage,
    writer: &Log<MemoryStorage>,
    lengths: (u64, u64),
    stored: &[(u64, u64)],
    context: &str,
) {
    let mut log = Log::open(files).unwrap();
    assert!(
        [lengths.0, lengths.1].contains(&log.length()),
        "{context}: length {} of {lengths:?}",
        log.length()
    );
    assert_eq!(log.audit().unwrap().invalid, 0, "{context}");
    assert!(stored.iter().all(|&(_, block)| log.has(block)), "{context}");
    for block in 0..writer.length() {
        let verified = log
            .verify(send(writer, &log, block))
            .unwrap_or_else(|error| panic!("{context}: {block}: {error}"));
        log.store(verified).unwrap();
    }
    let mut log = Log::open(log.into_storage()).unwrap();
    assert_eq!(log.audit().unwrap(), Audit { valid: writer.length(), invalid: 0 }, "{context}");
}

#[test]
fn a_failed_write_leaves_a_log_that_goes_on_or_asks_to_be_opened() {
    for after in 0..60 {
        for eighths in [0, 4, 8] {
            let fault = Fault { after, eighths, forever: false, ..Fault::default() };
            let storage = FaultyStorage::new(MemoryStorage::new(), fault);
            let Ok(mut log) = Log::create(storage.clone(), pair()) else { continue };
            let (before, error) = loop {
                let before = log.length();
                if let Err(error) = log.append(&rows(before..before + 1 + before % 5)) {
                    break (before, error);
                }
            };
            assert!(matches!(error, LogError::Io { .. }), "{error}");
            assert_eq!((log.length(), log.has(before)), (before, false));
            assert_eq!(log.blocks(0..before).unwrap().len() as u64, before);
            let again = rows(before..before + 2);
            let after = match log.append(&again) {
                Ok(_) => before + 2,
                Err(LogError::Poisoned) => {
                    assert!(matches!(log.clear(0..1), Err(LogError::Poisoned)));
                    assert!(matches!(log.flush(), Err(LogError::Poisoned)));
                    before + 1 + before % 5
                }
                Err(error) => panic!("{error}"),
            };
            let lengths = if log.length() == after { (after, after) } else { (before, after) };
            check_writer(storage.files(), lengths, &(0..0), &format!("{fault:?}"));
        }
    }
}
