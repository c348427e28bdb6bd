//! Many followers who wait for news of one feed, and are told of one new head.
//!
//! A node that serves cannot yet be told to publish, so the author here is a process of its own that serves with
//! levada-peer's server and appends through the author's file and the store, as a node does.

use crate::Bench;
use crate::append::author;
use crate::child::{Running, Side, run_reading};
use crate::line::{Failure, Line, Outcome};
use crate::parts;
use levada_feed::head::Head;
use levada_feed::log::AuthorLog;
use levada_peer::io::author::AuthorFile;
use levada_peer::io::blobs::Blobs;
use levada_peer::io::clock;
use levada_peer::io::dirs::Dirs;
use levada_peer::io::disk::Disk;
use levada_peer::io::evidence::Evidence;
use levada_peer::io::keys::Keys;
use levada_peer::io::news::News;
use levada_peer::io::server::{self, Served};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

const FOLLOWERS: u64 = 5_000;
const RECORDS: u64 = 1_000;
/// Seconds that a follower is ready to wait.
const WAIT: u64 = 120;
/// Followers of one network of loopback.
const NETWORK: u64 = 500;
/// Connections opened at once.
const OPENED: usize = 64;

pub(crate) fn row(bench: &Bench) -> Outcome {
    let followers = bench.options.size(FOLLOWERS);
    let data = bench.fresh("news-author")?;
    author(&data, RECORDS, RECORDS)?;
    let (mut first, mut half, mut last, mut durable) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut serving_side, mut waiting_side) = (Side::default(), Side::default());
    for _ in bench.runs() {
        let mut serving =
            Running::start(&mut parts::command("news", &[&data.display().to_string()])?)?;
        let mut told = String::new();
        BufReader::new(&mut serving.stdout).read_line(&mut told)?;
        let told: serde_json::Value = serde_json::from_str(&told)?;
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let (address, control, feed) = (text("listen"), text("control"), text("feed"));
        let args = [address.as_str(), &control, &feed, &followers.to_string()];
        let (used, times) = run_reading(&mut parts::command("waiting", &args)?, |stdout| {
            let mut text = String::new();
            stdout.read_to_string(&mut text)?;
            Ok(serde_json::from_str::<Vec<f64>>(&text)?)
        })?;
        waiting_side.add(used);
        let (on_disk, told) = times.split_first().ok_or("nobody was told")?;
        durable.push(*on_disk);
        first.push(crate::line::least(told));
        half.push(crate::line::median(told));
        last.push(told.iter().fold(0.0, |most: f64, next| most.max(*next)));
        serving_side.add(serving.kill()?);
    }
    crate::remove(&data)?;
    Line::of("news")
        .put("followers", followers)
        .put("runs", last.len())
        .spread("seconds_until_author_says_durable", &durable)
        .spread("seconds_until_first_is_told", &first)
        .spread("seconds_until_half_are_told", &half)
        .spread("seconds_until_all_are_told", &last)
        .spread("author_cpu_seconds", &serving_side.cpu)
        .spread("author_peak_mib", &serving_side.peak_mib)
        .spread("followers_cpu_seconds", &waiting_side.cpu)
        .put(
            "author",
            "levada_peer::io::server in a process of this benchmark",
        )
        .print();
    Ok(())
}

fn runtime() -> Result<Runtime, Failure> {
    // Every follower is a connection, and so an open file.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

/// An own feed, open for appending.
struct Author {
    disk: Arc<Disk>,
    log: AuthorLog,
    file: AuthorFile,
}

impl Author {
    fn open(dirs: &Dirs, disk: &Arc<Disk>) -> Result<Self, Failure> {
        let keys = Keys::at(&dirs.keys());
        let key = keys.list()?.into_iter().next().ok_or("there is a key")?;
        let head = disk.head(&key.feed)?.ok_or("the feed has a head")?;
        let secret = keys.load(&key.name, None)?;
        let log = AuthorLog::open(secret, &head, &disk.pieces(&key.feed))?;
        let path = dirs.keys().join(format!("{}.feed", key.name));
        Ok(Self {
            disk: disk.clone(),
            log: log.ok_or("the store has the feed's list")?,
            file: AuthorFile::open(&path, &key.feed, None, &mut |_| {})?,
        })
    }

    fn append(&mut self) -> Result<Head, Failure> {
        let index = self.log.length();
        self.log.append(parts::record(index, parts::item(index))?)?;
        let batch = self
            .log
            .sign(clock::now_ms())
            .ok_or("a record can be signed")?;
        let head = batch
            .head()
            .ok_or("a batch that was signed has a head")?
            .clone();
        let records: Vec<&[u8]> = batch
            .records()
            .iter()
            .map(|(_, record)| record.as_slice())
            .collect();
        self.file.append(&records, &[], &head)?;
        self.disk.commit(&batch)?;
        Ok(head)
    }
}

/// The part of the author: whoever connects to the control address has it append a record, and hears when it is durable.
pub(crate) fn serve(data: &Path) -> Outcome {
    runtime()?.block_on(async {
        let dirs = Dirs::find(Some(data))?;
        let disk = Arc::new(Disk::open(&dirs.store())?);
        let mut author = Author::open(&dirs, &disk)?;
        let news = Arc::<News>::default();
        let (_stop, stopped) = watch::channel(false);
        let feed = author.log.feed();
        let served = Served::new(
            disk.clone(),
            Blobs::open(&dirs.blobs(), disk.clone())?,
            Evidence::open(&dirs.state().join("evidence"))?,
            watch::channel(Arc::new(vec![feed])).1,
            news.clone(),
            tokio::sync::mpsc::channel(1).0,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let control = TcpListener::bind("127.0.0.1:0").await?;
        parts::print(&serde_json::json!({
            "listen": listener.local_addr()?.to_string(),
            "control": control.local_addr()?.to_string(),
            "feed": author.log.feed().to_string(),
        }))?;
        tokio::spawn(server::serve(
            listener,
            Arc::new(served),
            server::Room::default(),
            stopped,
        ));
        loop {
            let (mut stream, _) = control.accept().await?;
            tokio::task::block_in_place(|| author.append())?;
            news.head(&feed);
            stream.write_all(b".").await?;
        }
    })
}

/// The part of the followers: all wait, then one asks the author to append; prints the seconds from then until the head
/// was durable, and until each was told.
pub(crate) fn wait(address: &str, control: &str, feed: &str, count: u64) -> Outcome {
    let path = format!("/v1/feeds/{feed}/head?have={}", RECORDS + 1);
    runtime()?.block_on(async {
        let known = ask(address, &path).await?;
        let mut waiting = JoinSet::new();
        let mut opening = JoinSet::new();
        for number in 0..count {
            if opening.len() >= OPENED {
                let stream = opening.join_next().await.ok_or("one is under way")??;
                waiting.spawn(told(stream?));
            }
            let request = request(&format!("{path}&wait={WAIT}"), Some(&known));
            let address: SocketAddr = address.parse()?;
            opening.spawn(async move {
                // As many as these come from many networks; one network gets a part of the places only.
                let network = u8::try_from(1 + number / NETWORK)
                    .map_err(|_| std::io::ErrorKind::AddrNotAvailable)?;
                let socket = TcpSocket::new_v4()?;
                socket.bind((Ipv4Addr::new(127, 0, network, 1), 0).into())?;
                let mut stream = socket.connect(address).await?;
                stream.write_all(request.as_bytes()).await?;
                Ok::<_, std::io::Error>(stream)
            });
        }
        while let Some(stream) = opening.join_next().await {
            waiting.spawn(told(stream??));
        }
        // Answered after all who asked before it were accepted.
        ask(address, &path).await?;
        let started = clock::tick();
        let mut appended = TcpStream::connect(control).await?;
        let mut byte = [0];
        appended.read_exact(&mut byte).await?;
        let mut seconds = vec![started.elapsed().as_secs_f64()];
        while let Some(at) = waiting.join_next().await {
            seconds.push(at??.duration_since(started).as_secs_f64());
        }
        parts::print(&serde_json::json!(seconds))
    })
}

fn request(path: &str, known: Option<&str>) -> String {
    let known = known
        .map(|tag| format!("If-None-Match: {tag}\r\n"))
        .unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nHost: levada\r\n{known}\r\n")
}

/// Asks for the head; gives its tag.
async fn ask(address: &str, path: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request(path, None).as_bytes()).await?;
    let head = answer(&mut stream).await?;
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: "));
    Ok(tag.ok_or_else(|| format!("no tag in {head}"))?.to_owned())
}

async fn told(mut stream: TcpStream) -> Result<Instant, Failure> {
    let head = answer(&mut stream).await?;
    let at = clock::tick();
    if head.starts_with("HTTP/1.1 200 ") {
        Ok(at)
    } else {
        Err(format!("a follower was told {head}").into())
    }
}

/// Reads one answer; gives its head.
async fn answer(stream: &mut TcpStream) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err("the author broke off".into());
        }
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let due = end + 4 + length.map_or(Ok(0), str::parse)?;
            while bytes.len() < due {
                if stream.read_buf(&mut bytes).await? == 0 {
                    return Err("the author broke off".into());
                }
            }
            return Ok(head);
        }
    }
}
