//! Paths as npm hyperdrive reads them.

use super::support::path;
use crate::hyperdrive::*;

#[test]
fn paths_are_read_as_javascript_reads_them() {
    for (text, expected) in [
        ("", ""),
        ("/", ""),
        ("//", ""),
        ("a", "a"),
        ("/a/b/", "a/b"),
        ("\\a\\\\b", "a/b"),
        ("./a", "a"),
        ("/./a", "./a"),
        ("a/../b", "a/../b"),
        ("..", ".."),
        ("c:x", "c:x"),
        (".hidden", ".hidden"),
    ] {
        assert_eq!(path(text).as_str(), expected, "{text:?}");
    }
}

#[test]
fn links_lead_to_places_within_the_drive() {
    for (link, target, expected) in [
        ("a", "b", "b"),
        ("dir/a", "b", "dir/b"),
        ("dir/a", "../b", "b"),
        ("dir/a", "../../../etc/passwd", "etc/passwd"),
        ("dir/a", "/b/./c", "b/c"),
        ("dir/a", "..\\b", "b"),
        ("a", "/", ""),
        ("dir/sub/a", ".", "dir/sub"),
    ] {
        assert_eq!(path(link).resolve(target).as_str(), expected, "{link} -> {target}");
    }
}

#[test]
fn parts_of_a_path() {
    let deep = path("a/b/c");
    assert_eq!(deep.name(), Some("c"));
    assert_eq!(deep.parent(), Some(path("a/b")));
    assert_eq!(path("a").parent(), Some(path("")));
    assert_eq!(path("").parent(), None);
    assert_eq!(deep.below(&path("a")), Some("b/c"));
    assert_eq!(deep.below(&path("")), Some("a/b/c"));
    assert_eq!(deep.below(&path("a/b/c")), Some(""));
    assert_eq!(path("ab").below(&path("a")), None);
    assert_eq!(path("a").join("x/y"), path("a/x/y"));
    assert_eq!(path("").join("x"), path("x"));
    assert_eq!(deep.to_string(), "/a/b/c");
}

#[test]
fn what_other_programs_would_not_read_is_not_written() {
    let rule = |text: &str| match path(text).check_writable() {
        Err(DriveError::Path { rule, .. }) => Some(rule),
        _ => None,
    };
    assert_eq!(rule("/"), Some(PathRule::Root));
    assert_eq!(rule("a/../b"), Some(PathRule::Dots));
    assert_eq!(rule("a/./b"), Some(PathRule::Dots));
    assert_eq!(rule("a\0"), Some(PathRule::Nul));
    assert_eq!(rule(&"a/".repeat(10_000)), Some(PathRule::TooLong { bytes: 19_999 }));
    assert_eq!(rule("..a/b.."), None);
}
