//! What a node costs that has nothing to do: it serves, follows many feeds, and none of them has news.

use crate::Bench;
use crate::child::{Running, Serving, WakeUps};
use crate::line::{Failure, Line, Outcome, float, round};
use crate::parts;
use crate::tap::Tap;
use levada_peer::io::clock;
use levada_peer::io::dirs::Dirs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Feeds that are followed.
const FEEDS: u64 = 50;
/// Part of the time that passes before the measured time: connections are made and the first questions asked.
const SETTLING_PART: u32 = 10;
/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// A node that follows the feeds of another one, both without news.
pub(crate) fn row(bench: &Bench) -> Outcome {
    let mirror = feeds(bench, "idle-mirror")?;
    std::fs::write(sources(&mirror)?, b"")?;
    let mirror = bench.levada.serve(&mirror)?;
    let tap = Tap::before(&mirror.address)?;
    let data = feeds(bench, "idle-follower")?;
    let list = std::fs::read_to_string(sources(&data)?)?;
    std::fs::write(
        sources(&data)?,
        list.replace("127.0.0.1:9\"", &format!("{}\"", tap.address())),
    )?;
    let serving = bench.levada.serve(&data)?;
    let time = Duration::from_secs(bench.options.seconds);
    std::thread::sleep(time / SETTLING_PART);
    let (mut ours, mut theirs) = (WakeUps::default(), WakeUps::default());
    let mut look = || -> Result<Seen, Failure> {
        serving.running.count_wake_ups(&mut ours)?;
        mirror.running.count_wake_ups(&mut theirs)?;
        Seen::of(&serving, &tap, ours.sum(), theirs.sum())
    };
    let before = look()?;
    let started = clock::tick();
    let mut after = look()?;
    // Threads that end in between are counted up to the last look at them.
    while clock::since(started) < time {
        std::thread::sleep(LOOK);
        after = look()?;
    }
    let time = clock::since(started);
    let minute = |before: f64, after: f64| round((after - before) * 60.0 / time.as_secs_f64());
    let line = Line::of("idle")
        .put("sources", FEEDS)
        .put("seconds", bench.options.seconds)
        .put(
            "bytes_a_minute",
            minute(float(before.bytes), float(after.bytes)),
        )
        .put(
            "messages_a_minute",
            minute(float(before.messages), float(after.messages)),
        )
        .put("connections", after.connections)
        .put(
            "wake_ups_a_minute",
            minute(float(before.wake_ups), float(after.wake_ups)),
        )
        .put(
            "peer_wake_ups_a_minute",
            minute(float(before.peer_wake_ups), float(after.peer_wake_ups)),
        )
        .put("cpu_seconds_a_minute", minute(before.cpu, after.cpu))
        .put("resident_mib", round(after.resident_mib));
    serving.stop()?;
    mirror.stop()?;
    line.print();
    Ok(())
}

/// A node that follows the feeds and holds them.
fn feeds(bench: &Bench, name: &str) -> Result<PathBuf, Failure> {
    let data = bench.fresh(name)?;
    let args = [&data.display().to_string(), &FEEDS.to_string(), "clean"];
    let mut part = Running::start(&mut parts::command("feeds", &args)?)?;
    std::io::copy(&mut part.stdout, &mut std::io::sink())?;
    part.end()?;
    Ok(data)
}

fn sources(data: &Path) -> Result<PathBuf, Failure> {
    Ok(Dirs::find(Some(data))?.sources())
}

/// What was used so far.
struct Seen {
    bytes: u64,
    messages: u64,
    connections: usize,
    wake_ups: u64,
    peer_wake_ups: u64,
    cpu: f64,
    resident_mib: f64,
}

impl Seen {
    fn of(
        serving: &Serving,
        tap: &Tap,
        wake_ups: u64,
        peer_wake_ups: u64,
    ) -> Result<Self, Failure> {
        let count = tap.count();
        Ok(Self {
            bytes: count.asked + count.answered,
            messages: count.messages,
            connections: count.connections,
            wake_ups,
            peer_wake_ups,
            cpu: serving.cpu()?,
            resident_mib: serving.running.resident_mib()?,
        })
    }
}
