//! Writers who keep blocks back.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// Gives a map the feed that a writer has in `folder`, but for its last block.
fn hold_back_one(folder: &Path, map: &Path, writer: FeedKey) {
    let copy = map.join("peers").join(writer.discovery_key().to_string());
    fs::create_dir_all(&copy).unwrap();
    for file in fs::read_dir(folder.join("local")).unwrap().map(Result::unwrap) {
        if file.file_name() != "secret_key" {
            fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
    }
    let mut log = Log::open(Folder::open(&copy).unwrap()).unwrap();
    let length = log.length();
    log.clear(length - 1..length).unwrap();
}

#[tokio::test]
async fn a_block_that_is_kept_back_holds_up_nobody() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let map = HyperDb::open(folders[0].path(), None).unwrap();
    let writer = HyperDb::open(folders[1].path(), Some(map.key())).unwrap();
    writer.put("early", Some(b"1")).await.unwrap();
    writer.put("late", Some(b"2")).await.unwrap();
    map.authorize(writer.own_key()).await.unwrap();
    drop(map);
    let own = writer.own_key();
    drop(writer);
    hold_back_one(folders[1].path(), folders[0].path(), own);

    let map = HyperDb::open(folders[0].path(), None).unwrap();
    let using = async {
        assert_eq!(map.get("early").await.unwrap().len(), 1);
        assert_eq!(map.get("late").await.unwrap().len(), 0);
        assert_eq!(map.list(&DbIterOptions::default()).await.unwrap().len(), 1);
        map.put("ours", None).await.unwrap();
        map.revoke(own).await.unwrap();
    };
    timeout(DEADLINE, using).await.unwrap();
}
