use super::*;
use levada_feed::tree::{Shape, check_slice};
use std::ops::Range;

fn data(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

fn blob(hash: &Hash) -> String {
    format!("/v1/blobs/{hash}")
}

#[tokio::test]
async fn blobs_are_given_whole_in_ranges_and_to_head_requests() {
    let place = Place::new().await;
    for size in [0, 5, 16_384, 16_385, 1_000_000] {
        let bytes = data(size);
        for mode in [Mode::Copy, Mode::InPlace] {
            let (hash, _) = place.import(&format!("{size}-{mode:?}"), &bytes, mode);
            let whole = place.get(&blob(&hash)).await;
            assert_eq!((whole.status, &whole.body), (200, &bytes));
            let head = place.ask("HEAD", &blob(&hash), "", b"").await;
            assert_eq!(head.status, 200);
            for got in [&whole, &head] {
                assert_eq!(got.header("content-length"), size.to_string());
                assert_eq!(got.header("etag"), format!("\"{hash}\""));
                assert_eq!(got.header("accept-ranges"), "bytes");
                assert_eq!(got.header("content-type"), "application/octet-stream");
                assert_eq!(got.header("x-content-type-options"), "nosniff");
                assert_eq!(got.header("content-disposition"), "attachment");
                assert_eq!(
                    got.header("content-security-policy"),
                    "sandbox; default-src 'none'"
                );
                assert!(got.header("cache-control").contains("immutable"));
                assert!(!got.headers.contains_key("content-encoding"));
            }
            place.served.blobs.drop_blob(&hash).unwrap();
        }
    }
}

#[tokio::test]
async fn ranges_are_answered_as_http_says() {
    let place = Place::new().await;
    let bytes = data(100_000);
    let (hash, _) = place.import("file", &bytes, Mode::Copy);
    let tag = format!("\"{hash}\"");
    for (headers, expected) in [
        ("range: bytes=0-0", Some(0..1)),
        ("range: bytes=50000-59999", Some(50_000..60_000)),
        ("range: bytes=99999-", Some(99_999..100_000)),
        (
            "range: bytes=99999-18446744073709551615",
            Some(99_999..100_000),
        ),
        ("range: bytes=-7", Some(99_993..100_000)),
        ("range: bytes=-999999999", Some(0..100_000)),
        (&format!("range: bytes=1-2\r\nif-range: {tag}"), Some(1..3)),
        ("range: bytes=1-2\r\nif-range: \"other\"", None),
        (
            "range: bytes=1-2\r\nif-range: Wed, 21 Oct 2015 07:28:00 GMT",
            None,
        ),
        ("range: bytes=0-1,5-6", None),
        ("range: lines=0-1", None),
        ("range: bytes=9-8", None),
        ("range: bytes=x", None),
        ("accept-encoding: gzip, br", None),
    ] {
        let got = place
            .ask("GET", &blob(&hash), &format!("{headers}\r\n"), b"")
            .await;
        let range: Range<usize> = expected.clone().unwrap_or(0..100_000);
        assert_eq!(
            got.status,
            if expected.is_some() { 206 } else { 200 },
            "{headers}"
        );
        assert_eq!(got.body, bytes[range.clone()], "{headers}");
        let content = expected.map(|_| format!("bytes {}-{}/100000", range.start, range.end - 1));
        assert_eq!(got.header("content-range"), content.unwrap_or_default());
        let head = place
            .ask("HEAD", &blob(&hash), &format!("{headers}\r\n"), b"")
            .await;
        assert_eq!(head.header("content-length"), range.len().to_string());
    }
}

#[tokio::test]
async fn ranges_past_the_end_and_known_blobs_have_answers_of_their_own() {
    let place = Place::new().await;
    let (hash, _) = place.import("file", &data(100_000), Mode::Copy);
    let tag = format!("\"{hash}\"");
    for outside in [
        "bytes=100000-",
        "bytes=100000-100001",
        "bytes=-0",
        "bytes=18446744073709551615-",
    ] {
        let got = place
            .ask("GET", &blob(&hash), &format!("range: {outside}\r\n"), b"")
            .await;
        assert_eq!(
            (got.status, got.header("content-range")),
            (416, "bytes */100000"),
            "{outside}"
        );
    }
    let same = place
        .ask(
            "GET",
            &blob(&hash),
            &format!("if-none-match: {tag}\r\n"),
            b"",
        )
        .await;
    assert_eq!((same.status, same.header("etag")), (304, tag.as_str()));
    let other = place
        .ask("GET", &blob(&hash), "if-none-match: \"x\"\r\n", b"")
        .await;
    assert_eq!(other.status, 200);
    let gone = Hash::of(b"gone");
    let gone_tag = format!("if-none-match: \"{gone}\"\r\n");
    assert_eq!(
        place.ask("GET", &blob(&gone), &gone_tag, b"").await.status,
        404
    );
}

#[tokio::test]
async fn proofs_and_have_maps_tell_what_is_here() {
    let place = Place::new().await;
    let bytes = data(100_000);
    let (hash, _) = place.import("file", &bytes, Mode::Copy);
    let shape = Shape::of_blob(100_000).unwrap();
    for (query, leaves) in [
        ("from=0&to=1", 0..1),
        ("from=0&to=100000", 0..7),
        ("from=16383&to=16385", 0..2),
        ("from=99999&to=100000", 6..7),
    ] {
        let got = place.get(&format!("{}/proof?{query}", blob(&hash))).await;
        assert_eq!((got.status, got.header("levada-size")), (200, "100000"));
        let part = shape.bytes_of(&leaves);
        let part = &bytes[part.start as usize..part.end as usize];
        check_slice(&hash, shape, &[leaves], &got.body, part).unwrap();
    }
    for (query, status) in [
        ("from=0&to=0", 416),
        ("from=5&to=4", 416),
        ("from=0&to=100001", 416),
        ("from=18446744073709551614&to=18446744073709551615", 416),
        ("from=0&to=268435457", 400),
        ("from=0&to=18446744073709551615", 400),
        ("from=0", 400),
        ("", 400),
    ] {
        let got = place.get(&format!("{}/proof?{query}", blob(&hash))).await;
        assert_eq!(got.status, status, "{query}");
    }
    let have = place.get(&format!("{}/have", blob(&hash))).await;
    assert_eq!(
        frame::read_have(&have.body),
        Ok((100_000, crate::runs::Runs::of(0..7)))
    );
    for path in ["", "/have", "/proof?from=0&to=1"] {
        let got = place
            .get(&format!("{}{path}", blob(&Hash::of(b"gone"))))
            .await;
        assert_eq!(got.status, 404);
    }
    let (empty, _) = place.import("empty", b"", Mode::Copy);
    let got = place
        .get(&format!("{}/proof?from=0&to=0", blob(&empty)))
        .await;
    assert_eq!(
        (got.status, got.body.len(), got.header("levada-size")),
        (200, 0, "0")
    );
    let have = place.get(&format!("{}/have", blob(&empty))).await;
    assert_eq!(
        frame::read_have(&have.body),
        Ok((0, crate::runs::Runs::of(0..1)))
    );
}

#[tokio::test]
async fn partial_copy_gives_what_it_has_and_refuses_the_rest_before_a_byte() {
    let author = Place::new().await;
    let bytes = data(100_000);
    let (hash, _) = author.import("file", &bytes, Mode::Copy);
    let pairs = |leaves| author.served.blobs.pairs(&hash, leaves).unwrap().unwrap();
    let place = Place::new().await;
    let partial = place
        .served
        .blobs
        .begin(&hash, 100_000, &pairs(6..7), &bytes[6 * 16_384..])
        .unwrap();
    let mut window = partial.window(1..3, &pairs(1..3)).unwrap();
    window.push(&bytes[16_384..3 * 16_384]).unwrap();
    window.finish().unwrap();
    let range = async |range: &str| {
        let headers = format!("range: bytes={range}\r\n");
        place.ask("GET", &blob(&hash), &headers, b"").await
    };
    let got = range("16384-49151").await;
    assert_eq!(
        (got.status, got.body.as_slice()),
        (206, &bytes[16_384..49_152])
    );
    assert_eq!(range("-5").await.body, bytes[99_995..]);
    for lacking in ["0-0", "16383-16384", "49151-49152", "0-", "16384-"] {
        let got = range(lacking).await;
        assert_eq!(
            (got.status, got.text().as_str()),
            (404, "not here\n"),
            "{lacking}"
        );
    }
    assert_eq!(place.get(&blob(&hash)).await.status, 404);
    assert_eq!(place.ask("HEAD", &blob(&hash), "", b"").await.status, 404);
    assert_eq!(range("100000-").await.status, 416);
    let have = place.get(&format!("{}/have", blob(&hash))).await;
    let mut held = crate::runs::Runs::of(1..3);
    held.insert(6..7);
    assert_eq!(frame::read_have(&have.body), Ok((100_000, held)));
    let proof = |from, to| format!("{}/proof?from={from}&to={to}", blob(&hash));
    assert_eq!(place.get(&proof(16_384, 49_152)).await.status, 200);
    assert_eq!(place.get(&proof(16_384, 49_153)).await.status, 404);
}

#[tokio::test]
async fn changed_file_in_place_is_refused_or_cut_off_and_never_served() {
    let place = Place::new().await;
    let bytes = data(1_000_000);
    let (hash, path) = place.import("file", &bytes, Mode::InPlace);
    assert_eq!(place.get(&blob(&hash)).await.body, bytes);
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let mut changed = bytes.clone();
    changed[900_000] ^= 1;
    // Under the old date, so that only the bytes tell; and far from the beginning.
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &changed, 0).unwrap();
    file.set_modified(modified).unwrap();
    let mut wire = place.connect().await;
    wire.send(&request("GET", &blob(&hash), "", b"")).await;
    assert!(
        wire.answer(false).await.is_none(),
        "a short body is no whole one"
    );
    let end = "range: bytes=899999-900001\r\n";
    let refused = place.ask("GET", &blob(&hash), end, b"").await;
    assert_eq!(refused.status, 404);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(place.get(&blob(&hash)).await.status, 404);
}

#[tokio::test]
async fn batches_are_answered_in_their_order_with_small_blobs_alone() {
    let place = Place::new().await;
    let (one, _) = place.import("one", b"one", Mode::Copy);
    let (empty, _) = place.import("empty", b"", Mode::Copy);
    let (large, _) = place.import("large", &data(16_385), Mode::Copy);
    let post = async |body: &[u8]| place.ask("POST", "/v1/blobs", "", body).await;
    let asked = [empty, large, one, Hash::of(b"gone"), one];
    let got = post(&frame::write_batch(&asked)).await;
    assert_eq!(got.status, 200);
    assert_eq!(
        frame::read_blobs(&asked, &got.body),
        Ok(vec![
            Some(b"".as_slice()),
            None,
            Some(b"one"),
            None,
            Some(b"one")
        ])
    );
    let none = post(&frame::write_batch(&[])).await;
    assert_eq!(frame::read_blobs(&[], &none.body), Ok(vec![]));
    let most = vec![one; 512];
    assert_eq!(post(&frame::write_batch(&most)).await.status, 200);
    for wrong in [
        vec![],
        vec![0x82, 1, 0x41, 0],
        frame::write_batch(&[one])[1..].to_vec(),
    ] {
        let got = post(&wrong).await;
        assert_eq!(got.status, 422);
        assert!(got.text().contains(": "), "{}", got.text());
    }
    assert_eq!(post(&frame::write_batch(&vec![one; 513])).await.status, 422);
    assert_eq!(post(&frame::write_batch(&vec![one; 600])).await.status, 413);
}
