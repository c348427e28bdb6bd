//! Files of blobs that something took away: named, brought back from what was published or from peers, and nothing that was let go
//! on purpose is missed.

use super::*;
use crate::disk::Disk;

/// The files with the bytes of large blobs.
fn copies(machine: &Machine) -> Vec<PathBuf> {
    files_in(&data(machine).join("blobs"), &|name| name.len() == 64)
}

#[track_caller]
fn says(ran: &crate::machine::Ran, what: &[&str]) {
    let said = format!("{}{}", ran.err, String::from_utf8_lossy(&ran.out));
    for text in what {
        assert!(said.contains(text), "{text:?} is not in: {said}");
    }
}

/// The path of what is missing of an author, by his own word.
fn missed(machine: &Machine) -> String {
    let found = machine.run(&["doctor", "--json"]).json();
    let finding = &found["findings"][0]["what"];
    finding.as_str().unwrap_or_default().to_owned()
}

#[test]
fn own_file_that_is_gone_comes_from_what_was_published_or_is_told_until_it_comes() {
    let scene = Scene::new();
    let author = &scene.author;
    let lost = copies(author).remove(0);
    let good = std::fs::read(&lost).unwrap();
    std::fs::remove_file(&lost).unwrap();
    let ran = author.run(VERIFY).exits(0);
    says(
        &ran,
        &[
            "its file is gone",
            "mended",
            "folder/",
            "1 damaged and mended",
        ],
    );
    assert!(std::fs::read(&lost).unwrap() == good);
    scene.check(author, "own file");

    // What was published has other bytes by now, and there is no mirror.
    std::fs::remove_file(&lost).unwrap();
    let path = author
        .items()
        .iter()
        .map(|item| item["body"]["path"].as_str().unwrap().to_owned())
        .find(|path| scene.files[path] == good)
        .unwrap();
    author.write(&format!("folder/{path}"), &noise(99, good.len()));
    for _ in 0..2 {
        let ran = author.run(&["verify", "main"]).exits(5);
        says(&ran, &["its file is gone", &path, "1 damaged, 0 mended"]);
        says(&author.run(VERIFY).exits(5), &["1 damaged, 0 mended"]);
    }
    assert!(missed(author).contains("its file is gone"));
    let serving = scene.follower.serve();
    let via = format!("http://{}", serving.address);
    let ran = author.run(&["verify", "--via", &via]).exits(0);
    says(&ran, &["from peers", "1 damaged and mended"]);
    assert!(std::fs::read(&lost).unwrap() == good);
    scene.check(author, "own file from peers");
}

#[test]
fn file_that_is_gone_is_told_while_nobody_has_it_and_the_next_sync_brings_it() {
    let mut scene = Scene::new();
    scene.serving = None;
    let follower = &scene.follower;
    let lost = copies(follower).remove(0);
    std::fs::remove_file(&lost).unwrap();
    let ran = follower.run(SYNC);
    assert_ne!(ran.code, Some(0));
    for _ in 0..2 {
        let ran = follower.run(VERIFY).exits(5);
        says(&ran, &["its file is gone", "1 damaged, 0 mended"]);
        assert!(missed(follower).contains("its file is gone"));
    }
    let serving = scene.author.serve();
    let via = format!("http://{}", serving.address);
    follower.done(&["follow", serving.link(), "--via", &via]);
    follower.done(SYNC);
    assert!(lost.exists());
    scene.check(follower, "after a sync");
    let kept = |machine: &Machine| {
        let items = machine.items();
        let classes = items.iter().map(|item| item["files"][0]["kept"].clone());
        classes.collect::<Vec<_>>()
    };
    assert_eq!(kept(follower), vec!["followed"; scene.files.len()]);
}

#[test]
fn place_of_a_file_that_was_published_in_place_is_found_again() {
    let author = Machine::new();
    let bytes = noise(1, 90_000);
    author.write("folder/a.bin", &bytes);
    author.done(&["publish", "folder", "--in-place"]);
    let reference =
        files_in(&data(&author).join("blobs"), &|name| name.ends_with(".ref")).remove(0);
    for (harm, copies_after) in [(Harm::Zeros, 0), (Harm::Cut, 0), (Harm::Gone, 1)] {
        harm.doing(&reference);
        says(
            &author.run(VERIFY).exits(0),
            &["its file is gone", "folder/a.bin"],
        );
        assert_eq!(copies(&author).len(), copies_after);
        assert!(author.get(&author.items()[0]) == bytes);
        author.done(VERIFY);
        author.done(&["doctor"]);
    }
}

#[test]
fn what_was_let_go_is_not_missed() {
    let scene = Scene::new();
    let follower = &scene.follower;
    let held = |machine: &Machine| copies(machine).len();
    let before = held(follower);
    follower.done(&["drop", "folder/2"]);
    assert_eq!(held(follower), before - 1);
    says(&follower.done(VERIFY), &["all whole"]);
    // Something newer takes the place of the rest.
    let settings = "[quota]\nsize = \"120KiB\"\nreserve = \"0\"\n";
    std::fs::write(config(follower).join("config.toml"), settings).unwrap();
    let other = Machine::new();
    other.write("new/x.bin", &noise(50, 90_000));
    other.done(&["publish", "new"]);
    let serving = other.serve();
    follower.done(&["follow", serving.link(), "--keep", "all"]);
    assert_eq!(held(follower), 1);
    says(&follower.done(VERIFY), &["all whole"]);
}

/// Notes of damage that are left.
fn notes(machine: &Machine) -> usize {
    std::fs::read_dir(state(machine).join("damaged"))
        .unwrap()
        .count()
}

fn kept(machine: &Machine) -> Vec<serde_json::Value> {
    let items = machine.items();
    let class = |item: &serde_json::Value| item["files"][0]["kept"].clone();
    items.iter().map(class).collect()
}

#[test]
fn lost_file_that_is_dropped_is_missed_no_more() {
    let mut scene = Scene::new();
    scene.serving = None;
    let follower = &scene.follower;
    let before = copies(follower);
    follower.done(&["drop", "folder/4"]);
    let dropped: Vec<_> = before.iter().filter(|path| !path.exists()).collect();
    let lost = copies(follower).remove(0);
    std::fs::remove_file(&lost).unwrap();
    follower.run(VERIFY).exits(5);
    // Whichever of the other two it is of.
    for item in ["folder/2", "folder/6"] {
        follower.done(&["drop", item]);
    }
    assert_eq!((notes(follower), dropped.len()), (0, 1));
    says(&follower.done(&["doctor"]), &["all is fine"]);
    let serving = scene.author.serve();
    let via = format!("http://{}", serving.address);
    says(&follower.done(&["verify", "--via", &via]), &["all whole"]);
    assert_eq!(copies(follower).len(), 0);
}

#[test]
fn loss_that_a_reader_met_first_is_told_and_a_file_that_came_back_can_be_lost_again() {
    let mut scene = Scene::new();
    scene.serving = None;
    let follower = &scene.follower;
    let lost = copies(follower).remove(0);
    let aside = follower.home().join("aside");
    for _ in 0..2 {
        std::fs::rename(&lost, &aside).unwrap();
        for index in [2, 4, 6] {
            follower.run(&["get", &format!("folder/{index}"), "-o", "-"]);
        }
        says(&follower.run(VERIFY).exits(5), &["its file is gone"]);
        assert!(missed(follower).contains("its file is gone"));
        std::fs::rename(&aside, &lost).unwrap();
        says(&follower.done(VERIFY), &["all whole"]);
        says(&follower.done(&["doctor"]), &["all is fine"]);
        assert_eq!(notes(follower), 0);
    }
    assert_eq!(kept(follower), vec!["followed"; scene.files.len()]);
}

#[test]
fn lost_files_have_their_old_place_and_the_quota_has_room_for_them() {
    let scene = Scene::new();
    let (author, link) = (&scene.author, scene.serving.as_ref().unwrap().link());
    let follower = Machine::new();
    // As much as the files take, and nothing more.
    let settings = "[quota]\nsize = \"300KiB\"\nreserve = \"0\"\n";
    follower.write(".config/levada/config.toml", settings.as_bytes());
    follower.done(&["follow", link, "--keep", "newest:6"]);
    follower.done(&["pin", "folder/2"]);
    let classes = kept(&follower);
    assert!(classes.iter().any(|class| class == "pinned"));
    let all = copies(&follower);
    assert_eq!(all.len(), 3);
    let remove_all = || {
        all.iter()
            .for_each(|path| std::fs::remove_file(path).unwrap())
    };
    remove_all();
    follower.done(SYNC);
    assert_eq!((copies(&follower).len(), notes(&follower)), (3, 0));
    assert_eq!(kept(&follower), classes);
    remove_all();
    says(&follower.done(VERIFY), &["3 damaged and mended"]);
    assert_eq!((copies(&follower).len(), notes(&follower)), (3, 0));
    assert_eq!(kept(&follower), classes);
    // Only what is pinned has room now.
    let settings = "[quota]\nsize = \"50KiB\"\nreserve = \"0\"\n";
    follower.write(".config/levada/config.toml", settings.as_bytes());
    remove_all();
    let ran = follower.run(VERIFY).exits(5);
    says(
        &ran,
        &[
            "3 damaged, 1 mended",
            "and the quota of what is followed and cached is 51200",
        ],
    );
    says(&follower.run(&["doctor"]).exits(3), &["its file is gone"]);
    assert_eq!(author.items().len(), scene.files.len());
}

#[test]
fn own_file_that_is_gone_comes_from_a_mirror() {
    let scene = Scene::new();
    let serving = scene.follower.serve();
    let via = format!("http://{}", serving.address);
    scene.author.done(&["mirror", "add", &via]);
    let lost = copies(&scene.author).remove(0);
    std::fs::remove_file(&lost).unwrap();
    std::fs::remove_dir_all(scene.author.home().join("folder")).unwrap();
    says(
        &scene.author.done(VERIFY),
        &["from peers", "1 damaged and mended"],
    );
    assert_eq!(kept(&scene.author), vec!["own"; scene.files.len()]);
}

#[test]
fn disk_that_is_taken_away_while_a_node_serves_loses_nothing() {
    // New files go to where most room is.
    let Some(disk) = Disk::mount("1024g") else {
        return;
    };
    let author = Machine::new();
    let root = disk.path().join("media");
    std::fs::create_dir(&root).unwrap();
    let settings = format!("[blobs]\nroots = [\"{}\"]\n", root.display());
    author.write(".config/levada/config.toml", settings.as_bytes());
    for file in 0..8 {
        author.write(&format!("folder/{file}.bin"), &noise(file, 90_000));
    }
    author.done(PUBLISH);
    let serving = author.serve();
    assert_eq!(files_in(&root, &|name| name.len() == 64).len(), 8);
    let gone = disk.path().join("gone");
    std::fs::rename(&root, &gone).unwrap();
    std::fs::create_dir(&root).unwrap();
    let ran = author.run(VERIFY);
    says(&ran, &["all whole"]);
    serving.stop();
    std::fs::remove_dir_all(&root).unwrap();
    std::fs::rename(&gone, &root).unwrap();
    says(&author.done(VERIFY), &["8 files", "all whole"]);
    assert_eq!(kept(&author), ["own"; 8]);
}

#[test]
fn file_that_was_got_once_is_told_of_once() {
    let mut scene = Scene::new();
    let reader = Machine::new();
    let link = scene.serving.as_ref().unwrap().link().to_owned();
    reader.done(&["follow", &link, "--keep", "newest:6", "--max-size", "1"]);
    for item in scene.follower.items() {
        reader.done(&["get", &format!("folder/{}", item["index"]), "-o", "-"]);
    }
    scene.serving = None;
    let all = copies(&reader);
    assert_eq!(all.len(), 3);
    std::fs::remove_file(&all[0]).unwrap();
    says(&reader.run(VERIFY).exits(5), &["its file is gone"]);
    says(&reader.run(VERIFY).exits(0), &["all whole"]);
    assert_eq!(copies(&reader).len(), 2);
}
