//! A mirror for schedules: what a real node has of a feed, behind a door that is open, shut, or lies.

use super::machine::Machine;
use crate::io::server::{self, Places, Room, Served};
use crate::io::traffic::Lane;
use crate::node::{Node, replay};
use levada_feed::key::FeedKey;
use levada_feed::tree::{self, Shape};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

/// How a mirror answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manners {
    Honest,
    /// The connection ends without a word.
    Silent,
    /// It says that it has nothing.
    Denies,
    /// A byte of each answer is another.
    Garbles,
}

impl Manners {
    pub(super) const ALL: [Self; 4] = [Self::Honest, Self::Silent, Self::Denies, Self::Garbles];
}

pub(super) struct Mirror {
    pub(super) url: String,
    node: Arc<Node>,
    manners: Arc<AtomicU8>,
    _stop: watch::Sender<bool>,
    _machine: Machine,
}

impl Mirror {
    pub(super) fn start(runtime: &Runtime) -> Self {
        let machine = Machine::new();
        let node = machine.open();
        let manners = Arc::new(AtomicU8::new(0));
        let (stop, stopped) = watch::channel(false);
        let served = Arc::new(Served::new(
            node.disk.clone(),
            node.blobs.clone(),
            node.evidence.clone(),
            node.listed.subscribe(),
            node.news.clone(),
            mpsc::channel(1).0,
        ));
        let url = runtime.block_on(async {
            let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (at, address) = (inner.local_addr().unwrap(), door.local_addr().unwrap());
            let places = Arc::new(Places::of_system(None, None));
            let room = Room::new(places, Arc::new(Lane::new(None, false)), None);
            tokio::spawn(server::serve(inner, served, room, stopped));
            let manners = manners.clone();
            tokio::spawn(async move {
                while let Ok((asker, _)) = door.accept().await {
                    let manners = Manners::ALL[usize::from(manners.load(Ordering::SeqCst))];
                    tokio::spawn(async move {
                        // Whoever asks may hang up.
                        let _ = answer(asker, at, manners).await;
                    });
                }
            });
            format!("http://{address}")
        });
        Self {
            url,
            node,
            manners,
            _stop: stop,
            _machine: machine,
        }
    }

    pub(super) fn behave(&self, manners: Manners) {
        let place = Manners::ALL.iter().position(|one| *one == manners).unwrap();
        self.manners
            .store(u8::try_from(place).unwrap(), Ordering::SeqCst);
    }

    pub(super) fn is_honest(&self) -> bool {
        self.manners.load(Ordering::SeqCst) == 0
    }

    pub(super) fn length(&self, feed: &FeedKey) -> u64 {
        let head = self.node.disk.head(feed).unwrap();
        head.map_or(0, |head| head.body().length)
    }

    /// Takes what a machine has, if it goes on from what is here.
    pub(super) fn take(&self, from: &Node, feed: &FeedKey, author_file: &Path) {
        let (Some(theirs), length) = (from.disk.head(feed).unwrap(), self.length(feed)) else {
            return;
        };
        if theirs.body().length < length {
            return;
        }
        if let Some(ours) = self.node.disk.head(feed).unwrap() {
            let root = tree::root(&from.disk.pieces(feed), Shape::of_list(length)).unwrap();
            assert_eq!(
                root,
                Some(ours.body().root),
                "a mirror was shown another history"
            );
        }
        if author_file.exists() {
            // A file that a crash left damaged gives nothing.
            let _ = replay::replay(&self.node, feed, author_file, &[]);
        }
    }
}

async fn answer(
    mut asker: TcpStream,
    inner: std::net::SocketAddr,
    manners: Manners,
) -> std::io::Result<()> {
    if manners == Manners::Silent {
        return Ok(());
    }
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(asker.read_u8().await?);
    }
    if manners == Manners::Denies {
        let denied = b"HTTP/1.1 404 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return asker.write_all(denied).await;
    }
    // One answer for each connection, read to its end.
    let text = String::from_utf8_lossy(&request).into_owned();
    let text = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    let mut to = TcpStream::connect(inner).await?;
    to.write_all(text.as_bytes()).await?;
    let mut bytes = Vec::new();
    to.read_to_end(&mut bytes).await?;
    if manners == Manners::Garbles
        && let Some(last) = bytes.last_mut()
    {
        *last ^= 1;
    }
    asker.write_all(&bytes).await
}
