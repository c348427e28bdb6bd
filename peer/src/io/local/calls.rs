//! Calls under way: begun, told line by line, stopped.

use super::LINES_MAX;
use crate::api::pipe::{Line, Request};
use crate::api::{Answer, Code, Event, Failure};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use tokio::sync::{mpsc, watch};

/// Calls under way at once at most.
const CALLS_MAX: usize = 256;

/// Carries out one call; told of what happens, and when to stop.
pub type Handler = Box<
    dyn Fn(
            Request,
            mpsc::Sender<Event>,
            watch::Receiver<bool>,
        ) -> Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>
        + Send
        + Sync,
>;

/// The calls that are carried out for other processes.
pub struct Calls {
    handler: Handler,
    under_way: Mutex<UnderWay>,
    /// How many are under way.
    count: watch::Sender<usize>,
}

#[derive(Default)]
struct UnderWay {
    next: u64,
    stops: BTreeMap<u64, watch::Sender<bool>>,
    /// No more are begun.
    is_over: bool,
}

impl Calls {
    /// Calls carried out by this handler.
    #[must_use]
    pub fn new(handler: Handler) -> Self {
        Self {
            handler,
            under_way: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .expect("nobody panics while holding this lock")
    }

    /// Begins a call and gives its number and its lines; `None` when too many are under way, or all are to end.
    pub(super) fn begin(self: &Arc<Self>, request: Request) -> Option<(u64, Lines)> {
        let (stop, stopped) = watch::channel(false);
        let (lines, receiver) = mpsc::channel(LINES_MAX);
        let number = {
            let mut under_way = self.lock();
            if under_way.is_over || under_way.stops.len() >= CALLS_MAX {
                return None;
            }
            let number = under_way.next;
            under_way.next += 1;
            under_way.stops.insert(number, stop.clone());
            self.count.send_replace(under_way.stops.len());
            number
        };
        let calls = self.clone();
        tokio::spawn(async move {
            calls.tell(request, stopped, lines).await;
            let mut under_way = calls.lock();
            under_way.stops.remove(&number);
            calls.count.send_replace(under_way.stops.len());
        });
        let lines = Lines {
            lines: receiver,
            stop,
        };
        Some((number, lines))
    }

    /// Asks a call to stop; whether there is such a call.
    pub(super) fn stop(&self, number: u64) -> bool {
        let found = self.lock().stops.get(&number).cloned();
        found.is_some_and(|stop| {
            stop.send_replace(true);
            true
        })
    }

    /// Asks all to stop, and begins no more.
    pub(super) fn stop_all(&self) {
        let mut under_way = self.lock();
        under_way.is_over = true;
        for stop in under_way.stops.values() {
            stop.send_replace(true);
        }
    }

    /// Waits until none is under way.
    pub(super) async fn ended(&self) {
        // An error here means that whoever counts is gone, and with it every call.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Carries out a call and sends what comes of it.
    async fn tell(
        &self,
        request: Request,
        stop: watch::Receiver<bool>,
        lines: mpsc::Sender<Bytes>,
    ) {
        let (sender, mut events) = mpsc::channel(LINES_MAX);
        let work = tokio::spawn((self.handler)(request, sender, stop));
        // Whoever stopped listening has the call stopped too, by dropping the body; here it is only not told any more.
        while let Some(event) = events.recv().await {
            if let Ok(line) = Line::of_event(event).and_then(|line| line.to_bytes()) {
                let _ = lines.send(line.into()).await;
            }
        }
        let last = match work.await {
            Ok(Ok(answer)) => Line::of_event(Event::Answer(Box::new(answer))),
            Ok(Err(failure)) => Ok(Line::Failure(failure)),
            Err(_) => Ok(Line::Failure(Failure::new(
                Code::Failed,
                "the work ended unexpectedly: this is a bug in levada",
            ))),
        };
        if let Ok(line) = last.and_then(|line| line.to_bytes()) {
            let _ = lines.send(line.into()).await;
        }
    }
}

/// A body of lines; the call is stopped when nobody reads it any more.
pub(super) struct Lines {
    lines: mpsc::Receiver<Bytes>,
    stop: watch::Sender<bool>,
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.lines
            .poll_recv(context)
            .map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
