//! Folders that are sold: two feeds behind one gate, and a copy of the files at the buyer's.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::support::{Place, Process, Scene, eventually, text};

/// A folder with a bit of everything.
fn fill(folder: &Path) {
    fs::create_dir_all(folder.join("deep/er")).expect("a folder");
    fs::create_dir(folder.join("empty")).expect("a folder");
    fs::write(folder.join("none"), "").expect("a file");
    fs::write(folder.join("deep/er/text"), "some text\n").expect("a file");
    fs::write(folder.join("big"), noise(3_000_000)).expect("a file");
    fs::write(folder.join("run"), "#!/bin/sh\n").expect("a file");
    fs::set_permissions(folder.join("run"), fs::Permissions::from_mode(0o755)).expect("permissions");
    symlink("deep/er/text", folder.join("link")).expect("a link");
}

/// Bytes that nothing compresses, and no part of which is like another.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// Everything in a folder: modes, and bytes or where a link leads.
fn tree(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner).expect("a folder") {
            let path = entry.expect("an entry").path();
            let metadata = fs::symlink_metadata(&path).expect("an entry");
            let content = match () {
                () if metadata.is_dir() => Vec::new(),
                () if metadata.is_symlink() => {
                    fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
                }
                () => fs::read(&path).expect("a file"),
            };
            let name = path.strip_prefix(folder).expect("in the folder").to_str().expect("text").to_owned();
            // The mode of a link means nothing.
            let mode = if metadata.is_symlink() { 0 } else { metadata.permissions().mode() };
            found.insert(name, (mode, content));
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

fn buy(scene: &Scene, who: &str, place: &Place, arguments: &[&str]) -> Process {
    scene.dazaar(who, &[&["buy", &place.seller, "--connect", &place.address], arguments].concat())
}

#[test]
fn a_folder_is_sold_and_the_copy_is_the_same() {
    let scene = Scene::new();
    let (files, copy) = (scene.path("files"), scene.path("copy"));
    fill(&files);
    let (mut seller, place) = scene.sell(&scene.text_path("files"), &["--admit-all"]);
    assert_eq!(seller.last("drive-done")["failed"], 0);
    assert_eq!(seller.last("drive-progress")["entries"], 8);

    let mut buyer = buy(&scene, "buyer", &place, &["--to", &scene.text_path("copy")]);
    let member = buyer.wait_for("member");
    assert_ne!(member["feed"], member["key"], "each buyer has a key of their own");
    assert_eq!(buyer.wait_for("drive-done")["written"], 8);
    assert_eq!(buyer.last("drive-progress")["entries"], 8);
    buyer.succeed();
    assert_eq!(tree(&copy), tree(&files));

    // Once more: nothing is written, and what was damaged comes back.
    let mut again = buy(&scene, "buyer", &place, &["--to", &scene.text_path("copy")]);
    again.succeed();
    assert_eq!(
        (&again.last("drive-done")["written"], &again.last("drive-done")["unchanged"]),
        (&0.into(), &8.into())
    );
    fs::remove_file(copy.join("big")).expect("it was there");
    buy(&scene, "buyer", &place, &["--to", &scene.text_path("copy")]).succeed();
    assert_eq!(tree(&copy), tree(&files));

    // It is read without a copy too, by both.
    for (who, name) in [("buyer", place.seller.as_str()), ("seller", "files")] {
        let mut list = scene.dazaar(who, &["drive", "ls", name, "--recursive"]);
        list.succeed();
        let entries = list.seen().iter().filter(|event| event["event"] == "drive-entry");
        assert_eq!(entries.count(), 8, "{who}");
    }

    // Served by a market that has to open both feeds anew.
    seller.interrupt();
    seller.succeed();
    let mut serving = scene.dazaar("seller", &["serve", "--listen", "127.0.0.1:0"]);
    let place = Place::of_ours(&serving.wait_for("listening"));
    let mut other = buy(&scene, "other", &place, &["--to", &scene.text_path("other-copy")]);
    other.succeed();
    assert_eq!(tree(&scene.path("other-copy")), tree(&files));
}

#[test]
fn drives_that_are_mounted_are_sold_along() {
    let scene = Scene::new();
    let drive = |name: &str, file: &str, content: &str| {
        fs::create_dir(scene.path(name)).expect("a folder");
        fs::write(scene.path(name).join(file), content).expect("a file");
        let mut import = scene.dazaar("nobody", &["drive", "import", name, &format!("{name}.drive")]);
        import.succeed();
        text(import.last("drive-done"), "key")
    };
    let (photos, music, deep) =
        (drive("photos", "harbour", "blue"), drive("music", "song", "la"), drive("deep", "deeper", "down"));
    let foreign = drive("foreign", "theirs", "not ours");
    let dear = drive("dear", "secret", "for who pays");
    let mount = |of: &str, path: &str, key: &str| {
        scene.dazaar("nobody", &["drive", "mount", of, path, key]).succeed();
    };
    mount("photos.drive", "/music", &music);
    mount("music.drive", "/deep", &deep);
    mount("deep.drive", "/around", &photos);
    scene.init("seller");
    let list = |name: &str, how: &[&str]| {
        let source = format!("{name}.drive");
        let listed = [&["sell", &source, "--name", name, "--no-serve"], how].concat();
        scene.dazaar("seller", &listed).succeed();
    };
    list("music", &["--admit-all"]);
    list("deep", &["--admit-all"]);
    // One that is not for everybody is not given away with one that is.
    list("dear", &[]);
    let (mut seller, place) = scene.sell_on("photos.drive", &["--admit-all"]);
    let mut buyer = buy(&scene, "buyer", &place, &["--to", &scene.text_path("copy")]);
    buyer.succeed();
    assert_eq!(scene.read("copy/harbour"), "blue");
    assert_eq!(scene.read("copy/music/song"), "la");
    assert_eq!(scene.read("copy/music/deep/deeper"), "down");
    let around = fs::read_dir(scene.path("copy/music/deep/around")).expect("a folder");
    assert_eq!(around.count(), 0, "nothing within itself");
    let mut list = scene.dazaar("buyer", &["drive", "ls", &place.seller, "/music/deep/around/music"]);
    list.succeed();
    let entries = list.seen().iter().filter(|event| event["event"] == "drive-entry");
    let mut paths: Vec<_> = entries.map(|event| text(event, "path")).collect();
    paths.sort();
    assert_eq!(paths, ["/music/deep/around/music/deep", "/music/deep/around/music/song"]);
    seller.interrupt();
    seller.succeed();

    // Served anew, with one that is not the seller's to sell; its place in the copy stays empty, and that is told.
    mount("photos.drive", "/theirs", &foreign);
    mount("photos.drive", "/dear", &dear);
    let (mut seller, place) = scene.sell_on("photos.drive", &["--admit-all"]);
    seller.wait_for_complaint(&foreign);
    seller.wait_for_complaint(&dear);
    let mut again = buy(&scene, "buyer", &place, &["--to", &scene.text_path("copy")]);
    again.fail_with(3);
    assert_eq!(again.last("drive-done")["failed"], 2);
    assert!(!scene.path("copy/theirs/theirs").exists() && !scene.path("copy/dear/secret").exists());
    assert_eq!(scene.read("copy/music/song"), "la");
    seller.interrupt();
    seller.succeed();

    // A market that opens all of them anew, each by itself and with the others.
    let mut serving = scene.dazaar("seller", &["serve", "--listen", "127.0.0.1:0"]);
    let places = [(); 4].map(|()| Place::of_ours(&serving.wait_for("listening")));
    let place = places.iter().find(|found| found.seller == place.seller).expect("it is served");
    buy(&scene, "other", place, &["--to", &scene.text_path("other-copy")]).fail_with(3);
    assert_eq!(scene.read("other-copy/music/deep/deeper"), "down");
}

#[test]
fn one_gate_holds_for_all_feeds_and_opens_again() {
    let scene = Scene::new();
    let (files, copy) = (scene.path("files"), scene.path("copy"));
    fill(&files);
    let key = scene.init("buyer");
    let (mut seller, place) = scene.sell(&scene.text_path("files"), &["--follow"]);
    let mut buyer = buy(&scene, "buyer", &place, &["--live", "--to", &scene.text_path("copy")]);
    buyer.wait_for("invalid");
    assert!(!copy.exists(), "nothing before the buyer is admitted");
    scene.dazaar("seller", &["grant", &key, "1h"]).succeed();
    buyer.wait_for("drive-done");
    assert_eq!(tree(&copy), tree(&files));

    // What changes, comes and goes at the seller's does so at the buyer's.
    fs::write(files.join("deep/er/text"), "other text\n").expect("a file");
    fs::write(files.join("new"), noise(3_500_000)).expect("a file");
    fs::remove_file(files.join("none")).expect("it was there");
    fs::create_dir(files.join("none")).expect("a folder of that name");
    fs::remove_file(files.join("run")).expect("it was there");
    eventually("the copy follows", || tree(&copy) == tree(&files));

    scene.dazaar("seller", &["revoke", &key]).succeed();
    buyer.wait_for("invalid");
    let before = tree(&copy);
    fs::write(files.join("later"), noise(200_000)).expect("a file");
    seller.wait_until("the drive has the file", |event| event["path"] == "/later");
    assert_eq!(tree(&copy), before, "nothing is delivered behind a closed gate");
    scene.dazaar("seller", &["grant", &key, "1h"]).succeed();
    eventually("the copy follows again", || tree(&copy) == tree(&files));
    assert!(buyer.is_running() && seller.is_running());
}

#[test]
fn a_purchase_of_files_that_was_killed_goes_on() {
    let scene = Scene::new();
    let (files, copy) = (scene.path("files"), scene.path("copy"));
    fill(&files);
    fs::write(files.join("huge"), noise(40_000_000)).expect("a file");
    let (mut seller, place) = scene.sell(&scene.text_path("files"), &["--admit-all"]);
    let mut killed = buy(&scene, "buyer", &place, &["--to", &scene.text_path("copy")]);
    killed.wait_until("a part is here", |event| event["have"].as_u64().is_some_and(|have| have > 20));
    killed.kill();
    seller.kill();
    let mut seller = scene.dazaar("seller", &["serve", "--listen", &place.address]);
    seller.wait_for("listening");
    let mut buyer = buy(&scene, "buyer", &place, &["--to", &scene.text_path("copy")]);
    buyer.succeed();
    assert_eq!(tree(&copy), tree(&files));
}

#[test]
fn a_folder_of_empty_files_is_bought_too() {
    let scene = Scene::new();
    fs::create_dir_all(scene.path("files/empty")).expect("a folder");
    fs::write(scene.path("files/none"), "").expect("a file");
    let (_seller, place) = scene.sell(&scene.text_path("files"), &["--admit-all"]);
    buy(&scene, "buyer", &place, &["--to", &scene.text_path("copy")]).succeed();
    assert_eq!(tree(&scene.path("copy")), tree(&scene.path("files")));
}

#[test]
fn keys_are_never_sold() {
    let scene = Scene::new();
    // The market lies in the folder that is sold, and so does a drive.
    fs::create_dir(scene.path("files")).expect("a folder");
    fs::write(scene.path("files/a"), "a").expect("a file");
    scene
        .dazaar("nobody", &["drive", "import", &scene.text_path("files"), &scene.text_path("files/x.drive")])
        .fail_with(3);
    let (mut seller, place) = scene.sell(&scene.text_path(""), &["--admit-all", "--name", "all"]);
    assert_eq!(seller.last("drive-done")["failed"], 2);
    seller.interrupt();
    seller.succeed();
    let mut list = scene.dazaar("seller", &["drive", "ls", "all", "--recursive"]);
    list.succeed();
    let paths: Vec<_> = list.seen().iter().filter_map(|event| event["path"].as_str()).collect();
    assert_eq!(paths, ["/files", "/files/a"]);
    drop(place);
    scene.dazaar("seller", &["sell", &scene.text_path("seller"), "--no-serve"]).fail_with(3);
    scene.dazaar("seller", &["sell", &scene.text_path("seller/feeds"), "--no-serve"]).fail_with(3);
}

#[test]
fn a_name_is_that_of_one_folder_and_an_empty_one_takes_nothing_away() {
    let scene = Scene::new();
    for folder in ["one/files", "two/files"] {
        fs::create_dir_all(scene.path(folder)).expect("a folder");
        fs::write(scene.path(folder).join(&folder[..3]), "").expect("a file");
    }
    let sell = |folder: &str| scene.dazaar("seller", &["sell", &scene.text_path(folder), "--no-serve"]);
    sell("one/files").succeed();
    sell("two/files").fail_with(3);
    fs::remove_file(scene.path("one/files/one")).expect("it was there");
    sell("one/files").fail_with(3);
    // The folder was moved.
    fs::remove_dir(scene.path("one/files")).expect("it is empty");
    sell("two/files").succeed();
}

#[test]
fn npm_hyperdrive_reads_what_is_shared() {
    let scene = Scene::new();
    fill(&scene.path("files"));
    let mut seller = scene.dazaar("seller", &["share", &scene.text_path("files"), "--listen", "127.0.0.1:0"]);
    let listening = seller.wait_for("listening");
    let place = Place::of_ours(&listening);
    let mut reader =
        scene.js("drive-peer.js", "js", &["--port", place.port(), "--key", &text(&listening, "feed")]);
    reader.wait_for("connected");
    reader.say("update");
    reader.wait_for("updated");
    reader.say("list /");
    let names = reader.wait_for("listed")["names"].clone();
    assert_eq!(names, serde_json::json!(["big", "deep", "empty", "link", "none", "run"]));
    reader.say("read /big");
    let sum = reader.wait_for("read")["sha256"].clone();
    let expected =
        std::process::Command::new("sha256sum").arg(scene.path("files/big")).output().expect("coreutils");
    assert!(String::from_utf8_lossy(&expected.stdout).starts_with(sum.as_str().expect("a sum")));

    // Our buyers get the drive's own keys too.
    let mut buyer = buy(&scene, "buyer", &place, &["--to", &scene.text_path("copy")]);
    let member = buyer.wait_for("member");
    assert_eq!(member["feed"], member["key"]);
    buyer.succeed();
    assert_eq!(tree(&scene.path("copy")), tree(&scene.path("files")));
}

#[test]
fn a_drive_of_npm_hyperdrive_is_sold_as_it_stands() {
    let scene = Scene::new();
    let operations = r#"[["put","/a",100000,1,420,1600000000000],["put","/dir/b",5,2,420,1600000000000]]"#;
    let operations = scene.file("operations.json", operations);
    let mut made = scene.js("drive.js", "js-drive", &["--ops", &operations]);
    made.wait_for("drive");
    made.succeed();
    let (_seller, place) = scene.sell(&scene.text_path("js-drive"), &["--admit-all"]);
    let mut buyer = buy(&scene, "buyer", &place, &["--to", &scene.text_path("copy")]);
    buyer.succeed();
    let bytes: Vec<u8> = (0..100_000_usize).map(|nth| (nth.wrapping_mul(7) as u8).wrapping_add(1)).collect();
    assert_eq!(fs::read(scene.path("copy/a")).expect("a file"), bytes);
    assert_eq!(fs::read(scene.path("copy/dir/b")).expect("a file").len(), 5);
}

#[test]
fn mistakes_about_files_that_are_sold_are_told() {
    let scene = Scene::new();
    fill(&scene.path("files"));
    let files = scene.text_path("files");
    scene.dazaar("seller", &["share", &files, "--price", "1 EUR/hour", "--no-serve"]).fail_with(2);
    scene.dazaar("seller", &["sell", &files, "--keep", "1d", "--no-serve"]).fail_with(2);
    scene.dazaar("seller", &["sell", &files, "--no-serve"]).succeed();
    // Nothing of the folder is sold under a name that means something else.
    let data = scene.file("data.csv", "time,value\n");
    scene.dazaar("seller", &["sell", &data, "--name", "files", "--no-serve"]).fail_with(3);

    let (mut seller, place) = scene.sell_on(&files, &["--admit-all"]);
    buy(&scene, "buyer", &place, &["--to", &scene.file("file", "")]).fail_with(1);
    seller.interrupt();
    seller.succeed();

    // The list of the files alone, sold as any feed.
    let mut status = scene.dazaar("seller", &["status"]);
    status.succeed();
    let list = text(status.last("listing"), "folder");
    let mut other = scene.dazaar("other", &["sell", &list, "--admit-all", "--listen", "127.0.0.1:0"]);
    let place = Place::of_ours(&other.wait_for("listening"));
    let mut buyer = buy(&scene, "buyer", &place, &["--to", &scene.text_path("nothing")]);
    buyer.fail_with(1);
    assert!(buyer.complaints().contains("not what is in them"), "{buyer}");
}
