//! Answers that are too long, cut, of no HTTP, refusals, redirects, compressed or of another range.

use super::*;

#[tokio::test]
async fn answers_above_the_limit_are_refused_announced_or_not() {
    let endless = [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".as_slice(),
        &[b'x'; 70_000],
    ]
    .concat();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n0\r\n\r\n";
    let announced = answer("200 OK", "", &"x".repeat(101));
    let huge = b"HTTP/1.1 200 OK\r\ncontent-length: 9000000000000000000\r\n\r\n";
    for long in [&endless, chunked.as_slice(), &announced, huge] {
        let fake = Fake::new(&[long]).await;
        let Err(AskError::Rejected { reject, peer }) = health(&fake.remote()).await else {
            panic!("taken");
        };
        assert_eq!(reject.must(), "wire-2");
        assert!(peer.contains(&fake.address.to_string()));
    }
    let fits = answer("200 OK", "", &"x".repeat(100));
    let fake = Fake::new(&[&fits]).await;
    assert_eq!(health(&fake.remote()).await.unwrap().len(), 100);
}

#[tokio::test]
async fn cut_answers_are_never_taken_for_whole_ones() {
    for cut in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nok".as_slice(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\ncut",
        b"HTTP/1.",
    ] {
        let fake = Fake::new(&[cut]).await;
        let got = health(&fake.remote()).await;
        assert!(
            matches!(
                got,
                Err(AskError::Unreachable(
                    Unreachable::Protocol { .. } | Unreachable::Unusable { .. }
                ))
            ),
            "{got:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_http_is_named_and_tls_is_suggested() {
    for garbage in [
        b"SSH-2.0-x\r\n".as_slice(),
        &[0x15, 3, 3, 0, 2, 2, 70],
        b"220 mail\r\n\r\n",
    ] {
        let fake = Fake::new(&[garbage]).await;
        let error = health(&fake.remote()).await.unwrap_err().to_string();
        assert!(
            error.contains("does not speak HTTP") && error.contains("https://"),
            "{error}"
        );
    }
    let plain =
        Fake::new(&[b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"])
            .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    });
    drop(plain);
    let remote = Client::default()
        .remote(&format!("https://{address}"))
        .unwrap();
    let error = health(&remote).await.unwrap_err();
    assert!(
        matches!(error, AskError::Unreachable(Unreachable::Tls { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("http://"), "{error}");
}

#[tokio::test]
async fn statuses_of_refusal_are_told_with_their_first_line() {
    let rude = "busy \u{1b}[31m\u{202e}now\nsecond line";
    let fake = Fake::new(&[
        &answer("502 Bad Gateway", "", rude),
        &answer("500 x", "", &"x".repeat(5_000)),
        &answer("418 Teapot", "", ""),
    ])
    .await;
    let remote = fake.remote();
    let error = health(&remote).await.unwrap_err().to_string();
    assert!(error.ends_with("refused: 502 busy [31mnow"), "{error}");
    for status in [500, 418] {
        let error = health(&remote).await.unwrap_err();
        let AskError::Unreachable(Unreachable::Status { status: got, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!(got, status);
    }
}

#[tokio::test]
async fn redirects_are_followed_three_times_and_never_to_another_host() {
    let found = |to: &str| answer("302 Found", &format!("location: {to}\r\n"), "");
    let (one, two, three) = (found("/a"), found("b?x=1"), found("/c"));
    let fake = Fake::new(&[&one, &two, &three, OK]).await;
    assert_eq!(health(&fake.remote()).await.unwrap(), "ok");
    let paths: Vec<String> = fake
        .asked()
        .iter()
        .map(|text| text.split(' ').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(paths, ["/healthz", "/a", "/b?x=1", "/c"]);
    let fake = Fake::new(&[&one, &one, &one, &one, OK]).await;
    let error = health(&fake.remote()).await.unwrap_err();
    assert!(
        matches!(error, AskError::Unreachable(Unreachable::Unusable { .. })),
        "{error}"
    );
    assert_eq!(fake.asked().len(), 4);
    let elsewhere = Fake::new(&[OK]).await;
    for to in [
        format!("http://{}/healthz", elsewhere.address),
        "http://localhost/".into(),
        "ftp://x/".into(),
    ] {
        let fake = Fake::new(&[&found(&to), OK]).await;
        let error = health(&fake.remote()).await.unwrap_err();
        assert!(
            matches!(error, AskError::Unreachable(Unreachable::Unusable { .. })),
            "{error}"
        );
    }
    assert_eq!(elsewhere.connections(), 0);
    // What is handed over is handed to whom it was meant for.
    let fake = Fake::new(&[&answer(
        "307 x",
        "location: /a\r\nconnection: close\r\n",
        "",
    )])
    .await;
    let error = fake
        .remote()
        .post(&Ask::Batch, Bytes::new(), 9)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            AskError::Unreachable(Unreachable::Status { status: 307, .. })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn compressed_answers_are_not_taken_for_plain_ones() {
    for (encoding, is_good) in [("gzip", false), ("br", false), ("identity", true)] {
        let headers = format!("content-encoding: {encoding}\r\n");
        let fake = Fake::new(&[&answer("200 OK", &headers, "ok")]).await;
        assert_eq!(health(&fake.remote()).await.is_ok(), is_good, "{encoding}");
    }
}

#[tokio::test]
async fn ranges_are_taken_where_they_begin_or_from_the_whole() {
    let whole = answer("200 OK", "", "0123456789");
    let part = |range: &str| {
        answer(
            "206 Partial Content",
            &format!("content-range: {range}\r\n"),
            "34",
        )
    };
    let good = part("bytes 3-4/10");
    let fake = Fake::new(&[&whole, &good]).await;
    let remote = fake.remote();
    let mut transfer = remote.stream(&blob(), 3..5).await.unwrap();
    assert_eq!(transfer.skip, 3);
    assert_eq!(transfer.next().await.unwrap().unwrap(), "0123456789");
    let mut transfer = remote.stream(&blob(), 3..5).await.unwrap();
    assert_eq!(transfer.skip, 0);
    assert_eq!(transfer.next().await.unwrap().unwrap(), "34");
    assert!(transfer.next().await.unwrap().is_none());
    assert!(fake.asked()[1].contains("range: bytes=3-4\r\n"));
    for wrong in [
        "bytes 0-1/10",
        "bytes 4-5/10",
        "bytes */10",
        "lines 3-4/10",
        "x",
    ] {
        let fake = Fake::new(&[&part(wrong)]).await;
        let refused = fake.remote().stream(&blob(), 3..5).await.map(drop);
        assert!(
            matches!(
                refused,
                Err(AskError::Unreachable(Unreachable::Unusable { .. }))
            ),
            "{wrong}"
        );
    }
    let sized = answer("200 OK", "levada-size: 77\r\n", "");
    let fake = Fake::new(&[&sized]).await;
    let transfer = fake.remote().stream(&blob(), 0..1).await.unwrap();
    assert_eq!(transfer.untrusted_size(), Some(77));
}

#[tokio::test]
async fn busy_peer_says_when_to_ask_again_within_bounds() {
    let busy = "503 Service Unavailable";
    let cases = [
        ("retry-after: 30\r\n", 30),
        ("retry-after: 0\r\n", 1),
        ("retry-after: 99999999999\r\n", 3_600),
        ("retry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\n", 60),
        ("", 60),
    ];
    let answers = cases.map(|(headers, _)| answer(busy, headers, "too many\nat once"));
    let answers: Vec<&[u8]> = answers.iter().map(|answer| &answer[..]).collect();
    let fake = Fake::new(&answers).await;
    let remote = fake.remote();
    for (headers, expected) in cases {
        let error = health(&remote).await.unwrap_err();
        assert!(error.to_string().ends_with("is busy: too many"), "{error}");
        let AskError::Unreachable(Unreachable::Busy { after_s, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!(after_s, expected, "{headers}");
    }
}
