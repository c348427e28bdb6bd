//! Has a large file go to the disk while more of it is written, so that the sync that has to be waited for finds little left.

use super::files;
use crate::io::fault;
use crate::store::StoreError;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Bytes written between two syncs; a file of fewer is not worth a thread.
pub(super) const AHEAD_BYTES: u64 = 32 << 20;

/// Syncs of one file beside the writing, which does not wait for them.
#[derive(Debug)]
pub(super) struct Ahead {
    path: PathBuf,
    written: AtomicU64,
    due: SyncSender<()>,
    syncing: JoinHandle<io::Result<()>>,
}

impl Ahead {
    /// Begins; nothing happens before enough was written. The file is opened for this alone: a system tells an error once to
    /// each who has opened a file, and whoever writes has to hear of it too. `None` when there is no thread or file to be had:
    /// then the sync at the end takes as long as it takes.
    pub(super) fn begin(path: &Path) -> Option<Self> {
        let (due, is_due) = sync_channel(1);
        let (of, file) = (path.to_owned(), files::open_own(path).ok()?);
        let syncing = std::thread::Builder::new().spawn(move || sync_each(&of, &file, &is_due));
        Some(Self {
            path: path.to_owned(),
            written: AtomicU64::new(0),
            due,
            syncing: syncing.ok()?,
        })
    }

    /// So many bytes more were written.
    pub(super) fn wrote(&self, bytes: u64) {
        let before = self.written.fetch_add(bytes, Ordering::Relaxed);
        if before / AHEAD_BYTES != (before + bytes) / AHEAD_BYTES {
            // One that is due already does for this too.
            let _ = self.due.try_send(());
        }
    }

    /// Ends. What was written since the last sync is not durable.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn end(self) -> Result<(), StoreError> {
        drop(self.due);
        // A thread that panics has told why.
        let ended = self.syncing.join().unwrap_or(Ok(()));
        ended.map_err(StoreError::file(&self.path, "writing"))
    }
}

fn sync_each(path: &Path, file: &File, is_due: &Receiver<()>) -> io::Result<()> {
    while is_due.recv().is_ok() {
        fault::sync_data(path, file)?;
    }
    Ok(())
}
