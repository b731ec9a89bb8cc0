//! A file that is written anew from its beginning, of which stays what is the same: whoever follows it sees only what is added.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file that is being written. Clones are the same: one writes, another knows when that is all.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Mutex<State>>);

struct State {
    file: BufWriter<File>,
    before: Before,
    /// How much was written.
    at: u64,
}

/// What was in the file before.
enum Before {
    /// Nothing that is left: what is written goes to the file. Also of pipes and devices.
    Nothing,
    /// The same as was written, until now.
    Same(BufReader<File>),
    /// What we may not read.
    Unknown,
}

impl Kept {
    /// Opens a file, or makes it. What it held stays until something else is written, or [`finish`](Self::finish).
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        let before = match file.metadata()?.is_file() {
            true => File::open(path).map_or(Before::Unknown, |file| Before::Same(BufReader::new(file))),
            false => Before::Nothing,
        };
        Ok(Self(Arc::new(Mutex::new(State { file: BufWriter::new(file), before, at: 0 }))))
    }

    /// Whether anything was written.
    pub(crate) fn is_begun(&self) -> bool {
        self.state().at > 0
    }

    /// What was written is all: afterwards the file holds nothing else. More may be added.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let mut state = self.state();
        state.file.flush()?;
        state.differ()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// From here on it is written.
    fn differ(&mut self) -> io::Result<()> {
        if matches!(self.before, Before::Nothing) {
            return Ok(());
        }
        let file = self.file.get_mut();
        if file.metadata()?.len() > self.at {
            file.set_len(self.at)?;
        }
        file.seek(SeekFrom::Start(self.at))?;
        self.before = Before::Nothing;
        Ok(())
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        if let Before::Same(before) = &mut state.before {
            let mut there = Vec::with_capacity(bytes.len());
            before.by_ref().take(bytes.len() as u64).read_to_end(&mut there)?;
            let same = bytes.iter().zip(&there).take_while(|(one, other)| one == other).count();
            state.at += same as u64;
            if same == bytes.len() {
                return Ok(same);
            }
            state.differ()?;
            if same > 0 {
                return Ok(same);
            }
        }
        state.differ()?;
        let written = state.file.write(bytes)?;
        state.at += written as u64;
        Ok(written)
    }

    /// What was written can be read by others. What was there before and may come yet stays.
    fn flush(&mut self) -> io::Result<()> {
        self.state().file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_the_same_stays_and_the_rest_is_written() {
        let scene = tempfile::tempdir().expect("a folder");
        let path = scene.path().join("rows");
        let write = |before: &str, parts: &[&str]| {
            fs::write(&path, before).expect("a file");
            // A second name shows whether it was written anew.
            let mut kept = Kept::open(&path).expect("it can be opened");
            let mut shortest = before.len() as u64;
            for part in parts {
                kept.write_all(part.as_bytes()).expect("it can be written");
                shortest = shortest.min(fs::metadata(&path).expect("it is there").len());
                kept.flush().expect("it can be written");
            }
            kept.finish().expect("it can be written");
            (fs::read_to_string(&path).expect("text"), shortest)
        };
        assert_eq!(
            write("a\nb\n", &["a\n", "b\n", "c\n"]),
            ("a\nb\nc\n".to_owned(), 4),
            "it never was shorter"
        );
        assert_eq!(write("a\nb\nmine\n", &["a\n", "b\n", "c\n"]).0, "a\nb\nc\n");
        assert_eq!(write("a\nx\n", &["a\n", "b\n"]), ("a\nb\n".to_owned(), 2));
        assert_eq!(write("other\n", &["a\n"]).0, "a\n");
        assert_eq!(write("", &["a\n"]).0, "a\n");
        assert_eq!(write("a\nb\n", &["a\n"]).0, "a\n", "and what is more goes");
        assert_eq!(write("a\n", &[]).0, "", "also if nothing is written");
    }

    #[test]
    fn what_may_come_yet_stays_and_what_comes_after_all_is_added() {
        let scene = tempfile::tempdir().expect("a folder");
        let path = scene.path().join("rows");
        fs::write(&path, "a\nb\nc\n").expect("a file");
        let holds = |text| assert_eq!(fs::read_to_string(&path).expect("text"), text);
        let mut kept = Kept::open(&path).expect("it can be opened");
        kept.write_all(b"a\n").expect("it can be written");
        kept.flush().expect("it can be written");
        holds("a\nb\nc\n");
        let other = kept.clone();
        other.finish().expect("it can be cut");
        holds("a\n");
        kept.write_all(b"x\n").expect("it can be written");
        other.finish().expect("it is whole");
        holds("a\nx\n");
    }

    #[test]
    fn what_cannot_be_read_stays_until_something_is_written() {
        let scene = tempfile::tempdir().expect("a folder");
        let path = scene.path().join("rows");
        fs::write(&path, "a\nb\n").expect("a file");
        let file = File::options().write(true).open(&path).expect("it can be opened");
        // As of a file that may only be written: whoever runs this may read everything.
        let state = State { file: BufWriter::new(file), before: Before::Unknown, at: 0 };
        let mut kept = Kept(Arc::new(Mutex::new(state)));
        kept.flush().expect("nothing is written");
        assert_eq!(fs::read_to_string(&path).expect("text"), "a\nb\n");
        kept.write_all(b"a\n").expect("it can be written");
        kept.flush().expect("it can be written");
        assert_eq!(fs::read_to_string(&path).expect("text"), "a\n");
    }
}
