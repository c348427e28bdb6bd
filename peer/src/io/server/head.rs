//! Heads on the wire, and waiting for another one (spec/wire.md, Head).

use super::proofs::{Proofs, tag_text};
use super::{Answer, Served, empty, not_here, plain_bytes};
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
    // Before the first look, so that nothing is missed between the two.
    let listening = (wait > 0).then(|| served.news.listen(vec![*feed.as_bytes()]));
    let limit = tokio::time::sleep(Duration::from_secs(wait));
    tokio::pin!(limit);
    loop {
        let head = match Proofs::head(served, feed, have).await {
            Ok(Some(head)) => head,
            Ok(None) => return not_here(),
            Err(error) => return served.failed(error),
        };
        let tag = tag_text(&head.tag);
        let is_known = known
            .as_ref()
            .is_some_and(|known| known.as_bytes() == tag.as_bytes());
        if !is_known {
            return match head.answer {
                Some(answer) => {
                    let answer = plain_bytes(StatusCode::OK, "application/cbor", answer);
                    tagged(answer, &tag)
                }
                None => not_here(),
            };
        }
        let is_over = match &listening {
            None => true,
            Some(listening) => tokio::select! {
                _ = listening.next() => false,
                () = &mut limit => true,
            },
        };
        if is_over {
            return tagged(empty(StatusCode::NOT_MODIFIED), &tag);
        }
    }
}

fn tagged(mut answer: Answer, tag: &str) -> Answer {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}
