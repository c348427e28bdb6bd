//! Who else serves a feed, and what one says who announces itself: against a reader that knows CBOR and spec/wire.md alone.

use super::{DEAD_ENDS, cuts, shortest, uint};
use levada_feed::limits::{PEER_BYTES_MAX, PEERS_MAX};
use levada_peer::frame::{
    ANNOUNCE_BYTES_MAX, read_announce, read_peers, write_announce, write_peers,
};

/// The bytes as a list and as an announcement. Either is read if it is one, and written as the same bytes.
pub(super) fn peers(bytes: &[u8]) {
    let read = read_peers(bytes).ok();
    assert_eq!(read, plain_list(bytes));
    let port = read_announce(bytes).ok();
    assert_eq!(port, plain_announcement(bytes));
    assert!(read.is_none() || port.is_none(), "no bytes mean both");
    if let Some(list) = &read {
        assert_eq!(write_peers(list), bytes);
    }
    if let Some(port) = port {
        assert_eq!(write_announce(port), bytes);
        assert!(bytes.len() <= ANNOUNCE_BYTES_MAX);
    }
    let is_refused = |bytes: &[u8]| read_peers(bytes).is_err() && read_announce(bytes).is_err();
    if read.is_some() || port.is_some() {
        for cut in cuts(bytes) {
            assert!(is_refused(cut), "cut at {}", cut.len());
        }
        for more in DEAD_ENDS {
            assert!(is_refused(&[bytes, more].concat()));
        }
    }
}

/// `[1, [address, …]]`.
fn plain_list(bytes: &[u8]) -> Option<Vec<String>> {
    let parts = shortest(bytes)?.into_array().ok()?;
    let [version, list] = parts.as_slice() else {
        return None;
    };
    let list = list.as_array().filter(|_| uint(version) == Some(1))?;
    let texts = list.iter().map(|one| one.as_text().map(str::to_owned));
    let texts: Vec<String> = texts.collect::<Option<_>>()?;
    let is_short = texts.iter().all(|text| text.len() <= PEER_BYTES_MAX);
    (is_short && texts.len() <= PEERS_MAX).then_some(texts)
}

/// `[1, port]`.
fn plain_announcement(bytes: &[u8]) -> Option<u16> {
    let parts = shortest(bytes)?.into_array().ok()?;
    let [version, port] = parts.as_slice() else {
        return None;
    };
    let port = uint(port).filter(|port| uint(version) == Some(1) && *port > 0)?;
    u16::try_from(port).ok()
}
