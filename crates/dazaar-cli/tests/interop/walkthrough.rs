//! The walk-through in `examples/flights.md`: every command is run, and answers what stands there.

use std::path::Path;
use std::process::Command;

use crate::support::{Place, Scene};

/// A command of the text, and the lines that follow it.
fn commands(text: &str) -> Vec<(Vec<String>, String)> {
    let mut found: Vec<(Vec<String>, String)> = Vec::new();
    for block in text.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").expect("a block has an end");
        for line in block.lines() {
            match (line.strip_prefix("$ dazaar "), found.last_mut()) {
                (Some(command), _) => found.push((words(command), String::new())),
                (None, Some((_, answer))) => *answer += &format!("{line}\n"),
                (None, None) => panic!("`{line}` answers nothing"),
            }
        }
    }
    found
}

/// The words as a shell would find them: single quotes hold words together.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('\'').enumerate();
    let mut words = vec![String::new()];
    for (nth, part) in parts {
        let pieces: Vec<&str> = if nth % 2 == 1 { vec![part] } else { part.split(' ').collect() };
        for (piece_nth, piece) in pieces.iter().enumerate() {
            if piece_nth > 0 {
                words.push(String::new());
            }
            words.last_mut().expect("there is one").push_str(piece);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_answers_what_stands_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("examples/flights.md")).expect("the walk-through is there");
    let scene = Scene::new();
    std::os::unix::fs::symlink(
        root.join("data").canonicalize().expect("the data is there"),
        scene.path("data"),
    )
    .expect("a link in the test's folder");
    let run = |words: &[String]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dazaar"));
        command.env("DAZAAR_NO_LAN", "true").env_remove("DAZAAR_DIR").env_remove("DAZAAR_PASSPHRASE");
        command.current_dir(scene.path(""));
        let output = command.args(words).output().expect("the program starts");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it prints text")
    };
    let mut seller = None;
    let commands = commands(&text);
    assert!(commands.len() >= 7);
    for (mut words, answer) in commands {
        if words.contains(&"LINK".to_owned()) {
            let (_, link) = seller.get_or_insert_with(|| {
                let mut process = scene.dazaar("seller", &["serve", "--listen", "127.0.0.1:0"]);
                let listening = process.wait_for("listening");
                let Place { seller, address, .. } = Place::of_ours(&listening);
                (process, format!("dazaar:{seller}?at={address}&name=flights"))
            });
            words.iter_mut().filter(|word| *word == "LINK").for_each(|word| word.clone_from(link));
        }
        let printed = run(&words);
        // What a command prints that is not shown is not told to be nothing.
        if !answer.is_empty() {
            assert_eq!(printed, answer, "{words:?}");
        }
    }
    let bought = std::fs::read(scene.path("jfk.parquet")).expect("the rows were bought");
    assert_eq!(&bought[..4], b"PAR1");
}
