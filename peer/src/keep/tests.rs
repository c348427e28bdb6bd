use super::*;
use std::collections::BTreeMap;

const MIB: u64 = 1 << 20;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn hash(number: u64) -> Hash {
    Hash::of(&number.to_be_bytes())
}

#[derive(Default)]
struct Shelf {
    kept: BTreeMap<Hash, (Class, u64, u64)>,
    evicted: Vec<(Class, u64)>,
}

impl Shelf {
    fn bytes(&self, of: impl Fn(Class) -> bool) -> u64 {
        let kept = self.kept.values().filter(|(class, ..)| of(*class));
        kept.map(|(_, _, bytes)| bytes).sum()
    }

    fn room(&self, quota: u64, disk: u64) -> Room {
        Room {
            set: Some(quota),
            set_reserve: Some(10),
            bounded: self.bytes(Class::is_bounded),
            free: disk.saturating_sub(self.bytes(|_| true)),
            disk,
        }
    }

    /// As the node does it: asks how much is short, evicts, takes in. Says whether it came in.
    fn ask(&mut self, room: Room, one: Kept, asker: Asker, busy: &Hash) -> bool {
        let Ok(short) = room.short(one.class, one.bytes) else {
            return false;
        };
        let mut order: Vec<Kept> = self
            .kept
            .iter()
            .map(|(hash, (class, used, bytes))| Kept {
                hash: *hash,
                class: *class,
                used: *used,
                bytes: *bytes,
            })
            .collect();
        order.sort_by_key(|kept| (kept.class, kept.used, kept.hash));
        let bounded = order.into_iter().filter(|kept| kept.class.is_bounded());
        let chosen = victims(
            short,
            bounded.map(Ok::<_, ()>),
            asker,
            |hash| hash == busy,
            usize::MAX,
        );
        let Some(chosen) = chosen.unwrap() else {
            return false;
        };
        self.evicted.clear();
        for victim in chosen {
            self.kept.remove(&victim.hash);
            self.evicted.push((victim.class, victim.used));
        }
        self.kept.insert(one.hash, (one.class, one.used, one.bytes));
        true
    }
}

#[test]
fn whatever_is_asked_the_quota_and_the_reserve_hold_and_own_and_pinned_stay() {
    for seed in 1..=200 {
        let mut numbers = Numbers(seed * 7_919);
        let mut shelf = Shelf::default();
        let (quota, disk) = (100 + numbers.below(400), 300 + numbers.below(600));
        let mut unbounded = BTreeMap::new();
        for step in 0..200 {
            let one = Kept {
                hash: hash(step),
                class: Class::ALL[usize::try_from(numbers.below(4)).unwrap()],
                used: numbers.below(50),
                bytes: 1 + numbers.below(120),
            };
            let is_person = one.class != Class::Followed;
            let asker = if is_person {
                Asker::Person
            } else {
                Asker::Source { date: one.used }
            };
            let busy = match step {
                0 => hash(u64::MAX),
                _ => hash(numbers.below(step)),
            };
            let was_busy = shelf.kept.contains_key(&busy);
            let came = shelf.ask(shelf.room(quota, disk), one, asker, &busy);
            assert!(
                shelf.bytes(Class::is_bounded) <= quota,
                "seed {seed}, step {step}"
            );
            assert!(
                shelf.bytes(|_| true) + 10 <= disk,
                "seed {seed}, step {step}"
            );
            assert_eq!(shelf.kept.contains_key(&busy), was_busy, "seed {seed}");
            if came && !one.class.is_bounded() {
                unbounded.insert(one.hash, one.bytes);
            }
            let held = shelf.kept.iter();
            let held = held.filter(|(_, (class, ..))| !class.is_bounded());
            let held: BTreeMap<_, _> = held.map(|(hash, (.., bytes))| (*hash, *bytes)).collect();
            assert_eq!(held, unbounded, "seed {seed}, step {step}");
            assert!(shelf.evicted.is_sorted(), "cache first, oldest first");
        }
    }
}

#[test]
fn a_source_keeps_its_newest_whatever_the_order_it_is_asked_in_and_then_nothing_moves() {
    for seed in 1..=50 {
        let mut numbers = Numbers(seed * 104_729);
        let mut shelf = Shelf::default();
        let mut dates: Vec<u64> = (1..=40).collect();
        for at in (1..dates.len()).rev() {
            let with = usize::try_from(numbers.below(u64::try_from(at).unwrap() + 1)).unwrap();
            dates.swap(at, with);
        }
        let nobody = hash(u64::MAX);
        let sync = |shelf: &mut Shelf, dates: &[u64]| {
            let mut came = 0;
            for date in dates {
                if shelf.kept.contains_key(&hash(*date)) {
                    continue;
                }
                let one = Kept {
                    hash: hash(*date),
                    class: Class::Followed,
                    used: *date,
                    bytes: 10,
                };
                let asker = Asker::Source { date: *date };
                came += u64::from(shelf.ask(shelf.room(100, 10_000), one, asker, &nobody));
            }
            came
        };
        assert!(sync(&mut shelf, &dates) >= 10);
        let mut kept: Vec<u64> = shelf.kept.values().map(|(_, used, _)| *used).collect();
        kept.sort_unstable();
        assert_eq!(kept, (31..=40).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(sync(&mut shelf, &dates), 0, "nothing comes and goes");
    }
}

#[test]
fn quota_that_nobody_set_does_not_shrink_as_it_fills() {
    let room = |bounded, free| Room {
        set: None,
        set_reserve: None,
        bounded,
        free,
        disk: 100 * MIB,
    };
    assert_eq!(room(0, 80 * MIB).quota(), 40 * MIB);
    assert_eq!(room(40 * MIB, 40 * MIB).quota(), 40 * MIB);
    assert_eq!(room(0, 1 << 50).quota(), 20 << 30);
    assert_eq!(room(0, 80 * MIB).reserve(), 5 * MIB);
    let large = Room {
        disk: 1 << 50,
        ..room(0, 0)
    };
    assert_eq!(large.reserve(), 1 << 30);
}

#[test]
fn what_can_never_fit_is_told_from_what_fits_once_something_goes() {
    let room = Room {
        set: Some(100),
        set_reserve: Some(20),
        bounded: 90,
        free: 60,
        disk: 1_000,
    };
    for (class, bytes, expected) in [
        (Class::Followed, 10, Ok(0)),
        (Class::Followed, 30, Ok(20)),
        (Class::Cache, 101, Err(TooLarge::Quota)),
        (Class::Pinned, 40, Ok(0)),
        (Class::Pinned, 130, Ok(90)),
        (Class::Own, 131, Err(TooLarge::Disk)),
    ] {
        assert_eq!(room.short(class, bytes), expected, "{class:?} {bytes}");
    }
}

#[test]
fn person_takes_from_followed_and_an_older_item_from_none() {
    for (asker, class, used, expected) in [
        (Asker::Person, Class::Followed, 9, true),
        (Asker::Person, Class::Pinned, 0, false),
        (Asker::Person, Class::Own, 0, false),
        (Asker::Source { date: 5 }, Class::Cache, 9, true),
        (Asker::Source { date: 5 }, Class::Followed, 4, true),
        (Asker::Source { date: 5 }, Class::Followed, 5, false),
    ] {
        assert_eq!(
            asker.outranks(class, used),
            expected,
            "{asker:?} {class:?} {used}"
        );
    }
}

#[test]
fn cost_counts_whole_blocks_and_the_outboard() {
    for (size, expected) in [
        (0, 0),
        (16_384, 16_384),
        (16_385, 20_480 + 4_096),
        (MIB, MIB + 4_096),
    ] {
        assert_eq!(cost(size), expected, "{size}");
    }
    assert!(cost(u64::MAX) == u64::MAX);
}
