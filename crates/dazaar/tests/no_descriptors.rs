//! Strangers who use up the descriptors of a process do not end the use of its logs. Alone in a program of its own, since no
//! other test could open a file meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;

use dazaar::SharedLog;
use dazaar::folder::Folder;
use dazaar::log::{FeedKeyPair, Log};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[tokio::test]
async fn a_log_is_checkpointed_without_a_free_descriptor() {
    let dir = tempfile::tempdir().unwrap();
    let pair = FeedKeyPair::from_seed(&[1; 32]);
    let log = SharedLog::new(Log::create(Folder::open(dir.path()).unwrap(), pair).unwrap());
    log.append(&["before"]).unwrap();

    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(256), maximum }).unwrap();
    let idle: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert!(!idle.is_empty());
    log.flush().await.unwrap();
    log.append(&["meanwhile"]).unwrap();
    log.flush().await.unwrap();
    drop(idle);
    assert_eq!(log.append(&["after"]).unwrap(), 2..3);
}
