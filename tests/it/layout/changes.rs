//! Every call of `peer` that changes a file is a step of `io::fault`, so that the crash table makes it fail too.
//!
//! Read as text: a call stands within the parentheses of a step, or is listed here with the reason why it need not.

use super::{File, files, none};

/// What a step is written as; the database's changes are one (`io::disk`).
const STEPS: &[&str] = &["fault::step(", "self.change("];
/// Lines that one step has at most: a longer one is a parenthesis that was not found.
const STEP_LINES_MAX: usize = 12;
/// Calls that change what is on a disk, as they are written.
const CHANGING: &[&str] = &[
    "fs::write(",
    "fs::copy(",
    "fs::rename(",
    "io::copy(",
    "tokio::fs",
    "remove_file(",
    "remove_dir(",
    "remove_dir_all(",
    "create_dir(",
    "create_dir_all(",
    "hard_link(",
    "symlink(",
    "DirBuilder::new(",
    "File::create(",
    "File::create_new(",
    ".create(true)",
    ".create_new(",
    ".truncate(true)",
    ".tempfile(",
    ".tempfile_in(",
    ".tempdir(",
    ".tempdir_in(",
    "tempfile::tempfile",
    "tempfile::tempdir",
    "NamedTempFile::new",
    ".make_in(",
    "reflink_copy::",
    ".persist(",
    ".persist_noclobber(",
    ".keep()",
    ".write_all(",
    ".write_all_at(",
    ".write_at(",
    ".set_len(",
    ".set_modified(",
    ".set_times(",
    ".set_permissions(",
    "fs::set_permissions(",
    ".sync_all(",
    ".sync_data(",
    "fallocate(",
    "ftruncate(",
    "unlinkat(",
    "renameat(",
    "linkat(",
    "mkdirat(",
    "copy_file_range(",
    // The database.
    ".commit()",
];
/// File, what the line has, and why it is no step of its own.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("io/fault.rs", "sync(", "is the step"),
    (
        "io/strip.rs",
        "output",
        "writes to what it is given; its caller's step",
    ),
    (
        "io/disk/salvage.rs",
        "",
        "all of the copy is made in one step, and thrown away afterwards",
    ),
    ("io/disk/close.rs", "self.write_all()", "of this file"),
    (
        "io/disk/close.rs",
        "PersistMode::",
        "after the step, nothing new: waits, and syncs the tables",
    ),
];

/// The code outside of all steps.
fn outside_of_steps(code: &str) -> Result<String, String> {
    let mut outside = String::new();
    let mut rest = code;
    while let Some(start) = STEPS
        .iter()
        .filter_map(|step| rest.find(step).map(|at| at + step.len()))
        .min()
    {
        let (before, after) = rest.split_at(start);
        let end = end_of_call(after);
        let step = &after[..end];
        if step.lines().count() > STEP_LINES_MAX {
            return Err(format!("a step of many lines: {}", step.trim()));
        }
        outside.push_str(before);
        rest = &after[end..];
    }
    outside.push_str(rest);
    Ok(outside)
}

/// Where the parenthesis closes that was opened before.
fn end_of_call(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Whether a line has this call, and not one whose name only ends like it.
fn has_call(line: &str, call: &str) -> bool {
    line.match_indices(call).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        call.starts_with('.') || before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
}

/// The lines that change a disk outside of a step.
fn changes(code: &str) -> Result<Vec<String>, String> {
    let outside = outside_of_steps(code)?;
    let is_one = |line: &&str| CHANGING.iter().any(|call| has_call(line, call));
    Ok(outside.lines().filter(is_one).map(str::to_owned).collect())
}

fn code_of(file: &File) -> String {
    file.code().collect::<Vec<_>>().join("\n")
}

#[test]
fn every_change_of_a_file_is_a_step_that_a_test_can_make_fail() {
    let (mut broken, mut met) = (Vec::new(), vec![false; ALLOWED.len()]);
    for file in files() {
        let Some(path) = file.path.strip_prefix("peer/src/") else {
            continue;
        };
        if file.is_test {
            continue;
        }
        let found = changes(&code_of(&file)).unwrap_or_else(|error| vec![error]);
        for line in found {
            let is_it = |(at, has, _): &(&str, &str, &str)| *at == path && line.contains(has);
            match ALLOWED.iter().position(is_it) {
                Some(allowed) => met[allowed] = true,
                None => broken.push(format!("{}: no step of io::fault: {line}", file.path)),
            }
        }
    }
    let unmet = ALLOWED.iter().zip(met).filter(|(_, met)| !met);
    broken.extend(unmet.map(|(allowed, _)| format!("nothing is as allowed: {allowed:?}")));
    none(broken);
}

#[test]
fn calls_are_found_outside_of_steps_and_not_within() {
    for (code, expected) in [
        ("std::fs::remove_file(&path)?;", 1),
        ("fault::step(&path, || std::fs::remove_file(&path))?;", 0),
        (
            "fault::step(&path, || {\nfile.write_all(&f(x))\n})?;\nfile.set_len(0)?;",
            1,
        ),
        ("self.change(|| a(b))?; file.sync_all()?;", 1),
        (
            "AuthorFile::create(path)?;\nlet made = File::create(path)?;",
            1,
        ),
        (
            "OpenOptions::new()\n.read(true)\n.create(true)\n.open(path)",
            1,
        ),
        (
            "let make = || std::fs::create_dir(path);\nfault::step(path, make)",
            1,
        ),
    ] {
        assert_eq!(changes(code).unwrap().len(), expected, "{code}");
    }
    assert!(changes(&format!("fault::step(p, || '('\n{}", "x;\n".repeat(20))).is_err());
}
