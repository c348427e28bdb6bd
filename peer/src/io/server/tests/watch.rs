use super::*;
use crate::frame::{
    FRAMES_A_MINUTE, Frame as Told, Frames, News as Said, Watched, head_tag_bytes, write_watch,
};
use levada_feed::chain;

fn watched(feed: FeedKey, have: u64, tag: Option<[u8; 16]>) -> Watched {
    Watched {
        feed: *feed.as_bytes(),
        have,
        tag,
    }
}

/// A stream, read out of its chunks.
struct Heard {
    wire: Wire,
    frames: Frames,
    rest: Vec<u8>,
}

impl Heard {
    async fn of(place: &Place, watched: &[Watched]) -> Self {
        let mut wire = place.connect().await;
        let body = write_watch(watched);
        wire.send(&request("POST", "/v1/watch", "", &body)).await;
        let head = wire.answer(true).await.unwrap();
        assert_eq!(head.status, 200);
        assert_eq!(head.header("transfer-encoding"), "chunked");
        let mut heard = Self {
            wire,
            frames: Frames::of(watched.len()),
            rest: Vec::new(),
        };
        assert_eq!(heard.next().await, Some(Told::Alive));
        heard
    }

    /// `None` when the stream is over.
    async fn next(&mut self) -> Option<Told> {
        loop {
            let mut bytes: &[u8] = &self.rest;
            let frame = self.frames.next(&mut bytes).unwrap();
            self.rest = bytes.to_vec();
            if frame.is_some() {
                return frame;
            }
            self.rest = self.chunk().await?;
        }
    }

    async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = loop {
            match self.wire.rest.windows(2).position(|two| two == b"\r\n") {
                Some(end) => break self.wire.rest.drain(..end + 2).collect::<Vec<u8>>(),
                None if self.wire.more().await => {}
                None => return None,
            }
        };
        let size = std::str::from_utf8(&line[..line.len() - 2]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        while self.wire.rest.len() < size + 2 {
            if !self.wire.more().await {
                return None;
            }
        }
        let chunk = self.wire.rest.drain(..size + 2).take(size).collect();
        (size > 0).then_some(chunk)
    }

    /// The head that is said of a feed, proven for who has so many.
    async fn head(&mut self, at: usize, have: u64) -> Head {
        match self.next().await {
            Some(Told::News {
                at: told,
                news: Said::Head(answer),
            }) if told == at => chain::check_head(&own(), &answer, have).unwrap().head,
            other => panic!("{other:?}"),
        }
    }
}

fn tag(head: &Head) -> [u8; 16] {
    head_tag_bytes(head.wire())
}

#[tokio::test(start_paused = true)]
async fn stream_tells_what_is_new_and_else_only_that_it_is_there() {
    let mut place = Place::new().await;
    let stranger = secret(7).feed_key();
    let mut all = [watched(own(), 3, None), watched(stranger, 9, None)];
    all.sort_by_key(|one| one.feed);
    let at = usize::from(all[0].feed != *own().as_bytes());
    let mut heard = Heard::of(&place, &all).await;
    let mut first = Vec::new();
    for _ in 0..2 {
        first.push(heard.next().await.unwrap());
    }
    let news = Said::NotHere;
    assert!(first.contains(&Told::News { at: 1 - at, news }));
    let head = place.served.disk.head(&own()).unwrap().unwrap();
    let waited = tokio::time::Instant::now();
    assert_eq!(heard.next().await, Some(Told::Alive));
    assert!(waited.elapsed() >= Duration::from_secs(30));
    // Who knows the head already is told of the next one, for what it has.
    let mut knows = Heard::of(&place, &[watched(own(), 5, Some(tag(&head)))]).await;
    for length in [6, 9] {
        place.grow_to(length);
        let told = knows.head(0, if length == 6 { 5 } else { 6 }).await;
        assert_eq!(told.body().length, length);
        let told = heard.head(at, if length == 6 { 5 } else { 6 }).await;
        assert_eq!(told.body().length, length);
    }
    place.stop.send_replace(true);
    assert_eq!(
        heard.next().await,
        None,
        "a server that stops ends its streams"
    );
    place.serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn evidence_travels_on_the_stream_that_is_open_and_on_each_new_one() {
    let place = Place::new().await;
    let head = place.served.disk.head(&own()).unwrap().unwrap();
    let all = [watched(own(), 5, Some(tag(&head)))];
    let mut heard = Heard::of(&place, &all).await;
    let fork = feeds::fork(4);
    let target = format!("/v1/feeds/{}/fork", own());
    let handed = place.ask("POST", &target, "", fork.wire()).await;
    assert_eq!(handed.status, 204);
    let said = Some(Told::News {
        at: 0,
        news: Said::Fork(fork.wire().to_vec()),
    });
    assert_eq!(heard.next().await, said);
    let mut later = Heard::of(&place, &all).await;
    assert_eq!(later.next().await, said);
}

#[tokio::test]
async fn what_is_no_request_for_news_is_refused() {
    let place = Place::new().await;
    let post = async |body: &[u8]| place.ask("POST", "/v1/watch", "", body).await.status;
    assert_eq!(place.get("/v1/watch").await.status, 405);
    assert_eq!(post(b"").await, 422);
    assert_eq!(post(&write_watch(&[])).await, 422);
    let twice = [watched(own(), 0, None), watched(own(), 0, None)];
    assert_eq!(post(&write_watch(&twice)).await, 422);
    assert_eq!(post(&vec![0; 300_000]).await, 413);
}

#[tokio::test]
async fn reader_that_takes_nothing_costs_a_few_frames_and_holds_up_nobody() {
    let mut place = Place::new().await;
    let head = place.served.disk.head(&own()).unwrap().unwrap();
    let all = [watched(own(), 5, Some(tag(&head)))];
    let mut silent = Heard::of(&place, &all).await;
    let mut quick = Heard::of(&place, &all).await;
    let mut before = 5;
    for length in 6..40 {
        place.grow_to(length);
        assert_eq!(quick.head(0, before).await.body().length, length);
        before = length;
    }
    // What it was not there for comes as one: the newest, from whatever it was told last.
    let mut have = 5;
    while have < 39 {
        have = silent.head(0, have).await.body().length;
    }
}

#[tokio::test(start_paused = true)]
async fn storm_of_heads_is_told_in_no_more_frames_than_a_reader_takes() {
    let mut place = Place::new().await;
    let head = place.served.disk.head(&own()).unwrap().unwrap();
    let mut heard = Heard::of(&place, &[watched(own(), 5, Some(tag(&head)))]).await;
    let started = tokio::time::Instant::now();
    // As many as one feed may have, and one more.
    let most = u64::try_from(FRAMES_A_MINUTE / 2 - 8 + 2).unwrap();
    for length in 6..=400 {
        place.grow_to(length);
        if length < 6 + most {
            assert_eq!(heard.head(0, length - 1).await.body().length, length);
        }
    }
    assert!(started.elapsed() < Duration::from_secs(1));
    while heard.next().await == Some(Told::Alive) {}
    assert!(started.elapsed() >= Duration::from_secs(59));
    // The newest of those that waited, and nothing besides.
    assert_eq!(heard.next().await, Some(Told::Alive));
}

#[tokio::test]
async fn feeds_that_are_watched_are_bounded_and_free_again_when_readers_leave() {
    let watched_at_most = Arc::new(shares::Shares::new(1, 1));
    let place = Place::with(Room {
        watched: watched_at_most.clone(),
        ..Room::default()
    })
    .await;
    let one = write_watch(&[watched(own(), 5, None)]);
    let heard = Heard::of(&place, &[watched(own(), 5, None)]).await;
    let full = place.ask("POST", "/v1/watch", "", &one).await;
    assert_eq!((full.status, full.header("retry-after")), (503, "60"));
    drop(heard);
    // The server sees that the reader left when the connection ends.
    let _free = watched_at_most.take(None, 1).await.unwrap();
}
