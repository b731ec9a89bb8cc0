//! Blocks that npm hyperdrive 10.21.0 wrote.

use bytes::Bytes;

use super::support::*;
use crate::hyperdrive::*;
use crate::hypertrie::{Batch, Trie};

const TIME: u64 = 1_600_000_000_000;

const HEADER: &str = "0a09687970657274726965122079854ca3c4d8b4aa99faa141210d647c349b36a346a30e00cecec362517cf8d01a0a68797065726472697665";
const BLOCKS: [&str; 9] = [
    "0a0968656c6c6f2e747874121e08a48302100018002005280130003800408080babbc82e488080babbc82e1a010020012800",
    "0a03646972121e08ed8301100018002000280030013805408080babbc82e488080babbc82e1a040403020120022800",
    "0a0b6469722f6269672e62696e122e08a483021000180020809f49280330013805408080babbc82e488080babbc82e620c0a05636f6c6f7212037265641a072203020121100220032800",
    "0a0968656c6c6f2e747874122008a483021000180020062801300438859f49408080babbc82e488080babbc82e1a040403040320042800",
    "0a046c696e6b122a08a4c302100018002000280030003800408080babbc82e488080babbc82e520a2f68656c6c6f2e7478741a040201040420052800",
    "0a12687970657264726976652d746167732f76311201061a040100010520062801",
    "0a086d6f756e74732f6d12250a20090909090909090909090909090909090909090909090909090909090909090912016d1a07020001050104062007288102",
    "0a016d124608ed830110001800200028003005388b9f49408080babbc82e488080babbc82e5a240a20090909090909090909090909090909090909090909090909090909090909090920001a0802000207010c04052008288002",
    "0a016d124608ed830110001800200028003005388b9f49408080babbc82e488080babbc82e5a240a20090909090909090909090909090909090909090909090909090909090909090920001a07020002070104042009288002",
];

fn block(hex: &str) -> Bytes {
    hex::decode(hex).unwrap().into()
}

fn theirs() -> Memory {
    Trie::new(std::iter::once(HEADER).chain(BLOCKS).map(block).collect())
}

fn at(stat: Stat, offset: u64, byte_offset: u64) -> Stat {
    Stat { offset, byte_offset, mtime_ms: TIME, ctime_ms: TIME, ..stat }
}

#[test]
fn each_change_makes_the_block_that_javascript_makes() {
    let theirs = theirs();
    let key = content_key(&theirs.header().unwrap().unwrap()).unwrap();
    let mut ours = Trie::new(Vec::new());
    let batch = Batch::with_header(&ours, &header(key));
    ours.blocks_mut().extend(batch.blocks().iter().cloned().map(Bytes::from));
    let change = |edit: &mut Edit<'_, Vec<Bytes>>| {
        edit.put(&path("/hello.txt"), &at(Stat { size: 5, blocks: 1, ..Stat::file(0o644) }, 0, 0))?;
        edit.mkdir(&path("/dir"), &at(Stat::directory(0o755), 1, 5))?;
        let mut big = at(Stat { size: 1_200_000, blocks: 3, ..Stat::file(0o644) }, 1, 5);
        big.metadata.insert("color".to_owned(), Some(b"red".to_vec()));
        edit.put(&path("dir/big.bin"), &big)?;
        edit.put(&path("/hello.txt"), &at(Stat { size: 6, blocks: 1, ..Stat::file(0o644) }, 4, 1_200_005))?;
        edit.symlink(&path("/link"), &at(Stat::symlink("/hello.txt"), 0, 0))?;
        edit.put_tag("v1", 6)?;
        edit.mount(&path("/m"), mount_of(9, None), at(Stat::directory(0o755), 5, 1_200_011))?;
        edit.unlink(&path("link"))
    };
    edit(&mut ours, change).unwrap();
    let hex: Vec<String> = ours.blocks().iter().map(hex::encode).collect();
    assert_eq!(hex[0], HEADER);
    assert_eq!(hex[1..], BLOCKS);
}

#[test]
fn what_javascript_wrote_is_read() {
    let theirs = theirs();
    assert_eq!(theirs.version(), 10);
    assert_eq!(names(&theirs, "/", false), ["dir", "hello.txt", "m"]);
    let order: Vec<_> = list(&theirs, "", false).unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(order, ["m", "hello.txt", "dir"]);
    let view = View::new(&theirs, 7);
    let big = view.stat(&path("dir/big.bin")).unwrap();
    assert_eq!((big.stat.size, big.stat.blocks, big.stat.offset, big.stat.byte_offset), (1_200_000, 3, 1, 5));
    assert_eq!(big.stat.metadata["color"], Some(b"red".to_vec()));
    assert_eq!((big.stat.mtime_ms, big.stat.permissions(), big.stat.kind()), (TIME, 0o644, Kind::File));
    assert_eq!(view.stat(&path("link")).unwrap().path, "hello.txt");
    let link = view.lstat(&path("link")).unwrap();
    assert_eq!((link.stat.kind(), link.stat.target()), (Kind::Symlink, Some("/hello.txt")));
    assert_eq!(view.tags().unwrap(), [("v1".to_owned(), 6)]);
    assert_eq!((view.tag("v1").unwrap(), view.tag("v2").unwrap()), (Some(6), None));

    let mount = super::support::view(&theirs).lstat(&path("m")).unwrap();
    let told = mount.stat.mount.clone().unwrap();
    assert_eq!((told.key.0, told.version, told.is_feed, mount.is_mount), ([9; 32], None, false, true));
    assert!(matches!(
        super::support::view(&theirs).stat(&path("m/below/it")),
        Err(DriveError::Mounted { mount, .. }) if mount.path == path("m")
    ));
    assert!(matches!(list(&theirs, "m", false), Err(DriveError::Mounted { .. })));

    use ChangeKind::*;
    let changed = |kind, path: &str| (kind, path.to_owned());
    assert_eq!(changes(&theirs, 6, "/"), [changed(Delete, "link"), changed(Mount, "m")]);
    assert_eq!(changes(&theirs, 1, "dir"), [changed(Put, "dir"), changed(Put, "dir/big.bin")]);
    let mut history = DriveHistory::new(theirs.version());
    let mut written = Vec::new();
    while let Some(entry) = history.next(&super::support::view(&theirs)).unwrap() {
        written.push(entry.path);
    }
    assert_eq!(written, ["hello.txt", "dir", "dir/big.bin", "hello.txt", "link", "m", "m"]);
}
