//! Commands that we print for people to run, quoted so that a shell reads back exactly what was meant.
//!
//! Also knows how this program was called, so that the command printed is one that works here: `levada` when it is
//! installed, `cargo run --release --` in a checkout, or the path that was typed.

use crate::escape;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// How this program and its data directory are spelled in a command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spelling {
    program: String,
    data_dir: Option<PathBuf>,
}

impl Spelling {
    /// Of this process. `data_dir` is what has to be said again to reach the same node.
    pub(crate) fn of_this_process(data_dir: Option<PathBuf>) -> Self {
        let called = std::env::args_os().next().unwrap_or_default();
        let is_cargo = std::env::var_os("CARGO_PKG_NAME").is_some_and(|name| name == "levada")
            && std::env::var_os("CARGO").is_some();
        Self {
            program: program(&called, is_cargo),
            data_dir,
        }
    }

    /// A command for the same node.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        self.command_at(self.data_dir.as_deref(), words)
    }

    /// A command for the node of another data directory.
    pub(crate) fn command_at(&self, data_dir: Option<&Path>, words: &[&str]) -> String {
        let mut command = self.program.clone();
        if let Some(folder) = data_dir {
            command.push_str(" --data-dir ");
            command.push_str(&quote(folder.as_os_str()));
        }
        for word in words {
            command.push(' ');
            command.push_str(&quote(OsStr::new(word)));
        }
        command
    }
}

/// What a person types to call this program again.
fn program(called: &OsString, is_cargo: bool) -> String {
    let path = Path::new(called);
    let folder = path.parent().and_then(Path::file_name);
    match folder {
        Some(profile) if is_cargo && profile == "release" => "cargo run --release --".to_owned(),
        Some(profile) if is_cargo && profile == "debug" => "cargo run --".to_owned(),
        _ if called.is_empty() => "levada".to_owned(),
        _ => quote(called),
    }
}

/// One word for a POSIX shell.
pub(crate) fn quote(word: &OsStr) -> String {
    let Some(text) = word
        .to_str()
        .filter(|text| text.chars().all(escape::is_printable))
    else {
        return quote_bytes(word.as_bytes());
    };
    let is_plain = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '_' | '-' | '.' | '/' | ':' | ',' | '@' | '+' | '%')
    };
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// `$'…'`, for words with bytes that a terminal would not show as they are.
fn quote_bytes(bytes: &[u8]) -> String {
    let mut quoted = String::from("$'");
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => {
                quoted.push('\\');
                quoted.push(char::from(byte));
            }
            b' '..=b'~' => quoted.push(char::from(byte)),
            // Always three digits, so that a digit after it is not read as a part of it.
            _ => write!(quoted, "\\{byte:03o}").expect("a string takes all that is written"),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_when_a_shell_would_change_them() {
        for (word, expected) in [
            ("levada", "levada"),
            ("/tmp/levada-follower", "/tmp/levada-follower"),
            ("", "''"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("$(reboot)", "'$(reboot)'"),
            ("`id`;&|<>*?!", "'`id`;&|<>*?!'"),
            ("~", "'~'"),
            ("a=b", "'a=b'"),
            (
                "levada:lev1q?first=a&via=http%3A",
                "'levada:lev1q?first=a&via=http%3A'",
            ),
            ("música", "'música'"),
            ("a\nb\u{1b}1", r"$'a\012b\0331'"),
            ("it's\t\\", r"$'it\'s\011\\'"),
            ("\u{202e}x", r"$'\342\200\256x'"),
        ] {
            assert_eq!(quote(OsStr::new(word)), expected);
        }
        assert_eq!(quote(OsStr::from_bytes(b"a\xff2")), r"$'a\3772'");
    }

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for word in [
            b"plain".as_slice(),
            b"",
            b"it's $HOME `x` \"y\" \\ !",
            b"a\nb\x1b1\xff7'\\",
            "música \u{202e}".as_bytes(),
        ] {
            let quoted = quote(OsStr::from_bytes(word));
            let read = std::process::Command::new("bash")
                .args(["-c", &format!("printf %s {quoted}")])
                .output()
                .unwrap();
            assert_eq!(read.stdout, word, "{quoted}");
        }
    }

    #[test]
    fn the_program_is_spelled_as_it_was_called() {
        for (called, is_cargo, expected) in [
            ("levada", false, "levada"),
            ("", false, "levada"),
            ("/usr/bin/levada", false, "/usr/bin/levada"),
            ("./target/release/levada", false, "./target/release/levada"),
            ("target/release/levada", true, "cargo run --release --"),
            ("target/debug/levada", true, "cargo run --"),
            ("/my apps/levada", false, "'/my apps/levada'"),
        ] {
            assert_eq!(program(&called.into(), is_cargo), expected);
        }
    }

    #[test]
    fn commands_name_their_data_directory() {
        let spelling = Spelling {
            program: "levada".into(),
            data_dir: Some("/my data".into()),
        };
        assert_eq!(
            spelling.command(&["key", "backup", "a b"]),
            "levada --data-dir '/my data' key backup 'a b'"
        );
        assert_eq!(
            spelling.command_at(Some(Path::new("/tmp/x")), &["sync"]),
            "levada --data-dir /tmp/x sync"
        );
        assert_eq!(Spelling::default().command(&["sync"]), " sync");
    }
}
