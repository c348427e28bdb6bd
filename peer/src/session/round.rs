//! One sync of a feed over all its peers: who is asked next, and what it comes to.
//!
//! Pure. The first peer that has news and gives them is enough. One that is behind, withholds, lies or is away costs one
//! exchange, and the next one is asked.

use std::collections::VecDeque;

/// Rounds over the peers before a sync fails.
const ROUNDS: u32 = 2;

/// Whom the driver asks next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Ask this peer, by its place in the order.
    Peer(usize),
    /// Wait for a moment, then ask again what is next: some may do better then.
    Pause,
    /// The sync is over.
    Over,
}

/// What came of an exchange with one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It told what it can.
    All {
        /// Its head was older than ours.
        is_stale: bool,
        /// All is here for which others would be asked too.
        is_enough: bool,
        /// All is here that is wanted.
        is_whole: bool,
    },
    /// It is away, or it lied.
    Failed {
        /// The same peer may do better in a moment.
        is_passing: bool,
        /// A head was taken before, of which the records are lacking.
        has_begun: bool,
    },
    /// Nobody else is to be asked either.
    Stop,
}

/// One sync.
#[derive(Clone, Debug)]
pub struct Round {
    /// Who is to be asked, by place.
    to_ask: VecDeque<usize>,
    /// Who may do better in a moment.
    again: VecDeque<usize>,
    round: u32,
    is_answered: bool,
    is_whole: bool,
    is_over: bool,
}

impl Round {
    /// A sync with so many peers.
    #[must_use]
    pub fn new(peers: usize) -> Self {
        Self {
            to_ask: (0..peers).collect(),
            again: VecDeque::new(),
            round: 1,
            is_answered: false,
            is_whole: false,
            is_over: false,
        }
    }

    /// Who is asked next.
    #[must_use]
    pub fn whom(&mut self) -> Whom {
        if self.is_over {
            return Whom::Over;
        }
        if let Some(peer) = self.to_ask.front() {
            return Whom::Peer(*peer);
        }
        if self.is_answered || self.again.is_empty() || self.round >= ROUNDS {
            return Whom::Over;
        }
        self.round += 1;
        self.to_ask = std::mem::take(&mut self.again);
        Whom::Pause
    }

    /// Takes note of what came of the exchange with the peer that was next.
    pub fn heard(&mut self, heard: Heard) {
        let Some(peer) = self.to_ask.pop_front() else {
            return;
        };
        match heard {
            Heard::All {
                is_stale,
                is_enough,
                is_whole,
            } => {
                self.is_answered = true;
                self.is_whole = is_whole;
                self.is_over = !is_stale && is_enough;
            }
            Heard::Failed {
                is_passing,
                has_begun,
            } => {
                self.is_whole &= !has_begun;
                if is_passing {
                    self.again.push_back(peer);
                }
            }
            Heard::Stop => self.is_over = true,
        }
    }

    /// Whether a peer will be asked besides the one that is next.
    #[must_use]
    pub fn has_others(&self) -> bool {
        self.to_ask.len() > 1
    }

    /// Whether a peer told what it can.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether all is here that is wanted; what is not may be had later.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWAY: Heard = Heard::Failed {
        is_passing: true,
        has_begun: false,
    };
    const LIED: Heard = Heard::Failed {
        is_passing: false,
        has_begun: false,
    };

    fn all(is_stale: bool, is_enough: bool, is_whole: bool) -> Heard {
        Heard::All {
            is_stale,
            is_enough,
            is_whole,
        }
    }

    /// Who is asked when the peers behave like this, whether one answered, and whether all came.
    fn played(heard: &[Heard]) -> (Vec<usize>, bool, bool) {
        let (mut round, mut asked) = (Round::new(heard.len()), Vec::new());
        loop {
            match round.whom() {
                Whom::Peer(peer) => {
                    asked.push(peer);
                    round.heard(heard[peer]);
                }
                Whom::Pause => {}
                Whom::Over => return (asked, round.is_answered(), round.is_whole()),
            }
        }
    }

    #[test]
    fn first_peer_that_gives_what_is_new_is_enough() {
        let whole = all(false, true, true);
        assert_eq!(played(&[whole, whole]), (vec![0], true, true));
        let stale = all(true, true, true);
        assert_eq!(played(&[stale, LIED, whole, whole]).0, [0, 1, 2]);
        let withheld = all(false, false, false);
        assert_eq!(played(&[withheld, whole]), (vec![0, 1], true, true));
        let lacking = all(false, true, false);
        assert_eq!(played(&[lacking, whole]), (vec![0], true, false));
    }

    #[test]
    fn peers_that_are_away_for_a_moment_are_asked_once_more_and_liars_are_not() {
        let all_fail = played(&[AWAY, LIED, AWAY]);
        assert_eq!(all_fail, (vec![0, 1, 2, 0, 2], false, false));
        assert_eq!(played(&[LIED]).0, [0]);
        assert_eq!(played(&[Heard::Stop, AWAY]), (vec![0], false, false));
    }

    #[test]
    fn head_of_a_peer_that_then_fails_leaves_something_to_be_had() {
        let begun = Heard::Failed {
            is_passing: false,
            has_begun: true,
        };
        let played = played(&[all(true, true, true), begun]);
        assert_eq!(played, (vec![0, 1], true, false));
    }
}
