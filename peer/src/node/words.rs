//! What a person reads when something fails: from the errors of the modules to one sentence, a hint and an exit code.

use crate::api::{Code, Event, Failure};
use crate::io::author::AuthorError;
use crate::io::blobs::{Away, AwayRoot, ForgottenRoot};
use crate::io::config::ConfigError;
use crate::io::dirs::{Dirs, LockError};
use crate::io::keys::KeyError;
use crate::io::local::TokenError;
use crate::sources::FindError;
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use levada_feed::reject::Reject;
use std::path::Path;

/// The beginning of a feed's key, for messages.
pub(super) fn short(feed: &FeedKey) -> String {
    let text = feed.to_string();
    let (head, tail) = (
        text.get(..10).unwrap_or(&text),
        text.get(58..).unwrap_or(""),
    );
    format!("{head}…{tail}")
}

pub(super) fn find_failure(target: &str, error: &FindError) -> Failure {
    match error {
        FindError::Unknown => Failure::new(
            Code::NotFound,
            format!("{target}: no feed of this name is known here"),
        )
        .hint("`levada sources` lists what is followed; `levada follow LINK` adds a feed"),
        FindError::Ambiguous(_) => {
            Failure::new(Code::Usage, format!("{target}: several feeds match"))
                .hint("write more of the key")
        }
    }
}

/// What was typed begins as a link and is none.
pub(super) fn no_link(reject: &Reject) -> Failure {
    Failure::new(Code::Usage, format!("this is no link to a feed: {reject}"))
        .hint("copy the whole link; it begins with levada:lev1")
}

pub(super) fn lock_failure(error: &LockError) -> Failure {
    match error.system() {
        None => Failure::new(Code::Locked, error.to_string())
            .hint("stop it, wait for it, or use another --data-dir"),
        Some((path, error)) => file_failure(path, error)
            .hint("everything of this node is kept there; another place is named with --data-dir"),
    }
}

/// A blob root that is not used: what is the matter, and what to do.
pub(super) fn away_root(root: &AwayRoot) -> (String, String) {
    let path = root.path.display();
    match &root.why {
        Away::Missing => (
            format!("{path}: this blob root is not there; what is kept in it is unavailable"),
            "mount its disk and start again; if the disk is at another place now, write that into config.toml; to forget it for good, take it out of config.toml: what was kept there is then fetched again".to_owned(),
        ),
        Away::Unlisted => (
            format!(
                "{path}: this blob root is no longer in config.toml, and one that is there is not found; what is kept in it is unavailable"
            ),
            "if it is the same disk at another place, mount it there; else put right what config.toml says".to_owned(),
        ),
        Away::Twice => (
            format!(
                "{path}: this is the same blob root as another one, or a copy of it; it is not used"
            ),
            "take one of the two out of config.toml".to_owned(),
        ),
        Away::Foreign => (
            format!("{path}: other files are in this folder; it is not used as a blob root"),
            "name an empty folder in config.toml".to_owned(),
        ),
        Away::Refused(why) => (
            format!("{path}: this blob root cannot be used: {why}"),
            "this user must be able to read and write there".to_owned(),
        ),
    }
}

/// A root that the settings no longer name.
pub(super) fn forgotten_root(root: &ForgottenRoot) -> (String, String) {
    let path = root.path.display();
    let own = match root.own {
        0 => String::new(),
        own => format!(", {own} of them your own"),
    };
    let files = match root.files {
        1 => "1 file that was kept in it is".to_owned(),
        files => format!("{files} files that were kept in it are"),
    };
    (
        format!("{path}: this blob root is no longer in config.toml and is forgotten; {files} not here any more{own}"),
        "nothing in it was touched: named in config.toml again, it is as before; what is still wanted is fetched again".to_owned(),
    )
}

/// The note of a partial blob is not one.
pub(super) fn damaged_part(note: &Path) -> Event {
    Event::Warning {
        message: format!(
            "{}: what this says of a file that is here in part is damaged; the bytes were read and checked again",
            note.display()
        ),
        hint: None,
    }
}

/// The store does not open.
pub(super) fn store_broken(dirs: &Dirs, error: &StoreError) -> Failure {
    match error {
        StoreError::Database(why) | StoreError::Damaged { what: why, .. } => Failure::new(
            Code::Failed,
            format!("{}: the store does not open: {why}", dirs.store().display()),
        )
        .hint(REBUILD),
        _ => store_failure(error),
    }
}

/// A write to the store failed while the node served.
pub(super) fn store_stopped(dirs: &Dirs) -> Failure {
    let store = dirs.store();
    Failure::new(
        Code::Failed,
        format!(
            "{}: a write failed, and nothing more is written until the store is opened again",
            store.display()
        ),
    )
    .hint("what was durable is kept; start `levada serve` again")
}

/// What helps when the store is damaged.
pub(super) const REBUILD: &str = "`levada rebuild` sets it aside and makes it again from what it still has, the authors' files, the blobs on disk and peers";

/// What helps when the file system of the node is read-only.
const READ_ONLY: &str = "the file system is read-only; use another --data-dir";

/// The disk is full.
pub(super) fn full(message: String) -> Failure {
    Failure::new(Code::OverQuota, message).hint(
        "the disk is full; what was durable is kept; make room and run the same command again",
    )
}

/// What the person reads when our own disk failed.
pub(super) fn store_failure(error: &StoreError) -> Failure {
    let failure = Failure::new(Code::Failed, error.to_string());
    match error {
        StoreError::NoSpace { .. } => Failure {
            code: Code::OverQuota,
            ..failure
        }
        .hint("make room, then run the same command again"),
        error if error.is_full() => full(failure.message),
        StoreError::File { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Failure {
                code: Code::Denied,
                ..failure
            }
            .hint("this user may not write there; fix the permissions or use another --data-dir")
        }
        StoreError::File { source, .. }
            if source.kind() == std::io::ErrorKind::ReadOnlyFilesystem =>
        {
            Failure {
                code: Code::Denied,
                ..failure
            }
            .hint(READ_ONLY)
        }
        StoreError::Damaged { path, .. } | StoreError::File { path, .. }
            if error.is_damage() && path.ends_with("store") =>
        {
            failure.hint(REBUILD)
        }
        StoreError::Damaged { path, .. } => match evidence_hint(path) {
            Some(hint) => failure.hint(hint),
            None => failure,
        },
        _ => failure,
    }
}

/// What to do about a file of evidence that does not check.
fn evidence_hint(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()? {
        "fork" => {
            "it proved that one key signed two histories; put it back from a backup, or delete it: whoever has the proof hands it over again"
        }
        "succession" => "delete it: whoever has it hands it over again",
        "elsewhere" => {
            "another machine signed with this key, and nothing is signed here until that is settled: stop it, then take over what it signed: levada key take-over"
        }
        _ => return None,
    })
}

/// What the person reads when a file that they named could not be read or written.
pub(super) fn file_failure(path: &Path, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    let code = match error.kind() {
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::OverQuota,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Code::Denied,
        _ => Code::Failed,
    };
    Failure::new(code, format!("{}: {}", path.display(), io_words(error)))
}

/// The same of a file of this node.
fn own_file_failure(path: &Path, error: &std::io::Error) -> Failure {
    let failure = file_failure(path, error);
    match error.kind() {
        std::io::ErrorKind::ReadOnlyFilesystem => failure.hint(READ_ONLY),
        _ if failure.code == Code::OverQuota => full(failure.message),
        _ => failure,
    }
}

/// What the system says of a file, without numbers.
pub(super) fn io_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        std::io::ErrorKind::AlreadyExists => "there is such a file already".into(),
        std::io::ErrorKind::IsADirectory => "it is a folder".into(),
        std::io::ErrorKind::NotADirectory => "a part of the path is no folder".into(),
        std::io::ErrorKind::StorageFull => "the disk is full".into(),
        std::io::ErrorKind::QuotaExceeded => "the quota of this user is used up".into(),
        std::io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        _ => error.to_string(),
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        store_failure(&error)
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match &error {
            KeyError::File { path, source } => return own_file_failure(path, source),
            KeyError::Marker(error) => return store_failure(error),
            _ => {}
        }
        let code = match error {
            _ if error.is_passphrase() => Code::WrongPassphrase,
            _ if error.is_missing() => Code::NotFound,
            KeyError::Name { .. } => Code::Usage,
            _ => Code::Failed,
        };
        let failure = Self::new(code, error.to_string());
        if matches!(error, KeyError::Damaged { .. } | KeyError::OtherFeed { .. }) {
            failure.hint(
                "put the file back from a backup of the key; nothing can be signed without it, and nothing else is lost",
            )
        } else if error.is_passphrase() {
            failure.hint(
                "give the passphrase by LEVADA_PASSPHRASE or --passphrase-fd, or at a terminal",
            )
        } else {
            failure
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match &error {
            ConfigError::File { path, source } => own_file_failure(path, source),
            ConfigError::Broken { .. } => Self::new(Code::Usage, error.to_string())
                .hint("mend the file; `levada config check` tells what is wrong with it"),
        }
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        match &error {
            TokenError::File { path, source } => own_file_failure(path, source),
            TokenError::Damaged { .. } => Self::new(Code::Failed, error.to_string())
                .hint("`levada token --new` puts another one in its place"),
            TokenError::NoRandom => Self::new(Code::Failed, error.to_string()),
        }
    }
}

impl From<AuthorError> for Failure {
    fn from(error: AuthorError) -> Self {
        match error {
            AuthorError::File {
                path,
                doing,
                source,
            } => store_failure(&StoreError::File {
                path,
                doing,
                source,
            }),
            _ => Self::new(Code::Failed, error.to_string()),
        }
    }
}
