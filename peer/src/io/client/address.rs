//! Where a peer is: scheme, host, port, and the path before the wire's own (spec/wire.md, Addresses).

use hyper::Uri;
use levada_feed::limits::LINK_BYTES_MAX;

/// Port of a node when the address names none and is plain HTTP.
pub const DEFAULT_PORT: u16 = 9327;

/// What a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_tls: bool,
}

impl Address {
    /// Takes an address as people type it apart: with the path before the wire's own.
    pub(super) fn parse(text: &str) -> Option<(Self, String)> {
        let is_bare = !text.contains("://");
        let full = if is_bare {
            format!("http://{text}")
        } else {
            text.to_owned()
        };
        let uri: Uri = Some(full)
            .filter(|full| full.len() <= LINK_BYTES_MAX)?
            .parse()
            .ok()?;
        let mut address = Self::of(&uri)?;
        if is_bare && uri.port().is_none() {
            address.port = DEFAULT_PORT;
        }
        let base = uri.path().trim_end_matches('/').to_owned();
        uri.query().is_none().then_some((address, base))
    }

    fn of(uri: &Uri) -> Option<Self> {
        let is_tls = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        // A name or password in it would be shown wherever the address is.
        let authority = uri
            .authority()
            .filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host();
        // A port that is no number is no reason to ask at another one.
        let port = match authority.as_str().strip_prefix(host)? {
            "" => None,
            _ => Some(authority.port_u16()?),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self {
            host: Some(host).filter(|host| !host.is_empty())?.to_owned(),
            port: port.unwrap_or(if is_tls { 443 } else { 80 }),
            is_tls,
        })
    }

    /// The Host header.
    pub(super) fn header(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == if self.is_tls { 443 } else { 80 } {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// Where a redirect leads, and to which path: to the same place, or from http to https at their own ports. `None`
    /// for everywhere else.
    pub(super) fn redirect(&self, target: &str, location: &str) -> Option<(Self, String)> {
        if location.len() > LINK_BYTES_MAX || location.starts_with("//") {
            return None;
        }
        if !location.contains("://") {
            let folder = match target.split('?').next()?.rsplit_once('/') {
                _ if location.starts_with('/') => "",
                Some((folder, _)) => folder,
                None => "",
            };
            let slash = if location.starts_with('/') { "" } else { "/" };
            let uri: Uri = format!("{folder}{slash}{location}").parse().ok()?;
            return Some((self.clone(), path_of(&uri)?));
        }
        let uri: Uri = location.parse().ok()?;
        let to = Self::of(&uri)?;
        let is_same_host = to.host.eq_ignore_ascii_case(&self.host);
        let is_same_place = to.port == self.port && to.is_tls == self.is_tls;
        let is_safer = (self.port, self.is_tls, to.port, to.is_tls) == (80, false, 443, true);
        (is_same_host && (is_same_place || is_safer)).then_some(())?;
        Some((if is_safer { to } else { self.clone() }, path_of(&uri)?))
    }
}

fn path_of(uri: &Uri) -> Option<String> {
    let path = uri.path_and_query()?.as_str();
    path.starts_with('/').then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_wrong_ones_refused() {
        let check = |text, host: &str, port, is_tls, base: &str| {
            let host = host.to_owned();
            let address = Address { host, port, is_tls };
            assert_eq!(Address::parse(text), Some((address, base.to_owned())));
        };
        check("192.0.2.1", "192.0.2.1", 9327, false, "");
        check("a.example:80/pub", "a.example", 80, false, "/pub");
        check("http://a.example", "a.example", 80, false, "");
        check("http://[::1]:9327/", "::1", 9327, false, "");
        check("[2001:db8::1]", "2001:db8::1", 9327, false, "");
        check("https://a.example/pub/x/", "a.example", 443, true, "/pub/x");
        let long = format!("http://a.example/{}", "x".repeat(5_000));
        for wrong in [
            "",
            "ftp://a.example",
            "http://",
            "a b",
            "http://user:secret@a.example",
            "http://a.example/?x=1",
            "http://a.example:99999",
            "http://:80",
            "http://a.example:",
            "http://a.example:8o",
            &long,
        ] {
            assert_eq!(Address::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn host_headers_name_the_port_unless_it_is_the_usual_one() {
        let header = |text| Address::parse(text).unwrap().0.header();
        assert_eq!(header("http://a.example"), "a.example");
        assert_eq!(header("https://a.example:443"), "a.example");
        assert_eq!(header("https://a.example:80"), "a.example:80");
        assert_eq!(header("[::1]"), "[::1]:9327");
    }

    #[test]
    fn redirects_lead_to_the_same_host_alone() {
        let from = |text| Address::parse(text).unwrap().0;
        let plain = from("http://a.example");
        let lead = |location| plain.redirect("/v1/feeds?x", location);
        for (location, path) in [
            ("/v2/feeds?y=1", "/v2/feeds?y=1"),
            ("other", "/v1/other"),
            ("http://a.example/x", "/x"),
            ("http://A.EXAMPLE:80", "/"),
        ] {
            assert_eq!(lead(location), Some((plain.clone(), path.to_owned())));
        }
        let safe = from("https://a.example");
        let to = Some((safe.clone(), "/x".to_owned()));
        assert_eq!(lead("https://a.example/x"), to);
        for other in [
            "http://b.example/x",
            "//b.example/x",
            "http://a.example:8080/x",
            "https://a.example:8443/x",
            "http://a.example@b.example/",
            "ftp://a.example/x",
            "http://a.example.b.example/",
            "",
            "\u{1}",
        ] {
            let is_elsewhere =
                lead(other).is_none_or(|(address, _)| address == plain && other.is_empty());
            assert!(is_elsewhere, "{other}");
        }
        assert_eq!(safe.redirect("/", "http://a.example/x"), None);
        let port = from("http://a.example:9327");
        assert_eq!(port.redirect("/", "https://a.example/x"), None);
    }
}
