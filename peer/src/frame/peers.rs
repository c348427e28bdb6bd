//! Who else serves a feed: the list, and what one says who announces itself (spec/wire.md, Peers).

use super::open;
use levada_feed::codec::{self, Writer};
use levada_feed::limits::{PEER_BYTES_MAX, PEERS_MAX};
use levada_feed::reject::Reject;

/// Bytes of an announcement at most.
pub const ANNOUNCE_BYTES_MAX: usize = 64;

/// The list: `[1, [address, …]]`. At most 32 addresses.
#[must_use]
pub fn write_peers(addresses: &[String]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(1).array(addresses.len());
    addresses.iter().for_each(|address| {
        writer.text(address);
    });
    writer.finish()
}

/// Reads `write_peers`: hints, each of which may be no address at all.
///
/// # Errors
/// wire-1 and the codec's.
pub fn read_peers(bytes: &[u8]) -> Result<Vec<String>, Reject> {
    let parts = open(bytes, PEERS_MAX + 8)?;
    let [_, list] = parts.as_slice() else {
        return Err(Reject::AnswerForm);
    };
    let list = codec::read_array(list).ok_or(Reject::AnswerForm)?;
    if list.len() > PEERS_MAX {
        return Err(Reject::AnswerForm);
    }
    let read = |address| {
        let text = codec::read_text(address).filter(|text| text.len() <= PEER_BYTES_MAX);
        text.map(str::to_owned).ok_or(Reject::AnswerForm)
    };
    list.into_iter().map(read).collect()
}

/// An announcement: `[1, port]`; the address is that of the connection.
#[must_use]
pub fn write_announce(port: u16) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(1).uint(u64::from(port));
    writer.finish()
}

/// Reads `write_announce`.
///
/// # Errors
/// wire-1 and the codec's.
pub fn read_announce(bytes: &[u8]) -> Result<u16, Reject> {
    let parts = open(bytes, 4)?;
    let [_, port] = parts.as_slice() else {
        return Err(Reject::AnswerForm);
    };
    let port = codec::read_uint(port).and_then(|port| u16::try_from(port).ok());
    port.filter(|port| *port > 0).ok_or(Reject::AnswerForm)
}
