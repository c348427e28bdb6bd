//! A peer that lies: it passes requests on to an honest one, and changes the answers that it was told to change.

mod bomb;
mod lied;

use lied::lied;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is done to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The first byte of the body is another.
    First,
    /// The last byte of the body is another.
    Last,
    /// The body is all zeros, of the right length.
    Zeros,
    /// Half of the body, and the connection ends.
    Broken,
    /// Half of the body, said to be all.
    Half,
    /// The whole body and a byte more.
    More,
    /// Nothing, said to be all.
    Empty,
    /// A body that never ends.
    Endless,
    /// A header that never ends.
    EndlessHeader,
    /// A length of more bytes than there are on earth.
    HugeLength,
    /// Two lengths that differ.
    TwoLengths,
    /// A chunk of more bytes than there are on earth, which come without end.
    HugeChunk,
    /// The note behind the size of a chunk never ends.
    EndlessNote,
    /// What comes behind the body never ends.
    EndlessTrailer,
    /// Thousands of headers.
    HeaderFlood,
    /// "Soon", thousands of times, and then nothing.
    Soon,
    /// A compressed body, though plain bytes were asked for.
    Compressed,
    /// Another body, of something else.
    Instead(&'static [u8]),
    /// Go to another host.
    OtherHost,
    /// Go here, again and again.
    Circle,
    /// 500.
    Broke,
    /// 404.
    NotThere,
    /// What is no HTTP.
    NoHttp,
    /// No answer at all, and the connection stays open.
    Silent,
    /// A header says this, whatever it said before.
    Header(&'static str, &'static str),
    /// The same, and the first byte of the body is another.
    FirstAnd(&'static str, &'static str),
    /// These bytes, whatever was asked.
    Said(&'static [u8]),
    /// The body comes a byte a second.
    Slow,
    /// What comes before the body does.
    SlowHeader,
    /// What was answered to the first such request, again and again.
    Stale,
    /// A stream of news: these bytes, and then nothing.
    Tells(&'static [u8]),
    /// A stream of news: these bytes, again and again.
    TellsOn(&'static [u8]),
}

/// The beginning of an answer in chunks.
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
/// The beginning of a stream of news: its first sign of life.
const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\0\0\0\0";
/// Bytes sent at once of what never ends.
const PART_BYTES: usize = 64 << 10;

/// A peer that lies, until the test ends.
pub struct Liar {
    /// HOST:PORT.
    pub address: String,
    counts: Arc<Counts>,
    asked: Receiver<()>,
    left: Receiver<()>,
}

/// What all connections of a liar share.
struct Shared {
    honest: String,
    is_about: fn(&str) -> bool,
    lie: Lie,
    counts: Arc<Counts>,
    asked: Sender<()>,
    left: Sender<()>,
    first: Mutex<Option<Vec<u8>>>,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    lies: AtomicU64,
}

impl Liar {
    /// Lies in answers to requests of which `is_about` says so by their first line; passes all others on to `honest`.
    ///
    /// # Panics
    /// When loopback has no free port.
    #[must_use]
    pub fn start(honest: &str, is_about: fn(&str) -> bool, lie: Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let address = listener.local_addr().expect("it listens").to_string();
        let counts = Arc::<Counts>::default();
        let ((told, asked), (leaves, left)) = (channel(), channel());
        let shared = Arc::new(Shared {
            honest: honest.to_owned(),
            is_about,
            lie,
            counts: counts.clone(),
            asked: told,
            left: leaves,
            first: Mutex::default(),
        });
        std::thread::spawn(move || {
            for asker in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || {
                    // An asker that has heard enough hangs up: that is what many of these tests want.
                    let _ = shared.answer(asker);
                });
            }
        });
        Self {
            address,
            counts,
            asked,
            left,
        }
    }

    /// Returns once it was asked again what it lies about, or was before: each such request counts once.
    ///
    /// # Panics
    /// Never: it answers as long as the test goes on.
    pub fn wait_for_asker(&self) {
        self.asked
            .recv()
            .expect("it answers as long as the test goes on");
    }

    /// Returns once an asker has had enough of a stream, or of what is slow.
    ///
    /// # Panics
    /// Never: it answers as long as the test goes on.
    pub fn wait_until_left(&self) {
        self.left
            .recv()
            .expect("it answers as long as the test goes on");
    }

    /// Bytes that askers took of what never ends.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.counts.sent.load(Ordering::Relaxed)
    }

    /// Requests to which it lied.
    #[must_use]
    pub fn lies(&self) -> u64 {
        self.counts.lies.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Answers one request, and closes the connection.
    fn answer(&self, mut asker: TcpStream) -> std::io::Result<()> {
        let request = read_request(&asker)?;
        let first_line = request.split(|byte| *byte == b'\r').next().unwrap_or(b"");
        let first_line = String::from_utf8_lossy(first_line).into_owned();
        if !(self.is_about)(&first_line) {
            let mut peer = TcpStream::connect(&self.honest)?;
            peer.write_all(&request)?;
            return std::io::copy(&mut peer, &mut asker).map(drop);
        }
        self.counts.lies.fetch_add(1, Ordering::Relaxed);
        // The test may be over.
        let _ = self.asked.send(());
        if self.is_told(&mut asker)? {
            return Ok(());
        }
        let answer = self.honest_answer(&request)?;
        // An honest peer that is being stopped answers nothing.
        let Some((head, body)) = split(&answer) else {
            return Ok(());
        };
        match self.lie {
            Lie::EndlessTrailer => {
                asker.write_all(CHUNKED)?;
                asker.write_all(format!("{:x}\r\n", body.len()).as_bytes())?;
                asker.write_all(body)?;
                asker.write_all(b"\r\n0\r\nx: ")?;
                self.pour(&mut asker, &[b'a'; PART_BYTES])
            }
            Lie::Stale => asker.write_all(&answer),
            Lie::Slow => {
                asker.write_all(&answer[..answer.len() - body.len()])?;
                self.drip(&mut asker, body)
            }
            Lie::SlowHeader => self.drip(&mut asker, &answer),
            lie => {
                let path = first_line.split(' ').nth(1).unwrap_or("/");
                asker.write_all(&lied(lie, head, body, path))
            }
        }
    }

    /// Lies that need no honest answer; says whether this was one.
    fn is_told(&self, asker: &mut TcpStream) -> std::io::Result<bool> {
        match self.lie {
            Lie::Silent => {
                // Until the asker hangs up.
                asker.read_to_end(&mut Vec::new())?;
            }
            Lie::Said(bytes) => asker.write_all(bytes)?,
            Lie::NoHttp => asker.write_all(b"220 mail.example ESMTP\r\n")?,
            Lie::Endless => {
                asker.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                self.pour(asker, &[b'a'; PART_BYTES])?;
            }
            Lie::EndlessHeader => {
                asker.write_all(b"HTTP/1.1 200 OK\r\nx: ")?;
                self.pour(asker, &[b'a'; PART_BYTES])?;
            }
            Lie::HugeChunk => {
                asker.write_all(CHUNKED)?;
                asker.write_all(b"fffffffffffffff0\r\n")?;
                self.pour(asker, &[b'a'; PART_BYTES])?;
            }
            Lie::EndlessNote => {
                asker.write_all(CHUNKED)?;
                asker.write_all(b"5;note=")?;
                self.pour(asker, &[b'a'; PART_BYTES])?;
            }
            Lie::Soon => {
                let soon = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(1_000);
                for _ in 0..20 {
                    asker.write_all(&soon)?;
                }
            }
            Lie::Tells(bytes) => {
                let told = asker
                    .write_all(STREAM)
                    .and_then(|()| asker.write_all(bytes))
                    .and_then(|()| asker.read_to_end(&mut Vec::new()));
                let _ = self.left.send(());
                told?;
            }
            Lie::TellsOn(bytes) => {
                asker.write_all(STREAM)?;
                self.pour(asker, bytes)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What the honest peer answers; for one that is stale, what it answered the first time.
    fn honest_answer(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut first = self.first.lock().expect("nobody panics while holding this");
        if let Some(first) = first.as_ref().filter(|_| self.lie == Lie::Stale) {
            return Ok(first.clone());
        }
        let mut answer = Vec::new();
        let mut peer = TcpStream::connect(&self.honest)?;
        peer.write_all(request)?;
        peer.read_to_end(&mut answer)?;
        *first = Some(answer.clone());
        Ok(answer)
    }

    /// Sends until the asker has had enough.
    fn pour(&self, asker: &mut TcpStream, part: &[u8]) -> std::io::Result<()> {
        loop {
            if let Err(error) = asker.write_all(part) {
                // The test may be over.
                let _ = self.left.send(());
                return Err(error);
            }
            let sent = u64::try_from(part.len()).unwrap_or(0);
            self.counts.sent.fetch_add(sent, Ordering::Relaxed);
        }
    }

    /// Sends a byte a second, until the asker has had enough.
    fn drip(&self, asker: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
        for byte in bytes {
            if let Err(error) = asker.write_all(&[*byte]) {
                let _ = self.left.send(());
                return Err(error);
            }
            self.counts.sent.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    }
}

/// A request as it came, but the last one of its connection.
fn read_request(asker: &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut reader = BufReader::new(asker);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length is a number");
        }
        request.push_str(&line);
    }
    request.push_str("connection: close\r\n\r\n");
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok([request.into_bytes(), body].concat())
}

/// The header lines and the body of an answer that says its length; `None` for half a header.
fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    Some((head, &answer[end + 4..]))
}
