//! The small structures of the wire that prove nothing by themselves.

use super::cbor::{array, bytes, hex, map, null, text, to_hex, uint};
use super::head::statement;
use super::history::History;
use super::oracle::{Hash, hash};
use super::sign::{Author, Statement};
use super::{Shelf, Vector};

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("wire");
    feeds(&mut shelf);
    have(&mut shelf);
    batches(&mut shelf);
    blobs(&mut shelf);
    latest(&mut shelf);
    super::watch::requests(&mut shelf);
    super::watch::frames(&mut shelf);
    peers(&mut shelf);
    shelf.done()
}

pub(super) fn refuse(shelf: &mut Shelf, form: &str, cases: Vec<(&str, &str, &str, Vec<u8>)>) {
    for (name, must, why, body) in cases {
        shelf
            .refuse(&format!("{form}-{name}"), must, why, body)
            .with("form", form);
    }
}

fn feeds(shelf: &mut Shelf) {
    let head = |secret: u8| {
        let author = Author::new(secret);
        let feed = author.key();
        bytes(
            &Statement {
                feed,
                ..statement()
            }
            .signed(&author),
        )
    };
    let list = |heads: &[Vec<u8>]| array(&[uint(1), array(heads)]);
    #[rustfmt::skip]
    let cases = [
        ("none", "No feeds are shared here.", vec![]),
        ("two", "Two heads, each a claim of its own.", vec![head(1), head(2)]),
    ];
    for (name, why, heads) in cases {
        shelf
            .accept(&format!("feeds-{name}"), why, list(&heads))
            .with("form", "feeds")
            .with("heads", heads.len());
    }
    let one = head(1);
    #[rustfmt::skip]
    let cases = vec![
        ("one-part", "wire-1", "The list is missing.", array(&[uint(1)])),
        ("three-parts", "wire-1", "Something follows the list.", array(&[uint(1), array(&[]), null()])),
        ("list-bytes", "wire-1", "The list is one byte string.", array(&[uint(1), one.clone()])),
        ("head-not-wrapped", "wire-1", "A head is an array, not a byte string.",
            list(&[statement().signed(&Author::new(1))])),
        ("head-null", "wire-1", "A head that is null.", list(&[null()])),
        ("map", "wire-1", "A map of heads.", map(&[("heads", array(std::slice::from_ref(&one)))])),
        ("version-2", "head-2", "A list of a later version.", array(&[uint(2), array(std::slice::from_ref(&one))])),
        ("trailing", "codec-2", "A byte follows the list.", [list(std::slice::from_ref(&one)), vec![0]].concat()),
        ("indefinite", "codec-4", "The list has no count.", array(&[uint(1), [hex("9f"), one, hex("ff")].concat()])),
    ];
    refuse(shelf, "feeds", cases);
}

fn runs(of: &[(u64, u64)]) -> Vec<u8> {
    of.iter()
        .flat_map(|(start, end)| [start.to_be_bytes(), end.to_be_bytes()])
        .flatten()
        .collect()
}

fn have(shelf: &mut Shelf) {
    let answer = |size: u64, of: &[(u64, u64)]| array(&[uint(1), uint(size), bytes(&runs(of))]);
    #[rustfmt::skip]
    let cases = [
        ("nothing", "A blob of which nothing is here yet.", 40_000, vec![]),
        ("all", "All leaves of a blob.", 40_000, vec![(0, 3)]),
        ("two-runs", "Two runs with a gap of one leaf.", 1 << 20, vec![(0, 3), (4, 64)]),
        ("largest", "All leaves of the largest blob.", 1 << 44, vec![(0, 1 << 30)]),
    ];
    for (name, why, size, of) in cases {
        let vector = shelf.accept(&format!("have-{name}"), why, answer(size, &of));
        vector.with("form", "have").with("size", size);
        for (start, end) in of {
            vector.with("run", format!("{start}-{end}"));
        }
    }
    let with_runs = |runs: &[u8]| array(&[uint(1), uint(1 << 20), bytes(runs)]);
    #[rustfmt::skip]
    let cases = vec![
        ("run-empty", "wire-1", "A run of no leaves.", answer(1 << 20, &[(3, 3)])),
        ("run-backwards", "wire-1", "A run that ends before it begins.", answer(1 << 20, &[(5, 3)])),
        ("runs-touch", "wire-1", "Two runs that are one.", answer(1 << 20, &[(0, 3), (3, 5)])),
        ("runs-overlap", "wire-1", "Two runs that share a leaf.", answer(1 << 20, &[(0, 4), (3, 5)])),
        ("runs-out-of-order", "wire-1", "The second run stands before the first.", answer(1 << 20, &[(6, 8), (0, 3)])),
        ("run-cut", "wire-1", "The end of a run is cut.", with_runs(&runs(&[(0, 3)])[..15])),
        ("run-half", "wire-1", "A run without its end.", with_runs(&runs(&[(0, 3)])[..8])),
        ("runs-array", "wire-1", "Runs are one byte string.", array(&[uint(1), uint(9), array(&[uint(0), uint(1)])])),
        ("size-text", "wire-1", "The size is a text.", array(&[uint(1), text("9"), bytes(&[])])),
        ("two-parts", "wire-1", "The runs are missing.", array(&[uint(1), uint(9)])),
        ("version-2", "head-2", "An answer of a later version.", array(&[uint(2), uint(9), bytes(&[])])),
        ("size-2-53", "codec-6", "A size that no integer can say.", array(&[uint(1), uint(1 << 53), bytes(&[])])),
    ];
    refuse(shelf, "have", cases);
}

fn batches(shelf: &mut Shelf) {
    let hashes =
        |count: u64| -> Vec<Hash> { (0..count).map(|at| hash(&at.to_le_bytes())).collect() };
    let request = |hashes: &[Hash]| array(&[uint(1), bytes(&hashes.concat())]);
    #[rustfmt::skip]
    let cases = [
        ("none", "A request for nothing.", hashes(0)),
        ("two", "Two hashes in a row.", hashes(2)),
        ("twice", "The same hash twice.", vec![hash(b"a"), hash(b"a")]),
    ];
    for (name, why, asked) in cases {
        let vector = shelf.accept(&format!("batch-{name}"), why, request(&asked));
        vector.with("form", "batch");
        for hash in asked {
            vector.with("hash", to_hex(&hash));
        }
    }
    shelf
        .accept(
            "batch-512",
            "As many hashes as a request may have.",
            request(&hashes(512)),
        )
        .with("form", "batch");
    #[rustfmt::skip]
    let cases = vec![
        ("513", "wire-1", "One hash too many.", request(&hashes(513))),
        ("cut", "wire-1", "The last hash is cut.", array(&[uint(1), bytes(&[0; 63])])),
        ("array", "wire-1", "The hashes are an array; they are one byte string.",
            array(&[uint(1), array(&[bytes(&[0; 32])])])),
        ("hex", "wire-1", "The hashes are a text.", array(&[uint(1), text(&to_hex(&hash(b"a")))])),
        ("one-part", "wire-1", "No hashes.", array(&[uint(1)])),
        ("version-2", "head-2", "A request of a later version.", array(&[uint(2), bytes(&[])])),
        ("trailing", "codec-2", "A byte follows the request.", [request(&[]), vec![0]].concat()),
    ];
    refuse(shelf, "batch", cases);
}

fn blobs(shelf: &mut Shelf) {
    let answer = |blobs: &[Vec<u8>]| array(&[uint(1), array(blobs)]);
    let describe = |vector: &mut Vector| {
        vector
            .with("form", "blobs")
            .with("asked", to_hex(&hash(b"the sea\n")))
            .with("asked", to_hex(&hash(b"")));
    };
    let sea = bytes(b"the sea\n");
    #[rustfmt::skip]
    let cases = [
        ("both", "Both blobs, one of them empty.", vec![sea.clone(), bytes(b"")], ["8", "0"]),
        ("one", "The second one is not here.", vec![sea.clone(), null()], ["8", "none"]),
        ("none", "Neither is here.", vec![null(), null()], ["none", "none"]),
    ];
    for (name, why, blobs, sizes) in cases {
        let vector = shelf.accept(&format!("blobs-{name}"), why, answer(&blobs));
        describe(vector);
        for size in sizes {
            vector.with("size", size);
        }
    }
    #[rustfmt::skip]
    let cases = [
        ("changed", "wire-3", "One bit of a blob is another.", answer(&[bytes(b"the sea\x0b"), null()])),
        ("swapped", "wire-3", "The blobs in another order than they were asked for.",
            answer(&[bytes(b""), sea.clone()])),
        ("empty-for-missing", "wire-3", "An empty byte string where null is due.", answer(&[bytes(b""), null()])),
        ("less", "wire-1", "One answer for two questions.", answer(std::slice::from_ref(&sea))),
        ("more", "wire-1", "Three answers for two questions.", answer(&[sea.clone(), null(), null()])),
        ("text", "wire-1", "A blob that is a text.", answer(&[text("the sea\n"), null()])),
        ("false", "wire-1", "False where null is due.", answer(&[sea.clone(), super::cbor::bool(false)])),
        ("map", "wire-1", "A map by hash.", array(&[uint(1), map(&[("a", sea.clone())])])),
        ("one-part", "wire-1", "The answer without its list.", array(&[uint(1)])),
        ("version-2", "head-2", "Blobs of a later version.", array(&[uint(2), array(&[])])),
        ("cut", "codec-1", "The last byte is missing.",
            { let whole = answer(&[null(), sea]); whole[..whole.len() - 1].to_vec() }),
    ];
    for (name, must, why, body) in cases {
        let vector = shelf.refuse(&format!("blobs-{name}"), must, why, body);
        describe(vector);
    }
}

fn peers(shelf: &mut Shelf) {
    let list = |addresses: &[String]| {
        let addresses: Vec<Vec<u8>> = addresses.iter().map(|address| text(address)).collect();
        array(&[uint(1), array(&addresses)])
    };
    let address = |number: usize| format!("http://192.0.2.{number}:9327");
    let long = format!("http://a.example/{}", "x".repeat(255 - 17));
    let many: Vec<String> = (0..33).map(address).collect();
    #[rustfmt::skip]
    let cases = [
        ("none", "Nobody announced that it serves this feed.", vec![]),
        ("two", "Two addresses, each a hint.", vec![address(1), "https://a.example/pub".to_owned()]),
        ("no-address", "What is no address is no fault of the list.", vec!["anywhere".to_owned(), String::new()]),
        ("32", "As many addresses as a list may have.", many[..32].to_vec()),
        ("long", "An address of 255 bytes.", vec![long.clone()]),
    ];
    for (name, why, addresses) in cases {
        let vector = shelf.accept(&format!("peers-{name}"), why, list(&addresses));
        vector.with("form", "peers");
        for address in addresses {
            vector.with("address", address);
        }
    }
    #[rustfmt::skip]
    let cases = vec![
        ("33", "wire-1", "One address too many.", list(&many)),
        ("too-long", "wire-1", "An address of 256 bytes.", list(&[format!("{long}x")])),
        ("bytes", "wire-1", "An address as bytes.", array(&[uint(1), array(&[bytes(b"http://192.0.2.1")])])),
        ("one-part", "wire-1", "Peers without their list.", array(&[uint(1)])),
        ("text", "wire-1", "One address that is not in a list.", array(&[uint(1), text(&address(1))])),
        ("version-2", "head-2", "Peers of a later version.", array(&[uint(2), array(&[])])),
        ("trailing", "codec-2", "A byte follows the peers.", [list(&[]), vec![0]].concat()),
    ];
    refuse(shelf, "peers", cases);
    for port in [1_u64, 9_327, 65_535] {
        shelf
            .accept(
                &format!("announce-{port}"),
                &format!("An announcement of port {port}."),
                array(&[uint(1), uint(port)]),
            )
            .with("form", "announce")
            .with("port", port);
    }
    #[rustfmt::skip]
    let cases = vec![
        ("0", "wire-1", "There is no port 0.", array(&[uint(1), uint(0)])),
        ("65536", "wire-1", "There is no port 65536.", array(&[uint(1), uint(65_536)])),
        ("text", "wire-1", "A port as a text.", array(&[uint(1), text("9327")])),
        ("address", "wire-1", "An address of its own choice beside the port.",
            array(&[uint(1), uint(9_327), text("192.0.2.1")])),
        ("version-2", "head-2", "An announcement of a later version.", array(&[uint(2), uint(9_327)])),
    ];
    refuse(shelf, "announce", cases);
}

fn latest(shelf: &mut Shelf) {
    let history = History::of(1, 100, "item");
    let (first, last) = (
        history.bundle(100, 0..1).wire(),
        history.bundle(100, 98..100).wire(),
    );
    #[rustfmt::skip]
    let cases = [
        ("one", "One bundle that reaches back to record 0.", vec![&first]),
        ("two", "Two bundles, one right behind the other.", vec![&first, &last]),
    ];
    for (name, why, bundles) in cases {
        let body = bundles.iter().copied().flatten().copied().collect();
        let vector = shelf.accept(&format!("latest-{name}"), why, body);
        vector.with("form", "latest");
        for bundle in bundles {
            vector.with("bytes", bundle.len());
        }
    }
    let three = [first.as_slice(), &last, &last].concat();
    let cut = [first.as_slice(), &last[..last.len() - 1]].concat();
    #[rustfmt::skip]
    let cases = vec![
        ("none", "wire-1", "No bundle at all.", Vec::new()),
        ("three", "wire-1", "A third bundle.", three),
        ("cut", "wire-1", "The second bundle is cut.", cut),
        ("stray-byte", "wire-1", "The second bundle is half an integer.", [first.as_slice(), &hex("18")].concat()),
    ];
    refuse(shelf, "latest", cases);
}
