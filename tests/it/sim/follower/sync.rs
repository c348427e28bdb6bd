//! One sync of one feed: carries the questions and answers of exchanges, as `node::sync` and `node::records` do.

use super::{Follower, Now, Purpose, Said, What, name};
use levada_feed::key::FeedKey;
use levada_peer::engine::{Event, Outcome};
use levada_peer::runs::Runs;
use levada_peer::session::{Ended, Exchange, Heard, Known, Round, Topic, Turn, Wanted, Whom};
use levada_peer::standing::Conduct;
use std::collections::VecDeque;

/// A sync, and the exchange with the peer that is asked now.
pub(super) struct Syncing {
    told: Option<usize>,
    order: Vec<usize>,
    topic: Topic,
    round: Round,
    exchange: Option<(usize, Exchange)>,
    /// What was asked, in that order, and what came.
    asked: VecDeque<(u64, Option<Said>)>,
}

impl Follower {
    pub(super) fn sync(
        &mut self,
        feed: FeedKey,
        told: Option<String>,
        order: Vec<usize>,
        now: Now,
    ) {
        let store = &self.feeds[&feed];
        let is_disputed = store.fork.is_some();
        let has_nothing = store.store.head().is_none();
        let before = self.synced.get(&feed).filter(|_| told.is_some());
        let topic = Topic {
            feed,
            first: self.firsts.get(&feed).copied(),
            wanted: self.wanted,
            above: before.copied().unwrap_or(0),
            is_disputed,
        };
        let syncing = Syncing {
            told: told.as_deref().map(super::number),
            round: Round::new(order.len()),
            order,
            topic,
            exchange: None,
            asked: VecDeque::new(),
        };
        assert!(
            self.syncs.insert(feed, syncing).is_none(),
            "two syncs of one feed at a time"
        );
        if is_disputed && has_nothing {
            // Nothing was verified before the fork, so there is no history to stay at.
            self.over(feed, Outcome::Failed, now);
        } else {
            self.go_on(feed, now);
        }
    }

    pub(super) fn hear_sync(&mut self, feed: FeedKey, id: u64, said: Said, now: Now) {
        let Some(syncing) = self.syncs.get_mut(&feed) else {
            return;
        };
        // What an exchange asked that is over comes to nobody.
        if let Some(asked) = syncing.asked.iter_mut().find(|(asked, _)| *asked == id) {
            asked.1 = Some(said);
            self.go_on(feed, now);
        }
    }

    /// Asks what is to be asked, and judges what came in its turn.
    fn go_on(&mut self, feed: FeedKey, now: Now) {
        loop {
            let syncing = self.syncs.get_mut(&feed).unwrap();
            let Some((peer, mut exchange)) = syncing.exchange.take() else {
                match syncing.round.whom() {
                    Whom::Over => return self.end(feed, now),
                    Whom::Pause => {}
                    Whom::Peer(at) => {
                        let exchange = Exchange::new(syncing.topic);
                        syncing.exchange = Some((syncing.order[at], exchange));
                    }
                }
                continue;
            };
            let mut heard = None;
            if !exchange.waits() {
                match self.turn(&feed, &mut exchange) {
                    (Turn::Ask(ask), _) => {
                        let what = What::Get { ask, tag: None };
                        let id = self.ask(peer, what, Purpose::Sync(feed));
                        let syncing = self.syncs.get_mut(&feed).unwrap();
                        syncing.asked.push_back((id, None));
                        syncing.exchange = Some((peer, exchange));
                        continue;
                    }
                    (Turn::Done, all) => heard = Some(all),
                    (Turn::Wait, _) => {}
                }
            }
            let syncing = self.syncs.get_mut(&feed).unwrap();
            if heard.is_some() {
                self.conduct(peer, Conduct::Answered(None), now);
            } else if let Some((_, Some(said))) =
                syncing.asked.pop_front_if(|(_, said)| said.is_some())
            {
                heard = self.answered(feed, peer, &mut exchange, said, now);
            } else {
                syncing.exchange = Some((peer, exchange));
                return;
            }
            let syncing = self.syncs.get_mut(&feed).unwrap();
            match heard {
                Some(heard) => {
                    syncing.asked.clear();
                    syncing.round.heard(heard);
                }
                None => syncing.exchange = Some((peer, exchange)),
            }
        }
    }

    /// What the exchange says, by what the store has.
    fn turn(&self, feed: &FeedKey, exchange: &mut Exchange) -> (Turn, Heard) {
        let store = &self.feeds[feed].store;
        let length = store.head().map(|head| head.body().length);
        let from = length.and_then(|length| exchange.from(length));
        // Runs of one after the other, since adding single numbers takes most of the time of a seed.
        let (mut held, mut run) = (Runs::new(), 0..0);
        for index in store.records().keys().copied() {
            if index != run.end {
                held.insert(std::mem::replace(&mut run, index..index));
            }
            run.end = index + 1;
        }
        held.insert(run);
        let items = store.records().range(from.unwrap_or(0)..).count();
        let known = Known {
            length,
            held: &held,
            items: u64::try_from(items).unwrap(),
            oldest: None,
            referred: &Runs::new(),
        };
        (exchange.next(&known), exchange.heard(&known))
    }

    /// Hands an answer over; says what came of the exchange if it is over with that.
    fn answered(
        &mut self,
        feed: FeedKey,
        peer: usize,
        exchange: &mut Exchange,
        said: Said,
        now: Now,
    ) -> Option<Heard> {
        let answer = match said {
            Said::Bytes(answer) => answer,
            Said::NotThere if exchange.lacked() => return None,
            said => {
                self.failed(peer, &said, now);
                return Some(exchange.failed(matches!(said, Said::Unreachable)));
            }
        };
        let store = self.feeds.get_mut(&feed).unwrap();
        let Ok(judged) = exchange.answered(store, &answer, now.wall);
        self.changed.insert(feed);
        match judged {
            Ok(()) => None,
            Err(Ended::Fork(_)) => Some(Heard::Stop),
            Err(Ended::Restless) => {
                self.failed(peer, &Said::Unreachable, now);
                Some(exchange.failed(true))
            }
            Err(Ended::Behind { .. }) => {
                self.conduct(peer, Conduct::Failed("it is behind".into()), now);
                Some(exchange.failed(false))
            }
            Err(Ended::Wrong(reject)) => {
                self.lied(peer, &reject, now);
                Some(exchange.failed(false))
            }
        }
    }

    /// The engine ends a sync: it takes its questions back, and what was verified stays.
    pub(super) fn end_sync(&mut self, feed: FeedKey, now: Now) {
        self.ended += 1;
        self.pending
            .retain(|_, (_, purpose)| !matches!(purpose, Purpose::Sync(of) if *of == feed));
        self.over(feed, Outcome::Failed, now);
    }

    fn end(&mut self, feed: FeedKey, now: Now) {
        let round = &self.syncs[&feed].round;
        let outcome = match (round.is_answered(), round.is_whole()) {
            (true, true) => Outcome::News,
            (true, false) => Outcome::Nothing,
            (false, _) => Outcome::Failed,
        };
        if outcome != Outcome::Failed {
            self.synced.insert(feed, self.feeds[&feed].store.length());
        }
        self.over(feed, outcome, now);
    }

    fn over(&mut self, feed: FeedKey, outcome: Outcome, now: Now) {
        let syncing = self.syncs.remove(&feed).unwrap();
        let peer = syncing.told.map(name);
        let kept = &self.feeds[&feed];
        let length = match kept.fork {
            Some(_) => u64::MAX,
            None => kept.store.length(),
        };
        let event = Event::Synced {
            feed,
            peer,
            outcome,
            length,
        };
        self.engine.note(event, now.awake);
    }

    /// The records that are wanted of a feed of this length.
    pub(in super::super) fn wants(&self, length: u64) -> std::ops::Range<u64> {
        match self.wanted {
            Wanted::Items(items) => length.saturating_sub(items)..length,
            _ => 0..length,
        }
    }
}
