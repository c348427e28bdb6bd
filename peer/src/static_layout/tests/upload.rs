use super::*;

#[test]
fn host_between_two_states_is_not_yet_and_never_a_liar() {
    let mut host = Host::of(3 * 512 + 100);
    let old = host.shelf();
    host.grow(4 * 512 + 50);
    let new = host.shelf();
    let before = Host::of(3 * 512 + 100);
    let wants = [
        Want::Records(3 * 512 + 90..u64::MAX),
        Want::Records(3 * 512..u64::MAX),
        Want::Records(0..10),
        Want::Head { have: 3 * 512 + 20 },
        Want::Head { have: 5 },
    ];
    for want in wants {
        // The head is old and the files are new: everything is there.
        let mut shelf = Shelf::open(&host.feed(), old.answer()).unwrap();
        assert!(answer(&mut shelf, &want, &host).0.is_some(), "{want:?}");
        // The head came before the files: what is there is used, what is short is not yet.
        let mut shelf = Shelf::open(&host.feed(), new.answer()).unwrap();
        while let Next::Read(file) = shelf.next(&want) {
            if let Err(fault) = shelf.take(&file, &before.file(&file)) {
                assert_eq!(fault, Fault::NotYet, "{file}");
                break;
            }
        }
    }
}

#[test]
fn retract_that_the_head_does_not_know_leaves_its_record_withheld() {
    let mut host = Host::of(513);
    let mut shelf = host.shelf();
    shelf.leave_out_latest();
    let feed = host.feed();
    host.grow(600);
    for hint in [513, 599, 7, 0] {
        // Written anew with what took record 7 back; the head that covers it is not there yet.
        let mut slots = host.slots(0..PAGE_RECORDS);
        slots[7] = Slot::Retracted(host.links[7], hint);
        let page = write_page(0, None, &slots);
        let want = Want::Records(0..10);
        while let Next::Read(file) = shelf.next(&want) {
            let bytes = match file {
                StaticFile::Page { .. } => page.clone(),
                file => host.file(&file),
            };
            shelf.take(&file, &bytes).unwrap();
        }
        let (given, _) = answer(&mut shelf, &want, &host);
        let given = given.unwrap();
        let checked = bundle::check(&feed, &given).unwrap();
        assert_eq!(checked.slots[7], Slot::Withheld(host.links[7]), "{hint}");
        shelf.forget_pages();
    }
}

#[test]
fn file_that_is_empty_or_cut_anywhere_is_not_yet() {
    let host = Host::of(2 * 512 + 40);
    let feed = host.feed();
    let files = [
        StaticFile::Page { feed, page: 2 },
        StaticFile::List { feed, page: 2 },
        StaticFile::Latest { feed },
    ];
    for file in files {
        let whole = host.file(&file);
        let mut shelf = host.shelf();
        for end in [0, 1, 2, whole.len() / 64 * 32, whole.len() - 1] {
            let taken = shelf.take(&file, &whole[..end]);
            assert_eq!(taken, Err(Fault::NotYet), "{file}: {end}");
        }
    }
    let head = host.file(&StaticFile::Head { feed });
    for end in 0..head.len() {
        let fault = Shelf::open(&feed, &head[..end]).unwrap_err();
        assert_eq!(fault, Fault::NotYet, "head: {end}");
    }
}
