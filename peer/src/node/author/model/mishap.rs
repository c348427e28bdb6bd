//! What befalls a machine in a schedule: it loses what it has, or fails in the middle of signing.

use super::{Run, Trust};
use crate::io::fault::{Form, Plan};

/// Changes of the disk that a signing makes at most, from opening the feed on.
const STEPS_MAX: usize = 16;

impl Run<'_> {
    /// It is to sign, and one change of its disk fails, or is the last before it is killed.
    pub(super) fn crash(&mut self, at: usize) {
        self.machines[at].node().expect("it starts");
        self.hear(at);
        let (form, step) = (Form::ALL[self.dice.below(4)], self.dice.below(STEPS_MAX));
        let (records, now) = (self.dice.below(4) as u64, self.time());
        self.say(format!(
            "machine {at} signs {records} at {now}, and step {step} fails: {form:?}"
        ));
        let planned = Plan::fail(self.machines[at].folder(), step, form);
        let signed = self.machines[at].sign(Trust::Marked, records, now);
        self.say(format!(
            "  {:?}",
            signed.as_ref().err().map(|failure| &failure.message)
        ));
        // What it shows before its end counts, and what it shows when it is started again.
        self.collect(at, signed.is_ok());
        self.machines[at].kill();
        drop(planned);
        self.machines[at]
            .node()
            .expect("a node starts after any crash");
        self.collect(at, signed.is_ok());
        if signed.is_err() {
            self.machines[at].known.is_begun = true;
        }
        if self.is_careful {
            // The same command goes on, so that no other machine signs what this one has begun.
            let resumed = self.machines[at].sign(Trust::Marked, 0, now);
            self.collect(at, resumed.is_ok());
        }
    }

    pub(super) fn lose(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let what = match self.dice.below(6) {
            0 => {
                machine.lose_store();
                "its store"
            }
            1 => {
                machine.lose_author_file();
                "its author's file"
            }
            2 => {
                machine.lose_state();
                "its state"
            }
            3 => {
                machine.lose_markers();
                "its markers"
            }
            4 => {
                machine.tear_author_file();
                "the end of an append"
            }
            _ => {
                machine.kill();
                "its process"
            }
        };
        self.say(format!("machine {at} loses {what}"));
    }
}
