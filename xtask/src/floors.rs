//! The floors of the house: which crate may use which.
//!
//! Grade: tool. Arrows only point down, and nothing on floor 1 knows its neighbour.

use crate::complain;
use crate::run::{Outcome, cargo_command, output};

/// The crates above which there is no socket, file, clock, thread or dice.
pub(crate) const PURE: [&str; 5] =
    ["dazaar-log", "dazaar-wire", "dazaar-trie", "dazaar-market", "dazaar-sim"];

/// Every crate, and the crates of this workspace that it may use.
const MAY_USE: [(&str, &[&str]); 21] = [
    ("dazaar-log", &[]),
    ("dazaar-wire", &["dazaar-log"]),
    ("dazaar-trie", &["dazaar-log"]),
    ("dazaar-market", &["dazaar-log"]),
    ("dazaar", &["dazaar-log", "dazaar-wire", "dazaar-trie", "dazaar-market"]),
    ("dazaar-pay", &["dazaar", "dazaar-log", "dazaar-market"]),
    ("dazaar-nwc", &["dazaar", "dazaar-log", "dazaar-market", "dazaar-pay"]),
    ("dazaar-cashu", &["dazaar", "dazaar-log", "dazaar-market"]),
    ("dazaar-evm", &["dazaar", "dazaar-log", "dazaar-market"]),
    ("dazaar-ldk", &["dazaar", "dazaar-log", "dazaar-market", "dazaar-pay"]),
    ("dazaar-iroh", &["dazaar"]),
    ("dazaar-table", &["dazaar-log"]),
    ("dazaar-data", &["dazaar", "dazaar-table"]),
    ("dazaar-sql", &["dazaar", "dazaar-table", "dazaar-data"]),
    ("dazaar-web", &["dazaar"]),
    ("dazaar-fuse", &["dazaar"]),
    ("dazaar-python", &["dazaar", "dazaar-table", "dazaar-data"]),
    (
        "dazaar-cli",
        &[
            "dazaar",
            "dazaar-pay",
            "dazaar-nwc",
            "dazaar-cashu",
            "dazaar-evm",
            "dazaar-iroh",
            "dazaar-table",
            "dazaar-data",
            "dazaar-sql",
            "dazaar-web",
            "dazaar-fuse",
        ],
    ),
    (
        "dazaar-fuzz",
        &[
            "dazaar-log",
            "dazaar-wire",
            "dazaar-trie",
            "dazaar-market",
            "dazaar-pay",
            "dazaar-cashu",
            "dazaar-evm",
            "dazaar-table",
        ],
    ),
    ("dazaar-sim", &["dazaar-log", "dazaar-wire"]),
    ("xtask", &[]),
];

/// What a pure crate may not have even far below it.
const IMPURE: [&str; 6] = ["tokio", "mio", "socket2", "rusqlite", "rustix", "ureq"];

/// Compares the dependencies that cargo sees with the lists above.
pub(crate) fn verify() -> Outcome {
    let members = packages(&["tree", "--workspace", "--depth", "0"])?;
    let mut complaints = Vec::new();
    for member in &members {
        match MAY_USE.iter().find(|(package, _)| package == member) {
            None => complaints.push(format!("{member} has no floor: add it to xtask/src/floors.rs")),
            Some((_, allowed)) => complaints.extend(wrong_edges(member, allowed, &members)?),
        }
    }
    for package in PURE {
        let below = packages(&["tree", "--package", package, "--edges", "normal"])?;
        let impure = below.iter().filter(|name| IMPURE.contains(&name.as_str()));
        complaints
            .extend(impure.map(|name| format!("{package} is pure, but something below it uses {name}")));
    }
    complain(&complaints)
}

fn wrong_edges(member: &str, allowed: &[&str], members: &[String]) -> Result<Vec<String>, String> {
    let used = packages(&["tree", "--package", member, "--depth", "1", "--target", "all", "--edges", "all"])?;
    let inside = used.into_iter().filter(|name| name != member && members.contains(name));
    let wrong = inside.filter(|name| !allowed.contains(&name.as_str()));
    Ok(wrong.map(|name| format!("{member} may not use {name}")).collect())
}

/// The names in the output of `cargo tree`, each once.
fn packages(arguments: &[&str]) -> Result<Vec<String>, String> {
    let text = output(cargo_command(arguments).args(["--prefix", "none", "--format", "{p}"]))?;
    let mut names: Vec<String> =
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    Ok(names)
}
