//! The command line as it is meant: a call to the node, or serving.
//!
//! Makes paths absolute and reads the small form (`A-B`); everything else is for the node to judge.

use crate::args::{
    Command, Config, Drop, Edit, Export, ExportStatic, Follow, Get, Init, Key, Mirror, Publish,
    Retract, Says, Verify,
};
use clap_complete::Shell;
use levada_feed::link::Link;
use levada_peer::api::{Call, Code, Failure};
use levada_peer::node::{Given, Serve, read_rate};
use std::path::{Path, PathBuf};

/// Characters of a feed that name a file well enough.
const NAME_CHARS: usize = 12;

/// What a command comes to.
#[derive(Debug)]
pub(crate) enum Ask {
    /// One call.
    Call(Call),
    /// One call, its bytes to standard output.
    Bytes(Call),
    /// Publish, then serve there.
    PublishAndServe(Call, Serve),
    /// Serve there.
    Serve(Serve),
    /// Print completions of this shell.
    Completions(Shell),
    /// Print the manual page, or write all pages there.
    Man(Option<PathBuf>),
}

/// Reads a command.
///
/// # Errors
/// When a path cannot be made absolute.
pub(crate) fn read(command: Command) -> Result<Ask, Failure> {
    let call = match command {
        Command::Init(Init {
            name,
            title,
            encrypt,
        }) => Call::Init {
            name,
            title,
            encrypt,
        },
        Command::Key { command } => key(command)?,
        Command::Mirror { command } => mirror(command),
        Command::Publish(args) => return publish_and(args),
        Command::Follow(args) => follow(args),
        Command::Unfollow { feed, purge } => Call::Unfollow { feed, purge },
        Command::Sources => Call::Sources,
        Command::Sync { feed, again, .. } => Call::Sync { feed, again },
        Command::Ls { feed, limit, all } => Call::Ls { feed, limit, all },
        Command::Show { target, history } => Call::Show { target, history },
        Command::Pin { target } => Call::Pin { target },
        Command::Unpin { target } => Call::Unpin { target },
        Command::Drop(Drop { target, yes }) => Call::Drop { target, yes },
        Command::Edit(args) => edit(args),
        Command::Retract(Retract { target, reason }) => Call::Retract { target, reason },
        Command::Get(args) => return get(args),
        Command::Play { target, file } => Call::Play { target, file },
        Command::Serve(args) => {
            return Ok(Ask::Serve(Serve {
                listen: args.listen,
                api: args.api,
                reload: None,
            }));
        }
        Command::Export { command } => export(command)?,
        Command::Status => Call::Status,
        Command::Verify(args) => verify(args),
        Command::Doctor => Call::Doctor,
        Command::Rebuild(args) => Call::Rebuild(levada_peer::api::Rebuild {
            only_index: args.index,
        }),
        Command::Config {
            command: Config::Check,
        } => Call::ConfigCheck,
        Command::Config {
            command: Config::Reload,
        } => Call::ConfigReload,
        Command::Completions { shell } => return Ok(Ask::Completions(shell)),
        Command::Man { folder } => return Ok(Ask::Man(folder)),
        Command::Token { new } => Call::Token { is_new: new },
        Command::Prove { target, output } => return prove(target, output),
        Command::Check { file } => Call::Check {
            file: absolute(&file)?,
        },
    };
    Ok(Ask::Call(call))
}

/// Publishes, and serves afterwards if that was asked for.
fn publish_and(args: Publish) -> Result<Ask, Failure> {
    let serve = args.serve.then(|| Serve {
        listen: args.listen.clone(),
        api: args.api.clone(),
        reload: None,
    });
    let call = publish(args)?;
    Ok(match serve {
        Some(serve) => Ask::PublishAndServe(call, serve),
        None => Ask::Call(call),
    })
}

fn prove(target: String, output: Option<PathBuf>) -> Result<Ask, Failure> {
    let output = output.unwrap_or_else(|| bundle_name(&target).into());
    let output = target_file(&output)?;
    let is_bytes = output.is_none();
    let call = Call::Prove { target, output };
    Ok(if is_bytes {
        Ask::Bytes(call)
    } else {
        Ask::Call(call)
    })
}

/// What a command says of limits.
pub(crate) fn limits(command: &Command) -> Given {
    let rate = |given: &Option<Rate>| given.map(|Rate(rate)| rate);
    let (up, down) = match command {
        Command::Serve(args) => (rate(&args.up), rate(&args.down)),
        Command::Publish(args) => (rate(&args.up), None),
        Command::Follow(args) => (None, rate(&args.down)),
        Command::Get(args) => (None, rate(&args.down)),
        Command::Sync { down, .. } => (None, rate(down)),
        _ => (None, None),
    };
    Given { up, down }
}

fn verify(args: Verify) -> Call {
    Call::Verify(Box::new(levada_peer::api::Verify {
        feed: args.feed,
        seconds: args.limit,
        via: args.via,
    }))
}

fn key(command: Key) -> Result<Call, Failure> {
    Ok(match command {
        Key::List => Call::KeyList,
        Key::Show { feed } => Call::KeyShow { feed },
        Key::Backup { file, feed } => Call::KeyBackup {
            feed,
            output: absolute(&file)?,
        },
        Key::Restore {
            file,
            name,
            new,
            title,
        } => Call::KeyRestore {
            file: absolute(&file)?,
            name,
            is_unused: new,
            title,
        },
        Key::TakeOver { feed } => Call::KeyTakeOver { feed },
    })
}

fn export(command: Export) -> Result<Call, Failure> {
    let Export::Static(ExportStatic {
        dir,
        feeds,
        media,
        url,
    }) = command;
    Ok(Call::ExportStatic(levada_peer::api::ExportStatic {
        dir: absolute(&dir)?,
        feeds,
        media,
        url,
    }))
}

fn mirror(command: Mirror) -> Call {
    match command {
        Mirror::Add { url, feed } => Call::MirrorAdd { mirror: url, feed },
        Mirror::Remove { url, feed } => Call::MirrorRemove { mirror: url, feed },
        Mirror::List { feed } => Call::Mirrors { feed },
    }
}

fn publish(args: Publish) -> Result<Call, Failure> {
    let paths: Result<Vec<_>, _> = args.paths.iter().map(|path| absolute(path)).collect();
    Ok(Call::Publish(Box::new(levada_peer::api::Publish {
        paths: paths?,
        feed: args.feed,
        title: args.title,
        text: args.text,
        tags: args.tags,
        creators: args.creators,
        language: args.language,
        licence: args.licence,
        in_place: args.in_place,
        dry_run: args.dry_run,
        strip_place: args.strip_place,
        retract_missing: args.retract_missing,
        insist: args.insist,
    })))
}

fn follow(args: Follow) -> Call {
    Call::Follow {
        feed: args.feed,
        via: args.via,
        keep: args.keep,
        max_size: args.max_size,
        retractions: args.retractions,
        share: match (args.share, args.no_share) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
    }
}

fn edit(args: Edit) -> Call {
    let Says {
        title,
        text,
        tags,
        creators,
        language,
        licence,
    } = args.says;
    Call::Edit(Box::new(levada_peer::api::Edit {
        target: args.target,
        title,
        text,
        tags,
        creators,
        language,
        licence,
    }))
}

fn get(args: Get) -> Result<Ask, Failure> {
    let output = args.output.unwrap_or_else(|| PathBuf::from("."));
    let output = target_file(&output)?;
    let is_bytes = output.is_none();
    let call = Call::Get {
        target: args.target,
        file: args.file,
        range: args.range,
        output,
    };
    Ok(if is_bytes {
        Ask::Bytes(call)
    } else {
        Ask::Call(call)
    })
}

/// The file to write, absolute; `None` for `-`, standard output.
fn target_file(output: &Path) -> Result<Option<PathBuf>, Failure> {
    if output == Path::new("-") {
        return Ok(None);
    }
    absolute(output).map(Some)
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| {
        Failure::new(
            Code::Usage,
            format!("{}: this path cannot be used: {error}", path.display()),
        )
    })
}

/// A file name for the bundle of FEED/INDEX.
fn bundle_name(target: &str) -> String {
    let (feed, index) = match target.parse::<Link>() {
        Ok(link) => (
            link.feed.to_string(),
            link.index.map(|index| index.to_string()),
        ),
        Err(_) => match target.rsplit_once('/') {
            Some((feed, index)) => (feed.to_owned(), Some(index.to_owned())),
            None => (target.to_owned(), None),
        },
    };
    let plain = |text: &str| -> String {
        let chars = text.chars().take(NAME_CHARS);
        chars
            .map(|c| if c.is_alphanumeric() { c } else { '-' })
            .collect()
    };
    let parts: Vec<String> = [Some(feed), index]
        .into_iter()
        .flatten()
        .map(|part| plain(&part))
        .collect();
    format!("{}.bundle", parts.join("-"))
}

/// Reads `A-B` or `A-`: first and last byte, both included.
///
/// # Errors
/// In words.
pub(crate) fn range(text: &str) -> Result<(u64, Option<u64>), String> {
    let wrong = || "a range is A-B, first and last byte, or A- for the rest".to_owned();
    let number = |digits: &str| {
        let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_plain).ok_or_else(wrong)
    };
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let first: u64 = number(first)?;
    let last = if last.is_empty() {
        None
    } else {
        Some(number(last)?)
    };
    if last.is_some_and(|last| last < first) {
        return Err("the last byte is before the first".to_owned());
    }
    Ok((first, last))
}

/// Bytes a second; absent: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(Option<u64>);

/// Reads `RATE` or `none`.
///
/// # Errors
/// In words.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    read_rate(text).map(Rate).map_err(|_| {
        "a rate is bytes a second, as in 500KiB or 2MiB, at least 1KiB; or none".into()
    })
}

#[cfg(test)]
mod tests;
