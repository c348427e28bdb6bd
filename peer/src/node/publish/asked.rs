//! What a person asked to publish, before anything is looked at: whether it can be meant, and what a new feed is called.

use crate::api::{Code, Failure, Publish};
use crate::io::media;

/// Refuses what is not meant, and what readers could make nothing of, before anything is signed.
pub(super) fn check(args: &Publish) -> Result<(), Failure> {
    if args.title.is_some()
        && (args.paths.len() != 1 || args.paths.iter().any(|path| path.is_dir()))
    {
        return Err(Failure::new(
            Code::Usage,
            "--title names one file, and more than one is to be published",
        ));
    }
    if args.paths.is_empty() {
        return Err(Failure::new(
            Code::Usage,
            "nothing to publish: name files or folders",
        ));
    }
    check_words(args.licence.as_deref(), args.language.as_deref())
}

/// Refuses a licence or a language that readers could make nothing of.
pub(in crate::node) fn check_words(
    licence: Option<&str>,
    language: Option<&str>,
) -> Result<(), Failure> {
    let wrong = |what: String, hint: &str| Failure::new(Code::Usage, what).hint(hint);
    if let Some(licence) = licence {
        let is_url = licence.starts_with("https://") || licence.starts_with("http://");
        if !is_url && spdx::Expression::parse(licence).is_err() {
            return Err(wrong(
                format!("{licence}: this is no licence that others know"),
                "say an SPDX expression, as CC-BY-SA-4.0, CC0-1.0 or LicenseRef-NAME, or the address of its text",
            ));
        }
    }
    if let Some(language) = language
        && oxilangtag::LanguageTag::parse(language).is_err()
    {
        return Err(wrong(
            format!("{language}: this is no language tag"),
            "say it as pt, pt-BR or zh-Hant",
        ));
    }
    Ok(())
}

/// What a new feed is called: as its first folder or file.
pub(super) fn feed_title(args: &Publish) -> Result<String, Failure> {
    // Nothing is made for a path that was mistyped.
    let found = args.paths.iter().find(|path| path.exists());
    let Some(path) = found.or(args.paths.first().filter(|path| path.is_symlink())) else {
        let path = args.paths.first().map(|path| path.display().to_string());
        let path = path.unwrap_or_default();
        return Err(Failure::new(
            Code::NotFound,
            format!("{path}: there is no such file or folder"),
        ));
    };
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(media::title_from_name(&name.to_string_lossy()))
}
