//! A folder that somebody, or a failing disk, changed.

use dazaar_log::{FileName, Log, MemoryStorage};

use crate::feed;

/// Changes an honest folder, opens it, and uses it. The input is a list of changes: which file, where (two bytes), how many
/// bytes follow, and the bytes; no bytes cut the file there.
pub fn folder(data: &[u8]) {
    let mut storage = feed::honest().into_storage();
    let mut rest = data;
    while let &[file, high, low, count, ref after @ ..] = rest {
        let (bytes, after) = after.split_at(usize::from(count).min(after.len()));
        let file = FileName::ALL[usize::from(file) % FileName::ALL.len()];
        change(&mut storage, file, usize::from(u16::from_be_bytes([high, low])), bytes);
        rest = after;
    }
    if let Ok(mut log) = Log::open(storage) {
        survive(&mut log);
    }
}

fn change(storage: &mut MemoryStorage, file: FileName, offset: usize, bytes: &[u8]) {
    let mut content = storage.bytes(file).to_vec();
    if bytes.is_empty() {
        content.truncate(offset);
    } else {
        content.resize(content.len().max(offset + bytes.len()), 0);
        content[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
    storage.replace(file, content);
}

/// Everything may fail, nothing may panic, and what an audit leaves is sound.
fn survive(log: &mut Log<MemoryStorage>) {
    for block in 0..log.length().min(2 * feed::LENGTH) {
        let _ = log.block(block);
        let _ = log.byte_offset(block);
    }
    let _ = log.seek(20);
    let _ = log.append(&["one more"]);
    if log.audit().is_ok() {
        let again = log.audit().expect("an audit after an audit");
        assert_eq!(again.invalid, 0);
    }
}
