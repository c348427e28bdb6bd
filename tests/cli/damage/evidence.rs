//! Evidence beside the store: proofs of forks, successions, heads that another machine signed.

use super::*;

/// Whoever asks the same key's other history.
fn follow_also(follower: &Machine, serving: &Serving) -> crate::machine::Ran {
    let via = format!("http://{}", serving.address);
    follower.run(&["follow", serving.link(), "--via", &via, "--keep", "all"])
}

/// Two machines with one key, which both signed after the copy was made.
fn two_histories() -> [Machine; 2] {
    let (one, two) = (Machine::new(), Machine::new());
    one.write("a.bin", b"a");
    one.done(&["publish", "a.bin"]);
    copy_all(one.home(), two.home());
    for (machine, file) in [(&one, "b.bin"), (&two, "c.bin")] {
        machine.write(file, file.as_bytes());
        machine.done(&["publish", file, "--insist"]);
    }
    [one, two]
}

fn feed_of(machine: &Machine) -> String {
    let shown = machine.done(&["key", "show", "--json"]).json();
    shown["feed"].as_str().unwrap().to_owned()
}

fn evidence(machine: &Machine, feed: &str, ending: &str) -> PathBuf {
    state(machine).join(format!("evidence/{feed}.{ending}"))
}

const HARMS: [Harm; 4] = [Harm::Cut, Harm::Zeros, Harm::Flip, Harm::Other("")];

#[test]
fn damaged_fork_proof_is_named_keeps_its_feed_disputed_and_all_else_goes_on() {
    let ([one, two], other) = (two_histories(), Machine::new());
    other.write("0.txt", b"0");
    other.done(&["publish", "0.txt"]);
    let (one_serves, two_serves) = (one.serve(), two.serve());
    let other_serves = other.serve();
    let (feed, follower, third) = (feed_of(&one), Machine::new(), Machine::new());
    follower.done(&["follow", other_serves.link(), "--keep", "all"]);
    follower.done(&["follow", one_serves.link(), "--keep", "all"]);
    assert_ne!(follow_also(&follower, &two_serves).code, Some(0));
    let path = evidence(&follower, &feed, "fork");
    let good = std::fs::read(&path).unwrap();
    let name = path.to_str().unwrap();
    for (round, harm) in HARMS.into_iter().enumerate() {
        std::fs::write(&path, &good).unwrap();
        harm.doing(&path);
        other.write(&format!("{round}.bin"), b"new");
        other.done(&["publish", &format!("{round}.bin")]);
        let ran = follower.run(&["sync"]).exits(3);
        assert!(ran.err.contains(name), "{}", ran.err);
        assert!(ran.err.contains("delete it"), "{}", ran.err);
        // A profile, three items of this feed; one more of the other one in each round.
        assert_eq!(follower.items().len(), 2 + 1 + round + 1);
        let shown = follower.done(&["show", &feed]);
        assert!(shown.err.contains(name), "{}", shown.err);
        let sources = follower.done(&["sources", "--json"]).json();
        let disputed = sources["sources"].as_array().unwrap().iter();
        let disputed = disputed.filter(|source| source["is_disputed"] == true);
        assert_eq!(disputed.count(), 1);
        let found = follower.run(&["doctor"]).exits(3);
        let found = String::from_utf8_lossy(&found.out);
        assert!(
            found.contains(name) && found.contains("delete it"),
            "{found}"
        );
    }
    // Whoever follows both here gets both: the file stops no stream and no answer.
    let serving = follower.serve();
    for link in [one_serves.link(), other_serves.link()] {
        let via = format!("http://{}", serving.address);
        let link = link.split('&').next().unwrap();
        third.done(&["follow", link, "--via", &via, "--keep", "all"]);
    }
    assert_eq!(third.items().len(), 2 + 1 + HARMS.len());
    serving.stop().exits(0);
    std::fs::remove_file(&path).unwrap();
    follow_also(&follower, &two_serves);
    assert_eq!(std::fs::read(&path).unwrap(), good, "it comes again");
}

#[test]
fn damaged_succession_is_named_and_harms_nothing_else() {
    let scene = Scene::new();
    let follower = scene.follower();
    let path = evidence(&follower, &feed_of(&scene.author), "succession");
    for text in ["", "no succession"] {
        std::fs::write(&path, text).unwrap();
        let found = follower.run(&["doctor"]).exits(3);
        let found = String::from_utf8_lossy(&found.out);
        assert!(found.contains(path.to_str().unwrap()), "{found}");
        assert!(found.contains("delete it"), "{found}");
        follower.done(SYNC);
        follower.serve().stop().exits(0);
        std::fs::remove_file(&path).unwrap();
        scene.check(&follower, "succession");
    }
}

#[test]
fn damaged_head_that_another_machine_signed_stops_signing_until_it_is_taken_over() {
    let (one, two, mirror) = (Machine::new(), Machine::new(), Machine::new());
    one.write("a.bin", b"a");
    one.done(&["publish", "a.bin"]);
    copy_all(one.home(), two.home());
    two.write("c.bin", b"c");
    two.done(&["publish", "c.bin", "--insist"]);
    {
        let serving = two.serve();
        mirror.done(&["follow", serving.link(), "--keep", "all"]);
    }
    let mirror = mirror.serve();
    one.done(&["mirror", "add", &format!("http://{}", mirror.address)]);
    let feed = feed_of(&one);
    let path = evidence(&one, &feed, "elsewhere");
    one.write("d.bin", b"d");
    for harm in HARMS {
        std::fs::write(&path, newest_head(&two)).unwrap();
        let ran = one.run(&["publish", "d.bin"]).exits(7);
        assert!(ran.err.contains("key take-over"), "{}", ran.err);
        harm.doing(&path);
        let ran = one.run(&["publish", "d.bin"]).exits(1);
        assert!(ran.err.contains(path.to_str().unwrap()), "{}", ran.err);
        assert!(ran.err.contains("key take-over"), "{}", ran.err);
        one.done(&["key", "list"]);
        let found = one.run(&["doctor"]).exits(3);
        let found = String::from_utf8_lossy(&found.out);
        assert!(found.contains(path.to_str().unwrap()), "{found}");
        assert_eq!(one.items().len(), 1);
    }
    let serving = one.serve();
    serving.stop().exits(0);
    one.done(&["key", "take-over"]);
    assert!(!path.exists());
    one.done(&["publish", "d.bin"]);
    assert_eq!(one.items().len(), 3, "one history with all of it");
}

/// Its newest head as it travels.
fn newest_head(machine: &Machine) -> Vec<u8> {
    let heads = std::fs::read_to_string(state(machine).join("heads")).unwrap();
    let wire = heads.lines().last().unwrap().split(' ').nth(2).unwrap();
    let byte = |at| u8::from_str_radix(&wire[at..at + 2], 16).unwrap();
    (0..wire.len()).step_by(2).map(byte).collect()
}
