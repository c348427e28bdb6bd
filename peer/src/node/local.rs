//! Calls of this user's other processes: taken by the node that holds the lock, asked by those that do not.

use super::{Node, Options, Stop, find_dirs, limits};
use crate::api::pipe::Request;
use crate::api::{Answer, Call, Code, Event, Failure};
use crate::io::local::{self, Calls, NotAnswered};
use crate::io::{clock, fault};
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::sync::mpsc;

/// Listens for calls in the node's own folder.
pub(super) fn listen(node: &Node) -> Result<UnixListener, Failure> {
    // Whoever left it is gone: the lock is ours.
    forget(node);
    let path = node.dirs.socket();
    local::listen(&path).map_err(|error| {
        let path = path.display();
        Failure::new(
            Code::Failed,
            format!("{path}: cannot take calls of other commands: {error}"),
        )
        .hint("while this runs, other commands need another --data-dir")
    })
}

/// Removes the socket, if it is there: nobody listens.
pub(super) fn forget(node: &Node) {
    let path = node.dirs.socket();
    // One that stays is removed by the next who listens.
    let _ = fault::step(&path, || std::fs::remove_file(&path));
}

/// What a call is called: nothing of what it says.
fn name(call: &Call) -> String {
    let value = serde_json::to_value(call).unwrap_or_default();
    let name = value.get("call").and_then(serde_json::Value::as_str);
    name.unwrap_or_default().to_owned()
}

/// Carries out calls of other processes.
pub(super) fn calls(node: &Arc<Node>) -> Arc<Calls> {
    let node = node.clone();
    let handler = Box::new(move |request: Request, events, stop| {
        let mut caller = node.as_ref().clone();
        if let Some(passphrase) = request.passphrase {
            caller.passphrase = Some(passphrase);
        }
        if let Some(down) = request.down {
            caller.client = Arc::new(limits::narrowed(&node, down));
        }
        let caller = Arc::new(caller);
        let done = async move {
            let (call, started) = (name(&request.call), clock::tick());
            let done = caller.run(request.call, &events, stop).await;
            let code = done.as_ref().err().map(|failure| failure.code);
            let ms = clock::since(started).as_millis();
            tracing::info!(call, ms, ?code, "call");
            done.map_err(|failure| caller.explain(failure))
        };
        Box::pin(done) as Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>
    });
    Arc::new(Calls::new(handler))
}

/// Has the node that holds the lock carry out a call. `locked` is what to say if it takes none.
pub(super) async fn ask(
    options: &Options,
    call: Call,
    events: &mpsc::Sender<Event>,
    stop: Stop,
    locked: Failure,
) -> Result<(), Failure> {
    let dirs = find_dirs(options)?;
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
