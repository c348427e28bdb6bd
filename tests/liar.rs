//! A peer that lies: it passes requests on to an honest one, and changes the answers that it was told to change.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

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
}

/// The beginning of an answer in chunks.
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
/// Bytes sent at once of what never ends.
const PART_BYTES: usize = 64 << 10;

/// A peer that lies, until the test ends.
pub struct Liar {
    /// HOST:PORT.
    pub address: String,
    sent: Arc<AtomicU64>,
    asked: Receiver<()>,
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
        let sent = Arc::new(AtomicU64::new(0));
        let (told, asked) = channel();
        let (honest, counted) = (honest.to_owned(), sent.clone());
        std::thread::spawn(move || {
            for asker in listener.incoming().flatten() {
                let (honest, counted, told) = (honest.clone(), counted.clone(), told.clone());
                std::thread::spawn(move || {
                    // An asker that has heard enough hangs up: that is what many of these tests want.
                    let _ = answer(asker, &honest, is_about, lie, &counted, &told);
                });
            }
        });
        Self {
            address,
            sent,
            asked,
        }
    }

    /// Returns once somebody waits for an answer that will not come.
    ///
    /// # Panics
    /// Never: it answers as long as the test goes on.
    pub fn wait_for_asker(&self) {
        self.asked
            .recv()
            .expect("it answers as long as the test goes on");
    }

    /// Bytes that askers took of what never ends.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// Answers one request, and closes the connection.
fn answer(
    mut asker: TcpStream,
    honest: &str,
    is_about: fn(&str) -> bool,
    lie: Lie,
    sent: &AtomicU64,
    told: &Sender<()>,
) -> std::io::Result<()> {
    let request = read_request(&asker)?;
    let first_line = request.split(|byte| *byte == b'\r').next().unwrap_or(b"");
    let first_line = String::from_utf8_lossy(first_line).into_owned();
    let is_it = is_about(&first_line);
    match lie {
        Lie::Silent if is_it => {
            // The test may be over. Then until the asker hangs up.
            let _ = told.send(());
            asker.read_to_end(&mut Vec::new())?;
            return Ok(());
        }
        Lie::NoHttp if is_it => return asker.write_all(b"220 mail.example ESMTP\r\n"),
        Lie::Endless if is_it => {
            asker.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            return pour(&mut asker, sent);
        }
        Lie::EndlessHeader if is_it => {
            asker.write_all(b"HTTP/1.1 200 OK\r\nx: ")?;
            return pour(&mut asker, sent);
        }
        Lie::HugeChunk if is_it => {
            asker.write_all(CHUNKED)?;
            asker.write_all(b"fffffffffffffff0\r\n")?;
            return pour(&mut asker, sent);
        }
        Lie::EndlessNote if is_it => {
            asker.write_all(CHUNKED)?;
            asker.write_all(b"5;note=")?;
            return pour(&mut asker, sent);
        }
        Lie::Soon if is_it => {
            let soon = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(1_000);
            for _ in 0..20 {
                asker.write_all(&soon)?;
            }
            return Ok(());
        }
        _ => {}
    }
    let mut answer = Vec::new();
    let mut peer = TcpStream::connect(honest)?;
    peer.write_all(&request)?;
    peer.read_to_end(&mut answer)?;
    // An honest peer that is being stopped answers nothing.
    let Some((head, body)) = split(&answer) else {
        return Ok(());
    };
    if !is_it {
        return asker.write_all(&answer);
    }
    if lie == Lie::EndlessTrailer {
        asker.write_all(CHUNKED)?;
        asker.write_all(format!("{:x}\r\n", body.len()).as_bytes())?;
        asker.write_all(body)?;
        asker.write_all(b"\r\n0\r\nx: ")?;
        return pour(&mut asker, sent);
    }
    let path = first_line.split(' ').nth(1).unwrap_or("/");
    asker.write_all(&lied(lie, head, body, path))
}

/// A whole answer with a lie in it.
fn lied(lie: Lie, head: &str, body: &[u8], path: &str) -> Vec<u8> {
    let mut body = body.to_vec();
    let whole = body.len();
    let mut length = None;
    let mut more = String::new();
    match lie {
        Lie::First => body.iter_mut().take(1).for_each(|byte| *byte ^= 1),
        Lie::Last => body.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1),
        Lie::Zeros => body.fill(0),
        Lie::Broken => {
            body.truncate(whole / 2);
            length = Some(whole);
        }
        Lie::Half => body.truncate(whole / 2),
        Lie::More => body.push(0),
        Lie::Empty => body.clear(),
        Lie::HugeLength => length = Some(1 << 60),
        Lie::TwoLengths => more = format!("content-length: {}\r\n", whole + 1),
        Lie::HeaderFlood => more = (0..5_000).map(|n| format!("x-{n}: 1\r\n")).collect(),
        Lie::Compressed => "content-encoding: gzip\r\n".clone_into(&mut more),
        Lie::Instead(other) => other.clone_into(&mut body),
        Lie::OtherHost => return moved(&format!("http://127.0.0.2:9{path}")),
        Lie::Circle => return moved(path),
        Lie::Broke => return status("500 Internal Server Error"),
        Lie::NotThere => return status("404 Not Found"),
        Lie::Endless
        | Lie::EndlessHeader
        | Lie::EndlessNote
        | Lie::EndlessTrailer
        | Lie::HugeChunk
        | Lie::Soon
        | Lie::NoHttp
        | Lie::Silent => unreachable!("answered before"),
    }
    let length = length.unwrap_or(body.len());
    let lines = head
        .split("\r\n")
        .filter(|line| !line.to_ascii_lowercase().starts_with("content-length"));
    let mut answer = lines.collect::<Vec<_>>().join("\r\n").into_bytes();
    answer.extend(format!("\r\n{more}content-length: {length}\r\n\r\n").bytes());
    answer.extend(body);
    answer
}

fn moved(to: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
    .into_bytes()
}

fn status(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\nconnection: close\r\n\r\nsorry").into_bytes()
}

/// Sends until the asker has had enough.
fn pour(asker: &mut TcpStream, sent: &AtomicU64) -> std::io::Result<()> {
    let part = vec![b'a'; PART_BYTES];
    loop {
        asker.write_all(&part)?;
        sent.fetch_add(PART_BYTES as u64, Ordering::Relaxed);
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
