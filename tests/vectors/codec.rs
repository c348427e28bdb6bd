//! One CBOR value each, under the bounds of a record: nesting 16, 4,096 values.

use super::cbor::{array, bytes, head, hex, map, null, text, uint};
use super::{Shelf, Vector};

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("codec");
    for (name, digits, why) in TAKEN {
        shelf.accept(name, why, hex(digits));
    }
    bounds(&mut shelf);
    for (name, must, digits, why) in REFUSED {
        shelf.refuse(name, must, why, hex(digits));
    }
    shelf.done()
}

#[rustfmt::skip]
const TAKEN: &[(&str, &str, &str)] = &[
    ("integer-0", "00", "The least integer."),
    ("integer-23", "17", "The greatest integer within the initial byte."),
    ("integer-24", "18 18", "The least integer with one byte of its own."),
    ("integer-255", "18 ff", "The greatest integer with one byte of its own."),
    ("integer-256", "19 0100", "The least integer with two bytes of its own."),
    ("integer-65535", "19 ffff", "The greatest integer with two bytes of its own."),
    ("integer-65536", "1a 00010000", "The least integer with four bytes of its own."),
    ("integer-2-32-less-1", "1a ffffffff", "The greatest integer with four bytes of its own."),
    ("integer-2-32", "1b 0000000100000000", "The least integer with eight bytes of its own."),
    ("integer-2-53-less-1", "1b 001fffffffffffff", "The greatest integer of all."),
    ("bytes-empty", "40", "A byte string may be empty."),
    ("text-empty", "60", "A text may be empty."),
    ("text-with-nul", "61 00", "Any character that UTF-8 can write may stand in a text."),
    ("text-not-normalised", "63 65cc81",
        "An e and its accent are two characters and stay two: text is never normalised."),
    ("text-greatest-character", "64 f48fbfbf", "U+10FFFF is the last character."),
    ("array-empty", "80", "An array may be empty."),
    ("map-empty", "a0", "A map may be empty."),
    ("false", "f4", "False is one byte."),
    ("true", "f5", "True is one byte."),
    ("null", "f6", "Null is one byte."),
    ("array-of-all", "86 00 4101 6161 80 a0 f6", "An array holds values of any type."),
    ("keys-shorter-first", "a2 617a 00 626161 00", "The key z stands before aa: shorter keys come first."),
    ("keys-by-bytes", "a2 626161 00 626162 00", "Keys of one length stand in the order of their bytes."),
    ("key-empty", "a2 60 00 6161 00", "The empty key is the shortest."),
    ("key-length-in-bytes", "a2 627a7a 00 62c3a9 00", "An é has two bytes, so it is as long as zz, and greater."),
    ("key-length-not-in-characters", "a2 617a 00 62c3a9 00", "An é is longer than z, though both are one character."),
    ("maps-apart", "82 a1616100 a1616100", "The same key may stand in two maps."),
];

#[rustfmt::skip]
fn bounds(shelf: &mut Shelf) {
    let nested = |depth: usize| [vec![0x81; depth], uint(0)].concat();
    let nested_maps = |depth: usize| (1..depth).fold(map(&[]), |inner, _| map(&[("a", inner)]));
    let many = |count: usize| array(&vec![uint(0); count]);
    let keys: Vec<String> = (0..4095).map(|at| format!("{at:04}")).collect();
    let entries: Vec<_> = keys.iter().map(|key| (key.as_str(), null())).collect();
    let taken = [
        ("nesting-16", "Sixteen arrays, the outermost counted as one.", nested(16)),
        ("nesting-16-maps", "Maps count like arrays.", nested_maps(16)),
        ("values-4096", "An array and its 4,095 integers are 4,096 values.", many(4095)),
        ("values-4096-in-a-map", "A map and its 4,095 values: keys are not counted.", map(&entries)),
    ];
    for (name, why, body) in taken {
        shelf.accept(name, why, body);
    }
    let refused = [
        ("nesting-17", "codec-10", "Seventeen arrays, one within the other.", nested(17)),
        ("nesting-17-empty", "codec-10", "The seventeenth array holds nothing, and still is too deep.",
            [vec![0x81; 16], array(&[])].concat()),
        ("nesting-17-maps", "codec-10", "Seventeen maps, one within the other.", nested_maps(17)),
        ("nesting-60000", "codec-10", "A reader that calls itself for each array would run out of stack.", nested(60_000)),
        ("values-4097", "codec-11", "An array and its 4,096 integers are one value too many.", many(4096)),
        ("values-4097-nested", "codec-11", "64 arrays of 63 integers and the array around them are 4,097 values.",
            array(&vec![many(63); 64])),
        ("cut-huge-bytes", "codec-1",
            "A byte string that claims 2^53 bytes and brings eight: nothing may be reserved for the claim.",
            [head(2, 1 << 53), vec![0; 8]].concat()),
        ("cut-huge-array", "codec-1", "An array that claims 2^56 values and brings one.",
            [head(4, 1 << 56), uint(0)].concat()),
        ("cut-huge-map", "codec-1", "A map that claims 2^63 entries, twice that many values, and brings one.",
            [head(5, 1 << 63), text("a"), bytes(b"a")].concat()),
    ];
    for (name, must, why, body) in refused {
        shelf.refuse(name, must, why, body);
    }
}

#[rustfmt::skip]
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("empty", "codec-1", "", "There is no value at all."),
    ("cut-integer", "codec-1", "18", "The byte of the integer is missing."),
    ("cut-integer-in-the-middle", "codec-1", "1a 000100", "Three of four bytes of the integer are there."),
    ("cut-bytes", "codec-1", "42 00", "One of two bytes is there."),
    ("cut-text", "codec-1", "62 61", "One of two characters is there."),
    ("cut-array", "codec-1", "82 00", "One of two values is there."),
    ("cut-map-value", "codec-1", "a1 6161", "A key without its value."),
    ("cut-map-key", "codec-1", "a2 6161 00 61", "The second key is cut."),
    ("cut-length", "codec-1", "59 01", "The length of the byte string is cut."),
    ("trailing-value", "codec-2", "00 00", "A second value follows the first."),
    ("trailing-break", "codec-2", "80 ff", "A break follows an array that needs none."),
    ("trailing-nul", "codec-2", "a0 00", "A zero byte follows the map, as padding would."),
    ("long-integer-23", "codec-3", "18 17", "23 fits the initial byte."),
    ("long-integer-255", "codec-3", "19 00ff", "255 fits one byte."),
    ("long-integer-65535", "codec-3", "1a 0000ffff", "65,535 fits two bytes."),
    ("long-integer-2-32-less-1", "codec-3", "1b 00000000ffffffff", "2^32-1 fits four bytes."),
    ("long-integer-0", "codec-3", "1b 0000000000000000", "Zero in nine bytes."),
    ("long-bytes-length", "codec-3", "58 01 00", "A length of 1 fits the initial byte."),
    ("long-text-length", "codec-3", "79 0001 61", "A length of 1 in two bytes."),
    ("long-array-count", "codec-3", "98 01 00", "A count of 1 fits the initial byte."),
    ("long-map-count", "codec-3", "b8 01 6161 00", "A map of one entry needs no byte for its count."),
    ("long-key-length", "codec-3", "a1 7801 61 00", "The length of the key fits its initial byte."),
    ("indefinite-array", "codec-4", "9f ff", "An array without a count."),
    ("indefinite-map", "codec-4", "bf ff", "A map without a count."),
    ("indefinite-bytes", "codec-4", "5f 4100 ff", "A byte string in pieces."),
    ("indefinite-text", "codec-4", "7f 6161 ff", "A text in pieces."),
    ("indefinite-key", "codec-4", "a1 7f 6161 ff 00", "A key in pieces."),
    ("indefinite-inside", "codec-4", "81 9f 00 ff", "An array without a count inside one with a count."),
    ("negative", "codec-5", "20", "There are no negative integers."),
    ("negative-least", "codec-5", "3b ffffffffffffffff", "Nor very negative ones."),
    ("tag-time", "codec-5", "c1 00", "There are no tags; times are plain integers."),
    ("tag-bignum", "codec-5", "c2 49 010000000000000000", "A big number is a tag."),
    ("tag-cbor", "codec-5", "d9d9f7 00", "The tag that says that this is CBOR is a tag."),
    ("float-half", "codec-5", "f9 3c00", "There are no floating-point numbers."),
    ("float-single", "codec-5", "fa 3f800000", "1.0 in four bytes."),
    ("float-double", "codec-5", "fb 3ff0000000000000", "1.0 in eight bytes."),
    ("float-nan", "codec-5", "f9 7e00", "Not a number."),
    ("undefined", "codec-5", "f7", "There is null, and no undefined."),
    ("simple-0", "codec-5", "e0", "There are no simple values but false, true and null."),
    ("simple-255", "codec-5", "f8 ff", "A simple value with a byte of its own."),
    ("long-false", "codec-5", "f8 14", "False with a byte of its own is no false."),
    ("break-alone", "codec-5", "ff", "A break ends nothing here."),
    ("break-in-array", "codec-5", "82 00 ff", "A break inside an array with a count."),
    ("reserved-28", "codec-5", "1c", "The form 28 is reserved."),
    ("reserved-29-bytes", "codec-5", "5d", "The form 29 is reserved."),
    ("reserved-30-array", "codec-5", "9e", "The form 30 is reserved."),
    ("reserved-31-integer", "codec-5", "1f", "An integer of indefinite length is nothing."),
    ("float-as-key", "codec-5", "a1 f93c00 00", "A key of a type that there is not."),
    ("integer-2-53", "codec-6", "1b 0020000000000000", "2^53 is one too many: a double could not tell it from 2^53+1."),
    ("integer-2-64-less-1", "codec-6", "1b ffffffffffffffff", "The greatest integer of CBOR is too large here."),
    ("integer-2-53-inside", "codec-6", "a1 6161 1b 0020000000000000", "The bound holds inside a map too."),
    ("text-stray-byte", "codec-7", "61 ff", "A byte that UTF-8 never has."),
    ("text-cut-character", "codec-7", "61 c3", "The first byte of an é alone."),
    ("text-overlong", "codec-7", "62 c080", "A NUL written with two bytes."),
    ("text-surrogate", "codec-7", "63 eda080", "Half of a UTF-16 pair is no character."),
    ("text-beyond-the-last", "codec-7", "64 f4908080", "There is no character after U+10FFFF."),
    ("key-not-utf-8", "codec-7", "a1 61ff 00", "A key is text like any other."),
    ("key-integer", "codec-8", "a1 00 00", "A key that is an integer."),
    ("key-bytes", "codec-8", "a1 4161 00", "A key that is a byte string."),
    ("key-array", "codec-8", "a1 80 00", "A key that is an array."),
    ("key-null", "codec-8", "a1 f6 00", "A key that is null."),
    ("key-twice", "codec-9", "a2 6161 00 6161 00", "The same key again."),
    ("key-twice-other-value", "codec-9", "a2 6161 00 6161 01", "The same key with another value: which one counts?"),
    ("keys-longer-first", "codec-9", "a2 626161 00 617a 00", "The order of bytes alone: aa before z."),
    ("keys-not-by-bytes", "codec-9", "a2 626162 00 626161 00", "The key ab before aa."),
    ("key-empty-last", "codec-9", "a2 6161 00 60 00", "The empty key after another."),
    ("key-twice-apart", "codec-9", "a3 6161 00 6162 00 6161 00", "The first key again after another one."),
    ("keys-inside-not-sorted", "codec-9", "81 a2 6162 00 6161 00", "The order holds at any depth."),
];
