//! What a checked file proves, in words.

use super::{heads, items};
use crate::escape;
use crate::screen::Screen;
use crate::table::Fields;
use crate::units;
use levada_peer::api::{Checked, Shown, State};

/// Prints it.
pub(super) fn checked(screen: &mut Screen, checked: &Checked) {
    match checked {
        Checked::Bundle {
            head,
            is_length_proven,
            records,
        } => {
            screen.lines([of_records(records)]);
            screen.lines(heads::head(head, None, "  "));
            screen.lines([if *is_length_proven {
                "verified: the feed had exactly this length when the head was signed"
            } else {
                "not proven here: that the feed had exactly this length; that is the author's claim"
            }]);
            for record in records {
                screen.lines([format!("record {}", record.index)]);
                let lines = if record.state == State::Readable {
                    items::one(record)
                } else {
                    vec![unread(record)]
                };
                screen.lines(lines.iter().map(|line| format!("  {line}")));
            }
        }
        Checked::Head { head } => {
            screen.lines([
                "verified: the author signed this head, and the feed has exactly this length",
            ]);
            screen.lines(heads::head(head, None, "  "));
        }
        Checked::Fork {
            shorter,
            longer,
            wire,
        } => {
            screen.lines([format!(
                "verified: the key of feed {} signed two histories; no two such heads can come of one log",
                shorter.feed
            )]);
            screen.lines(heads::fork(shorter, longer, Some(wire)));
        }
        Checked::Succession {
            succession,
            recovery,
        } => {
            screen.lines(["verified: the recovery key and the next key signed this succession"]);
            let mut fields = Fields::default();
            fields
                .add("feed", succession.feed.to_string())
                .add("next", succession.next.to_string())
                .add("recovery", succession.recovery.to_string())
                .add("length", succession.length.to_string())
                .add("root", succession.root.to_string())
                .add(
                    "time",
                    format!("{} UTC ({})", units::time(succession.time), succession.time),
                );
            screen.lines(fields.lines("  "));
            screen.lines([
                "not proven here: that record 0 of the feed names this recovery key; it has to name".to_owned(),
                format!("  {recovery}"),
            ]);
        }
    }
}

fn of_records(records: &[Shown]) -> String {
    let which = match records {
        [] => "no record is".to_owned(),
        [one] => format!("record {} is", one.index),
        [first, .., last] => format!("records {} to {} are", first.index, last.index),
    };
    format!("verified: {which} in the feed that this head signs for")
}

/// A record of which a bundle holds only the hash, or that breaks a rule.
fn unread(record: &Shown) -> String {
    match (record.state, record.retracted_by) {
        (State::Withheld, Some(by)) => {
            format!("withheld; said to be retracted by record {by}, which is not checked here")
        }
        (State::Withheld, None) => "withheld: only its hash is here".to_owned(),
        (State::NeedsNewer, _) => "needs a newer levada".to_owned(),
        _ => match &record.unreadable {
            Some(why) => format!("unreadable: {}", escape::plain(why)),
            None => "unreadable".to_owned(),
        },
    }
}
