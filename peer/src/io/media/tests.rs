use std::fs;
use std::path::PathBuf;

use super::*;
use crate::io::private::sample;

fn facts(name: &str, bytes: &[u8]) -> Facts {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    inspect(&path).unwrap()
}

#[test]
fn type_follows_content_and_not_suffix() {
    let matroska = [&b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska"[..], &[0; 300]].concat();
    let cases: [(&str, &[u8], &str); 27] = [
        ("a.html", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        ("a.txt", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
        ("a.txt", b"%PDF-1.4\nall of it ASCII\n", "application/pdf"),
        ("a.bin", b"fLaC\0\0\0\x22\x10\0\x10\0", "audio/flac"),
        ("a.bin", &matroska, "video/matroska"),
        (
            "a.mp3",
            b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0OpusHead",
            "audio/ogg",
        ),
        ("a.xyz", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42", "audio/mp4"),
        (
            "a.mp4",
            b"\0\0\0\x18ftypqt  \0\0\0\0qt  ",
            "video/quicktime",
        ),
        (
            "a.mp4",
            b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf",
            "image/avif",
        ),
        ("a.txt", b"", "text/plain"),
        ("a.md", b"", "text/markdown"),
        ("a", "Olá, mundo\n".as_bytes(), "text/plain"),
        ("a.MD", b"# Title\n", "text/markdown"),
        (
            "README.md",
            b"<p align=center>Hello</p>\n# Title\n",
            "text/markdown",
        ),
        ("a.csv", b"a,b\n1,2\n", "text/csv"),
        (
            "a.srt",
            b"1\n00:00:01,000 --> 00:00:02,000\nHi\n",
            "application/x-subrip",
        ),
        ("a.txt", b"WEBVTT\n\n", "text/vtt"),
        ("a.json", b"{}", "application/json"),
        ("a.json", b"\0\x01\x02\x03", "application/octet-stream"),
        ("BM.txt", b"BMW is a maker of cars", "text/plain"),
        ("a.txt", b"<!DOCTYPE html><p>x", "text/html"),
        (
            "a.md",
            b"\xef\xbb\xbf \n<!-- hm --><script>alert(1)</script>",
            "text/html",
        ),
        (
            "a.txt",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "image/svg+xml",
        ),
        ("a.txt", b"<?xml version='1.0'?><svg/>", "image/svg+xml"),
        ("a.txt", b"<?xml version='1.0'?><gpx/>", "application/xml"),
        (
            "a.txt",
            b"text with a \x1b[31m terminal code",
            "application/octet-stream",
        ),
        ("a.txt", b"caf\xe9 in Latin-1", "application/octet-stream"),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(
            facts(name, bytes).media_type,
            expected,
            "{name} {:?}",
            bytes.get(..12)
        );
    }
}

#[test]
fn letter_cut_at_the_end_of_the_head_is_still_text() {
    let text = format!("a{}", "é".repeat(HEAD_BYTES_MAX));
    assert_eq!(facts("long.txt", text.as_bytes()).media_type, "text/plain");
    let cut = &text.as_bytes()[..10];
    assert_eq!(facts("cut.txt", cut).media_type, "application/octet-stream");
}

#[test]
fn photo_tells_size_date_and_place() {
    let photo = facts("photo.jpg", &sample::jpeg(&[sample::exif_segment()]));
    assert_eq!((photo.width, photo.height), (Some(64), Some(48)));
    // 2024-05-06 07:08:09, without a time zone.
    assert_eq!(photo.taken_ms, Some(1_714_979_289_000));
    let place = Private::Place {
        latitude: 32.652,
        longitude: -16.91,
    };
    assert!(photo.private.contains(&place));
    assert_eq!(photo.private.len(), 4, "{:?}", photo.private);
    assert_eq!(place.to_string(), "place 32.652, -16.910");
}

#[test]
fn picture_without_exif_tells_its_size() {
    let picture = facts("a.png", &sample::png(&[]));
    assert_eq!(
        (picture.width, picture.height, picture.private.len()),
        (Some(64), Some(48), 0)
    );
    let gif = facts("a", b"GIF89a\x20\x00\x10\x00\x00\x00\x00;");
    assert_eq!((gif.width, gif.height), (Some(32), Some(16)));
}

#[test]
fn film_tells_size_length_and_place() {
    let film = facts("film", &sample::film());
    assert_eq!(
        (film.width, film.height, film.duration_ms),
        (Some(320), Some(240), Some(1500))
    );
    assert_eq!(
        film.private,
        [Private::Place {
            latitude: 32.65,
            longitude: -16.908
        }]
    );
}

#[test]
fn song_tells_title_artists_album_and_track() {
    let frame = |id: &[u8; 4], text: &str| {
        let len = u32::try_from(text.len() + 1).unwrap().to_be_bytes();
        [&id[..], &len, &[0, 0, 3], text.as_bytes()].concat()
    };
    let frames = [
        frame(b"TIT2", "Água\u{7} mole"),
        frame(b"TPE1", "Ana"),
        frame(b"TALB", "Levadas"),
        frame(b"TRCK", "3/12"),
    ]
    .concat();
    let size = u32::try_from(frames.len()).unwrap();
    let size = [
        0,
        0,
        u8::try_from(size >> 7).unwrap(),
        u8::try_from(size & 127).unwrap(),
    ];
    // MPEG 1 layer III, 128 kbit/s, 44.1 kHz: frames of 417 bytes, 26 ms each.
    let mut sound = vec![0; 417];
    sound[..4].copy_from_slice(&[0xFF, 0xFB, 0x90, 0x00]);
    let song = facts(
        "x",
        &[&b"ID3\x03\0\0"[..], &size, &frames, &sound.repeat(40)].concat(),
    );
    assert_eq!(song.media_type, "audio/mpeg");
    assert_eq!(song.title.as_deref(), Some("Água mole"));
    assert_eq!(song.creators, ["Ana"]);
    assert_eq!(
        (song.album.as_deref(), song.track),
        (Some("Levadas"), Some(3))
    );
    assert!(
        song.duration_ms
            .is_some_and(|ms| (1000..1100).contains(&ms)),
        "{:?}",
        song.duration_ms
    );
}

#[test]
fn titles_come_from_names() {
    let cases = [
        ("a/b/My_first__film.mp4", "My first film"),
        ("photo.tar.gz", "photo.tar"),
        (".profile", ".profile"),
        ("___.jpg", "___.jpg"),
        ("no suffix", "no suffix"),
        ("写真_1.jpg", "写真 1"),
        ("", "untitled"),
    ];
    for (relative, expected) in cases {
        assert_eq!(title_from_name(relative), expected);
    }
}

#[test]
fn missing_file_is_an_error() {
    assert!(inspect(Path::new("/nonexistent/file")).is_err());
}
