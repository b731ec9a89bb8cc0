//! Copies of drives that are followed: what their sellers delete goes from them too, also in what is mounted, and from one run to the next.

use std::fs;
use std::path::Path;

use crate::support::{Place, Process, Scene, eventually, text};

/// Makes a drive of files, each of which holds its name; its key.
fn drive(scene: &Scene, name: &str, files: &[&str]) -> String {
    for file in files {
        scene.file(&format!("{name}/{file}"), file);
    }
    import(scene, name)
}

/// Makes a drive the same as its folder.
fn import(scene: &Scene, name: &str) -> String {
    let mut import = scene.dazaar("nobody", &["drive", "import", name, &format!("{name}.drive"), "--delete"]);
    import.succeed();
    text(import.last("drive-done"), "key")
}

fn follow(scene: &Scene, place: &Place) -> Process {
    let link = format!("dazaar:{}?at={}", place.seller, place.address);
    scene.dazaar("buyer", &["buy", &link, "--live", "--to", &scene.text_path("copy")])
}

#[test]
fn a_live_copy_loses_what_a_mounted_drive_loses() {
    let scene = Scene::new();
    for folder in ["photos", "music"] {
        fs::create_dir(scene.path(folder)).expect("a folder");
    }
    drive(&scene, "photos", &["harbour"]);
    let music = drive(&scene, "music", &["song", "other", "changed"]);
    scene.dazaar("nobody", &["drive", "mount", "photos.drive", "/music", &music]).succeed();
    scene.init("seller");
    scene
        .dazaar("seller", &["sell", "music.drive", "--name", "music", "--no-serve", "--admit-all"])
        .succeed();
    let (mut seller, place) = scene.sell_on("photos.drive", &["--admit-all"]);
    let mut buyer = follow(&scene, &place);
    let is_there = |path: &str| scene.path("copy").join(path).exists();
    eventually("all is copied", || {
        ["harbour", "music/song", "music/other"].iter().all(|path| is_there(path))
    });
    buyer.wait_for("drive-done");
    fs::write(scene.path("copy/music/changed"), "by the buyer").expect("a file");

    // A copy that is exported from what was bought follows too.
    let words = ["drive", "export", &place.seller, "exported", "--follow", "--delete"];
    let mut exporting = scene.dazaar("buyer", &words);
    exporting.wait_for("drive-done");
    assert!(scene.path("exported/music/song").exists());

    // The mounted drive loses files; the drive that mounts it stays as it is.
    let sell_again = |seller: &mut Process| {
        seller.interrupt();
        seller.succeed();
        for file in ["song", "changed"] {
            let _ = fs::remove_file(scene.path("music").join(file));
        }
        import(&scene, "music");
        let again = ["sell", "photos.drive", "--admit-all", "--listen", &place.address];
        *seller = scene.dazaar("seller", &again);
        seller.wait_for("listening");
    };
    sell_again(&mut seller);
    eventually("it is deleted", || !is_there("music/song"));
    assert_eq!(scene.read("copy/music/changed"), "by the buyer");
    assert!(is_there("music/other") && is_there("harbour"));
    eventually("it is deleted from what is exported", || !scene.path("exported/music/song").exists());
    exporting.interrupt();
    exporting.succeed();

    // And while nobody follows: the copy is remembered.
    buyer.interrupt();
    buyer.succeed();
    fs::remove_file(scene.path("music/other")).expect("it was there");
    fs::write(scene.path("copy/music/mine"), "the buyer's").expect("a file");
    sell_again(&mut seller);
    let mut buyer = follow(&scene, &place);
    eventually("it is deleted too", || !is_there("music/other"));
    buyer.wait_for("drive-done");
    assert!(is_there("music/mine") && is_there("music/changed") && is_there("harbour"));
    buyer.interrupt();
    buyer.succeed();

    // With the mount all of it goes.
    seller.interrupt();
    seller.succeed();
    scene.dazaar("nobody", &["drive", "unmount", "photos.drive", "/music"]).succeed();
    fs::remove_file(scene.path("copy/music/mine")).expect("it was there");
    fs::remove_file(scene.path("copy/music/changed")).expect("it was there");
    let again = ["sell", "photos.drive", "--admit-all", "--listen", &place.address];
    let mut seller = scene.dazaar("seller", &again);
    seller.wait_for("listening");
    let _buyer = follow(&scene, &place);
    eventually("the mount is gone", || !is_there("music"));
    assert!(is_there("harbour"));
}

#[test]
fn a_live_copy_loses_what_it_got_when_it_was_not_live() {
    let scene = Scene::new();
    fs::create_dir(scene.path("photos")).expect("a folder");
    let photos = drive(&scene, "photos", &["harbour", "early"]);
    scene.init("seller");
    let (mut seller, place) = scene.sell_on("photos.drive", &["--admit-all"]);
    assert_eq!(place.feed, photos);
    let mut sell_again = || {
        seller.interrupt();
        seller.succeed();
        import(&scene, "photos");
        seller = scene.dazaar("seller", &["sell", "photos.drive", "--admit-all", "--listen", &place.address]);
        seller.wait_for("listening");
    };
    let mut buyer = follow(&scene, &place);
    buyer.wait_for("drive-done");
    buyer.interrupt();
    buyer.succeed();

    scene.file("photos/later", "later");
    fs::remove_file(scene.path("photos/early")).expect("it was there");
    sell_again();
    let link = format!("dazaar:{}?at={}", place.seller, place.address);
    scene.dazaar("buyer", &["buy", &link, "--to", &scene.text_path("copy")]).succeed();
    assert_eq!(scene.read("copy/later"), "later");
    assert_eq!(scene.read("copy/early"), "early", "without --live nothing is deleted");

    fs::remove_file(scene.path("photos/later")).expect("it was there");
    sell_again();
    let _buyer = follow(&scene, &place);
    eventually("all is deleted", || {
        ["early", "later"].iter().all(|name| !scene.path("copy").join(name).exists())
    });
    assert!(scene.path("copy/harbour").exists());
}

#[test]
fn what_is_sold_while_the_drive_that_mounts_it_is_served_is_sold_along() {
    let scene = Scene::new();
    for folder in ["photos", "music", "dear"] {
        fs::create_dir(scene.path(folder)).expect("a folder");
    }
    drive(&scene, "photos", &["harbour"]);
    let (music, dear) = (drive(&scene, "music", &["song"]), drive(&scene, "dear", &["secret"]));
    for (path, key) in [("/music", &music), ("/dear", &dear)] {
        scene.dazaar("nobody", &["drive", "mount", "photos.drive", path, key]).succeed();
    }
    scene.init("seller");
    let (mut seller, place) = scene.sell_on("photos.drive", &["--admit-all"]);
    seller.wait_for_complaint(&music);
    let mut buyer = follow(&scene, &place);
    buyer.wait_for("drive-done");
    assert!(scene.path("copy/harbour").exists() && !scene.path("copy/music/song").exists());

    // One is listed for the same, one is not.
    let list = |name: &str, how: &[&str]| {
        let source = format!("{name}.drive");
        scene.dazaar("seller", &[&["sell", &source, "--name", name, "--no-serve"], how].concat()).succeed();
    };
    list("dear", &["--price", "1 EUR/hour"]);
    list("music", &["--admit-all"]);
    eventually("it is copied, on the connection that there is", || scene.path("copy/music/song").exists());
    assert!(!scene.path("copy/dear/secret").exists());
    assert!(buyer.is_running() && seller.is_running());
}

/// Lays the feeds of a drive into the folder of another one, as if they had been fetched.
fn lay(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            lay(&path, &target);
        } else if !["master_key", "name", "secret_key"].iter().any(|name| entry.file_name() == *name) {
            fs::copy(&path, &target).expect("a file");
        }
    }
}

#[test]
fn what_lies_in_the_folder_of_the_drive_goes_along_when_it_is_served_too() {
    let scene = Scene::new();
    for folder in ["photos", "music", "own"] {
        fs::create_dir(scene.path(folder)).expect("a folder");
    }
    let photos = drive(&scene, "photos", &["harbour"]);
    let (music, own) = (drive(&scene, "music", &["song"]), drive(&scene, "own", &["mine"]));
    let mount = |of: &str, path: &str, key: &str| {
        scene.dazaar("nobody", &["drive", "mount", of, path, key]).succeed();
    };
    // Who writes what we fetched has what we sell for itself in it, and so have we.
    mount("music.drive", "/own", &own);
    lay(&scene.path("music.drive"), &scene.path("photos.drive"));
    mount("photos.drive", "/music", &music);
    scene.init("seller");
    scene.dazaar("seller", &["sell", "own.drive", "--name", "own", "--no-serve", "--admit-all"]).succeed();
    let mut listed = scene.dazaar("seller", &["sell", "photos.drive", "--admit-all", "--no-serve"]);
    listed.succeed();
    assert!(listed.complaints().contains(&format!("Not sold along: {own}")), "{listed}");
    let mut seller = scene.dazaar("seller", &["serve", "--listen", "127.0.0.1:0"]);
    let places = [(); 2].map(|()| Place::of_ours(&seller.wait_for("listening")));
    let place = places.iter().find(|place| place.feed == photos).expect("it is served");
    let _buyer = follow(&scene, place);
    eventually("it is copied", || scene.path("copy/music/song").exists());
    assert!(!scene.path("copy/music/own/mine").exists());
    seller.interrupt();
    seller.succeed();
    assert!(
        !seller.complaints().contains("sold along:"),
        "nothing went wrong, and nothing was added: {seller}"
    );
}
