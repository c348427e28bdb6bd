//! The set by itself, and against one that is kept number by number.

use super::*;

fn check(runs: &Runs, expected: &[Range<u64>]) {
    assert_eq!(runs.iter().collect::<Vec<_>>(), expected);
    assert_eq!(Runs::from_bytes(&runs.to_bytes()).as_ref(), Some(runs));
}

#[test]
fn runs_join_when_they_touch_and_split_when_cut() {
    let mut runs = Runs::of(10..20);
    runs.insert(30..40);
    check(&runs, &[10..20, 30..40]);
    runs.insert(20..25);
    check(&runs, &[10..25, 30..40]);
    runs.insert(5..50);
    check(&runs, &[5..50]);
    runs.remove(7..9);
    runs.remove(40..60);
    runs.remove(3..3);
    check(&runs, &[5..7, 9..40]);
    assert_eq!(runs.count(), 33);
    assert!(runs.is_below(40) && !runs.is_below(39) && Runs::new().is_below(0));
    assert!(runs.contains(9) && !runs.contains(7) && !runs.contains_all(6..10));
}

#[test]
fn what_is_in_both_is_common_to_them() {
    let mut one = Runs::of(0..10);
    one.insert(20..30);
    let mut other = Runs::of(5..22);
    other.insert(25..26);
    check(&one.common(&other), &[5..10, 20..22, 25..26]);
    assert_eq!(one.common(&other), other.common(&one));
    check(&one.common(&Runs::new()), &[]);
}

#[test]
fn missing_parts_are_the_gaps_within_the_range() {
    let mut runs = Runs::of(10..20);
    runs.insert(30..40);
    let gaps = |range| runs.missing(range).collect::<Vec<_>>();
    assert_eq!(gaps(0..50), [0..10, 20..30, 40..50]);
    assert_eq!(gaps(12..35), [20..30]);
    assert_eq!(gaps(12..15), []);
    assert_eq!(gaps(25..28), [25..28]);
    assert_eq!(gaps(35..45), [40..45]);
    assert_eq!(Runs::new().missing(0..3).collect::<Vec<_>>(), [0..3]);
}

#[test]
fn bytes_that_are_not_runs_in_order_are_refused() {
    assert_eq!(Runs::from_bytes(&[0; 15]), None);
    assert_eq!(Runs::from_bytes(&[0; 16]), None);
    let mut twice = Runs::of(1..2).to_bytes();
    twice.extend_from_slice(&Runs::of(2..3).to_bytes());
    assert_eq!(Runs::from_bytes(&twice), None);
}

#[test]
fn top_of_all_numbers_is_no_edge() {
    let top = u64::MAX - 5_000;
    let mut runs = Runs::of(0..u64::MAX);
    assert_eq!(runs.iter().collect::<Vec<_>>(), [0..u64::MAX]);
    assert_eq!((runs.count(), runs.end()), (u64::MAX, u64::MAX));
    runs.remove(top..u64::MAX - 1);
    check(&runs, &[0..top, u64::MAX - 1..u64::MAX]);
    assert_eq!(
        runs.missing(0..u64::MAX).collect::<Vec<_>>(),
        [top..u64::MAX - 1]
    );
    assert_eq!(runs.within(top + 1..u64::MAX).count(), 1);
    // Bits for which there are no numbers.
    let mut all = vec![2];
    all.extend([0xff; 512]);
    assert_eq!(Runs::new().add_stored(u64::MAX - 4_095, &all), None);
}

/// Small numbers one after the other that follow from a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// Of a few blocks: ranges within one, across some, and from and to their edges.
    fn range(&mut self) -> Range<u64> {
        let edge = |number: u64, is_edge: bool| {
            if is_edge {
                number & !(BLOCK - 1)
            } else {
                number
            }
        };
        let most = [3, 200, 5_000, 4 * BLOCK][usize::try_from(self.below(4)).unwrap()];
        let start = self.below(6 * BLOCK);
        let start = edge(start, self.below(4) == 0);
        let end = start + self.below(most);
        start..edge(end, self.below(4) == 0).max(start)
    }
}

const NUMBERS: usize = 12 * 4_096;

fn naive_runs(model: &[bool]) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for (index, _) in (0..).zip(model).filter(|(_, is_in)| **is_in) {
        match runs.last_mut().filter(|run| run.end == index) {
            Some(run) => run.end = index + 1,
            None => runs.push(index..index + 1),
        }
    }
    runs
}

fn slice(range: &Range<u64>) -> Range<usize> {
    usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()
}

/// One set changed at random, beside numbers that are marked one by one.
fn walk(seed: u64, mut look: impl FnMut(&Runs, &[bool], &mut Numbers)) {
    let (mut numbers, mut runs, mut model) = (Numbers(seed), Runs::new(), vec![false; NUMBERS]);
    for _ in 0..60 {
        let range = numbers.range();
        let is_in = numbers.below(2) == 0;
        if numbers.below(5) == 0 {
            for index in range.clone().step_by(2) {
                runs.insert(index..index + 1);
                model[usize::try_from(index).unwrap()] = true;
            }
            continue;
        }
        match is_in {
            true => runs.insert(range.clone()),
            false => runs.remove(range.clone()),
        }
        model[slice(&range)].fill(is_in);
        look(&runs, &model, &mut numbers);
    }
}

#[test]
fn set_is_what_marks_of_each_number_say() {
    for seed in 0..10 {
        walk(seed, |runs, model, numbers| {
            let expected = naive_runs(model);
            check(runs, &expected);
            let joined: Runs = expected.iter().fold(Runs::new(), |mut runs, run| {
                runs.insert(run.clone());
                runs
            });
            assert_eq!(&joined, runs, "one set has one form");
            let count = model.iter().filter(|is_in| **is_in).count() as u64;
            assert_eq!(runs.count(), count);
            assert_eq!(runs.end(), expected.last().map_or(0, |run| run.end));
            let range = numbers.range();
            let part = &model[slice(&range)];
            let is_all = part.iter().all(|is_in| *is_in);
            assert_eq!(runs.contains_all(range.clone()), is_all, "{range:?}");
            let inside = |runs: Vec<Range<u64>>| -> Vec<_> {
                let moved = runs.into_iter();
                moved
                    .map(|run| run.start + range.start..run.end + range.start)
                    .collect()
            };
            let within = inside(naive_runs(part));
            check(&runs.within(range.clone()), &within);
            let not: Vec<bool> = part.iter().map(|is_in| !is_in).collect();
            let missing: Vec<_> = runs.missing(range.clone()).collect();
            assert_eq!(missing, inside(naive_runs(&not)), "{range:?}");
        });
    }
}

#[test]
fn two_sets_together_are_what_their_marks_say() {
    for seed in 0..20 {
        let (mut sets, mut marks) = (Vec::new(), Vec::new());
        for seed in [seed, seed + 1_000] {
            let (mut set, mut mark) = (Runs::new(), Vec::new());
            walk(seed, |runs, model, _| {
                (set, mark) = (runs.clone(), model.to_vec())
            });
            sets.push(set);
            marks.push(mark);
        }
        let pairs = || marks[0].iter().zip(&marks[1]);
        let both: Vec<bool> = pairs().map(|(one, other)| *one && *other).collect();
        let any: Vec<bool> = pairs().map(|(one, other)| *one || *other).collect();
        check(&sets[0].common(&sets[1]), &naive_runs(&both));
        let mut sum = sets[0].clone();
        sum.add(&sets[1]);
        check(&sum, &naive_runs(&any));
    }
}

/// What is stored after each change, part by part, is the set; and so is its note.
#[test]
fn set_comes_back_from_its_parts() {
    for seed in 0..20 {
        let (mut before, mut stored) = (Runs::new(), BTreeMap::new());
        walk(seed, |runs, _, _| {
            for (start, part) in runs.changes(&before) {
                match part {
                    Some(part) => _ = stored.insert(start, part),
                    None => assert!(stored.remove(&start).is_some()),
                }
            }
            before = runs.clone();
            let mut again = Runs::new();
            for (start, part) in &stored {
                again.add_stored(*start, part).unwrap();
            }
            assert_eq!(&again, runs);
            assert_eq!(runs.changes(&again).count(), 0);
            assert_eq!(Runs::from_note(&runs.to_note()).as_ref(), Some(runs));
        });
    }
}

#[test]
fn one_number_more_costs_the_same_in_a_set_with_many_holes() {
    let mut runs = Runs::new();
    (0..1_000_000)
        .step_by(2)
        .for_each(|number| runs.insert(number..number + 1));
    let before = runs.clone();
    runs.insert(500_001..500_002);
    let changes: Vec<_> = runs.changes(&before).collect();
    assert!(matches!(changes.as_slice(), [(_, Some(part))] if part.len() < 600));
    assert!(runs.to_note().len() < 150_000);
}

#[test]
fn parts_and_notes_that_are_none_are_refused() {
    let mut runs = Runs::new();
    let wrong: [(u64, &[u8]); 8] = [
        (0, &[]),
        (0, &[3]),
        (0, &[0, 0]),
        (9, &[0, 0, 0, 0, 0, 0, 0, 0, 9]),
        (0, &[1, 0, 2, 0, 2]),
        (0, &[1, 0, 2, 16, 1]),
        (0, &[1, 0, 2, 0]),
        (0, &[2, 0, 0]),
    ];
    for (start, bytes) in wrong {
        assert_eq!(runs.add_stored(start, bytes), None, "{start} {bytes:?}");
    }
    let note = Runs::of(3..9).to_note();
    assert_eq!(Runs::from_note(&note), Some(Runs::of(3..9)));
    for cut in 1..note.len() {
        assert_eq!(Runs::from_note(&note[..cut]), None, "{cut}");
    }
}
