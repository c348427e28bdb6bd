//! What a peer answers: honestly, out of what it has, or with a lie.

use super::dice::Dice;
use levada_feed::log::Memory;
use levada_peer::frame::Ask;

const LEAF: u64 = 32;
/// Records in one answer at most, so that small feeds take several.
const SLOTS_MAX: u64 = 48;

/// What a lying peer does to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    /// One bit is another.
    Bit,
    /// The end is missing.
    Cut,
    /// Something follows.
    More,
    /// Bytes that mean nothing.
    Noise,
    /// An old state of the feed.
    Stale,
    /// The answer about another feed.
    OtherFeed,
    /// Heads are told, and no record is given.
    KeepsBack,
    /// All records but the first are withheld.
    Withholds,
    /// It has nothing.
    Lacks,
    /// It never answers.
    Silent,
    /// Other records than those that were asked for.
    OtherRange,
    /// On streams it tells of the newest head again and again, in a form that proves nothing to who has an older one, and
    /// never gives it.
    Teases,
    /// All that it says is right, and comes late and a little at a time.
    Slow,
}

pub(super) const LIES: [Lie; 13] = [
    Lie::Bit,
    Lie::Cut,
    Lie::More,
    Lie::Noise,
    Lie::Stale,
    Lie::OtherFeed,
    Lie::KeepsBack,
    Lie::Withholds,
    Lie::Lacks,
    Lie::Silent,
    Lie::OtherRange,
    Lie::Teases,
    Lie::Slow,
];

/// Records in one answer of a slow one.
const SLOW_SLOTS: u64 = 2;

/// What a slow peer makes of a question.
pub(super) fn slowly(ask: &Ask) -> Ask {
    match ask.clone() {
        Ask::Bundle { feed, from, to, at } => Ask::Bundle {
            feed,
            from,
            to: to.min(from + SLOW_SLOTS),
            at,
        },
        Ask::Latest { feed, count } => Ask::Latest {
            feed,
            count: count.min(SLOW_SLOTS),
        },
        ask => ask,
    }
}

/// What an honest peer with this store answers. `None`: it does not have that.
pub(super) fn honest(store: &Memory, ask: &Ask) -> Option<Vec<u8>> {
    // A feed is served only once record 0 was verified.
    store.records().get(&0)?;
    match ask {
        Ask::Head { have, .. } => store.head_answer(*have),
        Ask::Bundle { from, to, .. } => store.bundle(*from..(*to).min(from + SLOTS_MAX)),
        Ask::Latest { count, .. } => latest(store, (*count).min(SLOTS_MAX)),
        _ => None,
    }
}

/// Record 0 and the newest ones, as far back as the list has no hole.
fn latest(store: &Memory, count: u64) -> Option<Vec<u8>> {
    let length = store.length();
    let wanted = length.saturating_sub(count);
    let leaves = (wanted..length).filter(|from| *from == wanted || from % LEAF == 1);
    let whole = |from: u64| {
        let answer = store.bundle(from..length)?;
        let reaches = levada_feed::bundle::check(&store.head()?.body().feed, &answer);
        reaches
            .is_ok_and(|bundle| bundle.holds_last())
            .then_some(answer)
    };
    let (from, newest) = leaves
        .chain([length - 1])
        .find_map(|from| Some((from, whole(from)?)))?;
    if from == 0 {
        return Some(newest);
    }
    Some([store.bundle(0..1)?, newest].concat())
}

/// What is left of an honest answer after a lie. `None`: nothing of it is given.
pub(super) fn lied(lie: Lie, ask: &Ask, answer: Vec<u8>, dice: &mut Dice) -> Option<Vec<u8>> {
    let is_head = matches!(ask, Ask::Head { .. });
    let mut bytes = answer;
    match lie {
        Lie::Bit => {
            let at = dice.place(bytes.len());
            bytes[at] ^= 1 << dice.within(0..8);
        }
        Lie::Cut => bytes.truncate(dice.place(bytes.len())),
        Lie::More => bytes.push(0),
        Lie::Noise => bytes = levada_tests::noise(dice.next(), 300),
        Lie::KeepsBack if !is_head => return None,
        Lie::Lacks | Lie::Teases => return None,
        Lie::Stale
        | Lie::OtherFeed
        | Lie::KeepsBack
        | Lie::Withholds
        | Lie::OtherRange
        | Lie::Slow
        | Lie::Silent => {}
    }
    Some(bytes)
}
