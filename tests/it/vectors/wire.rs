//! Structures of the wire.

use super::judge::Facts;
use levada_feed::hash::Hash;
use levada_feed::reject::Reject;
use levada_peer::frame;
use levada_tests::vectors::Vector;

pub(super) fn wire(vector: &Vector, body: &[u8]) -> Result<Facts, Reject> {
    match vector.header("form").unwrap() {
        "feeds" => {
            let heads = frame::read_feeds(body)?;
            Ok(vec![("heads", heads.len().to_string())])
        }
        "have" => {
            let (size, runs) = frame::read_have(body)?;
            let runs = runs
                .iter()
                .map(|run| ("run", format!("{}-{}", run.start, run.end)));
            Ok(std::iter::once(("size", size.to_string()))
                .chain(runs)
                .collect())
        }
        "batch" => {
            let hashes = frame::read_batch(body)?;
            Ok(hashes
                .iter()
                .map(|hash| ("hash", hash.to_string()))
                .collect())
        }
        "blobs" => {
            let asked: Vec<Hash> = vector
                .values("asked")
                .into_iter()
                .map(|hash| hash.parse().unwrap())
                .collect();
            let size =
                |blob: Option<&[u8]>| blob.map_or("none".to_owned(), |blob| blob.len().to_string());
            let blobs = frame::read_blobs(&asked, body)?;
            Ok(blobs.into_iter().map(|blob| ("size", size(blob))).collect())
        }
        "latest" => {
            let bundles = frame::split_bundles(body)?;
            Ok(bundles
                .iter()
                .map(|bundle| ("bytes", bundle.len().to_string()))
                .collect())
        }
        other => panic!("no form {other}"),
    }
}
