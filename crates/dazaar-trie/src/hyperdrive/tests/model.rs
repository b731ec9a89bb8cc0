//! Random changes against a map of paths.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::support::*;
use crate::hyperdrive::*;

#[derive(Debug, Clone)]
enum Op {
    Put(String, u64),
    Mkdir(String),
    Symlink(String, String),
    Unlink(String),
    Rmdir(String),
    Rename(String, String),
    Copy(String, String),
}

fn any_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "idgcmnmna", "mpomeiehc"]), 1..4)
        .prop_map(|names| names.join("/"))
}

fn op() -> impl Strategy<Value = Op> {
    let pair = || (any_path(), any_path());
    prop_oneof![
        4 => (any_path(), 1..9_u64).prop_map(|(path, size)| Op::Put(path, size)),
        2 => any_path().prop_map(Op::Mkdir),
        1 => pair().prop_map(|(path, target)| Op::Symlink(path, format!("/{target}"))),
        2 => any_path().prop_map(Op::Unlink),
        1 => any_path().prop_map(Op::Rmdir),
        1 => pair().prop_map(|(from, to)| Op::Rename(from, to)),
        1 => pair().prop_map(|(from, to)| Op::Copy(from, to)),
    ]
}

/// Entries by path.
#[derive(Debug, Clone, Default)]
struct Model(BTreeMap<String, Stat>);

impl Model {
    fn is_below(path: &str, directory: &str) -> bool {
        path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
    }

    fn has_below(&self, directory: &str) -> bool {
        self.0.keys().any(|path| Self::is_below(path, directory))
    }

    fn lstat(&self, path: &str) -> Option<Stat> {
        let implicit = || self.has_below(path).then(Stat::implicit_directory);
        self.0.get(path).cloned().or_else(implicit)
    }

    fn stat(&self, path: &str) -> Option<Stat> {
        let mut place = path.to_owned();
        for _ in 0..41 {
            let stat = self.lstat(&place)?;
            let Some(target) = stat.target() else { return Some(stat) };
            place = target.trim_start_matches('/').to_owned();
        }
        None
    }

    fn has_way(&self, path: &str) -> bool {
        path.match_indices('/').all(|(end, _)| self.0.get(&path[..end]).is_none_or(Stat::is_directory))
    }

    fn may_put(&self, path: &str) -> bool {
        self.has_way(path) && self.lstat(path).is_none_or(|stat| !stat.is_directory())
    }

    /// Makes a change, unless it has to be refused.
    fn apply(&mut self, op: &Op) -> bool {
        match op {
            Op::Put(path, size) if self.may_put(path) => {
                self.0.insert(path.clone(), file(*size));
            }
            Op::Mkdir(path) if self.has_way(path) && !self.0.contains_key(path) => {
                self.0.insert(path.clone(), Stat::directory(0o700));
            }
            Op::Symlink(path, target) if self.has_way(path) && self.lstat(path).is_none() => {
                self.0.insert(path.clone(), Stat::symlink(target));
            }
            Op::Unlink(path) if self.0.get(path).is_some_and(|stat| !stat.is_directory()) => {
                self.0.remove(path);
            }
            Op::Rmdir(path) if self.0.get(path).is_some_and(Stat::is_directory) && !self.has_below(path) => {
                self.0.remove(path);
            }
            Op::Rename(from, to) => return self.rename(from, to),
            Op::Copy(from, to) => {
                let stat = self.stat(from).filter(|stat| stat.kind() == Kind::File);
                let Some(stat) = stat.filter(|_| self.may_put(to)) else { return false };
                self.0.insert(to.clone(), stat);
            }
            _ => return false,
        }
        true
    }

    fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(stat) = self.lstat(from) else { return false };
        if from == to {
            return true;
        }
        if Self::is_below(to, from) {
            return false;
        }
        if !stat.is_directory() {
            if !self.may_put(to) {
                return false;
            }
            self.0.remove(from);
            self.0.insert(to.to_owned(), stat);
            return true;
        }
        if !self.has_way(to) || self.lstat(to).is_some() {
            return false;
        }
        let moved: Vec<String> =
            self.0.keys().filter(|path| *path == from || Self::is_below(path, from)).cloned().collect();
        for path in moved {
            let stat = self.0.remove(&path).unwrap();
            self.0.insert(format!("{to}{}", &path[from.len()..]), stat);
        }
        true
    }

    fn children(&self, directory: &str) -> Vec<String> {
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let mut names: Vec<String> = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix(&prefix))
            .map(|rest| format!("{prefix}{}", rest.split('/').next().unwrap()))
            .collect();
        names.dedup();
        names
    }
}

fn apply(drive: &mut Memory, op: &Op) -> bool {
    let done = edit(drive, |edit| match op {
        Op::Put(place, size) => edit.put(&path(place), &file(*size)).map(|_| ()),
        Op::Mkdir(place) => edit.mkdir(&path(place), &Stat::directory(0o700)).map(|_| ()),
        Op::Symlink(place, target) => edit.symlink(&path(place), &Stat::symlink(target)).map(|_| ()),
        Op::Unlink(place) => edit.unlink(&path(place)),
        Op::Rmdir(place) => edit.rmdir(&path(place)),
        Op::Rename(from, to) => edit.rename(&path(from), &path(to)),
        Op::Copy(from, to) => edit.copy(&path(from), &path(to)).map(|_| ()),
    });
    assert!(!matches!(done, Err(DriveError::Trie(_) | DriveError::Stat { .. })), "{done:?}");
    done.is_ok()
}

proptest! {
    #[test]
    fn a_drive_is_what_its_changes_make_it(ops in prop::collection::vec(op(), 1..60), cut in 0..60_usize) {
        let (mut drive, mut model) = (memory(), Model::default());
        let mut older = (drive.version(), model.clone());
        for (nth, op) in ops.iter().enumerate() {
            if nth == cut {
                older = (drive.version(), model.clone());
            }
            prop_assert_eq!(apply(&mut drive, op), model.apply(op), "{:?}", op);
        }
        let all: BTreeMap<String, Stat> =
            list(&drive, "/", true).unwrap().into_iter().map(|entry| (entry.path, entry.stat)).collect();
        prop_assert_eq!(&all, &model.0);
        for directory in ["", "a", "b/a", "idgcmnmna"] {
            let expected = match model.stat(directory) {
                _ if directory.is_empty() => Some(model.children(directory)),
                Some(stat) if stat.is_directory() => {
                    let place = view(&drive).stat(&path(directory)).unwrap().path;
                    Some(model.children(&place))
                }
                _ => None,
            };
            let told = list(&drive, directory, false).ok().map(|entries| {
                let mut names: Vec<String> = entries.into_iter().map(|entry| entry.path).collect();
                names.sort();
                names
            });
            let expected = expected.map(|mut names| { names.sort(); names.dedup(); names });
            prop_assert_eq!(told, expected, "{:?}", directory);
        }
        let (version, before) = older;
        let mut expected: Vec<(ChangeKind, String)> = Vec::new();
        for path in before.0.keys().chain(model.0.keys()) {
            let kind = if model.0.contains_key(path) { ChangeKind::Put } else { ChangeKind::Delete };
            if before.0.get(path) != model.0.get(path) {
                expected.push((kind, path.clone()));
            }
        }
        expected.sort_by(|a, b| a.1.cmp(&b.1));
        expected.dedup();
        prop_assert_eq!(changes(&drive, version, "/"), expected);
    }
}
