//! From arguments to an exit code: has the node carry out the call, and prints what happens on the way.

mod serve;

use crate::args::Cli;
use crate::ask::{self, Ask};
use crate::manual;
use crate::outcome;
use crate::passphrase;
use crate::print::{self, PublishReport};
use crate::quote::Spelling;
use crate::screen::{Screen, Tone};
use crate::signals::{self, Hangup};
use levada_peer::api::{Answer, Call, Code, Event, Failure, KeyInfo};
use levada_peer::node::log::Form;
use levada_peer::node::{self, Options, Serve};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Events that may wait to be printed.
const EVENTS_MAX: usize = 64;

/// Runs a command and gives the exit code.
pub(crate) fn run(cli: Cli) -> u8 {
    let tone = Tone {
        is_json: cli.global.json,
        is_quiet: cli.global.quiet,
        is_verbose: cli.global.verbose,
    };
    let mut screen = Screen::new(tone);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::new(
                Code::Failed,
                format!("the system gives no threads: {error}"),
            );
            return fail(&mut screen, &failure);
        }
    };
    if let Err(failure) = start_log(&cli) {
        return fail(&mut screen, &failure);
    }
    let code = runtime.block_on(async {
        match session(cli, &mut screen) {
            Ok((session, ask)) => session.run(ask).await,
            Err(failure) => Err(failure),
        }
    });
    // Work that did not end by itself was told to stop, and whatever is durable stays so.
    runtime.shutdown_background();
    match code {
        Ok(code) => code,
        Err(failure) => fail(&mut screen, &failure),
    }
}

/// Starts the log, if one is asked for.
fn start_log(cli: &Cli) -> Result<(), Failure> {
    let form = if cli.global.log_json {
        Form::Json
    } else {
        Form::Text
    };
    let filter = match cli
        .global
        .log
        .as_deref()
        .filter(|filter| !filter.is_empty())
    {
        Some(filter) => filter,
        None if form == Form::Json => "info",
        None => return Ok(()),
    };
    node::log::start(filter, form).map_err(|error| {
        Failure::new(Code::Usage, error.to_string())
            .hint("say --log info, or levels by module: --log warn,levada_peer::node=debug")
    })
}

/// What was typed is no command, or asks for help; gives the exit code.
pub(crate) fn refuse(error: &clap::Error) -> u8 {
    let is_json = error.use_stderr() && std::env::args_os().any(|word| word == "--json");
    if is_json {
        let text = error.to_string();
        let first: Vec<&str> = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.is_empty())
            .collect();
        let first = first.join(" ");
        let message = first.strip_prefix("error: ").unwrap_or(&first);
        let mut screen = Screen::new(Tone {
            is_json,
            ..Tone::default()
        });
        return fail(&mut screen, &Failure::new(Code::Usage, message));
    }
    // Whoever closed the output does not want to read it.
    let _ = error.print();
    u8::try_from(error.exit_code()).unwrap_or(Code::Usage.number())
}

fn fail(screen: &mut Screen, failure: &Failure) -> u8 {
    screen.failure(failure);
    failure.code.number()
}

fn session(cli: Cli, screen: &mut Screen) -> Result<(Session<'_>, Ask), Failure> {
    let data_dir = cli.global.data_dir.map(|folder| {
        let is_in_environment =
            std::env::var_os("LEVADA_DATA_DIR").is_some_and(|value| value == folder.as_os_str());
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        (folder, is_in_environment)
    });
    let said = data_dir
        .as_ref()
        .filter(|(_, is_in_environment)| !is_in_environment)
        .map(|(folder, _)| folder.clone());
    let stop = Arc::new(watch::Sender::new(false));
    let limits = ask::limits(&cli.command);
    let ask = ask::read(cli.command)?;
    let is_serving = matches!(ask, Ask::Serve(_) | Ask::PublishAndServe(..));
    let hangups = signals::listen(stop.clone(), Hangup::of(is_serving)).map_err(|error| {
        Failure::new(
            Code::Failed,
            format!("the system gives no signals: {error}"),
        )
    })?;
    let options = Options {
        data_dir: data_dir.map(|(folder, _)| folder),
        passphrase: passphrase::given(cli.global.passphrase_fd)?.map(Into::into),
        limits,
    };
    let session = Session {
        screen,
        spelling: Spelling::of_this_process(said),
        options,
        stop,
        hangups,
        report: PublishReport::default(),
        code: None,
    };
    Ok((session, ask))
}

/// One run of the program.
struct Session<'a> {
    screen: &'a mut Screen,
    spelling: Spelling,
    options: Options,
    stop: Arc<watch::Sender<bool>>,
    /// Hangups that stop nothing.
    hangups: watch::Receiver<u64>,
    report: PublishReport,
    /// The exit code, unless it is 0.
    code: Option<Code>,
}

impl Session<'_> {
    async fn run(mut self, ask: Ask) -> Result<u8, Failure> {
        match ask {
            Ask::Call(call) => {
                let answer = self.call(&call, false).await?;
                self.print(&call, answer, None).await;
            }
            Ask::Bytes(call) => {
                if self.screen.tone().is_json {
                    return Err(Failure::new(
                        Code::Usage,
                        "--json and -o - both want standard output",
                    )
                    .hint("name a file with -o FILE"));
                }
                self.call(&call, true).await?;
            }
            Ask::PublishAndServe(call, serve) => self.publish_and_serve(call, &serve).await?,
            Ask::Serve(serve) => self.serve(&serve, None).await?,
            Ask::Completions(shell) => self.screen.data(&manual::completions(shell)),
            Ask::Man(None) => self.screen.data(&manual::page()),
            Ask::Man(Some(folder)) => manual::pages(&folder)?,
        }
        match self.screen.failed() {
            Some(failure) => Err(failure),
            None => Ok(self.code.map_or(0, Code::number)),
        }
    }

    /// Has a call carried out; asks for the passphrase when it turns out that one is needed and none was given.
    /// `None` when standard output was closed and the call was for nothing else.
    async fn call(&mut self, call: &Call, is_bytes: bool) -> Result<Option<Answer>, Failure> {
        let can_ask = self.options.passphrase.is_none() && passphrase::can_ask();
        if can_ask && matches!(call, Call::Init { encrypt: true, .. }) {
            self.options.passphrase = Some(aside(passphrase::ask_new).await?.into());
        }
        match self.carry_out(call, is_bytes).await {
            Err(failure)
                if failure.code == Code::WrongPassphrase
                    && can_ask
                    && self.options.passphrase.is_none() =>
            {
                self.options.passphrase = Some(aside(passphrase::ask).await?.into());
                self.carry_out(call, is_bytes).await
            }
            result => result,
        }
    }

    async fn carry_out(&mut self, call: &Call, is_bytes: bool) -> Result<Option<Answer>, Failure> {
        let (sender, mut events) = mpsc::channel(EVENTS_MAX);
        let (options, asked, stop) = (self.options.clone(), call.clone(), self.stop.subscribe());
        let work = tokio::spawn(async move { node::call(&options, asked, sender, stop).await });
        let mut stopped = self.stop.subscribe();
        let mut is_stop_told = false;
        let mut answer = None;
        loop {
            tokio::select! {
                biased;
                // Also true when the signal came before this began to wait for it.
                Ok(_) = stopped.wait_for(|is_stopped| *is_stopped), if !is_stop_told => {
                    is_stop_told = true;
                    self.screen.note("stopping; Ctrl-C again ends it at once");
                }
                event = events.recv() => match event {
                    Some(Event::Answer(last)) => answer = Some(*last),
                    Some(event) => self.event(&event, is_bytes),
                    None => break,
                },
            }
            if is_bytes && self.screen.is_closed() {
                events.close();
            }
        }
        if !is_stop_told && *stopped.borrow() {
            // The work ended in the same moment.
            self.screen.note("stopping; Ctrl-C again ends it at once");
        }
        let result = work.await;
        self.screen.end_progress();
        if is_bytes && self.screen.is_closed() {
            return Ok(None);
        }
        result.map_err(|_| bug("the work ended unexpectedly"))??;
        answer
            .map(Some)
            .ok_or_else(|| bug("the work ended without an answer"))
    }

    fn event(&mut self, event: &Event, is_bytes: bool) {
        self.code = outcome::of_event(event).or(self.code);
        let tone = self.screen.tone();
        match event {
            Event::Bytes(bytes) if is_bytes => self.screen.data(bytes),
            Event::Bytes(_) => {}
            Event::Warning { message, hint } => self.screen.warning(message, hint.as_deref()),
            Event::Progress(_) if tone.is_json && !tone.is_verbose => {}
            event if tone.is_json => self.screen.json_line(event),
            Event::Progress(progress) => self.screen.progress(progress),
            Event::Synced(synced) => print::synced(self.screen, synced),
            Event::Damaged(damaged) => print::damaged(self.screen, damaged),
            event => self.report.event(self.screen, event),
        }
    }

    /// Prints an answer; `served` is what a publish goes on with.
    async fn print(&mut self, call: &Call, answer: Option<Answer>, served: Option<&Serve>) {
        let Some(answer) = answer else { return };
        self.code = outcome::of_answer(&answer).or(self.code);
        if self.screen.tone().is_json {
            if is_long(call) {
                self.screen.json_line(&Event::Answer(Box::new(answer)));
            } else {
                self.screen.json_document(&answer);
            }
            return;
        }
        print::answer(self.screen, &self.spelling, call, &answer);
        if let Answer::Published(summary) = &answer {
            let new_key = match &summary.new_key {
                Some(_) => self.key(&summary.name).await,
                None => None,
            };
            let report = std::mem::take(&mut self.report);
            let has_link = served.is_none();
            report.finish(
                self.screen,
                &self.spelling,
                summary,
                new_key.as_ref(),
                has_link,
            );
        }
    }

    /// Where an own key and its author's file are.
    async fn key(&mut self, name: &str) -> Option<KeyInfo> {
        let call = Call::KeyShow {
            feed: Some(name.to_owned()),
        };
        match self.carry_out(&call, false).await {
            Ok(Some(Answer::Key(info))) => Some(info),
            // The publish is done; where its key is can be asked again.
            _ => None,
        }
    }
}

/// Calls whose JSON is a line for each event.
fn is_long(call: &Call) -> bool {
    matches!(
        call,
        Call::Publish(_)
            | Call::Follow { .. }
            | Call::Sync { .. }
            | Call::Pin { .. }
            | Call::Get { .. }
            | Call::Verify(_)
            | Call::Rebuild(_)
    )
}

/// Asks a person something, which may take its time.
async fn aside(
    ask: impl FnOnce() -> Result<String, Failure> + Send + 'static,
) -> Result<String, Failure> {
    let asked = tokio::task::spawn_blocking(ask).await;
    asked.map_err(|_| bug("the passphrase could not be asked for"))?
}

fn bug(what: &str) -> Failure {
    Failure::new(Code::Failed, format!("{what}: this is a bug in levada"))
        .hint("what is durable is kept; please report what was printed above")
}
