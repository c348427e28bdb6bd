//! The folders that blobs lie in, on as many disks as wanted (spec/store.md, Blob roots).
//!
//! Each root carries its name, a random number, in a file of its own, so that it is the same root at another path, and an empty
//! mount point is none. A plain list remembers the roots that were ever used: one that is not there is named, and what lies in
//! it is unavailable and not forgotten. Which root holds a blob is noted in the store, and found again by walking a root.

mod comings;
mod index;
mod list;

pub use comings::ForgottenRoot;

use super::Blobs;
use super::files::{self, Paths, Place};
use super::unfinished;
use crate::io::{fault, whole};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use list::read_list;
use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The file with a root's name.
const IDENTITY: &str = "levada-root";

/// The name of a root, drawn once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RootId([u8; 16]);

/// A root that is here.
#[derive(Clone, Debug)]
pub(super) struct Root {
    id: RootId,
    pub(super) path: PathBuf,
}

/// A root that is not here, or a folder that is no root: what lies in it is unavailable and not forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwayRoot {
    id: Option<RootId>,
    /// Where it was last, or where the settings say that it is.
    pub path: PathBuf,
    /// Why it is not used.
    pub why: Away,
}

/// Why a root is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Away {
    /// Nothing is at its path, or something without its name: the disk is not there.
    Missing,
    /// The settings do not name it any more, but one that they name is not known: it may be this one at another place.
    Unlisted,
    /// It is the same root as another one that is named.
    Twice,
    /// Other files are in the folder, and it is no root.
    Foreign,
    /// The system refuses it.
    Refused(String),
}

/// Where a blob is according to the store.
pub(super) enum Located<'a> {
    In(&'a Root),
    /// In a root that is away, with its size.
    Away(&'a AwayRoot, u64),
}

/// All roots, the one in the data directory first.
#[derive(Debug)]
pub(super) struct Roots {
    present: Vec<Root>,
    away: Vec<AwayRoot>,
    /// Roots that the settings do not name any more.
    dismissed: Vec<(RootId, PathBuf)>,
    /// What the list of roots said.
    known: Vec<(RootId, PathBuf)>,
}

impl RootId {
    fn draw(path: &Path) -> Result<Self, StoreError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| {
            let error = io::Error::other(error.to_string());
            StoreError::file(path, "drawing a name for it")(error)
        })?;
        Ok(Self(id))
    }

    fn text(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

impl FromStr for RootId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .map_err(|_| ())?;
        bytes.try_into().map(Self).map_err(|_| ())
    }
}

impl Root {
    pub(super) fn paths(&self, hash: &Hash) -> Paths {
        Paths::of(&self.path, hash)
    }

    /// Whether what is at its path is still this root: a disk may be taken away while we run.
    pub(super) fn is_there(&self) -> bool {
        matches!(Self::identity(&self.path), Ok(Some(id)) if id == self.id)
    }

    /// The name of what is at this path. `None`: it has none.
    fn identity(path: &Path) -> Result<Option<RootId>, StoreError> {
        let file = path.join(IDENTITY);
        match std::fs::read(&file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes)
                .trim_end()
                .parse()
                .map(Some)
                .map_err(|()| StoreError::Damaged {
                    path: file,
                    what: "it holds no name of a blob root".into(),
                }),
            Err(error) if is_nothing(&error) => Ok(None),
            Err(error) => Err(StoreError::file(&file, "reading")(error)),
        }
    }

    /// The root of the data directory. Nothing is noted under its name: one that cannot be read is drawn anew.
    fn own(path: &Path) -> Result<Self, StoreError> {
        if let Err(StoreError::Damaged { .. }) = Self::identity(path) {
            let file = path.join(IDENTITY);
            let text = format!("{}\n", RootId::draw(path)?.text());
            whole::replace(&file, text.as_bytes(), 0o644)
                .map_err(StoreError::file(&file, "writing"))?;
        }
        Self::named(path)
    }

    fn named(path: &Path) -> Result<Self, StoreError> {
        let id = match Self::identity(path)? {
            Some(id) => id,
            None => {
                let id = RootId::draw(path)?;
                let file = path.join(IDENTITY);
                let text = format!("{}\n", id.text());
                whole::create(&file, text.as_bytes(), 0o644)
                    .map_err(StoreError::file(&file, "writing"))?;
                id
            }
        };
        unfinished::open_temporary(path)?;
        Ok(Self {
            id,
            path: path.to_owned(),
        })
    }

    /// Makes a root of an empty folder, or of one that can be made where it is named (store-20).
    fn new_at(path: &Path) -> Result<Self, Away> {
        match fault::step(path, || std::fs::create_dir(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Away::Missing),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Away::Refused(error.to_string()));
            }
            _ => {}
        }
        // Its folder for what is not finished is emptied at each start: it must be nobody else's.
        let entries = std::fs::read_dir(path).map_err(|error| Away::Refused(error.to_string()))?;
        let is_empty = entries
            .flatten()
            .all(|entry| entry.file_name() == "lost+found");
        if !is_empty {
            return Err(Away::Foreign);
        }
        Self::named(path).map_err(|error| Away::Refused(error.to_string()))
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

impl Roots {
    /// Opens the root of the data directory and those that the settings name. `list`, if given, has those that were used
    /// before; `remember` writes it anew.
    pub(super) fn open(
        own: &Path,
        more: &[PathBuf],
        list: Option<&Path>,
    ) -> Result<Self, StoreError> {
        fault::step(own, || std::fs::create_dir_all(own))
            .map_err(StoreError::file(own, "making the folder"))?;
        let mut roots = Self {
            present: vec![Root::own(own)?],
            away: Vec::new(),
            dismissed: Vec::new(),
            known: match list {
                Some(list) => read_list(list)?,
                None => Vec::new(),
            },
        };
        let known = roots.known.clone();
        let mut nameless = Vec::new();
        for path in more {
            match Root::identity(path) {
                Ok(Some(id)) => roots.add(id, path),
                Ok(None) => nameless.push(path),
                Err(error) => roots.lack(None, path, Away::Refused(error.to_string())),
            }
        }
        for path in nameless {
            // The same folder was named before, in other words.
            if let Ok(Some(id)) = Root::identity(path) {
                roots.add(id, path);
                continue;
            }
            let lost = known
                .iter()
                .find(|(id, at)| at == path && !roots.knows(*id));
            match lost {
                Some((id, _)) => roots.lack(Some(*id), path, Away::Missing),
                None => match Root::new_at(path) {
                    Ok(root) => roots.present.push(root),
                    Err(why) => roots.lack(None, path, why),
                },
            }
        }
        // One that is named and not known may be one of those that are known and not named, at another place (store-21).
        let is_unsure = |away: &AwayRoot| away.id.is_none() && away.why != Away::Twice;
        let is_unsure = roots.away.iter().any(is_unsure);
        for (id, path) in known {
            if roots.knows(id) {
                continue;
            }
            if is_unsure {
                roots.lack(Some(id), &path, Away::Unlisted);
            } else {
                roots.dismissed.push((id, path));
            }
        }
        Ok(roots)
    }

    fn knows(&self, id: RootId) -> bool {
        self.present.iter().any(|root| root.id == id)
            || self.away.iter().any(|away| away.id == Some(id))
    }

    fn add(&mut self, id: RootId, path: &Path) {
        if self.knows(id) {
            return self.lack(None, path, Away::Twice);
        }
        match Root::named(path) {
            Ok(root) => self.present.push(root),
            Err(error) => self.lack(Some(id), path, Away::Refused(error.to_string())),
        }
    }

    fn lack(&mut self, id: Option<RootId>, path: &Path, why: Away) {
        self.away.push(AwayRoot {
            id,
            path: path.to_owned(),
            why,
        });
    }

    pub(super) fn own(&self) -> &Root {
        // `open` puts it there, and nothing takes it away.
        self.present
            .first()
            .expect("the root of the data directory")
    }

    pub(super) fn present(&self) -> &[Root] {
        &self.present
    }

    pub(super) fn away(&self) -> &[AwayRoot] {
        &self.away
    }

    /// The root for a new blob: the one with the most free space.
    pub(super) fn roomiest(&self) -> Result<&Root, StoreError> {
        let mut best = (self.own(), 0);
        if self.present.len() == 1 {
            return Ok(best.0);
        }
        for root in &self.present {
            let free = files::free_bytes(&root.path)?;
            if free > best.1 {
                best = (root, free);
            }
        }
        Ok(best.0)
    }

    /// The root on the file system where a file is, if there is one: there a copy may share its blocks.
    pub(super) fn beside(&self, device: u64) -> Option<&Root> {
        self.present
            .iter()
            .find(|root| std::fs::metadata(&root.path).is_ok_and(|found| found.dev() == device))
    }

    /// Bytes free on all file systems with roots, each counted once.
    pub(super) fn free_bytes(&self) -> Result<u64, StoreError> {
        self.sum(files::free_bytes)
    }

    /// Bytes of all file systems with roots, each counted once.
    pub(super) fn disk_bytes(&self) -> Result<u64, StoreError> {
        self.sum(files::disk_bytes)
    }

    fn sum(&self, of: fn(&Path) -> Result<u64, StoreError>) -> Result<u64, StoreError> {
        let mut devices = BTreeSet::new();
        let mut sum: u64 = 0;
        for root in &self.present {
            let found =
                std::fs::metadata(&root.path).map_err(StoreError::file(&root.path, "reading"))?;
            if devices.insert(found.dev()) {
                sum = sum.saturating_add(of(&root.path)?);
            }
        }
        Ok(sum)
    }
}

impl Blobs {
    /// Roots that are not used, and why.
    #[must_use]
    pub fn away_roots(&self) -> &[AwayRoot] {
        self.inner.roots.away()
    }

    /// Roots that the settings no longer named when this was opened: what is kept there is not here any more.
    #[must_use]
    pub fn forgotten_roots(&self) -> &[ForgottenRoot] {
        &self.inner.forgotten
    }

    /// The root that holds a blob, when it is away, and the blob's size: it comes back with its disk (store-21).
    ///
    /// # Errors
    /// Those of the disk.
    pub fn away(&self, hash: &Hash) -> Result<Option<(&AwayRoot, u64)>, StoreError> {
        let (roots, disk) = (&self.inner.roots, &self.inner.disk);
        match roots.locate(disk, hash)? {
            Located::Away(root, size) => Ok(Some((root, size))),
            Located::In(root) => Ok(match roots.elsewhere(disk, hash)? {
                // It was to be fetched again, and nothing of it came.
                Some(away) if matches!(root.paths(hash).place()?, Place::Nowhere) => Some(away),
                _ => None,
            }),
        }
    }

    fn root_of(&self, hash: &Hash) -> Result<&Root, StoreError> {
        Ok(match self.inner.roots.locate(&self.inner.disk, hash)? {
            Located::In(root) => root,
            // Nothing of it is there; what is fetched all the same finds its place when it is begun.
            Located::Away(..) => self.inner.roots.own(),
        })
    }

    pub(super) fn paths(&self, hash: &Hash) -> Result<Paths, StoreError> {
        Ok(self.root_of(hash)?.paths(hash))
    }

    /// The paths of a blob that is begun now: where there is most room.
    pub(super) fn new_paths(&self, hash: &Hash, size: u64) -> Result<Paths, StoreError> {
        let roots = &self.inner.roots;
        let root = roots.roomiest()?;
        roots.note(&self.inner.disk, root, hash, size)?;
        Ok(root.paths(hash))
    }
}
