//! Links that people pass on.

use super::cbor::to_hex;
use super::oracle::hash;
use super::sign::{Author, key_text};
use super::{Shelf, Vector};
use data_encoding::Specification;

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("link");
    taken(&mut shelf);
    refused(&mut shelf);
    shelf.done()
}

/// Base32 of RFC 4648 in lower case, without padding.
fn base32(bytes: &[u8]) -> String {
    let mut form = Specification::new();
    form.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    let encoding = form.encoding().expect("32 different letters");
    encoding.encode(bytes)
}

fn key() -> String {
    key_text(&Author::new(1).key())
}

/// What a link says: header and value.
type Said = Vec<(&'static str, String)>;

fn taken(shelf: &mut Shelf) {
    let key = key();
    let first = hash(b"first");
    let first_text = base32(&first[..16]);
    let first = vec![("first", to_hex(&first[..16]))];
    let said = |name, value: &str| vec![(name, value.to_owned())];
    let many: Vec<String> = (0..17).map(|at| format!("http://{at}.example")).collect();
    let parameters: Vec<String> = many.iter().map(|via| format!("via={via}")).collect();
    let many_said: Said = many[..16].iter().map(|via| ("via", via.clone())).collect();
    let full = format!(
        "levada:{key}/41?first={first_text}&via=http://192.0.2.7:9327&via=https://b.example/levada&name=Ana%20%26%20Z%C3%A9"
    );
    let full_said = [
        said("index", "41"),
        first.clone(),
        said("via", "http://192.0.2.7:9327"),
        said("via", "https://b.example/levada"),
        said("name", "Ana & Zé"),
    ]
    .concat();
    let long = format!("levada:{key}?x={}", "y".repeat(4096 - 72));
    assert_eq!(long.len(), 4096);
    #[rustfmt::skip]
    let cases: Vec<(&str, &str, String, Said)> = vec![
        ("key", "The key alone.", format!("levada:{key}"), vec![]),
        ("full", "A record of a feed, with everything that a link can say.", full.clone(), full_said.clone()),
        ("in-a-page", "The fragment of a page's address.", format!("https://host.example/a?b=c#{full}"),
            full_said.clone()),
        ("in-a-page-upper", "The scheme of the page in upper case.", format!("HTTP://HOST.EXAMPLE#levada:{key}"),
            vec![]),
        ("upper", "A QR code in upper case: scheme and key.", format!("LEVADA:{}", key.to_uppercase()), vec![]),
        ("upper-key", "The key alone in upper case.", format!("levada:{}/0", key.to_uppercase()), said("index", "0")),
        ("first", "What protects a new follower.", format!("levada:{key}?first={first_text}"), first.clone()),
        ("first-last", "Parameters come in any order.", format!("levada:{key}?name=a&first={first_text}"),
            [first, said("name", "a")].concat()),
        ("index-greatest", "The last record of the longest feed.", format!("levada:{key}/1099511627775"),
            said("index", "1099511627775")),
        ("name-empty", "A name of nothing.", format!("levada:{key}?name="), said("name", "")),
        ("name-without-value", "A name without a value is an empty one.", format!("levada:{key}?name"),
            said("name", "")),
        ("name-plus", "A plus is a plus.", format!("levada:{key}?name=a+b"), said("name", "a+b")),
        ("name-equals", "Only the first equals sign divides.", format!("levada:{key}?name=a=b"), said("name", "a=b")),
        ("name-lower-hex", "Hex digits of either case.", format!("levada:{key}?name=%c3%A9"), said("name", "é")),
        ("name-not-encoded", "Characters beyond ASCII stand for themselves.", format!("levada:{key}?name=Zé"),
            said("name", "Zé")),
        ("name-hash", "A hash sign means nothing where no page stands before it.", format!("levada:{key}?name=a#b"),
            said("name", "a#b")),
        ("via-same-twice", "The same hint again counts once.",
            format!("levada:{key}?via=http://a.example&via=http://a.example"),
            said("via", "http://a.example")),
        ("via-17", "The seventeenth hint is left out.", format!("levada:{key}?{}", parameters.join("&")), many_said),
        ("unknown", "Parameters of a later version are ignored, whatever they are.",
            format!("levada:{key}?later=%zz&First=x&name=a&"),
            said("name", "a")),
        ("empty-pieces", "Nothing between two ampersands is nothing.", format!("levada:{key}?&&name=a&"),
            said("name", "a")),
        ("query-empty", "A question mark and no question.", format!("levada:{key}?"), vec![]),
        ("bytes-4096", "The longest link.", long, vec![]),
    ];
    for (name, why, text, said) in cases {
        let vector = shelf.accept(name, why, text.into());
        vector.with("feed", to_hex(&Author::new(1).key()));
        for (header, value) in said {
            vector.with(header, value);
        }
    }
}

fn refused(shelf: &mut Shelf) {
    let key = key();
    let first = base32(&hash(b"first")[..16]);
    let spare = format!("{}b", "a".repeat(25));
    let mistyped = format!(
        "{}{}",
        &key[..61],
        if key.ends_with('q') { "p" } else { "q" }
    );
    let too_long = format!("levada:{key}?x={}", "y".repeat(4096 - 71));
    assert_eq!(too_long.len(), 4097);
    #[rustfmt::skip]
    let cases: Vec<(&str, &str, &str, String)> = vec![
        ("empty", "link-1", "No text.", String::new()),
        ("bare-key", "link-1", "A key is no link.", key.clone()),
        ("other-scheme", "link-1", "Another scheme.", format!("magnet:{key}")),
        ("no-colon", "link-1", "The colon is missing.", format!("levada{key}")),
        ("space-before", "link-1", "A space before the scheme.", format!(" levada:{key}")),
        ("page-without-fragment", "link-1", "The address of a page, and no link in it.",
            "https://host.example/".into()),
        ("page-of-other-scheme", "link-1", "A fragment counts only of a page that is asked for by HTTP.",
            format!("gopher://host.example/#levada:{key}")),
        ("page-of-almost-http", "link-1", "A text that begins like HTTP is no page.", format!("httpx#levada:{key}")),
        ("bytes-4097", "link-1", "One byte too many.", too_long),
        ("no-key", "key-4", "A scheme and no key.", "levada:".into()),
        ("key-mistyped", "key-4", "The last character of the key is another one.", format!("levada:{mistyped}")),
        ("key-mixed-case", "key-5", "The key in both cases.", format!("levada:{}", key.replacen('v', "V", 1))),
        ("key-and-hash", "key-4", "A hash sign right behind the key belongs to nothing.", format!("levada:{key}#x")),
        ("index-empty", "link-2", "A slash and no number.", format!("levada:{key}/")),
        ("index-leading-zero", "link-2", "One number is written in one way.", format!("levada:{key}/01")),
        ("index-double-zero", "link-2", "Zero has one digit.", format!("levada:{key}/00")),
        ("index-plus", "link-2", "A sign.", format!("levada:{key}/+1")),
        ("index-minus", "link-2", "No record stands before the first.", format!("levada:{key}/-1")),
        ("index-hex", "link-2", "Digits are decimal.", format!("levada:{key}/0x1f")),
        ("index-other-digits", "link-2", "Digits of another script.", format!("levada:{key}/١")),
        ("index-percent", "link-2", "An index is not decoded.", format!("levada:{key}/%31")),
        ("index-2-40", "link-2", "No feed has a record of this index.", format!("levada:{key}/1099511627776")),
        ("index-2-64", "link-2", "A number of more than 64 bits.", format!("levada:{key}/18446744073709551616")),
        ("index-two", "link-2", "Two numbers.", format!("levada:{key}/1/2")),
        ("first-twice", "link-3", "Two first: which one protects?",
            format!("levada:{key}?first={first}&first={first}")),
        ("name-twice", "link-3", "Two names.", format!("levada:{key}?name=a&name=b")),
        ("first-empty", "link-4", "A first of nothing.", format!("levada:{key}?first=")),
        ("first-short", "link-4", "One character is missing.", format!("levada:{key}?first={}", &first[..25])),
        ("first-long", "link-4", "All 32 bytes of the hash.",
            format!("levada:{key}?first={}", base32(&hash(b"first")))),
        ("first-upper", "link-4", "Base32 in upper case.", format!("levada:{key}?first={}", first.to_uppercase())),
        ("first-padded", "link-4", "Base32 with padding.", format!("levada:{key}?first={first}======")),
        ("first-spare-bits", "link-4", "A spare bit of the last character is set.",
            format!("levada:{key}?first={spare}")),
        ("first-hex", "link-4", "The first in hex.", format!("levada:{key}?first={}", to_hex(&hash(b"first")[..16]))),
        ("percent-cut", "link-5", "One hex digit is missing.", format!("levada:{key}?name=%4")),
        ("percent-alone", "link-5", "A percent sign that encodes nothing.", format!("levada:{key}?name=100%")),
        ("percent-no-hex", "link-5", "Letters that are no hex digits.",
            format!("levada:{key}?via=http://a.example/%zz")),
        ("percent-not-utf-8", "link-5", "A byte that UTF-8 never has.", format!("levada:{key}?name=%ff")),
        ("percent-surrogate", "link-5", "Half of a UTF-16 pair.", format!("levada:{key}?name=%ed%a0%80")),
    ];
    for (name, must, why, text) in cases {
        shelf.refuse(name, must, why, text.into());
    }
}
