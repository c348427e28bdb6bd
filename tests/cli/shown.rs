//! What differs from run to run, and what stands for it on a page.
//!
//! A key is `lev1…a`, the next one `lev1…b`; the same for hashes (`hash…a`), heads (`head…a`), the `first` of links, times and ports. It goes
//! both ways: a page can use in a command what an earlier output printed, as a person copies it.

use std::path::Path;

/// The ports that pages use, and how many of them.
const PORT: u16 = 9327;
const PORTS: u16 = 4;
/// Real ports are below those that systems give to outgoing connections.
const PORT_MIN: u64 = 20_000;
const PORT_COUNT: u64 = 10_000;

const KEY_CHARS: usize = 62;
const HASH_CHARS: usize = 64;
const FIRST_CHARS: usize = 26;
const TIME_DIGITS: usize = 13;

/// Pairs of what is real and what is shown.
#[derive(Default)]
pub(crate) struct Shown {
    pairs: Vec<(String, String)>,
    /// Shorter forms of keys, which nobody types.
    short: Vec<(String, String)>,
    keys: usize,
    hashes: usize,
    heads: usize,
    firsts: usize,
    /// Keys and hashes that are the same in each run.
    stable: Vec<String>,
}

impl Shown {
    /// `home` is the folder that pages call `/home`; the media that pages publish are below `media`.
    pub(crate) fn new(home: &Path, media: &Path) -> Self {
        let mut shown = Self::default();
        let home = home.to_str().expect("a temporary folder has a plain name");
        shown.pairs.push((home.to_owned(), "/home".to_owned()));
        let real = free_ports();
        for (port, real) in (PORT..).zip(real) {
            for colon in [":", "%3A"] {
                shown
                    .pairs
                    .push((format!("{colon}{real}"), format!("{colon}{port}")));
            }
        }
        shown.add_stable(media);
        shown
    }

    fn add_stable(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).expect("the sample media are there") {
            let path = entry.expect("the sample media are there").path();
            if path.is_dir() {
                self.add_stable(&path);
            } else {
                let bytes = std::fs::read(&path).expect("the sample media can be read");
                self.stable.push(blake3::hash(&bytes).to_string());
            }
        }
    }

    /// Keys that a page names itself.
    pub(crate) fn add_named(&mut self, page: &str) {
        let keys = words(page).into_iter().map(|(_, word)| word.to_owned());
        self.stable
            .extend(keys.filter(|word| word.len() == KEY_CHARS));
    }

    /// From the output of a command to what a page shows.
    pub(crate) fn page(&mut self, output: &str) -> String {
        for (before, word) in words(output) {
            self.learn(before, word);
        }
        let mut text = output.to_owned();
        // Longer ones first: a head holds hashes.
        let mut pairs: Vec<_> = self.pairs.iter().chain(&self.short).collect();
        pairs.sort_by_key(|(real, _)| std::cmp::Reverse(real.len()));
        for (real, shown) in pairs {
            text = text.replace(real, shown);
        }
        let lines: Vec<String> = text.split('\n').map(without_times).collect();
        lines.join("\n")
    }

    /// From a command on a page to the one that is run.
    pub(crate) fn command(&self, page: &str) -> String {
        let mut text = page.to_owned();
        // Later pairs first: `lev1…ab` is no `lev1…a`.
        for (real, shown) in self.pairs.iter().rev() {
            text = text.replace(shown, real);
        }
        text
    }

    fn is_known(&self, word: &str) -> bool {
        let is_it = |(real, _): &(String, String)| real == word;
        self.pairs.iter().any(is_it) || self.stable.iter().any(|stable| stable == word)
    }

    fn learn(&mut self, before: &str, word: &str) {
        if self.is_known(word) {
            return;
        }
        let is_hex = |word: &str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if word.starts_with("lev1") && word.len() == KEY_CHARS {
            let shown = format!("lev1…{}", letter(&mut self.keys));
            // As messages name a feed, and as a nickname.
            let cut = format!("{}…{}", &word[..10], &word[58..]);
            self.short.push((cut, shown.clone()));
            self.short.push((word[..12].to_owned(), shown.clone()));
            self.pairs.push((word.to_owned(), shown));
        } else if word.len() == HASH_CHARS && is_hex(word) {
            let shown = format!("hash…{}", letter(&mut self.hashes));
            self.pairs.push((word.to_owned(), shown));
        } else if word.len() > 2 * HASH_CHARS && is_hex(word) {
            let shown = format!("head…{}", letter(&mut self.heads));
            self.pairs.push((word.to_owned(), shown));
        } else if before.ends_with("first=") && word.len() == FIRST_CHARS {
            let shown = format!("first…{}", letter(&mut self.firsts));
            self.pairs.push((word.to_owned(), shown));
        }
    }
}

fn letter(count: &mut usize) -> String {
    *count += 1;
    let at = *count - 1;
    let letter = char::from(b'a' + u8::try_from(at % 26).expect("26 is small"));
    letter.to_string().repeat(at / 26 + 1)
}

/// The words of a text, each with what is before it.
fn words(text: &str) -> Vec<(&str, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        match start {
            None if byte.is_ascii_alphanumeric() => start = Some(at),
            Some(from) if !byte.is_ascii_alphanumeric() => {
                words.push((&text[..from], &text[from..at]));
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// Dates, times and free space, which are of this run.
fn without_times(line: &str) -> String {
    for name in [
        "free ",
        "quota  ",
        "\"free_bytes\":",
        "\"quota\":",
        "\"reserve\":",
        "\"connections_max\":",
        "\"connections_each_max\":",
        "another levada (process",
    ] {
        if let Some((before, rest)) = line.split_once(name) {
            let value = rest.trim_start();
            let spaces = &rest[..rest.len() - value.len()];
            let after = value.find([',', ')']).map_or("", |end| &value[end..]);
            return format!("{before}{name}{spaces}…{after}");
        }
    }
    let mut shown = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let (word, len) = if is_form(rest, "dddd-dd-dd dd:dd:dd") {
            ("YYYY-MM-DD hh:mm:ss", 19)
        } else if is_form(rest, "dddd-dd-dd dd:dd") {
            ("YYYY-MM-DD hh:mm", 16)
        } else if shown.ends_with("store.broken-") && is_form(rest, "dddd-dd-dd") {
            ("YYYY-MM-DD", 10)
        } else if is_form(rest, "ddddddddddddd") && is_time(&shown, rest) {
            ("<time>", TIME_DIGITS)
        } else {
            (&rest[..c.len_utf8()], c.len_utf8())
        };
        shown.push_str(word);
        rest = &rest[len..];
    }
    shown
}

/// A number alone, of as many digits as the milliseconds of our years.
fn is_time(before: &str, rest: &str) -> bool {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    !is_digit(before.chars().next_back()) && !is_digit(rest.chars().nth(TIME_DIGITS))
}

fn is_form(text: &str, form: &str) -> bool {
    let mut chars = text.chars();
    form.chars().all(|expected| {
        let c = chars.next();
        match expected {
            'd' => c.is_some_and(|c| c.is_ascii_digit()),
            _ => c == Some(expected),
        }
    })
}

/// Ports on which nobody listens now.
fn free_ports() -> Vec<u16> {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(std::process::id());
    let candidates =
        (0..PORT_COUNT).map(|step| PORT_MIN + (random % PORT_COUNT + step) % PORT_COUNT);
    let ports = candidates.map(|port| u16::try_from(port).expect("a port has 16 bits"));
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.filter(is_free).take(PORTS.into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_shows_leads_back_to_what_was_printed() {
        let home = tempfile::tempdir().unwrap();
        let mut shown = Shown::new(home.path(), home.path());
        let key = format!("lev1{}", "q".repeat(58));
        let link = format!("levada:{key}?first={}", "y".repeat(26));
        let page = shown.page(&format!(
            "{link} at 2026-05-04 03:02 by 1767225600000\nfree  3 GiB"
        ));
        assert_eq!(
            page,
            "levada:lev1…a?first=first…a at YYYY-MM-DD hh:mm by <time>\nfree  …"
        );
        assert_eq!(shown.command("levada:lev1…a?first=first…a"), link);
        assert_eq!(
            shown.command("cat /home/x"),
            format!("cat {}/x", home.path().display())
        );
    }
}
