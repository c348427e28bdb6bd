//! spec/local.md: every call stands there, and every example is one.

use levada_peer::api::pipe::{Line, Request};
use std::path::Path;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/local.md");
    std::fs::read_to_string(path).unwrap()
}

/// The blocks of a kind.
fn blocks<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    let fence = format!("```json {kind}\n");
    let parts = page.split(fence.as_str()).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap())
        .collect()
}

/// The names of all calls, as the reader of calls tells them to whoever names another.
fn names() -> Vec<String> {
    let error = serde_json::from_str::<Request>(r#"{"call":"?"}"#).unwrap_err();
    let text = error.to_string();
    let quoted = text.split('`').skip(3).step_by(2);
    quoted.map(str::to_owned).collect()
}

#[test]
fn every_call_of_the_local_api_stands_on_its_page() {
    let page = page();
    let calls = blocks(&page, "call");
    let named: Vec<String> = calls
        .iter()
        .map(|text| {
            let request: Request =
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let call = serde_json::to_value(&request.call).unwrap();
            call["call"].as_str().unwrap().to_owned()
        })
        .collect();
    let names = names();
    assert!(names.contains(&"publish".to_owned()), "{names:?}");
    for name in names {
        assert!(
            named.contains(&name),
            "the call {name} has no example in spec/local.md"
        );
    }
}

#[test]
fn every_line_of_the_local_apis_page_is_read() {
    let page = page();
    let lines = blocks(&page, "line");
    assert!(lines.len() > 3);
    for text in lines {
        let line: Line =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let bytes = line.to_bytes().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            value,
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
    }
}

#[test]
fn every_type_of_event_stands_on_its_page() {
    let page = page();
    let error = serde_json::from_str::<levada_peer::api::Event>(r#"{"type":"?"}"#).unwrap_err();
    let text = error.to_string();
    for name in text.split('`').skip(3).step_by(2) {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}
