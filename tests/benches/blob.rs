//! One blob of 1 GiB: imported, transferred, read from its middle, and transferred again after a kill.

use crate::Bench;
use crate::child::{Serving, Side, run, run_reading};
use crate::line::{Failure, Line, Outcome, float, round};
use crate::tap::Tap;
use levada_peer::io::clock;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const FILM_BYTES: u64 = 1 << 30;
const FILM_BYTES_MIN: u64 = 64 << 20;
const FILM: &str = "film.bin";
const RANGE_BYTES: u64 = 64 << 10;

/// The film in a folder of its own; made once. Even a smoke run has one that takes long enough to be killed in between.
fn film(bench: &Bench) -> Result<(PathBuf, u64), Failure> {
    let folder = bench.folder.path().join("film");
    let size = bench.options.size(FILM_BYTES).max(FILM_BYTES_MIN);
    if !folder.exists() {
        std::fs::create_dir(&folder)?;
        write_noise(&folder.join(FILM), size)?;
    }
    Ok((folder.join(FILM), size))
}

/// Bytes that look random, without holding them.
pub(crate) fn write_noise(path: &Path, size: u64) -> Outcome {
    let mut noise = blake3::Hasher::new()
        .update(path.as_os_str().as_encoded_bytes())
        .finalize_xof();
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut left = size;
    let mut buffer = vec![0; 256 << 10];
    while left > 0 {
        noise.fill(&mut buffer);
        let part = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        file.write_all(buffer.get(..part).unwrap_or_default())?;
        left -= u64::try_from(part)?;
    }
    // On the disk before anything is measured, or writing it back would be part of the first row.
    Ok(file.into_inner()?.sync_all()?)
}

/// `cp` alone, and with the copy made durable, as an import makes it.
fn copy(bench: &Bench, from: &Path, plain: &mut Side, durable: &mut Vec<f64>) -> Outcome {
    let to = bench.folder.path().join("copy.bin");
    let started = clock::tick();
    plain.add(bench.references.cp(from, &to)?);
    File::open(&to)?.sync_all()?;
    durable.push(started.elapsed().as_secs_f64());
    Ok(std::fs::remove_file(to)?)
}

pub(crate) fn import(bench: &Bench) -> Outcome {
    let (film, size) = film(bench)?;
    let (mut cp, mut durable) = (Side::default(), Vec::new());
    let (mut one, mut all) = (Side::default(), Side::default());
    let (mut copied, mut in_place) = (Side::default(), Side::default());
    for _ in bench.runs() {
        copy(bench, &film, &mut cp, &mut durable)?;
        for (threads, side) in [(Some(1), &mut one), (None, &mut all)] {
            if let Some(used) = bench.references.b3sum(&film, threads) {
                side.add(used?);
            }
        }
        for (flag, side) in [(None, &mut copied), (Some("--in-place"), &mut in_place)] {
            let data = bench.fresh("import")?;
            run(bench.levada.at(&data).arg("init"))?;
            let mut command = bench.levada.at(&data);
            side.add(run(command.arg("publish").arg(&film).args(flag))?);
            crate::remove(&data)?;
        }
    }
    let work = float(size) / 1e6;
    let line = |row, side: &Side| {
        Line::of(row)
            .put("bytes", size)
            .put("runs", side.seconds.len())
            .spread("seconds", &side.seconds)
            .rate("mb_per_second", work, &side.seconds)
            .spread("cpu_seconds", &side.cpu)
            .spread("peak_mib", &side.peak_mib)
    };
    line("import_copy", &copied)
        .spread("cp_seconds", &cp.seconds)
        .spread("cp_durable_seconds", &durable)
        .speed_of("speed_of_cp", &copied.seconds, &cp.seconds)
        .speed_of("speed_of_cp_durable", &copied.seconds, &durable)
        .print();
    line("import_in_place", &in_place)
        .spread("b3sum_one_thread_seconds", &one.seconds)
        .spread("b3sum_seconds", &all.seconds)
        .speed_of("speed_of_b3sum_one_thread", &in_place.seconds, &one.seconds)
        .speed_of("speed_of_b3sum", &in_place.seconds, &all.seconds)
        .print();
    Ok(())
}

/// A node that published the film.
fn author(bench: &Bench) -> Result<(PathBuf, u64, u64), Failure> {
    let (film, size) = film(bench)?;
    let data = bench.folder.path().join("film-author");
    if !data.exists() {
        run(bench.levada.at(&data).arg("publish").arg(&film))?;
    }
    Ok((data, size, 1))
}

pub(crate) fn transfer(bench: &Bench) -> Outcome {
    let (author, size, _) = author(bench)?;
    let (film, _) = film(bench)?;
    let (mut ours, mut serving_side) = (Side::default(), Side::default());
    let (mut curl, mut durable, mut nginx_cpu) = (Side::default(), Vec::new(), Vec::new());
    let mut web = bench
        .references
        .web(film.parent().ok_or("a file has a folder")?)?;
    for _ in bench.runs() {
        if let Some(web) = &mut web {
            let to = bench.folder.path().join("fetched.bin");
            let started = clock::tick();
            let (used, cpu) = web.fetch(FILM, &to)?;
            File::open(&to)?.sync_all()?;
            durable.push(started.elapsed().as_secs_f64());
            std::fs::remove_file(to)?;
            curl.add(used);
            nginx_cpu.push(cpu);
        }
        let serving = bench.levada.serve(&author)?;
        let data = bench.fresh("film-follower")?;
        let mut follow = bench.levada.at(&data);
        ours.add(run(follow
            .arg("follow")
            .arg(&serving.link)
            .args(["--max-size", "1TiB"]))?);
        check(bench, &data, &serving, size)?;
        serving_side.add(serving.stop()?);
        crate::remove(&data)?;
    }
    if let Some(web) = web {
        web.stop()?;
    }
    let both: Vec<f64> = ours
        .cpu
        .iter()
        .zip(&serving_side.cpu)
        .map(|(a, b)| a + b)
        .collect();
    let both_curl: Vec<f64> = curl
        .cpu
        .iter()
        .zip(&nginx_cpu)
        .map(|(a, b)| a + b)
        .collect();
    Line::of("transfer")
        .put("bytes", size)
        .put("runs", ours.seconds.len())
        .spread("seconds", &ours.seconds)
        .rate("mb_per_second", float(size) / 1e6, &ours.seconds)
        .spread("follower_cpu_seconds", &ours.cpu)
        .spread("author_cpu_seconds", &serving_side.cpu)
        .spread("both_cpu_seconds", &both)
        .spread("follower_peak_mib", &ours.peak_mib)
        .spread("author_peak_mib", &serving_side.peak_mib)
        .spread("curl_seconds", &curl.seconds)
        .spread("curl_durable_seconds", &durable)
        .spread("curl_and_nginx_cpu_seconds", &both_curl)
        .speed_of("speed_of_curl", &ours.seconds, &curl.seconds)
        .speed_of("speed_of_curl_durable", &ours.seconds, &durable)
        .print();
    Ok(())
}

/// The follower has all of it: what is fast and wrong is not measured.
fn check(bench: &Bench, data: &Path, serving: &Serving, size: u64) -> Outcome {
    let target = format!("{}/1", feed(&serving.link));
    let mut get = bench.levada.at(data);
    get.args(["get", &target, "-o", "-"]);
    let (_, got) = run_reading(&mut get, |stdout| {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(stdout)?;
        Ok((hasher.count(), hasher.finalize()))
    })?;
    let (film, _) = film(bench)?;
    let expected = blake3::Hasher::new()
        .update_reader(File::open(film)?)?
        .finalize();
    if got == (size, expected) {
        Ok(())
    } else {
        Err(format!("the follower has {} bytes, and not the author's", got.0).into())
    }
}

/// The key in a link.
pub(crate) fn feed(link: &str) -> &str {
    let key = link.strip_prefix("levada:").unwrap_or(link);
    key.split('?').next().unwrap_or(key)
}

/// A follower that has the record and nothing of the film.
fn cold(bench: &Bench, serving: &Serving, via: &str) -> Result<PathBuf, Failure> {
    let data = bench.fresh("film-follower")?;
    let mut follow = bench.levada.at(&data);
    follow.arg("follow").arg(serving.link_via(via));
    run(follow.args(["--keep", "newest:1", "--max-size", "1MiB"]))?;
    Ok(data)
}

pub(crate) fn middle(bench: &Bench) -> Outcome {
    let (author, size, index) = author(bench)?;
    let (mut process, mut seconds, mut wire, mut trips) =
        (Side::default(), Vec::new(), Vec::new(), Vec::new());
    for _ in bench.runs() {
        let serving = bench.levada.serve(&author)?;
        let before = Tap::before(&serving.address)?;
        let data = cold(bench, &serving, &before.address())?;
        // The hint stays the same, so the tap does; what it saw of taking the feed up is taken off.
        let earlier = before.count();
        let start = size / 2;
        let range = format!("{start}-{}", start + RANGE_BYTES - 1);
        let target = format!("{}/{index}", feed(&serving.link));
        let mut get = bench.levada.at(&data);
        get.args(["get", &target, "--range", &range, "-o", "-"]);
        let (used, (came, at)) = run_reading(&mut get, |stdout| {
            let mut bytes = Vec::new();
            stdout.take(RANGE_BYTES).read_to_end(&mut bytes)?;
            Ok((bytes.len(), clock::tick()))
        })?;
        if u64::try_from(came)? != RANGE_BYTES {
            return Err(format!("{came} bytes came").into());
        }
        let count = before.count();
        process.add(used);
        let connected = before
            .connected_after(earlier.connections)
            .ok_or("nobody was asked")?;
        seconds.push(at.duration_since(connected).as_secs_f64());
        wire.push(float(
            count.asked + count.answered - earlier.asked - earlier.answered,
        ));
        trips.push(float(count.round_trips - earlier.round_trips));
        serving.stop()?;
        crate::remove(&data)?;
    }
    Line::of("middle")
        .put("bytes", RANGE_BYTES)
        .put("runs", seconds.len())
        .spread("seconds_from_connect", &seconds)
        .spread("seconds_of_process", &process.seconds)
        .spread("follower_cpu_seconds", &process.cpu)
        .spread("follower_peak_mib", &process.peak_mib)
        .spread("wire_bytes", &wire)
        .spread("round_trips", &trips)
        .print();
    Ok(())
}

pub(crate) fn killed(bench: &Bench) -> Outcome {
    let (author, size, _) = author(bench)?;
    let (mut again, mut lost, mut resumed) = (Vec::new(), Vec::new(), Side::default());
    for run_number in bench.runs() {
        let serving = bench.levada.serve(&author)?;
        let whole = {
            let tap = Tap::before(&serving.address)?;
            let data = bench.fresh("film-follower")?;
            let mut follow = bench.levada.at(&data);
            follow.arg("follow").arg(serving.link_via(&tap.address()));
            let used = run(follow.args(["--max-size", "1TiB"]))?;
            (tap.count().answered, used.seconds)
        };
        let tap = Tap::before(&serving.address)?;
        let data = bench.fresh("film-follower")?;
        let mut follow = bench.levada.at(&data);
        follow
            .arg("follow")
            .arg(serving.link_via(&tap.address()))
            .args(["--max-size", "1TiB"]);
        let running = crate::child::Running::start(&mut follow)?;
        // Somewhere else in each run.
        let part = 0.35 + 0.15 * float(u64::try_from(run_number % 4)?);
        running.kill_when(|| float(tap.answered()) >= float(size) * part)?;
        let before = tap.answered();
        resumed.add(run(bench.levada.at(&data).arg("sync"))?);
        check(bench, &data, &serving, size)?;
        let bytes = float(tap.answered()) - float(whole.0);
        again.push(bytes);
        lost.push(bytes / (float(whole.0) / whole.1));
        if before >= whole.0 {
            return Err("it was done before it was killed".into());
        }
        serving.stop()?;
        crate::remove(&data)?;
    }
    Line::of("killed")
        .put("bytes", size)
        .put("runs", again.len())
        .spread("bytes_again", &again)
        .spread("seconds_of_transfer_lost", &lost)
        .put(
            "seconds_of_transfer_lost_most",
            round(lost.iter().fold(0.0, |most: f64, next| most.max(*next))),
        )
        .spread("seconds_to_go_on", &resumed.seconds)
        .spread("follower_cpu_seconds", &resumed.cpu)
        .spread("follower_peak_mib", &resumed.peak_mib)
        .print();
    Ok(())
}
