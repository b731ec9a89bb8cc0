//! Random changes of drives that are mounted in each other, against maps of paths.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::support::*;
use crate::hyperdrive::*;
use crate::limits::MAX_MOUNT_DEPTH;

const DRIVES: u8 = 3;

#[derive(Debug, Clone)]
enum Op {
    Put(String, u64),
    Symlink(String, String),
    Unlink(String),
    Mount(String, u8, bool),
    Unmount(String),
}

fn any_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "idgcmnmna", "mpomeiehc"]), 1..4)
        .prop_map(|names| names.join("/"))
}

fn op() -> impl Strategy<Value = (u8, Op)> {
    let op = prop_oneof![
        3 => (any_path(), 1..9_u64).prop_map(|(path, size)| Op::Put(path, size)),
        1 => (any_path(), any_path()).prop_map(|(path, target)| Op::Symlink(path, format!("/{target}"))),
        1 => any_path().prop_map(Op::Unlink),
        3 => (any_path(), 0..DRIVES, prop::bool::weighted(0.3)).prop_map(|(path, nth, is_pinned)| Op::Mount(path, nth, is_pinned)),
        1 => any_path().prop_map(Op::Unmount),
    ];
    (0..DRIVES, op)
}

/// What is in one version of a drive.
type Tree = BTreeMap<String, Stat>;

/// Every version of each drive.
struct Model([BTreeMap<u64, Tree>; DRIVES as usize]);

/// A version of a drive, and its number.
type At<'a> = (u8, u64, &'a Tree);

impl Model {
    fn at(&self, nth: u8, version: Option<u64>) -> At<'_> {
        let versions = &self.0[usize::from(nth)];
        let (&version, tree) = match version {
            Some(version) => versions.range(..=version).next_back().unwrap(),
            None => versions.last_key_value().unwrap(),
        };
        (nth, version, tree)
    }

    fn mounted(&self, mount: &Mount) -> At<'_> {
        self.at(mount.key.0[0], mount.version)
    }

    /// What is at a path, in which drive, and where there.
    fn stat<'a>(&'a self, at: At<'a>, path: &str, depth: usize) -> Option<(At<'a>, String, Stat)> {
        let mut place = path.to_owned();
        for _ in 0..=40 {
            if place.is_empty() || has_below(at.2, &place) {
                let stat = at.2.get(&place).cloned().unwrap_or_else(Stat::implicit_directory);
                return Some((at, place, stat));
            }
            let Some(stat) = at.2.get(&place) else {
                let (mount, rest) =
                    way(&place).find_map(|(way, rest)| Some((at.2.get(way)?.mount.as_ref()?, rest)))?;
                let deeper = (depth < MAX_MOUNT_DEPTH).then_some(depth + 1)?;
                return self.stat(self.mounted(mount), rest, deeper);
            };
            match stat.target() {
                Some(target) => place = target.trim_start_matches('/').to_owned(),
                None => return Some((at, place.clone(), stat.clone())),
            }
        }
        None
    }

    /// What a walk comes by, and how often it would have entered a drive.
    fn walk(&self, above: &[(u8, u64)], at: At<'_>, seen: &str, found: &mut Vec<String>) {
        for (path, stat) in at.2 {
            let path = if seen.is_empty() { path.clone() } else { format!("{seen}/{path}") };
            found.push(path.clone());
            let Some(mount) = &stat.mount else { continue };
            let inner = self.mounted(mount);
            let above = [above, &[(at.0, at.1)]].concat();
            if above.len() > MAX_MOUNT_DEPTH {
                found.push(path);
            } else if !above.contains(&(inner.0, inner.1)) {
                self.walk(&above, inner, &path, found);
            }
        }
    }
}

fn has_below(tree: &Tree, directory: &str) -> bool {
    tree.keys().any(|path| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/')))
}

/// The directories on the way to a path, and what is left of it there.
fn way(path: &str) -> impl Iterator<Item = (&str, &str)> {
    path.match_indices('/').map(|(end, _)| (&path[..end], &path[end + 1..]))
}

/// Makes a change of a tree, unless it has to be refused.
fn change(tree: &mut Tree, op: &Op, mount: impl FnOnce(u8, bool) -> Mount) -> bool {
    let has_way = |tree: &Tree, path: &str| {
        way(path).all(|(way, _)| tree.get(way).is_none_or(|stat| stat.is_directory() && stat.mount.is_none()))
    };
    let is_free = |tree: &Tree, path: &str| !tree.contains_key(path) && !has_below(tree, path);
    match op {
        Op::Put(path, size)
            if has_way(tree, path)
                && !has_below(tree, path)
                && tree.get(path).is_none_or(|stat| !stat.is_directory()) =>
        {
            tree.insert(path.clone(), file(*size));
        }
        Op::Symlink(path, target) if has_way(tree, path) && is_free(tree, path) => {
            tree.insert(path.clone(), Stat::symlink(target));
        }
        Op::Unlink(path) if tree.get(path).is_some_and(|stat| !stat.is_directory()) => {
            tree.remove(path);
        }
        Op::Mount(path, nth, is_pinned) if has_way(tree, path) && is_free(tree, path) => {
            let stat = Stat { mount: Some(mount(*nth, *is_pinned)), ..Stat::directory(0o755) };
            tree.insert(path.clone(), stat);
        }
        Op::Unmount(path) if tree.get(path).is_some_and(|stat| stat.mount.is_some()) => {
            tree.remove(path);
        }
        _ => return false,
    }
    true
}

fn apply(drive: &mut Memory, op: &Op, mount: impl FnOnce(u8, bool) -> Mount) -> bool {
    let done = edit(drive, |edit| match op {
        Op::Put(at, size) => edit.put(&path(at), &file(*size)).map(drop),
        Op::Symlink(at, target) => edit.symlink(&path(at), &Stat::symlink(target)).map(drop),
        Op::Unlink(at) => edit.unlink(&path(at)),
        Op::Mount(at, nth, is_pinned) => {
            edit.mount(&path(at), mount(*nth, *is_pinned), Stat::directory(0o755)).map(drop)
        }
        Op::Unmount(at) => edit.unmount(&path(at)),
    });
    assert!(!matches!(done, Err(DriveError::Trie(_) | DriveError::Stat { .. })), "{done:?}");
    done.is_ok()
}

proptest! {
    #[test]
    fn mounted_drives_are_what_their_changes_make_them(
        ops in prop::collection::vec(op(), 1..40),
        paths in prop::collection::vec(prop::collection::vec(any_path(), 1..4), 10),
    ) {
        let mut world = World::new(DRIVES);
        let mut model = Model([(); DRIVES as usize].map(|()| BTreeMap::from([(1, Tree::new())])));
        for (nth, op) in &ops {
            let versions: Vec<u64> = world.0.values().map(Memory::version).collect();
            let mount = |target: u8, is_pinned: bool| {
                mount_of(target, is_pinned.then_some(versions[usize::from(target)]))
            };
            let mut tree = model.at(*nth, None).2.clone();
            let is_done = change(&mut tree, op, mount);
            prop_assert_eq!(apply(world.drive(*nth), op, mount), is_done, "{:?}", op);
            model.0[usize::from(*nth)].insert(world.drive(*nth).version(), tree);
        }
        let root = model.at(0, None);
        for text in paths.iter().map(|parts| parts.join("/")).chain(ops.iter().map(|(_, op)| match op {
            Op::Put(path, _) | Op::Symlink(path, _) | Op::Unlink(path) | Op::Mount(path, ..) | Op::Unmount(path) => path.clone(),
        })) {
            let expected = model.stat(root, &text, 0);
            let found = world.stat(&text).ok();
            prop_assert_eq!(
                found.map(|entry| (entry.path, entry.stat)),
                expected.as_ref().map(|(_, path, stat)| (path.clone(), stat.clone())),
                "{}", text
            );
        }
        for (nth, drive) in (0..).zip(world.0.values()) {
            let mut mounts: Vec<String> = view(drive).mounts().unwrap().into_iter().map(|mount| mount.path.as_str().to_owned()).collect();
            mounts.sort();
            let tree = model.at(nth, None).2;
            let expected: Vec<String> = tree.iter().filter(|(_, stat)| stat.mount.is_some()).map(|(path, _)| path.clone()).collect();
            prop_assert_eq!(mounts, expected);
        }
        let found = world.walk(key(0), "", Reach::Mounts).unwrap();
        let is_cut = |found: &Found| {
            matches!(found.entry, Err(DriveError::TooManyMounts { .. } | DriveError::MountedOften { .. }))
        };
        if !found.iter().any(is_cut) {
            let mut expected = Vec::new();
            model.walk(&[], root, "", &mut expected);
            expected.sort();
            prop_assert_eq!(found.into_iter().map(|found| found.path).collect::<Vec<_>>(), expected);
        }
    }
}
