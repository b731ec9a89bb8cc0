//! Drives from the command line.

use std::fs;

use crate::support::{Scene, eventually};

#[test]
fn a_folder_goes_through_a_drive_and_comes_back() {
    let scene = Scene::new();
    let (source, drive, copy) = (scene.path("source"), scene.path("drive"), scene.path("copy"));
    let [source_text, drive_text, copy_text] =
        [&source, &drive, &copy].map(|path| path.to_str().expect("a path that is text").to_owned());
    fs::create_dir_all(source.join("dir")).expect("a folder");
    fs::write(source.join("dir/a"), "first").expect("a file");
    fs::write(source.join("b"), "second").expect("a file");
    let run = |arguments: &[&str]| {
        let mut command = scene.dazaar("nobody", &[&["drive"], arguments].concat());
        command.succeed();
        command
    };
    let import = run(&["import", &source_text, &drive_text]);
    let done = import.last("drive-done");
    assert_eq!((&done["written"], &done["bytes"], &done["version"]), (&3.into(), &11.into(), &4.into()));
    let all = serde_json::json!({ "event": "drive-progress", "entries": 3, "of_entries": 3, "bytes": 11, "of_bytes": 11 });
    assert_eq!(import.last("drive-progress"), &all);
    let list = run(&["ls", &drive_text, "--recursive"]);
    let paths: Vec<_> = list
        .seen()
        .iter()
        .filter(|event| event["event"] == "drive-entry")
        .map(|event| (event["path"].clone(), event["kind"].clone(), event["size"].clone()))
        .collect();
    assert_eq!(
        paths,
        [
            ("/b".into(), "file".into(), 6.into()),
            ("/dir".into(), "directory".into(), 0.into()),
            ("/dir/a".into(), "file".into(), 5.into())
        ]
    );
    run(&["cp", &drive_text, "/b", "/dir/c"]);
    run(&["rm", &drive_text, "b"]);
    let diff = run(&["diff", &drive_text, "4"]);
    let changes: Vec<_> = diff
        .seen()
        .iter()
        .filter(|event| event["event"] == "drive-change")
        .map(|event| format!("{} {}", event["kind"].as_str().unwrap_or_default(), event["path"]))
        .collect();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(changes.contains(&"deleted \"/b\"".to_owned()), "{changes:?}");
    let stat = run(&["stat", &drive_text, "/b", "--at", "4"]);
    assert_eq!(stat.last("drive-entry")["size"], 6);
    let export = run(&["export", &drive_text, &copy_text]);
    assert_eq!(export.last("drive-progress")["of_entries"], 3);
    assert_eq!(fs::read(copy.join("dir/c")).expect("a file"), b"second");
    assert!(!copy.join("b").exists());
    run(&["rm", &drive_text, "/dir", "--recursive"]);
    assert!(!run(&["ls", &drive_text]).seen().iter().any(|event| event["event"] == "drive-entry"));
}

#[test]
fn an_export_with_delete_makes_a_folder_the_same() {
    let scene = Scene::new();
    let [source, drive, copy] = ["source", "drive", "copy"].map(|name| scene.text_path(name));
    fs::create_dir_all(scene.path("source/dir")).expect("a folder");
    fs::write(scene.path("source/dir/a"), "first").expect("a file");
    fs::create_dir_all(scene.path("copy/more")).expect("a folder");
    fs::write(scene.path("copy/more/x"), "").expect("a file");
    scene.dazaar("nobody", &["drive", "import", &source, &drive]).succeed();
    let export = ["drive", "export", &drive];
    scene.dazaar("nobody", &[&export[..], &[&copy]].concat()).succeed();
    assert!(scene.path("copy/more/x").exists(), "nothing is deleted unless that is said");
    let mut mirror = scene.dazaar("nobody", &[&export[..], &[&copy, "--delete"]].concat());
    mirror.succeed();
    let files = mirror.seen().iter().filter(|event| event["action"] == "deleted");
    let deleted: Vec<_> = files.filter_map(|event| event["path"].as_str()).collect();
    assert_eq!((deleted, &mirror.last("drive-done")["deleted"]), (vec!["/more/x", "/more"], &2.into()));
    assert!(!scene.path("copy/more").exists() && scene.path("copy/dir/a").exists());

    // Neither the market, nor home, nor what they are in.
    scene.init("nobody");
    fs::create_dir_all(scene.path("home/me")).expect("a folder");
    let home = scene.text_path("home/me");
    for wrong in ["nobody", "", "home", "home/me"].map(|folder| scene.text_path(folder)) {
        let arguments = [&export[..], &[&wrong, "--delete"]].concat();
        let mut refused = scene.dazaar_with("nobody", &arguments, &[("HOME", &home)]);
        refused.fail_with(3);
        assert!(!refused.seen().iter().any(|event| event["event"] == "drive-file"), "{wrong}: {refused}");
    }
    assert!(scene.path("nobody/master.key").exists() && scene.path("source/dir/a").exists());
}

#[test]
fn an_export_that_follows_takes_over_each_version() {
    let scene = Scene::new();
    let [source, drive, copy] = ["source", "drive", "copy"].map(|name| scene.text_path(name));
    fs::create_dir(scene.path("source")).expect("a folder");
    fs::write(scene.path("source/a"), "first").expect("a file");
    let import = || scene.dazaar("nobody", &["drive", "import", &source, &drive, "--delete"]).succeed();
    import();
    let mut export = scene.dazaar("nobody", &["drive", "export", &drive, &copy, "--delete", "--follow"]);
    export.wait_for("drive-done");
    assert_eq!(scene.read("copy/a"), "first");
    fs::write(scene.path("source/b"), "second").expect("a file");
    fs::remove_file(scene.path("source/a")).expect("it was there");
    import();
    eventually("the copy follows", || scene.path("copy/b").exists() && !scene.path("copy/a").exists());
    export.interrupt();
    export.succeed();
    assert_eq!(scene.read("copy/b"), "second");
}

#[test]
fn an_older_version_is_mounted_and_read_like_any_directory() {
    let scene = Scene::new();
    let [source, drive, copy] = ["source", "drive", "copy"].map(|name| scene.path(name));
    let [source_text, drive_text, copy_text] =
        [&source, &drive, &copy].map(|path| path.to_str().expect("a path that is text").to_owned());
    fs::create_dir(&source).expect("a folder");
    fs::write(source.join("a"), "first").expect("a file");
    let run = |arguments: &[&str]| {
        let mut command = scene.dazaar("nobody", &[&["drive"], arguments].concat());
        command.succeed();
        command
    };
    let import = run(&["import", &source_text, &drive_text]);
    let key = import.last("drive-done")["key"].as_str().expect("a key").to_owned();
    fs::write(source.join("a"), "later").expect("a file");
    fs::write(source.join("b"), "more").expect("a file");
    run(&["import", &source_text, &drive_text]);
    run(&["mount", &drive_text, "/old", &key, "--version", "2"]);
    let paths = |arguments: &[&str]| -> Vec<_> {
        let list = run(&[&["ls", &drive_text], arguments].concat());
        let entries = list.seen().iter().filter(|event| event["event"] == "drive-entry");
        entries.map(|event| format!("{} {}", event["kind"], event["path"]).replace('"', "")).collect()
    };
    assert_eq!(paths(&[]), ["file /a", "file /b", "mount /old"]);
    assert_eq!(paths(&["-r"]), ["file /a", "file /b", "mount /old", "file /old/a"]);
    assert_eq!(paths(&["-r", "--no-mounts"]), ["file /a", "file /b", "mount /old"]);
    assert_eq!(paths(&["/old"]), ["file /old/a"]);
    assert_eq!(run(&["stat", &drive_text, "/old/a"]).last("drive-entry")["path"], "/old/a");
    assert_eq!(run(&["stat", &drive_text, "/old"]).last("drive-entry")["mount"], key);
    run(&["export", &drive_text, &copy_text]);
    assert_eq!(fs::read(copy.join("old/a")).expect("a file"), b"first");
    assert_eq!(fs::read(copy.join("a")).expect("a file"), b"later");
    run(&["export", &drive_text, &format!("{copy_text}-without"), "--no-mounts"]);
    assert!(!scene.path("copy-without/old").exists());
    for wrong in [
        &["mount", &drive_text, "/a", &key][..],
        &["mount", &drive_text, "/old/x", &key],
        &["unmount", &drive_text, "/a"],
        &["rm", &drive_text, "/old"],
        &["diff", &drive_text, "2", "/old/a"],
        &["cat", &drive_text, "/old/b"],
    ] {
        scene.dazaar("nobody", &[&["drive"], wrong].concat()).fail_with(3);
    }
    run(&["unmount", &drive_text, "/old"]);
    scene.dazaar("nobody", &["drive", "ls", &drive_text, "/old"]).fail_with(3);
    assert_eq!(paths(&["-r"]), ["file /a", "file /b"]);
}

#[test]
fn mistakes_about_drives_have_their_exit_code() {
    let scene = Scene::new();
    let [folder, drive] = ["folder", "drive"].map(|name| scene.path(name).to_str().expect("text").to_owned());
    scene.dazaar("nobody", &["drive", "ls", &drive]).fail_with(3);
    scene.dazaar("nobody", &["drive", "import", &folder, &drive]).fail_with(3);
    assert!(!scene.path("drive").exists());
    fs::create_dir(scene.path("folder")).expect("a folder");
    std::os::unix::fs::symlink("/etc", scene.path("folder/out")).expect("a link");
    let mut import = scene.dazaar("nobody", &["drive", "import", &folder, &drive]);
    import.fail_with(3);
    for wrong in [["cat", "/none"], ["cat", "/"], ["rm", "/none"], ["ls", "/none"]] {
        scene.dazaar("nobody", &["drive", wrong[0], &drive, wrong[1]]).fail_with(3);
    }
    scene.dazaar("nobody", &["drive", "ls", &drive, "--at", "99"]).fail_with(3);
    if cfg!(not(feature = "fuse")) {
        scene.dazaar("nobody", &["drive", "attach", &drive, &folder]).fail_with(2);
    }
}
