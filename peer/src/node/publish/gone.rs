//! Items whose files are not there any more: told, and taken back when the person said so.

use super::Run;
use super::entry::Noted;
use crate::api::{Event, Failure};
use crate::io::clock;
use levada_feed::record::{Body, Reference, Retract};

impl Run<'_> {
    /// Items whose files are gone from the folders that were named.
    pub(super) fn look_for_gone(&mut self) -> Result<(), Failure> {
        if self.is_stopped() {
            return Ok(());
        }
        self.sign()?;
        for root in self.args.paths.iter().filter(|root| root.is_dir()) {
            for entry in self.entries.gone_below(root)? {
                if self.is_stopped() {
                    return Ok(());
                }
                if self.moved.contains(&entry.file) {
                    continue;
                }
                self.summary.gone += 1;
                let is_retracted = self.args.retract_missing && !self.args.dry_run;
                if is_retracted {
                    let target = Reference {
                        feed: None,
                        index: entry.index,
                        link: entry.link,
                    };
                    let retract = Retract {
                        target,
                        reason: None,
                    };
                    self.author
                        .append(Body::Retract(retract), clock::now_ms())?;
                    self.summary.retracted += 1;
                }
                self.tell(Event::Gone {
                    index: entry.index,
                    path: entry.path.clone(),
                    is_retracted,
                });
                if is_retracted {
                    self.noted.push(Noted::Drop(entry));
                    self.sign_if_due()?;
                }
            }
        }
        Ok(())
    }
}
