//! A node that lives: it follows while it serves, and takes the commands of its user meanwhile.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use levada_feed::fork::ForkProof;
use levada_feed::hash::Hash;
use levada_feed::head::{Head, HeadBody};
use levada_feed::key::FeedKey;
use levada_peer::api::{Answer, Call, Event};
use levada_peer::frame::{Ask, Frame, News, Watched};
use levada_peer::io::client::{Client, Remote};
use levada_peer::io::keys::Keys;
use levada_tests::{TestNode, noise};

#[test]
fn new_item_travels_along_a_chain_of_running_nodes() {
    let (author, follower, third) = (TestNode::new(), TestNode::new(), TestNode::new());
    author.write("a.bin", &noise(1, 100));
    let published = author.publish(&[&author.files()]).answer();
    let Answer::Published(summary) = published else {
        panic!("{published:?}")
    };
    let author_serves = author.serve();
    let _ = follower.follow(author_serves.link(), None).answer();
    let follower_serves = follower.serve();
    let _ = third.follow(follower_serves.link(), None).answer();
    let third_serves = third.serve();

    author.write("b.bin", &noise(2, 100_000));
    let outcome = author.publish(&[&author.files()]);
    assert!(
        outcome
            .events
            .iter()
            .any(|event| matches!(event, Event::Published { index: Some(2), .. })),
        "the running node carries the command out and tells of it"
    );
    let _ = outcome.answer();
    third_serves.wait_for(&summary.feed, 3);
}

#[test]
fn running_node_follows_what_it_is_told_to_follow() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    author.write("a.bin", &noise(1, 100));
    let published = author.publish(&[&author.files()]).answer();
    let Answer::Published(summary) = published else {
        panic!("{published:?}")
    };
    let author_serves = author.serve();
    let other = TestNode::new();
    other.write("x.bin", &noise(9, 100));
    let _ = other.publish(&[&other.files()]).answer();
    let other_serves = other.serve();
    let _ = follower.follow(other_serves.link(), None).answer();
    let follower_serves = follower.serve();
    let _ = follower.follow(author_serves.link(), None).answer();
    author.write("b.bin", &noise(2, 100));
    let _ = author.publish(&[&author.files()]).answer();
    follower_serves.wait_for(&summary.feed, 3);
    let call = Call::Get {
        target: format!("{}/1", summary.feed),
        file: None,
        range: Some((10, Some(19))),
        output: None,
    };
    let outcome = follower.call(call);
    assert_eq!(outcome.bytes(), noise(1, 100)[10..20]);
}

/// A second history of length `length` under the same key: what a stolen or copied key signs.
fn fork_of(node: &TestNode, length: u64) -> ForkProof {
    let keys = Keys::at(&node.data_dir().join("keys"));
    let key = keys.list().unwrap().remove(0);
    let secret = keys.load(&key.name, None).unwrap();
    let head = |root: &[u8]| {
        let body = HeadBody {
            feed: secret.feed_key(),
            first: Hash::of(b"first"),
            length,
            bytes: 1,
            media: 0,
            root: Hash::of(root),
            time: 1,
        };
        Head::sign(&secret, body)
    };
    ForkProof::of_heads(&head(b"a"), &head(b"b")).unwrap()
}

/// What a peer says of a feed on a stream, up to the first frame that is wanted.
async fn hear(remote: &Remote, feed: &FeedKey, is_wanted: impl Fn(&News) -> bool) {
    let watched = Watched {
        feed: *feed.as_bytes(),
        have: 0,
        tag: None,
    };
    let mut stream = remote.watch(&[watched]).await.unwrap().unwrap();
    while let Some(frame) = stream.next().await.unwrap() {
        if matches!(frame, Frame::News { news, .. } if is_wanted(&news)) {
            return;
        }
    }
    panic!("the stream ended");
}

#[test]
fn fork_proof_travels_along_the_streams_and_the_feed_stays_readable() {
    let (author, follower, third) = (TestNode::new(), TestNode::new(), TestNode::new());
    author.write("a.bin", &noise(1, 100));
    let Answer::Published(summary) = author.publish(&[&author.files()]).answer() else {
        panic!("not published")
    };
    let author_serves = author.serve();
    let _ = follower.follow(author_serves.link(), None).answer();
    let follower_serves = follower.serve();
    let _ = third.follow(follower_serves.link(), None).answer();
    let third_serves = third.serve();

    let client = Client::default();
    let proof = fork_of(&author, 9);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let ask = Ask::Fork { feed: summary.feed };
        let to = client.remote(&author_serves.url()).unwrap();
        let body = proof.wire().to_vec().into();
        to.post(&ask, body, 100).await.unwrap();
        let at = client.remote(&third_serves.url()).unwrap();
        let is_proof = |news: &News| matches!(news, News::Fork(got) if got == proof.wire());
        hear(&at, &summary.feed, is_proof).await;
    });
    let Answer::Sources { sources } = third.call(Call::Sources).answer() else {
        panic!("no sources")
    };
    assert!(sources[0].is_disputed);
    assert_eq!((sources[0].length, sources[0].records), (2, 2));
    // The author's own node names it too; nothing that was verified is lost.
    let target = format!("{}/1", summary.feed);
    let Answer::Item(item) = third
        .call(Call::Show {
            target,
            history: false,
        })
        .answer()
    else {
        panic!("no item")
    };
    assert_eq!(item.title.as_deref(), Some("a"));
}

/// The proof is at a mirror; the author's own node hears of it there, and tells those who watch the feed at it.
#[test]
fn fork_proof_of_an_own_feed_comes_by_the_stream_of_a_mirror() {
    let (author, mirror) = (TestNode::new(), TestNode::new());
    author.write("a.bin", &noise(1, 100));
    let Answer::Published(summary) = author.publish(&[&author.files()]).answer() else {
        panic!("not published")
    };
    let author_serves = author.serve();
    let _ = mirror.follow(author_serves.link(), None).answer();
    let mirror_serves = mirror.serve();
    let add = Call::MirrorAdd {
        mirror: mirror_serves.url(),
        feed: None,
    };
    let _ = author.call(add).answer();
    let client = Client::default();
    let proof = fork_of(&author, 9);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let at = client.remote(&author_serves.url()).unwrap();
        let listening = at.clone();
        let (feed, wire) = (summary.feed, proof.wire().to_vec());
        let hearing = tokio::spawn(async move {
            let is_proof = |news: &News| matches!(news, News::Fork(got) if *got == wire);
            hear(&listening, &feed, is_proof).await;
        });
        let ask = Ask::Fork { feed };
        let to = client.remote(&mirror_serves.url()).unwrap();
        to.post(&ask, proof.wire().to_vec().into(), 100)
            .await
            .unwrap();
        hearing.await.unwrap();
    });
}

#[test]
fn peer_that_is_away_is_named_in_status_and_the_feed_comes_from_another() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    author.write("a.bin", &noise(1, 100));
    let Answer::Published(summary) = author.publish(&[&author.files()]).answer() else {
        panic!("not published")
    };
    let author_serves = author.serve();
    // Nobody listens on a port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let _ = follower
        .call(Call::Follow {
            feed: author_serves.link().to_owned(),
            via: vec![away.clone()],
            keep: None,
            max_size: None,
            retractions: None,
            share: None,
        })
        .answer();
    let follower_serves = follower.serve();
    author.write("b.bin", &noise(2, 100));
    let _ = author.publish(&[&author.files()]).answer();
    follower_serves.wait_for(&summary.feed, 3);
    let Answer::Status(status) = follower.call(Call::Status).answer() else {
        panic!("no status")
    };
    let peers = &status.sources[0].peers;
    let of = |name: &str| peers.iter().find(|peer| peer.peer == name).unwrap();
    let standing = &of(&away).standing;
    assert!(standing.failures > 0 && standing.lies == 0 && standing.last_success.is_none());
    let what = &standing.last_failure.as_ref().unwrap().what;
    assert!(what.contains("nothing listens on this port"), "{what}");
    assert!(of(&author_serves.url()).standing.last_success.is_some());
}

/// What a person writes into the list of sources to share all that is followed.
fn share(node: &TestNode) {
    let path = node.data_dir().join("sources.toml");
    let path = if path.exists() {
        path
    } else {
        node.data_dir().join("config/sources.toml")
    };
    let text = std::fs::read_to_string(&path).unwrap();
    let shared = text.replace("[[source]]\n", "[[source]]\nshare = true\n");
    assert_ne!(text, shared);
    std::fs::write(&path, shared).unwrap();
}

#[test]
fn follower_that_shares_is_found_by_others_when_the_author_is_gone() {
    let (author, sharer, other) = (TestNode::new(), TestNode::new(), TestNode::new());
    author.write("a.bin", &noise(1, 100));
    let Answer::Published(summary) = author.publish(&[&author.files()]).answer() else {
        panic!("not published")
    };
    let author_serves = author.serve();
    let _ = sharer.follow(author_serves.link(), None).answer();
    share(&sharer);
    let sharer_serves = sharer.serve();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = Client::default();
    let list = |url: String| {
        let ask = Ask::Peers { feed: summary.feed };
        let remote = client.remote(&url).unwrap();
        let bytes = runtime.block_on(remote.get(&ask, 10_000)).unwrap();
        levada_peer::frame::read_peers(&bytes).unwrap()
    };
    // Each round takes as long as a peer waits for news that do not come.
    let mut rounds = 0..60;
    while list(author_serves.url()) != [sharer_serves.url()] {
        assert!(rounds.next().is_some(), "it never announced itself");
        author_serves.wait_a_second(&summary.feed);
    }
    assert!(list(sharer_serves.url()).is_empty(), "nobody else did");
    let _ = other.follow(author_serves.link(), None).answer();
    let other_serves = other.serve();
    let knows = || {
        let Answer::Sources { sources } = other.call(Call::Sources).answer() else {
            panic!("no sources")
        };
        let is_sharer = |peer: &levada_peer::api::PeerInfo| peer.peer == sharer_serves.url();
        sources[0].peers.iter().any(is_sharer)
    };
    let mut rounds = 0..60;
    while !knows() {
        assert!(rounds.next().is_some(), "it never learned of the sharer");
        author_serves.wait_a_second(&summary.feed);
    }
    drop(author_serves);
    let synced = other
        .call(Call::Sync {
            feed: None,
            again: false,
        })
        .answer();
    assert!(
        matches!(synced, Answer::Sync { synced: 1, .. }),
        "{synced:?}"
    );
    drop(other_serves);
}
