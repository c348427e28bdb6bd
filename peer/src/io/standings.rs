//! How peers behaved, in a plain file, so that a restart does not forgive a liar. Losing it is harmless.
//!
//! One JSON object a line (spec/store.md, Standings). What it means is `standing`'s.

use crate::io::whole;
use crate::standing::Standing;
use crate::store::StoreError;
use levada_feed::limits::PEER_BYTES_MAX;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::Path;

/// Bytes of the file that are read.
const FILE_BYTES_MAX: u64 = 8 << 20;

#[derive(Serialize, Deserialize)]
struct Line {
    peer: String,
    #[serde(flatten)]
    standing: Standing,
}

/// Reads the file. One that is not there or cannot be read tells nothing, nor does a line that is none.
#[must_use]
pub fn load(path: &Path) -> Vec<(String, Standing)> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    if read.is_err() {
        return Vec::new();
    }
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    lines
        .filter(|line| line.peer.len() <= PEER_BYTES_MAX)
        .map(|line| (line.peer, line.standing))
        .collect()
}

/// Writes it anew.
///
/// # Errors
/// Those of the file system.
pub fn save(path: &Path, standings: Vec<(String, Standing)>) -> Result<(), StoreError> {
    let mut text = String::new();
    for (peer, standing) in standings {
        if let Ok(line) = serde_json::to_string(&Line { peer, standing }) {
            text += &line;
            text.push('\n');
        }
    }
    whole::replace(path, text.as_bytes(), 0o600)
        .map(drop)
        .map_err(StoreError::file(path, "writing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standing::{Conduct, Standings};

    #[test]
    fn what_was_written_is_read_and_noise_tells_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("standings");
        assert!(load(&path).is_empty());
        let mut all = Standings::default();
        all.note("http://a", Conduct::Lied("it\nlied".into()), 7);
        all.note("http://b", Conduct::Answered(Some(3)), 8);
        let written = all.take_unwritten().unwrap();
        save(&path, written.clone()).unwrap();
        assert_eq!(load(&path), written);
        let mut bytes = std::fs::read(&path).unwrap();
        let cut = bytes.len() - 5;
        bytes.truncate(cut);
        std::fs::write(&path, [&b"\xff{}\n[1]\n"[..], &bytes].concat()).unwrap();
        assert_eq!(load(&path), written[..1]);
    }
}
