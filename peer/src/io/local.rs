//! The local API between processes of one user: HTTP over a Unix socket in the node's own folder.
//!
//! Who may open the socket is the file system's business: it lies in a folder that is this user's alone. What a call does
//! is told by the handler.

mod client;
mod server;

pub use client::{NotAnswered, call};
pub use server::{Handler, serve};

/// Bytes of one request at most: paths and texts of one call.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// Lines on their way to the other process.
const LINES_MAX: usize = 64;
/// Header that numbers a call, so that it can be stopped.
const CALL_HEADER: &str = "levada-call";
