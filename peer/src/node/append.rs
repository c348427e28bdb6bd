//! Appending records to an own feed, for a program that brings its own instead of files.
//!
//! The same way as `publish`: the author's file first, the store after it, and a head is told only once it is durable.

use super::author::{Aside, Author, Trust};
use super::own::DEFAULT_NAME;
use super::{Node, Options};
use crate::api::{Code, Failure};
use crate::io::clock;
use levada_feed::head::Head;
use levada_feed::record::Body;
use std::sync::Arc;

/// Appends each batch under a head of its own to the only own feed, which is made when there is none. Blocks; `signed` is
/// told each head once it is durable.
///
/// # Errors
/// What a person reads; batches that were told stay.
pub fn append(
    options: &Options,
    batches: impl IntoIterator<Item = Vec<Body>>,
    mut signed: impl FnMut(&Head),
) -> Result<(), Failure> {
    let node = Arc::new(Node::open(options)?);
    let (trust, aside) = (Trust::Marked, Aside::nobody());
    let mut author = Author::open_or_make(&node, None, DEFAULT_NAME, false, trust, &aside)?;
    for batch in batches {
        let now = clock::now_ms();
        for body in batch {
            author.append(body, now)?;
        }
        author.sign(&node, &[], clock::now_ms())?;
        let head = node.disk.head(&author.feed())?;
        let head = head.ok_or_else(|| Failure::new(Code::Failed, "there is no head"))?;
        signed(&head);
    }
    node.close().map_err(Failure::from)
}
