//! Rules of layout that a machine can check: how long files are, what they are called, and what may use what.
//!
//! The floors of the crates are in ARCHITECTURE.md. Which calls change files is `changes`'s.

mod changes;

use std::path::{Path, PathBuf};

const LINES_MAX: usize = 400;
/// Words in the header of a longer file, which then says why it is not two.
const WHY_ONE: &str = "one thing";
/// Floors of the crate `feed`: each uses those before it.
const FEED: &[&str] = &[
    "limits",
    "hash",
    "reject",
    "codec",
    "key",
    "link",
    "tree",
    "record",
    "head",
    "succession",
    "chain",
    "fork",
    "bundle",
    "log",
];
/// What the deciding half of `peer` may not touch.
const OUTSIDE: &[&str] = &[
    "tokio",
    "hyper",
    "fjall",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
    "crate::io",
    "crate::node",
];
/// Parts of `feed` that `cli` shows the values of. It judges nothing.
const SHOWN: &[&str] = &["hash", "head", "key", "link", "record"];
/// Parts of `peer` that `cli` speaks to.
const SPOKEN_TO: &[&str] = &["api", "node", "io"];
const VAGUE: &[&str] = &[
    "util", "utils", "common", "misc", "helper", "helpers", "types",
];

/// A file of ours.
struct File {
    /// From the root of the repository on.
    path: String,
    text: String,
    /// Built for tests only.
    is_test: bool,
}

impl File {
    fn name(&self) -> &str {
        let path = Path::new(&self.path);
        path.file_stem().and_then(|stem| stem.to_str()).unwrap()
    }

    /// The modules below this one that are built for tests only, as paths.
    fn test_modules(&self) -> Vec<String> {
        let folder = match self.name() {
            "lib" | "main" => Path::new(&self.path).parent().unwrap().to_owned(),
            _ => Path::new(&self.path).with_extension(""),
        };
        let lines: Vec<&str> = self.text.lines().collect();
        let pairs = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]");
        let names = pairs.filter_map(|pair| {
            let declared = pair[1].trim_start_matches("pub(crate) ");
            declared
                .trim_start_matches("pub(super) ")
                .strip_prefix("mod ")?
                .strip_suffix(';')
        });
        names
            .map(|name| folder.join(name).display().to_string())
            .collect()
    }

    /// The lines that are part of the program: no comments, and not the tests at the end.
    fn code(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines().map(str::trim);
        lines
            .take_while(|line| *line != "mod tests {")
            .filter(|line| !line.starts_with("//"))
    }

    /// What follows `before` wherever it stands in the code: `crate::a` and `crate::{a, b::c}` give `a` and `b`.
    fn uses(&self, before: &str) -> Vec<String> {
        let code: Vec<&str> = self.code().collect();
        let code = code.join("\n");
        code.match_indices(before)
            .flat_map(|(at, _)| first_names(&code[at + before.len()..]))
            .collect()
    }
}

/// The name at the beginning of a path, or those in its braces.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let chars = text.trim_start().chars();
        chars
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(list) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let mut names = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&list[start..at]));
                start = at + 1;
            }
            _ => {}
        }
        if c == '}' && depth == 0 && start == at + 1 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files() -> Vec<File> {
    let mut files = Vec::new();
    for folder in ["feed", "peer", "cli", "tests", "fuzz"] {
        gather(&root().join(folder), folder, &mut files);
    }
    assert!(files.len() > 100, "{} files were found", files.len());
    let of_tests: Vec<String> = files.iter().flat_map(File::test_modules).collect();
    for file in &mut files {
        let path = file.path.trim_end_matches(".rs");
        file.is_test = file.path.starts_with("tests/")
            || of_tests.iter().any(|module| {
                path.strip_prefix(module.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
    }
    files
}

fn gather(folder: &Path, shown: &str, files: &mut Vec<File>) {
    // A folder that is not there yet holds nothing that breaks a rule.
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{shown}/{name}");
        if entry.file_type().unwrap().is_dir() {
            if name != "target" {
                gather(&entry.path(), &path, files);
            }
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            files.push(File {
                path,
                text,
                is_test: false,
            });
        }
    }
}

/// Fails with all that breaks a rule.
fn none(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn files_say_what_they_are_and_are_short_or_say_why_not() {
    let mut broken = Vec::new();
    for file in files() {
        let header: Vec<&str> = file
            .text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        let lines = file.text.lines().count();
        // The tests of a module are described by their names.
        if header.is_empty() && !file.is_test {
            broken.push(format!("{}: no header", file.path));
        }
        if lines > LINES_MAX && !header.join(" ").to_lowercase().contains(WHY_ONE) {
            broken.push(format!(
                "{}: {lines} lines, and its header does not say why it is {WHY_ONE}",
                file.path
            ));
        }
    }
    none(broken);
}

#[test]
fn every_file_is_part_of_a_crate() {
    let files = files();
    let mut broken = Vec::new();
    for file in &files {
        let path = Path::new(&file.path);
        let folder = path.parent().unwrap();
        let is_root = matches!(file.name(), "lib" | "main")
            || folder.ends_with("bin")
            || folder.ends_with("fuzz_targets");
        let beside = files.iter().filter(|other| {
            let other = Path::new(&other.path);
            let is_root = other.parent() == Some(folder)
                && matches!(
                    other.file_stem().and_then(|stem| stem.to_str()),
                    Some("lib" | "main")
                );
            is_root || other.with_extension("") == folder
        });
        let declared = format!("mod {};", file.name());
        let mut lines = beside.flat_map(|other| other.text.lines());
        if !is_root && !lines.any(|line| line.ends_with(&declared)) {
            broken.push(format!("{}: nobody says `{declared}`", file.path));
        }
    }
    none(broken);
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let files = files();
    let is_vague = |path: &str| {
        let mut parts = path.trim_end_matches(".rs").split('/');
        parts.any(|part| VAGUE.contains(&part))
    };
    let vague = files.iter().filter(|file| is_vague(&file.path));
    none(vague.map(|file| file.path.clone()).collect());
}

#[test]
fn feed_uses_lower_floors_only() {
    let floor = |name: &str| FEED.iter().position(|floor| *floor == name);
    let mut broken = Vec::new();
    for file in files() {
        let Some(path) = file.path.strip_prefix("feed/src/") else {
            continue;
        };
        if file.is_test || path == "lib.rs" {
            continue;
        }
        let own = path.trim_end_matches(".rs").split('/').next().unwrap();
        let Some(own_floor) = floor(own) else {
            broken.push(format!("{}: {own} has no floor", file.path));
            continue;
        };
        for used in file.uses("crate::") {
            if floor(&used).is_none_or(|floor| floor > own_floor) {
                broken.push(format!("{} uses {used}", file.path));
            }
        }
        for outside in ["std::fs", "std::net", "std::thread", "std::time", "tokio"] {
            if file.code().any(|line| line.contains(outside)) {
                broken.push(format!("{} uses {outside}", file.path));
            }
        }
    }
    none(broken);
}

#[test]
fn what_decides_in_peer_touches_nothing_outside() {
    let mut broken = Vec::new();
    for file in files() {
        let Some(path) = file.path.strip_prefix("peer/src/") else {
            continue;
        };
        let first = path.trim_end_matches(".rs").split('/').next().unwrap();
        if file.is_test || matches!(first, "io" | "node" | "lib") {
            continue;
        }
        for line in file.code() {
            if let Some(used) = OUTSIDE.iter().find(|outside| line.contains(**outside)) {
                broken.push(format!("{} uses {used}: {line}", file.path));
            }
        }
    }
    none(broken);
}

#[test]
fn what_touches_the_machine_decides_nothing() {
    let mut broken = Vec::new();
    for file in files() {
        if !file.path.starts_with("peer/src/io") || file.is_test {
            continue;
        }
        for used in file.uses("crate::") {
            if matches!(used.as_str(), "session" | "engine" | "swarm" | "node") {
                broken.push(format!("{} uses {used}", file.path));
            }
        }
    }
    none(broken);
}

#[test]
fn cli_speaks_and_decides_nothing() {
    let mut broken = Vec::new();
    for file in files() {
        if !file.path.starts_with("cli/src/") || file.is_test {
            continue;
        }
        for (used, allowed) in [
            (file.uses("levada_feed::"), SHOWN),
            (file.uses("levada_peer::"), SPOKEN_TO),
        ] {
            for used in used.iter().filter(|used| !allowed.contains(&used.as_str())) {
                broken.push(format!("{} uses {used}", file.path));
            }
        }
        for line in file.code().filter(|line| line.contains("levada_peer::io")) {
            if !line.contains("DEFAULT_PORT") {
                broken.push(format!("{}: {line}", file.path));
            }
        }
    }
    none(broken);
}

#[test]
fn only_the_clock_reads_the_time() {
    let mut broken = Vec::new();
    for file in files() {
        let is_clock = file.path == "peer/src/io/clock.rs";
        if is_clock || file.is_test || file.name() == "layout" {
            continue;
        }
        for line in file.code() {
            if ["Instant::now", "SystemTime::now"]
                .iter()
                .any(|now| line.contains(now))
            {
                broken.push(format!("{}: {line}", file.path));
            }
        }
    }
    none(broken);
}

#[test]
fn nothing_is_unwrapped_and_nothing_is_left_to_do_without_saying_when() {
    let mut broken = Vec::new();
    // Put together here, or this line would be one.
    let to_do = ["TO", "DO"].concat();
    for file in files() {
        if !file.is_test {
            let unwraps = file.code().filter(|line| line.contains(".unwrap()"));
            broken.extend(unwraps.map(|line| format!("{}: {line}", file.path)));
        }
        let left = file.text.lines().filter(|line| line.contains(&to_do));
        let undated = left.filter(|line| !line.contains(" when ") && !line.contains(" once "));
        broken.extend(undated.map(|line| format!("{}: {line}", file.path)));
    }
    none(broken);
}

#[test]
fn names_are_found_in_paths_and_braces() {
    for (rest, expected) in [
        ("a::b;", vec!["a"]),
        ("{a, b::{c, d}, e};\nuse x", vec!["a", "b", "e"]),
        ("{\n    a,\n    b,\n};", vec!["a", "b"]),
    ] {
        assert_eq!(first_names(rest), expected, "{rest}");
    }
}
