//! The server over loopback, asked byte by byte, as anybody on the network may.

mod blobs;
mod crowd;
mod feeds;
mod greedy;
mod peers;
mod watch;

use super::*;
use crate::io::blobs::{Blobs, Mode};
use levada_feed::hash::Hash;
use levada_feed::head::{Head, HeadBody};
use levada_feed::key::FeedSecret;
use levada_feed::log::AuthorLog;
use levada_feed::record::{self, Body as RecordBody, Item, Profile, Record};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A server with one feed of five records, and what it serves from.
struct Place {
    folder: TempDir,
    address: SocketAddr,
    served: Arc<Served>,
    news: Arc<News>,
    stop: tokio::sync::watch::Sender<bool>,
    log: AuthorLog,
    serving: tokio::task::JoinHandle<()>,
}

fn secret(byte: u8) -> FeedSecret {
    FeedSecret::from_bytes(&[byte; 32])
}

fn own() -> FeedKey {
    secret(4).feed_key()
}

fn append(log: &mut AuthorLog, body: RecordBody) {
    let record = Record {
        time: 5,
        salt: [1; 16],
        body,
    };
    let bytes = record::write(&record, log.length()).unwrap();
    log.append(bytes).unwrap();
}

fn grow(log: &mut AuthorLog, length: u64) -> levada_feed::log::Batch {
    while log.length() < length {
        let body = match log.length() {
            0 => RecordBody::Profile(Box::new(Profile {
                name: "Ana".into(),
                recovery: Some(Hash::of(secret(8).feed_key().as_bytes())),
                ..Profile::default()
            })),
            _ => RecordBody::Item(Box::new(Item {
                title: "t".into(),
                ..Item::default()
            })),
        };
        append(log, body);
    }
    log.sign(9).unwrap()
}

impl Place {
    async fn new() -> Self {
        Self::with(Room::default()).await
    }

    /// The own feed grows to this length, and all who listen hear of it.
    fn grow_to(&mut self, length: u64) {
        self.served
            .disk
            .commit(&grow(&mut self.log, length))
            .unwrap();
        self.news.head(&own());
    }

    async fn with(room: Room) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::open(&folder.path().join("store")).unwrap());
        let mut log = AuthorLog::new(secret(4));
        disk.commit(&grow(&mut log, 5)).unwrap();
        let news = Arc::<News>::default();
        let served = Arc::new(Served::new(
            disk.clone(),
            Blobs::open(&folder.path().join("blobs"), disk).unwrap(),
            Evidence::open(&folder.path().join("evidence")).unwrap(),
            tokio::sync::watch::channel(Arc::new(vec![own()])).1,
            news.clone(),
            mpsc::channel(1).0,
        ));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let serving = tokio::spawn(serve(listener, served.clone(), room, stopped));
        Self {
            folder,
            address,
            served,
            news,
            stop,
            log,
            serving,
        }
    }

    fn import(&self, name: &str, bytes: &[u8], mode: Mode) -> (Hash, PathBuf) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let imported = self.served.blobs.import(&path, mode, &|_| (), &|| false);
        (imported.unwrap().hash, path)
    }

    async fn connect(&self) -> Wire {
        Wire {
            stream: TcpStream::connect(self.address).await.unwrap(),
            rest: Vec::new(),
        }
    }

    /// One request on a fresh connection.
    async fn ask(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> Got {
        let mut wire = self.connect().await;
        wire.send(&request(method, target, headers, body)).await;
        wire.answer(method == "HEAD").await.unwrap()
    }

    async fn get(&self, target: &str) -> Got {
        self.ask("GET", target, "", b"").await
    }
}

fn request(method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = match method {
        "POST" => format!("content-length: {}\r\n", body.len()),
        _ => String::new(),
    };
    let head = format!("{method} {target} HTTP/1.1\r\nhost: x\r\n{headers}{length}\r\n");
    [head.as_bytes(), body].concat()
}

/// An answer.
struct Got {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// A connection, read by hand.
struct Wire {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Wire {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// More bytes; false at the end.
    async fn more(&mut self) -> bool {
        self.stream
            .read_buf(&mut self.rest)
            .await
            .is_ok_and(|got| got > 0)
    }

    /// The status of the next answer and all of it that came with its headers.
    async fn beginning(&mut self) -> (u16, String) {
        while !self.rest.windows(4).any(|part| part == b"\r\n\r\n") {
            assert!(self.more().await, "it ended");
        }
        let text = String::from_utf8_lossy(&self.rest).into_owned();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        (status, text)
    }

    /// The next answer. `None` when the connection ended before it was whole.
    async fn answer(&mut self, is_head: bool) -> Option<Got> {
        let end = loop {
            let found = self.rest.windows(4).position(|part| part == b"\r\n\r\n");
            match found {
                Some(end) => break end,
                None if self.more().await => {}
                None => return None,
            }
        };
        let head = String::from_utf8(self.rest.drain(..end + 4).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let has_body = !is_head && status != 304 && status != 204;
        let size = headers.get("content-length").filter(|_| has_body);
        let size = size.map_or(0, |size| size.parse().unwrap());
        while self.rest.len() < size {
            if !self.more().await {
                return None;
            }
        }
        let body = self.rest.drain(..size).collect();
        Some(Got {
            status,
            headers,
            body,
        })
    }

    /// The other side closed, without anything more to say.
    async fn is_closed(&mut self) -> bool {
        while self.more().await {}
        self.rest.is_empty()
    }
}
