//! Where a node listens: for peers, and for calls of this machine. As it is named, and bound.
//!
//! What the command line says comes first, then the settings, then the usual ports.

use super::tell;
use crate::api::{Code, Event, Failure};
use crate::io::client::DEFAULT_PORT;
use crate::io::local::DEFAULT_API_PORT;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;

/// Connections of peers that may wait to be taken; the system may have a lower bound.
const BACKLOG: u32 = 4_096;

/// Where to listen for peers, as it was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// On one address.
    At(SocketAddr),
    /// On this port of all addresses.
    Port(u16),
}

/// The text is no address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address is ADDRESS:PORT, ADDRESS or PORT, as in 127.0.0.1:{DEFAULT_PORT}")]
pub struct NotAnAddress;

impl FromStr for Listen {
    type Err = NotAnAddress;
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        read(text, DEFAULT_PORT)
    }
}

/// Reads `ADDRESS:PORT`, `ADDRESS` or `PORT`.
fn read(text: &str, usual: u16) -> Result<Listen, NotAnAddress> {
    let named = match text.strip_prefix("localhost") {
        Some(rest) if rest.is_empty() || rest.starts_with(':') => format!("127.0.0.1{rest}"),
        _ => text.to_owned(),
    };
    if let Ok(address) = named.parse() {
        return Ok(Listen::At(address));
    }
    let bare = named
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(&named);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(Listen::At((ip, usual).into()));
    }
    let port = named.strip_prefix(':').unwrap_or(&named);
    port.parse().map(Listen::Port).map_err(|_| NotAnAddress)
}

/// Where to take calls of this machine, as it was named: `off`, or an address of loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiListen(Option<Listen>);

/// The text is no address to take calls on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("calls are taken on loopback only: an address is off, PORT, 127.0.0.1:PORT or [::1]:PORT")]
pub struct NotLocal;

impl ApiListen {
    /// Nowhere.
    pub const OFF: Self = Self(None);
}

impl FromStr for ApiListen {
    type Err = NotLocal;
    fn from_str(text: &str) -> Result<Self, NotLocal> {
        if text == "off" {
            return Ok(Self::OFF);
        }
        match read(text, DEFAULT_API_PORT) {
            // What a request may call this machine is one of these, spec/local.md.
            Ok(Listen::At(at)) if [V4, V6].contains(&at.ip()) => Ok(Self(Some(Listen::At(at)))),
            Ok(Listen::Port(port)) => Ok(Self(Some(Listen::Port(port)))),
            _ => Err(NotLocal),
        }
    }
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Where to listen for peers: port 9327 of all addresses when nothing is named.
pub(super) fn for_peers(named: &[Listen]) -> Vec<SocketAddr> {
    let every = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
    addresses(named.iter().copied(), every, DEFAULT_PORT)
}

/// Where to take calls: port 9328 of loopback when nothing is named; nowhere when `off` is.
pub(super) fn for_calls(named: &[ApiListen]) -> Vec<SocketAddr> {
    if named.contains(&ApiListen::OFF) {
        return Vec::new();
    }
    let named = named.iter().filter_map(|named| named.0);
    addresses(named, [V4, V6], DEFAULT_API_PORT)
}

fn addresses(
    named: impl Iterator<Item = Listen>,
    every: [IpAddr; 2],
    usual: u16,
) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for named in named {
        match named {
            Listen::At(address) => addresses.push(address),
            Listen::Port(port) => addresses.extend(every.map(|ip| SocketAddr::from((ip, port)))),
        }
    }
    if addresses.is_empty() {
        addresses.extend(every.map(|ip| SocketAddr::from((ip, usual))));
    }
    addresses
}

/// Reads what the settings name.
pub(super) fn read_all<T: FromStr>(setting: &str, texts: &[String]) -> Result<Vec<T>, Failure>
where
    T::Err: fmt::Display,
{
    let read = texts.iter().map(|text| {
        text.parse().map_err(|why: T::Err| {
            Failure::new(
                Code::Usage,
                format!("config.toml: {setting} = {text:?}: {why}"),
            )
            .hint("`levada config check` says which file that is")
        })
    });
    read.collect()
}

/// Listens for calls on each address. One that cannot be had is told.
pub(super) async fn bind_local(
    addresses: &[SocketAddr],
    events: &mpsc::Sender<Event>,
) -> Vec<TcpListener> {
    let mut listeners = Vec::new();
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => listeners.push(listener),
            // A machine without IPv6 has one loopback less, and nobody misses it.
            Err(error)
                if address.is_ipv6()
                    && error.kind() == io::ErrorKind::AddrNotAvailable
                    && addresses.len() > 1 => {}
            Err(error) => {
                let why = why(&error);
                let message =
                    format!("{address}: calls of this machine are not taken there: {why}");
                let hint = "commands still reach this node by its socket; another address is named with --api";
                let hint = Some(hint.to_owned());
                tell(events, Event::Warning { message, hint }).await;
            }
        }
    }
    listeners
}

/// Listens where many may come at once, as all followers do after a restart: the usual short queue would make those beyond it
/// wait for a second each.
fn bind_for_peers(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A restart finds its port, although connections of before are not forgotten yet.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Listens on each address. One that cannot be had is told; it is an error when none can.
pub(super) async fn bind(
    listen: &[SocketAddr],
    events: &mpsc::Sender<Event>,
) -> Result<Vec<TcpListener>, Failure> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut failures = Vec::new();
    for address in listen {
        match bind_for_peers(*address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => failures.push((address, error)),
        }
    }
    // Where `[::]` serves both kinds of addresses, `0.0.0.0` is taken by ourselves.
    let is_served = |address: &SocketAddr| {
        address.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED)
            && listeners.iter().any(|listener| {
                listener.local_addr().is_ok_and(|local| {
                    local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
                        && local.port() == address.port()
                })
            })
    };
    for (address, error) in failures {
        let message = format!("{address}: cannot listen: {}", why(&error));
        if listeners.is_empty() {
            return Err(Failure::new(Code::Failed, message)
                .hint("choose another address with --listen ADDRESS:PORT"));
        }
        if !is_served(address) {
            tell(
                events,
                Event::Warning {
                    message,
                    hint: None,
                },
            )
            .await;
        }
    }
    Ok(listeners)
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there".into(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".into(),
        _ => super::words::io_words(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_short_forms() {
        let at = |text: &str| Ok(Listen::At(text.parse().unwrap()));
        for (text, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("127.0.0.1", "127.0.0.1:9327"),
            ("localhost", "127.0.0.1:9327"),
            ("localhost:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
            ("[::1]", "[::1]:9327"),
            ("::1", "[::1]:9327"),
            ("::", "[::]:9327"),
        ] {
            assert_eq!(text.parse(), at(expected), "{text}");
        }
        assert_eq!("8080".parse(), Ok(Listen::Port(8080)));
        assert_eq!(":8080".parse(), Ok(Listen::Port(8080)));
        for text in [
            "",
            "x",
            "1.2.3",
            "65536",
            "-1",
            "http://1.2.3.4",
            "localhostx",
        ] {
            assert_eq!(text.parse::<Listen>(), Err(NotAnAddress), "{text}");
        }
    }

    #[test]
    fn calls_are_taken_on_loopback_only() {
        let at = |text: &str| for_calls(&[text.parse().unwrap()]);
        let shown = |addresses: Vec<SocketAddr>| -> Vec<String> {
            addresses.iter().map(ToString::to_string).collect()
        };
        assert_eq!(shown(for_calls(&[])), ["127.0.0.1:9328", "[::1]:9328"]);
        assert_eq!(shown(at("9000")), ["127.0.0.1:9000", "[::1]:9000"]);
        assert_eq!(shown(at("localhost")), ["127.0.0.1:9328"]);
        assert_eq!(shown(at("[::1]:0")), ["[::1]:0"]);
        assert!(at("off").is_empty());
        for text in ["0.0.0.0:9328", "[::]", "192.0.2.1:1", "127.0.0.2", "", "on"] {
            assert_eq!(text.parse::<ApiListen>(), Err(NotLocal), "{text}");
        }
    }

    #[test]
    fn peers_are_served_on_all_addresses_unless_told_otherwise() {
        let shown = |named: &[Listen]| -> Vec<String> {
            for_peers(named).iter().map(ToString::to_string).collect()
        };
        assert_eq!(shown(&[]), ["[::]:9327", "0.0.0.0:9327"]);
        assert_eq!(shown(&[Listen::Port(80)]), ["[::]:80", "0.0.0.0:80"]);
        let one = "127.0.0.1:80".parse().unwrap();
        assert_eq!(shown(&[one]), ["127.0.0.1:80"]);
    }

    #[test]
    fn wrong_address_in_the_settings_is_named() {
        let wrong = ["9000".to_owned(), "nowhere".to_owned()];
        let failure = read_all::<Listen>("listen", &wrong).unwrap_err();
        assert_eq!(failure.code, Code::Usage);
        assert!(
            failure.message.contains("listen = \"nowhere\""),
            "{failure:?}"
        );
        assert_eq!(
            read_all("listen", &wrong[..1]),
            Ok(vec![Listen::Port(9000)])
        );
    }
}
