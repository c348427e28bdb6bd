//! Putting whole blobs where others read them: linked where the file system can, else copied.

use super::files;
use super::{Blobs, Found, Place, ReadError};
use crate::io::fault;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::tree::Shape;
use std::fs::File;
use std::io;
use std::path::Path;

impl Blobs {
    /// Makes the file `to`, which must not be there, with the bytes of a blob: shared blocks, a second name or a copy,
    /// whatever comes first of what the file system can.
    ///
    /// # Errors
    /// See `ReadError`; a half-written file does not stay.
    pub fn place_data(
        &self,
        hash: &Hash,
        to: &Path,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), ReadError> {
        let paths = self.paths(hash)?;
        if matches!(paths.place()?, Place::Copy { .. }) && share(&paths.data, to) {
            return Ok(());
        }
        self.export(hash, to, stop).map(drop)
    }

    /// The same with its outboard. A blob of one leaf has none.
    ///
    /// # Errors
    /// Those of the file system, and `Damaged` when it is not as long as it has to be.
    pub fn place_outboard(&self, hash: &Hash, shape: Shape, to: &Path) -> Result<(), StoreError> {
        let path = self.paths(hash)?.outboard;
        let size = files::size_of(&path)?.unwrap_or(0);
        if size != shape.pairs() * 64 {
            return Err(StoreError::Damaged {
                path,
                what: format!("{size} bytes, where {} are due", shape.pairs() * 64),
            });
        }
        if !share(&path, to) {
            copy_new(&path, to).map_err(StoreError::file(to, "writing"))?;
        }
        Ok(())
    }

    /// Whether all of a blob is here, and its size.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn complete_size(&self, hash: &Hash) -> Result<Option<u64>, StoreError> {
        if let Some(small) = self.inner.disk.small(hash)? {
            return Ok(u64::try_from(small.len()).ok());
        }
        Ok(match self.place(hash)? {
            Found::Copy { size } => Some(size),
            Found::Reference(reference) => Some(reference.size),
            Found::Nowhere | Found::Partial(_) => None,
        })
    }
}

/// Copies a file, durably, never into one that is there: a link that failed may have been made all the same, as over a network, and
/// then both names are the same bytes.
fn copy_new(from: &Path, to: &Path) -> io::Result<()> {
    let mut bytes = File::open(from)?;
    let made = fault::step(to, || {
        let mut made = File::create_new(to)?;
        io::copy(&mut bytes, &mut made)?;
        Ok::<_, io::Error>(made)
    })?;
    fault::sync_data(to, &made)
}

/// Makes a file that shares its blocks with another, or is another name of it.
fn share(from: &Path, to: &Path) -> bool {
    let folder = crate::io::whole::folder_of(to);
    if let Ok(shared) = files::reflink(from, folder) {
        let named = fault::step(to, || shared.persist_noclobber(to).map_err(io::Error::from));
        return named.is_ok();
    }
    fault::step(to, || std::fs::hard_link(from, to)).is_ok()
}
