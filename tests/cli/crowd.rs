//! A crowd that means no good comes to a node that serves: silent, slow, greedy, and in its thousands. An honest follower
//! gets everything meanwhile; memory and the log stay within bounds.

use crate::machine::{Machine, Running};
use levada_tests::noise;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

/// What those in the crowd say.
const KINDS: usize = 13;
/// How many of them come at most.
const CROWD_MAX: usize = 5_000;
/// Where they come from: blocks of addresses, of which each gets a part of what there is, and none where the follower is.
const BLOCKS: usize = 3;
/// Files that this process needs for other things.
const OTHER_FILES: usize = 200;
/// What the node may take at most, with all of them.
const MEMORY_KIB_MAX: u64 = 256 << 10;
const LOG_BYTES_MAX: usize = 200 << 10;
const LARGE_BYTES: usize = 3_000_000;
/// Bytes of requests that are pushed at a node that is never listened to, in pieces.
const PIECE_BYTES: usize = 64 << 10;
const FLOODS: usize = 300;

/// What is said by one connection, which never reads an answer.
fn sayings(key: &str) -> [Vec<u8>; KINDS] {
    let hash = blake3::hash(&noise(1, LARGE_BYTES)).to_hex();
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes();
    let post = |target: &str, size: u64| {
        let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n");
        [head.as_bytes(), &[0x82; 300]].concat()
    };
    let headers: String = (0..5_000).map(|n| format!("x-{n}: 1\r\n")).collect();
    let chunked = "POST /v1/blobs HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = [chunked.as_bytes(), &b"1\r\nx\r\n".repeat(20_000)].concat();
    [
        Vec::new(),
        b"G".to_vec(),
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: y".to_vec(),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{headers}\r\n").into_bytes(),
        post("/v1/blobs", 5_000),
        post("/v1/blobs", u64::MAX),
        post("/v1/watch", 260_000),
        chunks,
        get(&format!("/v1/feeds/{key}/bundle?latest=16384")).repeat(20),
        get(&format!("/v1/feeds/{key}/head?wait=50")).repeat(20),
        get(&format!("/v1/blobs/{hash}")).repeat(20),
        get(&format!("/v1/blobs/{hash}/proof?from=0&to={LARGE_BYTES}")).repeat(20),
        noise(9, 20_000),
    ]
}

/// As many as this process may have connections.
fn crowd() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = limit.map_or(CROWD_MAX, |files| usize::try_from(files).unwrap());
    CROWD_MAX.min(files - OTHER_FILES)
}

/// One of them.
async fn come(from: usize, to: SocketAddr) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let from = format!("127.0.{}.1:0", 7 + from % BLOCKS);
    socket.bind(from.parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// One says something and stays. It may be refused before all was said, and then nothing more is heard.
async fn speak(mut one: tokio::net::TcpStream, saying: Vec<u8>, is_all: bool) {
    let _ = one.write_all(&saying).await;
    if is_all {
        let _ = one.shutdown().await;
    }
    std::future::pending::<()>().await;
    drop(one);
}

/// A number of `/proc/PID/status`.
fn memory_kib(running: &Running, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// An answer to one request, read to the end of its connection.
fn ask(address: &str, target: &str) -> String {
    let mut peer = TcpStream::connect(address).unwrap();
    let ask = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    peer.write_all(ask.as_bytes()).unwrap();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn honest_follower_is_served_in_a_crowd_and_memory_and_log_stay_bounded() {
    let author = Machine::new();
    author.write("folder/large.bin", &noise(1, LARGE_BYTES));
    author.write("folder/small.bin", &noise(2, 900));
    author.done(&["publish", "folder"]);
    let args = "serve --listen 127.0.0.1:0 --json --log debug";
    let mut serving = author.start(&args.split(' ').collect::<Vec<_>>());
    let told = serving.event().expect("it serves");
    let address = told["listen"][0].as_str().unwrap();
    let link = told["links"][0]["link"].as_str().unwrap();
    let key = &link["levada:".len()..link.find('?').unwrap()];

    let crowd = tokio::runtime::Runtime::new().unwrap();
    let (came, to) = (self::crowd(), address.parse().unwrap());
    // All are there before the first one speaks, so that it does not matter how long answers take.
    let silent: Vec<_> = (0..came).map(|at| crowd.block_on(come(at, to))).collect();
    // Who comes after them is answered: they were taken.
    assert!(ask(address, "/healthz").starts_with("HTTP/1.1 200"));
    let open = std::fs::read_dir(format!("/proc/{}/fd", serving.id())).unwrap();
    let open = open.count();
    assert!(came > 800 && open > came / 2, "{open} of {came}");
    let sayings = sayings(key);
    for (at, (one, saying)) in silent.into_iter().zip(sayings.iter().cycle()).enumerate() {
        crowd.spawn(speak(one, saying.clone(), at % 7 == 0));
    }
    let flood = b"HEAD /healthz HTTP/1.1\r\nhost: x\r\n\r\n".repeat(PIECE_BYTES / 37);
    let mut never_listens = TcpStream::connect(address).unwrap();
    never_listens.set_nonblocking(true).unwrap();
    for _ in 0..FLOODS {
        let _ = never_listens.write(&flood);
        assert!(ask(address, "/healthz").starts_with("HTTP/1.1 200"));
    }
    let follower = Machine::new();
    follower.done(&["follow", link, "--keep", "all"]);
    let items = follower.items();
    assert_eq!(items.len(), 2);
    for item in &items {
        let file = &item["files"][0];
        assert_eq!(file["held"], file["size"]);
    }
    let most = memory_kib(&serving, "VmHWM:");
    assert!(most < MEMORY_KIB_MAX, "{most} KiB");
    drop((crowd, never_listens));
    assert!(ask(address, "/healthz").starts_with("HTTP/1.1 200"));
    serving.interrupt();
    let ran = serving.end().exits(0);
    assert!(ran.err.len() < LOG_BYTES_MAX, "{} bytes", ran.err.len());
    assert!(ran.err.contains("answered"), "{}", ran.err);
}
