//! Settings as they hold, and what is wrong with the files they come from.

use crate::escape;
use crate::screen::Screen;
use crate::table::Table;
use levada_peer::api::{ConfigFile, ConfigInfo, Reloaded};

/// Prints it; problems go where errors go.
pub(super) fn checked(screen: &mut Screen, config: &ConfigInfo) {
    let mut table = Table::new(&[]);
    for folder in &config.folders {
        let path = escape::path_in_full(&folder.path);
        table.row([format!("{} folder", folder.name), path, String::new()]);
    }
    for file in &config.files {
        let path = escape::path_in_full(&file.path);
        table.row(["file".to_owned(), path, state(file).to_owned()]);
    }
    for setting in &config.settings {
        let from = if setting.is_set {
            "config.toml"
        } else {
            "default"
        };
        let value = escape::plain(&setting.value).into_owned();
        table.row([setting.name.clone(), value, from.to_owned()]);
    }
    screen.lines(table.lines());
    for problem in config.files.iter().filter_map(|file| file.problem.as_ref()) {
        screen.failure(problem);
    }
}

/// Prints what changed.
pub(super) fn reloaded(screen: &mut Screen, reloaded: &Reloaded) {
    if reloaded.settings.is_empty() {
        screen.lines(["nothing changed"]);
        return;
    }
    let mut table = Table::new(&[]);
    for setting in &reloaded.settings {
        let when = match setting.needs_restart {
            true => "after a restart",
            false => "holds now",
        };
        table.row([setting.name.clone(), when.to_owned()]);
    }
    screen.lines(table.lines());
}

fn state(file: &ConfigFile) -> &'static str {
    match (file.is_there, &file.problem) {
        (_, Some(_)) => "broken",
        (true, None) => "in order",
        (false, None) => "not there",
    }
}
