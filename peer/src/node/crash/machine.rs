//! A node in a folder of its own, opened for each call as a command does.

use crate::api::{Answer, Call, Event, Failure};
use crate::io::dirs::Dirs;
use crate::io::marker::Markers;
use crate::node::{self, ApiListen, Node, Options, Serve};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Memory has no disk to wait for, and here everything is written a thousand times.
pub(super) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = tempfile::tempdir_in(memory);
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

pub(super) struct Machine {
    folder: TempDir,
    runtime: Runtime,
}

impl Machine {
    pub(super) fn new() -> Self {
        Self {
            folder: folder(),
            runtime: runtime(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root().join("data")
    }

    pub(super) fn dirs(&self) -> Dirs {
        Dirs::find(Some(&self.data())).unwrap()
    }

    pub(super) fn options(&self) -> Options {
        Options {
            data_dir: Some(self.data()),
            ..Options::default()
        }
    }

    pub(super) fn open(&self) -> Arc<Node> {
        Arc::new(Node::open(&self.options()).unwrap())
    }

    /// Another machine with the same files. They have other identities, so own feeds are marked as if they had not.
    pub(super) fn copy(&self) -> Self {
        let copy = Self::new();
        copy_all(self.root(), copy.root());
        let keys = crate::io::keys::Keys::at(&copy.dirs().keys());
        for key in keys.list().unwrap() {
            let file = key.path.with_extension("feed");
            if file.exists() && self.is_marked(&key.feed, &key.path) {
                let markers = Markers::open(&copy.dirs().state().join("markers")).unwrap();
                markers.put(&key.feed, &file).unwrap();
            }
        }
        copy
    }

    fn is_marked(&self, feed: &levada_feed::key::FeedKey, key: &Path) -> bool {
        let name = key.with_extension("feed");
        let file = self.dirs().keys().join(name.file_name().unwrap());
        let markers = Markers::open(&self.dirs().state().join("markers")).unwrap();
        markers.is_live(feed, &file).unwrap()
    }

    pub(super) fn call(&self, call: Call) -> Result<Answer, Failure> {
        self.runtime.block_on(async {
            let (_stop, stopped) = watch::channel(false);
            let (sender, mut events) = mpsc::channel(1);
            let options = self.options();
            let working =
                tokio::spawn(async move { node::call(&options, call, sender, stopped).await });
            let mut answer = None;
            while let Some(event) = events.recv().await {
                if let Event::Answer(given) = event {
                    answer = Some(*given);
                }
            }
            working.await.unwrap().map(|()| answer.unwrap())
        })
    }

    /// The same of a node that is open already.
    pub(super) fn ask(&self, node: &Arc<Node>, call: Call) -> Answer {
        self.try_ask(node, call).unwrap()
    }

    pub(super) fn try_ask(&self, node: &Arc<Node>, call: Call) -> Result<Answer, Failure> {
        self.runtime.block_on(async {
            let (_stop, stopped) = watch::channel(false);
            let (sender, mut events) = mpsc::channel(1);
            let node = node.clone();
            let working = tokio::spawn(async move { node.run(call, &sender, stopped).await });
            while events.recv().await.is_some() {}
            working.await.unwrap()
        })
    }

    /// Serves on a free port until the handle is dropped.
    pub(super) fn serve(&self) -> Server {
        let options = self.options();
        let (stop, stopped) = watch::channel(false);
        let (ready, is_ready) = oneshot::channel();
        let serving = std::thread::spawn(move || {
            runtime().block_on(async move {
                let (events, mut ignored) = mpsc::channel(16);
                tokio::spawn(async move { while ignored.recv().await.is_some() {} });
                let named = Serve {
                    listen: vec!["127.0.0.1:0".parse().unwrap()],
                    api: vec![ApiListen::OFF],
                    ..Serve::default()
                };
                let told = |serving| drop(ready.send(serving));
                node::serve(&options, &named, told, events, stopped).await
            })
        });
        let told: node::Serving = is_ready.blocking_recv().unwrap();
        Server {
            link: told.links[0].1.clone(),
            url: format!("http://{}", told.listen[0]),
            stop,
            serving: Some(serving),
        }
    }
}

pub(super) struct Server {
    pub(super) link: String,
    pub(super) url: String,
    stop: watch::Sender<bool>,
    serving: Option<std::thread::JoinHandle<Result<(), Failure>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        let ended = self.serving.take().map(std::thread::JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap().unwrap();
        }
    }
}

pub(super) fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to);
        } else if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
