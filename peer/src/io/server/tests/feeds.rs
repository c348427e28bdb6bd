use super::*;
use crate::frame::head_tag;
use levada_feed::bundle;
use levada_feed::chain;
use levada_feed::fork::ForkProof;
use levada_feed::limits::FORK_BYTES_MAX;
use levada_feed::log::FollowedLog;
use levada_feed::succession::Succession;
use levada_feed::succession::SuccessionBody;

fn head_with(byte: u8, root: &[u8]) -> Head {
    let body = HeadBody {
        feed: secret(byte).feed_key(),
        first: Hash::of(b"first"),
        length: 3,
        bytes: 1,
        media: 0,
        root: Hash::of(root),
        time: 1,
    };
    Head::sign(&secret(byte), body)
}

pub(super) fn fork(byte: u8) -> ForkProof {
    ForkProof::of_heads(&head_with(byte, b"a"), &head_with(byte, b"b")).unwrap()
}

fn succession(recovery: u8) -> Succession {
    let body = SuccessionBody {
        feed: own(),
        recovery: secret(recovery).feed_key(),
        next: secret(9).feed_key(),
        length: 1,
        root: Hash::of(b"root"),
        time: 5,
    };
    Succession::sign(&secret(recovery), &secret(9), &body).unwrap()
}

#[tokio::test]
async fn every_feed_request_is_answered_with_what_verifies() {
    let place = Place::new().await;
    let health = place.get("/healthz").await;
    assert_eq!((health.status, health.text().as_str()), (200, "ok\n"));
    let feeds = place.get("/v1/feeds").await;
    let heads = frame::read_feeds(&feeds.body).unwrap();
    assert_eq!(heads.len(), 1);
    Head::check_of(&own(), &heads[0]).unwrap();
    let next = place.get(&format!("/v1/feeds?after={}", own())).await;
    assert_eq!(frame::read_feeds(&next.body), Ok(vec![]));
    let feed = format!("/v1/feeds/{}", own());
    for have in [
        "",
        "?have=1",
        "?have=4",
        "?have=5",
        "?have=18446744073709551615",
    ] {
        let got = place.get(&format!("{feed}/head{have}")).await;
        assert_eq!(
            (got.status, got.header("content-type")),
            (200, "application/cbor")
        );
        let have = have.trim_start_matches("?have=").parse().unwrap_or(0);
        let head = chain::check_head(&own(), &got.body, have).unwrap().head;
        assert_eq!(got.header("etag"), head_tag(head.wire()));
    }
    for (query, slots) in [
        ("from=0&to=5", 5),
        ("from=2&to=18446744073709551615", 3),
        ("from=4&to=5&at=5", 1),
    ] {
        let got = place.get(&format!("{feed}/bundle?{query}")).await;
        assert_eq!(bundle::check(&own(), &got.body).unwrap().slots.len(), slots);
    }
    for count in ["1", "3", "5", "18446744073709551615"] {
        let got = place.get(&format!("{feed}/bundle?latest={count}")).await;
        let bundles = frame::split_bundles(&got.body).unwrap();
        FollowedLog::new(own(), None)
            .accept_start(None, &bundles)
            .unwrap();
    }
    for nothing in ["bundle?from=5&to=6", "fork", "succession"] {
        assert_eq!(place.get(&format!("{feed}/{nothing}")).await.status, 404);
    }
    let stranger = secret(7).feed_key();
    for nothing in [
        "head",
        "head?wait=50",
        "bundle?latest=1",
        "bundle?from=0&to=1",
        "fork",
    ] {
        let got = place.get(&format!("/v1/feeds/{stranger}/{nothing}")).await;
        assert_eq!(got.status, 404, "{nothing}");
    }
}

#[tokio::test]
async fn wrong_requests_are_told_apart_by_their_status() {
    let place = Place::new().await;
    let feed = format!("/v1/feeds/{}", own());
    let mut mixed = own().to_string();
    mixed.replace_range(0..1, "L");
    for (method, target, status) in [
        ("GET", "/", 404),
        ("GET", "/favicon.ico", 404),
        ("GET", "/v1/feeds/", 400),
        ("GET", "/v1/../../etc/passwd", 404),
        ("DELETE", &format!("{feed}/peers"), 405),
        ("POST", "/v1/watch/x", 404),
        ("GET", &format!("/v1/feeds/{mixed}/head"), 400),
        ("GET", &format!("{feed}/head?have=-1"), 400),
        (
            "GET",
            &format!("{feed}/head?have=18446744073709551616"),
            400,
        ),
        ("GET", &format!("{feed}/head?wait=x"), 400),
        ("GET", &format!("{feed}/bundle"), 400),
        ("GET", &format!("{feed}/bundle?latest=0"), 400),
        ("GET", &format!("{feed}/bundle?from=3&to=3"), 400),
        ("GET", &format!("{feed}/bundle?from=3&to=2"), 400),
        ("GET", "/v1/feeds?after=lev1x", 400),
        ("GET", "/v1/blobs/00", 400),
        ("GET", "/v1/blobs", 405),
        ("POST", "/healthz", 405),
        ("HEAD", &format!("{feed}/head"), 405),
        ("DELETE", &format!("{feed}/fork"), 405),
        ("PUT", &format!("/v1/blobs/{}", Hash::of(b"x")), 405),
        ("OPTIONS", "*", 404),
    ] {
        let got = place.ask(method, target, "", b"").await;
        assert_eq!(got.status, status, "{method} {target}");
        if method != "HEAD" {
            assert_eq!(got.text().lines().count(), 1, "{method} {target}");
        }
        assert_eq!(got.headers.contains_key("allow"), status == 405);
        assert!(!got.headers.contains_key("set-cookie"));
    }
}

#[tokio::test(start_paused = true)]
async fn long_poll_ends_with_news_or_with_its_time() {
    let mut place = Place::new().await;
    let target = format!("/v1/feeds/{}/head?have=5&wait=50", own());
    let first = place.get(&target).await;
    assert_eq!(first.status, 200, "who knows no head does not wait");
    let known = format!("if-none-match: {}\r\n", first.header("etag"));
    let at_once = place
        .ask("GET", &target.replace("wait=50", "wait=0"), &known, b"")
        .await;
    assert_eq!(
        (at_once.status, at_once.header("etag")),
        (304, first.header("etag"))
    );
    let waited = tokio::time::Instant::now();
    let none = place.ask("GET", &target, &known, b"").await;
    assert_eq!((none.status, none.body.len()), (304, 0));
    assert!(waited.elapsed() >= Duration::from_secs(50));
    // News of another feed wakes it, and it waits on.
    let mut wire = place.connect().await;
    wire.send(&request("GET", &target, &known, b"")).await;
    let batch = grow(&mut place.log, 6);
    let disk = place.served.disk.clone();
    let news = place.news.clone();
    let telling = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        news.head(&secret(7).feed_key());
        tokio::time::sleep(Duration::from_secs(5)).await;
        disk.commit(&batch).unwrap();
        news.head(&own());
    });
    let got = wire.answer(false).await.unwrap();
    telling.await.unwrap();
    let head = chain::check_head(&own(), &got.body, 5).unwrap().head;
    assert_eq!((got.status, head.body().length), (200, 6));
    assert_eq!(got.header("etag"), head_tag(head.wire()));
}

#[tokio::test]
async fn evidence_is_taken_if_it_checks_and_is_of_a_feed_kept_here() {
    let place = Place::new().await;
    let target = |feed: FeedKey, what: &str| format!("/v1/feeds/{feed}/{what}");
    let post = async |feed, what, bytes: &[u8]| {
        let got = place.ask("POST", &target(feed, what), "", bytes).await;
        (got.status, got.text())
    };
    // A feed that nobody keeps here: else any key could fill the disk.
    let stranger = secret(7).feed_key();
    assert_eq!(post(stranger, "fork", fork(7).wire()).await.0, 404);
    let mut wrong = fork(4).wire().to_vec();
    wrong[60] ^= 1;
    assert_eq!(post(own(), "fork", &wrong).await.0, 422);
    let other = post(own(), "fork", fork(7).wire()).await;
    assert!(
        other.0 == 422 && other.1.starts_with("head-5: "),
        "{other:?}"
    );
    assert_eq!(post(own(), "fork", b"").await.0, 422);
    assert_eq!(post(own(), "fork", &[0; FORK_BYTES_MAX + 1]).await.0, 413);
    assert_eq!(place.get(&target(own(), "fork")).await.status, 404);
    assert_eq!(post(own(), "fork", fork(4).wire()).await.0, 204);
    assert_eq!(post(own(), "fork", fork(4).wire()).await.0, 200);
    assert_eq!(place.get(&target(own(), "fork")).await.body, fork(4).wire());
    // Anybody can sign one with keys of his own: record 0 names whose counts.
    let forged = post(own(), "succession", succession(3).wire()).await;
    assert!(
        forged.0 == 422 && forged.1.starts_with("succession-3: "),
        "{forged:?}"
    );
    assert_eq!(post(own(), "succession", succession(8).wire()).await.0, 204);
    let got = place.get(&target(own(), "succession")).await;
    assert_eq!(got.body, succession(8).wire());
    let kept = std::fs::read_dir(place.folder.path().join("evidence")).unwrap();
    assert_eq!(kept.count(), 2);
}
