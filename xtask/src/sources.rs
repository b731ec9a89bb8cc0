//! What every Rust file keeps to: a header, a size, plain ASCII, and no promises to come back later.
//!
//! Grade: tool.

use std::fs;
use std::path::{Path, PathBuf};

use crate::complain;
use crate::run::{Outcome, root};

/// Lines of a file without its tests; beyond that it is two files.
const FILE_LINES_MAX: usize = 700;

/// Words that promise to come back later, split so that this file does not accuse itself.
const PROMISES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Looks at every Rust file of the repository.
pub(crate) fn verify() -> Outcome {
    let mut files = Vec::new();
    for folder in ["crates", "sim", "xtask", "fuzz", "tools"] {
        collect(&root().join(folder), &mut files)?;
    }
    let mut complaints = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
        complaints.extend(
            faults(&text, is_test(&file)).into_iter().map(|(line, fault)| format!("{name}:{line}: {fault}")),
        );
    }
    complain(&complaints)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn is_test(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

/// The faults of one file, each with its line.
fn faults(text: &str, test: bool) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if let Some(promise) = PROMISES.iter().find(|promise| line.contains(**promise)) {
            faults.push((number, format!("{promise}: do it, or open an issue")));
        }
        if !test && !line.is_ascii() {
            faults.push((number, "not ASCII: use an escape".to_owned()));
        }
    }
    let lines = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().lines().count();
    if !test && lines > FILE_LINES_MAX {
        faults.push((lines, format!("{lines} lines without tests, at most {FILE_LINES_MAX}")));
    }
    if !test && !text.starts_with("//!") {
        faults.push((1, "starts without a `//!` header that says what it is".to_owned()));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_found() {
        assert_eq!(faults("//! A file.\n", false), []);
        let promise = format!("//! A file.\n// {}: later\n", PROMISES[0]);
        assert_eq!(faults(&promise, true).len(), 1);
        assert_eq!(faults("//! A file.\n// \u{2194}\n", false), [(2, "not ASCII: use an escape".to_owned())]);
        assert_eq!(faults("fn main() {}\n", false).len(), 1);
        assert_eq!(faults(&format!("//! Long.\n{}", "\n".repeat(FILE_LINES_MAX)), false).len(), 1);
        assert_eq!(faults(&"\n".repeat(2 * FILE_LINES_MAX), true), []);
    }
}
