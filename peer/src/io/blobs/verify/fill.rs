//! Good leaves from a file that may have them: what was published, or what is left of a file in place (store-24).

use super::{Stopping, missing_bytes};
use crate::io::blobs::files::{self, Place};
use crate::io::blobs::{Blobs, Partial};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::tree::Shape;
use std::path::Path;
use std::sync::Arc;

impl Blobs {
    /// Takes leaves that are missing from a file that may have them; each is checked. A blob that was published in place gets
    /// a copy of its own. Gives the bytes that are still missing.
    ///
    /// # Errors
    /// Those of our own disk; a file that cannot be read has nothing.
    pub fn mend_from(
        &self,
        hash: &Hash,
        file: &Path,
        stopping: Stopping<'_>,
    ) -> Result<u64, StoreError> {
        let partial = match self.take_in(hash, stopping)? {
            Some(partial) => Some(partial),
            None => self.resume(hash)?,
        };
        let Some(partial) = partial else {
            return Ok(0);
        };
        if let Ok(source) = files::open_plain(file) {
            partial.fill_from(&source, stopping)?;
        }
        partial.complete()?;
        let Ok(shape) = Shape::of_blob(partial.size()) else {
            return Ok(0);
        };
        Ok(missing_bytes(shape, &partial.held()))
    }

    /// Makes a blob that was published in place a partial copy of the leaves that are still right there (store-24).
    fn take_in(
        &self,
        hash: &Hash,
        stopping: Stopping<'_>,
    ) -> Result<Option<Arc<Partial>>, StoreError> {
        let paths = self.paths(hash)?;
        let _opening = self.opening(hash);
        let Place::Reference(reference) = paths.place()? else {
            return Ok(None);
        };
        let Ok(shape) = Shape::of_blob(reference.size) else {
            return Ok(None);
        };
        let free = files::free_bytes(&paths.root)?;
        if reference.size > free {
            return Err(StoreError::NoSpace {
                path: paths.root.clone(),
                needed: reference.size,
                free,
            });
        }
        let partial = self.share(*hash, Partial::begin_empty(&paths, *hash, shape)?);
        if let Ok(source) = files::open_plain(&reference.path) {
            partial.fill_from(&source, stopping)?;
        }
        Ok(Some(partial))
    }
}
