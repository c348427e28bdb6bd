//! Serving, by itself or after a publish: until told to stop.

use super::{EVENTS_MAX, Session, aside, bug};
use crate::{passphrase, print};
use levada_feed::key::FeedKey;
use levada_peer::api::{Answer, Call, Failure};
use levada_peer::node::{self, Serve};
use std::path::PathBuf;
use tokio::sync::{mpsc, oneshot};

impl Session<'_> {
    pub(super) async fn publish_and_serve(
        &mut self,
        call: Call,
        serve: &Serve,
    ) -> Result<(), Failure> {
        let answer = self.call(&call, false).await?;
        let feed = match &answer {
            Some(Answer::Published(summary)) => Some(summary.feed),
            _ => None,
        };
        let is_stopped = *self.stop.borrow();
        let served = Some(serve).filter(|_| !is_stopped);
        self.print(&call, answer, served).await;
        match served {
            Some(serve) => self.serve(serve, feed.as_ref()).await,
            None => Ok(()),
        }
    }

    /// Asks for the passphrase of encrypted keys, if somebody is there to be asked; without it nothing is signed.
    async fn ask_for_keys(&mut self) -> Result<(), Failure> {
        if self.options.passphrase.is_some() || !passphrase::can_ask() {
            return Ok(());
        }
        let encrypted = node::encrypted_keys(&self.options)?;
        if !encrypted.is_empty() {
            let names = encrypted.join(", ");
            let given = aside(move || passphrase::ask_for(&names)).await?;
            self.options.passphrase = Some(given)
                .filter(|given| !given.is_empty())
                .map(Into::into);
        }
        Ok(())
    }

    /// Serves until told to stop; being told so is how serving ends well.
    pub(super) async fn serve(
        &mut self,
        serve: &Serve,
        published: Option<&FeedKey>,
    ) -> Result<(), Failure> {
        self.ask_for_keys().await?;
        let (sender, mut events) = mpsc::channel(EVENTS_MAX);
        let (tell, mut ready) = oneshot::channel();
        let options = self.options.clone();
        let listen = Serve {
            reload: Some(self.hangups.clone()),
            ..serve.clone()
        };
        let stop = self.stop.subscribe();
        let work = tokio::spawn(async move {
            let ready = move |serving| {
                // Nobody waits for it any more only if this process is ending.
                let _ = tell.send(serving);
            };
            node::serve(&options, &listen, ready, sender, stop).await
        });
        let data_dir: Option<PathBuf> = self.options.data_dir.clone();
        let mut is_ready = false;
        loop {
            tokio::select! {
                biased;
                // First, since what was said before it listened is to stand before that.
                event = events.recv() => match event {
                    Some(event) => self.event(&event, false),
                    None => break,
                },
                serving = &mut ready, if !is_ready => {
                    is_ready = true;
                    if let Ok(serving) = serving {
                        let data_dir = data_dir.as_deref();
                        print::serving(self.screen, &self.spelling, data_dir, &serving, published);
                    }
                },
            }
        }
        work.await.map_err(|_| bug("serving ended unexpectedly"))?
    }
}
