//! Words in XMP packets and captions that give away a place, a serial number or an owner.
//!
//! Not an XML parser: it looks for the names of properties, which are the same in every spelling of XMP.
//! A property that is there but empty counts as well; telling the user once too often does no harm.

use super::{Private, place, place_note, printable};

const PLACES: [&str; 9] = [
    "GPSLatitude",
    "GPSLongitude",
    "GPSDest",
    "GPSAreaInformation",
    "LocationCreated",
    "LocationShown",
    "Iptc4xmpCore:Location",
    "photoshop:City",
    "GPSCoordinates",
];

/// What a packet gives away.
pub(super) fn mentions(block: &[u8]) -> Vec<Private> {
    // UTF-16 packets are read as well: without its zeros, ASCII in UTF-16 is ASCII.
    let bytes: Vec<u8> = block.iter().copied().filter(|byte| *byte != 0).collect();
    let mut found = Vec::new();
    let latitude = value(&bytes, "GPSLatitude").and_then(|value| degrees(&value));
    let longitude = value(&bytes, "GPSLongitude").and_then(|value| degrees(&value));
    match latitude
        .zip(longitude)
        .and_then(|(latitude, longitude)| place(latitude, longitude))
    {
        Some(place) => found.push(place),
        None if PLACES.iter().any(|word| find(&bytes, word).is_some()) => {
            found.push(place_note("caption data"));
        }
        None => {}
    }
    for (word, what) in [("LensSerialNumber", "lens"), ("SerialNumber", "camera")] {
        if let Some(value) = value(&bytes, word) {
            found.push(Private::Serial {
                what: what.to_owned(),
                value,
            });
            break;
        }
    }
    if let Some(name) = value(&bytes, "OwnerName") {
        found.push(Private::Owner { name });
    }
    found
}

/// A valid packet that says nothing, padded to a length.
pub(super) fn empty_packet(len: usize) -> Vec<u8> {
    let mut packet = b"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"></x:xmpmeta>".to_vec();
    if packet.len() > len {
        packet.clear();
    }
    packet.resize(len, b' ');
    packet
}

fn find(bytes: &[u8], word: &str) -> Option<usize> {
    bytes
        .windows(word.len())
        .position(|window| window == word.as_bytes())
}

/// The text after a property's name, as an attribute or as an element.
fn value(bytes: &[u8], word: &str) -> Option<String> {
    let after = bytes.get(find(bytes, word)? + word.len()..)?;
    let is_open = |byte: &u8| matches!(byte, b'"' | b'\'' | b'>');
    let is_close = |byte: &u8| matches!(byte, b'"' | b'\'' | b'<');
    let start = after
        .iter()
        .position(is_open)
        .map_or(after.len(), |at| at + 1);
    let rest = after.get(start..).unwrap_or_default();
    let len = rest.iter().position(is_close).unwrap_or(rest.len());
    Some(printable(rest.get(..len).unwrap_or_default()))
}

/// `32,39.1N`, `32,39,6N` or plain signed degrees.
fn degrees(value: &str) -> Option<f64> {
    let (digits, sign) = match value.chars().last()? {
        'N' | 'E' => (value.trim_end_matches(['N', 'E']), 1.0),
        'S' | 'W' => (value.trim_end_matches(['S', 'W']), -1.0),
        _ => (value, 1.0),
    };
    let mut degrees = 0.0;
    let mut unit = 1.0;
    for part in digits.split(',').take(3) {
        degrees += part
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|part| part.is_finite())?
            / unit;
        unit *= 60.0;
    }
    Some(degrees * sign)
}
