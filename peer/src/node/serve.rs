//! Serving: listens, tells where, answers until told to stop.

use super::{Node, Options, Stop, open};
use crate::api::{Code, Event, Failure};
use crate::io::server::{self, Served};
use levada_feed::key::FeedKey;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Where a serving node can be reached.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Addresses that are listened on.
    pub listen: Vec<SocketAddr>,
    /// Links of the feeds served, with `via` hints of these addresses: (name, link).
    pub links: Vec<(String, String)>,
}

/// Serves until stopped.
///
/// # Errors
/// What the person reads, and the exit code.
pub async fn serve(
    options: &Options,
    listen: &[SocketAddr],
    ready: impl FnOnce(Serving),
    events: mpsc::Sender<Event>,
    mut stop: Stop,
) -> Result<(), Failure> {
    let node = open(options).await?;
    let listeners = bind(listen, &events).await?;
    let addresses: Vec<SocketAddr> = listeners
        .iter()
        .filter_map(|listener| listener.local_addr().ok())
        .collect();
    let served = Arc::new(Served::new(
        node.disk.clone(),
        node.blobs.clone(),
        node.evidence.clone(),
        listed(&node)?,
        node.news.clone(),
    ));
    let mut serving = tokio::task::JoinSet::new();
    match super::local::listen(&node) {
        Ok(socket) => {
            let handler = super::local::handler(&node);
            serving.spawn(crate::io::local::serve(socket, handler, stop.clone()));
        }
        Err(Failure { message, hint, .. }) => {
            super::tell(&events, Event::Warning { message, hint }).await;
        }
    }
    ready(Serving {
        links: links(&node, &addresses)?,
        listen: addresses,
    });
    for listener in listeners {
        serving.spawn(server::serve(listener, served.clone(), stop.clone()));
    }
    serving.spawn(super::live::live(node.clone(), events, stop.clone()));
    // An error here means that whoever could stop us is gone: then it is time to stop.
    let _ = stop.wait_for(|stop| *stop).await;
    while serving.join_next().await.is_some() {}
    let _ = std::fs::remove_file(node.dirs.socket());
    let closed = tokio::task::spawn_blocking(move || node.close()).await;
    closed
        .map_err(|_| Failure::new(Code::Failed, "the store was not closed"))?
        .map_err(Failure::from)
}

/// Listens on each address. One that cannot be had is told; it is an error when none can.
async fn bind(
    listen: &[SocketAddr],
    events: &mpsc::Sender<Event>,
) -> Result<Vec<TcpListener>, Failure> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut failures = Vec::new();
    for address in listen {
        match TcpListener::bind(address).await {
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
            super::tell(
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

fn why(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "another process listens there".into(),
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address".into(),
        _ => super::words::io_words(error),
    }
}

/// Own feeds: what one merely follows is served to those who ask by its key, and not listed.
fn listed(node: &Node) -> Result<Vec<FeedKey>, Failure> {
    let keys = node.keys.list()?;
    let mut feeds: Vec<FeedKey> = keys.into_iter().map(|key| key.feed).collect();
    feeds.sort();
    Ok(feeds)
}

fn links(node: &Node, addresses: &[SocketAddr]) -> Result<Vec<(String, String)>, Failure> {
    let mut links = Vec::new();
    let hints = hints(addresses);
    for feed in node.known_feeds()? {
        if node.disk.head(&feed)?.is_none() {
            continue;
        }
        let mut link = super::show::link(node, &feed)?;
        link.via.clone_from(&hints);
        links.push((node.nickname(&feed), link.to_string()));
    }
    Ok(links)
}

/// Addresses that others can dial: of a listener on all interfaces, the one that leads out, and loopback.
fn hints(addresses: &[SocketAddr]) -> Vec<String> {
    let mut hints = Vec::new();
    for address in addresses {
        if address.ip().is_unspecified() {
            // A socket for IPv6 serves IPv4 too.
            let out_v6 = address.is_ipv6().then(|| outward(true)).flatten();
            let loopback: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
            for ip in outward(false).into_iter().chain(out_v6).chain([loopback]) {
                hints.push(format!("http://{}", SocketAddr::new(ip, address.port())));
            }
        } else {
            hints.push(format!("http://{address}"));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    hints.retain(|hint| seen.insert(hint.clone()));
    hints
}

/// The address that this machine would use to reach others. Nothing is sent: connecting a datagram socket only asks the
/// routing table.
fn outward(is_v6: bool) -> Option<IpAddr> {
    // Addresses set aside for documentation: they belong to nobody.
    let (bind, to): (SocketAddr, SocketAddr) = if is_v6 {
        (
            (Ipv6Addr::UNSPECIFIED, 0).into(),
            (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
        )
    } else {
        (
            (Ipv4Addr::UNSPECIFIED, 0).into(),
            (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
        )
    };
    let socket = std::net::UdpSocket::bind(bind).ok()?;
    socket.connect(to).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
}
