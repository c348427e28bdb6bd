//! What goes wrong: crashes, loss of power, lost stores, sleep, partitions, clocks that jump.

use super::{CALM, Happening, MINUTE, Role, World};
use levada_feed::log::Memory;

impl World {
    pub(super) fn fault(&mut self) {
        if self.now >= CALM - MINUTE {
            // A sleep that is under way may go on into the calm; lines are mended.
            self.cut.clear();
            return;
        }
        let node = self.dice.place(self.nodes.len());
        let other = self.dice.place(self.nodes.len());
        let fault = self.dice.place(12);
        self.say(|| format!("fault {fault} at node {node}, and {other}"));
        match fault {
            0 | 1 => self.crash(node),
            2 => self.lose_power(node),
            3 if self.dice.happens(30) => self.lose_store(node),
            4 => self.sleep(node),
            5 => {
                let minutes = i64::try_from(self.dice.within(0..600)).unwrap() - 300;
                self.nodes[node].skew = minutes * 60_000;
            }
            6 | 7 if node != other => {
                self.cut.insert((node.min(other), node.max(other)));
                self.break_streams(|at, by| (at, by) == (node, other) || (at, by) == (other, node));
            }
            8 | 9 => self.cut.clear(),
            _ => self.save(node),
        }
        let after = self.dice.within(2_000..40_000);
        self.at(after, Happening::Fault);
    }

    /// What is written reaches the disk.
    fn save(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        if let Role::Follower(follower) = &node.role {
            node.durable = follower.feeds.clone();
        }
    }

    fn gone(&mut self, node: usize) {
        self.break_streams(|at, by| at == node || by == node);
    }

    /// The process is killed and begins again; what it wrote is there.
    fn crash(&mut self, node: usize) {
        self.gone(node);
        // One that slept is switched on.
        self.nodes[node].asleep_until = 0;
        self.start(node);
    }

    /// What had not reached the disk is lost. Store and plain files may differ in how much.
    fn lose_power(&mut self, node: usize) {
        let (is_store_kept, are_files_kept) = match self.dice.place(3) {
            0 => (false, false),
            1 => (false, true),
            _ => (true, false),
        };
        let state = &mut self.nodes[node];
        let Role::Follower(follower) = &mut state.role else {
            return;
        };
        state.stored.clear();
        state.disputed.clear();
        for (feed, kept) in &mut follower.feeds {
            let durable = state.durable.get(feed).cloned().unwrap_or_default();
            if !is_store_kept {
                kept.store = durable.store;
            }
            if !are_files_kept {
                kept.remembered = durable.remembered;
                kept.fork = durable.fork;
            }
            // A head that is known nowhere any more may be followed by another history: nobody can tell.
            let remembered = kept.remembered.as_ref();
            let remembered = remembered.map_or(0, |head| head.body().length);
            let length = remembered.max(kept.store.length());
            let taken = state.taken.entry(*feed).or_default();
            taken.retain(|taken, _| *taken <= length);
        }
        self.crash(node);
    }

    /// The store is lost; the plain files are there.
    fn lose_store(&mut self, node: usize) {
        let state = &mut self.nodes[node];
        if let Role::Follower(follower) = &mut state.role {
            state.stored.clear();
            for (feed, kept) in &mut follower.feeds {
                kept.store = Memory::default();
                let remembered = kept.remembered.as_ref();
                let length = remembered.map_or(0, |head| head.body().length);
                let taken = state.taken.entry(*feed).or_default();
                taken.retain(|taken, _| *taken <= length);
            }
        }
        self.crash(node);
    }

    fn sleep(&mut self, node: usize) {
        let time = self.dice.within(MINUTE / 2..15 * MINUTE);
        self.nodes[node].asleep_until = self.now + time;
        self.gone(node);
    }
}
