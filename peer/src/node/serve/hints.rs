//! Where others may dial a node that listens: hints for its links.

use crate::node::Node;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

impl Node {
    /// Where others can dial this node; nowhere when it does not serve.
    pub(in crate::node) fn hints(&self) -> Vec<String> {
        self.served_at
            .get()
            .map_or_else(Vec::new, |served| hints(served))
    }
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
