//! Proofs as files: written for anybody, checked without a store.

use super::Node;
use crate::api::{Answer, Checked, Code, Event, Failure, Shown, State, Written};
use crate::io::{answer, whole};
use levada_feed::bundle::{self, Slot};
use levada_feed::chain;
use levada_feed::fork::ForkProof;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::BUNDLE_BYTES_MAX;
use levada_feed::record::{self, Unreadable};
use levada_feed::reject::Reject;
use levada_feed::succession::Succession;
use std::io::Read;
use std::path::Path;

/// A bundle of one record.
pub(super) fn prove(
    node: &Node,
    target: &str,
    output: Option<&Path>,
) -> Result<(Option<Event>, Answer), Failure> {
    let (feed, index) = node.find_target(target)?;
    let Some(index) = index else {
        return Err(
            Failure::new(Code::Usage, format!("{target}: which record?"))
                .hint("say FEED/INDEX, as `levada ls` shows it"),
        );
    };
    let held = node.disk.held(&feed).contains(index);
    let bundle = answer::bundle(&node.disk, &feed, index..index + 1, None)?.filter(|_| held);
    let Some(bundle) = bundle else {
        return Err(Failure::new(
            Code::NotFound,
            format!(
                "feed {}: record {index} is not here",
                super::words::short(&feed)
            ),
        ));
    };
    // Its slot would be withheld, which proves nothing of what it said.
    if let Some(by) = node.disk.retracted(&feed, index..index + 1)?.get(&index) {
        let feed = super::words::short(&feed);
        return Err(Failure::new(
            Code::NotFound,
            format!("feed {feed}: record {index} was taken back by record {by}"),
        )
        .hint(format!(
            "what was taken back is not passed on; prove record {by} to show that it was"
        )));
    }
    let size = u64::try_from(bundle.len()).unwrap_or(u64::MAX);
    let written = |output| {
        Answer::Written(Written {
            feed,
            index: Some(index),
            hash: None,
            size,
            output,
        })
    };
    match output {
        None => Ok((Some(Event::Bytes(bundle)), written(None))),
        Some(path) => {
            write_new(path, &bundle)?;
            Ok((None, written(Some(path.to_owned()))))
        }
    }
}

/// Writes a file that does not exist yet, durably.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    whole::create(path, bytes, 0o666)
        .map(drop)
        .map_err(|error| {
            let failure = super::words::file_failure(path, &error);
            match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    failure.hint("choose another name, or move the old file away")
                }
                _ => failure,
            }
        })
}

/// Checks a file without a store.
pub(crate) fn check(path: &Path) -> Result<Answer, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(BUNDLE_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| super::words::file_failure(path, &error))?;
    let checked = check_bytes(&bytes).map_err(|wrong| not_verified(path, &wrong))?;
    Ok(Answer::Checked(Box::new(checked)))
}

/// Why a file proves nothing.
enum NotProof {
    /// It is none of the things that prove something.
    Other,
    /// It is one, and wrong.
    Wrong(Reject),
}

impl From<Reject> for NotProof {
    fn from(reject: Reject) -> Self {
        Self::Wrong(reject)
    }
}

fn not_verified(path: &Path, wrong: &NotProof) -> Failure {
    let path = path.display();
    match wrong {
        NotProof::Other => Failure::new(
            Code::NotVerified,
            format!("{path}: this is no bundle, no head with its slice, no fork proof and no succession"),
        )
        .hint("`levada prove FEED/INDEX` writes files that can be checked; a file of an item is compared by its hash: b3sum"),
        NotProof::Wrong(reject) => {
            let message = format!("{path}: {}: {reject}", reject.must());
            Failure::new(Code::NotVerified, message).hint(match reject {
                Reject::NeedsNewer { .. } => {
                    "nobody is to blame: a newer levada made it, and this one cannot judge it; update levada"
                }
                _ => "it proves nothing; ask for the file again, or somebody else for it",
            })
        }
    }
}

/// What a file is shows in its number of elements, and in the second one.
fn check_bytes(bytes: &[u8]) -> Result<Checked, NotProof> {
    // A form that is none is told by a MUST that nothing else here can break.
    match levada_feed::codec::check_version(bytes, Reject::AnswerForm) {
        Err(Reject::AnswerForm) => return Err(NotProof::Other),
        checked => checked?,
    }
    levada_feed::codec::check(bytes, levada_feed::limits::BUNDLE_VALUES_MAX)?;
    let parts = levada_feed::codec::read_array(bytes).ok_or(NotProof::Other)?;
    let checked = match parts.len() {
        6 => bundle::check_any(bytes).map(|bundle| of_bundle(&bundle)),
        5 => ForkProof::check(bytes).map(|proof| {
            let wire = |head: &Head| data_encoding::HEXLOWER.encode(head.wire());
            Checked::Fork {
                shorter: proof.shorter().body().clone(),
                longer: proof.longer().body().clone(),
                wire: (wire(proof.shorter()), wire(proof.longer())),
            }
        }),
        4 => {
            let second = parts
                .get(1)
                .and_then(|second| levada_feed::codec::read_bytes(second));
            // The first byte inside tells, and only then the rest is judged (spec/README.md, As files).
            match second.and_then(|second| Some((second, second.first()? >> 5))) {
                Some((head, 4)) => check_answer(bytes, head),
                Some((_, 5)) => check_succession(bytes),
                _ => return Err(NotProof::Other),
            }
        }
        3 => Err(Head::check(bytes).err().unwrap_or(Reject::LengthUnproven)),
        _ => return Err(NotProof::Other),
    };
    checked.map_err(NotProof::Wrong)
}

fn check_succession(bytes: &[u8]) -> Result<Checked, Reject> {
    let succession = Succession::check(bytes)?;
    Ok(Checked::Succession {
        recovery: Hash::of(succession.body().recovery.as_bytes()),
        succession: succession.body().clone(),
    })
}

fn check_answer(bytes: &[u8], head: &[u8]) -> Result<Checked, Reject> {
    let feed = Head::check(head)?.body().feed;
    let proven = chain::check_head(&feed, bytes, 0)?;
    Ok(Checked::Head {
        head: proven.head.body().clone(),
    })
}

fn of_bundle(bundle: &bundle::Bundle<'_>) -> Checked {
    let feed = bundle.head.body().feed;
    let records = bundle.slots.iter().zip(bundle.from..).zip(&bundle.links);
    Checked::Bundle {
        head: bundle.head.body().clone(),
        is_length_proven: bundle.holds_last(),
        records: records
            .map(|((slot, index), link)| of_slot(feed, slot, index, *link, bundle.head.body().time))
            .collect(),
    }
}

fn of_slot(feed: FeedKey, slot: &Slot<'_>, index: u64, link: Hash, head_time: u64) -> Shown {
    let mut shown = Shown {
        feed,
        nickname: super::words::short(&feed),
        index,
        link: Some(link),
        state: State::Withheld,
        newest: index,
        published: None,
        edited: None,
        retracted_by: None,
        reason: None,
        unreadable: None,
        title: None,
        files: Vec::new(),
        body: None,
        is_dropped: false,
    };
    match slot {
        Slot::Record(bytes) => match record::read(bytes, index) {
            Ok(record) => {
                shown.published = Some(crate::query::published(&record, head_time, None));
                return shown.saying(record.body);
            }
            Err(Unreadable::NeedsNewer) => shown.state = State::NeedsNewer,
            Err(why) => {
                shown.state = State::Unreadable;
                shown.unreadable = Some(format!("{}: {why}", why.must()));
            }
        },
        Slot::Withheld(_) => {}
        // A hint only: the record that is said to retract it was not checked here.
        Slot::Retracted(_, by) => shown.retracted_by = Some(*by),
    }
    shown
}
