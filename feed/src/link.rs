//! Links: `levada:lev1…[/<index>]?first=…&via=…&name=…` (spec/link.md).
//!
//! The key is the identity and `first` protects a new follower; everything else is a hint. Parses and prints; whether a
//! hint may be dialled is decided in `peer`.

use crate::hash::Hash;
use crate::key::FeedKey;
use crate::limits::{LENGTH_MAX, LINK_BYTES_MAX, LINK_VIA_MAX};
use crate::reject::Reject;
use data_encoding::{Encoding, Specification};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// The first 16 bytes of `h[0]`: what a link says of record 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct First(pub [u8; 16]);

impl First {
    /// Of a feed's first link hash.
    #[must_use]
    pub fn of(first: &Hash) -> Self {
        let mut bytes = [0; 16];
        bytes
            .iter_mut()
            .zip(first.0)
            .for_each(|(to, from)| *to = from);
        Self(bytes)
    }
}

/// RFC 4648, lower case, no padding, spare bits zero.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut form = Specification::new();
    form.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    form.encoding()
        .expect("the alphabet has 32 different letters")
});

impl fmt::Display for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32.encode(&self.0))
    }
}

impl FromStr for First {
    type Err = Reject;
    fn from_str(text: &str) -> Result<Self, Reject> {
        let bytes = BASE32
            .decode(text.as_bytes())
            .map_err(|_| Reject::LinkFirst)?;
        bytes.try_into().map(Self).map_err(|_| Reject::LinkFirst)
    }
}

impl serde::Serialize for First {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for First {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A feed, maybe one of its records, and how to find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The feed.
    pub feed: FeedKey,
    /// One record of it.
    pub index: Option<u64>,
    /// What record 0 must be. Printed by default; must match when it is there.
    pub first: Option<First>,
    /// Where to ask, in the order given: a hint.
    pub via: Vec<String>,
    /// What the author calls the feed: a hint.
    pub name: Option<String>,
}

impl Link {
    /// A link of the key alone.
    #[must_use]
    pub fn to(feed: FeedKey) -> Self {
        Self {
            feed,
            index: None,
            first: None,
            via: Vec::new(),
            name: None,
        }
    }
}

const SCHEME: &str = "levada:";
/// RFC 3986 unreserved, and what reads well inside a query.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'/');

impl fmt::Display for Link {
    /// Leaves out a `via` or `name` with which the link would be longer than one may be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{SCHEME}{}", self.feed);
        if let Some(index) = self.index {
            text.push_str(&format!("/{index}"));
        }
        let first = self.first.iter().map(|first| ("first", first.to_string()));
        let via = self.via.iter().map(|via| ("via", via.clone()));
        let name = self.name.iter().map(|name| ("name", name.clone()));
        let mut mark = '?';
        for (parameter, value) in first.chain(via).chain(name) {
            let value = utf8_percent_encode(&value, VALUE);
            let piece = format!("{mark}{parameter}={value}");
            if text.len() + piece.len() <= LINK_BYTES_MAX {
                text.push_str(&piece);
                mark = '&';
            }
        }
        f.write_str(&text)
    }
}

impl FromStr for Link {
    type Err = Reject;

    /// Reads a link, or the fragment of a page's address that holds one (`https://host/#levada:…`).
    fn from_str(text: &str) -> Result<Self, Reject> {
        if text.len() > LINK_BYTES_MAX {
            return Err(Reject::LinkForm);
        }
        let text = match text.split_once('#') {
            Some((page, fragment)) if is_page(page) => fragment,
            _ => text,
        };
        let scheme = text.get(..SCHEME.len()).ok_or(Reject::LinkForm)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(Reject::LinkForm);
        }
        let rest = text.get(SCHEME.len()..).ok_or(Reject::LinkForm)?;
        let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (key, index) = match name.split_once('/') {
            Some((key, index)) => (key, Some(read_index(index)?)),
            None => (name, None),
        };
        let mut link = Self {
            index,
            ..Self::to(key.parse()?)
        };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (parameter, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            link.take(parameter, value)?;
        }
        Ok(link)
    }
}

impl Link {
    /// One parameter of the query; unknown ones are ignored.
    fn take(&mut self, parameter: &str, value: &str) -> Result<(), Reject> {
        match parameter {
            "first" if self.first.is_some() => Err(Reject::LinkTwice { parameter: "first" }),
            "first" => {
                self.first = Some(decode(value)?.parse()?);
                Ok(())
            }
            "name" if self.name.is_some() => Err(Reject::LinkTwice { parameter: "name" }),
            "name" => {
                self.name = Some(decode(value)?);
                Ok(())
            }
            "via" => {
                let via = decode(value)?;
                if self.via.len() < LINK_VIA_MAX && !self.via.contains(&via) {
                    self.via.push(via);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Whether this is the address of a web page, whose fragment may hold a link.
fn is_page(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// A decimal number without sign or leading zeros, below the greatest length of a feed.
fn read_index(text: &str) -> Result<u64, Reject> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'));
    match text.parse() {
        Ok(index) if is_plain && index < LENGTH_MAX => Ok(index),
        _ => Err(Reject::LinkIndex),
    }
}

/// Percent-decoding as RFC 3986: `+` is a plus, each `%` has two hex digits, and the result is UTF-8.
fn decode(value: &str) -> Result<String, Reject> {
    let mut rest = value.as_bytes().iter();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().is_some_and(u8::is_ascii_hexdigit);
        if *byte == b'%' && !(digit() && digit()) {
            return Err(Reject::LinkEncoding);
        }
    }
    let text = percent_decode_str(value)
        .decode_utf8()
        .map_err(|_| Reject::LinkEncoding)?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::FeedSecret;

    fn key() -> FeedKey {
        FeedSecret::from_bytes(&[9; 32]).feed_key()
    }

    #[test]
    fn link_comes_back_as_it_was_printed() {
        let link = Link {
            feed: key(),
            index: Some(41),
            first: Some(First::of(&Hash::of(b"first"))),
            via: vec![
                "http://192.0.2.7:9327".into(),
                "https://a.example/x y?&#%+é".into(),
            ],
            name: Some("Ana & Zé".into()),
        };
        let text = link.to_string();
        assert_eq!(text.parse(), Ok(link.clone()), "{text}");
        assert_eq!(
            format!("https://host.example/#{text}").parse(),
            Ok(link.clone())
        );
        assert_eq!(format!("HTTP://HOST.EXAMPLE#{text}").parse(), Ok(link));
        assert_eq!(Link::to(key()).to_string().parse(), Ok(Link::to(key())));
    }

    #[test]
    fn what_makes_a_printed_link_too_long_is_left_out() {
        let spaces = |count| " ".repeat(count);
        let link = Link {
            via: vec![spaces(600), spaces(800), "http://a.example".into()],
            name: Some(spaces(800)),
            ..Link::to(key())
        };
        let read: Link = link.to_string().parse().unwrap();
        assert_eq!(read.via, [spaces(600), "http://a.example".into()]);
        assert_eq!(read.name, None);
        // As another wrote it, each space one byte, it is not too long.
        let plain = format!("levada:{}?via={}&via={}", key(), spaces(600), spaces(800));
        assert_eq!(plain.parse::<Link>().unwrap().via.len(), 2);
    }

    #[test]
    fn wrong_links_are_refused_each_for_its_reason() {
        let key = key();
        for (text, must) in [
            (key.to_string(), "link-1"),
            (format!("httpx#levada:{key}"), "link-1"),
            (format!("levada:{key}#x"), "key-4"),
            ("levada:".into(), "key-4"),
            (format!("levada:{key}/"), "link-2"),
            (format!("levada:{key}/01"), "link-2"),
            (format!("levada:{key}/+1"), "link-2"),
            (format!("levada:{key}/1099511627776"), "link-2"),
            (format!("levada:{key}?first=a"), "link-4"),
            (
                format!("levada:{key}?first=aaaaaaaaaaaaaaaaaaaaaaaaab"),
                "link-4",
            ),
            (
                format!("levada:{key}?first=AAAAAAAAAAAAAAAAAAAAAAAAAA"),
                "link-4",
            ),
            (format!("levada:{key}?name=a&name=b"), "link-3"),
            (format!("levada:{key}?name=%4"), "link-5"),
            (format!("levada:{key}?name=%ff"), "link-5"),
        ] {
            assert_eq!(text.parse::<Link>().unwrap_err().must(), must, "{text}");
        }
        assert!(
            format!("levada:{key}?later=1&&name=")
                .parse::<Link>()
                .is_ok()
        );
    }
}
