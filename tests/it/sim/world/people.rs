//! Who is in a world, and who knows whom.

use super::{Node, Role, World};
use crate::sim::answers::Lie;
use crate::sim::dice::Dice;
use crate::sim::follower::Follower;
use levada_feed::link::First;
use levada_peer::session::Wanted;
use std::collections::{BTreeMap, BTreeSet};

impl World {
    /// Authors first, then followers and liars. Each follower knows an honest one that comes before it and has what it
    /// wants, and chance adds others.
    pub(super) fn people(&mut self, followers: usize, mut liars: Vec<Vec<Lie>>, dice: &mut Dice) {
        let authors = self.authors.len();
        let all_liars = liars.len();
        for number in 0..authors + followers + all_liars {
            let role = if number < authors {
                Role::Author
            } else if number < authors + followers {
                Role::Follower(Box::new(self.follower(number, followers, all_liars, dice)))
            } else {
                Role::Liar(liars.pop().unwrap())
            };
            let minutes = i64::try_from(dice.within(0..40)).unwrap() - 20;
            self.nodes.push(Node {
                role,
                skew: if dice.happens(50) {
                    0
                } else {
                    minutes * 60_000
                },
                asleep_until: 0,
                life: 0,
                due: 0,
                knows_streams: dice.happens(75),
                knows_to_wait: dice.happens(80),
                durable: BTreeMap::new(),
                stored: BTreeMap::new(),
                disputed: BTreeSet::new(),
                came: BTreeMap::new(),
                taken: BTreeMap::new(),
            });
        }
    }

    fn follower(&self, number: usize, followers: usize, liars: usize, dice: &mut Dice) -> Follower {
        let authors = self.authors.len();
        let wanted = match dice.place(3) {
            0 => Wanted::Items(20),
            _ => Wanted::All,
        };
        let gives = |before: &usize| match &self.nodes[*before].role {
            Role::Follower(follower) => follower.wanted == Wanted::All,
            _ => false,
        };
        let givers: Vec<usize> = (authors..number).filter(gives).collect();
        let mut peers = BTreeMap::new();
        for (at, author) in self.authors.iter().enumerate() {
            let before: Vec<usize> = givers.iter().copied().chain([at]).collect();
            let mut known = vec![before[dice.place(before.len())]];
            for other in authors..authors + followers + liars {
                if other != number && dice.happens(60) && !known.contains(&other) {
                    known.push(other);
                }
            }
            for at in (1..known.len()).rev() {
                known.swap(at, dice.place(at + 1));
            }
            peers.insert(author.feed, known);
        }
        let mut follower = Follower::new(wanted, peers);
        for author in &self.authors {
            if dice.happens(50) {
                let head = author.histories[0].store.head().unwrap();
                let first = First::of(&head.body().first);
                follower.firsts.insert(author.feed, first);
            }
        }
        follower
    }
}
