//! What an author has that nobody else has: the author's file, its marker, the key.

use super::*;

const INSIST: &[&str] = &["publish", "folder", "--insist"];

impl Scene {
    /// Every line on the author, one after the other; each publishes a file more.
    fn authors(&mut self, of: &str, find: &dyn Fn(&Machine) -> PathBuf, lines: &[Line]) {
        self.serving = None;
        for line in lines {
            line.harm.doing(&find(&self.author));
            self.meet(&self.author, of, line);
            let next = self.files.len();
            let (path, bytes) = (format!("{next}.bin"), noise(next as u64, 900));
            self.author.write(&format!("folder/{path}"), &bytes);
            self.files.insert(path, bytes);
            self.author.done(PUBLISH);
            // Whoever followed before sees the same history go on.
            let serving = self.author.serve();
            let via = format!("http://{}", serving.address);
            let link = serving.link().to_owned();
            let ran = self.follower.run(&["follow", &link, "--via", &via]);
            assert_eq!(ran.code, Some(0), "{of}, {}: {}", line.name, ran.err);
            assert_eq!(self.follower.items().len(), self.files.len(), "{of}");
        }
    }
}

#[test]
fn damaged_authors_file_is_made_again_from_the_store() {
    let mut scene = Scene::new();
    let file = |machine: &Machine| data(machine).join("keys/main.feed");
    let again = ["main.feed", "was made again"].as_slice();
    scene.authors(
        "author's file",
        &file,
        &[
            line("end cut", Harm::Cut)
                .met_by(&["doctor"], 3)
                .says(&["main.feed"])
                .then(&[INSIST]),
            line("middle", Harm::Flip)
                .met_by(&["doctor"], 0)
                .then(&[INSIST]),
            line("zeros in the middle", Harm::Hole)
                .met_by(&["doctor"], 0)
                .then(&[INSIST]),
            line("zeros", Harm::Zeros)
                .met_by(PUBLISH, 7)
                .then(&[INSIST]),
            line("gone", Harm::Gone).met_by(INSIST, 0).says(again),
        ],
    );
}

#[test]
fn damaged_marker_makes_the_node_ask_before_it_signs() {
    let mut scene = Scene::new();
    let marker = |machine: &Machine| files_in(&state(machine).join("markers"), &|_| true).remove(0);
    let asks = ["restored or copied", "--insist"].as_slice();
    scene.authors(
        "marker",
        &marker,
        &[
            line("gone", Harm::Gone)
                .met_by(PUBLISH, 7)
                .says(asks)
                .then(&[INSIST]),
            line("zeros", Harm::Zeros)
                .met_by(PUBLISH, 7)
                .says(asks)
                .then(&[INSIST]),
            line("cut", Harm::Cut)
                .met_by(PUBLISH, 7)
                .says(asks)
                .then(&[INSIST]),
            line("empty", Harm::Other(""))
                .met_by(PUBLISH, 7)
                .says(asks)
                .then(&[INSIST]),
        ],
    );
}

#[test]
fn marker_that_cannot_be_written_is_named() {
    let machine = Machine::new();
    machine.write(".local/state/levada/markers/kept", b"");
    let markers = state(&machine).join("markers");
    // What stands in its place is no folder to write in, for any user.
    std::fs::remove_dir_all(&markers).unwrap();
    let elsewhere = machine.home().join("elsewhere");
    std::os::unix::fs::symlink("/proc/self", &markers).unwrap();
    let ran = machine.run(&["init"]);
    assert_ne!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("/markers"), "{}", ran.err);
    assert!(!ran.err.contains("main.pem"), "{}", ran.err);
    std::fs::remove_file(&markers).unwrap();
    std::fs::create_dir(&elsewhere).unwrap();
    machine.done(&["init"]);
}

#[test]
fn damaged_key_is_named_and_comes_from_its_backup() {
    let mut scene = Scene::new();
    scene.serving = None;
    let author = &scene.author;
    author.done(&["key", "backup", "backup.pem"]);
    let folder = data(author).join("keys");
    let kept = std::fs::read(folder.join("main.pem")).unwrap();
    let mut scene = Scene {
        serving: None,
        ..scene
    };
    let key = |machine: &Machine| data(machine).join("keys/main.pem");
    for harm in [Harm::Cut, Harm::Zeros, Harm::Flip, Harm::Other("no key")] {
        harm.doing(&key(&scene.author));
        let found = scene.author.run(&["doctor"]).exits(3);
        let found = String::from_utf8(found.out).unwrap();
        assert!(found.contains("main.pem"), "{found}");
        let ran = scene.author.run(PUBLISH);
        assert_ne!(ran.code, Some(0));
        assert!(ran.err.contains("main.pem"), "{}", ran.err);
        assert!(
            ran.err.contains("hint: ") && ran.err.contains("backup"),
            "{}",
            ran.err
        );
        assert_eq!(
            scene.author.items().len(),
            scene.files.len(),
            "all is readable without it"
        );
        std::fs::write(key(&scene.author), &kept).unwrap();
        scene.check(&scene.author, "key");
    }
    let public = |machine: &Machine| data(machine).join("keys/main.pub");
    scene.authors(
        "name of the feed",
        &public,
        &[line("gone", Harm::Gone).met_by(PUBLISH, 0)],
    );
}

/// The frames in the middle are behind the mark from which signing goes on: nothing meets them there.
#[test]
fn damage_in_the_middle_of_an_authors_file_is_named_and_mended_while_the_store_has_all() {
    for (harm, by) in [
        (Harm::Flip, VERIFY),
        (Harm::Hole, VERIFY),
        (Harm::Flip, REBUILD),
    ] {
        let mut scene = Scene::new();
        scene.serving = None;
        let author = &scene.author;
        harm.doing(&data(author).join("keys/main.feed"));
        let said = author.run(by);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(
            said.err
                .contains("main.feed: it was damaged and was made again"),
            "{}",
            said.err
        );
        assert_eq!(author.items().len(), scene.files.len());
        // It is whole, and no copy: nobody has to be asked.
        author.done(REBUILD);
        assert_eq!(author.items().len(), scene.files.len());
        author.write("folder/more.bin", &noise(7, 90));
        author.done(PUBLISH);
    }
}

#[test]
fn key_that_is_gone_is_named_and_comes_back_with_all_of_its_feed() {
    let mut scene = Scene::new();
    scene.serving = None;
    let author = &scene.author;
    author.done(&["key", "backup", "backup.pem"]);
    std::fs::remove_file(data(author).join("keys/main.pem")).unwrap();
    let found = author.run(&["doctor"]);
    assert_eq!(found.code, Some(3), "{}", found.err);
    let said = String::from_utf8_lossy(&found.out).into_owned();
    assert!(
        said.contains("main.pem") && said.contains("key restore FILE --name main"),
        "{said}"
    );
    let ran = author.run(REBUILD);
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    // What is said for somebody who has no backup: all that is here is shown again.
    assert_eq!(author.items().len(), 0);
    let (_, follow) = said.split_once("levada follow ").unwrap();
    let feed = follow.split_whitespace().next().unwrap();
    let ran = author.run(&["follow", feed, "--keep", "all"]);
    assert!(ran.err.contains("it is followed"), "{}", ran.err);
    let items = author.items();
    assert_eq!(items.len(), scene.files.len());
    let path = items[0]["body"]["path"].as_str().unwrap();
    assert!(author.get(&items[0]) == scene.files[path], "{path}");
    author.done(&["key", "restore", "backup.pem"]);
    assert_eq!(author.items().len(), scene.files.len());
    author.write("folder/more.bin", &noise(7, 90));
    author.done(PUBLISH);
}

#[test]
fn store_is_not_set_aside_while_a_damaged_authors_file_is_all_there_is_of_the_rest() {
    let mut scene = Scene::new();
    scene.serving = None;
    let author = &scene.author;
    let (store, older) = (data(author).join("store"), data(author).join("older"));
    copy_all(&store, &older);
    author.write("folder/more.bin", &noise(7, 90));
    author.done(PUBLISH);
    std::fs::remove_dir_all(&store).unwrap();
    std::fs::rename(&older, &store).unwrap();
    Harm::Flip.doing(&data(author).join("keys/main.feed"));
    let said = author.run(REBUILD);
    assert_eq!(said.code, Some(5), "{}", said.err);
    assert!(
        said.err.contains("main.feed: it is damaged"),
        "{}",
        said.err
    );
    assert_eq!(author.items().len(), scene.files.len());
}
