//! Reading files in: what each one is, what it gives away, and its bytes into the store. On all cores.
//!
//! Says nothing to the author's feed; `publish` turns what is ready here into records, in order.

use crate::api::{Code, Event, Failure, Progress, Publish};
use crate::io::blobs::{ImportError, Imported, Mode};
use crate::io::fault;
use crate::io::media::{self, Facts};
use crate::io::strip::Plan;
use crate::io::walk::Found;
use crate::keep::{self, Class};
use crate::node::words::io_words;
use crate::node::{Node, Stop};
use crate::store::StoreError;
use levada_feed::limits::INLINE_BYTES_MAX;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// A file with its bytes here and its facts known.
pub(super) struct Ready {
    pub(super) imported: Imported,
    /// The bytes of a small blob, for the author's file.
    pub(super) small: Option<Vec<u8>>,
    pub(super) facts: Facts,
    /// What it gives away was removed from the copy.
    pub(super) is_stripped: bool,
}

/// Why a file is not ready.
pub(super) enum Trouble {
    /// This file is left out, and why.
    Skip(String),
    /// The person wants the work to stop.
    Stopped,
    /// The run ends.
    End(Failure),
}

/// Reads files for one run of publish.
pub(super) struct Reader<'a> {
    pub(super) node: &'a Arc<Node>,
    pub(super) args: &'a Publish,
    pub(super) events: &'a mpsc::Sender<Event>,
    pub(super) stop: &'a Stop,
    /// Bytes read so far.
    pub(super) bytes: AtomicU64,
}

impl Reader<'_> {
    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Reads a group of files; the outcomes are in the order of the files.
    pub(super) fn read_all(&self, files: Vec<Found>) -> Vec<(Found, Result<Ready, Trouble>)> {
        // Stripping writes a copy, whatever the size.
        let is_small = |found: &Found| !self.args.strip_place && found.size <= INLINE_BYTES_MAX;
        let paths: Vec<_> = files
            .iter()
            .filter(|found| is_small(found))
            .map(|found| found.path.clone())
            .collect();
        let mut small = self.node.blobs.import_small_many(&paths);
        self.own_small(&mut small);
        let mut small = small.into_iter();
        let begun: Vec<_> = files
            .into_iter()
            .map(|found| {
                let imported = if is_small(&found) { small.next() } else { None };
                (found, imported)
            })
            .collect();
        begun
            .into_par_iter()
            .map(|(found, imported)| {
                let ready = match imported {
                    Some(Ok((imported, bytes))) => self.describe(&found, imported, bytes),
                    Some(Err(error)) => Err(trouble(&found.path, error)),
                    None => self.read(&found),
                };
                (found, ready)
            })
            .collect()
    }

    /// Small files are one's own from now on.
    fn own_small(&self, imported: &mut [Result<(Imported, Vec<u8>), ImportError>]) {
        let hashes = imported.iter().flatten().map(|(imported, _)| imported.hash);
        let owned = self.node.raise(&hashes.collect::<Vec<_>>(), Class::Own);
        if let Err(error) = owned {
            let message = error.to_string();
            for one in imported {
                *one = Err(ImportError::Store(StoreError::Database(message.clone())));
            }
        }
    }

    /// What a file is, without its bytes: for a dry run.
    pub(super) fn inspect(&self, found: &Found) -> Result<Facts, Trouble> {
        media::inspect(&found.path).map_err(|error| Trouble::Skip(io_words(&error)))
    }

    fn describe(
        &self,
        found: &Found,
        imported: Imported,
        bytes: Vec<u8>,
    ) -> Result<Ready, Trouble> {
        self.bytes.fetch_add(imported.size, Ordering::Relaxed);
        Ok(Ready {
            imported,
            small: Some(bytes),
            facts: self.inspect(found)?,
            is_stripped: false,
        })
    }

    fn read(&self, found: &Found) -> Result<Ready, Trouble> {
        if self.is_stopped() {
            return Err(Trouble::Stopped);
        }
        let facts = self.inspect(found)?;
        if self.args.strip_place
            && let Some(ready) = self.stripped(found, &facts)?
        {
            return Ok(ready);
        }
        let mode = if self.args.in_place {
            Mode::InPlace
        } else {
            Mode::Copy
        };
        self.import(&found.path, mode, found, facts, false)
    }

    fn import(
        &self,
        path: &Path,
        mode: Mode,
        found: &Found,
        facts: Facts,
        is_stripped: bool,
    ) -> Result<Ready, Trouble> {
        let progress = |bytes: u64| {
            let progress = Progress {
                what: "hashing".into(),
                of: found.relative.clone(),
                bytes,
                bytes_total: Some(found.size),
                ..Progress::default()
            };
            // Too many reports, or nobody listens: this one is left out.
            let _ = self.events.try_send(Event::Progress(progress));
        };
        self.check_room(path, mode)?;
        let imported = self
            .node
            .blobs
            .import(path, mode, &progress, &|| self.is_stopped())
            .map_err(|error| trouble(&found.path, error))?;
        let owned = self.node.raise(&[imported.hash], Class::Own);
        if !owned.map_err(store)?.contains(&true) {
            // It was there as somebody's media, and made room for others just now.
            return Err(Trouble::Skip(
                "it made room for other media; publish it again".into(),
            ));
        }
        self.bytes.fetch_add(imported.size, Ordering::Relaxed);
        Ok(Ready {
            small: self.small_bytes(&imported)?,
            imported,
            facts,
            is_stripped,
        })
    }

    /// Own media stop only at the reserve.
    fn check_room(&self, path: &Path, mode: Mode) -> Result<(), Trouble> {
        // A file that cannot be read is told of when it is.
        let size = std::fs::metadata(path).map_or(0, |found| found.len());
        let needed = match mode {
            Mode::Copy => keep::cost(size),
            Mode::InPlace => keep::outboard_cost(size),
        };
        if self.node.has_room_for_own(needed).map_err(store)? {
            return Ok(());
        }
        let room = self.node.room().map_err(store)?;
        let free = room.free.saturating_sub(room.reserve());
        Err(trouble(path, ImportError::NoSpace { needed, free }))
    }

    /// The bytes of a blob that belongs into the author's file.
    fn small_bytes(&self, imported: &Imported) -> Result<Option<Vec<u8>>, Trouble> {
        if imported.size > INLINE_BYTES_MAX {
            return Ok(None);
        }
        self.node.disk.small(&imported.hash).map_err(store)
    }

    /// A copy without places and serial numbers; `None` when the file has none.
    fn stripped(&self, found: &Found, facts: &Facts) -> Result<Option<Ready>, Trouble> {
        let skip = |error: &dyn std::fmt::Display| Trouble::Skip(error.to_string());
        let plan = Plan::new(&found.path, &facts.media_type).map_err(|error| skip(&error))?;
        if plan.is_empty() {
            return Ok(None);
        }
        let folder = self.node.dirs.cache();
        let unwritable =
            |error| Trouble::Skip(format!("{}: {}", folder.display(), io_words(&error)));
        let made = fault::step(folder, || tempfile::NamedTempFile::new_in(folder));
        let mut copy = made.map_err(unwritable)?;
        let to = copy.path().to_owned();
        fault::step(&to, || plan.write(copy.as_file_mut())).map_err(|error| skip(&error))?;
        self.import(copy.path(), Mode::Copy, found, facts.clone(), true)
            .map(Some)
    }
}

fn store(error: StoreError) -> Trouble {
    Trouble::End(Failure::from(error))
}

/// A failure of one file is told and skipped; one of our own disk ends the run.
fn trouble(path: &Path, error: ImportError) -> Trouble {
    match error {
        ImportError::Interrupted => Trouble::Stopped,
        ImportError::Changed => Trouble::Skip("it changed while it was read; publish it again".into()),
        ImportError::NoSpace { needed, free } => Trouble::End(
            Failure::new(
                Code::OverQuota,
                format!("{}: a copy needs {needed} bytes and {free} are free", path.display()),
            )
            .hint("publish with --in-place to keep no copy, or make room; what was signed so far is published"),
        ),
        ImportError::Store(error) => Trouble::End(Failure::from(error)),
        ImportError::Source(error) => Trouble::Skip(io_words(&error)),
    }
}
