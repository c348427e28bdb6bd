//! All peers that this process talks to, so that their connections are used again.

use super::{Reach, Remote, Unreachable};
use crate::io::traffic::Lane;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Peers kept in memory; further ones push out those that nobody uses.
pub(super) const REMOTES_MAX: usize = 1_024;

/// All peers that this process talks to.
#[derive(Default)]
pub struct Client {
    pub(super) remotes: Mutex<BTreeMap<String, Remote>>,
    lanes: Vec<Arc<Lane>>,
}

impl Client {
    /// One to which everything comes through these lanes.
    #[must_use]
    pub fn through(lanes: Vec<Arc<Lane>>) -> Self {
        Self {
            remotes: Mutex::default(),
            lanes,
        }
    }

    /// A client of its own, to which everything comes through one more lane.
    #[must_use]
    pub fn narrowed(&self, lane: Arc<Lane>) -> Self {
        let lanes = self.lanes.iter().cloned().chain([lane]);
        Self::through(lanes.collect())
    }

    /// The peer at an address; the same one for the same address, so that connections are shared.
    ///
    /// # Errors
    /// `Address`.
    pub fn remote(&self, address: &str) -> Result<Remote, Unreachable> {
        self.kept(address, Reach::Anywhere)
    }

    /// A peer that others named: it is asked only where its name leads to addresses of the whole internet, or, for a node
    /// that serves its own machine alone, to this machine.
    ///
    /// # Errors
    /// `Address`.
    pub fn hinted(&self, address: &str, is_local: bool) -> Result<Remote, Unreachable> {
        let reach = if is_local {
            Reach::GlobalOrHere
        } else {
            Reach::Global
        };
        self.kept(address, reach)
    }

    fn kept(&self, address: &str, reach: Reach) -> Result<Remote, Unreachable> {
        let mut remotes = self
            .remotes
            .lock()
            .expect("nobody panics while holding this lock");
        // What a person named shares no connection with what others did.
        let name = match reach {
            Reach::Anywhere => address.to_owned(),
            _ => format!("{address} {reach:?}"),
        };
        if let Some(remote) = remotes.get(&name) {
            return Ok(remote.clone());
        }
        let remote = Remote::parse(address, reach, &self.lanes)?;
        if remotes.len() >= REMOTES_MAX {
            remotes.retain(|_, remote| Arc::strong_count(&remote.inner) > 1);
        }
        remotes.insert(name, remote.clone());
        Ok(remote)
    }
}
