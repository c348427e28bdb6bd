use super::*;
use levada_feed::key::FeedSecret;

#[test]
fn every_request_is_parsed_as_it_was_printed() {
    let feed = FeedSecret::from_bytes(&[1; 32]).feed_key();
    let hash = Hash::of(b"x");
    for ask in [
        Ask::Health,
        Ask::Feeds { after: None },
        Ask::Feeds { after: Some(feed) },
        Ask::Head {
            feed,
            have: 7,
            wait: 0,
        },
        Ask::Head {
            feed,
            have: 7,
            wait: 50,
        },
        Ask::Bundle {
            feed,
            from: 0,
            to: 512,
            at: None,
        },
        Ask::Bundle {
            feed,
            from: 1,
            to: 2,
            at: Some(9),
        },
        Ask::Latest { feed, count: 50 },
        Ask::Fork { feed },
        Ask::Succession { feed },
        Ask::Blob { hash },
        Ask::Proof {
            hash,
            from: 0,
            to: 16_384,
        },
        Ask::Have { hash },
        Ask::Batch,
    ] {
        let target = ask.to_string();
        let (path, query) = target
            .split_once('?')
            .map_or((target.as_str(), None), |(p, q)| (p, Some(q)));
        assert_eq!(Ask::parse(path, query), Ok(ask));
    }
}

#[test]
fn wrong_requests_are_told_apart() {
    let feed = FeedSecret::from_bytes(&[1; 32]).feed_key();
    assert_eq!(Ask::parse("/", None), Err(BadAsk::NoSuchPath));
    assert_eq!(Ask::parse("/v2/feeds", None), Err(BadAsk::NoSuchPath));
    assert_eq!(
        Ask::parse("/v1/feeds/lev1x/head", None),
        Err(BadAsk::BadParameter("feed key"))
    );
    let bundle = format!("/v1/feeds/{feed}/bundle");
    assert_eq!(Ask::parse(&bundle, None), Err(BadAsk::BadParameter("from")));
    assert_eq!(
        Ask::parse(&bundle, Some("from=5&to=5")),
        Err(BadAsk::BadParameter("to"))
    );
    assert_eq!(
        Ask::parse(&bundle, Some("latest=0")),
        Err(BadAsk::BadParameter("latest"))
    );
    assert_eq!(
        Ask::parse("/v1/blobs/00", None),
        Err(BadAsk::BadParameter("blob hash"))
    );
}

#[test]
fn lists_come_back_and_wrong_ones_are_refused() {
    let heads = vec![vec![1, 2], vec![]];
    assert_eq!(read_feeds(&write_feeds(&heads)), Ok(heads));
    let runs = Runs::of(3..9);
    assert_eq!(read_have(&write_have(70_000, &runs)), Ok((70_000, runs)));
    let asked = [Hash::of(b"a"), Hash::of(b"b")];
    assert_eq!(read_batch(&write_batch(&asked)), Ok(asked.to_vec()));
    let answer = write_blobs(&[Some(b"a".to_vec()), None]);
    assert_eq!(
        read_blobs(&asked, &answer),
        Ok(vec![Some(b"a".as_slice()), None])
    );
    let wrong = write_blobs(&[None, Some(b"a".to_vec())]);
    assert_eq!(read_blobs(&asked, &wrong).unwrap_err().must(), "wire-3");
    assert_eq!(
        read_blobs(&asked[..1], &answer).unwrap_err().must(),
        "wire-1"
    );
    assert_eq!(
        split_bundles(&[0x81, 0x01, 0x81, 0x02]),
        Ok(vec![&[0x81, 0x01][..], &[0x81, 0x02][..]])
    );
    assert!(split_bundles(&[0x81, 0x01, 0x81]).is_err());
    assert!(split_bundles(&[1, 1, 1]).is_err());
    assert!(split_bundles(&[]).is_err());
}

#[test]
fn numbers_are_digits_without_sign_and_leading_zeros() {
    assert_eq!(read_number("0"), Some(0));
    assert_eq!(read_number("18446744073709551615"), Some(u64::MAX));
    for wrong in [
        "",
        "+1",
        "-1",
        "01",
        "00",
        " 1",
        "1 ",
        "0x1",
        "1.0",
        "\u{663}",
        "18446744073709551616",
    ] {
        assert_eq!(read_number(wrong), None, "{wrong}");
    }
}

#[test]
fn paths_and_parameters_are_taken_as_they_stand() {
    let feed = FeedSecret::from_bytes(&[1; 32]).feed_key();
    let head = format!("/v1/feeds/{feed}/head");
    let parsed = |query| Ask::parse(&head, Some(query));
    let with = |have, wait| Ok(Ask::Head { feed, have, wait });
    assert_eq!(parsed("have=3&have=4&x=1&y"), with(3, 0));
    assert_eq!(parsed("wait=51"), with(0, 50));
    assert_eq!(parsed("wait=18446744073709551615"), with(0, 50));
    assert_eq!(parsed("have=18446744073709551615"), with(u64::MAX, 0));
    for (query, name) in [("have=", "have"), ("have=%31", "have"), ("wait=+1", "wait")] {
        assert_eq!(parsed(query), Err(BadAsk::BadParameter(name)), "{query}");
    }
    let upper = feed.to_string().to_uppercase();
    assert_eq!(
        Ask::parse(&format!("/v1/feeds/{upper}/fork"), None),
        Ok(Ask::Fork { feed })
    );
    for path in [
        "",
        "healthz",
        "//healthz",
        "/healthz/",
        "/v1",
        "/v1/feeds/",
        "/v1/blobs/",
        "*",
        &format!("{head}/"),
        &format!("{head}/x"),
        &format!("/v1/feeds/{feed}"),
        &format!("/v1/feeds/{feed}/peers/x"),
        &format!("/v1/blobs/{}/x", Hash::of(b"x")),
        "/v1/../healthz",
    ] {
        assert!(Ask::parse(path, None).is_err(), "{path}");
    }
    let blob = format!("/v1/blobs/{}/proof", Hash::of(b"x"));
    assert_eq!(
        Ask::parse(&blob, Some("to=1")),
        Err(BadAsk::BadParameter("from"))
    );
    assert_eq!(
        Ask::parse(&blob, Some("from=1")),
        Err(BadAsk::BadParameter("to"))
    );
}

#[test]
fn batches_have_at_most_512_hashes_and_small_blobs_alone() {
    let hashes = vec![Hash::of(b"x"); 512];
    assert_eq!(read_batch(&write_batch(&hashes)).unwrap().len(), 512);
    let wrong = |bytes: &[u8]| read_batch(bytes).unwrap_err().must();
    assert_eq!(wrong(&write_batch(&vec![Hash::of(b"x"); 513])), "wire-1");
    assert_eq!(wrong(&[0x82, 1, 0x41, 0]), "wire-1");
    assert_eq!(wrong(&[0x82, 1, 0x80]), "wire-1");
    assert_eq!(wrong(&[0x82, 2, 0x40]), "head-2");
    assert_eq!(wrong(&[0x83, 1, 0x40, 0]), "wire-1");
    assert_eq!(wrong(&[0x82, 1, 0x40, 0]), "codec-2");
    assert_eq!(wrong(&[]), "wire-1");
    // A length that nobody sent does not allocate.
    assert_eq!(
        wrong(&[0x82, 1, 0x5b, 0, 0x1f, 255, 255, 255, 255, 255, 255]),
        "codec-1"
    );
    let full = vec![7; 16_384];
    let answer = write_blobs(&[Some(full.clone())]);
    assert_eq!(
        read_blobs(&[Hash::of(&full)], &answer),
        Ok(vec![Some(full.as_slice())])
    );
    let large = vec![7; 16_385];
    let answer = write_blobs(&[Some(large.clone())]);
    assert_eq!(
        read_blobs(&[Hash::of(&large)], &answer).unwrap_err().must(),
        "wire-1"
    );
    let most = write_blobs(&vec![Some(full); 512]);
    assert!(most.len() as u64 <= BATCH_BYTES_MAX);
}

#[test]
fn lists_of_a_wrong_form_are_refused() {
    let runs = Runs::of(0..2).to_bytes();
    let have = |size: &[u8], runs: &[u8]| {
        let mut bytes = [&[0x83, 1], size].concat();
        bytes.push(0x40 + u8::try_from(runs.len()).unwrap());
        [&bytes, runs].concat()
    };
    assert!(read_have(&have(&[5], &runs)).is_ok());
    for wrong in [
        have(&[5], &runs[1..]),
        have(&[0x40], &runs),
        have(&[0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0], &runs),
        have(&[5], &[0; 16]),
        vec![0x82, 1, 5],
        vec![0xa0],
    ] {
        assert!(read_have(&wrong).is_err(), "{wrong:?}");
    }
    let heads = vec![vec![]; FEEDS_PAGE_MAX];
    assert_eq!(read_feeds(&write_feeds(&heads)), Ok(heads));
    assert!(read_feeds(&write_feeds(&vec![vec![]; FEEDS_PAGE_MAX + 8])).is_err());
    assert!(read_feeds(&[0x82, 1, 0x81, 1]).is_err());
    let three = [0x81, 1, 0x81, 1, 0x81, 1];
    assert!(split_bundles(&three).is_err());
    assert!(split_bundles(&[0x9b, 255, 255, 255, 255, 255, 255, 255, 255]).is_err());
    assert!(split_bundles(&[0x9f; 1_000]).is_err());
}
