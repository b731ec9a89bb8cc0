//! Drives as folders of the system. Takes /dev/fuse, and root or fusermount3: `cargo xtask fuse`.

use std::fs;

use crate::support::{Process, Scene, eventually};

/// Attaches a drive to the folder `at`.
fn attach(scene: &Scene, who: &str, drive: &str) -> Process {
    fs::create_dir_all(scene.path("at")).expect("a folder");
    let mut attached = scene.dazaar(who, &["drive", "attach", drive, &scene.text_path("at")]);
    attached.wait_for("attached");
    attached
}

fn read(scene: &Scene, path: &str) -> Option<String> {
    fs::read_to_string(scene.path("at").join(path)).ok()
}

fn is_empty(scene: &Scene) -> bool {
    fs::read_dir(scene.path("at")).expect("a folder").next().is_none()
}

#[test]
fn a_drive_that_is_attached_follows_its_imports() {
    let scene = Scene::new();
    let (source, drive) = (scene.text_path("source"), scene.text_path("drive"));
    fs::create_dir_all(scene.path("source/dir")).expect("a folder");
    fs::write(scene.path("source/dir/a"), "first").expect("a file");
    let import = || scene.dazaar("nobody", &["drive", "import", &source, &drive, "--delete"]).succeed();
    import();
    let mut attached = attach(&scene, "nobody", &drive);
    assert_eq!(read(&scene, "dir/a").as_deref(), Some("first"));
    let same = std::process::Command::new("diff").args(["-r", &source, &scene.text_path("at")]).status();
    assert!(same.expect("diff runs").success());
    fs::write(scene.path("source/dir/a"), "and second").expect("a file");
    fs::write(scene.path("source/b"), "new").expect("a file");
    import();
    eventually("it follows", || read(&scene, "dir/a").as_deref() == Some("and second"));
    assert_eq!(read(&scene, "b").as_deref(), Some("new"));
    fs::remove_file(scene.path("source/b")).expect("it was there");
    import();
    eventually("what is deleted is gone", || read(&scene, "b").is_none());
    attached.interrupt();
    attached.succeed();
    assert!(attached.complaints().is_empty(), "{attached}");
    assert!(is_empty(&scene));
}

#[test]
fn a_drive_that_is_being_bought_is_seen_as_it_comes() {
    let scene = Scene::new();
    fs::create_dir(scene.path("files")).expect("a folder");
    fs::write(scene.path("files/a"), "first").expect("a file");
    let (_seller, place) = scene.sell(&scene.text_path("files"), &["--admit-all", "--follow"]);
    let buy = ["buy", &place.seller, "--connect", &place.address];
    scene.dazaar("buyer", &buy).succeed();
    let mut attached = attach(&scene, "buyer", &place.seller);
    assert_eq!(read(&scene, "a").as_deref(), Some("first"));
    let _buyer = scene.dazaar("buyer", &[&buy[..], &["--live"]].concat());
    fs::write(scene.path("files/b"), "second").expect("a file");
    eventually("it follows", || read(&scene, "b").as_deref() == Some("second"));
    attached.interrupt();
    attached.succeed();
    assert!(is_empty(&scene));
}

#[test]
fn folders_that_cannot_be_used_are_told() {
    let scene = Scene::new();
    let (source, drive) = (scene.text_path("source"), scene.text_path("drive"));
    fs::create_dir(scene.path("source")).expect("a folder");
    fs::write(scene.path("source/a"), "first").expect("a file");
    scene.dazaar("nobody", &["drive", "import", &source, &drive]).succeed();
    let at = scene.text_path("at");
    let fail = |folder: &str, complaint: &str| {
        let mut failed = scene.dazaar("nobody", &["drive", "attach", &drive, folder]);
        failed.fail_with(3);
        let error = failed.last("error").to_string();
        assert!(error.contains(complaint), "{error}");
    };
    fail(&source, "not empty");
    fail(&at, "No such file");
    fail(&scene.file("file", ""), "Not a directory");
    let mut attached = attach(&scene, "nobody", &drive);
    fail(&at, "not empty");
    // Nobody takes it away.
    attached.kill();
    fail(&at, "umount");
    let gone = std::process::Command::new("umount").arg(&at).status().expect("umount runs");
    assert!(gone.success() && is_empty(&scene));

    let mut attached = attach(&scene, "nobody", &drive);
    let gone = std::process::Command::new("umount").arg(&at).status().expect("umount runs");
    assert!(gone.success());
    attached.succeed();
}
