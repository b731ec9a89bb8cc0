//! Names, keys and places, and what is replicated.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::duplex;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn names_are_remembered_and_lead_to_the_same_feeds() {
    let folder = TempDir::new().unwrap();
    let master = Zeroizing::new([5; 32]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _in_runtime = runtime.enter();
    let store = Corestore::create_from(folder.path(), &master).unwrap();
    // The drive of that master key: docs/structures.md, folder of a drive.
    let drive = "3018d822bef22e7db21b19d548eae26a3275108ca0d709ab616d23cf9192505b";
    assert_eq!(store.default_feed().unwrap().key().to_string(), drive);
    let prices = store.named("prices").unwrap();
    prices.append(&["1"]).unwrap();
    assert!(Arc::ptr_eq(&prices, &store.named("prices").unwrap()), "it is open once");
    assert!(Arc::ptr_eq(&prices, &store.feed(prices.key()).unwrap()));
    assert_eq!(Corestore::name_of_part(&["a", "b"]), "a:b");
    let foreign = FeedKey([7; 32]);
    store.feed(foreign).unwrap();
    for name in [String::new(), "x".repeat(1023)] {
        assert!(matches!(store.named(&name), Err(CorestoreError::Name { .. })));
    }
    fs::create_dir_all(folder.path().join("ab/cd/no-feed")).unwrap();
    let listed = store.list().unwrap();
    let has = |key, name: Option<&str>| listed.contains(&(key, name.map(str::to_owned)));
    assert!(has(prices.key(), Some("prices")) && has(foreign, None), "{listed:?}");
    assert_eq!(listed.len(), 3);
    let key = prices.key();
    drop((store, prices));

    // Another master key does not replace the first, and other names lead elsewhere.
    let again = Corestore::create(folder.path()).unwrap();
    assert_eq!(again.named("prices").unwrap().key(), key);
    assert_eq!(again.feed(key).unwrap().lock().length(), 1);
    assert_ne!(again.named("price").unwrap().key(), key);
}

#[tokio::test]
async fn all_that_is_open_is_replicated_and_what_lies_there_is_opened() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let [ours, theirs] = [0, 1].map(|nth| Corestore::create(folders[nth].path()).unwrap());
    let names: Vec<String> = (0..40).map(|nth| format!("feed {nth}")).collect();
    let logs: Vec<_> = names.iter().map(|name| ours.named(name).unwrap()).collect();
    for (log, name) in logs.iter().zip(&names) {
        log.append(&[name]).unwrap();
    }
    // One that lies there from before, and that nobody has opened.
    let known = theirs.feed(logs[0].key()).unwrap();
    drop(known);
    drop(theirs);
    let theirs = Corestore::create(folders[1].path()).unwrap();
    let wanted: Vec<_> = logs[1..20].iter().map(|log| theirs.feed(log.key()).unwrap()).collect();

    let (near, far) = duplex(1 << 16);
    let (one, other) = (ours.clone(), theirs.clone());
    tokio::spawn(async move { one.replicate(near, Role::Initiator).await });
    tokio::spawn(async move { other.replicate(far, Role::Responder).await });
    let changed = Arc::new(Notify::new());
    let arrived = async |log: &Arc<SharedLog>| {
        log.listen(&changed);
        while !log.lock().has(0) {
            changed.notified().await;
        }
    };
    let all = async {
        for log in &wanted {
            arrived(log).await;
        }
        while !theirs.0.open().contains_key(&logs[0].key()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        arrived(&theirs.feed(logs[0].key()).unwrap()).await;
        // Opened meanwhile, at both ends.
        let late = ours.named("late").unwrap();
        late.append(&["late"]).unwrap();
        arrived(&theirs.feed(late.key()).unwrap()).await;
        // And one that was offered before anybody here wanted it.
        arrived(&theirs.feed(logs[30].key()).unwrap()).await;
    };
    timeout(DEADLINE, all).await.expect("it comes in time");
}
