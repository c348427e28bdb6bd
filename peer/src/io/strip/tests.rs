use std::fs;

use super::*;
use crate::io::private::sample;

/// Strips and checks what must hold for every file: same length, nothing private left, nothing else lost.
fn check(bytes: &[u8], media_type: &str) -> (Vec<u8>, Stripped) {
    let folder = tempfile::tempdir().unwrap();
    let (input, copy) = (folder.path().join("input"), folder.path().join("copy"));
    fs::write(&input, bytes).unwrap();
    let facts = media::inspect(&input).unwrap();
    assert_eq!(facts.media_type, media_type);
    assert!(!facts.private.is_empty(), "{media_type}: nothing found");
    let mut output = Vec::new();
    let stripped = strip(&input, &mut output, media_type).unwrap();
    assert!(stripped.is_changed);
    assert_eq!(stripped.removed, facts.private);
    assert_eq!(output.len(), bytes.len());
    fs::write(&copy, &output).unwrap();
    let after = media::inspect(&copy).unwrap();
    assert_eq!(after.private, []);
    assert_eq!((after.width, after.height), (facts.width, facts.height));
    assert_eq!(
        (after.taken_ms, after.duration_ms),
        (facts.taken_ms, facts.duration_ms)
    );
    assert!(contains(&output, sample::PIXELS));
    let words = [
        &b"CAM12345"[..],
        b"NOTE-SERIAL",
        b"Maria Exemplo",
        b"L77",
        b"+32.65",
        b"32,39",
    ];
    for word in words {
        assert!(!contains(&output, word), "{media_type}: {word:?} is left");
    }
    assert!(Plan::new(&copy, media_type).unwrap().is_empty());
    (output, stripped)
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[test]
fn jpeg_loses_place_and_serials_and_keeps_the_rest() {
    let bytes = sample::jpeg(&[
        sample::exif_segment(),
        sample::xmp_segment(sample::XMP.as_bytes()),
    ]);
    let (output, stripped) = check(&bytes, "image/jpeg");
    let expected = [
        Private::Serial {
            what: "camera".to_owned(),
            value: "CAM12345".to_owned(),
        },
        Private::Serial {
            what: "lens".to_owned(),
            value: "L77".to_owned(),
        },
        Private::Owner {
            name: "Maria Exemplo".to_owned(),
        },
        Private::Place {
            latitude: 32.652,
            longitude: -16.91,
        },
    ];
    for private in expected {
        assert!(
            stripped.removed.contains(&private),
            "{private} in {:?}",
            stripped.removed
        );
    }
    for word in [
        &b"Acme Camera Works"[..],
        b"Acme 50mm lens",
        b"2024:05:06 07:08:09",
    ] {
        assert!(contains(&output, word));
    }
    // Orientation 6 is still there: tag, type SHORT, count 1, value.
    assert!(contains(&output, &[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6]));
    // From the frame header on nothing changed.
    let tail = |bytes: &[u8]| bytes[bytes.len() - 34..].to_vec();
    assert_eq!(tail(&output), tail(&bytes));
}

#[test]
fn little_endian_exif_is_cleaned_like_big_endian() {
    for is_little in [true, false] {
        let bytes = sample::png(&[(b"eXIf", sample::exif(is_little))]);
        let (output, _) = check(&bytes, "image/png");
        assert!(contains(&output, b"2024:05:06 07:08:09"));
    }
}

#[test]
fn xmp_cut_within_a_word_is_still_seen() {
    let (first, rest) = sample::XMP
        .as_bytes()
        .split_at(sample::XMP.find("PSLatitude").unwrap());
    let bytes = sample::jpeg(&[
        sample::more_xmp_segment(first),
        sample::more_xmp_segment(rest),
    ]);
    check(&bytes, "image/jpeg");
}

#[test]
fn utf16_xmp_is_still_seen() {
    let packet: Vec<u8> = sample::XMP
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let (output, _) = check(&sample::jpeg(&[sample::xmp_segment(&packet)]), "image/jpeg");
    assert!(!contains(&output, b"G\0P\0S\0"));
}

#[test]
fn pictures_and_films_behind_a_jpeg_are_stripped_too() {
    let first = sample::jpeg(&[]);
    let second = sample::jpeg(&[sample::exif_segment()]);
    check(
        &[first.clone(), vec![0; 100], second.clone()].concat(),
        "image/jpeg",
    );
    check(
        &[first.clone(), vec![7; 70_000], second, sample::film()].concat(),
        "image/jpeg",
    );
    check(&[first, sample::film()].concat(), "image/jpeg");
}

#[test]
fn png_with_xmp_and_hidden_profiles_is_stripped() {
    let xmp = [&b"XML:com.adobe.xmp\0\0\0\0\0"[..], sample::XMP.as_bytes()].concat();
    let compressed = b"XML:com.adobe.xmp\0\x01\0\0\0\x78\x9c\x01\x02".to_vec();
    let profile = b"Raw profile type exif\0\0\x78\x9c\x01\x02".to_vec();
    let plain = b"exif:GPSLatitude\x0032/1".to_vec();
    for (kind, data) in [
        (b"iTXt", xmp),
        (b"iTXt", compressed),
        (b"zTXt", profile),
        (b"tEXt", plain),
    ] {
        let (output, _) = check(&sample::png(&[(kind, data)]), "image/png");
        check_png_sums(&output);
    }
    check_png_sums(&check(&sample::png(&[(b"eXIf", sample::exif(false))]), "image/png").0);
}

fn check_png_sums(bytes: &[u8]) {
    let mut at = 8;
    while at < bytes.len() {
        let long = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let end = at + 8 + usize::try_from(long(at)).unwrap();
        let mut crc = sum_by_division(&bytes[at + 4..end]);
        crc ^= long(end);
        assert_eq!(crc, 0, "chunk at {at}");
        at = end + 4;
    }
}

/// A second writing of CRC-32, so that the first is not checked with itself: polynomial division, msb first.
fn sum_by_division(bytes: &[u8]) -> u32 {
    let mut register = u32::MAX;
    for byte in bytes {
        register ^= u32::from(byte.reverse_bits()) << 24;
        for _ in 0..8 {
            let is_carry = register >> 31 == 1;
            register = (register << 1) ^ if is_carry { 0x04C1_1DB7 } else { 0 };
        }
    }
    !register.reverse_bits()
}

#[test]
fn city_in_a_caption_counts_as_a_place() {
    let caption = b"Photoshop 3.0\08BIM\x04\x04\0\0\0\0\0\x0c\x1c\x02\x5a\0\x07Funchal";
    let (output, _) = check(
        &sample::jpeg(&[sample::segment(0xED, &[caption])]),
        "image/jpeg",
    );
    assert!(!contains(&output, b"Funchal"));
}

#[test]
fn place_in_matroska_tags_is_found_and_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("a.mkv");
    let head = [&b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska"[..], &[0; 300]].concat();
    let tag = b"\x45\xa3\x88LOCATION\x44\x87\x85+32-1";
    fs::write(&input, [&head[..], tag].concat()).unwrap();
    let found = media::inspect(&input).unwrap();
    assert_eq!(found.private.len(), 1);
    let error = strip(&input, &mut Vec::new(), &found.media_type).unwrap_err();
    assert!(matches!(error, StripError::Unsupported { .. }), "{error}");
    fs::write(&input, [&head[..], &tag[3..]].concat()).unwrap();
    assert_eq!(media::inspect(&input).unwrap().private, []);
}

#[test]
fn webp_is_stripped() {
    let bytes = sample::webp();
    let (output, stripped) = check(&bytes, "image/webp");
    assert_eq!(stripped.removed.len(), 4);
    assert!(contains(&output, b"Acme Camera Works"));
}

#[test]
fn film_loses_its_place_in_all_three_forms() {
    let (output, stripped) = check(&sample::film(), "video/mp4");
    assert_eq!(
        stripped.removed[0],
        Private::Place {
            latitude: 32.65,
            longitude: -16.908
        }
    );
    assert!(!contains(&output, b"Funchal"));
}

#[test]
fn heif_is_stripped_through_its_item_table() {
    let (output, _) = check(&sample::heif(), "image/heif");
    assert!(contains(&output, b"Acme Camera Works"));
}

#[test]
fn track_of_positions_is_refused_before_anything_is_written() {
    let entry = sample::piece(b"gpmd", &[&[0; 8]]);
    let table = sample::piece(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &entry]);
    let mut track = table;
    for kind in [b"stbl", b"minf", b"mdia", b"trak", b"moov"] {
        track = sample::piece(kind, &[&track]);
    }
    let bytes = [sample::piece(b"ftyp", &[b"mp42\0\0\0\0"]), track].concat();
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("ride.mp4");
    fs::write(&input, bytes).unwrap();
    let mut output = Vec::new();
    let error = strip(&input, &mut output, "video/mp4").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot remove the place in the video's track of positions from a file of type video/mp4: \
         it has a track of positions along the film"
    );
    assert!(output.is_empty());
}

#[test]
fn type_without_a_way_to_strip_is_refused_only_if_something_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (tiff, text) = (folder.path().join("a.tif"), folder.path().join("a.txt"));
    fs::write(&tiff, sample::exif(true)).unwrap();
    fs::write(&text, "nothing here").unwrap();
    let error = strip(&tiff, &mut Vec::new(), "image/tiff").unwrap_err();
    assert!(matches!(error, StripError::Unsupported { .. }), "{error}");
    let mut output = Vec::new();
    let stripped = strip(&text, &mut output, "text/plain").unwrap();
    assert!(!stripped.is_changed);
    assert_eq!(output, b"nothing here");
}

#[test]
fn any_byte_flipped_or_cut_off_does_no_harm() {
    let exif = sample::jpeg(&[
        sample::exif_segment(),
        sample::xmp_segment(sample::XMP.as_bytes()),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("hostile");
    let png = sample::png(&[(b"eXIf", sample::exif(true))]);
    let all = [exif, png, sample::webp(), sample::film(), sample::heif()];
    let types = [
        "image/jpeg",
        "image/png",
        "image/webp",
        "video/mp4",
        "image/heif",
    ];
    for (bytes, media_type) in all.iter().zip(types) {
        for at in (0..bytes.len()).step_by(3) {
            let mut broken = bytes.clone();
            broken[at] ^= 0xFF;
            for hostile in [&broken[..], &bytes[..at]] {
                fs::write(&input, hostile).unwrap();
                let mut output = Vec::new();
                let found = media::inspect(&input).unwrap();
                if strip(&input, &mut output, &found.media_type).is_ok() {
                    assert_eq!(output.len(), hostile.len(), "{media_type} at {at}");
                    fs::write(&input, &output).unwrap();
                    let left = media::inspect(&input).unwrap().private;
                    assert_eq!(left, [], "{media_type} at {at}");
                }
            }
        }
    }
}
