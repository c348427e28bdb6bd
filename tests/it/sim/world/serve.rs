//! What passes between nodes: questions, answers, streams, and what is lost on the way.

use super::{Happening, Role, STALL, World};
use crate::sim::answers::{Lie, honest, lied, slowly};
use crate::sim::follower::{Request, Said, What};
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::log::Memory;
use levada_peer::frame::{self, Ask, News};

/// How late a slow peer answers: within the patience of who asks.
const SLOW: u64 = STALL - 1_000;

/// A stream, as the one who tells sees it.
pub(super) struct Watcher {
    at: usize,
    by: usize,
    id: u64,
    life: u64,
    pub(super) told: Vec<ToldOf>,
    /// What is sent arrives in order.
    arrives: u64,
}

pub(super) struct ToldOf {
    pub(super) feed: FeedKey,
    pub(super) have: u64,
    tag: Option<[u8; 16]>,
    pub(super) is_absence_told: bool,
    is_fork_told: bool,
}

/// A poll that waits.
pub(super) struct Waiter {
    at: usize,
    by: usize,
    id: u64,
    life: u64,
    ask: Ask,
    tag: Option<String>,
}

/// What a node has to say to a question.
enum Made {
    Answer(Vec<u8>),
    NotHere,
    Silence,
}

impl World {
    fn is_cut(&self, one: usize, other: usize) -> bool {
        self.cut.contains(&(one.min(other), one.max(other)))
    }

    /// How long something is on its way; `None`: it never arrives.
    fn way(&mut self, from: usize, to: usize) -> Option<u64> {
        let is_calm = self.is_calm();
        if self.is_cut(from, to) || (!is_calm && self.dice.happens(8)) {
            return None;
        }
        Some(if !is_calm && self.dice.happens(5) {
            self.dice.within(1_000..20_000)
        } else {
            self.dice.within(2..200)
        })
    }

    pub(super) fn send(&mut self, by: usize, request: Request) {
        let Request { id, peer: to, what } = request;
        let life = self.nodes[by].life;
        let wait = match &what {
            What::Get {
                ask: Ask::Head { wait, .. },
                ..
            } => wait * 1_000,
            _ => 0,
        };
        let said = Said::Unreachable;
        let over = Happening::Answered {
            to: by,
            id,
            life,
            said,
        };
        self.at(STALL + wait, over);
        if let Some(way) = self.way(by, to) {
            let asked = Happening::Asked {
                by,
                id,
                to,
                life,
                what,
            };
            self.at(way, asked);
        }
    }

    fn answer(&mut self, waiter: &Waiter, said: Said) {
        let (to, id, life) = (waiter.by, waiter.id, waiter.life);
        if let Some(way) = self.way(waiter.at, to) {
            let late = match &self.nodes[waiter.at].role {
                Role::Liar(lies) if lies.contains(&Lie::Slow) => SLOW,
                _ => 0,
            };
            self.at(way + late, Happening::Answered { to, id, life, said });
        }
    }

    pub(super) fn asked(&mut self, by: usize, id: u64, life: u64, at: usize, what: What) {
        if self.nodes[at].asleep_until > self.now {
            return;
        }
        match what {
            What::Watch(body) => self.watched(by, id, life, at, &body),
            What::Get { ask, tag } => self.poll(
                Waiter {
                    at,
                    by,
                    id,
                    life,
                    ask,
                    tag,
                },
                true,
            ),
        }
    }

    /// Answers a question, or lets it wait for another head.
    fn poll(&mut self, waiter: Waiter, may_wait: bool) {
        let head = self.store(waiter.at, waiter.by, &feed_of(&waiter.ask));
        let tag = head.and_then(Memory::head).map(Head::wire);
        let is_known = waiter.tag.is_some() && tag.map(frame::head_tag) == waiter.tag;
        let said = match &waiter.ask {
            Ask::Head { wait, .. } if is_known => {
                if may_wait && *wait > 0 && self.nodes[waiter.at].knows_to_wait {
                    let (at, by, id) = (waiter.at, waiter.by, waiter.id);
                    self.at(wait * 1_000, Happening::Waited { at, by, id });
                    return self.waiters.push(waiter);
                }
                Said::Same
            }
            ask => match self.made(waiter.at, waiter.by, ask) {
                Made::Silence => return,
                Made::NotHere => Said::NotThere,
                Made::Answer(answer) => Said::Bytes(answer),
            },
        };
        self.answer(&waiter, said);
    }

    pub(super) fn waited(&mut self, at: usize, by: usize, id: u64) {
        let is_it = |waiter: &Waiter| (waiter.at, waiter.by, waiter.id) == (at, by, id);
        if let Some(place) = self.waiters.iter().position(is_it) {
            let waiter = self.waiters.swap_remove(place);
            self.poll(waiter, false);
        }
    }

    /// What a node has of a feed, as it shows it to this one: an author with two histories shows each to half of them.
    fn store(&self, at: usize, by: usize, feed: &FeedKey) -> Option<&Memory> {
        let author = self.authors.iter().find(|author| author.feed == *feed)?;
        let history = &author.histories[by % author.histories.len()];
        match &self.nodes[at].role {
            Role::Author => (self.authors[at].feed == *feed).then_some(&history.store),
            Role::Follower(follower) => Some(&follower.feeds.get(feed)?.store),
            Role::Liar(lies) if lies.contains(&Lie::Stale) => history.old.first(),
            Role::Liar(_) => Some(&history.store),
        }
    }

    fn made(&mut self, at: usize, by: usize, ask: &Ask) -> Made {
        let lie = match &self.nodes[at].role {
            // One with a single lie never says anything else.
            Role::Liar(lies) if lies.len() == 1 || !self.dice.happens(15) => {
                Some(lies[self.dice.place(lies.len())])
            }
            _ => None,
        };
        let ask = match lie {
            Some(Lie::OtherFeed) => about(ask, self.authors[0].feed),
            Some(Lie::OtherRange) => beside(ask),
            Some(Lie::Slow) => slowly(ask),
            _ => ask.clone(),
        };
        let store = self.store(at, by, &feed_of(&ask));
        let answer = match lie {
            Some(Lie::Withholds) => {
                store.and_then(|store| honest(&store.without_records(1..u64::MAX), &ask))
            }
            _ => store.and_then(|store| honest(store, &ask)),
        };
        if lie == Some(Lie::Silent) {
            return Made::Silence;
        }
        let answer = answer.and_then(|answer| match lie {
            Some(lie) => lied(lie, &ask, answer, &mut self.dice),
            None => Some(answer),
        });
        answer.map_or(Made::NotHere, Made::Answer)
    }

    fn watched(&mut self, by: usize, id: u64, life: u64, at: usize, body: &[u8]) {
        if !self.nodes[at].knows_streams {
            if let Some(way) = self.way(at, by) {
                let (to, said) = (by, Said::NotThere);
                self.at(way, Happening::Answered { to, id, life, said });
            }
            return;
        }
        let watched = frame::read_watch(body).unwrap();
        let told = watched.iter().map(|one| {
            let feeds = self.authors.iter().map(|author| author.feed);
            ToldOf {
                feed: feeds
                    .into_iter()
                    .find(|feed| *feed.as_bytes() == one.feed)
                    .unwrap(),
                have: one.have,
                tag: one.tag,
                is_absence_told: false,
                is_fork_told: false,
            }
        });
        let mut watcher = Watcher {
            at,
            by,
            id,
            life,
            told: told.collect(),
            arrives: self.now,
        };
        let mut bytes = frame::write_alive();
        for place in 0..watcher.told.len() {
            bytes.extend(self.frames(&mut watcher, place));
        }
        if self.stream(&mut watcher, bytes) {
            self.watchers.push(watcher);
        }
    }

    /// Something changed at a node: those who watch or wait there are told.
    pub(super) fn tell(&mut self, at: usize, feed: &FeedKey) {
        for mut watcher in std::mem::take(&mut self.watchers) {
            let place = watcher.told.iter().position(|told| told.feed == *feed);
            let is_alive = self.nodes[watcher.by].life == watcher.life;
            let goes_on = match place.filter(|_| watcher.at == at) {
                Some(place) if is_alive => {
                    let bytes = self.frames(&mut watcher, place);
                    bytes.is_empty() || self.stream(&mut watcher, bytes)
                }
                _ => is_alive,
            };
            if goes_on {
                self.watchers.push(watcher);
            }
        }
        for waiter in std::mem::take(&mut self.waiters) {
            if waiter.at == at && feed_of(&waiter.ask) == *feed {
                self.poll(waiter, true);
            } else {
                self.waiters.push(waiter);
            }
        }
    }

    /// Sends bytes of a stream. On a line that loses something the stream ends. False when it is over.
    fn stream(&mut self, watcher: &mut Watcher, bytes: Vec<u8>) -> bool {
        let way = self.way(watcher.at, watcher.by);
        let said = way.map_or(Said::End, |_| Said::Bytes(bytes));
        self.deliver(watcher, way.unwrap_or(STALL), said);
        way.is_some()
    }

    fn deliver(&mut self, watcher: &mut Watcher, way: u64, said: Said) {
        watcher.arrives = watcher.arrives.max(self.now + way) + 1;
        let (to, id, life) = (watcher.by, watcher.id, watcher.life);
        let after = watcher.arrives - self.now;
        self.at(after, Happening::Answered { to, id, life, said });
    }

    /// Streams of which one end is gone end at once, or after a silence.
    pub(super) fn break_streams(&mut self, is_it: impl Fn(usize, usize) -> bool) {
        for mut watcher in std::mem::take(&mut self.watchers) {
            if is_it(watcher.at, watcher.by) {
                let silence = self.dice.within(1..75_000);
                self.deliver(&mut watcher, silence, Said::End);
            } else {
                self.watchers.push(watcher);
            }
        }
        self.waiters.retain(|waiter| !is_it(waiter.at, waiter.by));
    }

    /// What is new about the feed at a place, as frames.
    fn frames(&mut self, watcher: &mut Watcher, place: usize) -> Vec<u8> {
        let (at, by) = (watcher.at, watcher.by);
        if let Role::Liar(lies) = &self.nodes[at].role
            && lies.contains(&Lie::Teases)
        {
            return self.tease(watcher, place);
        }
        let told = &mut watcher.told[place];
        let mut news = Vec::new();
        if let Role::Follower(follower) = &self.nodes[at].role
            && let Some(proof) = &follower.feeds[&told.feed].fork
            && !told.is_fork_told
        {
            told.is_fork_told = true;
            news.push(News::Fork(proof.wire().to_vec()));
        }
        let ask = Ask::Head {
            feed: told.feed,
            have: told.have,
            wait: 0,
        };
        let head = self.store(at, by, &told.feed).and_then(Memory::head);
        let head = head.map(|head| (frame::head_tag_bytes(head.wire()), head.body().length));
        let is_liar = matches!(self.nodes[at].role, Role::Liar(_));
        match (head, self.made(at, by, &ask)) {
            (_, Made::Silence) => {}
            (Some((tag, _)), _) if told.tag == Some(tag) && !is_liar => {}
            (Some((tag, length)), Made::Answer(answer)) => {
                (told.have, told.tag, told.is_absence_told) = (length, Some(tag), false);
                news.push(News::Head(answer));
            }
            _ if told.is_absence_told => {}
            _ => {
                told.is_absence_told = true;
                news.push(News::NotHere);
            }
        }
        let frames = news.iter().map(|news| frame::write_frame(place, news));
        frames.flatten().collect()
    }
}

fn feed_of(ask: &Ask) -> FeedKey {
    match ask {
        Ask::Head { feed, .. } | Ask::Bundle { feed, .. } | Ask::Latest { feed, .. } => *feed,
        _ => unreachable!("followers ask for nothing else here"),
    }
}

/// A question for other records.
fn beside(ask: &Ask) -> Ask {
    match ask.clone() {
        Ask::Bundle { feed, from, to, at } => Ask::Bundle {
            feed,
            from: from / 2,
            to: to / 2 + 1,
            at,
        },
        other => other,
    }
}

/// The same question about another feed.
fn about(ask: &Ask, feed: FeedKey) -> Ask {
    match ask.clone() {
        Ask::Head { have, wait, .. } => Ask::Head { feed, have, wait },
        Ask::Bundle { from, to, at, .. } => Ask::Bundle { feed, from, to, at },
        Ask::Latest { count, .. } => Ask::Latest { feed, count },
        other => other,
    }
}
