//! The client against servers that are written by hand, so that they can be as wrong as servers are.
//!
//! One thing, though long: a fake and the cases against it.

use super::*;
use levada_feed::hash::Hash;
use levada_feed::key::FeedSecret;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server on loopback; counts connections and keeps what it was asked.
struct Fake {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// Answers the requests of all connections, one after the other, with these bytes; then closes.
    async fn new(answers: &[&[u8]]) -> Self {
        Self::at("127.0.0.1:0", answers).await
    }

    async fn at(address: &str, answers: &[&[u8]]) -> Self {
        let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
        let listener = TcpListener::bind(address).await.unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            asked: Arc::default(),
        };
        let (connections, asked) = (fake.connections.clone(), fake.asked.clone());
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                while let Some(request) = read_request(&mut stream).await {
                    asked.lock().unwrap().push(request);
                    let Some(answer) = answers.next() else { return };
                    let is_last = !answer.starts_with(b"HTTP/1.1 ") || is_closing(&answer);
                    // The client may have had enough.
                    let _ = stream.write_all(&answer).await;
                    if is_last {
                        break;
                    }
                }
            }
        });
        fake
    }

    fn remote(&self) -> Remote {
        Client::default()
            .remote(&format!("http://{}", self.address))
            .unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn is_closing(answer: &[u8]) -> bool {
    answer
        .windows(5)
        .any(|part| part == b"close" || part == b"\r\ncut")
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut text).await.ok()? == 0 {
            return None;
        }
    }
    String::from_utf8(text).ok()
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const OK_CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn health(remote: &Remote) -> Result<Bytes, AskError> {
    remote.get(&Ask::Health, 100).await
}

fn blob() -> Ask {
    Ask::Blob {
        hash: Hash::of(b"x"),
    }
}

#[tokio::test]
async fn connection_is_used_again_once_its_answer_was_read() {
    let fake = Fake::new(&[
        OK,
        &answer("404 Not Found", "", "not here\n"),
        OK,
        &answer("204 No Content", "", ""),
        OK,
    ])
    .await;
    let remote = fake.remote();
    assert_eq!(health(&remote).await.unwrap(), "ok");
    let missing = health(&remote).await;
    assert!(matches!(
        missing,
        Err(AskError::Unreachable(Unreachable::NotThere { .. }))
    ));
    for expected in ["ok", "", "ok"] {
        assert_eq!(health(&remote).await.unwrap(), expected);
    }
    assert_eq!(fake.connections(), 1);
    let asked = fake.asked().remove(0);
    assert!(asked.starts_with("GET /healthz HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("accept-encoding: identity\r\n"), "{asked}");
    assert!(
        asked.contains(&format!("host: {}\r\n", fake.address)),
        "{asked}"
    );
}

#[tokio::test]
async fn requests_side_by_side_do_not_wait_for_each_other() {
    let fake = Fake::new(&[OK, OK, OK]).await;
    let remote = fake.remote();
    let open = remote.stream(&blob(), 0..2).await.unwrap();
    // The fake serves one connection at a time: the first one has to go before the next is answered.
    let second = tokio::spawn({
        let remote = remote.clone();
        async move { health(&remote).await }
    });
    drop(open);
    assert_eq!(second.await.unwrap().unwrap(), "ok");
}

#[tokio::test]
async fn kept_connection_that_was_closed_is_replaced_by_a_fresh_one_once() {
    // Closed silently after its answer: the client cannot know.
    let fake = Fake::new(&[OK, b"", OK_CLOSE, OK_CLOSE, b""]).await;
    let remote = fake.remote();
    health(&remote).await.unwrap();
    assert_eq!(health(&remote).await.unwrap(), "ok");
    assert_eq!((fake.connections(), fake.asked().len()), (2, 3));
    assert_eq!(health(&remote).await.unwrap(), "ok");
    // A fresh connection that is closed is not tried again.
    let closed = health(&remote).await;
    assert!(matches!(
        closed,
        Err(AskError::Unreachable(Unreachable::Protocol { .. }))
    ));
    assert_eq!((fake.connections(), fake.asked().len()), (4, 5));
}

#[tokio::test(start_paused = true)]
async fn silent_server_is_asked_once_and_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let remote = Client::default()
        .remote(&listener.local_addr().unwrap().to_string())
        .unwrap();
    let silent = health(&remote).await;
    assert!(matches!(
        silent,
        Err(AskError::Unreachable(Unreachable::Stalled { .. }))
    ));
    listener.accept().await.unwrap();
    let feed = FeedSecret::from_bytes(&[1; 32]).feed_key();
    let waited = tokio::time::Instant::now();
    let ask = Ask::Head {
        feed,
        have: 0,
        wait: 50,
    };
    remote.get(&ask, 100).await.unwrap_err();
    assert!(
        waited.elapsed() >= Duration::from_secs(65),
        "a long poll may take its time"
    );
}

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
        &answer("503 Service Unavailable", "", rude),
        &answer("500 x", "", &"x".repeat(5_000)),
        &answer("418 Teapot", "", ""),
    ])
    .await;
    let remote = fake.remote();
    let error = health(&remote).await.unwrap_err().to_string();
    assert!(error.ends_with("refused: 503 busy [31mnow"), "{error}");
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
async fn paths_before_the_wires_own_and_ipv6_addresses_are_used() {
    let fake = Fake::at("[::1]:0", &[OK]).await;
    let port = fake.address.port();
    let remote = Client::default()
        .remote(&format!("http://[::1]:{port}/pub/feeds/"))
        .unwrap();
    assert_eq!(health(&remote).await.unwrap(), "ok");
    let asked = fake.asked().remove(0);
    assert!(
        asked.starts_with("GET /pub/feeds/healthz HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(
        asked.contains(&format!("host: [::1]:{port}\r\n")),
        "{asked}"
    );
}

#[tokio::test]
async fn refused_connections_and_unknown_hosts_are_told_in_plain_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = Client::default();
    let error = health(&client.remote(&address.to_string()).unwrap())
        .await
        .unwrap_err();
    assert!(
        error.to_string().ends_with("nothing listens on this port"),
        "{error}"
    );
    assert!(matches!(
        client.remote("ftp://x"),
        Err(Unreachable::Address { .. })
    ));
}

#[test]
fn peers_that_nobody_uses_make_room_for_others() {
    let client = Client::default();
    let used = client.remote("http://used.example").unwrap();
    for n in 0..3_000 {
        client.remote(&format!("http://{n}.example")).unwrap();
    }
    let again = client.remote("http://used.example").unwrap();
    assert!(Arc::ptr_eq(&used.inner, &again.inner));
    assert!(client.remotes.lock().unwrap().len() <= REMOTES_MAX);
}

#[tokio::test]
async fn hint_of_others_leads_to_no_address_of_this_machine_or_network() {
    let fake = Fake::new(&[OK_CLOSE, OK_CLOSE]).await;
    let client = Client::default();
    let url = format!("http://{}", fake.address);
    let refused = health(&client.hinted(&url, false).unwrap())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("others named it"), "{refused}");
    let named = format!("http://localhost:{}", fake.address.port());
    assert!(
        health(&client.hinted(&named, false).unwrap())
            .await
            .is_err()
    );
    assert_eq!(fake.connections(), 0, "not even knocked at");
    assert_eq!(
        health(&client.hinted(&url, true).unwrap()).await.unwrap(),
        "ok"
    );
    let private = client.hinted("http://192.168.1.1", true).unwrap();
    assert!(health(&private).await.is_err());
    assert_eq!(health(&client.remote(&url).unwrap()).await.unwrap(), "ok");
}
