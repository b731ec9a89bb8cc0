//! Blocks that npm hypertrie 5.1.3 wrote.

use sha2::{Digest as _, Sha256};

use super::support::*;
use crate::hypertrie::*;

fn hex_blocks(trie: &Memory) -> Vec<String> {
    trie.blocks().iter().map(hex::encode).collect()
}

fn put_with(trie: &mut Memory, key: &str, value: Option<&str>, options: Options) {
    write(trie, &[Op::Put { key: key.to_owned(), value: value.map(str::to_owned), options }], 1);
}

const HIDDEN: Options = Options { is_hidden: true, flags: 0 };

#[test]
fn each_change_makes_the_block_that_javascript_makes() {
    let mut trie = memory();
    put(&mut trie, "hello", "world");
    put(&mut trie, "/a/b", "ab");
    put(&mut trie, "a/c", "ac");
    put(&mut trie, "hello", "again");
    put(&mut trie, "idgcmnmna", "c1");
    put(&mut trie, "mpomeiehc", "c2");
    put_with(&mut trie, "hello", Some("secret"), HIDDEN);
    put_with(&mut trie, "a/d/", None, Options::default());
    put_with(&mut trie, "flagged", Some("f"), Options { is_hidden: false, flags: 1 });
    delete(&mut trie, "a/b");
    write(&mut trie, &[Op::Delete { key: "hello".to_owned(), is_hidden: true }], 1);
    assert_eq!(
        hex_blocks(&trie),
        [
            "0a09687970657274726965",
            "0a0568656c6c6f1205776f726c641a010020012800",
            "0a03612f62120261621a040403080120022800",
            "0a03612f63120261631a072403080123040220032800",
            "0a0568656c6c6f1205616761696e1a040403010320042800",
            "0a09696467636d6e6d6e61120263311a040201020420052800",
            "0a096d706f6d6569656863120263321a072101020420040520062800",
            "0a0568656c6c6f12067365637265741a040100010620072801",
            "0a04612f642f1a0d2200020701010603080421010320082800",
            "0a07666c61676765641201661a0802000207010306082009288002",
            "0a03612f63120261631a0e2200020701090609030804210408200a2800",
            "0a03612f63120261631a0b2201090609030804210408200b2800",
        ]
    );
    let row = |key: &str, value: Option<&str>, seq| (key.to_owned(), value.map(str::to_owned), seq);
    assert_eq!(
        list(&trie, &below("")),
        [
            row("idgcmnmna", Some("c1"), 5),
            row("mpomeiehc", Some("c2"), 6),
            row("a/c", Some("ac"), 11),
            row("a/d/", None, 8),
            row("hello", Some("again"), 4),
            row("flagged", Some("f"), 9),
        ]
    );
    assert_eq!(list(&trie, &IterOptions { is_hidden: true, ..below("") }), []);
    let flagged = trie.snapshot().get("flagged").unwrap().unwrap();
    assert_eq!((flagged.flags(), flagged.is_hidden()), (1, false));
}

#[test]
fn the_last_entry_is_deleted_by_a_reset() {
    let mut trie = memory();
    let header = Header { metadata: Some(b"meta".to_vec()), subtype: Some("mine".to_owned()) };
    let mut batch = Batch::with_header(&trie, &header);
    batch.put(&trie, "k", Some(b"v"), Options::default()).unwrap();
    append(&mut trie, batch);
    assert_eq!(trie.header().unwrap(), Some(header));
    delete(&mut trie, "k");
    assert_eq!(value(&trie, "k"), None);
    put(&mut trie, "k2", "v");
    assert_eq!(
        hex_blocks(&trie),
        [
            "0a0968797065727472696512046d6574611a046d696e65",
            "0a016b1201761a010020012800",
            "0a001a010020022800",
            "0a026b321201761a010020032800",
        ]
    );
    assert_eq!(trie.snapshot().history().count(), 2, "a reset is no entry");
}

#[test]
fn null_is_no_value_and_zero_is_one() {
    let mut trie = memory();
    put_with(&mut trie, "n", None, Options::default());
    put(&mut trie, "z", "0");
    assert_eq!(hex_blocks(&trie)[1..], ["0a016e1a010020012800", "0a017a1201301a040201080120022800"]);
}

/// A random script, which tests/vectors/scripts.js makes too.
struct Script {
    state: u32,
    /// Whether keys of one hash come in. Deleting those is what JavaScript does wrong.
    twins: bool,
}

impl Script {
    const WORDS: [&str; 12] =
        ["a", "b", "c", TWINS[0], TWINS[1], "dir", "x1", "y2", "z3", "long-name", "\u{e9}", "0"];

    fn next(&mut self, below: u32) -> u32 {
        self.state = self.state.wrapping_mul(1_103_515_245).wrapping_add(12345) & 0x7fff_ffff;
        (self.state >> 8) % below
    }

    fn word(&mut self) -> &'static str {
        match self.next(12) as usize {
            3 | 4 if !self.twins => "twin",
            nth => Self::WORDS[nth],
        }
    }

    fn change(&mut self, nth: u32) -> Op {
        let depth = 1 + self.next(3);
        let key: Vec<&str> = (0..depth).map(|_| self.word()).collect();
        let key = key.join("/");
        let kind = self.next(10);
        let is_hidden = self.next(6) == 0;
        let flags = self.next(3);
        match kind {
            7 | 8 if !self.twins => Op::Delete { key, is_hidden },
            _ => Op::Put {
                key,
                value: (kind < 7).then(|| format!("v{nth}")),
                options: Options { is_hidden, flags },
            },
        }
    }
}

#[derive(serde::Deserialize)]
struct Vector {
    seed: u32,
    count: u32,
    twins: bool,
    blocks: usize,
    sha256: String,
    list: Rows,
    reverse: Rows,
    hidden: Rows,
    children: Rows,
    below: Rows,
}

#[test]
fn long_scripts_make_the_blocks_and_the_lists_that_javascript_makes() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../../tests/vectors/scripts.json")).unwrap();
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let mut script = Script { state: vector.seed, twins: vector.twins };
        let changes: Vec<Op> = (0..vector.count).map(|nth| script.change(nth)).collect();
        for batch_len in [1, 25] {
            let mut trie = memory();
            write(&mut trie, &changes, batch_len);
            assert_eq!(trie.blocks().len(), vector.blocks, "script {}", vector.seed);
            let all: Vec<u8> = trie.blocks().iter().flatten().copied().collect();
            assert_eq!(hex::encode(Sha256::digest(&all)), vector.sha256, "script {}", vector.seed);
            // As somebody reads it who has nothing in memory.
            let trie = Trie::new(trie.blocks().clone());
            assert_eq!(list(&trie, &below("")), vector.list);
            assert_eq!(list(&trie, &IterOptions { is_reverse: true, ..below("") }), vector.reverse);
            assert_eq!(list(&trie, &IterOptions { is_hidden: true, ..below("") }), vector.hidden);
            assert_eq!(list(&trie, &IterOptions { is_recursive: false, ..below("") }), vector.children);
            let options = IterOptions { is_recursive: false, is_below_only: true, ..below("a") };
            assert_eq!(list(&trie, &options), vector.below);
        }
    }
}
