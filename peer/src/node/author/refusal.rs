//! What a person reads when an own feed is not signed, or was signed elsewhere too.
//!
//! Every text says what happened, that nothing was signed, and what to do.

use super::elsewhere::{Answer, Elsewhere, Said};
use crate::api::{Code, Event, Failure};
use crate::node::words::short;
use levada_feed::fork::ForkProof;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use std::path::Path;

/// The key signed two histories. Both heads in full: this output stands alone.
pub(in crate::node) fn forked(proof: &ForkProof) -> Failure {
    let feed = short(&proof.longer().body().feed);
    let head = |head: &Head| {
        let wire = data_encoding::HEXLOWER.encode(head.wire());
        format!("  head of length {}: {wire}", head.body().length)
    };
    let message = format!(
        "feed {feed}: this key signed two histories, and nothing more is signed with it\n{}\n{}",
        head(proof.shorter()),
        head(proof.longer())
    );
    Failure::new(Code::Denied, message).hint("two machines, or a restored backup, signed with the same key. followers keep what they verified before and take nothing new. go on with a new key: levada init --name NEW, and tell your followers its link")
}

/// A head came up elsewhere that this machine did not sign.
pub(in crate::node) fn signed_elsewhere(feed: &FeedKey, head: &Head) -> Failure {
    let (feed, length) = (short(feed), head.body().length);
    Failure::new(
        Code::Denied,
        format!("feed {feed}: another machine signs with this key: it signed a head of {}, and this one did not", records(length)),
    )
    .hint("nothing is signed here until that is settled: stop the other machine, then take over what it signed: levada key take-over")
}

/// The files were restored or copied, and nobody could say whether they are the newest.
pub(super) fn copied(feed: &FeedKey, found: &Elsewhere) -> Failure {
    let feed = short(feed);
    let message = format!(
        "feed {feed}: its key or files were restored or copied here, and more may have been signed elsewhere since"
    );
    Failure::new(Code::Denied, format!("{message}{}", asked(found))).hint(format!(
        "nothing was signed: after an older copy it would begin a second history, which followers refuse. {}; or if this copy is the newest and no other machine uses the key, run the same command with --insist",
        whom(found)
    ))
}

/// The same, before anybody was asked.
pub(in crate::node) fn unmarked(feed: &FeedKey, is_here: bool, has_mirrors: bool) -> Failure {
    let feed = short(feed);
    let message = if is_here {
        format!(
            "feed {feed}: its key or files were restored or copied here; nothing is signed until somebody who has the feed was asked"
        )
    } else {
        format!("feed {feed}: its author's file is not here; nothing is signed until it is")
    };
    Failure::new(Code::Denied, message).hint(if has_mirrors {
        "the next publish asks its mirrors first; `levada mirror list` shows what they have"
    } else {
        "a peer or web host that has the feed is named with: levada mirror add URL"
    })
}

/// Records are known to exist and are not in the file.
pub(super) fn older(path: &Path, reached: u64, needed: u64, found: &Elsewhere) -> Failure {
    let path = path.display();
    Failure::new(
        Code::Denied,
        format!(
            "{path}: the author's file ends at {}, and {} were signed{}",
            records(reached),
            needed,
            asked(found)
        ),
    )
    .hint(format!(
        "nothing was signed. put the newest author's file back, or {}: what is missing is taken over from there",
        whom(found)
    ))
}

/// The author's file is gone.
pub(super) fn gone(feed: &FeedKey, path: &Path, found: &Elsewhere) -> Failure {
    let (feed, path) = (short(feed), path.display());
    Failure::new(
        Code::Denied,
        format!(
            "feed {feed}: its author's file is gone, and records were signed with this key{}",
            asked(found)
        ),
    )
    .hint(format!(
        "nothing was signed. put the newest author's file in its place: {path}; or {}; or if this machine signed last and no other one uses the key, run the same command with --insist: the file is made again from the store",
        whom(found)
    ))
}

/// The author's file is damaged, and neither the store nor anybody has all of it.
pub(super) fn damaged(path: &Path, reached: u64, needed: u64, found: &Elsewhere) -> Failure {
    let path = path.display();
    Failure::new(
        Code::Denied,
        format!(
            "{path}: the author's file is damaged: {} were signed, and {} of them are here without it{}",
            records(needed),
            reached,
            asked(found)
        ),
    )
    .hint(format!(
        "nothing was signed. put the author's file back from a backup, or {}: it is made again from what they have",
        whom(found)
    ))
}

/// The author's file is damaged from its beginning on, so that it does not tell what was signed.
pub(super) fn unreadable(path: &Path, found: &Elsewhere) -> Failure {
    let path = path.display();
    Failure::new(
        Code::Denied,
        format!(
            "{path}: the author's file is damaged from its beginning on, and more may have been signed than is here{}",
            asked(found)
        ),
    )
    .hint(format!(
        "nothing was signed. put the author's file back from a backup, or {}; or if what is here is all, run the same command with --insist: it is made again from the store",
        whom(found)
    ))
}

/// A key alone.
pub(super) fn absent(feed: &FeedKey, path: &Path, found: &Elsewhere) -> Failure {
    let (feed, path) = (short(feed), path.display());
    Failure::new(
        Code::Denied,
        format!("feed {feed}: its author's file is not here, and it may have been signed elsewhere{}", asked(found)),
    )
    .hint(format!("put the newest author's file in its place: {path}; or {}: it is made again from what they have. if nothing was ever signed with this key: levada key restore FILE --new", whom(found)))
}

/// Records are missing that somebody may have.
pub(super) fn incomplete(feed: &FeedKey) -> Failure {
    let feed = short(feed);
    Failure::new(
        Code::Denied,
        format!("feed {feed}: a newer head of it is known here, and its records are not here yet"),
    )
    .hint("nothing was signed; run the same command again when a mirror of the feed answers")
}

/// The file and what is known elsewhere contradict each other.
pub(super) fn other_history(feed: &FeedKey) -> Failure {
    let feed = short(feed);
    Failure::new(
        Code::Denied,
        format!(
            "feed {feed}: the author's file tells another history than the one that was signed here"
        ),
    )
    .hint("put the right file back from a backup; nothing is signed until then")
}

/// A mirror has more of a feed whose key is closed.
pub(in crate::node) fn closed(feed: &FeedKey, mirror: &str) -> Failure {
    let feed = short(feed);
    let message = format!(
        "feed {feed}: {mirror} has more of it than is here, and its key is encrypted: nothing was taken over"
    );
    Failure::new(Code::WrongPassphrase, message)
        .hint("levada key take-over asks for the passphrase and takes it over")
}

/// `key take-over` found nobody.
pub(super) fn nobody_to_take_over_from(feed: &FeedKey, found: &Elsewhere) -> Failure {
    let feed = short(feed);
    Failure::new(
        Code::NotFound,
        format!(
            "feed {feed}: nobody has more of it than is here{}",
            asked(found)
        ),
    )
    .hint(format!("{}, then run the same command again", whom(found)))
}

/// Records came that this machine did not write.
pub(super) fn taken_over(feed: &FeedKey, taken: u64, length: u64) -> (String, Option<String>) {
    let feed = short(feed);
    let message = format!(
        "feed {feed}: {} that this machine did not write {} taken over; it goes on at {length}",
        records(taken),
        if taken == 1 { "was" } else { "were" }
    );
    let hint = "after a restored backup this is as it should be; `levada sync NAME` fetches their media. if another machine still signs with this key, stop it: two that sign end in two histories, which followers refuse";
    (message, Some(hint.to_owned()))
}

/// The file is damaged, and the store does not have all that was signed either.
pub(super) fn damaged_both(path: &Path) -> Failure {
    let message = format!(
        "{}: it is damaged, and the store does not have all that was signed",
        path.display()
    );
    Failure::new(Code::NotVerified, message).hint("put the newest copy of it back from a backup; or move it elsewhere: then `levada publish PATH` makes it again of what mirrors have that answer")
}

/// The author's file was made again.
pub(super) fn made_again(path: &Path, kept: Option<&Path>, length: u64) -> Event {
    let shown = path.display();
    let message = match kept {
        Some(_) => format!(
            "{shown}: it was damaged and was made again, with {}",
            records(length)
        ),
        None => format!(
            "{shown}: it was not here and was made again, with {}",
            records(length)
        ),
    };
    let hint = kept.map(|kept| format!("the damaged file is kept as {}", kept.display()));
    Event::Warning { message, hint }
}

fn records(count: u64) -> String {
    match count {
        1 => "1 record".to_owned(),
        count => format!("{count} records"),
    }
}

/// What became of asking.
fn asked(found: &Elsewhere) -> String {
    let Elsewhere::Nobody(answers) = found else {
        return String::new();
    };
    let said = |answer: &Answer| {
        let what = match &answer.said {
            Said::Older(length) => format!("has an older state, of {}", records(*length)),
            Said::Unknown => "does not have this feed".to_owned(),
            Said::Nothing(why) => return format!("\n  {why}"),
            Said::Newer(..) | Said::Same | Said::Fork(_) => "answered".to_owned(),
        };
        format!("\n  {} {what}", answer.mirror)
    };
    answers.iter().map(said).collect()
}

/// Whom to ask.
fn whom(found: &Elsewhere) -> &'static str {
    match found {
        Elsewhere::Nobody(answers) if !answers.is_empty() => {
            "run the same command again when a mirror of the feed answers"
        }
        _ => "name somebody who has the feed: levada mirror add URL",
    }
}
