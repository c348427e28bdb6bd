//! The exit code of a call that was answered.

use levada_peer::api::{Answer, Code, Event, Synced};

/// The code of an answer that is less than was asked for.
pub(crate) fn of_answer(answer: &Answer) -> Option<Code> {
    match answer {
        Answer::Published(summary) if summary.is_interrupted => Some(Code::Interrupted),
        Answer::Published(summary) if summary.skipped > 0 => Some(Code::Partly),
        Answer::Followed(synced) => of_sync(synced),
        Answer::Config(config) => {
            let mut problems = config.files.iter().filter_map(|file| file.problem.as_ref());
            problems.next().map(|problem| problem.code)
        }
        Answer::Exported(exported) if exported.feeds.iter().any(|feed| feed.media_missing > 0) => {
            Some(Code::Partly)
        }
        Answer::Sync { failed, .. } if *failed > 0 => Some(Code::Partly),
        Answer::Verified(verified) if verified.is_interrupted => Some(Code::Interrupted),
        Answer::Verified(verified) if verified.mended < verified.damaged => Some(Code::NotVerified),
        Answer::Diagnosis(diagnosis) if !diagnosis.findings.is_empty() => Some(Code::Partly),
        Answer::Rebuilt(rebuilt) if rebuilt.is_interrupted => Some(Code::Interrupted),
        Answer::Rebuilt(rebuilt) => {
            let mut feeds = rebuilt.own.iter().chain(&rebuilt.followed);
            feeds
                .any(|feed| feed.error.is_some())
                .then_some(Code::Partly)
        }
        _ => None,
    }
}

/// The code of an event that tells of something not done.
pub(crate) fn of_event(event: &Event) -> Option<Code> {
    match event {
        Event::Synced(synced) => of_sync(synced),
        _ => None,
    }
}

fn of_sync(synced: &Synced) -> Option<Code> {
    synced.error.as_ref().map(|_| Code::Partly)
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::key::FeedSecret;
    use levada_peer::api::PublishSummary;

    fn published(skipped: u64, is_interrupted: bool) -> Answer {
        Answer::Published(PublishSummary {
            feed: FeedSecret::from_bytes(&[7; 32]).feed_key(),
            link: None,
            name: "main".into(),
            new_key: None,
            head: None,
            published: 1,
            edited: 0,
            renamed: 0,
            unchanged: 0,
            skipped,
            gone: 0,
            retracted: 0,
            is_interrupted,
            is_dry_run: false,
            is_served: false,
        })
    }

    fn synced(error: Option<&str>) -> Synced {
        Synced {
            feed: FeedSecret::from_bytes(&[7; 32]).feed_key(),
            nickname: "ana".into(),
            name: None,
            length: 1,
            root: None,
            records: 1,
            records_new: 0,
            items: 0,
            files: 0,
            files_wanted: 0,
            bytes_new: 0,
            files_over_limit: 0,
            files_over_quota: 0,
            is_of_news: false,
            via: None,
            is_disputed: false,
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn what_is_left_undone_shows_in_the_exit_code() {
        let all = |synced, failed| Answer::Sync { synced, failed };
        for (answer, expected) in [
            (published(0, false), None),
            (published(2, false), Some(Code::Partly)),
            (published(2, true), Some(Code::Interrupted)),
            (Answer::Followed(synced(None)), None),
            (
                Answer::Followed(synced(Some("2 files"))),
                Some(Code::Partly),
            ),
            (all(3, 0), None),
            (all(3, 1), Some(Code::Partly)),
            (Answer::Keys { keys: Vec::new() }, None),
        ] {
            assert_eq!(of_answer(&answer), expected, "{answer:?}");
        }
        assert_eq!(
            of_event(&Event::Synced(synced(Some("x")))),
            Some(Code::Partly)
        );
        assert_eq!(of_event(&Event::Synced(synced(None))), None);
    }
}
