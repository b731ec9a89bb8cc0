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

/// Opens a folder of which every byte was chosen, and uses it.
pub fn contents(data: &[u8]) {
    if let Ok(mut log) = Log::open(laid_out(data)) {
        survive(&mut log);
    }
}

/// A folder from two bytes with its length and the content for each file.
fn laid_out(data: &[u8]) -> MemoryStorage {
    let mut storage = MemoryStorage::new();
    let mut rest = data;
    for file in FileName::ALL {
        let Some((length, after)) = rest.split_first_chunk() else { break };
        let (content, after) = after.split_at(usize::from(u16::from_be_bytes(*length)).min(after.len()));
        storage.replace(file, content.to_vec());
        rest = after;
    }
    storage
}

/// The honest folder in that form.
pub(crate) fn honest_contents() -> Vec<u8> {
    let storage = feed::honest().into_storage();
    let file = |name| {
        let content = storage.bytes(name);
        let length = u16::try_from(content.len()).expect("a small folder");
        [&length.to_be_bytes(), content].concat()
    };
    FileName::ALL.into_iter().flat_map(file).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_honest_contents_are_a_log() {
        let log = Log::open(laid_out(&honest_contents())).expect("an honest folder");
        assert_eq!(log.downloaded(), feed::LENGTH);
    }
}
