//! Folders into drives and back, by us and by npm hyperdrive in the same run, and large files beside what the log alone does with
//! their blocks: `cargo bench -p dazaar --bench drives`. `DAZAAR_BENCH_MIB` says how large a large file is.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use dazaar::drive::Drive;
use dazaar::folder::Folder;
use dazaar::log::{FeedKeyPair, Log};
use dazaar::maps::hyperdrive::{DrivePath, Reach};
use serde_json::Value;

/// Files of a kilobyte.
const SMALL_FILES: usize = 10_000;

/// Bytes of a block of a large file, and blocks of one append, as drives have them.
const BLOCK_BYTES: usize = 64 * 1024;
const APPEND_BLOCKS: usize = 16;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let scene = tempfile::tempdir()?;
    let (small, large) = (scene.path().join("small"), scene.path().join("large"));
    let mib: usize = std::env::var("DAZAAR_BENCH_MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(1024);
    fs::create_dir(&small)?;
    for nth in 0..SMALL_FILES {
        fs::write(small.join(format!("file{nth}")), vec![nth as u8; 1024])?;
    }
    let noise: Vec<u8> =
        (0..1024 * 1024_u32).map(|nth| (nth.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(&large, noise.repeat(mib))?;
    let theirs = javascript(&scene.path().join("js"), &small, &large)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ours = runtime.block_on(drives(scene.path(), &small, &large))?;
    let [written, read] = log_alone(&scene.path().join("log"), &large)?;
    println!("{:24} {:>12} {:>12} {:>8} {:>12}", "workload", "dazaar", "npm", "ratio", "of the log");
    for (name, rate) in ours {
        let npm = theirs[name].as_f64().unwrap_or(f64::NAN);
        let (shown, unit) = if name.ends_with("files") { (1.0, "/s") } else { (1e6, "MB/s") };
        let of_log = match name {
            "import a large file" => format!("{:.0} %", 100.0 * rate / written),
            "export a large file" => format!("{:.0} %", 100.0 * rate / read),
            _ => String::new(),
        };
        println!(
            "{name:24} {:>8.0}{unit:4} {:>8.0}{unit:4} {:>7.1}x {of_log:>12}",
            rate / shown,
            npm / shown,
            rate / npm
        );
    }
    Ok(())
}

fn javascript(folder: &Path, small: &Path, large: &Path) -> Outcome<Value> {
    fs::create_dir(folder)?;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop/js/bench-drives.js");
    let mut node = Command::new("node");
    node.arg(program).arg("--dir").arg(folder).arg("--small").arg(small).arg("--large").arg(large);
    let output = node.stderr(std::process::Stdio::inherit()).output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// How often a second something was done `count` times since.
fn rate(count: usize, began: Instant) -> f64 {
    count as f64 / began.elapsed().as_secs_f64()
}

async fn drives(scene: &Path, small: &Path, large: &Path) -> Outcome<Vec<(&'static str, f64)>> {
    let root = DrivePath::default();
    let mut rates = Vec::new();
    let drive = Drive::create(&scene.join("ours-small")).await?;
    let began = Instant::now();
    drive.import(small, &root, |_| {}).await?;
    rates.push(("import small files", rate(SMALL_FILES, began)));
    let began = Instant::now();
    drive.export(drive.version(), &root, &scene.join("ours-copy"), Reach::Drive, |_| {}).await?;
    rates.push(("export small files", rate(SMALL_FILES, began)));
    let bytes = fs::metadata(large)?.len() as usize;
    let drive = Drive::create(&scene.join("ours-large")).await?;
    let began = Instant::now();
    drive.import(large, &DrivePath::new("/large"), |_| {}).await?;
    rates.push(("import a large file", rate(bytes, began)));
    let began = Instant::now();
    drive.export(drive.version(), &root, &scene.join("ours-large-copy"), Reach::Drive, |_| {}).await?;
    rates.push(("export a large file", rate(bytes, began)));
    Ok(rates)
}

/// Bytes a second that a log takes from a file and makes last, and that it gives to one.
fn log_alone(folder: &Path, large: &Path) -> Outcome<[f64; 2]> {
    use std::io::{Read as _, Write as _};
    let mut log = Log::create(Folder::open(folder)?, FeedKeyPair::from_seed(&[1; 32]))?;
    let (mut file, bytes) = (fs::File::open(large)?, fs::metadata(large)?.len() as usize);
    let began = Instant::now();
    let mut chunk = vec![0; BLOCK_BYTES * APPEND_BLOCKS];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        let blocks: Vec<_> = chunk[..read].chunks(BLOCK_BYTES).collect();
        log.append(&blocks)?;
    }
    log.flush()?;
    let written = rate(bytes, began);
    let began = Instant::now();
    let mut copy = fs::File::create(folder.join("copy"))?;
    for index in 0..log.length() {
        copy.write_all(&black_box(log.block(index)?.ok_or("a block is missing")?))?;
    }
    copy.sync_all()?;
    Ok([written, rate(bytes, began)])
}
