//! Ten thousand files of 4 KiB: published, and followed with all their bytes.

use crate::Bench;
use crate::child::{Side, run};
use crate::line::{Line, Outcome, float, round};
use crate::parts::bytes_below;

const FILES: u64 = 10_000;
const FILE_BYTES: usize = 4_096;
const FOLDER_FILES: u64 = 1_000;

pub(crate) fn rows(bench: &Bench) -> Outcome {
    let files = bench.options.size(FILES);
    let folder = bench.folder.path().join("files");
    for number in 0..files {
        let below = folder.join((number / FOLDER_FILES).to_string());
        std::fs::create_dir_all(&below)?;
        let mut bytes = [0; FILE_BYTES];
        blake3::Hasher::new()
            .update(&number.to_le_bytes())
            .finalize_xof()
            .fill(&mut bytes);
        std::fs::write(below.join(format!("{number}.bin")), bytes)?;
    }
    let (mut published, mut followed, mut serving_side) =
        (Side::default(), Side::default(), Side::default());
    let mut store = Vec::new();
    for _ in bench.runs() {
        let (author, follower) = (bench.fresh("files-author")?, bench.fresh("files-follower")?);
        run(bench.levada.at(&author).arg("init"))?;
        published.add(run(bench.levada.at(&author).arg("publish").arg(&folder))?);
        let serving = bench.levada.serve(&author)?;
        let mut follow = bench.levada.at(&follower);
        followed.add(run(follow
            .arg("follow")
            .arg(&serving.link)
            .args(["--keep", "all"]))?);
        serving_side.add(serving.stop()?);
        store.push(bytes_below(&follower.join("store"))?);
        crate::remove(&author)?;
        crate::remove(&follower)?;
    }
    let line = |row, side: &Side| {
        Line::of(row)
            .put("files", files)
            .put("runs", side.seconds.len())
            .spread("seconds", &side.seconds)
            .rate("files_per_second", float(files), &side.seconds)
    };
    line("files_publish", &published)
        .spread("author_cpu_seconds", &published.cpu)
        .spread("author_peak_mib", &published.peak_mib)
        .print();
    let media = float(files) * 4_096.0;
    line("files_follow", &followed)
        .spread("follower_cpu_seconds", &followed.cpu)
        .spread("author_cpu_seconds", &serving_side.cpu)
        .spread("follower_peak_mib", &followed.peak_mib)
        .spread("author_peak_mib", &serving_side.peak_mib)
        .put(
            "follower_store_of_media",
            round(crate::line::median(&store) / media),
        )
        .print();
    Ok(())
}
