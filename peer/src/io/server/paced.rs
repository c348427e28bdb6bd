//! A connection that ends when its reader takes nothing any more: hyper waits for such a reader for ever.

use crate::io::clock;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Time in which a reader who lets us wait has to take some bytes.
const PACE_TIME: Duration = Duration::from_secs(30);
/// How many: half a KiB a second.
const PACE_BYTES: usize = 16 << 10;

/// The connection.
pub(crate) struct Paced<S> {
    inner: S,
    /// Runs while the reader lets us wait, and only then: other waiting is none of his.
    limit: Option<Pin<Box<Sleep>>>,
    /// What is left of the reader's time.
    left: Duration,
    taken: usize,
}

impl<S> Paced<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            limit: None,
            left: PACE_TIME,
            taken: 0,
        }
    }

    fn settle(&mut self) {
        self.limit = None;
        self.left = PACE_TIME;
        self.taken = 0;
    }

    fn judge(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                if let Some(limit) = self.limit.take() {
                    self.left = limit.deadline().saturating_duration_since(clock::timer());
                }
                self.taken += bytes;
                if self.taken >= PACE_BYTES {
                    self.settle();
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let left = self.left;
                let limit = self
                    .limit
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
                ready!(limit.as_mut().poll(context));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judge(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(context))?;
        // Everything was taken: who waits now is us.
        self.settle();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        self.judge(written, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn pair() -> (Paced<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(1_000);
        (Paced::new(ours), theirs)
    }

    /// Reads to the end, with a pause after each part; gives the bytes.
    async fn count(mut theirs: tokio::io::DuplexStream, pause: Duration) -> usize {
        let mut part = [0; 900];
        let mut sum = 0;
        loop {
            match theirs.read(&mut part).await.unwrap() {
                0 => return sum,
                got => sum += got,
            }
            tokio::time::sleep(pause).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reader_who_takes_nothing_is_given_up() {
        let (mut ours, _theirs) = pair();
        let error = ours.write_all(&[0; 5_000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn reader_who_takes_a_drop_now_and_then_is_given_up() {
        let (mut ours, mut theirs) = pair();
        tokio::spawn(async move {
            let mut drop = [0; 10];
            while theirs.read_exact(&mut drop).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        });
        let error = ours.write_all(&[0; 5_000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_reader_and_long_pauses_between_answers_are_waited_for() {
        let (mut ours, theirs) = pair();
        let reading = tokio::spawn(count(theirs, Duration::from_secs(1)));
        for _ in 0..3 {
            ours.write_all(&[0; 50_000]).await.unwrap();
            ours.flush().await.unwrap();
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
        drop(ours);
        assert_eq!(reading.await.unwrap(), 150_000);
    }

    #[tokio::test(start_paused = true)]
    async fn reader_does_not_pay_for_our_own_pauses() {
        let (mut ours, theirs) = pair();
        let reading = tokio::spawn(count(theirs, Duration::from_millis(10)));
        // A slow line of ours: a piece a minute, each of which the reader takes at once.
        for _ in 0..50 {
            ours.write_all(&[0; 1_500]).await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        drop(ours);
        assert_eq!(reading.await.unwrap(), 75_000);
    }
}
