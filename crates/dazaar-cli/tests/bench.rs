//! `dazaar bench` measures every workload. How fast they are is no matter of a test.

use std::process::Command;

use serde_json::Value;

/// Each, and the figures that it reports besides its time.
const WORKLOADS: [(&str, &[&str]); 20] = [
    ("append-batches", &["file_bytes_per_block", "disk_bytes_per_block"]),
    ("append-singly", &["file_bytes_per_block", "disk_bytes_per_block"]),
    ("append-large", &["file_bytes_per_block", "disk_bytes_per_block"]),
    ("append-committed", &[]),
    ("append-concurrent", &[]),
    ("open", &[]),
    ("get-random", &[]),
    ("read-in-order", &[]),
    ("replicate", &[]),
    ("replicate-large", &[]),
    ("replicate-far", &["round_trips", "wire_bytes_per_block"]),
    ("sparse", &["wire_bytes_per_block"]),
    ("sparse-far", &["round_trips", "wire_bytes_per_block"]),
    ("live", &["p50_us", "p99_us"]),
    ("fan-out", &["rss_bytes_per_buyer"]),
    ("fan-out-live", &["cpu_us"]),
    ("fan-out-live-batches", &["cpu_us"]),
    ("idle", &["rss_bytes_per_buyer"]),
    ("find-by-dht", &["p50_us", "p99_us"]),
    ("find-by-lan", &["p50_us", "p99_us"]),
];

#[test]
fn every_workload_reports() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dazaar"))
        .env("DAZAAR_NO_LAN", "true")
        .env_remove("DAZAAR_LOG")
        .arg("--dir")
        .arg(dir.path())
        .args(["bench", "--blocks", "1000", "--json"])
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    let rows: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let workloads: Vec<_> = rows.iter().map(|row| row["workload"].as_str().unwrap()).collect();
    assert_eq!(workloads, WORKLOADS.map(|(workload, _)| workload), "{complaints}");
    for (row, (_, figures)) in rows.iter().zip(WORKLOADS) {
        assert_eq!((&row["event"], &row["peer"]), (&"bench".into(), &"dazaar".into()));
        for figure in ["blocks", "seconds", "per_second", "bytes_per_second"] {
            assert!(row[figure].as_f64().unwrap() > 0.0, "{figure} of {row}");
        }
        assert_eq!(row["figures"].as_object().unwrap().len(), figures.len(), "{row}");
        for figure in figures {
            assert!(row["figures"][figure].is_f64(), "{figure} of {row}");
        }
    }
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none(), "nothing is left behind");
}

#[test]
fn peers_that_are_not_installed_are_an_error_with_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dazaar"))
        .args(["bench", "--vs-js"])
        .arg(dir.path())
        .arg("--dir")
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("npm ci --prefix"));
}
