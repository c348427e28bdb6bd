//! Structures of the wire.

use super::judge::Facts;
use levada_feed::hash::Hash;
use levada_feed::reject::Reject;
use levada_peer::frame::{self, Frame, Frames, News};
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
        "watch" => {
            let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
            let watched = frame::read_watch(body)?.into_iter().map(|one| {
                let tag = one.tag.map_or("none".to_owned(), |tag| hex(&tag));
                ("watched", format!("{} {} {tag}", hex(&one.feed), one.have))
            });
            Ok(watched.collect())
        }
        "peers" => {
            let addresses = frame::read_peers(body)?;
            Ok(addresses.into_iter().map(|one| ("address", one)).collect())
        }
        "announce" => Ok(vec![("port", frame::read_announce(body)?.to_string())]),
        "frames" => frames(vector.header("feeds").unwrap().parse().unwrap(), body),
        other => panic!("no form {other}"),
    }
}

fn frames(feeds: usize, mut body: &[u8]) -> Result<Facts, Reject> {
    let mut frames = Frames::of(feeds);
    let mut facts = Facts::new();
    while let Some(frame) = frames.next(&mut body)? {
        let told = match frame {
            Frame::Alive => "alive".to_owned(),
            Frame::News { at, news } => match news {
                News::NotHere => format!("{at} 0 0"),
                News::Head(content) => format!("{at} 1 {}", content.len()),
                News::Fork(content) => format!("{at} 2 {}", content.len()),
                News::Succession(content) => format!("{at} 3 {}", content.len()),
                News::Unknown => format!("{at} unknown"),
            },
        };
        facts.push(("frame", told));
    }
    if frames.is_cut() {
        return Err(Reject::Truncated);
    }
    Ok(facts)
}
