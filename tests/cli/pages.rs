//! The pages beside this file: each is run as it is written.

use crate::transcript;
use std::path::Path;

/// One test for each page, and one that no page is without.
macro_rules! pages {
    ($($name:ident: $file:literal,)*) => {
        const PAGES: &[&str] = &[$($file),*];
        $(
            #[test]
            fn $name() {
                transcript::check(&folder().join($file));
            }
        )*
    };
}

pages! {
    first_steps_go_as_written: "first-steps.md",
    keeping_is_as_written: "keeping.md",
    keys_are_as_written: "keys.md",
    publishing_is_as_written: "publishing.md",
    following_is_as_written: "following.md",
    proofs_are_as_written: "proofs.md",
    mending_is_as_written: "mending.md",
    moving_is_as_written: "moving.md",
    errors_are_as_written: "errors.md",
    json_is_as_written: "json.md",
    limits_are_as_written: "limits.md",
    static_hosts_are_as_written: "static.md",
    serving_is_as_written: "serving.md",
    peers_are_as_written: "peers.md",
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cli"))
}

#[test]
fn every_page_is_run() {
    let mut found: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md"))
        .collect();
    found.sort();
    let mut known: Vec<&str> = PAGES.to_vec();
    known.sort_unstable();
    assert_eq!(found, known);
}
