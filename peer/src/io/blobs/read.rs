//! Reading blobs, for peers and for people.
//!
//! Our own copies are read without hashing again: who asks checks. A file that was published in place is somebody else's to
//! change, so each leaf is checked as it is read, and a changed file is never served.

use super::files::{self, Paths, Reference};
use super::partial::Partial;
use crate::io::fault;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::tree::{Shape, check_pairs, leaf_hash};
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that an export reads at once.
const EXPORT_BYTES: u64 = 1 << 20;

/// Why bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// They are not here.
    #[error("these bytes are not here")]
    NotHeld,
    /// The file was changed after it was published in place.
    #[error("{path}: it was changed after it was published", path = path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The person stopped it.
    #[error("interrupted")]
    Interrupted,
    /// The file to write could not be written.
    #[error("{path}: {source}", path = path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Our own disk failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A blob, open for reading.
pub struct BlobReader {
    size: u64,
    from: From,
}

enum From {
    Small(Vec<u8>),
    Copy(PathBuf, File),
    Partial(PathBuf, File, Arc<Partial>),
    Reference(Box<InPlace>),
}

struct InPlace {
    hash: Hash,
    shape: Shape,
    reference: Reference,
    file: Option<File>,
    outboard_path: PathBuf,
    outboard: File,
}

impl BlobReader {
    pub(super) fn small(bytes: Vec<u8>) -> Self {
        Self {
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            from: From::Small(bytes),
        }
    }

    pub(super) fn copy(paths: &Paths, size: u64) -> Result<Self, StoreError> {
        Ok(Self {
            size,
            from: From::Copy(paths.data.clone(), files::open_own(&paths.data)?),
        })
    }

    pub(super) fn partial(paths: &Paths, partial: Arc<Partial>) -> Result<Self, StoreError> {
        Ok(Self {
            size: partial.size(),
            from: From::Partial(paths.data.clone(), files::open_own(&paths.data)?, partial),
        })
    }

    pub(super) fn reference(
        paths: &Paths,
        hash: Hash,
        reference: Reference,
    ) -> Result<Self, StoreError> {
        let damaged = |_| StoreError::Damaged {
            path: paths.reference.clone(),
            what: "its size".into(),
        };
        let shape = Shape::of_blob(reference.size).map_err(damaged)?;
        let in_place = InPlace {
            hash,
            shape,
            file: files::open_plain(&reference.path).ok(),
            reference,
            outboard: files::open_own(&paths.outboard)?,
            outboard_path: paths.outboard.clone(),
        };
        Ok(Self {
            size: in_place.reference.size,
            from: From::Reference(Box::new(in_place)),
        })
    }

    /// The size.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether a range of bytes is here.
    #[must_use]
    pub fn holds(&self, range: &Range<u64>) -> bool {
        if range.start > range.end || range.end > self.size {
            return false;
        }
        match &self.from {
            From::Partial(_, _, partial) if range.start < range.end => {
                let leaves =
                    Shape::of_blob(self.size).and_then(|shape| shape.leaves_of(range.clone()));
                leaves.is_ok_and(|leaves| partial.missing(leaves).is_empty())
            }
            _ => true,
        }
    }

    /// Reads a range of bytes.
    ///
    /// # Errors
    /// See `ReadError`.
    pub fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        if !self.holds(&range) {
            return Err(ReadError::NotHeld);
        }
        let bounds = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        match &self.from {
            From::Small(bytes) => bytes
                .get(bounds(range.start)..bounds(range.end))
                .map(<[u8]>::to_vec)
                .ok_or(ReadError::NotHeld),
            From::Copy(path, file) | From::Partial(path, file, _) => {
                let mut bytes = vec![0; bounds(range.end - range.start)];
                file.read_exact_at(&mut bytes, range.start)
                    .map_err(StoreError::file(path, "reading"))?;
                Ok(bytes)
            }
            From::Reference(in_place) => in_place.read(range),
        }
    }
}

impl InPlace {
    fn changed(&self) -> ReadError {
        ReadError::Changed {
            path: self.reference.path.clone(),
        }
    }

    fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let file = self.file.as_ref().ok_or_else(|| self.changed())?;
        // What stands at the path now, not what was opened (store-6): a replaced file is a changed one.
        let found = std::fs::metadata(&self.reference.path).map_err(|_| self.changed())?;
        if Reference::of(&self.reference.path, &found) != self.reference {
            return Err(self.changed());
        }
        let leaves = self
            .shape
            .leaves_of(range.clone())
            .map_err(|_| ReadError::NotHeld)?;
        let ranges = [leaves.clone()];
        let pairs = files::read_pairs_of(&self.outboard, &self.outboard_path, self.shape, &ranges)?;
        let damaged = |_| StoreError::Damaged {
            path: self.outboard_path.clone(),
            what: "its pairs".into(),
        };
        let proven = check_pairs(&self.hash, self.shape, &ranges, &pairs).map_err(damaged)?;
        let covered = self.shape.bytes_of(&leaves);
        let mut bytes = vec![0; usize::try_from(covered.end - covered.start).unwrap_or(0)];
        file.read_exact_at(&mut bytes, covered.start)
            .map_err(|_| self.changed())?;
        let mut rest = bytes.as_slice();
        for leaf in leaves {
            let size = self.shape.leaf_bytes(leaf);
            let size = usize::try_from(size.end - size.start).unwrap_or(0);
            let (part, after) = rest.split_at_checked(size).ok_or(ReadError::NotHeld)?;
            rest = after;
            if proven.leaf_hash(leaf) != Some(leaf_hash(self.shape, leaf, part)) {
                return Err(self.changed());
            }
        }
        let start = usize::try_from(range.start - covered.start).unwrap_or(0);
        let end = usize::try_from(range.end - covered.start).unwrap_or(0);
        bytes.truncate(end);
        bytes.drain(..start);
        Ok(bytes)
    }
}

/// Writes a whole blob to a file that does not exist yet.
pub(super) fn export(
    reader: &BlobReader,
    paths: &Paths,
    to: &Path,
    stop: &dyn Fn() -> bool,
) -> Result<u64, ReadError> {
    let output = |source| ReadError::Output {
        path: to.to_owned(),
        source,
    };
    let folder = to
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if matches!(reader.from, From::Copy(..))
        && let Ok(shared) = files::reflink(&paths.data, folder)
    {
        fault::step(to, || {
            shared.persist_noclobber(to).map_err(std::io::Error::from)
        })
        .map_err(output)?;
        return Ok(reader.size);
    }
    // Like any new file of this person, not a private temporary one.
    let made = fault::step(to, || {
        tempfile::Builder::new()
            .permissions(PermissionsExt::from_mode(0o666))
            .tempfile_in(folder)
    });
    let mut file = made.map_err(output)?;
    let mut at = 0;
    while at < reader.size {
        if stop() {
            return Err(ReadError::Interrupted);
        }
        let part = at..reader.size.min(at + EXPORT_BYTES);
        at = part.end;
        let bytes = reader.read(part)?;
        fault::step(to, || file.write_all(&bytes)).map_err(output)?;
    }
    fault::sync_data(to, file.as_file()).map_err(output)?;
    fault::step(to, || {
        file.persist_noclobber(to).map_err(std::io::Error::from)
    })
    .map_err(output)?;
    Ok(reader.size)
}
