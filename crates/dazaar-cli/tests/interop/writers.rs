//! Maps that several write: from the command line, with npm hyperdb, and sold while their writers come and go.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Place, Process, Scene, eventually, text};

/// Runs `dazaar map`.
#[track_caller]
fn map(scene: &Scene, who: &str, arguments: &[&str]) -> Process {
    let mut process = scene.dazaar(who, &[&["map"], arguments].concat());
    process.succeed();
    process
}

/// The values of a key; none if there is no entry, or the map cannot be read.
fn values(scene: &Scene, who: &str, wanted: &str, key: &str) -> Vec<String> {
    let mut process = scene.dazaar(who, &["map", "get", wanted, key]);
    process.wait_for_end();
    let entries = process.seen().iter().filter(|event| event["event"] == "map-entry");
    let mut values: Vec<_> = entries.map(|event| text(event, "value")).collect();
    values.sort();
    values
}

/// Makes a map in a folder; its key.
fn create(scene: &Scene, folder: &str) -> String {
    let made = map(scene, "nobody", &["create", folder]);
    assert_eq!(made.last("map-made")["key"], made.last("map-made")["writer"]);
    text(made.last("map-made"), "key")
}

/// Makes a copy of a map; the key of its writer.
fn join(scene: &Scene, folder: &str, key: &str) -> String {
    text(map(scene, "nobody", &["join", folder, key]).last("map-made"), "writer")
}

/// A copy that others can connect to, and where.
fn listen(scene: &Scene, folder: &str, arguments: &[&str]) -> (Process, String) {
    let words = [&["map", "sync", folder, "--listen", "127.0.0.1:0"], arguments].concat();
    let mut process = scene.dazaar("nobody", &words);
    let address = text(&process.wait_for("map-listening"), "address");
    (process, address)
}

/// Who writes a map, and whether they may.
fn states(scene: &Scene, folder: &str) -> Vec<(String, Value)> {
    let listed = map(scene, "nobody", &["writers", folder]);
    let writers = listed.seen().iter().filter(|event| event["event"] == "map-writer");
    writers.map(|event| (text(event, "writer"), event["state"].clone())).collect()
}

#[test]
fn a_map_is_written_by_several_who_settle_their_conflicts() {
    let scene = Scene::new();
    let key = create(&scene, "owner");
    let writer = join(&scene, "copy", &key);
    map(&scene, "nobody", &["put", "owner", "price", "1"]);
    assert_eq!(states(&scene, "copy"), [(key.clone(), "owner".into()), (writer.clone(), "waiting".into())]);
    assert_eq!(values(&scene, "nobody", "copy", "price"), Vec::<String>::new(), "nothing is here yet");

    // Nobody is let in by asking.
    let (mut owner, address) = listen(&scene, "owner", &[]);
    let mut refused = scene.dazaar("nobody", &["map", "sync", "copy", &address]);
    refused.fail_with(4);
    let mut busy = scene.dazaar("nobody", &["map", "authorize", "owner", &writer]);
    busy.fail_with(6);
    owner.interrupt();
    owner.succeed();
    map(&scene, "nobody", &["authorize", "owner", &writer]);
    let (mut owner, address) = listen(&scene, "owner", &[]);
    let sync = || map(&scene, "nobody", &["sync", "copy", &address]);
    sync();
    assert_eq!(states(&scene, "copy"), [(key.clone(), "owner".into()), (writer.clone(), "writer".into())]);
    assert_eq!(values(&scene, "nobody", "copy", "price"), ["1"]);
    owner.interrupt();

    // Both change it without knowing of each other.
    let before = text(map(&scene, "nobody", &["put", "copy", "price", "2"]).last("map-done"), "version");
    map(&scene, "nobody", &["put", "owner", "price", "3"]);
    let (mut owner, address) = listen(&scene, "owner", &[]);
    map(&scene, "nobody", &["sync", "copy", &address]);
    owner.interrupt();
    for folder in ["owner", "copy"] {
        assert_eq!(values(&scene, "nobody", folder, "price"), ["2", "3"], "{folder}");
        let listed = map(&scene, "nobody", &["ls", folder]);
        let entries: Vec<_> = listed.seen().iter().filter(|event| event["event"] == "map-entry").collect();
        assert!(entries.len() == 2 && entries.iter().all(|entry| entry["conflict"] == 2), "{listed}");
        assert_ne!(entries[0]["writer"], entries[1]["writer"]);
    }
    let diff = map(&scene, "nobody", &["diff", "copy", &before]);
    let changes = diff.seen().iter().filter(|event| event["event"] == "map-change");
    assert_eq!(changes.filter(|event| event["conflict"] == 2).count(), 2, "{diff}");
    assert_eq!(
        map(&scene, "nobody", &["get", "copy", "price", "--at", &before]).last("map-entry")["value"],
        "2"
    );
    let lines = json!({ "key": "price", "value": "4" }).to_string() + "\n";
    let settled = map(&scene, "nobody", &["import", "copy", &scene.file("lines", lines)]);
    assert_eq!(settled.last("map-done")["changed"], 1);
    assert_eq!(values(&scene, "nobody", "copy", "price"), ["4"]);
    let again = map(&scene, "nobody", &["put", "copy", "price", "4"]);
    assert_eq!(again.last("map-done")["changed"], 0, "that is so already");

    // Only the owner takes rights back; what was known stays.
    scene.dazaar("nobody", &["map", "revoke", "copy", &key]).fail_with(3);
    let (mut owner, address) = listen(&scene, "owner", &[]);
    map(&scene, "nobody", &["sync", "copy", &address]);
    owner.interrupt();
    map(&scene, "nobody", &["revoke", "owner", &writer]);
    map(&scene, "nobody", &["put", "copy", "price", "5"]);
    assert_eq!(states(&scene, "owner"), [(key, "owner".into()), (writer, "revoked".into())]);
    let (mut owner, address) = listen(&scene, "owner", &[]);
    scene.dazaar("nobody", &["map", "sync", "copy", &address]).fail_with(4);
    owner.interrupt();
    assert_eq!(values(&scene, "nobody", "owner", "price"), ["4"]);
    map(&scene, "nobody", &["rm", "owner", "price"]);
    assert_eq!(values(&scene, "nobody", "owner", "price"), Vec::<String>::new());

    for wrong in [
        &["create", "owner"][..],
        &["authorize", "nowhere", &before[..64]],
        &["writers", "nowhere"],
        &["get", "owner", "price", "--at", &("00".repeat(32) + "01")],
    ] {
        scene.dazaar("nobody", &[&["map"], wrong].concat()).fail_with(3);
    }
    for wrong in
        [&["get", "owner", "price", "--at", "7"][..], &["sync", "owner"], &["ls", "owner", "--follow"]]
    {
        scene.dazaar("nobody", &[&["map"], wrong].concat()).fail_with(2);
    }
    assert!(!scene.path("nobody").exists(), "that needs no market");
}

#[test]
fn npm_hyperdb_opens_the_same_folder_and_replicates_with_whoever_lets_everybody() {
    let scene = Scene::new();
    let javascript = |steps: Value| {
        let (steps, keys) =
            (scene.file("steps", steps.to_string()), scene.file("keys", r#"["price","volume"]"#));
        let mut js = scene.js("hyperdb.js", "maps", &["--peers", "2", "--steps", &steps, "--keys", &keys]);
        js.succeed();
        js.last("db")["gets"].as_array().expect("a list").clone()
    };
    fs::create_dir(scene.path("maps")).expect("a folder");
    javascript(json!([[1, "put", "price", "1"], [1, "authorize", 2], [1, "sync", 2]]));
    // Each side goes on where the other stopped, in either folder.
    assert_eq!(values(&scene, "nobody", "maps/1", "price"), ["1"]);
    map(&scene, "nobody", &["put", "maps/1", "price", "2"]);
    map(&scene, "nobody", &["put", "maps/2", "price", "3"]);
    map(&scene, "nobody", &["put", "maps/2", "volume", "7"]);
    let told = javascript(json!([[1, "sync", 2]]));
    let mut theirs: Vec<_> = told[0].as_array().expect("nodes").iter().map(|node| node[2].clone()).collect();
    theirs.sort_by_key(Value::to_string);
    assert_eq!(theirs, ["2", "3"]);
    assert_eq!(values(&scene, "nobody", "maps/1", "price"), ["2", "3"]);
    map(&scene, "nobody", &["put", "maps/2", "price", "4"]);
    let told = javascript(json!([[2, "sync", 1], [1, "del", "volume"]]));
    assert_eq!(told[0][0][2], "4");
    assert_eq!(values(&scene, "nobody", "maps/1", "volume"), Vec::<String>::new());
    assert_eq!(states(&scene, "maps/1").len(), 2);

    // Over a connection, with one who was not let in.
    let (_owner, address) = listen(&scene, "maps/1", &["--anyone"]);
    let port = address.rsplit(':').next().expect("a port");
    let key = &states(&scene, "maps/1")[0].0;
    let mut reader = scene.js("hyperdb-peer.js", "reader", &["--port", port, "--key", key]);
    reader.wait_for("connected");
    loop {
        reader.say("get price");
        let got = reader.wait_for("got");
        if got["nodes"] == json!([["price", "4"]]) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn strangers_who_say_nothing_keep_no_writer_out() {
    let scene = Scene::new();
    let key = create(&scene, "team");
    map(&scene, "nobody", &["put", "team", "price", "1"]);
    let writer = join(&scene, "copy", &key);
    map(&scene, "nobody", &["authorize", "team", &writer]);
    let (mut seller, _) = scene.sell("team", &["--writers", "127.0.0.1:0"]);
    let writers = text(&seller.wait_for("map-listening"), "address");
    // More than can be connected, several times over: who waits until each of them has used up their time waits too long.
    let connect = || std::net::TcpStream::connect(&writers).expect("a connection");
    let strangers: Vec<_> = (0..500).map(|_| connect()).collect();
    map(&scene, "nobody", &["sync", "copy", &writers]);
    assert_eq!(values(&scene, "nobody", "copy", "price"), ["1"]);
    drop(strangers);
    seller.interrupt();
    seller.succeed();
}

#[test]
fn who_is_let_in_while_a_map_is_sold_is_sold_along() {
    let scene = Scene::new();
    let key = create(&scene, "team");
    map(&scene, "nobody", &["put", "team", "price", "1"]);
    let [one, two] = ["one", "two"].map(|folder| join(&scene, folder, &key));
    map(&scene, "nobody", &["authorize", "team", &one]);
    let (mut seller, place) = scene.sell("team", &["--writers", "127.0.0.1:0"]);
    let writers = text(&seller.wait_for("map-listening"), "address");
    let write = |folder: &str, key: &str, value: &str| {
        map(&scene, "nobody", &["put", folder, key, value]);
        map(&scene, "nobody", &["sync", folder, &writers]);
    };
    map(&scene, "nobody", &["sync", "one", &writers]);
    write("one", "volume", "7");

    // A buyer who stays.
    let me = scene.init("buyer");
    let grant = || scene.dazaar("seller", &["grant", &me, "1h"]).succeed();
    let buy = || scene.dazaar("buyer", &["buy", &link(&place), "--live"]);
    let mut buyer = buy();
    buyer.wait_for("invalid");
    grant();
    let member = buyer.wait_for("member");
    assert_eq!(member["feed"], one.as_str());
    assert_ne!(member["key"], one.as_str(), "each buyer has a key of their own");
    let sellers = place.seller.clone();
    let reads = |what: &str, key: &str, expected: &[&str]| {
        eventually(what, || values(&scene, "buyer", &sellers, key) == expected);
    };
    reads("the owner's", "price", &["1"]);
    reads("the writer's", "volume", &["7"]);

    // The other one is let in by the first, who is no owner.
    map(&scene, "nobody", &["authorize", "one", &two]);
    map(&scene, "nobody", &["sync", "one", &writers]);
    map(&scene, "nobody", &["sync", "two", &writers]);
    write("two", "trades", "3");
    assert_eq!(buyer.wait_for("member")["feed"], two.as_str(), "on the connection that there is");
    reads("the new writer's", "trades", &["3"]);

    // Both change one key; then one settles it.
    map(&scene, "nobody", &["put", "one", "price", "2"]);
    write("two", "price", "3");
    map(&scene, "nobody", &["sync", "one", &writers]);
    reads("both", "price", &["2", "3"]);
    write("one", "price", "4");
    reads("the settled one", "price", &["4"]);

    // One gate holds for all, and opens again.
    scene.dazaar("seller", &["revoke", &me]).succeed();
    buyer.wait_for("invalid");
    write("two", "late", "1");
    assert_eq!(values(&scene, "buyer", &sellers, "late"), Vec::<String>::new());
    grant();
    reads("what was kept back", "late", &["1"]);
    buyer.interrupt();
    write("one", "later", "2");
    let mut buyer = buy();
    reads("after a new connection", "later", &["2"]);
    buyer.interrupt();

    // A market that opens all feeds anew; a buyer who looks once, one who looks and stays, and what changed between.
    seller.interrupt();
    seller.succeed();
    let mut serving = scene.dazaar("seller", &["serve", "--listen", "127.0.0.1:0"]);
    let place = Place::of_ours(&serving.wait_for("listening"));
    let before = map(&scene, "buyer", &["ls", &link(&place)]);
    let mut keys: Vec<_> = before
        .seen()
        .iter()
        .filter(|event| event["event"] == "map-entry")
        .map(|event| text(event, "key"))
        .collect();
    keys.sort();
    assert_eq!(keys, ["late", "later", "price", "trades", "volume"]);
    scene.dazaar("buyer", &["map", "get", &link(&place), "nothing"]).fail_with(3);
    let mut once = scene.dazaar("buyer", &["buy", &link(&place)]);
    once.succeed();
    assert_eq!(once.last("done")["have"], once.last("done")["length"]);
    let owners = text(map(&scene, "nobody", &["put", "one", "mine", "1"]).last("map-done"), "version");
    scene.dazaar("buyer", &["map", "diff", &sellers, &owners]).fail_with(3);
    scene.dazaar("buyer", &["buy", &link(&place), "--to", &scene.text_path("rows")]).fail_with(3);
}

#[test]
fn a_map_that_is_shared_is_free_and_is_followed() {
    let scene = Scene::new();
    let key = create(&scene, "team");
    map(&scene, "nobody", &["put", "team", "price", "1"]);
    let writer = join(&scene, "one", &key);
    map(&scene, "nobody", &["authorize", "team", &writer]);
    scene.init("seller");
    let mut seller =
        scene.dazaar("seller", &["share", "team", "--writers", "127.0.0.1:0", "--listen", "127.0.0.1:0"]);
    let place = Place::of_ours(&seller.wait_for("listening"));
    let writers = text(&seller.wait_for("map-listening"), "address");
    map(&scene, "nobody", &["sync", "one", &writers]);
    let mut follower = scene.dazaar("buyer", &["map", "ls", &link(&place), "--follow"]);
    assert_eq!(follower.wait_for("map-entry")["value"], "1");
    map(&scene, "nobody", &["put", "one", "price", "2"]);
    map(&scene, "nobody", &["sync", "one", &writers]);
    let change = follower.wait_for("map-change");
    assert_eq!(
        (&change["key"], &change["value"], &change["kind"]),
        (&"price".into(), &"2".into(), &"changed".into())
    );
    follower.interrupt();
    follower.succeed();

    // The owner lets somebody in, and takes that back, while the process that sells has the folder.
    let second = join(&scene, "two", &key);
    scene.dazaar("nobody", &["map", "authorize", "team", &second]).fail_with(6);
    let let_in = map(&scene, "seller", &["authorize", "team", &second]);
    assert!(let_in.last("map-done")["version"].as_str().is_some_and(|version| version.contains(&key)));
    map(&scene, "nobody", &["sync", "two", &writers]);
    map(&scene, "seller", &["revoke", "team", &second]);
    scene.dazaar("nobody", &["map", "sync", "two", &writers]).fail_with(4);
    scene.dazaar("seller", &["map", "revoke", "team", &key]).fail_with(3);
    for wrong in [&["--blocks", "map"][..], &["--follow"], &["--keep", "1d"]] {
        scene.dazaar("seller", &[&["sell", "one", "--no-serve"], wrong].concat()).fail_with(2);
    }
    scene.file("rows.csv", "time,value\n");
    scene.dazaar("seller", &["sell", "rows.csv", "--no-serve", "--writers", "127.0.0.1:0"]).fail_with(2);
}

fn link(place: &Place) -> String {
    format!("dazaar:{}?at={}&name=team", place.seller, place.address)
}
