//! A file that is written anew from its beginning, of which stays what is the same: whoever follows it sees only what is added.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

/// A file that is being written.
pub(crate) struct Kept {
    file: BufWriter<File>,
    /// What was in it before, as far as it was the same until now; none once something differed, and of pipes and devices.
    before: Option<BufReader<File>>,
    /// How much was written.
    at: u64,
}

impl Kept {
    /// Opens a file, or makes it. What it held stays until something else is written, or it is flushed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        let mut before = None;
        if file.metadata()?.is_file() {
            match File::open(path) {
                Ok(reader) => before = Some(BufReader::new(reader)),
                // What cannot be read is written all the same.
                Err(_) => file.set_len(0)?,
            }
        }
        Ok(Self { file: BufWriter::new(file), before, at: 0 })
    }

    /// Whether anything was written.
    pub(crate) const fn is_begun(&self) -> bool {
        self.at > 0
    }

    /// From here on it is written.
    fn differ(&mut self) -> io::Result<()> {
        self.before = None;
        self.file.get_ref().set_len(self.at)?;
        self.file.seek(SeekFrom::Start(self.at)).map(drop)
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(before) = &mut self.before {
            let mut there = Vec::with_capacity(bytes.len());
            before.by_ref().take(bytes.len() as u64).read_to_end(&mut there)?;
            let same = bytes.iter().zip(&there).take_while(|(one, other)| one == other).count();
            self.at += same as u64;
            if same == bytes.len() {
                return Ok(same);
            }
            self.differ()?;
            if same > 0 {
                return Ok(same);
            }
        }
        let written = self.file.write(bytes)?;
        self.at += written as u64;
        Ok(written)
    }

    /// Afterwards the file holds what was written, and nothing else.
    fn flush(&mut self) -> io::Result<()> {
        if self.before.is_some() && self.file.get_ref().metadata()?.len() > self.at {
            self.differ()?;
        }
        self.file.flush()
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
            }
            kept.flush().expect("it can be written");
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
}
