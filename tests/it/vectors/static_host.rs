//! Files of a static host.

use super::judge::{Facts, bytes_of, key_of, number_of};
use levada_feed::reject::Reject;
use levada_peer::static_layout::{Fault, Shelf, StaticFile, read_marker, read_page};
use levada_tests::vectors::Vector;

pub(super) fn static_host(vector: &Vector, body: &[u8]) -> Result<Facts, Reject> {
    let form = vector.header("form").unwrap();
    if form == "marker" {
        return read_marker(body).map(|()| Vec::new());
    }
    let feed = key_of(vector, "feed");
    let mut shelf = Shelf::open(&feed, &bytes_of(vector, "answer")).unwrap();
    let file = match form {
        "page" => StaticFile::Page {
            feed,
            page: number_of(vector, "page"),
        },
        "list" => StaticFile::List {
            feed,
            page: number_of(vector, "page"),
        },
        "tile" => StaticFile::Tile {
            feed,
            row: 0,
            tile: number_of(vector, "tile"),
        },
        other => panic!("no form {other}"),
    };
    match shelf.take(&file, body) {
        Ok(()) => {}
        Err(Fault::Rejected(reject)) => return Err(reject),
        // A file that is cut is not there yet.
        Err(Fault::NotYet) => return Err(Reject::Truncated),
    }
    let StaticFile::Page { page, .. } = file else {
        return Ok(Vec::new());
    };
    let slots = read_page(page, body)?.slots.len();
    let due = shelf.head().body().length - page * 512;
    let slots = u64::try_from(slots).unwrap().min(due).min(512);
    Ok(vec![("slots", slots.to_string())])
}
