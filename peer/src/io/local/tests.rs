mod gate;

use super::*;
use crate::api::{Answer, Call, Code, Event, Failure};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Calls on loopback and on a socket: `sources` is answered at once, `status` waits until it is stopped.
struct Place {
    folder: tempfile::TempDir,
    token: Arc<Token>,
    text: String,
    port: u16,
    stop: watch::Sender<bool>,
    /// Calls that were stopped.
    stopped: watch::Receiver<usize>,
    serving: Vec<JoinHandle<()>>,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = Arc::new(Token::at(&folder.path().join("token")));
        let text = token.read_or_make().unwrap().to_string();
        let (stops, stopped) = watch::channel(0);
        let stops = Arc::new(stops);
        let calls = Arc::new(Calls::new(Box::new(move |request, events, mut stop| {
            let stops = stops.clone();
            Box::pin(async move {
                let Call::Status = request.call else {
                    return Ok(Answer::Sources {
                        sources: Vec::new(),
                    });
                };
                let event = Event::Warning {
                    message: "begun".into(),
                    hint: None,
                };
                events.send(event).await.unwrap();
                stop.wait_for(|stop| *stop).await.unwrap();
                stops.send_modify(|count| *count += 1);
                Err(Failure::new(Code::Interrupted, "interrupted"))
            })
        })));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let socket = UnixListener::bind(folder.path().join("socket")).unwrap();
        let (stop, is_over) = watch::channel(false);
        let gate = Gate::new(port, token.clone());
        let serving = vec![
            tokio::spawn(on_loopback(listener, gate, calls.clone(), is_over.clone())),
            tokio::spawn(on_socket(socket, calls, is_over)),
        ];
        Self {
            folder,
            token,
            text,
            port,
            stop,
            stopped,
            serving,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// A request, with the right host and token unless they are among `headers`.
    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let lower = headers.to_ascii_lowercase();
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        if !lower.contains("host:") {
            text += &format!("host: 127.0.0.1:{}\r\n", self.port);
        }
        if !lower.contains("authorization:") {
            text += &format!("authorization: Bearer {}\r\n", self.text);
        }
        if !lower.contains("content-length:") && !lower.contains("transfer-encoding:") {
            text += &format!("content-length: {}\r\n", body.len());
        }
        format!("{text}{headers}connection: close\r\n\r\n{body}")
    }

    /// The whole answer: its status, and everything as text.
    async fn ask(&self, request: &str) -> (u16, String) {
        let mut stream = self.connect().await;
        // It may be refused before all was sent.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let text = String::from_utf8(answer).unwrap();
        let status = text
            .split(' ')
            .nth(1)
            .map_or(0, |code| code.parse().unwrap());
        (status, text)
    }

    async fn post(&self, headers: &str, body: &str) -> (u16, String) {
        self.ask(&self.request("POST", "/v1/calls", headers, body))
            .await
    }

    async fn status(&self, headers: &str) -> u16 {
        self.post(headers, SOURCES).await.0
    }

    /// A call that goes on; what has come of it.
    async fn begin(&self) -> (TcpStream, String) {
        let mut stream = self.connect().await;
        let request = self.request("POST", "/v1/calls", "", STATUS);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        while !text.contains("begun") {
            let mut part = [0; 4096];
            let len = stream.read(&mut part).await.unwrap();
            assert!(len > 0, "{text}");
            text += std::str::from_utf8(&part[..len]).unwrap();
        }
        (stream, text)
    }
}

const SOURCES: &str = r#"{"call":"sources"}"#;
const STATUS: &str = r#"{"call":"status"}"#;

#[tokio::test]
async fn call_with_the_token_is_answered_line_by_line() {
    let place = Place::new().await;
    let (status, text) = place.post("", SOURCES).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains(r#"{"answer":{"sources":[]}}"#), "{text}");
    assert!(text.contains("levada-call: 0"), "{text}");
    assert!(text.contains("content-type: application/jsonl"), "{text}");
    let port = place.port;
    for host in ["127.0.0.1", "[::1]", "localhost", "LocalHost"] {
        let origin = format!("host: {host}:{port}\r\norigin: http://{host}:{port}\r\n");
        assert_eq!(place.status(&origin).await, 200, "{host}");
    }
}

#[tokio::test]
async fn calls_that_are_too_long_or_none_are_refused() {
    let place = Place::new().await;
    let long = format!("content-length: {}\r\n", REQUEST_BYTES_MAX + 1);
    assert_eq!(place.post(&long, SOURCES).await.0, 413);
    let chunk = "10000\r\n".to_owned() + &" ".repeat(0x10000) + "\r\n";
    let chunks = chunk.repeat(REQUEST_BYTES_MAX / 0x10000 + 1);
    let (status, _) = place.post("transfer-encoding: chunked\r\n", &chunks).await;
    assert_eq!(status, 413);
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "{",
        "[]",
        r#"{"call":"nothing"}"#,
        r#"{"call":"show"}"#,
        "\u{0}",
        &deep,
    ] {
        assert_eq!(place.post("", body).await.0, 400, "{body:.20}");
    }
    for path in [
        "/",
        "/v1",
        "/v1/calls/",
        "/v1/calls/1",
        "/v1/calls/x/stop",
        "/v1/calls/9/stop",
    ] {
        let request = place.request("POST", path, "", "");
        assert_eq!(place.ask(&request).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn floods_of_headers_and_garbage_end_that_connection_alone() {
    let place = Place::new().await;
    let many: String = (0..100).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert_eq!(place.status(&many).await, 431);
    let endless = format!("x: {}", "y".repeat(1 << 20));
    assert!(matches!(place.status(&endless).await, 0 | 431));
    for garbage in [
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let (status, _) = place.ask(garbage).await;
        assert!(status == 0 || status >= 400, "{status}");
    }
    assert_eq!(place.status("").await, 200);
}

#[tokio::test(start_paused = true)]
async fn slow_headers_and_bodies_are_given_up() {
    let place = Place::new().await;
    let (status, text) = place.post("content-length: 100\r\n", SOURCES).await;
    assert_eq!(status, 408, "{text}");
    let (status, _) = place.ask("POST /v1/calls HTTP/1.1\r\nhost: ").await;
    assert!(matches!(status, 0 | 408), "{status}");
}

#[tokio::test(start_paused = true)]
async fn crowd_that_says_nothing_makes_nobody_wait_for_long() {
    let place = Place::new().await;
    let mut crowd = Vec::new();
    for _ in 0..350 {
        crowd.push(place.connect().await);
    }
    // More than have a place: who says nothing loses his.
    assert_eq!(place.status("").await, 200);
}

#[tokio::test]
async fn caller_who_goes_away_stops_his_call() {
    let mut place = Place::new().await;
    let (stream, text) = place.begin().await;
    assert_eq!(text.split("\r\n\r\n").count(), 2);
    drop(stream);
    place.stopped.wait_for(|count| *count == 1).await.unwrap();
}

#[tokio::test]
async fn call_is_stopped_by_its_number_and_says_so() {
    let place = Place::new().await;
    let (mut stream, text) = place.begin().await;
    let number = text.split("levada-call: ").nth(1).unwrap();
    let number = number.split("\r\n").next().unwrap();
    let path = format!("/v1/calls/{number}/stop");
    let stop = place.request("POST", &path, "", "");
    assert_eq!(place.ask(&stop).await.0, 200);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("interrupted"), "{rest}");
    assert_eq!(place.ask(&stop).await.0, 404);
}

#[tokio::test]
async fn end_of_serving_stops_calls_and_their_last_lines_arrive() {
    let mut place = Place::new().await;
    let (mut stream, _) = place.begin().await;
    let idle = place.connect().await;
    place.stop.send_replace(true);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(
        rest.contains(r#"{"failure":{"code":"interrupted""#),
        "{rest}"
    );
    for serving in std::mem::take(&mut place.serving) {
        serving.await.unwrap();
    }
    drop(idle);
}

#[tokio::test]
async fn socket_wants_no_token_and_calls_there_are_the_same() {
    let place = Place::new().await;
    let mut stream = UnixStream::connect(place.folder.path().join("socket"))
        .await
        .unwrap();
    let request = format!(
        "POST /v1/calls HTTP/1.1\r\nhost: levada\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{SOURCES}",
        SOURCES.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains(r#"{"answer":{"sources":[]}}"#), "{answer}");
}

#[tokio::test]
async fn too_many_calls_at_once_are_refused() {
    let place = Place::new().await;
    let begun = AtomicUsize::new(0);
    let mut lines = Vec::new();
    let calls = Arc::new(Calls::new(Box::new(
        |_, _, mut stop: watch::Receiver<bool>| {
            Box::pin(async move {
                let _ = stop.wait_for(|stop| *stop).await;
                Err(Failure::new(Code::Interrupted, "interrupted"))
            })
        },
    )));
    let request = || serde_json::from_str(STATUS).unwrap();
    while let Some(call) = calls.begin(request()) {
        lines.push(call);
        assert!(begun.fetch_add(1, Ordering::Relaxed) < 10_000);
    }
    assert_eq!(lines.len(), 256);
    calls.stop_all();
    calls.ended().await;
    assert!(calls.begin(request()).is_none());
    drop(place);
}

#[test]
fn what_a_request_holds_is_read_and_its_secret_is_not_shown() {
    let text = r#"{"call":"sources","passphrase":"green water"}"#;
    let request: crate::api::pipe::Request = serde_json::from_str(text).unwrap();
    assert!(!format!("{request:?}").contains("green"));
    let back: Value = serde_json::to_value(&request).unwrap();
    assert_eq!(back, serde_json::from_str::<Value>(text).unwrap());
}

#[tokio::test]
async fn socket_in_a_deep_folder_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(90)).join("e".repeat(90));
    std::fs::create_dir_all(&deep).unwrap();
    let path = deep.join("socket");
    let listener = listen(&path).unwrap();
    let calls = Arc::new(Calls::new(Box::new(|_, _, _| {
        Box::pin(async {
            Ok(Answer::Sources {
                sources: Vec::new(),
            })
        })
    })));
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(on_socket(listener, calls, stopped.clone()));
    let request = serde_json::from_str(SOURCES).unwrap();
    let (events, mut told) = tokio::sync::mpsc::channel(8);
    call(&path, &request, &events, stopped)
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(told.recv().await, Some(Event::Answer(_))));
    stop.send_replace(true);
    serving.await.unwrap();
}
