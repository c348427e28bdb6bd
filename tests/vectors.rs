//! The vectors under spec/vectors: how one is written and read, and the generator that makes them all.
//!
//! The generator works from first principles: CBOR put together by hand, hashes by `blake3`, signatures by the ed25519
//! crates, proofs by bao-tree. It must not use `levada_feed`, because that is what the vectors judge. No clock and no
//! randomness: it always makes the same bytes. Format: spec/vectors/README.md.

mod answers;
mod bundle;
mod cbor;
mod codec;
mod edges;
mod feed;
mod fork;
mod head;
mod history;
pub mod index;
mod key;
mod link;
mod list;
mod oracle;
mod record;
mod sign;
mod slice;
mod static_host;
mod succession;
mod watch;
mod wire;

use std::fmt::Display;
use std::ops::RangeInclusive;

/// What has to come of a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It is taken.
    Accept,
    /// It is refused, by this MUST.
    Refuse(String),
    /// A record that breaks this rule: kept, passed on, and shown as unreadable.
    Unreadable(String),
}

/// One file: what it is, what has to come of it, why, and the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vector {
    /// The noun: its folder.
    pub noun: String,
    /// Its file name without `.vec`.
    pub name: String,
    /// What has to come of it.
    pub expect: Expect,
    /// One sentence.
    pub why: String,
    /// All other headers in order; a name may come more than once.
    pub headers: Vec<(String, String)>,
    /// The bytes after the empty line.
    pub body: Vec<u8>,
}

impl Vector {
    /// Adds a header.
    pub(crate) fn with(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Every byte of the body is under a proof or a signature.
    pub(crate) fn flip_all(&mut self) -> &mut Self {
        let last = self.body.len() - 1;
        self.with("flip", format!("0-{last}"))
    }

    /// Every byte is, but the last one of each of these pieces.
    pub(crate) fn flip_all_but(&mut self, mut free: Vec<usize>) -> &mut Self {
        free.sort_unstable();
        let ends = free.iter().copied().chain(std::iter::once(self.body.len()));
        let mut start = 0;
        let mut runs = Vec::new();
        for end in ends {
            if start < end {
                runs.push(format!("{start}-{}", end - 1));
            }
            start = end + 1;
        }
        self.with("flip", runs.join(","))
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.values(name).first().copied()
    }

    /// The values of a header that may come more than once.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        let of_name = self.headers.iter().filter(|(header, _)| header == name);
        of_name.map(|(_, value)| value.as_str()).collect()
    }

    /// Where it lies under spec/vectors.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}.vec", self.noun, self.name)
    }

    /// The file.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let expect = match &self.expect {
            Expect::Accept => "accept".to_owned(),
            Expect::Refuse(must) => format!("refuse {must}"),
            Expect::Unreadable(must) => format!("unreadable {must}"),
        };
        let mut text = format!("expect: {expect}\nwhy: {}\n", self.why);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push('\n');
        [text.as_bytes(), &self.body].concat()
    }

    /// Reads a file. `None` when it is not of the form.
    #[must_use]
    pub fn parse(noun: &str, name: &str, file: &[u8]) -> Option<Self> {
        let end = file.windows(2).position(|pair| pair == b"\n\n")?;
        let text = std::str::from_utf8(&file[..end]).ok()?;
        let headers: Vec<(&str, &str)> = text
            .lines()
            .map(|line| line.split_once(": "))
            .collect::<Option<_>>()?;
        let [("expect", expect), ("why", why), rest @ ..] = headers.as_slice() else {
            return None;
        };
        let expect = match expect.split_once(' ') {
            None if *expect == "accept" => Expect::Accept,
            Some(("refuse", must)) => Expect::Refuse(must.to_owned()),
            Some(("unreadable", must)) => Expect::Unreadable(must.to_owned()),
            _ => return None,
        };
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Some(Self {
            noun: noun.to_owned(),
            name: name.to_owned(),
            expect,
            why: (*why).to_owned(),
            headers: rest.iter().map(owned).collect(),
            body: file[end + 2..].to_vec(),
        })
    }

    /// The offsets that `flip` lists. `None` when a range is not one, or past the end.
    #[must_use]
    pub fn flips(&self) -> Option<Vec<usize>> {
        let range = |text: &str| -> Option<RangeInclusive<usize>> {
            let (from, to) = text.split_once('-')?;
            let range = from.parse().ok()?..=to.parse().ok()?;
            (!range.is_empty() && *range.end() < self.body.len()).then_some(range)
        };
        let ranges: Option<Vec<_>> = self
            .header("flip")
            .into_iter()
            .flat_map(|value| value.split(','))
            .map(range)
            .collect();
        Some(ranges?.into_iter().flatten().collect())
    }
}

/// The vectors of one noun, as they are made.
pub(crate) struct Shelf {
    noun: &'static str,
    vectors: Vec<Vector>,
}

impl Shelf {
    pub(crate) fn new(noun: &'static str) -> Self {
        Self {
            noun,
            vectors: Vec::new(),
        }
    }

    pub(crate) fn accept(&mut self, name: &str, why: &str, body: Vec<u8>) -> &mut Vector {
        self.add(name, Expect::Accept, why, body)
    }

    pub(crate) fn refuse(
        &mut self,
        name: &str,
        must: &str,
        why: &str,
        body: Vec<u8>,
    ) -> &mut Vector {
        self.add(name, Expect::Refuse(must.to_owned()), why, body)
    }

    pub(crate) fn add(
        &mut self,
        name: &str,
        expect: Expect,
        why: &str,
        body: Vec<u8>,
    ) -> &mut Vector {
        self.vectors.push(Vector {
            noun: self.noun.to_owned(),
            name: name.to_owned(),
            expect,
            why: why.to_owned(),
            headers: Vec::new(),
            body,
        });
        self.vectors.last_mut().expect("one was pushed just now")
    }

    pub(crate) fn done(self) -> Vec<Vector> {
        self.vectors
    }
}

/// The nouns in the order of the spec pages, each with its vectors.
#[must_use]
pub fn all() -> Vec<Vector> {
    [
        codec::vectors(),
        key::vectors(),
        record::vectors(),
        head::vectors(),
        list::vectors(),
        slice::vectors(),
        bundle::vectors(),
        fork::vectors(),
        succession::vectors(),
        link::vectors(),
        wire::vectors(),
        static_host::vectors(),
        feed::vectors(),
    ]
    .concat()
}
