//! Appending: a thousand records under one head, and one record under its own, each durable before the next.

use crate::Bench;
use crate::child::{Used, run_reading};
use crate::line::{Failure, Line, Outcome, float, median, round};
use crate::parts;
use levada_peer::io::clock;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

const SYNCS: usize = 100;
const SYNC_BYTES: usize = 4_096;
const BATCH: u64 = 1_000;

/// Seconds of each append of 4 KiB to a file, written and synced.
fn syncs(folder: &Path) -> Result<Vec<f64>, Failure> {
    let path = folder.join("synced");
    let mut file = File::create(&path)?;
    let mut seconds = Vec::new();
    for _ in 0..SYNCS {
        let started = clock::tick();
        file.write_all(&[7; SYNC_BYTES])?;
        file.sync_data()?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    std::fs::remove_file(path)?;
    Ok(seconds)
}

/// Has an author append; gives what the process used and the seconds of each batch.
pub(crate) fn author(data: &Path, records: u64, batch: u64) -> Result<(Used, Vec<f64>), Failure> {
    let (records, batch) = (records.to_string(), batch.to_string());
    let mut command = parts::command("author", &[&data.display().to_string(), &records, &batch])?;
    run_reading(&mut command, |stdout| {
        let mut text = String::new();
        stdout.read_to_string(&mut text)?;
        Ok(serde_json::from_str(&text)?)
    })
}

pub(crate) fn rows(bench: &Bench) -> Outcome {
    let batches = bench.options.size(200).max(5);
    let (mut thousands, mut ones, mut synced) = (Vec::new(), Vec::new(), Vec::new());
    let (mut used_thousands, mut used_ones) = (Vec::new(), Vec::new());
    for _ in bench.runs() {
        synced.extend(syncs(bench.folder.path())?);
        let data = bench.fresh("append")?;
        let (used, seconds) = author(&data, batches * BATCH, BATCH)?;
        used_thousands.push(used);
        // The first one made the key and the feed.
        thousands.extend(seconds.into_iter().skip(1));
        let (used, seconds) = author(&data, batches, 1)?;
        used_ones.push(used);
        ones.extend(seconds.into_iter().skip(1));
        synced.extend(syncs(bench.folder.path())?);
    }
    crate::remove(&bench.fresh("append")?)?;
    let sync = median(&synced);
    let work = float(BATCH);
    sides(Line::of("append_1000"), &used_thousands)
        .put("records_a_batch", BATCH)
        .spread("seconds_a_batch", &thousands)
        .rate("records_per_second", work, &thousands)
        .put("fdatasync_4k_seconds", round(sync))
        .put("times_fdatasync", round(median(&thousands) / sync))
        .print();
    sides(Line::of("append_1"), &used_ones)
        .spread("seconds_a_record", &ones)
        .put("fdatasync_4k_seconds", round(sync))
        .put("times_fdatasync", round(median(&ones) / sync))
        .print();
    Ok(())
}

fn sides(line: Line, used: &[Used]) -> Line {
    let cpu: Vec<f64> = used.iter().map(|used| used.cpu).collect();
    let peak: Vec<f64> = used.iter().map(|used| used.peak_mib).collect();
    line.put("runs", used.len())
        .spread("author_cpu_seconds", &cpu)
        .spread("author_peak_mib", &peak)
}
