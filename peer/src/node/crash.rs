//! The crash table: every operation is run once to count the steps in which it changes the disk, and then again for every
//! step and every form of failure. After each, the node is opened anew, the same command goes on, and everything has to be
//! as if nothing had happened (spec/decisions/0320-crash-table.md).
//!
//! `LEVADA_CRASH=all` runs every form at every step and says how many that were; without it each step fails in two of the four.

mod check;
mod machine;
mod operations;
mod order;

use crate::io::fault::{Form, Plan};
use check::{Came, came};
use machine::Machine;
use operations::{ALONE, OPERATIONS, Operation, Scene};

/// One operation, at every step.
#[expect(
    clippy::print_stdout,
    reason = "whoever asks for all wants to know how many"
)]
fn run(operation: &Operation) {
    let scene = Scene::new();
    let before = Machine::new();
    (operation.before)(&scene, &before);
    (operation.meanwhile)(&scene);
    let (_, other) = count(operation, &scene, &before);
    let (clean, mut steps) = count(operation, &scene, &before);
    // A busy machine notes a blob that comes more often.
    if other.len() < steps.len() {
        steps = other;
    }
    assert!(steps.len() > 3, "{}: {steps:?}", operation.name);
    answer_again(operation, &scene, (&before, &clean), operation.name);
    let mut expected = came(&clean, &[], operation.name);
    expected.forget_kept_copies();
    let is_all = std::env::var_os("LEVADA_CRASH").is_some_and(|which| which == "all");
    let mut reached = 0;
    for (number, step) in steps.iter().enumerate() {
        for form in forms(number, is_all) {
            let at = format!("{}: step {number} ({step}), {form:?}", operation.name);
            reached += usize::from(fail_at(
                operation,
                &scene,
                &before,
                (number, form),
                &expected,
                &at,
            ));
        }
    }
    // What is timed may take a step more or less, and no more than that.
    let tried = steps.len() * forms(0, is_all).len();
    assert!(
        reached * 10 > tried * 9,
        "{}: {reached} of {tried}",
        operation.name
    );
    if is_all {
        println!(
            "{}: {} steps, {reached} failures",
            operation.name,
            steps.len()
        );
    }
}

/// Runs it without a failure; gives the machine and the steps.
fn count(operation: &Operation, scene: &Scene, before: &Machine) -> (Machine, Vec<String>) {
    let clean = before.copy();
    let counted = Plan::count(clean.root());
    for call in (operation.calls)(scene, &clean) {
        let answer = clean.call(call).unwrap();
        let is_left = check::left_undone(&answer).is_some();
        assert_eq!(is_left, operation.name == ALONE, "{answer:?}");
    }
    let steps = counted.steps();
    (clean, steps)
}

fn forms(number: usize, is_all: bool) -> Vec<Form> {
    let of = |place: usize| Form::ALL[place % 4];
    match is_all {
        true => Form::ALL.to_vec(),
        // Each step in "not written" and in "written"; which of them ends the process alternates.
        false if number.is_multiple_of(2) => vec![of(0), of(3)],
        false => vec![of(1), of(2)],
    }
}

/// Carries out the commands, until one fails or says that it did not do everything.
fn run_calls(operation: &Operation, scene: &Scene, machine: &Machine) -> Result<(), String> {
    for call in (operation.calls)(scene, machine) {
        let answer = machine
            .call(call)
            .map_err(|failure| format!("{failure:?}"))?;
        if let Some(error) = check::left_undone(&answer)
            && operation.name != ALONE
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Where nobody answered, somebody does again. Until then no blob may go: that it is pinned is told by records that are not here.
fn answer_again(
    operation: &Operation,
    scene: &Scene,
    (before, machine): (&Machine, &Machine),
    at: &str,
) {
    if operation.name == ALONE {
        check::want_room(machine);
        let (kept, held) = (check::blobs(before), check::blobs(machine));
        assert!(held.is_superset(&kept), "{at}: {held:?}, not {kept:?}");
        machine.call(scene.follow()).unwrap();
    }
}

/// Says whether the step was reached.
fn fail_at(
    operation: &Operation,
    scene: &Scene,
    before: &Machine,
    fails: (usize, Form),
    expected: &Came,
    at: &str,
) -> bool {
    let machine = before.copy();
    let planned = Plan::fail(machine.root(), fails.0, fails.1);
    let failed = run_calls(operation, scene, &machine).err();
    let is_reached = planned.steps().len() > fails.0;
    drop(planned);
    let shown = check::heads_here(&machine);
    if let Some(failed) = &failed
        && let Err(again) = run_calls(operation, scene, &machine)
    {
        assert!(
            again.contains("already"),
            "{at}: {failed}, and it does not go on: {again}"
        );
    }
    answer_again(operation, scene, (before, &machine), at);
    let mut found = came(&machine, &shown, at);
    found.forget_kept_copies();
    assert_eq!(&found, expected, "{at}: {failed:?}");
    is_reached
}

#[test]
fn names_are_told_apart() {
    let names: std::collections::BTreeSet<_> = OPERATIONS.iter().map(|one| one.name).collect();
    assert_eq!(names.len(), OPERATIONS.len());
}

/// One test for each operation, so that they run beside each other and a failure names its own.
macro_rules! crash {
    ($($test:ident: $name:literal,)*) => {$(
        #[test]
        fn $test() {
            let operation = OPERATIONS.iter().find(|one| one.name == $name);
            run(operation.expect("an operation of the table"));
        }
    )*
        #[test]
        fn every_operation_has_its_test() {
            let tested = [$($name),*];
            assert!(OPERATIONS.iter().all(|one| tested.contains(&one.name)));
        }
    };
}

crash! {
    crash_while_a_feed_is_made_loses_nothing: "init",
    crash_while_publishing_loses_nothing: "publish",
    crash_while_publishing_in_place_loses_nothing: "publish in place",
    crash_while_publishing_edits_loses_nothing: "edit",
    crash_while_retracting_loses_nothing: "retract",
    crash_while_following_loses_nothing: "follow",
    crash_while_syncing_loses_nothing: "sync",
    crash_while_a_large_blob_comes_loses_nothing: "large",
    crash_while_evicting_leaves_no_file: "evict",
    crash_while_letting_go_of_what_was_retracted_leaves_no_file: "let go",
    crash_while_dropping_leaves_no_file: "drop",
    crash_while_pinning_loses_nothing: "pin",
    crash_while_unfollowing_leaves_no_file: "unfollow",
    crash_while_mending_loses_nothing: "verify",
    crash_while_making_a_followers_store_again_loses_nothing: "rebuild",
    crash_while_making_a_store_again_that_nobody_answers_for_loses_nothing: "rebuild alone",
    crash_while_making_an_authors_store_again_loses_nothing: "rebuild own",
    crash_while_making_the_index_again_loses_nothing: "rebuild index",
    crash_while_exporting_loses_nothing: "export",
    crash_while_taking_over_loses_nothing_and_makes_no_fork: "take over",
}
