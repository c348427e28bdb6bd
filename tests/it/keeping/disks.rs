//! What is kept on a disk that is away: it is not lost, not counted as taken, and goes when the disk is back if nobody wants it.

use super::*;
use levada_peer::keep::Class;

/// A follower with all of a feed on a second disk.
struct Several {
    author: TestNode,
    follower: TestNode,
    feed: FeedKey,
    files: [Vec<u8>; 3],
    config: String,
}

/// Blocks of a file of 50,000 bytes and its outboard.
const COST: u64 = 53_248 + 4_096;

impl Several {
    fn new() -> Self {
        let (author, follower) = (TestNode::new(), TestNode::new());
        let files = [1, 2, 3].map(|salt| noise(salt, 50_000));
        let feed = publish_three(&author, &files);
        let serving = author.serve();
        let _ = follower.follow(serving.link(), Some("all")).answer();
        drop(serving);
        let config = format!("[blobs]\nroots = [{:?}]\n", follower.files().join("disk"));
        let several = Self {
            author,
            follower,
            feed,
            files,
            config,
        };
        several.follower.configure(&several.config);
        let _ = room(&several.follower);
        for file in &several.files {
            let from = blob_path(&several.follower, file);
            let to = several.disk().join(below_root(file));
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            for ending in ["", "obao"] {
                std::fs::rename(from.with_extension(ending), to.with_extension(ending)).unwrap();
            }
        }
        // A store that was lost finds them there.
        std::fs::remove_dir_all(several.follower.data_dir().join("store")).unwrap();
        several.sync();
        assert_eq!(room(&several.follower).kept.blobs, [0, 3, 0, 0]);
        several
    }

    fn disk(&self) -> PathBuf {
        self.follower.files().join("disk")
    }

    fn unplug(&self) {
        std::fs::rename(self.disk(), self.follower.files().join("unplugged")).unwrap();
    }

    fn plug_in(&self) {
        std::fs::rename(self.follower.files().join("unplugged"), self.disk()).unwrap();
    }

    /// Syncs with the author, wherever that is now.
    fn sync(&self) -> Synced {
        let serving = self.author.serve();
        match self.follower.follow(serving.link(), None).answer() {
            Answer::Followed(synced) => synced,
            other => panic!("{other:?}"),
        }
    }

    fn is_on_disk(&self, file: usize) -> bool {
        self.disk().join(below_root(&self.files[file])).exists()
    }

    fn kept(&self, file: usize) -> Option<Class> {
        let target = format!("{}/{}", self.feed, file + 1);
        show(&self.follower, &target).files[0].kept
    }
}

#[test]
fn what_lies_on_a_disk_that_is_away_is_counted_apart_and_is_as_before_when_it_is_back() {
    let several = Several::new();
    pin(&several.follower, &format!("{}/2", several.feed));
    several.unplug();
    let away = room(&several.follower).kept;
    assert_eq!((away.blobs, away.bytes), ([0; 4], [0; 4]));
    assert_eq!((away.away_blobs, away.away_bytes), (3, 3 * COST));
    assert_eq!(several.sync().bytes_new, 0, "it is not fetched again");
    // The quota is for what is here.
    let quota = format!(
        "{}[quota]\nsize = \"{COST}\"\nreserve = \"0\"\n",
        several.config
    );
    several.follower.configure(&quota);
    let other = TestNode::new();
    publish(&other, &[("9.bin", &noise(9, 50_000))]);
    {
        let serving = other.serve();
        let _ = several
            .follower
            .follow(serving.link(), Some("all"))
            .answer();
    }
    assert_eq!(room(&several.follower).kept.blobs, [0, 1, 0, 0]);
    assert_eq!(
        several.kept(1),
        Some(Class::Pinned),
        "what it is kept as is known"
    );
    several.follower.configure(&several.config);
    several.plug_in();
    let back = room(&several.follower).kept;
    assert_eq!((back.blobs, back.away_blobs), ([0, 3, 1, 0], 0));
    assert_eq!(several.sync().bytes_new, 0);
}

#[test]
fn what_nobody_wants_any_more_goes_when_its_disk_is_back() {
    let several = Several::new();
    several.unplug();
    let _ = drop_media(&several.follower, &format!("{}/1", several.feed), false);
    retract(&several.author, &format!("{}/2", several.feed));
    several.sync();
    clock::advance(31 * DAY);
    assert_eq!(room(&several.follower).kept.away_blobs, 1);
    several.plug_in();
    assert_eq!(room(&several.follower).kept.blobs, [0, 1, 0, 0]);
    let here: Vec<bool> = (0..3).map(|file| several.is_on_disk(file)).collect();
    assert_eq!(here, [false, false, true]);
}

#[test]
fn what_was_fetched_again_meanwhile_is_here_once() {
    let several = Several::new();
    several.unplug();
    let target = format!("{}/1", several.feed);
    let get = |target: &str| Call::Get {
        target: target.to_owned(),
        file: None,
        range: None,
        output: None,
    };
    // Nobody has it: it is where it was.
    let _ = several.follower.call(get(&target)).failure();
    assert!(show(&several.follower, &target).files[0].away.is_some());
    assert_eq!(room(&several.follower).kept.away_blobs, 3);
    {
        let serving = several.author.serve();
        let _ = several.follower.follow(serving.link(), None).answer();
        assert!(several.follower.call(get(&target)).bytes() == several.files[0]);
    }
    let kept = room(&several.follower).kept;
    assert_eq!((kept.blobs, kept.away_blobs), ([0, 1, 0, 0], 2));
    several.plug_in();
    let kept = room(&several.follower).kept;
    assert_eq!((kept.blobs, kept.away_blobs), ([0, 3, 0, 0], 0));
    let twice = is_here(&several.follower, &several.files[0]) && several.is_on_disk(0);
    assert!(!twice);
}

#[test]
fn root_that_is_taken_out_of_the_settings_is_forgotten_and_comes_back_when_it_is_named_again() {
    let several = Several::new();
    several.follower.configure("");
    let told = several.follower.call(Call::Status);
    let warnings = told.events.iter().filter_map(|event| match event {
        levada_peer::api::Event::Warning { message, .. } => Some(message.clone()),
        _ => None,
    });
    let warnings: Vec<String> = warnings.collect();
    assert!(
        warnings[0].contains("is forgotten; 3 files"),
        "{warnings:?}"
    );
    let kept = room(&several.follower).kept;
    assert_eq!((kept.blobs, kept.away_blobs), ([0; 4], 0));
    assert!(
        findings(&several.follower)
            .iter()
            .all(|found| found.kind != "missing-root")
    );
    assert!(several.is_on_disk(0), "nothing there is touched");
    several.follower.configure(&several.config);
    let _ = room(&several.follower);
    assert_eq!(several.sync().bytes_new, 0);
    assert_eq!(room(&several.follower).kept.blobs, [0, 3, 0, 0]);

    // A slip of the pen forgets nothing: the disk may be the one that is not found.
    several
        .follower
        .configure("[blobs]\nroots = [\"/nowhere/disk\"]\n");
    let kinds: Vec<_> = findings(&several.follower);
    assert_eq!(
        kinds
            .iter()
            .filter(|found| found.kind == "missing-root")
            .count(),
        2,
        "{kinds:?}"
    );
    assert_eq!(room(&several.follower).kept.away_blobs, 3);
    several.follower.configure(&several.config);
    assert_eq!(room(&several.follower).kept.blobs, [0, 3, 0, 0]);
}
