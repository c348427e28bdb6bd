//! Makes connections: finds the host, tries its addresses, shakes hands.

use super::address::Address;
use super::{Connection, Reach, Remote, Unreachable, tls};
use crate::io::reach::is_global;
use crate::io::traffic::{Limited, Turns};
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Time to connect, over all addresses of the host, and again to shake hands in TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 4;

pub(super) async fn connect(remote: &Remote, address: &Address) -> Result<Connection, Unreachable> {
    let peer = || remote.name().to_owned();
    let (stream, at) = open(address, remote.inner.reach)
        .await
        .map_err(|why| Unreachable::Connect { peer: peer(), why })?;
    // Small requests should not wait for more to come; a socket that cannot say so still works.
    let _ = stream.set_nodelay(true);
    let stream = Limited::receiving(stream, &remote.inner.lanes, at);
    let turns = stream.turns();
    if !address.is_tls {
        return shake_hands(remote, TokioIo::new(stream), turns).await;
    }
    let shaking = tls::connect(&address.host, stream);
    match tokio::time::timeout(CONNECT_TIMEOUT, shaking).await {
        Ok(Ok(stream)) => shake_hands(remote, TokioIo::new(stream), turns).await,
        Ok(Err(why)) => Err(Unreachable::Tls { peer: peer(), why }),
        Err(_) => Err(Unreachable::Tls {
            peer: peer(),
            why: "no answer in 10 seconds".into(),
        }),
    }
}

/// A connection to the first address of the host that answers. Each gets its share of the time: an address that swallows
/// everything must not hide the next one.
async fn open(address: &Address, reach: Reach) -> Result<(TcpStream, IpAddr), String> {
    let silent = || "no answer in 10 seconds".to_owned();
    let looking = tokio::net::lookup_host((address.host.as_str(), address.port));
    let found: Vec<SocketAddr> = match tokio::time::timeout(CONNECT_TIMEOUT, looking).await {
        Ok(Ok(found)) => found.take(ADDRESSES_MAX).collect(),
        Ok(Err(_)) => return Err("there is no host of this name".into()),
        Err(_) => return Err(silent()),
    };
    let found: Vec<SocketAddr> = found.into_iter().filter(|one| reach.allows(one)).collect();
    if found.is_empty() {
        return Err("others named it, and it is not at an address of the whole internet".into());
    }
    let share = CONNECT_TIMEOUT / u32::try_from(found.len().max(1)).unwrap_or(1);
    let mut why = "there is no host of this name".to_owned();
    for one in found {
        match tokio::time::timeout(share, TcpStream::connect(one)).await {
            Ok(Ok(stream)) => return Ok((stream, one.ip())),
            Ok(Err(error)) => why = plain_words(&error),
            Err(_) => why = silent(),
        }
    }
    Err(why)
}

impl Reach {
    fn allows(self, address: &SocketAddr) -> bool {
        let ip = address.ip();
        match self {
            Self::Anywhere => true,
            Self::Global => is_global(ip),
            Self::GlobalOrHere => is_global(ip) || ip.is_loopback(),
        }
    }
}

async fn shake_hands<S>(
    remote: &Remote,
    stream: S,
    turns: Arc<Turns>,
) -> Result<Connection, Unreachable>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .map_err(|error| remote.protocol(&error))?;
    // Ends with the connection; its errors reach whoever waits for an answer.
    tokio::spawn(connection);
    Ok(Connection { sender, turns })
}

/// What the system says of a connection that failed, without numbers.
fn plain_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "nothing listens on this port".into(),
        std::io::ErrorKind::NetworkUnreachable | std::io::ErrorKind::HostUnreachable => {
            "no way to this host".into()
        }
        std::io::ErrorKind::TimedOut => "no answer in time".into(),
        _ => error.to_string(),
    }
}
