//! Calls of this user's other processes: taken by the node that holds the lock, asked by those that do not.

use super::{Node, Options, Stop, limits};
use crate::api::pipe::Request;
use crate::api::{Call, Code, Event, Failure};
use crate::io::dirs::Dirs;
use crate::io::local::{self, Handler, NotAnswered};
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

/// Listens for calls in the node's own folder.
pub(super) fn listen(node: &Node) -> Result<UnixListener, Failure> {
    let path = node.dirs.socket();
    // Whoever left it is gone: the lock is ours.
    let _ = std::fs::remove_file(&path);
    UnixListener::bind(&path).map_err(|error| {
        let path = path.display();
        Failure::new(
            Code::Failed,
            format!("{path}: cannot take calls of other commands: {error}"),
        )
        .hint("while this runs, other commands need another --data-dir; a shorter path may help")
    })
}

/// What carries out calls of other processes.
pub(super) fn handler(node: &Arc<Node>) -> Handler {
    let node = node.clone();
    Arc::new(move |request: Request, events, stop| {
        let mut caller = node.as_ref().clone();
        if let Some(passphrase) = request.passphrase {
            caller.passphrase = Some(Zeroizing::new(passphrase));
        }
        if let Some(down) = request.down {
            caller.client = Arc::new(limits::narrowed(&node, down));
        }
        let caller = Arc::new(caller);
        Box::pin(async move {
            let done = caller.run(request.call, &events, stop).await;
            done.map_err(|failure| caller.explain(failure))
        })
    })
}

/// Has the node that holds the lock carry out a call. `locked` is what to say if it takes none.
pub(super) async fn ask(
    options: &Options,
    call: Call,
    events: &mpsc::Sender<Event>,
    stop: Stop,
    locked: Failure,
) -> Result<(), Failure> {
    let dirs = Dirs::find(options.data_dir.as_deref())
        .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    let request = Request {
        call,
        passphrase: options.passphrase.clone(),
        down: options.limits.down.flatten(),
    };
    match local::call(&dirs.socket(), &request, events, stop).await {
        Ok(done) => done,
        Err(NotAnswered::Nobody) => Err(locked),
        Err(error) => Err(Failure::new(Code::Failed, error.to_string())
            .hint("is it of another version? stop it and start it again")),
    }
}
