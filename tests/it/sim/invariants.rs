//! What must hold in every world, whatever happens in it.

use super::answers::Lie;
use super::world::{CALM, HOUR, MINUTE, Role, World};
use levada_feed::key::FeedKey;
use levada_feed::tree::{self, Shape};
use levada_peer::session::Wanted;
use std::collections::BTreeMap;

/// Time after the faults in which honest nodes have to agree.
const CONVERGE: u64 = 12 * HOUR;
/// A time in which nothing happens.
const QUIET: u64 = 15 * MINUTE;
/// Questions that a follower asks of one peer in that time, for each feed, at most.
const QUIET_MAX: u64 = 30;
/// The same of a slow one, which looks as if it let a poll wait: it is asked again when it has answered.
const QUIET_SLOW_MAX: u64 = 70;
/// A time in which what a liar costs is bounded.
const LIAR_TIME: u64 = 5 * MINUTE;
/// Questions to a liar in that time for each feed, and bytes that it sends, at most.
const LIAR_ASKED_MAX: u64 = 50;
const LIAR_BYTES_MAX: u64 = 200_000;

/// What each follower asked of each liar, and the bytes that came.
type Costs = BTreeMap<(usize, usize), (u64, u64)>;

/// Plays a world to its end; gives how many syncs were ended because others waited.
pub(super) fn play(mut world: World) -> u64 {
    let mut costs = Costs::new();
    while world.now < CALM {
        world.run_to(world.now + LIAR_TIME);
        costs = liars_cost_little(&world, &costs);
    }
    let (mut end, mut step) = (CALM, MINUTE);
    let mut left = Vec::new();
    while end < CALM + CONVERGE {
        end += step;
        step = (step * 2).min(HOUR);
        while world.now < end {
            world.run_to(end.min(world.now + LIAR_TIME));
            costs = liars_cost_little(&world, &costs);
        }
        left = unlike(&world);
        if left.is_empty() {
            break;
        }
    }
    assert!(
        left.is_empty(),
        "seed {}: the faults stopped {} hours ago, and still: {left:#?}",
        world.seed,
        (end - CALM) / HOUR
    );
    nothing_false_is_kept(&world);
    // What was begun comes to its end.
    end += 5 * MINUTE;
    world.run_to(end);
    let before = asked(&world);
    world.run_to(end + QUIET);
    for (who, count) in asked(&world) {
        let count = count - before.get(&who).copied().unwrap_or(0);
        let feeds = u64::try_from(world.authors.len()).unwrap();
        let is_slow =
            matches!(&world.nodes[who.1].role, Role::Liar(lies) if lies.contains(&Lie::Slow));
        let most = if is_slow { QUIET_SLOW_MAX } else { QUIET_MAX };
        assert!(
            count <= most * feeds,
            "seed {}: node {} asked node {} {count} times while nothing happened",
            world.seed,
            who.0,
            who.1
        );
    }
    let followers = world.nodes.iter().filter_map(|node| match &node.role {
        Role::Follower(follower) => Some(follower.ended),
        _ => None,
    });
    followers.sum()
}

/// What a liar costs is bounded, whatever it answers, at any time: in questions, and in what it sends for them. Gives what all
/// cost until now.
fn liars_cost_little(world: &World, before: &Costs) -> Costs {
    let feeds = u64::try_from(world.authors.len()).unwrap();
    let mut costs = Costs::new();
    for (number, node) in world.nodes.iter().enumerate() {
        let Role::Follower(follower) = &node.role else {
            continue;
        };
        for (liar, asked) in &follower.asked {
            let Role::Liar(lies) = &world.nodes[*liar].role else {
                continue;
            };
            let came = node.came.get(liar).copied().unwrap_or(0);
            costs.insert((number, *liar), (*asked, came));
            let before = before.get(&(number, *liar)).copied().unwrap_or_default();
            let (asked, came) = (asked - before.0, came - before.1);
            assert!(
                asked <= LIAR_ASKED_MAX * feeds && came <= LIAR_BYTES_MAX * feeds,
                "seed {}: node {number} asked node {liar}, which lies ({lies:?}), {asked} times within five minutes, \
                 and took {came} bytes",
                world.seed
            );
        }
    }
    costs
}

/// Questions by asker and asked.
fn asked(world: &World) -> BTreeMap<(usize, usize), u64> {
    let mut all = BTreeMap::new();
    for (by, node) in world.nodes.iter().enumerate() {
        if let Role::Follower(follower) = &node.role {
            all.extend(follower.asked.iter().map(|(at, count)| ((by, *at), *count)));
        }
    }
    all
}

/// Followers that do not have what they want, in words.
fn unlike(world: &World) -> Vec<String> {
    let mut unlike = Vec::new();
    for (number, node) in world.nodes.iter().enumerate() {
        let Role::Follower(follower) = &node.role else {
            continue;
        };
        for author in &world.authors {
            let kept = &follower.feeds[&author.feed];
            if author.is_forked() {
                unlike.extend(undisputed(world, number, &author.feed));
                continue;
            }
            assert!(kept.fork.is_none(), "the author signed one history");
            let length = author.histories[0].store.length();
            let held = kept.store.records();
            let wanted = follower.wants(length);
            let lacking = wanted.filter(|index| !held.contains_key(index)).count();
            if kept.store.length() != length || lacking > 0 {
                unlike.push(format!(
                    "node {number} ({:?}) has {} of {length} records of feed {}, and lacks {lacking}; peers {:?}",
                    follower.wanted,
                    kept.store.length(),
                    author.feed,
                    follower.peers[&author.feed]
                ));
            }
        }
    }
    unlike
}

/// Of two followers who believe two histories, and of whom one asks the other, one knows of the fork.
fn undisputed(world: &World, number: usize, feed: &FeedKey) -> Option<String> {
    let Role::Follower(ours) = &world.nodes[number].role else {
        return None;
    };
    if ours.wanted != Wanted::All || ours.feeds[feed].fork.is_some() {
        return None;
    }
    let author = world.authors.iter().find(|author| author.feed == *feed)?;
    let history_of = |node: usize| {
        let Role::Follower(follower) = &world.nodes[node].role else {
            return None;
        };
        let kept = &follower.feeds[feed];
        let head = kept.store.head()?.body();
        let own = |at: &usize| author.histories[*at].roots.get(&head.length) == Some(&head.root);
        let both = (0..2).filter(own).count() == 2;
        (!both && kept.fork.is_none()).then(|| (0..2).find(own))?
    };
    let mine = history_of(number)?;
    let can_tell = |peer: usize| match &world.nodes[peer].role {
        // With holes in a list it cannot be told whether it begins with a shorter one.
        Role::Follower(follower) => {
            let (own, other) = (&ours.feeds[feed].store, &follower.feeds[feed].store);
            if other.length() > own.length() {
                other.head_answer(own.length()).is_some()
            } else {
                tree::root(own, Shape::of_list(other.length())).is_ok_and(|root| root.is_some())
            }
        }
        _ => false,
    };
    let mut peers = ours.peers[feed].iter();
    let other = peers
        .find(|peer| can_tell(**peer) && history_of(**peer).is_some_and(|theirs| theirs != mine))?;
    Some(format!(
        "node {number} and node {other} believe two histories, and neither knows of the fork"
    ))
}

/// Every record that is kept is the author's.
fn nothing_false_is_kept(world: &World) {
    for node in &world.nodes {
        let Role::Follower(follower) = &node.role else {
            continue;
        };
        for author in &world.authors {
            let kept = follower.feeds[&author.feed].store.records();
            let is_of = |at: usize| {
                let written = author.histories[at].store.records();
                kept.iter()
                    .all(|(index, bytes)| written.get(index) == Some(bytes))
            };
            assert!(
                (0..author.histories.len()).any(is_of),
                "seed {}: a record that the author did not write",
                world.seed
            );
        }
    }
}
