//! What the same work costs in feeds of ten times the length: the newest 50, one append, one live update, one start.

use crate::Bench;
use crate::append::author;
use crate::child::{Serving, Side, run};
use crate::line::{Failure, Line, Outcome, float};
use crate::records::long_feed;
use crate::tap::Tap;
use levada_peer::io::clock;
use std::io::{BufRead, BufReader};
use std::path::Path;

const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
/// Appends of which the median is told.
const APPENDS: u64 = 20;

pub(crate) fn rows(bench: &Bench) -> Outcome {
    SIZES.iter().try_for_each(|size| row(bench, *size))
}

/// By hand, since it takes long and some 15 GB.
pub(crate) fn ten_million(bench: &Bench) -> Outcome {
    row(bench, 10_000_000)
}

fn row(bench: &Bench, full: u64) -> Outcome {
    let (data, records) = long_feed(bench, full)?;
    let (_, appends) = author(&data, APPENDS, 1)?;
    let mut starts = Side::default();
    for _ in bench.runs() {
        let serving = bench.levada.serve(&data)?;
        starts.seconds.push(serving.ready);
        starts.peak_mib.push(serving.stop()?.peak_mib);
    }
    let serving = bench.levada.serve(&data)?;
    let (mut newest, mut wire) = (Side::default(), Vec::new());
    for _ in bench.runs() {
        let tap = Tap::before(&serving.address)?;
        let follower = bench.fresh("growth-newest")?;
        let mut follow = bench.levada.at(&follower);
        follow.arg("follow").arg(serving.link_via(&tap.address()));
        newest.add(run(follow.args(["--keep", "newest:50"]))?);
        let count = tap.count();
        wire.push(float(count.asked + count.answered));
        crate::remove(&follower)?;
    }
    let live = live(bench, &data, &serving)?;
    serving.stop()?;
    Line::of("growth")
        .put("records", records)
        .put("runs", newest.seconds.len())
        .spread("newest_50_seconds_of_process", &newest.seconds)
        .spread("newest_50_cpu_seconds", &newest.cpu)
        .spread("newest_50_wire_bytes", &wire)
        .spread("append_1_seconds", appends.get(1..).unwrap_or_default())
        .spread("live_seconds", &live.seconds)
        .spread("live_follower_cpu_seconds", &live.cpu)
        .spread("live_follower_peak_mib", &live.peak_mib)
        .spread("start_seconds", &starts.seconds)
        .spread("start_peak_mib", &starts.peak_mib)
        .print();
    Ok(())
}

/// A follower of all of it that serves is told of one more item: seconds from the order to publish until it says that it
/// has it.
fn live(bench: &Bench, author: &Path, serving: &Serving) -> Result<Side, Failure> {
    let data = bench.fresh("growth-follower")?;
    let mut follow = bench.levada.at(&data);
    run(follow
        .arg("follow")
        .arg(&serving.link)
        .args(["--keep", "all"]))?;
    let mut follower = bench.levada.serve(&data)?;
    let mut live = Side::default();
    for number in bench.runs() {
        let file = bench.folder.path().join(format!("item-{number}"));
        std::fs::write(&file, clock::now_ms().to_string())?;
        let before = follower.running.cpu()?;
        let started = clock::tick();
        run(bench.levada.at(author).arg("publish").arg(&file))?;
        wait_synced(&mut follower)?;
        live.seconds.push(started.elapsed().as_secs_f64());
        live.cpu.push(follower.running.cpu()? - before);
        std::fs::remove_file(file)?;
    }
    live.peak_mib.push(follower.stop()?.peak_mib);
    crate::remove(&data)?;
    Ok(live)
}

/// Reads what a node that serves tells until it has synced something.
fn wait_synced(follower: &mut Serving) -> Outcome {
    for line in BufReader::with_capacity(1, &mut follower.running.stdout).lines() {
        let told: serde_json::Value = serde_json::from_str(&line?)?;
        if told["type"] == "synced" {
            return Ok(());
        }
    }
    Err("the follower ended".into())
}
