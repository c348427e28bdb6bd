//! Live following beside peers that keep it waiting or send too much: what the engine ends is ended, and goes on later.

use super::*;
use crate::judge;
use crate::node::stranger::{Answer, Stranger, node};
use levada_feed::key::FeedSecret;
use levada_feed::limits::HEAD_ANSWER_BYTES_MAX;
use levada_feed::log::{AuthorLog, Memory};
use levada_feed::record::{self, Body, Profile, Record};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Records of the feed: the newest 512 come first, and the rest in two answers.
const LENGTH: u64 = 1_200;
const NEWEST: u64 = 512;

fn secret() -> FeedSecret {
    FeedSecret::from_bytes(&[4; 32])
}

fn author() -> Memory {
    let (mut log, mut store) = (AuthorLog::new(secret()), Memory::default());
    for index in 0..LENGTH {
        let body = Body::Profile(Box::<Profile>::default());
        let (time, salt) = (index, [0; 16]);
        let bytes = record::write(&Record { time, salt, body }, index).unwrap();
        log.append(bytes).unwrap();
    }
    store.commit(&log.sign(LENGTH).unwrap());
    store
}

fn number(request: &str, name: &str) -> Option<u64> {
    let (_, rest) = request.split_once(name)?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

/// Serves the feed; keeps silent about the last of the old records until told to speak.
fn holding_back(speaks: Arc<AtomicBool>) -> Stranger {
    let store = author();
    Stranger::new(move |request| {
        if request.contains("latest=") {
            let newest = store.bundle(LENGTH - NEWEST..LENGTH).unwrap();
            return Answer::Said(200, [store.bundle(0..1).unwrap(), newest].concat());
        }
        match (number(request, "from="), number(request, "to=")) {
            (Some(from), Some(to)) => {
                if to == LENGTH - NEWEST && !speaks.load(Ordering::SeqCst) {
                    return Answer::Silent;
                }
                Answer::Said(200, store.bundle(from..to).unwrap())
            }
            _ => match number(request, "have=") {
                Some(have) => Answer::Said(200, store.head_answer(have).unwrap()),
                None => Answer::Said(404, Vec::new()),
            },
        }
    })
}

/// What carries out actions, of a node that follows the feed at this peer; and what stops it.
fn live(node: &Arc<Node>, peer: &Stranger) -> (Live, watch::Sender<bool>) {
    let feed = secret().feed_key();
    let text = format!(
        "[[source]]\nfeed = \"{feed}\"\nnickname = \"ana\"\nvia = [\"{}\"]\nkeep = \"all\"\nmax_size = \"1GiB\"\n",
        peer.name
    );
    std::fs::write(node.dirs.sources(), text).unwrap();
    assert_eq!(node.sources().unwrap().list().len(), 1);
    let (stops, stop) = watch::channel(false);
    let live = Live {
        node: node.clone(),
        events: mpsc::channel(64).0,
        stop,
        seen: SharedSeen::default(),
        tasks: JoinSet::new(),
        syncs: BTreeMap::new(),
        streams: BTreeMap::new(),
        told: mpsc::channel(64).0,
    };
    (live, stops)
}

fn sync_of(peer: &Stranger) -> Action {
    Action::Sync {
        feed: secret().feed_key(),
        peer: None,
        order: vec![peer.name.clone()],
    }
}

fn synced(outcome: Outcome) -> Event {
    Event::Synced {
        feed: secret().feed_key(),
        peer: None,
        outcome,
        length: LENGTH,
    }
}

/// It was not the peer's silence that ended a sync.
fn is_not_to_blame(node: &Node, peer: &Stranger) {
    let failed = node
        .standing(&peer.name)
        .and_then(|known| known.last_failure);
    assert_eq!(failed, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_that_is_ended_keeps_what_came_and_the_next_one_asks_for_the_rest_alone() {
    let feed = secret().feed_key();
    let speaks = Arc::<AtomicBool>::default();
    let peer = holding_back(speaks.clone());
    let (_folder, node) = node();
    let (mut live, _stops) = live(&node, &peer);
    live.start(sync_of(&peer));
    let last = format!("to={}", LENGTH - NEWEST);
    let is_asked = || peer.asked().iter().any(|request| request.contains(&last));
    while !is_asked() || node.disk.held(&feed).count() < NEWEST * 2 {
        tokio::task::yield_now().await;
    }
    assert!(live.tasks.try_join_next().is_none(), "it waits");
    let held = node.disk.held(&feed);
    live.start(Action::EndSync { feed });
    let ended = live.tasks.join_next().await.unwrap().unwrap();
    assert_eq!(ended, synced(Outcome::Failed));
    is_not_to_blame(&node, &peer);
    assert_eq!(node.disk.held(&feed), held, "all that came is kept");

    speaks.store(true, Ordering::SeqCst);
    let before = peer.asked().len();
    live.start(sync_of(&peer));
    let done = live.tasks.join_next().await.unwrap().unwrap();
    assert_eq!(done, synced(Outcome::News));
    assert!(node.disk.held(&feed).contains_all(0..LENGTH));
    let asked = peer.asked().split_off(before);
    let bundles = asked.iter().filter_map(|request| number(request, "from="));
    let missing = held.missing(0..LENGTH).next().unwrap();
    assert_eq!(bundles.collect::<Vec<_>>(), [missing.start], "{asked:?}");
    assert!(!asked.iter().any(|request| request.contains("latest=")));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_stops_ends_a_sync_too() {
    let peer = holding_back(Arc::default());
    let (_folder, node) = node();
    let (mut live, stops) = live(&node, &peer);
    live.start(sync_of(&peer));
    while peer.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    stops.send_replace(true);
    let ended = live.tasks.join_next().await.unwrap().unwrap();
    assert!(matches!(
        ended,
        Event::Synced {
            outcome: Outcome::Failed,
            ..
        }
    ));
    is_not_to_blame(&node, &peer);
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_to_a_poll_is_read_up_to_its_limit() {
    let feed = secret().feed_key();
    for (bytes, is_too_long) in [
        (HEAD_ANSWER_BYTES_MAX, false),
        (HEAD_ANSWER_BYTES_MAX + 1, true),
    ] {
        let peer = Stranger::new(move |_| Answer::Said(200, vec![0x80; bytes]));
        let (_folder, node) = node();
        let _follows = live(&node, &peer);
        let (outcome, _) = poll::poll(&node, &feed, &peer.name, 0, &SharedSeen::default()).await;
        assert_eq!(outcome, Outcome::Failed);
        let failure = node.standing(&peer.name).unwrap().last_failure.unwrap();
        assert_eq!(
            failure.what.contains("above its limit"),
            is_too_long,
            "{failure:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_to_a_question_of_a_sync_for_a_head_is_read_up_to_its_limit() {
    let store = author();
    let feed = secret().feed_key();
    for (bytes, is_too_long) in [
        (HEAD_ANSWER_BYTES_MAX, false),
        (HEAD_ANSWER_BYTES_MAX + 1, true),
    ] {
        let peer = Stranger::new(move |_| Answer::Said(200, vec![0x80; bytes]));
        let (_folder, node) = node();
        let newest = [
            store.bundle(0..1).unwrap(),
            store.bundle(LENGTH - 1..LENGTH).unwrap(),
        ];
        let batch = judge::newest(&feed, None, &newest.concat()).unwrap();
        let taken = node.judging(&feed, |store| judge::start(store, &batch, None, 0));
        assert!(matches!(taken, Ok(judge::HeadJudged::Taken(2))));
        let (mut live, _stops) = live(&node, &peer);
        live.start(sync_of(&peer));
        let ended = live.tasks.join_next().await.unwrap().unwrap();
        assert_eq!(ended, synced(Outcome::Failed));
        let failure = node.standing(&peer.name).unwrap().last_failure.unwrap();
        assert_eq!(
            failure.what.contains("above its limit"),
            is_too_long,
            "{failure:?}"
        );
    }
}
