//! `config check`: whether the files that a person may edit are in order, and which settings hold. Needs no store.

use super::listen::{ApiListen, Listen, read_all};
use crate::api::{Answer, Code, ConfigFile, ConfigInfo, Failure, Folder, Setting};
use crate::io::config::{load_pins, load_settings, load_sources};
use crate::io::dirs::Dirs;
use crate::settings::Settings;
use std::path::{Path, PathBuf};

/// Looks at every file; what is wrong with one does not hide what is wrong with the next.
pub(super) fn check(dirs: &Dirs) -> Answer {
    let mend = |failure: Failure| match failure.code {
        Code::Usage => failure.hint("mend the file, then run this again"),
        _ => failure,
    };
    let settings = load_settings(dirs).map_err(Failure::from).map_err(mend);
    let settings = settings.and_then(|settings| judge(dirs, &settings).map(|()| settings));
    let sources = load_sources(dirs).map_err(Failure::from).map_err(mend);
    let pins = load_pins(dirs).map_err(Failure::from).map_err(mend);
    let listed = settings
        .as_ref()
        .map_or(Vec::new(), |settings| list(dirs, settings));
    Answer::Config(Box::new(ConfigInfo {
        folders: folders(dirs),
        files: vec![
            file(dirs.settings(), settings.err()),
            file(dirs.sources(), sources.err()),
            file(dirs.pins(), pins.err()),
        ],
        settings: listed,
    }))
}

/// What reading the text does not tell.
pub(super) fn judge(dirs: &Dirs, settings: &Settings) -> Result<(), Failure> {
    let path = dirs.settings();
    let named = |failure: Failure| Failure {
        message: failure
            .message
            .replacen("config.toml", &path.display().to_string(), 1),
        hint: Some("mend the line, then run this again".to_owned()),
        ..failure
    };
    read_all::<Listen>("listen", &settings.listen).map_err(named)?;
    if let Some(api) = &settings.api {
        read_all::<ApiListen>("api", api).map_err(named)?;
    }
    let is_relative = |root: &&PathBuf| root.is_relative();
    if let Some(root) = settings.blobs.roots.iter().find(is_relative) {
        let (path, root) = (path.display(), root.display());
        let message = format!("{path}: blobs.roots: {root} is not a whole path");
        let hint = "write it from the root on, as in /mnt/disk/levada";
        return Err(Failure::new(Code::Usage, message).hint(hint));
    }
    Ok(())
}

fn file(path: PathBuf, problem: Option<Failure>) -> ConfigFile {
    ConfigFile {
        is_there: path.exists(),
        path,
        problem,
    }
}

fn folders(dirs: &Dirs) -> Vec<Folder> {
    let folder = |name: &str, path: &Path| Folder {
        name: name.to_owned(),
        path: path.to_owned(),
    };
    vec![
        folder("config", dirs.config()),
        folder("data", dirs.home()),
        folder("keys", &dirs.keys()),
        folder("state", dirs.state()),
        folder("cache", dirs.cache()),
    ]
}

fn list(dirs: &Dirs, settings: &Settings) -> Vec<Setting> {
    // It was read a moment ago; one that is gone since sets nothing.
    let text = std::fs::read_to_string(dirs.settings()).unwrap_or_default();
    let listed = settings.list().into_iter();
    listed
        .map(|(name, value)| Setting {
            is_set: Settings::is_set(&text, name),
            name: name.to_owned(),
            value,
        })
        .collect()
}
