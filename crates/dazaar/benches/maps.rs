//! Hypertries and maps of several writers in folders, ours and those of the npm packages in the same run:
//! `cargo bench -p dazaar --bench maps`.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use dazaar::folder::Folder;
use dazaar::hyperdb::HyperDb;
use dazaar::log::{FeedKeyPair, Log};
use dazaar::maps::db::DbIterOptions;
use dazaar::maps::hypertrie::{Batch, IterOptions, Options, Trie};
use serde_json::Value;

/// Entries of each map.
const ENTRIES: usize = 10_000;

/// Entries that are written one by one.
const SINGLY: usize = 2_000;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let scene = tempfile::tempdir()?;
    let theirs = javascript(&scene.path().join("js"))?;
    let ours = [hypertrie(scene.path())?, hyperdb(scene.path())?].concat();
    println!("{:32} {:>12} {:>12} {:>8} {:>8}", "workload", "dazaar", "npm", "ratio", "of CPU");
    for (name, [rate, per_cpu]) in ours {
        let npm = |nth: usize| theirs[name][nth].as_f64().unwrap_or(f64::NAN);
        let (ratio, of_cpu) = (rate / npm(0), per_cpu / npm(1));
        println!("{name:32} {rate:>10.0}/s {:>10.0}/s {ratio:>7.1}x {of_cpu:>7.1}x", npm(0));
    }
    Ok(())
}

/// A workload, and how often it did what it does a second, and a second of the processor's time: the latter is the same
/// whatever else the machine has to do.
type Rated = (&'static str, [f64; 2]);

fn javascript(folder: &Path) -> Outcome<Value> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop/js/bench-maps.js");
    let (entries, singly) = (ENTRIES.to_string(), SINGLY.to_string());
    let output = Command::new("node")
        .arg(program)
        .arg("--dir")
        .arg(folder)
        .args(["--entries", &entries, "--singly", &singly])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn key(nth: usize) -> String {
    format!("dir{}/key{nth}", nth % 100)
}

fn value(nth: usize) -> Vec<u8> {
    format!("value {nth:04}").into_bytes()
}

/// When something began.
struct Began(Instant, f64);

impl Began {
    fn now() -> Self {
        Self(Instant::now(), cpu_seconds())
    }

    /// How often a second something was done `count` times since.
    fn rate(&self, count: usize) -> [f64; 2] {
        [self.0.elapsed().as_secs_f64(), cpu_seconds() - self.1].map(|seconds| count as f64 / seconds)
    }
}

/// Time that this process has had the processor, in seconds.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn rate(count: usize, work: impl FnOnce() -> Outcome<()>) -> Outcome<[f64; 2]> {
    let began = Began::now();
    work()?;
    Ok(began.rate(count))
}

fn trie(folder: &Path) -> Outcome<Trie<Log<Folder>>> {
    Ok(Trie::new(Log::create(Folder::open(folder)?, FeedKeyPair::from_seed(&[1; 32]))?))
}

fn fill(trie: &mut Trie<Log<Folder>>, entries: usize, batch_len: usize) -> Outcome<()> {
    for start in (0..entries).step_by(batch_len) {
        let mut batch = Batch::new(trie);
        for nth in start..start + batch_len {
            batch.put(trie, &key(nth), Some(&value(nth)), Options::default())?;
        }
        trie.blocks_mut().append(batch.blocks())?;
        trie.keep(batch);
    }
    Ok(())
}

fn hypertrie(scene: &Path) -> Outcome<Vec<Rated>> {
    let mut singly = trie(&scene.join("singly"))?;
    let one = rate(SINGLY, || fill(&mut singly, SINGLY, 1))?;
    let folder = scene.join("batches");
    let mut batches = trie(&folder)?;
    let many = rate(ENTRIES, || fill(&mut batches, ENTRIES, 100))?;
    drop(batches);
    let trie = Trie::new(Log::open(Folder::open(&folder)?)?);
    let keys: Vec<String> = (0..ENTRIES).map(|nth| key(nth * 7919 % ENTRIES)).collect();
    let get_all = || -> Outcome<()> {
        for key in &keys {
            black_box(trie.snapshot().get(key.as_str())?.ok_or("an entry is missing")?);
        }
        Ok(())
    };
    let cold = rate(ENTRIES, get_all)?;
    let warm = rate(ENTRIES, get_all)?;
    let iterate = rate(ENTRIES, || {
        let count =
            trie.snapshot().iter(&IterOptions::default()).map(black_box).filter(Result::is_ok).count();
        if count == ENTRIES { Ok(()) } else { Err("entries are missing".into()) }
    })?;
    Ok(vec![
        ("hypertrie put, one by one", one),
        ("hypertrie put, batches of 100", many),
        ("hypertrie get, after opening", cold),
        ("hypertrie get, warm", warm),
        ("hypertrie iterate, warm", iterate),
    ])
}

fn hyperdb(scene: &Path) -> Outcome<Vec<Rated>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let db = HyperDb::open(&scene.join("hyperdb"), None)?;
        let began = Began::now();
        for nth in 0..SINGLY {
            db.put(&key(nth), Some(&value(nth))).await?;
        }
        let put = began.rate(SINGLY);
        let began = Began::now();
        for nth in 0..SINGLY {
            let found = db.get(&key(nth * 7919 % SINGLY)).await?;
            assert_eq!(black_box(found).len(), 1);
        }
        let get = began.rate(SINGLY);
        let began = Began::now();
        let listed = db.list(&DbIterOptions::default()).await?;
        let list = began.rate(listed.len());
        Ok(vec![("hyperdb put, one by one", put), ("hyperdb get, warm", get), ("hyperdb list, warm", list)])
    })
}
