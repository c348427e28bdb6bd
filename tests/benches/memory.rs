//! In memory, on one thread: what it costs to check things, without any disk or wire.
//!
//! Rates are by CPU seconds of the thread, so that other work on the machine does not count.

use crate::Bench;
use crate::child::run_reading;
use crate::line::{Failure, Line, Outcome, float, median, round};
use crate::parts;
use levada_feed::bundle::{self, Slot};
use levada_feed::chain::{self, link_first, link_next};
use levada_feed::codec;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedSecret;
use levada_feed::limits::RECORD_VALUES_MAX;
use levada_feed::log::{AuthorLog, Batch, FollowedLog, Verdict};
use levada_feed::record;
use levada_feed::tree::{self, LeafVerifier, Node, Pieces, Shape};
use rustix::time::{ClockId, clock_gettime};
use std::collections::HashMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::io::Write;

const RECORDS: u64 = 500_000;
const BUNDLE_RECORDS: u64 = 8_192;
const BLOB_BYTES: u64 = 256 << 20;
const PORTION_BYTES: usize = 256 << 10;
const SLICES: u64 = 20_000;

/// Plays the part in a process of its own: it holds all the records.
pub(crate) fn rows(bench: &Bench) -> Outcome {
    let (divide, runs) = (
        bench.options.divide.to_string(),
        bench.options.runs.to_string(),
    );
    let mut command = parts::command("memory", &[&divide, &runs])?;
    let (_, lines) = run_reading(&mut command, |stdout| {
        let mut lines = Vec::new();
        std::io::copy(stdout, &mut lines)?;
        Ok(lines)
    })?;
    Ok(std::io::stdout().write_all(&lines)?)
}

/// CPU seconds of this thread.
fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    std::time::Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
    .as_secs_f64()
}

fn timed(runs: usize, mut work: impl FnMut() -> Outcome) -> Result<Vec<f64>, Failure> {
    let mut seconds = Vec::new();
    for _ in 0..runs {
        let started = cpu();
        work()?;
        seconds.push(cpu() - started);
    }
    Ok(seconds)
}

/// A line with a rate of things, and of bytes where they count.
fn told(row: &str, things: u64, bytes: u64, seconds: &[f64]) {
    let mut line = Line::of(row)
        .put("count", things)
        .put("runs", seconds.len())
        .spread("cpu_seconds", seconds)
        .rate("per_second", float(things), seconds);
    if bytes > 0 {
        line = line.rate("mb_per_second", float(bytes) / 1e6, seconds);
    }
    line.print();
}

/// The part: measures and prints.
pub(crate) fn measure(divide: u64, runs: usize) -> Outcome {
    let feed = Feed::new((RECORDS / divide).max(1_000))?;
    feed.records_alone(runs)?;
    feed.verify(runs)?;
    feed.bundles(runs)?;
    feed.slices(runs, (SLICES / divide).max(100))?;
    blob(runs, (BLOB_BYTES / divide).max(4 << 20))
}

/// A feed in memory.
struct Feed {
    records: Vec<Vec<u8>>,
    head: Head,
    pieces: Memory,
}

#[derive(Default)]
struct Memory {
    nodes: HashMap<Node, Hash>,
    leaves: HashMap<u64, Vec<u8>>,
}

impl Pieces for Memory {
    type Error = Infallible;

    fn node(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        Ok(self.nodes.get(&node).copied())
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(&index).cloned())
    }
}

impl Feed {
    fn new(count: u64) -> Result<Self, Failure> {
        let mut log = AuthorLog::new(FeedSecret::from_bytes(&[1; 32]));
        for record in parts::written(count) {
            log.append(record?)?;
        }
        let batch: Batch = log.sign(1).ok_or("records can be signed")?;
        let is_due =
            |(index, record): &(u64, Vec<u8>)| *index == 0 || record.len() == parts::RECORD_BYTES;
        if !batch.records().iter().all(is_due) {
            return Err("the records have another size than is told".into());
        }
        Ok(Self {
            head: batch
                .head()
                .ok_or("a batch that was signed has a head")?
                .clone(),
            pieces: Memory {
                nodes: batch.nodes().iter().copied().collect(),
                leaves: batch.leaves().iter().cloned().collect(),
            },
            records: batch
                .records()
                .iter()
                .map(|(_, record)| record.clone())
                .collect(),
        })
    }

    fn length(&self) -> u64 {
        self.head.body().length
    }

    fn links(&self) -> impl Iterator<Item = Hash> {
        let feed = self.head.body().feed;
        let mut last = None;
        self.records.iter().map(move |record| {
            let link = match &last {
                Some(last) => link_next(last, record),
                None => link_first(&feed, record),
            };
            last = Some(link);
            link
        })
    }

    /// What each record costs by itself.
    fn records_alone(&self, runs: usize) -> Outcome {
        let (length, bytes) = (self.length(), self.head.body().bytes);
        let hashed = timed(runs, || {
            for record in &self.records {
                black_box(Hash::of(record));
            }
            Ok(())
        })?;
        told("hash_records", length, bytes, &hashed);
        let linked = timed(runs, || {
            black_box(self.links().last());
            Ok(())
        })?;
        told("link_records", length, bytes, &linked);
        let checked = timed(runs, || {
            for record in &self.records {
                black_box(codec::check(record, RECORD_VALUES_MAX)?);
            }
            Ok(())
        })?;
        told("codec_check", length, bytes, &checked);
        let read = timed(runs, || {
            for (record, index) in self.records.iter().zip(0..) {
                black_box(record::read(record, index)?);
            }
            Ok(())
        })?;
        told("record_read", length, bytes, &read);
        Ok(())
    }

    /// All of a feed at once: link hashes, kind and time of each record, root, head.
    fn verify(&self, runs: usize) -> Outcome {
        let feed = self.head.body().feed;
        let seconds = timed(runs, || {
            let head = Head::check_of(&feed, self.head.wire())?;
            for record in &self.records {
                black_box(record::read_stamp(record)?);
            }
            Ok(chain::check_list(&head, self.links())?)
        })?;
        told(
            "verify_records",
            self.length(),
            self.head.body().bytes,
            &seconds,
        );
        Ok(())
    }

    /// As a follower does: bundle by bundle, each to a batch for the store.
    fn bundles(&self, runs: usize) -> Outcome {
        let mut wires = Vec::new();
        let mut from = 0;
        while from < self.length() {
            let to = self.length().min(from + BUNDLE_RECORDS);
            let part = usize::try_from(from)?..usize::try_from(to)?;
            let records = self.records.get(part).unwrap_or_default();
            let slots: Vec<Slot<'_>> = records.iter().map(|record| Slot::Record(record)).collect();
            let wire = bundle::prove(&self.head, from, &slots, &self.pieces)?;
            wires.push((from..to, wire.ok_or("all is held")?));
            from = to;
        }
        let bytes: usize = wires.iter().map(|(_, wire)| wire.len()).sum();
        let log = FollowedLog::new(self.head.body().feed, Some(self.head.clone()));
        let seconds = timed(runs, || {
            for (asked, wire) in &wires {
                match log.accept_bundle(wire, asked, &self.pieces)? {
                    Verdict::Accepted(batch) => drop(black_box(batch)),
                    other => return Err(format!("{other:?}").into()),
                }
            }
            Ok(())
        })?;
        told(
            "verify_bundles",
            self.length(),
            u64::try_from(bytes)?,
            &seconds,
        );
        Ok(())
    }

    /// One record in the feed: a slice of the hash list.
    fn slices(&self, runs: usize, count: u64) -> Outcome {
        let (shape, root) = (Shape::of_list(self.length()), self.head.body().root);
        let mut slices = Vec::new();
        for number in 0..count {
            let index = number.wrapping_mul(7_919_777) % self.length();
            let leaves = chain::leaves_of(&[index..index + 1]);
            let pairs = tree::prove(&self.pieces, shape, &leaves)?.ok_or("all is held")?;
            let bytes = chain::leaf_bytes(&self.pieces, self.length(), &leaves)?;
            slices.push((leaves, pairs, bytes.ok_or("all is held")?));
        }
        let seconds = timed(runs, || {
            for (leaves, pairs, bytes) in &slices {
                black_box(tree::check_slice(&root, shape, leaves, pairs, bytes)?);
            }
            Ok(())
        })?;
        let sizes: Vec<f64> = slices
            .iter()
            .map(|(_, pairs, bytes)| float(u64::try_from(pairs.len() + bytes.len()).unwrap_or(0)))
            .collect();
        Line::of("verify_slices")
            .put("count", count)
            .put("length", self.length())
            .put("slice_bytes", round(median(&sizes)))
            .put("runs", seconds.len())
            .spread("cpu_seconds", &seconds)
            .rate("per_second", float(count), &seconds)
            .print();
        Ok(())
    }
}

/// The bytes of a blob, verified leaf by leaf as they come.
fn blob(runs: usize, size: u64) -> Outcome {
    let mut bytes = vec![0; usize::try_from(size)?];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    let shape = Shape::of_blob(size)?;
    let piece_bytes = usize::try_from(shape.bytes_of(&(0..tree::PIECE_LEAVES)).end)?;
    let mut hashes = Vec::new();
    let mut pairs = Vec::new();
    let hashed = timed(runs, || {
        hashes.clear();
        pairs.clear();
        for (piece, number) in bytes.chunks(piece_bytes).zip(0..) {
            let hashed = tree::hash_piece(shape, number, piece)?;
            hashes.push(hashed.hash);
            pairs.push((hashed.position, hashed.pairs));
        }
        Ok(())
    })?;
    told("hash_blob", shape.leaves(), size, &hashed);
    let (root, above) = tree::join_pieces(shape, &hashes)?;
    pairs.extend(
        above
            .into_iter()
            .map(|(position, pair)| (position, pair.to_vec())),
    );
    pairs.sort();
    let pairs: Vec<u8> = pairs.into_iter().flat_map(|(_, pairs)| pairs).collect();
    let whole = 0..shape.leaves();
    let verified = timed(runs, || {
        let proven = tree::check_pairs(&root, shape, std::slice::from_ref(&whole), &pairs)?;
        let mut verifier = LeafVerifier::new(&proven, whole.clone());
        for portion in bytes.chunks(PORTION_BYTES) {
            verifier.push(portion, &mut |at, good| {
                black_box((at, good.len()));
            })?;
        }
        Ok(verifier.finish()?)
    })?;
    told("verify_blob", shape.leaves(), size, &verified);
    let reference = timed(runs, || {
        black_box(blake3::hash(&bytes));
        Ok(())
    })?;
    told("blake3_blob", shape.leaves(), size, &reference);
    Ok(())
}
