//! Media from peers that fail again and again, or that send more than was asked for: what that costs is bounded.

use super::*;
use crate::node::stranger::{Answer, Stranger, node};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

const BATCHES: usize = 5;
/// Bytes that sockets take of what nobody reads, and more.
const SOCKETS_BYTES: u64 = 48 << 20;
const SKIP_BYTES_MAX: u64 = 64 << 20;
const LEAF_BYTES: u64 = 16 << 10;

/// A fetch from these peers, in a node of its own.
fn fetch(peers: &[&Stranger]) -> (TempDir, watch::Sender<bool>, Arc<MediaFetch>) {
    let (folder, node) = node();
    let remotes = peers
        .iter()
        .map(|peer| node.client.remote(&peer.name).unwrap());
    let (remotes, of) = (remotes.collect(), "ana".to_owned());
    // Nobody listens: that is no matter.
    let (events, _) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(false);
    let fetch = MediaFetch::new(&node, remotes, of, Purpose::Follow, events, stopped);
    (folder, stop, fetch)
}

fn wanted(number: usize, size: u64) -> WantedBlob {
    WantedBlob {
        hash: Hash::of(&number.to_be_bytes()),
        size,
        name: format!("file {number}"),
        date: 0,
    }
}

/// Whether a batch, counted from 0, fails.
type Fails = fn(usize) -> bool;

/// A peer of which some batches fail and others hold nothing.
fn failing(fails: Fails) -> Stranger {
    let asked = AtomicU64::new(0);
    Stranger::new(move |_| {
        let batch = asked.fetch_add(1, Ordering::SeqCst);
        if fails(usize::try_from(batch).unwrap()) {
            // A count of blobs that nobody asked for.
            return Answer::Said(200, frame::write_blobs(&[None]));
        }
        Answer::Said(200, frame::write_blobs(&vec![None; BATCH_HASHES_MAX]))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_that_fails_two_batches_in_a_row_is_asked_for_no_more_and_another_one_is() {
    let table: [(Fails, usize); 5] = [
        (|_| false, BATCHES),
        (|_| true, 2),
        (|batch| batch % 2 == 0, BATCHES),
        (|batch| batch == 1 || batch >= 3, BATCHES),
        (|batch| batch >= 2, 4),
    ];
    let all = BATCHES * BATCH_HASHES_MAX;
    for (fails, expected) in table {
        let (first, second) = (failing(fails), failing(|_| false));
        let (_folder, _stop, fetch) = fetch(&[&first, &second]);
        let lost = fetch.small((0..all).map(|number| wanted(number, 10)).collect());
        assert_eq!(lost.await.unwrap().missing.len(), all);
        assert_eq!(first.asked().len(), expected);
        assert_eq!(second.asked().len(), BATCHES, "all is asked of it");
    }
}

/// Bytes that are taken of a peer that knows no ranges and claims that a blob has another size than its record says.
async fn taken_of(claimed: u64) -> u64 {
    let peer = Stranger::new(move |request| {
        if request.contains("/proof") {
            return Answer::Pours(format!("levada-size: {claimed}\r\n"), 64);
        }
        Answer::Pours(String::new(), 2 * SKIP_BYTES_MAX)
    });
    let (_folder, _stop, fetch) = fetch(&[&peer]);
    assert!(fetch.large(&wanted(1, 100_000), None).await.is_err());
    assert!(
        peer.asked().len() >= 4,
        "it was asked for the size that it claims: {:?}",
        peer.asked()
    );
    peer.sent()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_64_mib_are_read_before_the_last_leaf_of_a_size_that_only_a_peer_claims() {
    for claimed in [1 << 44, SKIP_BYTES_MAX + LEAF_BYTES + 1] {
        let taken = taken_of(claimed).await;
        assert!(taken < SOCKETS_BYTES, "{claimed}: {taken}");
    }
    let taken = taken_of(SKIP_BYTES_MAX + 1).await;
    assert!(taken >= SKIP_BYTES_MAX, "{taken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn part_that_is_waited_for_is_asked_for_beside_the_proof_of_the_size() {
    let peer = Stranger::new(|_| Answer::Silent);
    let (_folder, stop, fetch) = fetch(&[&peer]);
    let (blob, part) = (wanted(1, 1 << 30), 1 << 29..(1 << 29) + 4 * LEAF_BYTES);
    let running = tokio::spawn(async move { fetch.large(&blob, Some(part)).await.is_ok() });
    let questions = |what: &str| {
        let asked = peer.asked();
        asked.iter().filter(|asked| asked.contains(what)).count()
    };
    // Nothing is answered, so none of these waits for another one.
    while peer.asked().len() < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(questions("/proof?"), 2);
    assert_eq!(questions("from=536870912&"), 1);
    stop.send(true).unwrap();
    assert!(!running.await.unwrap());
}
