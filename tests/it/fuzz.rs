//! Inputs that the fuzzer found worth keeping, and all vectors, go through every target again.

use levada_tests::fuzz::{TARGETS, Target};
use levada_tests::{noise, vectors};
use std::path::{Path, PathBuf};

/// Targets that do much for each input; they get only what was kept for them.
const SLOW: &[&str] = &["author-file", "engine", "growing", "history", "slice"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Names of the files in a folder without their endings, in order.
fn names(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files(&folder).into_iter().map(stem).collect()
}

fn seeds((name, _): &Target) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    files(&folder.join(name))
}

#[test]
fn every_target_is_given_to_the_fuzzer_and_described() {
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names("../fuzz/fuzz_targets"), targets);
    assert_eq!(names("../fuzz/seeds"), targets);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for name in targets {
        let file = std::fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(file.contains(&format!("fuzz::run(\"{name}\", bytes)")));
        assert!(manifest.contains(&format!("name = \"{name}\"\n")));
        assert!(readme.contains(&format!("\n| `{name}` | ")), "{name}");
    }
}

#[test]
fn kept_inputs_hold_what_must_hold() {
    for target in TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{}: no input is kept", target.0);
        for path in seeds {
            (target.1)(&std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn vectors_hold_what_must_hold_for_any_bytes() {
    let mut count = 0;
    for vector in vectors::all() {
        let is_quick = |target: &&Target| !SLOW.contains(&target.0);
        for (_, holds) in TARGETS.iter().filter(is_quick) {
            holds(&vector.body);
            count += 1;
        }
    }
    assert!(count > 5_000, "{count}");
}

#[test]
fn noise_holds_what_must_hold() {
    for (_, holds) in TARGETS {
        for round in 0..32 {
            let size = usize::try_from(round * 13).unwrap();
            holds(&noise(round, size));
        }
    }
}
