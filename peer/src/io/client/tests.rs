//! The client against servers that are written by hand, so that they can be as wrong as servers are.

mod answers;

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

#[tokio::test(start_paused = true)]
async fn stream_that_begins_drop_by_drop_is_given_up_like_any_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        // The length of a frame, and then the frame: an hour of them.
        for byte in [0, 0, 0x40].into_iter().chain([0; 360]) {
            tokio::time::sleep(Duration::from_secs(10)).await;
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    });
    let remote = Client::default().remote(&address.to_string()).unwrap();
    let feed = *FeedSecret::from_bytes(&[1; 32]).feed_key().as_bytes();
    let (have, tag) = (0, None);
    let started = tokio::time::Instant::now();
    let watched = [crate::frame::Watched { feed, have, tag }];
    let Err(AskError::Unreachable(Unreachable::Stalled { .. })) = remote.watch(&watched).await
    else {
        panic!("it waits on");
    };
    assert!(started.elapsed() <= 2 * STALL_TIMEOUT);
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
    assert!(client.remotes.lock().unwrap().len() <= known::REMOTES_MAX);
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
