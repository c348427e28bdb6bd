//! Requests and answers of the wire.

use levada_feed::hash::Hash;
use levada_peer::frame::{self, Ask};

/// A request that is understood is printed as one that means the same.
pub(super) fn request(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    if let Ok(ask) = Ask::parse(path, query) {
        let printed = ask.to_string();
        let (path, query) = match printed.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (printed.as_str(), None),
        };
        assert_eq!(Ask::parse(path, query).as_ref(), Ok(&ask), "{printed}");
    }
}

/// An answer that is read is written as the same bytes: there is one form.
pub(super) fn answer(bytes: &[u8]) {
    if let Ok(heads) = frame::read_feeds(bytes) {
        assert_eq!(frame::write_feeds(&heads), bytes);
    }
    if let Ok((size, runs)) = frame::read_have(bytes) {
        assert_eq!(frame::write_have(size, &runs), bytes);
        let mut end = 0;
        for run in runs.iter() {
            assert!(run.start < run.end && (end == 0 || end < run.start));
            end = run.end;
        }
    }
    if let Ok(hashes) = frame::read_batch(bytes) {
        assert_eq!(frame::write_batch(&hashes), bytes);
    }
    // Asked for what comes, whatever it is: found or refused, and never more than was asked for.
    let asked = [Hash::of(b""), Hash::of(bytes)];
    for asked in [&asked[..1], &asked[..]] {
        if let Ok(blobs) = frame::read_blobs(asked, bytes) {
            assert_eq!(blobs.len(), asked.len());
            let owned: Vec<Option<Vec<u8>>> = blobs
                .into_iter()
                .map(|blob| blob.map(<[u8]>::to_vec))
                .collect();
            assert_eq!(frame::write_blobs(&owned), bytes);
        }
    }
    if let Ok(bundles) = frame::split_bundles(bytes) {
        assert_eq!(bundles.concat(), bytes);
    }
}
