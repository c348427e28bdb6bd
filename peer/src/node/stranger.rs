//! A peer for tests that answers whatever the test wants, one request on each connection, and remembers what it was asked.

use super::{Node, Options};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Bytes sent at once of a long body.
const PART_BYTES: usize = 64 << 10;

/// What it does with a request.
pub(super) enum Answer {
    /// This status and this body.
    Said(u16, Vec<u8>),
    /// 200, with a header and so many zeros, or as many as are taken.
    Pours(String, u64),
    /// Nothing, until the asker leaves.
    Silent,
}

/// The peer; lives as long as the test.
pub(super) struct Stranger {
    /// Its address as a source names it.
    pub(super) name: String,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Box<dyn Fn(&str) -> Answer + Send + Sync>,
    asked: Mutex<Vec<String>>,
    sent: AtomicU64,
}

impl Stranger {
    /// Answers by the first line of a request, as in `GET /healthz`.
    pub(super) fn new(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            asked: Mutex::default(),
            sent: AtomicU64::default(),
        });
        let stranger = Self {
            name: format!("http://{}", listener.local_addr().unwrap()),
            shared: shared.clone(),
        };
        std::thread::spawn(move || {
            for asker in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || {
                    // An asker that has had enough hangs up.
                    let _ = shared.talk(asker);
                });
            }
        });
        stranger
    }

    /// What it was asked, in that order: method and target.
    pub(super) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Bytes that were taken of what it pours.
    pub(super) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn talk(&self, mut asker: TcpStream) -> std::io::Result<()> {
        let request = read_request(&asker)?;
        self.asked.lock().unwrap().push(request.clone());
        match (self.answer)(&request) {
            Answer::Said(status, body) => {
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                );
                asker.write_all(&[head.as_bytes(), &body].concat())
            }
            Answer::Pours(header, most) => {
                let head = format!("HTTP/1.1 200 x\r\n{header}connection: close\r\n\r\n");
                asker.write_all(head.as_bytes())?;
                let mut left = most;
                while left > 0 {
                    let part = left.min(u64::try_from(PART_BYTES).unwrap());
                    asker.write_all(&vec![0; usize::try_from(part).unwrap()])?;
                    self.sent.fetch_add(part, Ordering::SeqCst);
                    left -= part;
                }
                Ok(())
            }
            Answer::Silent => asker.read_to_end(&mut Vec::new()).map(drop),
        }
    }
}

/// The method and the target of a request, which is read to its end.
fn read_request(asker: &TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(asker);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    Ok(first.trim_end().trim_end_matches(" HTTP/1.1").to_owned())
}

/// A node that holds nothing, in a folder of its own.
pub(super) fn node() -> (TempDir, Arc<Node>) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        data_dir: Some(folder.path().to_owned()),
        ..Options::default()
    };
    let node = Arc::new(Node::open(&options).unwrap());
    (folder, node)
}
