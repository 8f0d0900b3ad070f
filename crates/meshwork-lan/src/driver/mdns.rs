//! Multicast DNS (RFC 6762, RFC 6763): addresses of further programs if broadcast is blocked. Nothing else is read from it.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use mdns_sd::{IfKind, Receiver, ScopedIp, ServiceDaemon, ServiceEvent, ServiceInfo};

const SERVICE: &str = "_meshwork._udp.local.";
/// Addresses that are taken from one answer.
const ADDRESSES_MAX: usize = 8;

/// A registration of this program, and a search for others, until dropped.
pub(super) struct Mdns {
    daemon: ServiceDaemon,
    found: Receiver<ServiceEvent>,
}

impl Mdns {
    /// Registers `port` under a name that says nothing.
    pub(super) fn start(port: u16, instance: &str, interfaces: &[String]) -> Result<Mdns, mdns_sd::Error> {
        let daemon = ServiceDaemon::new()?;
        if !interfaces.is_empty() {
            daemon.disable_interface(IfKind::All)?;
            let names: Vec<IfKind> = interfaces.iter().cloned().map(IfKind::Name).collect();
            daemon.enable_interface(names)?;
        }
        let nothing: [(&str, &str); 0] = [];
        let host = format!("{instance}.local.");
        let own = ServiceInfo::new(SERVICE, instance, &host, "", port, &nothing[..])?.enable_addr_auto();
        daemon.register(own)?;
        let found = daemon.browse(SERVICE)?;
        Ok(Mdns { daemon, found })
    }

    /// Waits for addresses of a program, this one's own among them. Dropping the future loses nothing.
    pub(super) async fn next(mdns: Option<&Mdns>) -> Vec<SocketAddr> {
        let Some(Mdns { found, .. }) = mdns else { return std::future::pending().await };
        loop {
            match found.recv_async().await {
                Ok(ServiceEvent::ServiceResolved(found)) => {
                    return found
                        .addresses
                        .iter()
                        .take(ADDRESSES_MAX)
                        .map(|address| socket_address(address, found.port))
                        .collect();
                }
                Ok(_) => {}
                // The daemon has ended: nothing comes any more.
                Err(_) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Mdns {
    fn drop(&mut self) {
        // An error says that it has ended before.
        let _ = self.daemon.shutdown();
    }
}

fn socket_address(address: &ScopedIp, port: u16) -> SocketAddr {
    match (address, address.to_ip_addr()) {
        (ScopedIp::V6(scoped), IpAddr::V6(ip)) => {
            SocketAddrV6::new(ip, port, 0, scoped.scope_id().index).into()
        }
        (_, ip) => SocketAddr::new(ip, port),
    }
}
