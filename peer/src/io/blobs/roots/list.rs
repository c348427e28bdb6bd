//! The list of roots that were used: a name and a path in each line (spec/store.md, Blob roots).

use super::{RootId, Roots};
use crate::io::blobs::files;
use crate::io::whole;
use crate::store::StoreError;
use percent_encoding::{percent_decode_str, percent_encode};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

impl Roots {
    /// Writes the list of the roots that are used, if it says something else. Last, so that what was dismissed is seen to first.
    pub(in crate::io::blobs) fn remember(&self, list: &Path) -> Result<(), StoreError> {
        let present = self.present.iter().skip(1);
        let mut lines: Vec<_> = present.map(|root| (root.id, root.path.clone())).collect();
        let away = self.away.iter();
        lines.extend(away.filter_map(|away| Some((away.id?, away.path.clone()))));
        let before: BTreeSet<_> = self.known.iter().cloned().collect();
        if before == lines.iter().cloned().collect() {
            return Ok(());
        }
        let text: String = lines
            .iter()
            .map(|(id, path)| {
                let path = percent_encode(path.as_os_str().as_bytes(), files::PLAIN);
                format!("{} {path}\n", id.text())
            })
            .collect();
        whole::replace(list, text.as_bytes(), 0o600)
            .map(drop)
            .map_err(StoreError::file(list, "writing"))
    }
}

/// One line for each root: its name, its path. Lines that are not this are left out.
pub(super) fn read_list(list: &Path) -> Result<Vec<(RootId, PathBuf)>, StoreError> {
    let text = match std::fs::read_to_string(list) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::file(list, "reading")(error)),
    };
    let line = |line: &str| {
        let (id, path) = line.split_once(' ')?;
        let path: Vec<u8> = percent_decode_str(path).collect();
        Some((id.parse().ok()?, PathBuf::from(OsString::from_vec(path))))
    };
    Ok(text.lines().filter_map(line).collect())
}
