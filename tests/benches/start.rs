//! How long a node takes to serve after its start, by what it holds and how it ended.

use crate::Bench;
use crate::child::{Running, Side, run};
use crate::line::{Failure, Line, Outcome, float};
use crate::parts;
use crate::records::long_feed;
use crate::tap::Tap;
use std::path::Path;

/// Starts to serve and stops again; gives the seconds until it served.
fn start(bench: &Bench, data: &Path, side: &mut Side) -> Result<f64, Failure> {
    let serving = bench.levada.serve(data)?;
    let ready = serving.ready;
    side.add(serving.stop()?);
    Ok(ready)
}

fn line(row: &str, clean: &[f64], killed: &[f64], sides: [&Side; 2]) -> Line {
    let [clean_side, killed_side] = sides;
    Line::of(row)
        .put("runs", clean.len())
        .spread("seconds_after_clean_stop", clean)
        .spread("seconds_after_kill", killed)
        .spread("peak_mib_after_clean_stop", &clean_side.peak_mib)
        .spread("peak_mib_after_kill", &killed_side.peak_mib)
}

/// A follower of a long feed; killed while the last tenth of it comes.
pub(crate) fn of_records(bench: &Bench) -> Outcome {
    let (author, records) = long_feed(bench, 1_000_000)?;
    let (mut clean, mut killed, mut shown) = (Vec::new(), Vec::new(), Side::default());
    let (mut clean_side, mut killed_side) = (Side::default(), Side::default());
    let serving = bench.levada.serve(&author)?;
    let data = bench.fresh("start-follower")?;
    let follow = |via: &str| {
        let mut follow = bench.levada.at(&data);
        follow
            .arg("follow")
            .arg(serving.link_via(via))
            .args(["--keep", "all"]);
        follow
    };
    let whole = {
        let tap = Tap::before(&serving.address)?;
        run(&mut follow(&tap.address()))?;
        float(tap.answered())
    };
    for _ in bench.runs() {
        clean.push(start(bench, &data, &mut clean_side)?);
        shown.add(run(bench.levada.at(&data).arg("ls"))?);
    }
    for _ in bench.runs() {
        crate::remove(&data)?;
        let tap = Tap::before(&serving.address)?;
        let running = Running::start(&mut follow(&tap.address()))?;
        running.kill_when(|| float(tap.answered()) >= whole * 0.9)?;
        killed.push(start(bench, &data, &mut killed_side)?);
    }
    serving.stop()?;
    crate::remove(&data)?;
    line("start_1m", &clean, &killed, [&clean_side, &killed_side])
        .put("records", records)
        .spread("ls_newest_50_seconds", &shown.seconds)
        .spread("ls_newest_50_cpu_seconds", &shown.cpu)
        .print();
    Ok(())
}

/// A follower of many short feeds.
pub(crate) fn of_feeds(bench: &Bench) -> Outcome {
    let feeds = bench.options.size(1_000);
    let (mut clean, mut killed) = (Vec::new(), Vec::new());
    let (mut clean_side, mut killed_side) = (Side::default(), Side::default());
    for (how, seconds, side) in [
        ("clean", &mut clean, &mut clean_side),
        ("killed", &mut killed, &mut killed_side),
    ] {
        for _ in bench.runs() {
            let data = bench.fresh("start-feeds")?;
            let args = [&data.display().to_string(), &feeds.to_string(), how];
            let mut part = Running::start(&mut parts::command("feeds", &args)?)?;
            std::io::copy(&mut part.stdout, &mut std::io::sink())?;
            if how == "clean" {
                part.end()?
            } else {
                part.kill()?
            };
            seconds.push(start(bench, &data, side)?);
            crate::remove(&data)?;
        }
    }
    line("start_feeds", &clean, &killed, [&clean_side, &killed_side])
        .put("feeds", feeds)
        .print();
    Ok(())
}
