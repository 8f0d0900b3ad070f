//! A UDP proxy between endpoints, so that a test can cut the path between them.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a thread may wait for a datagram before it looks whether the proxy is gone.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// The longest datagram.
const DATAGRAM_MAX: usize = 64 * 1024;

/// Stands between endpoints that are told its addresses instead of each other's own.
///
/// Each own address has one socket of the proxy. What arrives there goes to the own address, and comes from the
/// socket that stands for its sender, so that both ends see one address of the other. Datagrams of senders that
/// never asked for a socket are dropped.
#[derive(Clone)]
pub struct UdpProxy(Arc<Shared>);

struct Shared {
    /// By own address: the socket that stands for it.
    sockets: Mutex<HashMap<SocketAddr, Arc<UdpSocket>>>,
    cut: AtomicBool,
    /// Datagrams passed on.
    passed: AtomicU64,
}

impl Default for UdpProxy {
    fn default() -> UdpProxy {
        UdpProxy(Arc::new(Shared {
            sockets: Mutex::default(),
            cut: AtomicBool::new(false),
            passed: AtomicU64::new(0),
        }))
    }
}

impl UdpProxy {
    /// The address that others are to be told instead of `own`.
    ///
    /// # Errors
    /// The system's, when it has no socket on that address.
    pub fn stand_in_for(&self, own: SocketAddr) -> io::Result<SocketAddr> {
        let mut sockets = self.0.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = sockets.get(&own) {
            return socket.local_addr();
        }
        let socket = UdpSocket::bind(SocketAddr::new(own.ip(), 0))?;
        socket.set_read_timeout(Some(LOOK_INTERVAL))?;
        let address = socket.local_addr()?;
        let socket = Arc::new(socket);
        sockets.insert(own, Arc::clone(&socket));
        let shared = Arc::downgrade(&self.0);
        thread::spawn(move || {
            let mut bytes = vec![0; DATAGRAM_MAX];
            loop {
                let received = socket.recv_from(&mut bytes);
                let Some(shared) = shared.upgrade() else { return };
                // An error is a time-out, or tells of an earlier datagram that found nobody.
                if let Ok((length, sender)) = received {
                    shared.pass(&bytes[..length], sender, own);
                }
            }
        });
        Ok(address)
    }

    /// From now on nothing passes.
    pub fn cut(&self) {
        self.0.cut.store(true, Ordering::Relaxed);
    }

    /// Everything passes again.
    pub fn heal(&self) {
        self.0.cut.store(false, Ordering::Relaxed);
    }

    /// Datagrams that were passed on so far.
    pub fn passed(&self) -> u64 {
        self.0.passed.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn pass(&self, bytes: &[u8], sender: SocketAddr, to: SocketAddr) {
        if self.cut.load(Ordering::Relaxed) {
            return;
        }
        let through = {
            let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
            // A browser that does not choose among interfaces is told of one and may send from another.
            let same_port =
                || sockets.iter().find(|(own, _)| own.port() == sender.port()).map(|(_, found)| found);
            sockets.get(&sender).or_else(same_port).cloned()
        };
        // What cannot be sent is lost, as on any network.
        if let Some(through) = through
            && through.send_to(bytes, to).is_ok()
        {
            self.passed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_passes_on_under_stand_ins_until_cut() {
        let proxy = UdpProxy::default();
        let end = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (one, other) = (end(), end());
        other.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let one_stands = proxy.stand_in_for(one.local_addr().unwrap()).unwrap();
        let other_stands = proxy.stand_in_for(other.local_addr().unwrap()).unwrap();
        let mut bytes = [0; 9];
        one.send_to(b"first", other_stands).unwrap();
        assert_eq!(other.recv_from(&mut bytes).unwrap(), (5, one_stands));
        proxy.cut();
        one.send_to(b"second", other_stands).unwrap();
        other.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert!(other.recv_from(&mut bytes).is_err(), "nothing passes");
        proxy.heal();
        other.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        one.send_to(b"third", other_stands).unwrap();
        assert_eq!(other.recv_from(&mut bytes).unwrap(), (5, one_stands));
        assert_eq!(&bytes[..5], b"third");
    }
}
