//! The way of an own head to others: nobody has it before everything that it speaks of is on the disk. And that of a large blob
//! to this node: what is noted of it as synced was.

use super::machine::{Machine, folder};
use super::operations::{OPERATIONS, Scene};
use crate::api::{Answer, Call, Publish};
use crate::io::fault::{Form, Plan};
use std::path::{Path, PathBuf};

/// The author's file.
const FILE: &str = "data/keys/main.feed";

fn publish(path: PathBuf) -> Call {
    Call::Publish(Box::new(Publish {
        paths: vec![path],
        ..Publish::default()
    }))
}

/// A machine with an own feed, and a folder with a file that becomes a blob and one that is part of the author's file.
fn machine_and_files() -> (Machine, tempfile::TempDir) {
    let (machine, files) = (Machine::new(), folder());
    let made = machine.call(Call::Init {
        name: None,
        title: Some("main".into()),
        encrypt: false,
    });
    assert!(matches!(made, Ok(Answer::Key(_))), "{made:?}");
    std::fs::write(files.path().join("a.bin"), [7; 40_000]).unwrap();
    std::fs::write(files.path().join("b.txt"), b"b").unwrap();
    (machine, files)
}

/// The steps of a publish, in order.
fn steps(machine: &Machine, files: &Path) -> Vec<String> {
    let counted = Plan::count(machine.root());
    machine.call(publish(files.to_owned())).unwrap();
    counted.order()
}

#[test]
fn own_head_is_in_the_store_and_told_after_its_file_was_synced_and_its_blobs_before() {
    let (machine, files) = machine_and_files();
    let order = steps(&machine, files.path());
    let is_at = |is_it: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let steps = order.iter().enumerate();
        steps
            .filter(|(_, step)| is_it(step))
            .map(|(at, _)| at)
            .collect()
    };
    let synced = format!("sync {FILE}");
    let of_file: Vec<&str> = is_at(&|step| step.ends_with(FILE))
        .into_iter()
        .map(|at| order[at].as_str())
        .collect();
    // Synced as it is opened; then one write and one sync.
    assert_eq!(of_file, [&synced, FILE, &synced], "{order:#?}");
    let written = is_at(&|step| step == FILE)[0];
    let durable = *is_at(&|step| step == synced).last().unwrap();
    assert_eq!(durable, written + 1, "{order:#?}");

    // Its bytes and its pairs; a hash has 64 characters.
    for ending in ["", ".obao"] {
        let is_synced = |step: &str| {
            let name = step.strip_prefix("sync data/blobs/");
            let name = name.and_then(|name| name.rsplit('/').next()?.strip_suffix(ending));
            name.is_some_and(|hash| hash.len() == 64)
        };
        assert_eq!(is_at(&is_synced).len(), 1, "{ending}: {order:#?}");
    }
    let of_blobs = is_at(&|step| step.contains("data/blobs/"));
    assert!(of_blobs.iter().all(|at| *at < written), "{order:#?}");
    // Told once it is remembered; the first is the opening.
    let remembered = is_at(&|step| step == "data/state/heads");
    assert!(
        remembered.len() == 2 && remembered[0] < written,
        "{order:#?}"
    );
    assert!(remembered[1] > durable, "{order:#?}");
    assert!(
        is_at(&|step| step == "data/store")
            .iter()
            .any(|at| *at > durable)
    );
}

#[test]
fn own_head_that_could_not_be_synced_is_told_to_nobody() {
    let (machine, files) = machine_and_files();
    let synced = format!("sync {FILE}");
    let order = steps(&machine.copy(), files.path());
    let number = order.iter().rposition(|step| *step == synced).unwrap();
    for form in [Form::NotWritten, Form::Written] {
        let machine = machine.copy();
        let planned = Plan::fail(machine.root(), number, form);
        let node = machine.open();
        let feed = node.keys.list().unwrap()[0].feed;
        let before = (
            node.disk.head(&feed).unwrap(),
            node.remembered(&feed),
            node.news.count(),
        );
        let published = machine.try_ask(&node, publish(files.path().to_owned()));
        assert!(published.is_err(), "{published:?}");
        assert_eq!(planned.order().get(number), Some(&synced));
        drop(planned);
        let after = (
            node.disk.head(&feed).unwrap(),
            node.remembered(&feed),
            node.news.count(),
        );
        assert_eq!(after, before, "{form:?}");
    }
}

#[test]
fn large_blob_is_noted_on_its_way_and_synced_before_a_note_says_so() {
    let scene = Scene::new();
    let machine = Machine::new();
    let large = OPERATIONS.iter().find(|one| one.name == "large").unwrap();
    (large.before)(&scene, &machine);
    (large.meanwhile)(&scene);
    let counted = Plan::count(machine.root());
    for call in (large.calls)(&scene, &machine) {
        machine.call(call).unwrap();
    }
    let order = counted.order();
    let note = order.iter().find(|step| step.ends_with(".part")).unwrap();
    let data = note.strip_suffix(".part").unwrap();
    let at = |what: &str| -> Vec<usize> {
        let steps = order.iter().enumerate();
        steps
            .filter(|(_, step)| *step == what)
            .map(|(at, _)| at)
            .collect()
    };
    let (written, notes) = (at(data), at(note));
    let synced = at(&format!("sync {data}"));
    assert!(synced.len() >= 3, "on its way and at its end: {order:#?}");
    let between = |from: usize, to: usize, of: &[usize]| {
        of.iter().filter(|at| (from..to).contains(*at)).count()
    };
    // Each note is written and renamed.
    assert!(between(written[0], synced[0], &notes) >= 4, "{order:#?}");
    assert!(between(synced[0], synced[1], &notes) >= 2, "{order:#?}");
    assert!(between(synced[0], synced[1], &written) >= 1, "{order:#?}");
    assert_eq!(order[synced[0] + 1], format!("sync {data}.obao"));
}

#[test]
fn part_of_a_file_is_on_the_disk_before_it_has_its_name() {
    let (machine, files) = machine_and_files();
    machine.call(publish(files.path().to_owned())).unwrap();
    let to = files.path().join("out");
    let counted = Plan::count(&to);
    let get = machine.call(Call::Get {
        target: "main/1".into(),
        file: None,
        range: Some((0, Some(0))),
        output: Some(to.clone()),
    });
    assert!(matches!(get, Ok(Answer::Written(_))), "{get:?}");
    assert_eq!(counted.order(), ["", "", "sync ", ""]);
    assert_eq!(std::fs::read(to).unwrap().len(), 1);
}
