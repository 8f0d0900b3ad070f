//! The UDP sockets of one program, and the interfaces that they use.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ops::RangeInclusive;
use std::time::Duration;

use if_addrs::{IfAddr, get_if_addrs};
use socket2::{Domain, Protocol, SockRef, Type};
use tokio::net::UdpSocket;

use crate::discovery::{Interface, Socket};
use crate::lsnp;

/// Announcements go to this group too: some access points pass multicast where they drop broadcast.
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 87);
/// The group of IPv6, where there is no broadcast.
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0, 0x4d57);
/// Beyond the largest datagram of docs/protocol/lan.md, so that a longer one is seen as such.
const READ_MAX: usize = 1_500;
/// Pause of the sockets after an error.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// The longest datagram of UDP over IPv4.
const LSNP_READ_MAX: usize = 65_507;

/// The socket on which a datagram came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum On {
    Ours(Socket),
    Lsnp,
}

/// All sockets. Those of IPv6 are missing on a machine without it.
pub(super) struct Sockets {
    main: UdpSocket,
    main_v6: Option<UdpSocket>,
    shared: UdpSocket,
    group: Option<UdpSocket>,
    /// The port of LSNP.
    lsnp: Option<UdpSocket>,
    shared_port: u16,
    joined: Vec<Interface>,
}

/// Space for one datagram of each socket.
pub(super) struct Buffers([Vec<u8>; 5]);

impl Buffers {
    pub(super) fn new() -> Buffers {
        // Messages of LSNP come to the main socket, too.
        let sizes = [LSNP_READ_MAX, READ_MAX, READ_MAX, READ_MAX, LSNP_READ_MAX];
        Buffers(sizes.map(|size| vec![0; size]))
    }
}

impl Sockets {
    /// Opens the first free port of `ports`, and the shared port.
    pub(super) fn open(
        ports: RangeInclusive<u16>,
        shared_port: u16,
        speaks_lsnp: bool,
    ) -> io::Result<Sockets> {
        let main = first_free(ports)?;
        let port = main.local_addr()?.port();
        let taken = |error: io::Error| {
            let words = format!("the shared UDP port {shared_port} cannot be opened: {error}");
            io::Error::new(error.kind(), words)
        };
        Ok(Sockets {
            main,
            main_v6: bind(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port, false).ok(),
            shared: bind(IpAddr::V4(Ipv4Addr::UNSPECIFIED), shared_port, true).map_err(taken)?,
            group: bind(IpAddr::V6(Ipv6Addr::UNSPECIFIED), shared_port, true).ok(),
            // Without it peers of LSNP are heard at the main port, to which they answer.
            lsnp: speaks_lsnp
                .then(|| bind(IpAddr::V4(Ipv4Addr::UNSPECIFIED), lsnp::PORT, true).ok())
                .flatten(),
            shared_port,
            joined: Vec::new(),
        })
    }

    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.main.local_addr()?.port())
    }

    /// Takes the interfaces that announcements are sent to and heard from.
    pub(super) fn use_interfaces(&mut self, interfaces: &[Interface]) {
        for interface in interfaces.iter().filter(|interface| !self.joined.contains(interface)) {
            // An interface without multicast is heard by broadcast. One that came back is still joined.
            let _ = match interface.address {
                IpAddr::V4(address) => SockRef::from(&self.shared).join_multicast_v4(&GROUP_V4, &address),
                IpAddr::V6(_) => match &self.group {
                    Some(group) => SockRef::from(group).join_multicast_v6(&GROUP_V6, interface.index),
                    None => Ok(()),
                },
            };
        }
        self.joined = interfaces.to_vec();
    }

    /// Waits for a datagram, and passes it to `handle`. Dropping the future loses nothing.
    pub(super) async fn receive(&self, buffers: &mut Buffers, handle: impl FnOnce(On, SocketAddr, &[u8])) {
        let [first, second, third, fourth, fifth] = &mut buffers.0;
        let (socket, read, buffer) = tokio::select! {
            read = self.main.recv_from(first) => (On::Ours(Socket::Main), read, first),
            read = recv(self.main_v6.as_ref(), second) => (On::Ours(Socket::Main), read, second),
            read = self.shared.recv_from(third) => (On::Ours(Socket::Shared), read, third),
            read = recv(self.group.as_ref(), fourth) => (On::Ours(Socket::Group), read, fourth),
            read = recv(self.lsnp.as_ref(), fifth) => (On::Lsnp, read, fifth),
        };
        match read {
            Ok((length, from)) => handle(socket, from, buffer.get(..length).unwrap_or_default()),
            // Windows reports here that a datagram of ours arrived at no socket. An interface that fails reports on and on.
            Err(error) => {
                tracing::trace!(%error, "a datagram was not received");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
        }
    }

    /// Sends a datagram to one address. A lost one is as any that the network loses.
    pub(super) fn send(&self, from: Socket, to: SocketAddr, bytes: &[u8]) {
        let socket = match (from, to) {
            (Socket::Main, SocketAddr::V4(_)) => Some(&self.main),
            (Socket::Main, SocketAddr::V6(_)) => self.main_v6.as_ref(),
            (Socket::Shared | Socket::Group, SocketAddr::V4(_)) => Some(&self.shared),
            (Socket::Shared | Socket::Group, SocketAddr::V6(_)) => self.group.as_ref(),
        };
        if let Some(socket) = socket {
            send_by(socket, to, bytes);
        }
    }

    /// Sends a message of LSNP, from the main socket if the other could not be opened.
    pub(super) fn send_lsnp(&self, from: lsnp::Socket, to: SocketAddr, bytes: &[u8]) {
        match (from, &self.lsnp) {
            (lsnp::Socket::Lsnp, Some(socket)) => send_by(socket, to, bytes),
            _ => self.send(Socket::Main, to, bytes),
        }
    }

    /// Sends a datagram to the shared port of all programs on the network of an interface, by its position.
    pub(super) fn send_to_all(&self, interface: usize, bytes: &[u8]) {
        let Some(interface) = self.joined.get(interface) else { return };
        match interface.address {
            IpAddr::V4(address) => {
                let broadcast = interface.broadcast.filter(|broadcast| *broadcast != address);
                if let Some(broadcast) = broadcast {
                    self.send(Socket::Main, (broadcast, self.shared_port).into(), bytes);
                }
                if SockRef::from(&self.main).set_multicast_if_v4(&address).is_ok() {
                    self.send(Socket::Main, (GROUP_V4, self.shared_port).into(), bytes);
                }
            }
            IpAddr::V6(_) => {
                let to = SocketAddrV6::new(GROUP_V6, self.shared_port, 0, interface.index);
                self.send(Socket::Main, to.into(), bytes);
            }
        }
    }
}

fn send_by(socket: &UdpSocket, to: SocketAddr, bytes: &[u8]) {
    if let Err(error) = SockRef::from(socket).send_to(bytes, &to.into()) {
        tracing::trace!(%to, %error, "a datagram was not sent");
    }
}

async fn recv(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buffer).await,
        None => std::future::pending().await,
    }
}

fn first_free(ports: RangeInclusive<u16>) -> io::Result<UdpSocket> {
    let (first, last) = (*ports.start(), *ports.end());
    let mut error = io::Error::new(io::ErrorKind::InvalidInput, "the range is empty");
    for port in ports {
        match bind(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port, false) {
            Ok(socket) => return Ok(socket),
            Err(other) => error = other,
        }
    }
    let words = format!("no UDP port of {first} to {last} is free: choose others ({error})");
    Err(io::Error::new(error.kind(), words))
}

fn bind(address: IpAddr, port: u16, is_shared: bool) -> io::Result<UdpSocket> {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv4() {
        socket.set_broadcast(true)?;
    } else {
        socket.set_only_v6(true)?;
    }
    if is_shared {
        socket.set_reuse_address(true)?;
        // Systems of BSD's kind share a port by this one alone. Linux would then give each datagram to one socket.
        #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((address, port)).into())?;
    UdpSocket::from_std(socket.into())
}

/// Beginnings of names of networks inside this machine, for containers and virtual machines.
const INSIDE: [&str; 6] = ["docker", "br-", "veth", "virbr", "vboxnet", "vmnet"];

/// Our own address towards the internet, if there is a default route. Nothing is sent.
fn default_route() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documents: connecting chooses a route and sends nothing.
    socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The interfaces that are up: that of the default route first unless it is a tunnel, then other networks, those inside this
/// machine, tunnels, and loopback. `names` chooses among them; empty for all.
pub(super) fn interfaces(names: &[String]) -> Vec<Interface> {
    let default = default_route();
    let mut found: Vec<_> = get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|one| one.is_oper_up() && (names.is_empty() || names.contains(&one.name)))
        .map(|one| {
            let (prefix, broadcast) = match &one.addr {
                // Linux has no broadcast address on loopback, and yet a route to it.
                IfAddr::V4(v4) if v4.ip.is_loopback() => (v4.prefixlen, Some(last_of(v4.ip, v4.prefixlen))),
                IfAddr::V4(v4) => (v4.prefixlen, v4.broadcast),
                IfAddr::V6(v6) => (v6.prefixlen, None),
            };
            let is_inside = INSIDE.iter().any(|inside| one.name.starts_with(inside));
            let is_default = default == Some(one.ip());
            let rank = (one.is_loopback(), one.is_p2p(), !is_default, is_inside);
            let index = one.index.unwrap_or(0);
            (rank, Interface { address: one.ip(), prefix, broadcast, index, name: one.name })
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, interface)| interface).collect()
}

fn last_of(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(address) | u32::MAX.checked_shr(prefix.into()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_address_of_a_network_is_its_broadcast() {
        assert_eq!(last_of(Ipv4Addr::LOCALHOST, 8), Ipv4Addr::new(127, 255, 255, 255));
        assert_eq!(last_of(Ipv4Addr::new(10, 0, 0, 7), 32), Ipv4Addr::new(10, 0, 0, 7));
        assert_eq!(last_of(Ipv4Addr::new(10, 0, 0, 7), 0), Ipv4Addr::BROADCAST);
    }

    #[test]
    fn loopback_is_an_interface() {
        let found = interfaces(&[]);
        let loopback = found.iter().find(|one| one.address == IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert!(loopback.is_some_and(|one| one.broadcast.is_some()), "{found:?}");
        assert!(interfaces(&[String::from("no-such-name")]).is_empty());
    }

    fn open(shared_port: u16) -> Sockets {
        let mut sockets = Sockets::open(0..=0, shared_port, false).unwrap();
        let loopback = if cfg!(target_os = "linux") { "lo" } else { "lo0" };
        sockets.use_interfaces(&interfaces(&[loopback.to_owned()]));
        sockets
    }

    /// The next datagram, with the socket and the sender's port.
    async fn next(sockets: &Sockets, buffers: &mut Buffers) -> (On, u16, Vec<u8>) {
        let mut heard = None;
        while heard.is_none() {
            let handle = |on, from: SocketAddr, bytes: &[u8]| heard = Some((on, from.port(), bytes.to_vec()));
            sockets.receive(buffers, handle).await;
        }
        heard.unwrap()
    }

    #[tokio::test]
    async fn programs_of_one_machine_share_a_port() {
        let first = open(0);
        let shared_port = first.shared.local_addr().unwrap().port();
        drop(first);
        let (first, second, mut buffers) = (open(shared_port), open(shared_port), Buffers::new());
        let (from, expected) = (first.port().unwrap(), b"hello".to_vec());
        (0..first.joined.len()).for_each(|interface| first.send_to_all(interface, &expected));
        for sockets in [&first, &second] {
            let heard = next(sockets, &mut buffers).await;
            assert!(matches!(heard.0, On::Ours(Socket::Shared | Socket::Group)), "{heard:?}");
            assert_eq!((heard.1, &heard.2), (from, &expected));
        }
        second.send(Socket::Main, (Ipv4Addr::LOCALHOST, from).into(), b"back");
        let answer = loop {
            let heard = next(&first, &mut buffers).await;
            if heard.0 == On::Ours(Socket::Main) {
                break heard;
            }
        };
        assert_eq!((answer.1, answer.2), (second.port().unwrap(), b"back".to_vec()));
    }
}
