//! Changes, and what each of them refuses.

use bytes::Bytes;

use super::support::*;
use crate::hyperdrive::*;
use crate::hypertrie::{Batch, Header, Lack as _, Trie};

type Change = dyn Fn(&mut Edit<'_, Vec<Bytes>>) -> Result<(), DriveError>;

#[test]
fn a_drive_stays_a_tree() {
    let mut drive = memory();
    put(&mut drive, "a/b/c", 1);
    put(&mut drive, "f", 2);
    let mut try_edit = |change: &Change| edit(&mut drive, |edit| change(edit)).unwrap_err();
    use DriveError::{Exists, IntoItself, IsADirectory, NotADirectory, NotEmpty, NotFound};
    assert!(matches!(
        try_edit(&|edit| edit.put(&path("f/x"), &file(1)).map(|_| ())),
        NotADirectory { path: p } if p == path("f")
    ));
    assert!(matches!(try_edit(&|edit| edit.put(&path("a/b"), &file(1)).map(|_| ())), IsADirectory { .. }));
    assert!(matches!(
        try_edit(&|edit| edit.symlink(&path("a"), &Stat::symlink("f")).map(|_| ())),
        Exists { .. }
    ));
    assert!(matches!(
        try_edit(&|edit| edit.mkdir(&path("f"), &Stat::directory(0o755)).map(|_| ())),
        Exists { .. }
    ));
    assert!(matches!(try_edit(&|edit| edit.unlink(&path("a"))), IsADirectory { .. }));
    assert!(matches!(try_edit(&|edit| edit.unlink(&path("none"))), NotFound { .. }));
    assert!(matches!(try_edit(&|edit| edit.rmdir(&path("a"))), NotEmpty { .. }));
    assert!(matches!(try_edit(&|edit| edit.rmdir(&path("f"))), NotADirectory { .. }));
    assert!(matches!(try_edit(&|edit| edit.rename(&path("a"), &path("a/b/x"))), IntoItself { .. }));
    assert!(matches!(try_edit(&|edit| edit.rename(&path("f"), &path("a"))), IsADirectory { .. }));
    assert!(matches!(try_edit(&|edit| edit.rename(&path("a"), &path("f"))), Exists { .. }));
    assert!(matches!(try_edit(&|edit| edit.copy(&path("a"), &path("x")).map(|_| ())), IsADirectory { .. }));
    assert!(matches!(try_edit(&|edit| edit.unlink(&path("/"))), DriveError::Path { .. }));
    assert!(matches!(
        try_edit(&|edit| edit.put(&path("a/../x"), &file(0)).map(|_| ())),
        DriveError::Path { .. }
    ));
    assert!(matches!(list(&drive, "f", false), Err(NotADirectory { .. })));
    assert!(matches!(list(&drive, "none", false), Err(NotFound { .. })));
    assert_eq!(drive.version(), 3, "nothing of all that was written");
}

#[test]
fn a_directory_needs_no_entry_and_may_get_one() {
    let mut drive = memory();
    put(&mut drive, "a/b/c", 1);
    let made = |drive: &Memory, text: &str| view(drive).lstat(&path(text)).unwrap();
    assert_eq!((made(&drive, "a").seq, made(&drive, "a").stat.is_directory()), (None, true));
    edit(&mut drive, |edit| edit.mkdir(&path("a"), &Stat::directory(0o700))).unwrap();
    assert_eq!((made(&drive, "a").seq, made(&drive, "a").stat.permissions()), (Some(2), 0o700));
    assert_eq!(names(&drive, "/", false), ["a"]);
    assert_eq!(names(&drive, "/a", false), ["a/b"]);
    assert_eq!(names(&drive, "/", true), ["a", "a/b/c"]);
    edit(&mut drive, |edit| edit.unlink(&path("a/b/c"))).unwrap();
    assert!(matches!(view(&drive).lstat(&path("a/b")), Err(DriveError::NotFound { .. })));
    edit(&mut drive, |edit| edit.rmdir(&path("a"))).unwrap();
    assert!(names(&drive, "/", true).is_empty());
}

#[test]
fn whole_directories_are_moved_and_removed() {
    let mut drive = memory();
    for (nth, name) in ["a/1", "a/b/2", "a/b/c/3", "ab"].into_iter().enumerate() {
        put(&mut drive, name, nth as u64 + 1);
    }
    edit(&mut drive, |edit| edit.mkdir(&path("a/b"), &Stat::directory(0o750))).unwrap();
    edit(&mut drive, |edit| edit.rename(&path("a"), &path("x/y"))).unwrap();
    assert_eq!(names(&drive, "/", true), ["ab", "x/y/1", "x/y/b", "x/y/b/2", "x/y/b/c/3"]);
    assert_eq!(view(&drive).stat(&path("x/y/b/c/3")).unwrap().stat.size, 3);
    edit(&mut drive, |edit| edit.rename(&path("ab"), &path("x/y/1"))).unwrap();
    assert_eq!(view(&drive).stat(&path("x/y/1")).unwrap().stat.size, 4);
    assert_eq!(edit(&mut drive, |edit| edit.remove(&path("x/y/b"), 2)).unwrap(), 2);
    assert_eq!(edit(&mut drive, |edit| edit.remove(&path("x/y/b"), 2)).unwrap(), 1);
    assert_eq!(names(&drive, "/", true), ["x/y/1"]);
    edit(&mut drive, |edit| edit.copy(&path("x/y/1"), &path("z"))).unwrap();
    assert_eq!(view(&drive).stat(&path("z")).unwrap().stat, view(&drive).stat(&path("x/y/1")).unwrap().stat);
    // An older version is as it was.
    assert_eq!(View::new(&drive, 5).stat(&path("a/b/c/3")).unwrap().stat.size, 3);
}

#[test]
fn changes_leave_out_neighbours_that_were_only_written_again() {
    let mut drive = memory();
    for name in ["a", "b", "c", "d"] {
        put(&mut drive, name, 1);
    }
    let older = drive.version();
    edit(&mut drive, |edit| edit.unlink(&path("b"))).unwrap();
    edit(&mut drive, |edit| edit.update(&path("c"), |stat| stat.set_permissions(0o600))).unwrap();
    assert_eq!(
        changes(&drive, older, ""),
        [(ChangeKind::Delete, "b".to_owned()), (ChangeKind::Put, "c".to_owned())]
    );
}

#[test]
fn tags_are_named_versions() {
    let mut drive = memory();
    for (name, version) in [("v1", 1), ("v/2", 2), ("v1", 3)] {
        edit(&mut drive, |edit| edit.put_tag(name, version)).unwrap();
    }
    assert_eq!((view(&drive).tag("v1").unwrap(), view(&drive).tag("v/2").unwrap()), (Some(3), Some(2)));
    assert!(edit(&mut drive, |edit| edit.delete_tag("v1")).unwrap());
    assert!(!edit(&mut drive, |edit| edit.delete_tag("v1")).unwrap());
    assert_eq!(view(&drive).tags().unwrap(), [("v/2".to_owned(), 2)]);
    assert!(edit(&mut drive, |edit| edit.put_tag("", 1)).is_err());
    assert!(names(&drive, "/", true).is_empty(), "tags are hidden");
}

#[test]
fn another_trie_is_no_drive() {
    let plain = Header::default();
    assert!(matches!(content_key(&plain), Err(DriveError::NotADrive)));
    let short = Header { metadata: Some(vec![1; 31]), ..plain };
    assert!(matches!(content_key(&short), Err(DriveError::NotADrive)));
    assert_eq!(content_key(&header(CONTENT)).unwrap(), CONTENT);
}

#[test]
fn a_block_that_is_missing_is_named() {
    let mut whole = memory();
    put(&mut whole, "a/b", 1);
    put(&mut whole, "c", 2);
    // The first blocks are not here.
    struct Lacking(Vec<Bytes>);
    impl crate::Blocks for Lacking {
        fn length(&self) -> u64 {
            self.0.length()
        }
        fn block(&self, seq: u64) -> Result<Option<Bytes>, dazaar_log::LogError> {
            if seq < 2 { Ok(None) } else { self.0.block(seq) }
        }
    }
    let drive = Trie::new(Lacking(whole.blocks().clone()));
    let view = View::new(&drive, drive.version());
    assert_eq!(view.stat(&path("c")).unwrap().stat.size, 2);
    assert_eq!(view.stat(&path("a/b")).unwrap_err().missing(), Some(1));
    assert_eq!(view.stat(&path("a")).unwrap_err().missing(), Some(1));
    let mut list = view.readdir(&path(""), false).unwrap();
    let mut found = Vec::new();
    let missing = loop {
        match list.next(&view) {
            Ok(Some(entry)) => found.push(entry.path),
            Ok(None) => break None,
            Err(error) => break error.missing(),
        }
    };
    assert_eq!(missing, Some(1));
    let mut batch = Batch::new(&drive);
    let put = Edit::new(&mut batch, &drive).put(&path("a/b/c"), &file(1));
    assert_eq!(put.unwrap_err().missing(), Some(1));
}
