use proptest::prelude::*;

use super::*;

fn all_digits(key: &str) -> String {
    let path = Path::new(key);
    (0..=path.digits()).map(|index| char::from(b'0' + path.digit(index))).collect()
}

#[test]
fn known_digits() {
    for (key, digits) in [
        ("", "4"),
        ("a", "120120223012130300210200200321124"),
        ("hello", "123220113133203213111311100303024"),
        ("a/b", "12012022301213030021020020032112012322203113031301013202232233234"),
        ("\u{e9}", "021010212313030010121001102331114"),
        ("idgcmnmna", "003001310001333010121003203010224"),
        ("mpomeiehc", "003001310001333010121003203010224"),
    ] {
        assert_eq!(all_digits(key), digits, "{key}");
    }
}

#[test]
fn slashes_at_the_ends_are_read_as_javascript_reads_them() {
    for (key, text, components) in [
        ("", "", &[][..]),
        ("/", "", &[]),
        ("//", "/", &[]),
        ("///", "//", &[""]),
        ("a/", "a/", &["a"]),
        ("/a", "a", &["a"]),
        ("//a", "/a", &["a"]),
        ("///a", "//a", &["", "a"]),
        ("a//b", "a//b", &["a", "", "b"]),
        ("a//", "a//", &["a", ""]),
        ("a/b/c", "a/b/c", &["a", "b", "c"]),
    ] {
        let path = Path::new(key);
        let found: Vec<&str> = (0..path.len()).map(|nth| path.component(nth).unwrap()).collect();
        assert_eq!((path.text(), &found[..]), (text, components), "{key:?}");
        assert_eq!(path.component(path.len()), None);
    }
}

/// What JavaScript does, word for word.
fn split_naively(key: &str) -> Vec<&str> {
    let text = key.strip_prefix('/').unwrap_or(key);
    let mut list: Vec<&str> = text.split('/').collect();
    if list.first() == Some(&"") {
        list.remove(0);
    }
    if list.last() == Some(&"") {
        list.pop();
    }
    list
}

proptest! {
    #[test]
    fn components_are_those_of_javascript(key in "[/ab\u{e9}]{0,9}") {
        let path = Path::new(&key);
        let found: Vec<&str> = (0..path.len()).map(|nth| path.component(nth).unwrap()).collect();
        prop_assert_eq!(found, split_naively(&key));
    }

    #[test]
    fn differences_are_found_where_digits_differ(a in "[ab]{1,2}(/[ab]{1,2}){0,3}", b in "[ab]{1,2}(/[ab]{1,2}){0,3}", from in 0..140_usize) {
        let (a, b) = (Path::new(&a), Path::new(&b));
        let end = a.digits().max(b.digits()) + 1;
        let expected = (from..end).find(|&index| a.digit(index) != b.digit(index));
        // Beyond the end of one of them nothing is asked.
        prop_assume!(from <= a.digits().min(b.digits()));
        prop_assert_eq!(a.first_difference(&b, from), expected);
    }
}
