//! Asks another process of this user to carry out a call.

use super::CALL_HEADER;
use crate::api::pipe::{Line, Request};
use crate::api::{Call, Event, Failure};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

/// Why the other process gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NotAnswered {
    /// Nobody listens on the socket.
    #[error("nobody takes calls there")]
    Nobody,
    /// It broke off, or speaks another version.
    #[error("{path}: the running levada gave no answer that this version understands: {why}", path = path.display())]
    Broken {
        /// The socket.
        path: PathBuf,
        /// What was wrong.
        why: String,
    },
}

/// Has a call carried out there; events go to `events`, the answer among them.
///
/// # Errors
/// `NotAnswered`, or the failure of the call.
pub async fn call(
    socket: &Path,
    request: &Request,
    events: &mpsc::Sender<Event>,
    mut stop: watch::Receiver<bool>,
) -> Result<Result<(), Failure>, NotAnswered> {
    let broken = |why: String| NotAnswered::Broken {
        path: socket.to_owned(),
        why,
    };
    let body = serde_json::to_vec(request).map_err(|error| broken(error.to_string()))?;
    let reply = post(socket, "/v1/calls", body).await?;
    let status = reply.status();
    let number = reply.headers().get(CALL_HEADER).cloned();
    let mut body = reply.into_body();
    if status != StatusCode::OK {
        let text = body.collect().await.map(|body| body.to_bytes());
        let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
        return Err(broken(text.trim().to_owned()));
    }
    let mut waiting = BytesMut::new();
    let mut is_stopping = false;
    loop {
        let frame = tokio::select! {
            frame = body.frame() => Some(frame),
            () = stopped(&mut stop), if !is_stopping => None,
        };
        let Some(frame) = frame else {
            is_stopping = true;
            let number = number.as_ref().and_then(|number| number.to_str().ok());
            let path = format!("/v1/calls/{}/stop", number.unwrap_or("0"));
            // The call may have ended in this moment.
            let _ = post(socket, &path, Vec::new()).await;
            continue;
        };
        let Some(frame) = frame else {
            return Err(broken("it broke off".into()));
        };
        let frame = frame.map_err(|error| broken(error.to_string()))?;
        waiting.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line = waiting.split_to(end + 1);
            match read(&request.call, &line).map_err(|error| broken(error.to_string()))? {
                Ok(event) => {
                    let is_last = matches!(event, Event::Answer(_));
                    // Nobody listens here any more: the call goes on all the same.
                    let _ = events.send(event).await;
                    if is_last {
                        return Ok(Ok(()));
                    }
                }
                Err(failure) => return Ok(Err(failure)),
            }
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error here means that whoever could stop us is gone: then it is time to stop.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn read(call: &Call, line: &[u8]) -> Result<Result<Event, Failure>, serde_json::Error> {
    serde_json::from_slice::<Line>(line)?.into_event(call)
}

async fn post(socket: &Path, path: &str, body: Vec<u8>) -> Result<Response<Incoming>, NotAnswered> {
    let broken = |error: hyper::Error| NotAnswered::Broken {
        path: socket.to_owned(),
        why: error.to_string(),
    };
    let (at, _folder) = super::socket_path(socket).map_err(|_| NotAnswered::Nobody)?;
    let stream = UnixStream::connect(at)
        .await
        .map_err(|_| NotAnswered::Nobody)?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(broken)?;
    // Ends with the connection; its errors reach whoever waits for an answer.
    tokio::spawn(connection);
    let mut request = hyper::Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    request
        .headers_mut()
        .insert(header::HOST, HeaderValue::from_static("levada"));
    sender.send_request(request).await.map_err(broken)
}
