//! The end of a schedule: everybody is reached, and it shows who goes on and who does not, and why.

use super::history::History;
use super::mirror::Manner;
use super::{MACHINES, MIRRORS, Run};
use crate::api::{Code, Failure};
use crate::node::author::Trust;

impl Run<'_> {
    /// Everybody talks to everybody: who can go on goes on, and after two histories nobody does.
    pub(super) fn settle(&mut self) {
        self.say("everybody is reached".to_owned());
        for mirror in &self.world.mirrors {
            mirror.set(Manner::Honest);
        }
        for at in 0..MACHINES {
            for mirror in 0..MIRRORS {
                self.pull(mirror, at);
            }
        }
        for at in 0..MACHINES {
            for mirror in 0..MIRRORS {
                self.pull(mirror, at);
            }
        }
        for at in 0..MACHINES {
            self.machines[at].stop();
            let is_forked = self.is_forked();
            match self.sign_last(at) {
                Ok(()) => {
                    assert!(!is_forked, "machine {at} signs after a fork");
                    self.collect(at, true);
                    for mirror in 0..MIRRORS {
                        self.pull(mirror, at);
                    }
                }
                Err(failure) => self.explain(at, &failure),
            }
        }
        for at in 0..MACHINES {
            self.machines[at].stop();
            let has_signed = self.sign_last(at).is_ok();
            assert!(
                !(self.is_forked() && has_signed),
                "machine {at} signs after a fork"
            );
        }
    }

    fn is_forked(&self) -> bool {
        let mut mirrors = self.world.mirrors.iter();
        mirrors.any(|mirror| mirror.has_fork(&self.feed))
    }

    /// Why a machine does not go on although everybody answers: a fork, or something that
    /// it showed or began and nobody else has.
    fn explain(&mut self, at: usize, failure: &Failure) {
        assert_eq!(failure.code, Code::Denied, "{failure:?}");
        let node = self.machines[at].node().unwrap();
        let has_fork = node.evidence.fork(&self.feed).unwrap().is_some();
        let told = self.told();
        let is_at_hand = |known: &History| told.iter().any(|told| told.extends(known));
        let is_whole = self.machines[at].known.all().all(is_at_hand);
        assert!(
            has_fork || !is_whole || self.machines[at].known.is_begun,
            "machine {at} stays behind: {failure:?}"
        );
    }

    fn sign_last(&mut self, at: usize) -> Result<(), Failure> {
        let (feed, node) = (self.feed, self.machines[at].node()?);
        if node.evidence.elsewhere(&feed)?.is_some() {
            self.machines[at].take_over()?;
        }
        self.machines[at].sign(Trust::Marked, 1, 2_000_000_000_000)
    }
}
