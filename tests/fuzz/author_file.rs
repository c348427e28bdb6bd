//! Author's files: any bytes, and files that are put together from any bytes so that their checks and signatures hold.
//!
//! What opening must say is found a second time, by a reader that knows spec/author-file.md and nothing of the program.

mod made;
mod plain;

use super::history;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_peer::io::author::{AuthorError, AuthorFile, Frame, Mark};
use plain::Plain;
use std::path::Path;

/// Heads of one file from which reading goes on; more make the fuzzer slow.
const MARKS_MAX: usize = 2;

/// A frame as it is given: tag, payload, and for a head where it ends.
type Given = (u8, Vec<u8>, Option<u64>);

/// The bytes as a file, and as the frames of one.
pub(super) fn author_file(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("main.feed");
    holds(&path, bytes);
    holds(&path, &made::file(bytes));
}

fn holds(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a file can be written");
    let feed = history::feed();
    let plain = Plain::of(&feed, bytes);
    let (opened, given) = open(path, &feed, None);
    let (again, given_again) = open(path, &feed, None);
    assert_eq!(given, given_again, "what is opened twice is the same");
    assert_eq!(verdict(&opened), verdict(&again));
    assert_eq!(read(path), bytes, "opening changes nothing");
    goes_on(path, &feed, bytes, &plain);

    let Some(start) = plain.begin() else {
        let is_other = matches!(opened, Err(AuthorError::Foreign { .. }));
        assert_eq!(is_other, plain.is_of_another_feed());
        let longest = plain.longest_head(0);
        assert!(
            is_other || is_damaged(&opened, 0, longest),
            "{opened:?} {longest:?}"
        );
        assert!(given.is_empty());
        return;
    };
    let run = plain.run(start);
    match (run.torn, run.torn.and_then(|torn| plain.longest_head(torn))) {
        // A head is behind what cannot be read: nothing is dropped, and nothing is given.
        (Some(torn), Some(longest)) => {
            assert!(is_damaged(&opened, torn, Some(longest)));
            assert!(given.is_empty());
        }
        _ => {
            let file = opened.expect("what is whole up to its last head opens");
            assert_eq!(given, run.given());
            // What is left out is only what no head covers.
            let last = run.last_head_end().unwrap_or(start);
            append(path, file, &bytes[..last], given);
        }
    }
}

/// The next append cuts off what was left out, and nothing else.
fn append(path: &Path, mut file: AuthorFile, kept: &[u8], mut given: Vec<Given>) {
    let (record, head) = (b"one more".as_slice(), made::head(77));
    let mark = file.append(&[record], &[b"blob"], &head);
    let mark = mark.expect("what was opened can be appended to");
    let frames = [
        plain::frame(plain::BLOB, b"blob"),
        plain::frame(plain::RECORD, record),
        plain::frame(plain::HEAD, head.wire()),
    ];
    let expected = [kept, &frames.concat()].concat();
    assert_eq!(read(path), expected);
    assert_eq!(mark.offset, expected.len() as u64);
    given.push((plain::BLOB, b"blob".to_vec(), None));
    given.push((plain::RECORD, record.to_vec(), None));
    given.push((plain::HEAD, head.wire().to_vec(), Some(mark.offset)));
    let (opened, after) = open(path, &history::feed(), None);
    assert!(opened.is_ok());
    assert_eq!(after, given);
}

/// Behind each head the rest is read, whatever stands before it; and nowhere else.
fn goes_on(path: &Path, feed: &FeedKey, bytes: &[u8], plain: &Plain<'_>) {
    let Some(body) = plain.begin() else {
        return;
    };
    // Which of them, follows from the file.
    let heads: Vec<(usize, Head)> = plain.heads_from(body).collect();
    let first = bytes.len() % heads.len().max(1);
    for (end, head) in heads
        .iter()
        .cycle()
        .skip(first)
        .take(MARKS_MAX.min(heads.len()))
    {
        let mark = Mark {
            offset: *end as u64,
            length: head.body().length,
        };
        let found = AuthorFile::head_at(path, feed, mark).expect("the file can be read");
        assert_eq!(found.as_ref().map(Head::wire), Some(head.wire()));
        let run = plain.run(*end);
        let (opened, given) = open(path, feed, Some(mark));
        match run.torn.and_then(|torn| plain.longest_head(torn)) {
            Some(longest) => {
                let torn = run.torn.unwrap_or_default();
                assert!(is_damaged(&opened, torn, Some(longest)));
            }
            None => {
                assert!(opened.is_ok());
                assert_eq!(given, run.given());
            }
        }
        for (offset, length) in [(0, 1), (1, 0)] {
            let wrong = Mark {
                offset: mark.offset + offset,
                length: mark.length + length,
            };
            let (opened, given) = open(path, feed, Some(wrong));
            let is_stale = matches!(opened, Err(AuthorError::StaleMark { .. }));
            assert!(is_stale && given.is_empty());
        }
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file can be read")
}

fn open(
    path: &Path,
    feed: &FeedKey,
    from: Option<Mark>,
) -> (Result<AuthorFile, AuthorError>, Vec<Given>) {
    let mut given = Vec::new();
    let opened = AuthorFile::open(path, feed, from, &mut |frame| {
        given.push(match frame {
            Frame::Record(record) => (plain::RECORD, record.to_vec(), None),
            Frame::Blob(blob) => (plain::BLOB, blob.to_vec(), None),
            Frame::Link(link) => (plain::LINK, link.0.to_vec(), None),
            Frame::Head(head, mark) => {
                assert_eq!(head.body().length, mark.length);
                (plain::HEAD, head.wire().to_vec(), Some(mark.offset))
            }
        });
    });
    (opened, given)
}

fn verdict(opened: &Result<AuthorFile, AuthorError>) -> Option<String> {
    opened.as_ref().err().map(ToString::to_string)
}

/// Whether it is told as damaged there, with a head of this length behind.
fn is_damaged(opened: &Result<AuthorFile, AuthorError>, torn: usize, longest: Option<u64>) -> bool {
    match opened {
        Err(AuthorError::Damaged { offset, head, .. }) => {
            let length = head.as_ref().map(|head| head.body().length);
            *offset == torn as u64 && length == longest
        }
        _ => false,
    }
}
