//! Heads on the wire, and waiting for another one (spec/wire.md, Head).

use super::{Answer, Served, blocking, empty, not_here};
use crate::frame;
use crate::io::answer;
use crate::store::StoreError;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use levada_feed::key::FeedKey;
use std::sync::Arc;
use std::time::Duration;

/// The newest head; with a tag that is known already, waits for another one.
pub(super) async fn answer(
    served: &Arc<Served>,
    feed: FeedKey,
    have: u64,
    wait: u64,
    known: Option<HeaderValue>,
) -> Answer {
    let mut news = served.news.clone();
    let limit = tokio::time::sleep(Duration::from_secs(wait));
    tokio::pin!(limit);
    loop {
        news.borrow_and_update();
        let tag = match stored_tag(served, feed).await {
            Ok(Some(tag)) => tag,
            Ok(None) => return not_here(),
            Err(error) => return served.failed(error),
        };
        if known
            .as_ref()
            .is_none_or(|known| known.as_bytes() != tag.as_bytes())
        {
            let reading = served.clone();
            let read = move || answer::head(&reading.disk, &feed, have);
            let answer = blocking(served, read).await;
            return tagged(answer, &tag);
        }
        let is_over = tokio::select! {
            changed = news.changed() => changed.is_err(),
            () = &mut limit => true,
        };
        if is_over {
            return tagged(empty(StatusCode::NOT_MODIFIED), &tag);
        }
    }
}

pub(super) async fn stored_tag(
    served: &Arc<Served>,
    feed: FeedKey,
) -> Result<Option<String>, StoreError> {
    let served = served.clone();
    let read = tokio::task::spawn_blocking(move || served.disk.head(&feed)).await;
    let head = read.map_err(|error| StoreError::Database(error.to_string()))??;
    Ok(head.map(|head| frame::head_tag(head.wire())))
}

fn tagged(mut answer: Answer, tag: &str) -> Answer {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}
