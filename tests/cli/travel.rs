//! One item travels, in three processes: author, follower, and a third that asks the follower when the author is gone.

use crate::machine::{Machine, target};
use levada_tests::noise;
use serde_json::Value;

/// Paths of several scripts and sizes around the steps of the format.
const FILES: &[(&str, usize)] = &[
    ("empty.txt", 0),
    ("one.bin", 1),
    ("música/mañana é longe.bin", 1_023),
    ("日本語/ビデオ.bin", 16_384),
    ("עברית/שלום.bin", 16_385),
    ("हिन्दी/गाना.bin", 70_000),
    ("emoji 👩‍🚀/it's \"here\" & $there.bin", 300_000),
    ("deep/a/b/c/d/e/f/g.bin", 5_000),
];

fn bytes_of(at: usize) -> Vec<u8> {
    noise(at as u64, FILES[at].1)
}

fn path(item: &Value) -> &str {
    item["body"]["path"]
        .as_str()
        .expect("it was published from a folder")
}

/// Everything in FILES is here under its path, and nothing else; whole and right.
fn check_files(machine: &Machine) {
    let items = machine.items();
    assert_eq!(items.len(), FILES.len());
    for item in &items {
        let at = FILES.iter().position(|(name, _)| *name == path(item));
        let expected = bytes_of(at.unwrap_or_else(|| panic!("{item}")));
        let file = &item["files"][0];
        assert_eq!(file["held"], file["size"], "{item}");
        let hash = blake3::hash(&expected).to_string();
        assert_eq!(file["hash"], hash.as_str(), "{item}");
        assert!(machine.get(item) == expected, "{item}");
    }
}

#[test]
fn folder_reaches_a_follower_and_from_there_a_third() {
    let (author, follower, third) = (Machine::new(), Machine::new(), Machine::new());
    for (at, (path, _)) in FILES.iter().enumerate() {
        author.write(&format!("folder/{path}"), &bytes_of(at));
    }
    std::os::unix::fs::symlink("one.bin", author.home().join("folder/link.bin")).unwrap();
    // One symbolic link is left out, and said so.
    let published = author.run(&["publish", "folder"]).exits(3);
    assert!(
        published.err.contains("skipped folder/link.bin"),
        "{}",
        published.err
    );
    let serving = author.serve();
    follower.done(&["follow", serving.link()]);
    serving.stop().exits(0);
    check_files(&follower);

    let serving = follower.serve();
    third.done(&["follow", serving.link()]);
    serving.stop().exits(0);
    check_files(&third);
    for item in third.items() {
        third.done(&[
            "get",
            &target(&item),
            "-o",
            &format!("out-{}", item["index"]),
        ]);
    }
}

/// Large enough that a follower is in the middle of it for a while.
const FILM_BYTES: usize = 200 << 20;
/// What may be fetched again after a kill: what was written since the last sync of data.
const AGAIN_BYTES_MAX: u64 = 64 << 20;

#[test]
fn large_file_is_read_in_the_middle_survives_kills_and_reaches_a_third() {
    let (author, follower, third) = (Machine::new(), Machine::new(), Machine::new());
    let film = noise(7, FILM_BYTES);
    author.write("film.bin", &film);
    author.done(&["publish", "film.bin", "--in-place"]);
    let serving = author.serve();
    let link = serving.link().to_owned();

    // The middle, before anything else of it is here.
    follower.done(&["follow", &link, "--max-size", "1MiB"]);
    let item = follower.items().remove(0);
    assert_eq!(item["files"][0]["held"], 0);
    let middle = FILM_BYTES / 2 + 123..FILM_BYTES / 2 + 123 + 100_000;
    let range = format!("{}-{}", middle.start, middle.end - 1);
    let ran = follower.done(&["get", &target(&item), "--range", &range, "-o", "-"]);
    assert!(ran.out == film[middle]);
    let held = follower.items()[0]["files"][0]["held"].as_u64().unwrap();
    assert!((100_000..1 << 20).contains(&held), "{held}");

    // Killed in the middle, it goes on.
    let mut following = follower.start(&["follow", &link, "--max-size", "1GiB", "--json", "-v"]);
    let came = following.event_where(|event| {
        event["what"] == "media" && event["bytes"].as_u64() > Some(FILM_BYTES as u64 / 2)
    });
    let came = came["bytes"].as_u64().unwrap();
    following.kill();
    let synced = follower.done(&["sync", "--json"]).events();
    let again = synced[0]["bytes_new"].as_u64().unwrap() + came;
    assert!(
        again <= FILM_BYTES as u64 + AGAIN_BYTES_MAX,
        "fetched again: {}",
        again - FILM_BYTES as u64
    );
    assert!(follower.get(&item) == film);

    // From the follower, when the author is gone.
    serving.stop().exits(0);
    let serving = follower.serve();
    third.done(&["follow", serving.link()]);
    third.done(&["get", &target(&item), "-o", "out.bin"]);
    let out = std::fs::read(third.home().join("out.bin")).unwrap();
    assert!(out == film);
}
