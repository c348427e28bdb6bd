use super::*;

#[tokio::test]
async fn kept_and_pipelined_requests_are_answered_in_order() {
    let place = Place::new().await;
    let mut wire = place.connect().await;
    for _ in 0..3 {
        wire.send(&request("GET", "/healthz", "", b"")).await;
        assert_eq!(wire.answer(false).await.unwrap().text(), "ok\n");
    }
    let many = [
        request("GET", "/healthz", "", b""),
        request("GET", "/nothing", "", b""),
        request("HEAD", "/healthz", "", b""),
        request("GET", "/v1/feeds", "", b""),
    ];
    wire.send(&many.concat()).await;
    let mut statuses = Vec::new();
    for is_head in [false, false, true, false] {
        statuses.push(wire.answer(is_head).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 404, 200, 200]);
    wire.send(&request("GET", "/healthz", "connection: close\r\n", b""))
        .await;
    assert_eq!(wire.answer(false).await.unwrap().status, 200);
    assert!(wire.is_closed().await);
}

#[tokio::test]
async fn garbage_on_the_port_ends_that_connection_alone() {
    let place = Place::new().await;
    let tls_hello = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3];
    let long_target = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000));
    for garbage in [
        &[0; 1_000][..],
        &[0xff; 70_000],
        &tls_hello,
        b"SSH-2.0-x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        long_target.as_bytes(),
    ] {
        let mut wire = place.connect().await;
        // It may be closed before all was sent.
        let _ = wire.stream.write_all(garbage).await;
        let _ = wire.stream.shutdown().await;
        let answer = wire.answer(false).await;
        assert!(answer.is_none_or(|answer| answer.status >= 400));
        assert_eq!(place.get("/healthz").await.status, 200);
    }
}

#[tokio::test]
async fn floods_of_headers_are_refused() {
    let place = Place::new().await;
    let many: String = (0..100).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert_eq!(place.ask("GET", "/healthz", &many, b"").await.status, 431);
    let long = format!("x: {}\r\n", "y".repeat(40_000));
    assert_eq!(place.ask("GET", "/healthz", &long, b"").await.status, 431);
    let fine: String = (0..50).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert_eq!(place.ask("GET", "/healthz", &fine, b"").await.status, 200);
}

#[tokio::test]
async fn body_that_is_too_long_is_refused_by_its_announced_length_and_by_what_comes() {
    let place = Place::new().await;
    let mut wire = place.connect().await;
    let huge = "content-length: 9000000000000000000\r\n";
    wire.send(format!("POST /v1/blobs HTTP/1.1\r\nhost: x\r\n{huge}\r\n").as_bytes())
        .await;
    assert_eq!(wire.answer(false).await.unwrap().status, 413);
    let mut wire = place.connect().await;
    wire.send(b"POST /v1/blobs HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let chunk = [b"4000\r\n".as_slice(), &[0; 0x4000], b"\r\n"].concat();
    for _ in 0..3 {
        // It may answer and close before all was sent.
        let _ = wire.stream.write_all(&chunk).await;
    }
    assert_eq!(wire.answer(false).await.unwrap().status, 413);
    let mut wire = place.connect().await;
    wire.send(b"POST /v1/blobs HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nshort")
        .await;
    wire.stream.shutdown().await.unwrap();
    let cut = wire.answer(false).await;
    assert!(cut.is_none_or(|answer| answer.status == 413));
}

#[tokio::test(start_paused = true)]
async fn slow_bodies_and_silent_connections_are_given_up() {
    let place = Place::new().await;
    let mut wire = place.connect().await;
    wire.send(b"POST /v1/blobs HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nslow")
        .await;
    assert_eq!(wire.answer(false).await.unwrap().status, 408);
    for begun in [
        "",
        "G",
        "GET /healthz HTTP/1.1\r\n",
        "GET /healthz HTTP/1.1\r\nhost: x\r\n",
    ] {
        let mut wire = place.connect().await;
        wire.send(begun.as_bytes()).await;
        while wire.more().await {}
    }
    let mut idle = place.connect().await;
    idle.send(&request("GET", "/healthz", "", b"")).await;
    assert_eq!(idle.answer(false).await.unwrap().status, 200);
    while idle.more().await {}
}

#[tokio::test]
async fn silent_connections_do_not_keep_others_out() {
    let place = Place::new().await;
    let mut silent = Vec::new();
    for n in 0..100 {
        let mut wire = place.connect().await;
        if n % 2 == 0 {
            wire.send(b"GET /healthz HTTP/1.1\r\n").await;
        }
        silent.push(wire);
    }
    for _ in 0..10 {
        assert_eq!(place.get("/healthz").await.status, 200);
    }
}

#[tokio::test]
async fn readers_who_take_nothing_hold_a_bounded_share() {
    let place = Place::new().await;
    let bytes = vec![7; 9 << 20];
    let (hash, _) = place.import("file", &bytes, Mode::Copy);
    let target = format!("/v1/blobs/{hash}");
    let mut lazy = Vec::new();
    for _ in 0..40 {
        let mut wire = place.connect().await;
        wire.send(&request("GET", &target, "", b"")).await;
        lazy.push(wire);
    }
    assert_eq!(place.get(&target).await.body.len(), bytes.len());
    // They get it once they read.
    let got = lazy[7].answer(false).await.unwrap();
    assert_eq!(got.body.len(), bytes.len());
}

#[tokio::test(start_paused = true)]
async fn too_many_answers_at_once_are_put_off() {
    let place = Place::new().await;
    let room = Room {
        answers: Arc::new(shares::Shares::new(1, 1)),
        ..Room::default()
    };
    let _taken = room.answers.try_take(None, 1).unwrap();
    let (mut ours, theirs) = tokio::io::duplex(10_000);
    let served = place.served.clone();
    let service = service_fn(move |request| {
        let (served, room) = (served.clone(), room.clone());
        let caller = Caller {
            peer: None,
            is_local: true,
            stop: tokio::sync::watch::channel(false).1,
        };
        async move {
            let turns = Turns::default();
            Ok::<_, Infallible>(answer_one(&served, &room, &turns, request, caller).await)
        }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
    tokio::spawn(connection);
    let target = format!("/v1/blobs/{}", Hash::of(b"x"));
    ours.write_all(&request("GET", &target, "connection: close\r\n", b""))
        .await
        .unwrap();
    let mut text = String::new();
    ours.read_to_string(&mut text).await.unwrap();
    assert!(
        text.starts_with("HTTP/1.1 503") && text.contains("retry-after: 10"),
        "{text}"
    );
}

#[tokio::test]
async fn stopping_ends_waiting_answers_and_the_server() {
    let place = Place::new().await;
    let target = format!("/v1/feeds/{}/head?wait=50", own());
    let tag = place.get(&target).await.header("etag").to_owned();
    let mut waiting = place.connect().await;
    let known = format!("if-none-match: {tag}\r\n");
    waiting.send(&request("GET", &target, &known, b"")).await;
    let mut idle = place.connect().await;
    idle.send(&request("GET", "/healthz", "", b"")).await;
    assert_eq!(idle.answer(false).await.unwrap().status, 200);
    place.stop.send(true).unwrap();
    place.serving.await.unwrap();
    assert!(idle.is_closed().await);
    assert!(TcpStream::connect(place.address).await.is_err());
}

/// Whoever came first gets his media at a useful rate; the others are told when to come again, and heads are for all.
#[tokio::test]
async fn too_many_who_share_a_small_rate_are_put_off() {
    let lane = Arc::new(crate::io::traffic::Lane::new(Some(4 << 10), true));
    let room = Room::new(Arc::new(Places::of_system(None, None)), lane.clone(), None);
    let place = Place::with(room).await;
    let (hash, _) = place.import("file", &vec![7; 1 << 20], Mode::Copy);
    let target = format!("/v1/blobs/{hash}");
    let mut wires = Vec::new();
    for turn in 0..6 {
        let mut wire = place.connect().await;
        wire.send(&request("GET", &target, "", b"")).await;
        let (status, text) = wire.beginning().await;
        if turn < 4 {
            assert_eq!(status, 200, "{text}");
        } else {
            assert_eq!(status, 503, "{text}");
            assert!(text.contains("retry-after: 30"), "{text}");
        }
        wires.push(wire);
    }
    let head = format!("/v1/feeds/{}/head", own());
    assert_eq!(place.get(&head).await.status, 200);
    // Who leaves makes room.
    drop(wires);
    while lane.share(None).is_none() {
        tokio::task::yield_now().await;
    }
}
