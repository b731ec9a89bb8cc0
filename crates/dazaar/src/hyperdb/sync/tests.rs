//! Writers who replicate, and others who would like to.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::duplex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

const ONCE: SyncOptions = SyncOptions { with_anybody: false, is_live: false };
const LIVE: SyncOptions = SyncOptions { with_anybody: false, is_live: true };

/// A map of our own, and copies of it that are not let in yet.
fn maps(copies: usize) -> (Vec<TempDir>, Vec<Arc<HyperDb>>) {
    let folders: Vec<_> = (0..=copies).map(|_| TempDir::new().unwrap()).collect();
    let owner = HyperDb::open(folders[0].path(), None).unwrap();
    let key = owner.key();
    let mut maps = vec![Arc::new(owner)];
    maps.extend(folders[1..].iter().map(|folder| Arc::new(HyperDb::open(folder.path(), Some(key)).unwrap())));
    (folders, maps)
}

fn run<S>(
    map: &Arc<HyperDb>,
    stream: S,
    role: Role,
    options: SyncOptions,
) -> JoinHandle<Result<(), SyncError>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let map = Arc::clone(map);
    tokio::spawn(async move { map.sync(stream, role, options).await })
}

/// Lets two replicate; how it ended for each.
async fn between(
    (one, its_options): (&Arc<HyperDb>, SyncOptions),
    (other, other_options): (&Arc<HyperDb>, SyncOptions),
) -> (Result<(), SyncError>, Result<(), SyncError>) {
    let (near, far) = duplex(1 << 16);
    let tasks =
        (run(one, near, Role::Initiator, its_options), run(other, far, Role::Responder, other_options));
    let ended = async { (tasks.0.await.unwrap(), tasks.1.await.unwrap()) };
    timeout(DEADLINE, ended).await.expect("it ends in time")
}

/// Somebody who knows the key of a feed, and says that they write it; whether it is opened to them.
async fn lies(stream: tokio::io::DuplexStream, feed: FeedKey) -> bool {
    let identity = IdentityKeyPair::from_seed(&[1; 32]);
    let config = Config {
        role: Role::Initiator,
        identity: &identity,
        expected: Expected::Anybody,
        security: SecurityPolicy::Require,
        seed: [2; 32],
        extensions: vec![EXTENSION.to_owned()],
    };
    let mut connection = Connection::new(stream, config);
    let mut is_open = false;
    loop {
        while let Ok(Some(event)) = connection.poll_event() {
            match event {
                Event::Connected { .. } => {
                    connection.session().open(feed).unwrap();
                    let signature = FeedKeyPair::from_seed(&[3; 32]).sign(b"me");
                    let proof = Said::Writer { feed, signature }.encode();
                    connection.session().send_extension(EXTENSION, &proof).unwrap();
                }
                Event::Opened { .. } | Event::Offered { .. } => is_open = true,
                _ => {}
            }
        }
        if connection.turn(None).await.is_err() {
            return is_open;
        }
    }
}

async fn values(map: &HyperDb, key: &str) -> Vec<String> {
    let nodes = map.get(key).await.unwrap();
    let value =
        |node: &Arc<dazaar_trie::db::DbNode>| String::from_utf8(node.value().unwrap().to_vec()).unwrap();
    nodes.iter().map(value).collect()
}

#[tokio::test]
async fn both_have_the_same_at_the_end() {
    let (_folders, maps) = maps(1);
    let [owner, writer] = &maps[..] else { panic!("two maps") };
    owner.put("a", Some(b"1")).await.unwrap();
    owner.authorize(writer.own_key()).await.unwrap();
    writer.put("b", Some(b"2")).await.unwrap();
    let (one, other) = between((owner, ONCE), (writer, ONCE)).await;
    one.unwrap();
    other.unwrap();
    for map in &maps {
        assert_eq!((values(map, "a").await, values(map, "b").await), (vec!["1".into()], vec!["2".into()]));
    }
    // What is the same ends at once, and one who stays does not keep the other.
    let (one, other) = between((owner, ONCE), (writer, LIVE)).await;
    one.unwrap();
    other.unwrap();
}

#[tokio::test]
async fn nothing_is_opened_to_whoever_is_no_writer() {
    let (_folders, maps) = maps(1);
    let [owner, stranger] = &maps[..] else { panic!("two maps") };
    owner.put("a", Some(b"1")).await.unwrap();
    stranger.put("b", Some(b"2")).await.unwrap();
    let (near, far) = duplex(1 << 16);
    let waiting = run(owner, near, Role::Responder, LIVE);
    let refused = timeout(DEADLINE, run(stranger, far, Role::Initiator, ONCE)).await.unwrap().unwrap();
    assert!(matches!(refused, Err(SyncError::Unknown)), "{refused:?}");
    assert!(waiting.await.unwrap().is_err());
    assert_eq!(stranger.shelf.length(&owner.key()), 0);

    // Nor to one who lies.
    let (near, far) = duplex(1 << 16);
    let waiting = run(owner, near, Role::Responder, LIVE);
    assert!(!lies(far, owner.key()).await, "the feed was opened to them");
    assert!(matches!(waiting.await.unwrap(), Err(SyncError::NotAWriter)));

    // Unless everybody may.
    let anybody = SyncOptions { with_anybody: true, is_live: false };
    let (one, other) = between((owner, anybody), (stranger, anybody)).await;
    one.unwrap();
    other.unwrap();
    assert_eq!(values(stranger, "a").await, ["1"]);
    assert_eq!(values(owner, "b").await, Vec::<String>::new(), "and nobody reads what they wrote");
}

#[tokio::test]
async fn who_is_let_in_meanwhile_is_welcome_and_who_is_revoked_is_not() {
    let (_folders, maps) = maps(1);
    let [owner, writer] = &maps[..] else { panic!("two maps") };
    writer.put("b", Some(b"2")).await.unwrap();
    let (near, far) = duplex(1 << 16);
    let tasks = [run(owner, near, Role::Responder, LIVE), run(writer, far, Role::Initiator, LIVE)];
    owner.authorize(writer.own_key()).await.unwrap();
    timeout(DEADLINE, owner.until(|view| Ok(view.get("b")?.len() == 1))).await.unwrap().unwrap();
    owner.revoke(writer.own_key()).await.unwrap();
    let [one, other] = tasks;
    let ended = timeout(DEADLINE, one).await.unwrap().unwrap();
    assert!(matches!(ended, Err(SyncError::NotAWriter)), "{ended:?}");
    timeout(DEADLINE, other).await.unwrap().unwrap().unwrap();
    let (one, other) = between((owner, LIVE), (writer, ONCE)).await;
    assert!(one.is_err());
    assert!(matches!(other, Err(SyncError::Unknown)), "{other:?}");
}

#[tokio::test]
async fn many_writers_are_told_of_at_once() {
    let (_folders, maps) = maps(1);
    let [owner, writer] = &maps[..] else { panic!("two maps") };
    // More than anybody may be offered without knowing them.
    let many: Vec<_> = (0..60_u8).map(|nth| FeedKeyPair::from_seed(&[nth + 1; 32]).public()).collect();
    owner
        .write(|batch, db| {
            many.iter().try_for_each(|key| batch.authorize(db, *key).map(drop))?;
            batch.authorize(db, writer.own_key())
        })
        .await
        .unwrap();
    let (one, other) = between((owner, ONCE), (writer, ONCE)).await;
    one.unwrap();
    other.unwrap();
    assert_eq!(writer.parts().unwrap().len(), 62);
}

/// Lets so many write a map, whose feeds are here with a block each.
async fn crowd(owner: &HyperDb, count: u8) -> Vec<FeedKey> {
    owner.put("a", Some(b"1")).await.unwrap();
    let source = owner.shelf.log(&owner.key()).unwrap();
    let first = source.lock().block(0).unwrap().unwrap();
    let pairs: Vec<_> = (1..=count).map(|nth| FeedKeyPair::from_seed(&[nth; 32])).collect();
    let keys: Vec<_> = pairs.iter().map(FeedKeyPair::public).collect();
    for pair in pairs {
        let folder = owner.shelf.folder_of_peer(pair.public());
        let mut log = dazaar_log::Log::create(crate::folder::Folder::open(&folder).unwrap(), pair).unwrap();
        log.append(&[&*first]).unwrap();
    }
    owner
        .write(|batch, db| keys.iter().try_for_each(|key| batch.authorize(db, *key).map(drop)))
        .await
        .unwrap();
    keys
}

#[tokio::test]
async fn more_writers_than_a_connection_carries_take_turns() {
    let (_folders, maps) = maps(1);
    let [owner, writer] = &maps[..] else { panic!("two maps") };
    let crowd = crowd(owner, 200).await;
    assert!(crowd.len() > CHANNELS_MAX);
    owner.authorize(writer.own_key()).await.unwrap();
    writer.put("b", Some(b"2")).await.unwrap();
    // Whoever connects.
    for (one, other) in [(owner, writer), (writer, owner)] {
        for feed in &crowd {
            owner.shelf.log(feed).unwrap().append(&["news"]).unwrap();
        }
        let (one, other) = between((one, ONCE), (other, ONCE)).await;
        one.unwrap();
        other.unwrap();
        assert_eq!(owner.has().unwrap(), writer.has().unwrap());
    }
    assert!(crowd.iter().all(|feed| writer.shelf.length(feed) == 3));
    assert_eq!(values(owner, "b").await, ["2"]);

    // And those who stay hear of what is appended to any of them.
    let (near, far) = duplex(1 << 16);
    let tasks = [run(owner, near, Role::Responder, LIVE), run(writer, far, Role::Initiator, LIVE)];
    let changed = writer.shelf.listen();
    for feed in &crowd {
        owner.shelf.log(feed).unwrap().append(&["more"]).unwrap();
    }
    let all = async {
        while crowd.iter().any(|feed| writer.shelf.length(feed) < 4) {
            changed.notified().await;
        }
    };
    timeout(DEADLINE, all).await.expect("all of it comes");
    tasks.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn anybody_is_given_many_writers_too() {
    let (_folders, maps) = maps(1);
    let [owner, stranger] = &maps[..] else { panic!("two maps") };
    let crowd = crowd(owner, 200).await;
    let anybody = SyncOptions { with_anybody: true, is_live: false };
    for (one, other) in [(owner, stranger), (stranger, owner)] {
        let (one, other) = between((one, anybody), (other, anybody)).await;
        one.unwrap();
        other.unwrap();
    }
    assert!(crowd.iter().all(|feed| stranger.shelf.length(feed) == 1));
}

#[tokio::test]
async fn feeds_that_are_replicated_without_a_word_may_be_more_than_a_connection_carries() {
    let (_folders, maps) = maps(1);
    let [owner, reader] = &maps[..] else { panic!("two maps") };
    let crowd = crowd(owner, 200).await;
    let (near, far) = duplex(1 << 16);
    let [theirs, ours] = [owner, reader].map(|map| Arc::clone(map.feeds()));
    let serving = tokio::spawn(async move { crate::peer::replicate(near, Role::Responder, &theirs).await });
    let reading = tokio::spawn(async move { crate::peer::replicate(far, Role::Initiator, &ours).await });
    let here = || crowd.iter().filter(|feed| reader.shelf.length(feed) == 1).count();
    let changed = reader.shelf.listen();
    let most = async {
        while here() < CHANNELS_MAX / 2 {
            // Those that the owner names become known.
            reader.parts().unwrap();
            changed.notified().await;
        }
    };
    timeout(DEADLINE, most).await.expect("more than may be offered at once");
    assert!(!serving.is_finished() && !reading.is_finished(), "the session goes on");
    serving.abort();
    reading.abort();
}
