//! What is made from the command line's own description: completions for shells, and manual pages.

use crate::args::Cli;
use clap::CommandFactory as _;
use clap_complete::Shell;
use levada_peer::api::{Code, Failure};
use std::path::Path;

const NAME: &str = "levada";

/// What makes a shell complete commands.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut text);
    text
}

/// The manual page of the program.
pub(crate) fn page() -> Vec<u8> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut text)
        .expect("memory takes what is written to it");
    text
}

/// Writes the pages of the program and of each command into a folder, which is made.
///
/// # Errors
/// Which folder cannot be written to.
pub(crate) fn pages(folder: &Path) -> Result<(), Failure> {
    let made = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    made.map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Code::Denied,
            _ => Code::Failed,
        };
        let folder = folder.display();
        Failure::new(
            code,
            format!("{folder}: the pages cannot be written: {error}"),
        )
        .hint("name a folder of your own, as ~/.local/share/man/man1")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn every_command_has_a_page_and_every_shell_its_completions() {
        let folder = tempfile::tempdir().unwrap();
        pages(folder.path()).unwrap();
        for command in Cli::command().get_subcommands() {
            let path = folder
                .path()
                .join(format!("levada-{}.1", command.get_name()));
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(".SH SYNOPSIS"), "{}", path.display());
        }
        assert!(!page().is_empty());
        for shell in Shell::value_variants() {
            let text = String::from_utf8(completions(*shell)).unwrap();
            assert!(text.contains("retract-missing"), "{shell}");
        }
    }

    #[test]
    fn folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = pages(&file.path().join("man1")).unwrap_err();
        let path = file.path().display().to_string();
        assert!(failure.message.contains(&path), "{failure:?}");
    }
}
