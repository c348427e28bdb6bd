//! Which module carries out which call. Nothing else happens here: calls that wait for others run as they are, all others
//! where they may block.

use super::author::Aside;
use super::{
    Node, Stop, config, discard, doctor, export, follow, get, history, mirrors, own, pin, play,
    prove, publish, rebuild, reload, revise, show, verify,
};
use crate::api::{Answer, Call, Code, Event, Failure};
use std::sync::Arc;
use tokio::sync::mpsc;

impl Node {
    /// Carries out a call, and tells what was met by the way.
    pub(super) async fn run(
        self: &Arc<Self>,
        call: Call,
        events: &mpsc::Sender<Event>,
        stop: Stop,
    ) -> Result<Answer, Failure> {
        let answer = self.carry_out(call, events, stop).await;
        for note in self.blobs.take_untold() {
            super::tell(events, super::words::damaged_part(&note)).await;
        }
        answer
    }

    async fn carry_out(
        self: &Arc<Self>,
        call: Call,
        events: &mpsc::Sender<Event>,
        stop: Stop,
    ) -> Result<Answer, Failure> {
        // A person may have written the file of pins while we run.
        self.apply_pins_soon().await?;
        match call {
            call @ Call::Follow { .. } => follow::follow(self, call, events.clone(), stop).await,
            Call::Pin { target } => pin::pin(self, &target, events.clone(), stop).await,
            Call::Unfollow { feed, purge } => follow::unfollow(self, &feed, purge, stop).await,
            Call::Sync { feed, again } => {
                follow::sync(self, feed.as_deref(), again, events.clone(), stop).await
            }
            Call::Rebuild(asked) => rebuild::in_place(self, asked, events, stop).await,
            Call::Verify(asked) => verify::verify(self, *asked, events.clone(), stop).await,
            Call::Get {
                target,
                file,
                range,
                output,
            } => {
                let (file, output) = (file.as_deref(), output.as_deref());
                get::get(
                    self,
                    get::Get {
                        target: &target,
                        file,
                        range,
                        output,
                    },
                    events.clone(),
                    stop,
                )
                .await
            }
            Call::MirrorAdd { mirror, feed } => mirrors::add(self, &mirror, feed, stop).await,
            Call::MirrorRemove { mirror, feed } => mirrors::remove(self, &mirror, feed).await,
            Call::Mirrors { feed } => mirrors::list(self, feed, stop).await,
            other => {
                if let Call::ExportStatic(args) = &other {
                    export::complete(self, args, events, &stop).await?;
                }
                let (node, events) = (self.clone(), events.clone());
                let work =
                    tokio::task::spawn_blocking(move || node.run_blocking(other, &events, &stop));
                work.await
                    .map_err(|_| Failure::new(Code::Failed, "the work ended unexpectedly"))?
            }
        }
    }

    fn run_blocking(
        self: Arc<Self>,
        call: Call,
        events: &mpsc::Sender<Event>,
        stop: &Stop,
    ) -> Result<Answer, Failure> {
        match call {
            Call::Init {
                name,
                title,
                encrypt,
            } => own::init(&self, name.as_deref(), title.as_deref(), encrypt),
            Call::KeyList => own::list(&self).map(|keys| Answer::Keys { keys }),
            Call::KeyShow { feed } => own::show(&self, feed.as_deref()),
            Call::KeyBackup { feed, output } => own::backup(&self, feed.as_deref(), &output),
            Call::KeyRestore {
                file,
                name,
                is_unused,
                title,
            } => own::restore(&self, &file, name.as_deref(), is_unused, title.as_deref()),
            Call::KeyTakeOver { feed } => own::take_over(&self, feed.as_deref(), events, stop),
            Call::Publish(args) => publish::publish(&self, &args, events, stop),
            Call::ExportStatic(args) => export::export(&self, &args, events, stop),
            Call::Sources => show::sources(&self).map(|sources| Answer::Sources { sources }),
            Call::Ls { feed, limit, all } => show::ls(&self, feed.as_deref(), limit, all, events),
            Call::Show {
                target,
                history: true,
            } => history::history(&self, &target),
            Call::Show { target, .. } => show::show(&self, &target, events),
            Call::Unpin { target } => pin::unpin(&self, &target, stop),
            Call::Drop { target, yes } => discard::discard(&self, &target, yes, stop),
            Call::Retract { target, reason } => {
                let aside = Aside::to(events, stop);
                revise::retract(&self, &target, reason.as_deref(), &aside)
            }
            Call::Edit(edit) => revise::edit(&self, &edit, &Aside::to(events, stop)),
            Call::Play { target, file } => play::play(&self, &target, file.as_deref()),
            Call::Status => show::status(&self),
            Call::Doctor => doctor::doctor(&self),
            Call::ConfigCheck => Ok(config::check(&self.dirs)),
            Call::ConfigReload => reload::reload(&self),
            Call::Token { is_new } => own::token(&self, is_new),
            Call::Prove { target, output } => {
                let (bytes, answer) = prove::prove(&self, &target, output.as_deref())?;
                if let Some(bytes) = bytes {
                    // Nobody reads the output any more: the answer says the same.
                    let _ = events.blocking_send(bytes);
                }
                Ok(answer)
            }
            Call::Check { file } => prove::check(&file),
            Call::Follow { .. }
            | Call::Unfollow { .. }
            | Call::Sync { .. }
            | Call::Pin { .. }
            | Call::Get { .. }
            | Call::Verify(_)
            | Call::Rebuild(_)
            | Call::MirrorAdd { .. }
            | Call::MirrorRemove { .. }
            | Call::Mirrors { .. } => Err(Failure::new(
                Code::Failed,
                "this call is carried out elsewhere",
            )),
        }
    }
}
