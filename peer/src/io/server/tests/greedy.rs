//! Those who ask for much and take nothing: what they hold is counted for as long as they hold it, and is never all.

use super::*;
use crate::frame::{Watched, write_watch};
use crate::io::server::watch::WATCHED_MAX;
use crate::io::traffic::Lane;
use levada_feed::limits::BUNDLE_BYTES_MAX;
use shares::Shares;
use std::net::Ipv4Addr;
use tokio::net::TcpSocket;

/// Records of which a bundle is full, each of as many bytes.
const RECORDS: u64 = 80;
const RECORD_BYTES: usize = 60_000;
/// Units that a full bundle takes while it is made.
const MAKING: usize = 2 * BUNDLE_BYTES_MAX / ANSWER_UNIT_BYTES;

/// A room with so many units of answers, in all and for one address block, and as many feeds to watch.
fn room(all: usize, each: usize) -> Room {
    Room {
        answers: Arc::new(Shares::new(all, each)),
        watched: Arc::new(Shares::new(all, each)),
        ..Room::default()
    }
}

/// A server whose feed has more than one bundle may have.
async fn place(room: &Room) -> Place {
    let mut place = Place::with(room.clone()).await;
    for _ in 0..RECORDS {
        let item = Item {
            title: "t".into(),
            text: Some("x".repeat(RECORD_BYTES)),
            ..Item::default()
        };
        append(&mut place.log, RecordBody::Item(Box::new(item)));
    }
    let batch = place.log.sign(9).unwrap();
    place.served.disk.commit(&batch).unwrap();
    place
}

fn bundle() -> Vec<u8> {
    let target = format!("/v1/feeds/{}/bundle?latest=16384", own());
    request("GET", &target, "", b"")
}

/// A connection from an address of loopback; each third byte is an address block of its own.
async fn from(place: &Place, block: u8) -> Wire {
    let socket = TcpSocket::new_v4().unwrap();
    let ip = Ipv4Addr::new(127, 0, block, 1);
    socket.bind(SocketAddr::new(ip.into(), 0)).unwrap();
    Wire {
        stream: socket.connect(place.address).await.unwrap(),
        rest: Vec::new(),
    }
}

#[tokio::test]
async fn bundle_counts_until_its_last_byte_was_taken_and_for_no_more_than_it_is() {
    let room = room(1_000, 1_000);
    let place = place(&room).await;
    let mut wire = from(&place, 0).await;
    wire.send(&bundle()).await;
    let (status, text) = wire.beginning().await;
    assert_eq!(status, 200, "{text}");
    let size = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let size: usize = size.unwrap().parse().unwrap();
    assert!(size > 3 << 20, "{size}");
    let held = size.div_ceil(ANSWER_UNIT_BYTES);
    assert_eq!(room.answers.free(), 1_000 - held);
    assert_eq!(wire.answer(false).await.unwrap().body.len(), size);
    // Its place is free again before the connection ends, once the server has seen that all was taken.
    while room.answers.free() < 1_000 {
        tokio::task::yield_now().await;
    }
    wire.send(&request("GET", "/healthz", "", b"")).await;
    assert_eq!(wire.answer(false).await.unwrap().status, 200);
}

#[tokio::test]
async fn readers_of_one_block_who_take_nothing_leave_room_for_others() {
    let room = room(3 * MAKING, MAKING);
    let place = place(&room).await;
    let mut lazy = Vec::new();
    for _ in 0..8 {
        let mut wire = from(&place, 0).await;
        wire.send(&bundle()).await;
        lazy.push(wire);
    }
    lazy[0].beginning().await;
    let mut honest = from(&place, 1).await;
    honest.send(&bundle()).await;
    assert_eq!(honest.answer(false).await.unwrap().status, 200);
    // What is small is for everybody.
    let head = format!("/v1/feeds/{}/head", own());
    assert_eq!(place.get(&head).await.status, 200);
}

#[tokio::test]
async fn bodies_that_do_not_come_hold_no_room_for_answers() {
    let room = room(4 * MAKING, 4 * MAKING);
    let place = place(&room).await;
    let mut slow = Vec::new();
    for n in 0..40 {
        let mut wire = from(&place, n).await;
        let (target, size) = [("blobs", 5_000), ("watch", 200_000)][usize::from(n) % 2];
        let head =
            format!("POST /v1/{target} HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\nslow");
        wire.send(head.as_bytes()).await;
        slow.push(wire);
    }
    // Four units of each of the large ones, and as many as there is room for.
    while room.handed.free() > 1_024 - 20 * 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(room.answers.free(), 4 * MAKING);
    let mut honest = from(&place, 0).await;
    honest.send(&bundle()).await;
    assert_eq!(honest.answer(false).await.unwrap().status, 200);
    drop((slow, honest));
    while room.answers.free() < 4 * MAKING || room.handed.free() < 1_024 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn large_bodies_that_do_not_come_are_bounded_in_their_number() {
    let room = Room {
        handed: Arc::new(Shares::new(12, 8)),
        ..Room::default()
    };
    let place = Place::with(room.clone()).await;
    let large = b"POST /v1/watch HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\nslow";
    let mut slow = Vec::new();
    for left in [8, 4] {
        let mut wire = from(&place, 0).await;
        wire.send(large).await;
        slow.push(wire);
        while room.handed.free() > left {
            tokio::task::yield_now().await;
        }
    }
    let mut third = from(&place, 0).await;
    third.send(large).await;
    assert_eq!(third.beginning().await.0, 503);
    let one = Watched {
        feed: [1; 32],
        have: 0,
        tag: None,
    };
    let mut small = from(&place, 0).await;
    let body = write_watch(&[one]);
    small.send(&request("POST", "/v1/watch", "", &body)).await;
    assert_eq!(small.beginning().await.0, 200);
}

#[tokio::test]
async fn body_in_pieces_of_one_byte_is_read() {
    let place = Place::new().await;
    let mut wire = place.connect().await;
    wire.send(b"POST /v1/blobs HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let pieces = frame::write_batch(&[Hash::of(b"x"); 500]);
    let pieces: Vec<u8> = pieces
        .iter()
        .flat_map(|byte| [b'1', b'\r', b'\n', *byte, b'\r', b'\n'])
        .collect();
    wire.send(&pieces).await;
    wire.send(b"0\r\n\r\n").await;
    assert_eq!(wire.answer(false).await.unwrap().status, 200);
}

#[tokio::test]
async fn one_block_cannot_watch_so_much_that_others_cannot() {
    let place = Place::with(room(200, 20)).await;
    let watched = |count| {
        let one = |byte| Watched {
            feed: [byte; 32],
            have: 0,
            tag: None,
        };
        let body = write_watch(&(0..count).map(one).collect::<Vec<_>>());
        request("POST", "/v1/watch", "", &body)
    };
    let mut streams = Vec::new();
    for (block, count, expected) in [
        (0, 12, 200),
        (0, 9, 503),
        (1, 20, 200),
        (0, 8, 200),
        (0, 1, 503),
    ] {
        let mut wire = from(&place, block).await;
        wire.send(&watched(count)).await;
        let (status, text) = wire.beginning().await;
        assert_eq!(status, expected, "{text}");
        streams.push(wire);
    }
    // Whoever leaves makes room.
    streams.remove(0);
    let mut again = from(&place, 0).await;
    loop {
        again.send(&watched(12)).await;
        match again.beginning().await.0 {
            200 => break,
            _ => again = from(&place, 0).await,
        }
    }
}

#[test]
fn one_block_gets_the_same_part_of_answers_and_news_as_of_connections() {
    let room = |most, each, bytes| {
        let places = Arc::new(Places::of_system(Some(most), Some(each)));
        let room = Room::new(places, Arc::new(Lane::new(None, false)), bytes);
        (room.answers.each(), room.watched.each())
    };
    assert_eq!(room(8, 2, Some(256 << 20)), (1_024, WATCHED_MAX / 4));
    assert_eq!(room(8, 8, Some(256 << 20)), (4_096, WATCHED_MAX));
    // Never so little that the largest answer had no room.
    assert_eq!(room(8, 1, Some(1)).0, 256);
}
