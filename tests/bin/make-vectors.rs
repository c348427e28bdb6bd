//! Makes spec/vectors anew: every vector, and INDEX.md. README.md there is written by hand.

use levada_tests::vectors::{self, index};
use levada_tests::{musts, vectors_folder};
use std::fs;
use std::io;

fn main() -> io::Result<()> {
    let made = vectors::all();
    let folder = vectors_folder();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.is_dir() {
            fs::remove_dir_all(path)?;
        }
    }
    for vector in &made {
        let path = folder.join(vector.path());
        if let Some(noun) = path.parent() {
            fs::create_dir_all(noun)?;
        }
        fs::write(path, vector.render())?;
    }
    let page = index::page(&made, &musts::all(), musts::REASONS);
    fs::write(folder.join("INDEX.md"), page)
}
