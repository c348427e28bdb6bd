use super::*;
use levada_feed::key::FeedSecret;

fn link(byte: u8, name: Option<&str>) -> Link {
    let feed = FeedSecret::from_bytes(&[byte; 32]).feed_key();
    Link {
        name: name.map(str::to_owned),
        via: vec!["http://a.example".into()],
        ..Link::to(feed)
    }
}

#[test]
fn sources_come_back_as_they_were_written() {
    let mut sources = Sources::default();
    sources
        .add(
            &link(1, Some("Ana & Zé")),
            &["http://b.example".into()],
            None,
            None,
            5,
        )
        .unwrap();
    sources
        .add(&link(2, None), &[], Some("days:30"), Some("500MB"), 6)
        .unwrap();
    let text = sources.write_over("").unwrap();
    assert_eq!(Sources::read(&text), Ok(sources.clone()), "{text}");
    assert!(
        text.contains("max_size = \"2GiB\"") && text.contains("keep = \"newest:50\""),
        "{text}"
    );
    assert_eq!(sources.list()[0].nickname, "ana-zé");
    assert_eq!(
        sources.list()[0].via,
        ["http://b.example", "http://a.example"]
    );
    assert!(Sources::read(&text.replace("nickname", "nick")).is_err());
}

#[test]
fn known_feeds_gain_hints_and_keep_their_first() {
    let mut sources = Sources::default();
    let first = |byte| Some(First([byte; 16]));
    sources
        .add(
            &Link {
                first: first(1),
                ..link(1, None)
            },
            &[],
            None,
            None,
            5,
        )
        .unwrap();
    let again = sources
        .add(
            &link(1, None),
            &["http://c.example".into()],
            Some("all"),
            None,
            9,
        )
        .unwrap();
    assert_eq!(
        (again.first, again.keep, again.via.len()),
        (first(1), Keep::All, 2)
    );
    let other = Link {
        first: first(2),
        ..link(1, None)
    };
    assert_eq!(
        sources.add(&other, &[], None, None, 9),
        Err(AddError::OtherFirst)
    );
    assert_eq!(sources.list().len(), 1);
}

#[test]
fn sources_are_found_by_all_their_names() {
    let mut sources = Sources::default();
    for byte in [1, 2] {
        sources
            .add(&link(byte, Some("Ana")), &[], None, None, 5)
            .unwrap();
    }
    let feed = sources.list()[1].feed;
    for name in [
        feed.to_string(),
        format!("levada:{feed}"),
        "ana-2".into(),
        feed.to_string()[..12].into(),
    ] {
        assert_eq!(sources.find(&name).unwrap().feed, feed, "{name}");
    }
    assert_eq!(sources.find("lev1"), Err(FindError::Unknown));
    assert_eq!(sources.find("nobody"), Err(FindError::Unknown));
    assert!(sources.remove(&feed) && !sources.remove(&feed));
}

#[test]
fn policies_and_sizes_are_read_strictly() {
    for text in ["all", "newest:3", "days:9", "none"] {
        assert_eq!(text.parse::<Keep>().unwrap().to_string(), text);
    }
    for text in ["", "newest", "newest:0", "newest:x", "days:-1", "ALL"] {
        assert!(text.parse::<Keep>().is_err(), "{text}");
    }
    assert_eq!(read_size("1 KiB"), Ok(1024));
    assert_eq!(read_size("2GB"), Ok(2_000_000_000));
    assert_eq!(print_size(3 << 20), "3MiB");
    assert_eq!(print_size(1_000), "1000");
    for text in ["", "x", "1.5GiB", "99999999999TiB", "-1"] {
        assert!(read_size(text).is_err(), "{text}");
    }
}

#[test]
fn what_a_person_wrote_between_the_lines_stays() {
    let feed = |byte| link(byte, None).feed;
    let text = format!(
        r#"# Mine, in the order in which I read them.

[[source]]
keep = "all" # every one of them
feed = "{}"
nickname = "zoe"
max_size = "1GiB"

# Only while she is away:
[[source]]
feed = "{}"
nickname = 'ana'
via = [
    "http://a.example", # her own
]
keep = "newest:5"
max_size = "10 MB"
# The end.
"#,
        feed(1),
        feed(2)
    );
    let mut sources = Sources::read(&text).unwrap();
    assert_eq!(sources.write_over(&text).unwrap(), text);
    // One line of one source changes.
    let changed = Link::to(feed(1));
    sources.add(&changed, &[], Some("days:9"), None, 7).unwrap();
    let written = sources.write_over(&text).unwrap();
    assert_eq!(written, text.replace("keep = \"all\"", "keep = \"days:9\""));
    // A new one comes behind them, and one that is gone takes only its own lines along.
    sources
        .add(&link(3, Some("Bo")), &[], None, None, 8)
        .unwrap();
    let written = sources.write_over(&written).unwrap();
    assert_eq!(Sources::read(&written), Ok(sources.clone()));
    assert!(written.starts_with(text.split("keep").next().unwrap()));
    assert!(written.contains("# Only while she is away:") && written.contains("# her own"));
    sources.remove(&feed(2));
    let written = sources.write_over(&written).unwrap();
    assert_eq!(Sources::read(&written), Ok(sources.clone()));
    assert!(written.contains("# every one of them") && !written.contains("her own"));
    sources.remove(&feed(1));
    sources.remove(&feed(3));
    let written = sources.write_over(&written).unwrap();
    assert_eq!(Sources::read(&written), Ok(Sources::default()));
}

#[test]
fn list_in_one_line_is_changed_and_what_is_no_list_is_left_alone() {
    let feed = link(1, None).feed;
    let text = format!(
        "source = [{{ feed = \"{feed}\", nickname = \"x\", keep = \"all\", max_size = \"5\" }}]\n"
    );
    let mut sources = Sources::read(&text).unwrap();
    sources.add(&link(2, None), &[], None, None, 6).unwrap();
    let written = sources.write_over(&text).unwrap();
    assert_eq!(Sources::read(&written), Ok(sources.clone()), "{written}");
    assert!(sources.write_over("feeds = 3").is_err());
    assert!(sources.write_over("[[source]").is_err());
}
