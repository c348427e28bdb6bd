//! A node in a folder of its own: calls carried out as a person's command would, and serving on loopback.

use levada_feed::chain;
use levada_feed::key::FeedKey;
use levada_peer::api::{Answer, Call, Event, Failure, Publish, Synced};
use levada_peer::node::{self, ApiListen, Options, Serve};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};

/// What a call came to.
#[derive(Debug)]
pub struct Outcome {
    /// What happened on the way, the answer excepted.
    pub events: Vec<Event>,
    /// The answer, or why there is none.
    pub result: Result<Answer, Failure>,
}

impl Outcome {
    /// The answer.
    ///
    /// # Panics
    /// When the call failed: the test has failed.
    #[must_use]
    #[track_caller]
    pub fn answer(self) -> Answer {
        match self.result {
            Ok(answer) => answer,
            Err(failure) => panic!("{failure:?}, after {:?}", self.events),
        }
    }

    /// Why it failed.
    ///
    /// # Panics
    /// When the call succeeded: the test has failed.
    #[must_use]
    #[track_caller]
    pub fn failure(self) -> Failure {
        match self.result {
            Err(failure) => failure,
            Ok(answer) => panic!("succeeded: {answer:?}"),
        }
    }

    /// Bytes sent to standard output.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let parts = self.events.iter().filter_map(|event| match event {
            Event::Bytes(bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        parts.flatten().copied().collect()
    }
}

/// A node and its folders.
pub struct TestNode {
    folder: TempDir,
    runtime: Runtime,
    passphrase: Option<String>,
}

impl Default for TestNode {
    fn default() -> Self {
        Self::new()
    }
}

impl TestNode {
    /// A node that holds nothing yet.
    ///
    /// # Panics
    /// When the machine gives no folder or threads.
    #[must_use]
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            runtime: runtime(),
            passphrase: None,
        }
    }

    /// The same with a passphrase that opens its keys.
    ///
    /// # Panics
    /// As `new`.
    #[must_use]
    pub fn with_passphrase(passphrase: &str) -> Self {
        Self {
            passphrase: Some(passphrase.to_owned()),
            ..Self::new()
        }
    }

    /// Where the node keeps things.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for files of the test.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        let files = self.folder.path().join("files");
        std::fs::create_dir_all(&files).expect("a folder can be made");
        files
    }

    /// Writes a file below `files`.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.files().join(path);
        let folder = path.parent().expect("a file has a folder");
        std::fs::create_dir_all(folder).expect("a folder can be made");
        std::fs::write(&path, bytes).expect("a file can be written");
        path
    }

    /// Writes its settings, as a person does by hand.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn configure(&self, settings: &str) {
        std::fs::create_dir_all(self.data_dir()).expect("a folder can be made");
        std::fs::write(self.data_dir().join("config.toml"), settings)
            .expect("a file can be written");
    }

    /// Files of the blobs it holds, those that are not finished left out.
    #[must_use]
    pub fn blob_files(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.data_dir().join("blobs")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            // It may go while we look.
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && entry.file_name() != "tmp" => folders.push(path),
                    Ok(kind) if kind.is_file() => files.push(path),
                    _ => {}
                }
            }
        }
        files
    }

    /// What media and their outboards take on the disk, in bytes.
    #[must_use]
    pub fn media_bytes(&self) -> u64 {
        // The name of the root lies there too.
        let is_of_blob = |path: &PathBuf| path.file_stem().is_some_and(|name| name.len() == 64);
        let files = self.blob_files().into_iter().filter(is_of_blob);
        let media = files.filter(|path| path.extension().is_none_or(|ending| ending == "obao"));
        media
            .filter_map(|path| path.metadata().ok())
            .map(|found| found.blocks() * 512)
            .sum()
    }

    fn options(&self) -> Options {
        Options {
            data_dir: Some(self.data_dir()),
            passphrase: self.passphrase.clone().map(Into::into),
            ..Options::default()
        }
    }

    /// Carries out a call, as one command would.
    pub fn call(&self, call: Call) -> Outcome {
        self.call_until(call, |_| false)
    }

    /// The same; the person interrupts it when `is_enough` says so of an event.
    pub fn call_until(&self, call: Call, is_enough: impl Fn(&Event) -> bool) -> Outcome {
        self.runtime.block_on(async {
            let (stop, stopped) = watch::channel(false);
            let (sender, mut receiver) = mpsc::channel(1);
            let options = self.options();
            let working =
                tokio::spawn(async move { node::call(&options, call, sender, stopped).await });
            let mut events = Vec::new();
            let mut answer = None;
            while let Some(event) = receiver.recv().await {
                if is_enough(&event) {
                    stop.send_replace(true);
                }
                match event {
                    Event::Answer(given) => answer = Some(*given),
                    event => events.push(event),
                }
            }
            let ended = working.await.expect("a call does not panic");
            let result = ended.map(|()| answer.expect("a call that succeeds gives an answer"));
            Outcome { events, result }
        })
    }

    /// Publishes files or folders as they are.
    pub fn publish(&self, paths: &[&Path]) -> Outcome {
        self.call(Call::Publish(Box::new(Publish {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            ..Publish::default()
        })))
    }

    /// Follows a link.
    pub fn follow(&self, link: &str, keep: Option<&str>) -> Outcome {
        self.call(Call::Follow {
            feed: link.to_owned(),
            via: Vec::new(),
            keep: keep.map(str::to_owned),
            max_size: None,
            retractions: None,
            share: None,
        })
    }

    /// Serves on a free port of loopback until the handle is dropped.
    ///
    /// # Panics
    /// When serving fails.
    #[must_use]
    pub fn serve(&self) -> TestServe {
        self.serve_at("http://127.0.0.1:0")
    }

    /// The same at a certain address, `http://address`.
    ///
    /// # Panics
    /// When serving fails.
    #[must_use]
    pub fn serve_at(&self, url: &str) -> TestServe {
        let address = url.trim_start_matches("http://");
        let named = Serve {
            listen: vec![address.parse().expect("an address")],
            api: vec![ApiListen::OFF],
            ..Serve::default()
        };
        let options = self.options();
        let (stop, stopped) = watch::channel(false);
        let (ready, is_ready) = oneshot::channel();
        let (synced, told_synced) = std::sync::mpsc::channel();
        let serving = std::thread::spawn(move || {
            runtime().block_on(async move {
                let (events, mut told) = mpsc::channel(16);
                tokio::spawn(async move {
                    while let Some(event) = told.recv().await {
                        if let Event::Synced(done) = event {
                            // Few tests listen, and not to the end.
                            let _ = synced.send(done);
                        }
                    }
                });
                let told = |serving| {
                    // The test that waits for it may have failed.
                    let _ = ready.send(serving);
                };
                node::serve(&options, &named, told, events, stopped).await
            })
        });
        match is_ready.blocking_recv() {
            Ok(told) => TestServe {
                told,
                stop,
                synced: told_synced,
                serving: Some(serving),
            },
            Err(_) => panic!("serving failed: {:?}", serving.join()),
        }
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads can be made")
}

/// A node that serves; ends when dropped.
pub struct TestServe {
    told: node::Serving,
    synced: std::sync::mpsc::Receiver<Synced>,
    stop: watch::Sender<bool>,
    serving: Option<JoinHandle<Result<(), Failure>>>,
}

impl TestServe {
    /// The link of its only feed, with where to ask.
    ///
    /// # Panics
    /// When it serves none.
    #[must_use]
    pub fn link(&self) -> &str {
        &self.told.links.first().expect("a feed is served").1
    }

    /// Where it listens, as `http://address`.
    ///
    /// # Panics
    /// Never: it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.told.listen.first().expect("it listens"))
    }
}

impl TestServe {
    /// Waits for news of a feed for a second, as a peer does: for what nobody tells when it is done.
    ///
    /// # Panics
    /// When the node does not answer.
    pub fn wait_a_second(&self, feed: &FeedKey) {
        let address = self.told.listen.first().expect("it listens");
        let ask = |tag: &str| {
            let request = format!(
                "GET /v1/feeds/{feed}/head?wait=1 HTTP/1.1\r\nhost: x\r\nif-none-match: {tag}\r\nconnection: close\r\n\r\n"
            );
            let mut stream = TcpStream::connect(address).expect("it listens");
            stream.write_all(request.as_bytes()).expect("it reads");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("it answers");
            String::from_utf8_lossy(&answer).into_owned()
        };
        let first = ask("");
        let tag = first.lines().find_map(|line| line.strip_prefix("etag: "));
        ask(tag.expect("a head has a tag"));
    }

    /// Waits until this node has told that it has synced a feed to at least this length, media included; gives what it told.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub fn wait_synced(&self, feed: &FeedKey, length: u64) -> Synced {
        loop {
            let synced = self.synced.recv_timeout(Duration::from_secs(60));
            let synced = synced.expect("the node syncs what it follows");
            if synced.feed == *feed && synced.length >= length {
                return synced;
            }
        }
    }

    /// Waits until this node has a head of a feed with at least this length, by asking as a peer does.
    ///
    /// # Panics
    /// When it has none after a minute.
    pub fn wait_for(&self, feed: &FeedKey, length: u64) {
        let address = self.told.listen.first().expect("it listens");
        let mut tag = String::new();
        for _ in 0..60 {
            let request = format!(
                "GET /v1/feeds/{feed}/head?wait=10 HTTP/1.1\r\nhost: x\r\nif-none-match: {tag}\r\nconnection: close\r\n\r\n"
            );
            let mut stream = TcpStream::connect(address).expect("it listens");
            stream.write_all(request.as_bytes()).expect("it reads");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("it answers");
            let end = answer.windows(4).position(|at| at == b"\r\n\r\n");
            let body = answer.split_off(end.expect("a header ends") + 4);
            let Ok(proven) = chain::check_head(feed, &body, 0) else {
                continue;
            };
            if proven.head.body().length >= length {
                return;
            }
            tag = levada_peer::frame::head_tag(proven.head.wire());
        }
        panic!("the node did not get to {length} records");
    }
}

impl Drop for TestServe {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(serving) = self.serving.take() {
            let ended = serving.join();
            if !std::thread::panicking() {
                ended
                    .expect("serving does not panic")
                    .expect("serving ends well");
            }
        }
    }
}
