//! CBOR written by hand, value by value, so that broken forms can be written too.

use data_encoding::HEXLOWER;

/// Initial byte and argument in the shortest form.
pub(crate) fn head(major: u8, argument: u64) -> Vec<u8> {
    let bytes = argument.to_be_bytes();
    let (info, rest): (u8, &[u8]) = match argument {
        0..=23 => (bytes[7], &[]),
        24..=0xff => (24, &bytes[7..]),
        0x100..=0xffff => (25, &bytes[6..]),
        0x1_0000..=0xffff_ffff => (26, &bytes[4..]),
        _ => (27, &bytes),
    };
    [&[major << 5 | info], rest].concat()
}

pub(crate) fn uint(value: u64) -> Vec<u8> {
    head(0, value)
}

pub(crate) fn bytes(value: &[u8]) -> Vec<u8> {
    [head(2, count(value)), value.to_vec()].concat()
}

pub(crate) fn text(value: &str) -> Vec<u8> {
    [head(3, count(value.as_bytes())), value.as_bytes().to_vec()].concat()
}

pub(crate) fn array(values: &[Vec<u8>]) -> Vec<u8> {
    [head(4, count(values)), values.concat()].concat()
}

/// One entry of a map: a key, and the bytes of its value.
pub(crate) type Entry<'a> = (&'a str, Vec<u8>);

/// A map with its entries as given, in order or not.
pub(crate) fn map(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut map = head(5, count(entries));
    for (key, value) in entries {
        map.extend(text(key));
        map.extend_from_slice(value);
    }
    map
}

/// A map with its entries in canonical order: by length of the key, then by its bytes.
pub(crate) fn sorted(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut entries = entries.to_vec();
    entries.sort_by_key(|(key, _)| (key.len(), *key));
    map(&entries)
}

pub(crate) fn bool(value: bool) -> Vec<u8> {
    vec![if value { 0xf5 } else { 0xf4 }]
}

pub(crate) fn null() -> Vec<u8> {
    vec![0xf6]
}

/// Bytes from hex digits; spaces are for the reader.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    HEXLOWER
        .decode(digits.replace(' ', "").as_bytes())
        .expect("the generator writes hex")
}

/// Hex digits of bytes.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// How many, as CBOR counts.
pub(crate) fn count<T>(values: &[T]) -> u64 {
    u64::try_from(values.len()).expect("nothing here is that long")
}
