//! Where STUN and TURN servers are, and from which own addresses they are reached.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use meshwork_core::reach::Reach;
use meshwork_core::seam::ice_server::{IceScheme, IceServer, IceUrl};
use meshwork_core::seam::path::IceConfig;
use tokio::sync::mpsc::WeakUnboundedSender;

use super::task::Order;

/// How long the name of a server may take to be looked up: longer, and the connection is there or given up.
const LOOK_UP_MAX: Duration = Duration::from_secs(5);

/// A server at one of its addresses.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) scheme: IceScheme,
    /// As its URL names it.
    pub(super) host: String,
    pub(super) address: SocketAddr,
    pub(super) ice: IceServer,
}

/// Finds the servers that a connection may ask: those written as addresses at once, the others come as orders.
pub(super) fn find(ice: &IceConfig, own_orders: &WeakUnboundedSender<Order>) -> Vec<Found> {
    let mut found = Vec::new();
    for server in ice.usable_servers() {
        let nearest = server.nearest;
        // What is no address was refused before.
        for url in server.ice.urls.iter().filter_map(|url| IceUrl::parse(url).ok()) {
            let (ice, IceUrl { scheme, host, port }) = (server.ice.clone(), url);
            if let Ok(ip) = host.parse::<IpAddr>() {
                found.push(Found { scheme, host, address: SocketAddr::new(ip, port), ice });
                continue;
            }
            let orders = own_orders.clone();
            tokio::spawn(async move {
                let addresses = look_up(&host, port, nearest).await;
                for family in [SocketAddr::is_ipv4, SocketAddr::is_ipv6] {
                    let Some(&address) = addresses.iter().find(|address| family(address)) else { continue };
                    let found = Found { scheme, host: host.clone(), address, ice: ice.clone() };
                    if let Some(orders) = orders.upgrade() {
                        // An error says that the connection is over.
                        let _ = orders.send(Order::Found(found));
                    }
                }
            });
        }
    }
    found
}

/// The addresses of a name.
async fn look_up(host: &str, port: u16, nearest: Reach) -> Vec<SocketAddr> {
    usable(tokio::net::lookup_host((host, port)), nearest).await
}

/// What a look-up finds in time, without what is too near: a name leads wherever its owner likes.
async fn usable<A: Iterator<Item = SocketAddr>>(
    looking: impl Future<Output = io::Result<A>>,
    nearest: Reach,
) -> Vec<SocketAddr> {
    let Ok(Ok(addresses)) = tokio::time::timeout(LOOK_UP_MAX, looking).await else { return Vec::new() };
    addresses.filter(|address| Reach::of(address.ip()) >= nearest).collect()
}

/// The own addresses from which `server` can be reached, the one that the system would choose first.
pub(super) fn reach(server: SocketAddr, own: &[SocketAddr]) -> Vec<SocketAddr> {
    let chosen = route(server);
    let can = |address: &&SocketAddr| {
        let ip = address.ip();
        address.is_ipv4() == server.is_ipv4()
            && (Some(ip) == chosen || ip.is_loopback() == server.ip().is_loopback())
    };
    let mut reaching: Vec<SocketAddr> = own.iter().filter(can).copied().collect();
    reaching.sort_by_key(|address| Some(address.ip()) != chosen);
    reaching
}

/// The address that the system would send from. Nothing is sent.
fn route(server: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(server).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loopback_names_are_followed_for_local_servers_only() {
        assert!(!look_up("localhost", 9, Reach::Machine).await.is_empty());
        assert_eq!(look_up("localhost", 9, Reach::Site).await, []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_has_so_long() {
        let begun = tokio::time::Instant::now();
        let silent = std::future::pending::<io::Result<std::vec::IntoIter<SocketAddr>>>();
        assert_eq!(usable(silent, Reach::Machine).await, []);
        let late = begun.elapsed().saturating_sub(LOOK_UP_MAX);
        assert!(begun.elapsed() >= LOOK_UP_MAX && late < Duration::from_millis(2), "{late:?}");
    }

    #[test]
    fn servers_are_reached_from_addresses_of_their_kind() {
        let own: Vec<SocketAddr> = ["10.0.0.2:5", "127.0.0.1:5", "[::1]:6", "[2001:db8::2]:6"]
            .map(|text| text.parse().unwrap())
            .into();
        let reached = |server: &str| reach(server.parse().unwrap(), &own);
        assert_eq!(reached("127.0.0.1:3478"), [own[1]]);
        assert_eq!(reached("[::1]:3478"), [own[2]]);
        assert_eq!(reached("192.0.2.1:3478"), [own[0]]);
    }
}
