//! Resolves the `<uuid>.local` names under which browsers hide their host addresses.
//!
//! It is a help, not a need: a browser's own checks reach this end all the same and reveal its address. So
//! whatever goes wrong here (no multicast, port 5353 taken) only means that one way fewer is tried.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mdns_sd::{HostnameResolutionEvent, ServiceDaemon};
use tokio::sync::Semaphore;

/// How long a name is asked for. ICE is decided by then.
const RESOLVE_MAX: Duration = Duration::from_secs(3);
/// Names asked for at the same time by the whole driver; further ones are left alone.
const QUERIES_MAX: usize = 32;

/// Asks the local network for names. Copies share one multicast socket, opened at the first question.
#[derive(Clone, Default)]
pub(super) struct Resolver(Arc<Inner>);

struct Inner {
    daemon: OnceLock<Option<ServiceDaemon>>,
    queries: Semaphore,
}

impl Default for Inner {
    fn default() -> Inner {
        Inner { daemon: OnceLock::new(), queries: Semaphore::new(QUERIES_MAX) }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(Some(daemon)) = self.daemon.get() {
            // An error says that it is gone already.
            let _ = daemon.shutdown();
        }
    }
}

impl Resolver {
    /// The first address of the host that calls itself `uuid`; `None` when nobody answers in [`RESOLVE_MAX`].
    pub(super) async fn resolve(&self, uuid: [u8; 16]) -> Option<IpAddr> {
        let _permit = self.0.queries.try_acquire().ok()?;
        let daemon = self.0.daemon.get_or_init(start).as_ref()?;
        let name = host_name(uuid);
        let timeout = u64::try_from(RESOLVE_MAX.as_millis()).unwrap_or(u64::MAX);
        let answers = daemon.resolve_hostname(&name, Some(timeout)).ok()?;
        let first = async {
            while let Ok(event) = answers.recv_async().await {
                if let HostnameResolutionEvent::AddressesFound(_, addresses) = event {
                    let found = addresses.iter().map(|address| address.to_ip_addr()).find(is_usable);
                    if found.is_some() {
                        return found;
                    }
                }
            }
            None
        };
        let found = tokio::time::timeout(RESOLVE_MAX, first).await.ok().flatten();
        // An error says that the query has ended.
        let _ = daemon.stop_resolve_hostname(&name);
        found
    }
}

fn start() -> Option<ServiceDaemon> {
    ServiceDaemon::new()
        .inspect_err(|error| tracing::debug!(%error, "hidden addresses of browsers cannot be resolved"))
        .ok()
}

/// An answer comes from anybody on the network: it must pass what a candidate's plain address must pass.
fn is_usable(ip: &IpAddr) -> bool {
    let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    !(ip.is_unspecified() || ip.is_multicast() || link_local)
}

/// The name of a host that calls itself `uuid`, in the form that browsers use (RFC 9562 section 4).
fn host_name(uuid: [u8; 16]) -> String {
    use std::fmt::Write as _;
    let mut name = String::with_capacity("00000000-0000-0000-0000-000000000000.local.".len());
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            name.push('-');
        }
        write!(name, "{byte:02x}").expect("a String takes everything");
    }
    name.push_str(".local.");
    name
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn names_look_as_browsers_write_them() {
        let uuid = std::array::from_fn(|index| index as u8 * 17);
        assert_eq!(host_name(uuid), "00112233-4455-6677-8899-aabbccddeeff.local.");
    }

    #[tokio::test]
    async fn so_many_names_are_asked_for_at_once() {
        let resolver = Resolver::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut ask = |number: usize| {
            let mut asking = Box::pin(resolver.resolve([number as u8; 16]));
            (asking.as_mut().poll(&mut context), asking)
        };
        let mut asked: Vec<_> = (0..QUERIES_MAX).map(&mut ask).collect();
        assert!(asked.iter().all(|(first, _)| first.is_pending()));
        assert_eq!(ask(QUERIES_MAX).0, Poll::Ready(None));
        asked.pop();
        assert!(ask(QUERIES_MAX).0.is_pending(), "whoever is done makes place");
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_is_given_up() {
        let resolver = Resolver::default();
        let resolved = tokio::time::timeout(2 * RESOLVE_MAX, resolver.resolve([0xee; 16])).await;
        assert_eq!(resolved, Ok(None));
    }
}
