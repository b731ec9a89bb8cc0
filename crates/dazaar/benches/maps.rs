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
    println!("{:36} {:>12} {:>12} {:>8}", "workload", "dazaar", "npm", "ratio");
    for (name, rate) in ours {
        let npm = theirs[name].as_f64().unwrap_or(f64::NAN);
        println!("{name:36} {rate:>10.0}/s {npm:>10.0}/s {:>7.1}x", rate / npm);
    }
    Ok(())
}

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

/// Times `work`, and returns how often a second it did what it does `count` times.
fn rate(count: usize, work: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let began = Instant::now();
    work()?;
    Ok(count as f64 / began.elapsed().as_secs_f64())
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

fn hypertrie(scene: &Path) -> Outcome<Vec<(&'static str, f64)>> {
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

fn hyperdb(scene: &Path) -> Outcome<Vec<(&'static str, f64)>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let db = HyperDb::open(&scene.join("hyperdb"), None)?;
        let began = Instant::now();
        for nth in 0..SINGLY {
            db.put(&key(nth), Some(&value(nth))).await?;
        }
        let put = SINGLY as f64 / began.elapsed().as_secs_f64();
        let began = Instant::now();
        for nth in 0..SINGLY {
            let found = db.get(&key(nth * 7919 % SINGLY)).await?;
            assert_eq!(black_box(found).len(), 1);
        }
        let get = SINGLY as f64 / began.elapsed().as_secs_f64();
        let began = Instant::now();
        let listed = db.list(&DbIterOptions::default()).await?;
        let list = listed.len() as f64 / began.elapsed().as_secs_f64();
        Ok(vec![("hyperdb put, one by one", put), ("hyperdb get, warm", get), ("hyperdb list, warm", list)])
    })
}
