use super::*;
use crate::io::fault::Plan;
use levada_feed::head::HeadBody;
use levada_feed::key::FeedSecret;
use std::os::unix::fs::PermissionsExt;

fn feed(byte: u8) -> FeedKey {
    FeedSecret::from_bytes(&[byte; 32]).feed_key()
}

fn head_with(byte: u8, length: u64, root: &[u8], time: u64) -> Head {
    let secret = FeedSecret::from_bytes(&[byte; 32]);
    let body = HeadBody {
        feed: secret.feed_key(),
        first: Hash::of(b"f"),
        length,
        bytes: 1,
        media: 0,
        root: Hash::of(root),
        time,
    };
    Head::sign(&secret, body)
}

fn head(byte: u8, length: u64) -> Head {
    head_with(byte, length, &length.to_be_bytes(), 1)
}

/// A file with the heads of lengths 1 to 3 of one feed, and its bytes.
fn sample(path: &Path) -> Vec<u8> {
    let mut heads = HeadsFile::open(path).unwrap();
    for length in 1..=3 {
        heads.put(&head(1, length)).unwrap();
    }
    std::fs::read(path).unwrap()
}

#[test]
fn last_head_of_a_feed_is_kept_and_the_file_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heads");
    let mut heads = HeadsFile::open(&path).unwrap();
    heads.put(&head(2, 7)).unwrap();
    for length in 1..=2_000 {
        heads.put(&head(1, length)).unwrap();
    }
    // Goes on in the file that was written anew.
    heads.put(&head(2, 8)).unwrap();
    let reopened = HeadsFile::open(&path).unwrap();
    assert_eq!(reopened.get(&feed(1)), Some(head(1, 2_000)));
    assert_eq!(reopened.get(&feed(2)), Some(head(2, 8)));
    assert_eq!(reopened.get(&feed(3)), None);
    assert!(reopened.lines < 1_100);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn no_head_takes_the_place_of_a_longer_one_or_of_another_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heads");
    let mut heads = HeadsFile::open(&path).unwrap();
    heads.put(&head(1, 5)).unwrap();
    for other in [head(1, 4), head_with(1, 5, b"other", 9)] {
        heads.put(&other).unwrap();
        assert_eq!(heads.get(&feed(1)), Some(head(1, 5)));
    }
    assert_eq!(heads.lines, 1);
    let fresher = head_with(1, 5, &5_u64.to_be_bytes(), 9);
    heads.put(&fresher).unwrap();
    let reopened = HeadsFile::open(&path).unwrap();
    assert_eq!(reopened.get(&feed(1)), Some(fresher));
}

#[test]
fn file_cut_at_any_byte_keeps_every_whole_line_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heads");
    let whole = sample(&path);
    let line = whole.len() / 3;
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let mut heads = HeadsFile::open(&path).unwrap();
        // The newline alone may be missing.
        let kept = (cut + 1) / line;
        let expected = (kept > 0).then(|| head(1, kept as u64));
        assert_eq!(heads.get(&feed(1)), expected, "cut at {cut}");
        if cut % 7 == 0 {
            heads.put(&head(1, 9)).unwrap();
            heads.put(&head(2, 1)).unwrap();
            let reopened = HeadsFile::open(&path).unwrap();
            assert_eq!(reopened.get(&feed(1)), Some(head(1, 9)), "cut at {cut}");
            assert_eq!(reopened.get(&feed(2)), Some(head(2, 1)), "cut at {cut}");
        }
    }
}

#[test]
fn damaged_line_is_left_out_and_the_one_before_it_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heads");
    let whole = sample(&path);
    let last = whole.len() / 3 * 2;
    for at in last..whole.len() {
        for change in [0x01, 0x80] {
            let mut wrong = whole.clone();
            wrong[at] ^= change;
            std::fs::write(&path, &wrong).unwrap();
            let heads = HeadsFile::open(&path).unwrap();
            let found = heads.get(&feed(1)).unwrap().body().length;
            let is_last_newline = at + 1 == whole.len();
            assert!(found == 2 || is_last_newline, "byte {at}");
        }
    }
    let garbage = [
        b"\n\n lev1 1 zz\n".as_slice(),
        &[0; 5_000],
        &[0xff; 50],
        b"\n",
        &whole,
    ];
    std::fs::write(&path, garbage.concat()).unwrap();
    let heads = HeadsFile::open(&path).unwrap();
    assert_eq!(heads.get(&feed(1)), Some(head(1, 3)));
}

#[test]
fn head_that_could_not_be_written_is_not_noted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heads");
    sample(&path);
    let mut heads = HeadsFile::open(&path).unwrap();
    let good = std::mem::replace(&mut heads.file, File::open(&path).unwrap());
    assert!(heads.put(&head(1, 4)).is_err());
    assert_eq!(heads.get(&feed(1)), Some(head(1, 3)));
    heads.file = good;
    heads.put(&head(1, 5)).unwrap();
    let reopened = HeadsFile::open(&path).unwrap();
    assert_eq!(reopened.get(&feed(1)), Some(head(1, 5)));
}

#[test]
fn file_that_is_written_anew_is_synced_before_it_takes_the_place_of_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut heads = HeadsFile::open(&folder.path().join("heads")).unwrap();
    let counted = Plan::count(folder.path());
    let spare = SPARE_LINES as u64 + 2;
    for length in 1..=spare {
        heads.put(&head(1, length)).unwrap();
    }
    // One write for each line, without a sync (spec/store.md, Heads file).
    let order = counted.order();
    assert_eq!(order[..SPARE_LINES + 2], vec!["heads"; SPARE_LINES + 2]);
    drop(counted);
    let counted = Plan::count(folder.path());
    heads.put(&head(1, spare + 1)).unwrap();
    let anew = ["heads", "heads", "sync heads", "heads", "sync "];
    assert_eq!(counted.order()[..1], ["heads"]);
    assert_eq!(counted.order()[1..], anew);
}
