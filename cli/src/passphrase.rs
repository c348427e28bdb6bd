//! Where the passphrase of a key comes from: an open file descriptor, the environment, or the terminal.
//!
//! Never from the command line, where every user of the machine could read it.

use levada_peer::api::{Code, Failure};
use std::fs::File;
use std::io::{IsTerminal as _, Read as _};

/// The variable that may hold it.
const VARIABLE: &str = "LEVADA_PASSPHRASE";
/// LIMIT: 4 KiB. Whatever is longer is not a passphrase but a wrong file descriptor.
const BYTES_MAX: u64 = 4096;

/// What was given without asking: by `--passphrase-fd`, else by the environment.
///
/// # Errors
/// When the file descriptor cannot be read.
pub(crate) fn given(fd: Option<u32>) -> Result<Option<String>, Failure> {
    if let Some(fd) = fd {
        return read_fd(fd).map(Some);
    }
    Ok(std::env::var(VARIABLE)
        .ok()
        .filter(|phrase| !phrase.is_empty()))
}

fn read_fd(fd: u32) -> Result<String, Failure> {
    let usage = |why: String| {
        Failure::new(Code::Usage, format!("file descriptor {fd}: {why}"))
            .hint("say --passphrase-fd N after opening it, as in: 3< passphrase.txt")
    };
    let file = File::open(format!("/dev/fd/{fd}"));
    let mut phrase = String::new();
    file.and_then(|file| file.take(BYTES_MAX + 1).read_to_string(&mut phrase))
        .map_err(|error| usage(format!("no passphrase can be read: {error}")))?;
    phrase.truncate(phrase.trim_end_matches(['\n', '\r']).len());
    match phrase.len() {
        0 => Err(usage("it holds no passphrase".to_owned())),
        len if len as u64 > BYTES_MAX => Err(usage("it holds more than 4096 bytes".to_owned())),
        _ => Ok(phrase),
    }
}

/// Whether somebody sits there to be asked.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks on the terminal.
///
/// # Errors
/// When the person ends it, or the terminal is gone.
pub(crate) fn ask() -> Result<String, Failure> {
    read("passphrase: ")
}

/// Asks for that of these keys; an empty one is none.
///
/// # Errors
/// As `ask`.
pub(crate) fn ask_for(keys: &str) -> Result<String, Failure> {
    read(&format!(
        "passphrase of {keys} (empty: serve without signing): "
    ))
}

/// Asks twice for a new one.
///
/// # Errors
/// As `ask`, and when the two differ or are empty.
pub(crate) fn ask_new() -> Result<String, Failure> {
    let phrase = read("new passphrase: ")?;
    if phrase.is_empty() {
        return Err(Failure::new(
            Code::Usage,
            "an empty passphrase protects nothing",
        ));
    }
    if read("the same again: ")? != phrase {
        return Err(Failure::new(Code::Usage, "the two passphrases differ"));
    }
    Ok(phrase)
}

fn read(prompt: &str) -> Result<String, Failure> {
    rpassword::prompt_password(prompt).map_err(|error| match error.kind() {
        std::io::ErrorKind::Interrupted | std::io::ErrorKind::UnexpectedEof => {
            Failure::new(Code::Interrupted, "no passphrase was given")
        }
        _ => Failure::new(
            Code::WrongPassphrase,
            format!("no passphrase can be asked for here: {error}"),
        )
        .hint("give it by LEVADA_PASSPHRASE or --passphrase-fd"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    fn fd_with(bytes: &[u8]) -> Result<String, Failure> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let opened = File::open(file.path()).unwrap();
        read_fd(u32::try_from(opened.as_raw_fd()).unwrap())
    }

    #[test]
    fn passphrases_come_from_an_open_file_without_its_line_end() {
        assert_eq!(fd_with(b"a b \n"), Ok("a b ".into()));
        assert_eq!(fd_with("açúcar".as_bytes()), Ok("açúcar".into()));
        for wrong in [b"".as_slice(), b"\n", b"\xff", &[b'a'; 5000]] {
            assert_eq!(fd_with(wrong).unwrap_err().code, Code::Usage);
        }
        assert_eq!(read_fd(9_999).unwrap_err().code, Code::Usage);
    }
}
