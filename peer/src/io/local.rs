//! The local API (spec/local.md): HTTP over a Unix socket in the node's own folder, and over loopback with a token.
//!
//! Who may open the socket is the file system's business: it lies in a folder that is this user's alone. On loopback
//! everybody on the machine knocks, every page in a browser too, so `gate` judges each request before it is read. What a
//! call does is told by the handler, and is the same for both.

mod calls;
mod client;
mod gate;
mod player;
mod server;
#[cfg(test)]
mod tests;
mod token;

pub use calls::{Calls, Handler};
pub use client::{NotAnswered, call};
pub use gate::Gate;
pub use player::{Found, Library, Title, for_players};
pub use server::{on_loopback, on_socket};
pub use token::{Token, TokenError};

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// Bytes of a socket's path at most.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A path that the system takes for a socket, and what has to stay open while it is used: one that is too long is
/// reached by its open folder.
fn socket_path(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return Ok((path.to_owned(), None));
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok((path.to_owned(), None));
    };
    let folder = File::open(folder)?;
    let open = format!("/proc/self/fd/{}", folder.as_raw_fd());
    Ok((Path::new(&open).join(name), Some(folder)))
}

/// Listens on the socket at this path.
///
/// # Errors
/// Those of the system.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let (path, _folder) = socket_path(path)?;
    UnixListener::bind(path)
}

/// Bytes of one request at most: paths and texts of one call.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// Lines on their way to the other process.
const LINES_MAX: usize = 64;
/// Header that numbers a call, so that it can be stopped.
const CALL_HEADER: &str = "levada-call";

/// Where calls are taken on loopback, if nothing else is said.
pub const DEFAULT_API_PORT: u16 = 9328;
