//! Every known input, and variations of it, through its target: on any Rust, the same ones each time.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use dazaar_fuzz::{TARGETS, Target, seeds};

/// Variations of each input.
const VARIATIONS: u64 = 400;

/// Longer inputs are cut, so that variations stay quick.
const INPUT_BYTES_MAX: usize = 8192;

/// A small random number generator (SplitMix64), because results must not differ from run to run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % (below.max(1) as u64)).expect("below a usize")
    }

    /// An input with a few changes of the kinds that break decoders.
    fn vary(&mut self, input: &[u8]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.roll(4) {
            let place = self.roll(bytes.len() + 1);
            match self.roll(6) {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, [0, 1, 0x7f, 0x80, 0xff][self.roll(5)]),
                2 => drop(bytes.splice(place..place, [0xff; 9])),
                3 => drop(bytes.splice(place..(place + self.roll(9)).min(bytes.len()), [])),
                4 => {
                    let piece = bytes[place..(place + self.roll(40)).min(bytes.len())].to_vec();
                    drop(bytes.splice(place..place, piece));
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << self.roll(8);
                    }
                }
            }
        }
        bytes
    }
}

fn replay(name: &str, target: Target) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let files = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("a corpus that can be read").path());
    let known = files.map(|file| fs::read(file).expect("a corpus that can be read"));
    let mut inputs: Vec<Vec<u8>> = known.chain(seeds::of(name)).collect();
    inputs.sort();
    inputs.dedup();
    assert!(!inputs.is_empty(), "no input for `{name}`");
    let mut dice = Dice(0);
    for input in &inputs {
        run(name, target, input);
        let short = &input[..input.len().min(INPUT_BYTES_MAX)];
        for _ in 0..VARIATIONS {
            run(name, target, &dice.vary(short));
        }
    }
}

/// Runs one input; if that fails, keeps the input where it will be found.
fn run(name: &str, target: Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("failed");
        let file = folder.join(name);
        let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, input));
        eprintln!("`{name}` failed with the input in {} ({kept:?})", file.display());
        std::panic::resume_unwind(panic);
    }
}

macro_rules! replays {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name), dazaar_fuzz::$name);
        })*

        #[test]
        fn every_target_is_replayed() {
            assert_eq!(TARGETS.map(|(name, _)| name), [$(stringify!($name)),*]);
        }
    };
}

replays! {
    altered, buyer_extension, card, contents, db_talk, dht, download, ecash, evm_answer, evm_demand, evm_payment, folder, handshake, hyperdb, hyperdrive, hypertrie, import_csv, import_ipc, import_json, import_parquet, invoice, link, mdns, moment, offers, payment, proof, protobuf, rle, rows, seller_extension, session, table_header, table_index, table_read, table_resume, table_segment, trie_extension, upload,
}
