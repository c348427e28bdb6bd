//! Evidence as others are given it.
//!
//! A file that no longer checks is told to whoever runs this node, and for others it is not there: one damaged file ends no
//! stream of news about other feeds.

use super::Served;
use crate::store::StoreError;
use levada_feed::key::FeedKey;

impl Served {
    pub(super) fn fork(&self, feed: &FeedKey) -> Result<Option<Vec<u8>>, StoreError> {
        let proof = self.evidence.fork(feed);
        self.unless_damaged(proof.map(|proof| Some(proof?.wire().to_vec())))
    }

    pub(super) fn succession(&self, feed: &FeedKey) -> Result<Option<Vec<u8>>, StoreError> {
        let file = self.evidence.succession(feed);
        self.unless_damaged(file.map(|file| Some(file?.wire().to_vec())))
    }

    fn unless_damaged(
        &self,
        found: Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        match found {
            Err(error @ StoreError::Damaged { .. }) => {
                self.tell(error);
                Ok(None)
            }
            found => found,
        }
    }
}
