//! Records without files: a whole feed synced, and the newest of a long one.

use crate::Bench;
use crate::append::author;
use crate::child::{Side, run};
use crate::line::{Failure, Line, Outcome, float, round};
use crate::parts::{RECORD_BYTES, bytes_below};
use crate::tap::Tap;
use std::path::PathBuf;

const BATCH: u64 = 1_000;
/// What newest:50 asks for.
const NEWEST: u64 = 50;

/// A node with an own feed of about so many records; made once.
pub(crate) fn long_feed(bench: &Bench, full: u64) -> Result<(PathBuf, u64), Failure> {
    let batch = bench.options.size(full).min(BATCH);
    let records = bench.options.size(full) / batch * batch;
    let data = bench.folder.path().join(format!("records-{full}"));
    if !data.exists() {
        author(&data, records, batch)?;
    }
    // Record 0 is the profile.
    Ok((data, records + 1))
}

pub(crate) fn rows(bench: &Bench, name: &str, full: u64) -> Outcome {
    let (author, records) = long_feed(bench, full)?;
    let payload = float(records) * float(u64::try_from(RECORD_BYTES)?);
    let author_store = bytes_below(&author.join("store"))?;
    let (mut ours, mut serving_side, mut store) = (Side::default(), Side::default(), Vec::new());
    let wire = {
        let serving = bench.levada.serve(&author)?;
        let tap = Tap::before(&serving.address)?;
        let data = bench.fresh("records-follower")?;
        let mut follow = bench.levada.at(&data);
        run(follow
            .arg("follow")
            .arg(serving.link_via(&tap.address()))
            .args(["--keep", "all"]))?;
        serving.stop()?;
        tap.count()
    };
    for _ in bench.runs() {
        let serving = bench.levada.serve(&author)?;
        let data = bench.fresh("records-follower")?;
        let mut follow = bench.levada.at(&data);
        ours.add(run(follow
            .arg("follow")
            .arg(&serving.link)
            .args(["--keep", "all"]))?);
        serving_side.add(serving.stop()?);
        store.push(bytes_below(&data.join("store"))? / payload);
        crate::remove(&data)?;
    }
    Line::of(name)
        .put("records", records)
        .put("runs", ours.seconds.len())
        .spread("seconds", &ours.seconds)
        .rate("records_per_second", float(records), &ours.seconds)
        .spread("follower_cpu_seconds", &ours.cpu)
        .spread("author_cpu_seconds", &serving_side.cpu)
        .spread("follower_peak_mib", &ours.peak_mib)
        .spread("author_peak_mib", &serving_side.peak_mib)
        .put(
            "wire_bytes_of_payload",
            round(float(wire.answered + wire.asked) / payload),
        )
        .put("round_trips", wire.round_trips)
        .spread("follower_store_of_payload", &store)
        .put("author_store_of_payload", round(author_store / payload))
        .print();
    Ok(())
}

pub(crate) fn newest(bench: &Bench) -> Outcome {
    let (author, records) = long_feed(bench, 1_000_000)?;
    let (mut process, mut seconds) = (Side::default(), Vec::new());
    let (mut wire, mut trips, mut connections) = (Vec::new(), Vec::new(), Vec::new());
    let serving = bench.levada.serve(&author)?;
    for _ in bench.runs() {
        let tap = Tap::before(&serving.address)?;
        let data = bench.fresh("newest-follower")?;
        let mut follow = bench.levada.at(&data);
        follow.arg("follow").arg(serving.link_via(&tap.address()));
        process.add(run(follow.args(["--keep", &format!("newest:{NEWEST}")]))?);
        let count = tap.count();
        let ended = count
            .last
            .zip(tap.connected_after(0))
            .ok_or("nobody was asked")?;
        seconds.push(ended.0.duration_since(ended.1).as_secs_f64());
        wire.push(float(count.asked + count.answered));
        trips.push(float(count.round_trips));
        connections.push(float(u64::try_from(count.connections)?));
        crate::remove(&data)?;
    }
    let author = serving.stop()?;
    Line::of("newest_1m")
        .put("records", records)
        .put("newest", NEWEST)
        .put("runs", seconds.len())
        .spread("seconds_from_connect", &seconds)
        .spread("seconds_of_process", &process.seconds)
        .spread("follower_cpu_seconds", &process.cpu)
        .spread("follower_peak_mib", &process.peak_mib)
        .put("author_peak_mib", round(author.peak_mib))
        .spread("wire_bytes", &wire)
        .spread("round_trips", &trips)
        .spread("connections", &connections)
        .print();
    Ok(())
}
