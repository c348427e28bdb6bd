//! Many engines on one fake clock, with loss, delay, partitions, crashes, wrong clocks and lies out of a seed.
//!
//! What decides and what judges is the program's own: `engine`, `standing`, `session`, `judge`, `levada_feed::log` and
//! the frames of the wire. The network, the disks and the clock are made here. A failure names its seed, and
//! `LEVADA_SIM_SEED=N` plays that one alone; `LEVADA_SIM_SEEDS=N` plays so many.

mod answers;
mod author;
mod blob;
mod dice;
mod follower;
mod invariants;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use world::World;

/// Seeds of followers and liars.
const SEEDS: u64 = 1_400;
/// Seeds of many feeds with slow peers.
const CROWDED_SEEDS: u64 = 60;
/// Seeds of one blob and its peers.
const BLOB_SEEDS: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("the seed is a number"))
}

/// The seed that is to be played alone.
fn one_seed() -> Option<u64> {
    number("LEVADA_SIM_SEED")
}

/// Plays every fourth seed from this one on, so that several cores play at a time. Says which ones fail.
fn play(part: u64, seeds: u64, play: impl Fn(u64)) {
    let seeds = number("LEVADA_SIM_SEEDS").unwrap_or(seeds);
    let mut failed = Vec::new();
    for seed in (part..seeds).step_by(4) {
        let played = catch_unwind(AssertUnwindSafe(|| play(seed)));
        if played.is_err() {
            failed.push(seed);
        }
        if failed.len() >= 5 {
            break;
        }
    }
    assert!(
        failed.is_empty(),
        "these seeds fail: {failed:?}; play one alone with LEVADA_SIM_SEED={}",
        failed[0]
    );
}

fn play_part(part: u64) {
    match one_seed() {
        Some(seed) if part == 0 => {
            let mut world = World::new(seed);
            world.is_told = true;
            let _ = invariants::play(world);
        }
        Some(_) => {}
        None => play(part, SEEDS, |seed| {
            let _ = invariants::play(World::new(seed));
        }),
    }
}

#[test]
fn simulated_followers_believe_one_history_and_converge_1_of_4() {
    play_part(0);
}

#[test]
fn simulated_followers_believe_one_history_and_converge_2_of_4() {
    play_part(1);
}

#[test]
fn simulated_followers_believe_one_history_and_converge_3_of_4() {
    play_part(2);
}

#[test]
fn simulated_followers_believe_one_history_and_converge_4_of_4() {
    play_part(3);
}

#[test]
fn simulated_blob_comes_whole_and_right_from_whoever_has_it() {
    match one_seed() {
        Some(seed) => blob::play(seed),
        None => (0..4).for_each(|part| play(part, BLOB_SEEDS, blob::play)),
    }
}

/// Syncs that take long are ended when others wait, and all feeds come to their turn.
#[test]
fn simulated_followers_of_many_feeds_with_slow_peers_converge() {
    let ended = std::cell::Cell::new(0);
    let play_one = |seed, is_told| {
        let mut world = World::crowded(seed);
        world.is_told = is_told;
        ended.set(ended.get() + invariants::play(world));
    };
    match one_seed() {
        Some(seed) => play_one(seed, true),
        None => {
            (0..4).for_each(|part| play(part, CROWDED_SEEDS, |seed| play_one(seed, false)));
            assert!(ended.get() > CROWDED_SEEDS, "{} were ended", ended.get());
        }
    }
}
