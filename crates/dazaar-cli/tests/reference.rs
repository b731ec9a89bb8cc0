//! The documents against the program: `docs/commands.md` is what `--help` prints, `docs/scripting.md` names every
//! event, field and exit code, every test that a document names exists, and every link leads somewhere.
//!
//! `UPDATE_DOCS=1 cargo test -p dazaar-cli --test reference` writes `docs/commands.md` anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Documents whose tables name tests in their last column.
const DOCUMENTS_WITH_TESTS: [&str; 2] = ["docs/security.md", "docs/deviations.md"];

const INTRODUCTION: &str = "\
# Commands

What `dazaar --help` and `dazaar <command> --help` print, for every command; the options of every command stand
here once. This page is generated: `UPDATE_DOCS=1 cargo test -p dazaar-cli --test reference` writes it, and the same
test compares it.

Step by step: [selling](guides/selling.md), [buying](guides/buying.md). Events and exit codes:
[scripting](scripting.md).
";

#[test]
fn the_commands_page_is_what_help_prints() {
    let mut page = INTRODUCTION.to_owned();
    describe(&[], &mut page);
    let path = root().join("docs/commands.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap();
    assert!(stored == page, "docs/commands.md is out of date: run this test with UPDATE_DOCS=1");
}

#[test]
fn the_scripting_page_names_every_event_and_exit_code() {
    let page = read("docs/scripting.md");
    let row = |first: &str| page.lines().find(|line| line.starts_with(&format!("| `{first}` |")));
    for (event, fields) in events(&read("crates/dazaar-cli/src/event.rs")) {
        let row = row(&event).unwrap_or_else(|| panic!("the event `{event}` is missing"));
        for field in fields {
            assert!(row.contains(&format!("`{field}`")), "the event `{event}` has a field `{field}`");
        }
    }
    for code in exit_codes(&read("crates/dazaar-cli/src/failure.rs")) {
        assert!(row(&code).is_some(), "the exit code {code} is missing");
    }
}

#[test]
fn the_tests_that_documents_name_exist() {
    let mut sources = String::new();
    for folder in ["crates", "fuzz", "sim", "tools", "xtask"] {
        for file in files(&root().join(folder), "rs") {
            sources.push_str(&fs::read_to_string(file).unwrap());
        }
    }
    for document in DOCUMENTS_WITH_TESTS {
        let names = tests_named_in(&read(document));
        assert!(!names.is_empty(), "{document} names no tests");
        for name in names {
            let exists = sources.contains(&format!("fn {name}(")) || sources.contains(&format!(" {name}: "));
            assert!(exists, "{document} names the test `{name}`, which does not exist");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let tops =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|name| root().join(name));
    for document in files(&root().join("docs"), "md").into_iter().chain(tops) {
        let text = fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            let is_here =
                path.is_empty() || path.contains("://") || document.parent().unwrap().join(path).exists();
            assert!(is_here, "{}: {target}", document.display());
        }
    }
}

/// Appends the help of a command, and of all commands below it.
fn describe(words: &[&str], page: &mut String) {
    let mut help = help(words);
    if !words.is_empty() {
        page.push_str(&format!("\n## dazaar {}\n", words.join(" ")));
        help = without_common_options(&help);
    }
    page.push_str(&format!("\n```text\n{}\n```\n", help.trim_end()));
    for command in commands_in(&help) {
        describe(&[words, &[command]].concat(), page);
    }
}

/// What `--help` prints where nothing about the user's machine is known.
fn help(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_dazaar"))
        .args(words)
        .arg("--help")
        .env_remove("COLUMNS")
        .env_remove("DAZAAR_DIR")
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{words:?}");
    let text = String::from_utf8(output.stdout).expect("help is text");
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The help without the section that every command has, which ends before the next line that is not indented.
fn without_common_options(help: &str) -> String {
    let (before, section) = help.split_once("Options of every command:\n").expect("every command has them");
    let is_indented = |line: &&str| line.trim_end().is_empty() || line.starts_with(' ');
    let after: String = section.split_inclusive('\n').skip_while(is_indented).collect();
    format!("{before}{after}")
}

/// The names below `Commands:`.
fn commands_in(help: &str) -> Vec<&str> {
    let below = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = below.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect()
}

/// Every event and its fields, from the source of the enum.
fn events(source: &str) -> Vec<(String, Vec<String>)> {
    let body = source
        .split("pub(crate) enum Event {")
        .nth(1)
        .and_then(|rest| rest.split("\n}\n").next())
        .expect("the enum is there");
    let is_code = |line: &&str| !["///", "#["].iter().any(|start| line.trim_start().starts_with(start));
    let code: String = body.lines().filter(is_code).collect();
    let variants = code.split('}').filter_map(|variant| variant.split_once('{'));
    variants
        .map(|(name, fields)| {
            let fields =
                fields.split(',').filter_map(|field| field.split_once(':')).map(|(name, _)| name.trim());
            (kebab(name.trim_matches([' ', ','])), fields.map(str::to_owned).collect())
        })
        .collect()
}

/// `BuyerValid` as serde writes it: `buyer-valid`.
fn kebab(name: &str) -> String {
    name.chars()
        .enumerate()
        .flat_map(|(index, char)| {
            let dash = (index > 0 && char.is_uppercase()).then_some('-');
            dash.into_iter().chain(char.to_lowercase())
        })
        .collect()
}

/// The numbers of `enum Kind`.
fn exit_codes(source: &str) -> Vec<String> {
    let body = source
        .split("pub(crate) enum Kind {")
        .nth(1)
        .and_then(|rest| rest.split('}').next())
        .expect("the enum is there");
    let codes = body.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "));
    codes.map(|(_, code)| code.to_owned()).collect()
}

/// Names in backticks in the last column of tables.
fn tests_named_in(document: &str) -> BTreeSet<String> {
    let rows = document.lines().filter(|line| line.starts_with("| ") && line.ends_with(" |"));
    let columns = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    let words = columns.flat_map(|column| column.split('`').skip(1).step_by(2));
    let is_name = |word: &str| {
        word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    words.filter(|word| word.contains('_') && is_name(word)).map(str::to_owned).collect()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
