//! The relay on real sockets: one thread for everything that is a datagram, one task for each stream.
//!
//! What a relay does is mostly handing packets to the system and taking them from it. So the thread takes many in
//! one call, and hands over together what goes the same way (`UDP_SEGMENT`); it never sleeps in an executor.

mod batch;
mod datagrams;
mod driver;
mod stream;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread;

use meshwork_core::rng::Seed;
use socket2::{Domain, Protocol, Type};
use tokio::task::JoinHandle;

use super::config::{Config, ConfigError};
use super::counts::Counts;
use super::relay::Relay;
use crate::http::Tls;
use driver::{Bell, Driver};
pub use stream::Handle;

/// Bytes that the system keeps for the sockets towards clients, if it allows as much: some milliseconds at full speed.
const LISTENER_BUFFER: usize = 4 * 1024 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Where clients speak to a relay.
#[derive(Debug, Default)]
pub struct Listeners {
    /// For datagrams. A socket of IPv6 must not take IPv4 as well.
    pub udp: Vec<UdpSocket>,
    /// For TCP.
    pub tcp: Vec<TcpListener>,
}

/// Why no relay was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// What was asked of it is not legal.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A socket cannot listen. Choose another address.
    #[error("the relay cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused what every relay needs: a thread, or a means to wait for sockets.
    #[error("the system does not let a relay run")]
    System(#[from] io::Error),
}

/// A relay that runs until this is dropped.
#[derive(Debug)]
pub struct Server {
    counts: Arc<Counts>,
    handle: Handle,
    bell: Arc<Bell>,
    udp: Vec<SocketAddr>,
    tcp: Vec<SocketAddr>,
    accepting: Vec<JoinHandle<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Listeners {
    /// Listens on each address, for datagrams and for TCP. Port 0 takes one that is free for both.
    ///
    /// # Errors
    /// [`ServeError::Listen`] with the address that cannot be had.
    pub fn bind(addresses: &[SocketAddr]) -> Result<Listeners, ServeError> {
        /// How often another free port is tried, where one is free for datagrams alone.
        const TRIES: usize = 8;
        let mut listeners = Listeners::default();
        for &address in addresses {
            let tries = if address.port() == 0 { TRIES } else { 1 };
            let mut both = listen(address);
            for _ in 1..tries {
                if both.is_err() {
                    both = listen(address);
                }
            }
            let (udp, tcp) = both.map_err(|source| ServeError::Listen { address, source })?;
            listeners.udp.push(udp);
            listeners.tcp.push(tcp);
        }
        Ok(listeners)
    }
}

/// Starts a relay on `listeners`. Called on a tokio runtime, on which streams then run.
///
/// # Errors
/// [`ServeError`]; nothing runs.
pub fn serve(config: Config, seed: Seed, listeners: Listeners) -> Result<Server, ServeError> {
    let addresses = |locals: Vec<io::Result<SocketAddr>>| locals.into_iter().collect::<io::Result<Vec<_>>>();
    let udp = addresses(listeners.udp.iter().map(UdpSocket::local_addr).collect())?;
    let tcp = addresses(listeners.tcp.iter().map(TcpListener::local_addr).collect())?;
    let (sender, inbox) = stream::inbox();
    let relay = Relay::new(config, seed)?;
    let (counts, unread_after) = (relay.counts(), relay.config().unread_after);
    let (driver, bell) = Driver::new(relay, listeners.udp, inbox)?;
    let handle = Handle::new(sender, bell.clone(), unread_after);
    let mut accepting = Vec::new();
    for listener in listeners.tcp {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        accepting.push(tokio::spawn(stream::accept(listener, handle.clone(), None)));
    }
    let thread = thread::Builder::new().name(String::from("relay")).spawn(move || driver.run())?;
    Ok(Server { counts, handle, bell, udp, tcp, accepting, thread: Some(thread) })
}

impl Server {
    /// What the relay counts.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Has it take on other settings, as [`Relay::reconfigure`] says.
    ///
    /// # Errors
    /// [`ConfigError`]: a field is not legal, and all stays as it was.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        config.check()?;
        self.bell.reconfigure(config);
        Ok(())
    }

    /// Brings streams to the relay that were accepted elsewhere, such as TLS.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Speaks TLS with the certificate of `tls` on one more address, and says which that is.
    ///
    /// # Errors
    /// [`ServeError::Listen`]; what listened before goes on.
    pub fn listen_tls(&mut self, address: SocketAddr, tls: Arc<Tls>) -> Result<SocketAddr, ServeError> {
        let failed = |source| ServeError::Listen { address, source };
        let listener = listen_tcp(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        self.accepting.push(tokio::spawn(stream::accept(listener, self.handle.clone(), Some(tls))));
        Ok(address)
    }

    /// Where it listens for datagrams.
    pub fn udp_addresses(&self) -> &[SocketAddr] {
        &self.udp
    }

    /// Where it listens for TCP.
    pub fn tcp_addresses(&self) -> &[SocketAddr] {
        &self.tcp
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for accepting in &self.accepting {
            accepting.abort();
        }
        self.bell.stop();
        if let Some(thread) = self.thread.take() {
            // It ends within one turn; a panic of it was reported by itself.
            let _ = thread.join();
        }
    }
}

/// The address of this machine from which it reaches the world by IPv4 or IPv6, where it reaches it: the one on which
/// relayed addresses stand when an operator names none. Nothing is sent.
pub fn default_address(is_ipv4: bool) -> Option<std::net::IpAddr> {
    // Any public address will do to ask the system for its route.
    let (any, world): (SocketAddr, SocketAddr) = if is_ipv4 {
        ((Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::new(1, 1, 1, 1), 9).into())
    } else {
        let world = Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111);
        ((Ipv6Addr::UNSPECIFIED, 0).into(), (world, 9).into())
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(world).ok()?;
    socket.local_addr().ok().map(|local| local.ip()).filter(|address| !address.is_unspecified())
}

fn listen(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let udp = datagrams::socket(address)?;
    // The system may allow less, and says nothing then.
    let _ = udp.set_recv_buffer_size(LISTENER_BUFFER);
    let _ = udp.set_send_buffer_size(LISTENER_BUFFER);
    let udp = UdpSocket::from(udp);
    let tcp = listen_tcp(SocketAddr::new(address.ip(), udp.local_addr()?.port()))?;
    Ok((udp, tcp))
}

fn listen_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let tcp = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        tcp.set_only_v6(true)?;
    }
    // Connections of an earlier process, long gone, do not keep the port.
    #[cfg(unix)]
    tcp.set_reuse_address(true)?;
    tcp.bind(&address.into())?;
    tcp.listen(BACKLOG)?;
    Ok(tcp.into())
}
