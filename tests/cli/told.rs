//! What a node told as done before it was killed, and whether it has it when it is asked next: before anything is published or
//! synced again, which would make good what was lost.

use crate::machine::{Machine, Ran};
use serde_json::Value;
use std::collections::BTreeMap;

/// Paths, and what is in the files.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// What one node told of one feed.
#[derive(Debug, Default)]
pub(crate) struct Told {
    head: Value,
    files: Files,
}

fn length(head: &Value) -> u64 {
    head["length"].as_u64().unwrap_or(0)
}

impl Told {
    /// Takes up the answer of a publish of all these files. Without an answer nothing was promised: `published` lines come before
    /// the head is signed.
    pub(crate) fn publish(&mut self, ran: &Ran, files: &Files) {
        let answer = ran
            .told()
            .into_iter()
            .find(|event| event["type"] == "answer");
        let Some(answer) = answer.filter(|answer| answer["is_interrupted"] == false) else {
            return;
        };
        assert_eq!(answer["skipped"], 0, "{answer}");
        self.head = answer["head"].clone();
        self.files.clone_from(files);
    }

    /// Takes up what a node has that came to the end of a sync of all these files.
    pub(crate) fn sync(&mut self, machine: &Machine, feed: &str, files: &Files) {
        self.head = machine.done(&["show", feed, "--json"]).json()["head"].clone();
        self.files.clone_from(files);
    }

    /// Whether a publish told anything.
    pub(crate) fn is_something(&self) -> bool {
        !self.head.is_null()
    }

    /// All of it is there. What was written into files since may have been published too, and not told.
    pub(crate) fn check(&self, machine: &Machine, feed: &str, since: &Files, at: &str) {
        if !self.is_something() {
            return;
        }
        let shown = machine.done(&["show", feed, "--json"]).json();
        let (told, held) = (&self.head, &shown["head"]);
        assert!(shown["fork"].is_null(), "{at}: {}", shown["fork"]);
        assert!(length(held) >= length(told), "{at}: {held} after {told}");
        if length(held) == length(told) {
            assert_eq!(held["root"], told["root"], "{at}");
        }
        // A follower takes a head first, and may be killed before the records under it came.
        let promised = if shown["is_own"] == true { held } else { told };
        let records = shown["records"].as_u64().unwrap();
        assert!(
            (length(promised)..=length(held)).contains(&records),
            "{at}: records are lost: {records} of {promised}"
        );
        assert!(
            !shown["profile"].is_null(),
            "{at}: its first record is lost"
        );
        let items: BTreeMap<String, Value> = machine
            .items()
            .into_iter()
            .map(|item| (item["body"]["path"].as_str().unwrap().to_owned(), item))
            .collect();
        for (path, bytes) in &self.files {
            let item = items.get(path);
            let file = &item.unwrap_or_else(|| panic!("{at}: {path} is lost"))["files"][0];
            let is_of = |bytes: &Vec<u8>| file["hash"] == blake3::hash(bytes).to_string();
            if is_of(bytes) {
                assert_eq!(file["held"], file["size"], "{at}: {path}");
                continue;
            }
            // The record of what was written since came, and maybe not all of its bytes.
            let is_newer = since.get(path).is_some_and(is_of);
            assert!(is_newer, "{at}: {path} is as it was before: {file}");
        }
    }
}
