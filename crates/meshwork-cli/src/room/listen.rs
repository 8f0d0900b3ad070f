//! The meeting point inside a program that stays: signalling for its one room, and the pages, on an address of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use ipnet::IpNet;
use meshwork::{Link, RoomId};
use meshwork_core::signalling::address::{FURTHER_SERVERS_MAX, RoomKeys};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, Pages};
use meshwork_signal::hub::{Hub, HubConfig, IceOffer};
use meshwork_signal::key_file;
use meshwork_signal::turn::{self, Listeners, RelayAddress, Secret};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::exit::Failure;
use crate::serve::{cannot_listen, fitting, random_bytes};

/// Ports that are tried beside the wanted one.
const PORTS_TRIED: u16 = 20;

/// A meeting point that listens but does not answer yet.
pub(crate) struct MeetingPoint {
    listener: TcpListener,
    address: SocketAddr,
    key: ServerKey,
    public_url: Option<String>,
    trusted_proxies: Vec<IpNet>,
    /// Tells browsers of the network their own address, which they hide from each other behind names that not every network carries.
    stun: Option<turn::Server>,
}

/// A meeting point that answers; it ends with [`Serving::end`].
pub(crate) struct Serving {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    _stun: Option<turn::Server>,
}

impl MeetingPoint {
    /// Listens on `listen`. Its key lies in the keeper's folder, so that the room's code here stays the same.
    pub(crate) async fn bind(
        listen: &str,
        public_url: Option<String>,
        trusted_proxies: Vec<IpNet>,
        data: &Path,
    ) -> Result<MeetingPoint, Failure> {
        let key = key_file::load_or_create(data, ServerKey::new(random_bytes()?))
            .map_err(|error| Failure::Storage(error.to_string()))?;
        let listener = TcpListener::bind(listen).await.map_err(|error| cannot_listen(listen, error))?;
        let address = listener.local_addr().context("cannot read the keeper's address")?;
        Ok(MeetingPoint { listener, address, key, public_url, trusted_proxies, stun: None })
    }

    /// Listens at an address of this machine, at the first free port from `port` on. Its key is new: nobody needs a code of the
    /// room after this program.
    pub(crate) async fn bind_nearby(ip: IpAddr, port: u16) -> Result<MeetingPoint, Failure> {
        let key = ServerKey::new(random_bytes()?);
        let mut last = None;
        for port in port..=port.saturating_add(PORTS_TRIED) {
            match TcpListener::bind((ip, port)).await {
                Ok(listener) => {
                    let address = listener.local_addr().context("cannot read the address of the pages")?;
                    return Ok(MeetingPoint {
                        listener,
                        address,
                        key,
                        public_url: None,
                        trusted_proxies: Vec::new(),
                        stun: Some(stun_at(ip).context("the STUN server for phones does not start")?),
                    });
                }
                Err(error) => last = Some(error),
            }
        }
        let error = last.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into());
        Err(cannot_listen(&SocketAddr::new(ip, port).to_string(), error).into())
    }

    /// The address at which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How this program reaches it itself: a name for the outside need not lead here from the inside.
    pub(crate) fn own_url(&self) -> String {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.address.port()))
    }

    /// How others reach it.
    fn public_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| self.own_url())
    }

    /// The same address, where every name of this meeting point is the one by which this program reaches it:
    /// under two names it would be taken for two servers. One place is left for itself.
    pub(crate) fn seen_from_inside(&self, link: Link) -> Result<Link, Failure> {
        let mut servers: Vec<String> = Vec::new();
        for server in link.servers() {
            let is_own = server == self.public_url() || server == self.own_url();
            let server = if is_own { self.own_url() } else { String::from(server) };
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
        let others_max = FURTHER_SERVERS_MAX + usize::from(servers.contains(&self.own_url()));
        servers.truncate(others_max);
        let seen = match link.code() {
            Some(code) => Link::at_server(&servers.remove(0), link.app().cloned(), code)
                .map(|seen| link.keys().into_iter().fold(seen, Link::with_keys)),
            None => Ok(link),
        };
        let seen = seen.and_then(|seen| seen.with_further_servers(servers));
        Ok(seen.context("the room's servers")?)
    }

    /// The room's LINK with this keeper's own host, and the other servers of `link` behind it.
    pub(crate) fn link(&self, link: &Link, room: RoomId) -> Result<Link, Failure> {
        let others = link.servers().filter(|server| *server != self.own_url()).map(String::from);
        let others = others.take(FURTHER_SERVERS_MAX).collect();
        // No other room is kept here, so that its first code is free.
        let code = self.key.codes(room).next().context("the room has no code")?;
        let keys = RoomKeys { room, secrets: link.secrets() };
        let own = Link::at_server(&self.public_url(), link.app().cloned(), code);
        let own = own.and_then(|own| own.with_keys(keys).with_further_servers(others));
        Ok(own.context("the keeper's own link")?)
    }

    /// Begins to serve `room`, and no other, with these pages.
    pub(crate) fn serve(self, room: RoomId, pages: Arc<dyn Pages>) -> Result<Serving, Failure> {
        let addresses = self.stun.iter().flat_map(|stun| stun.udp_addresses());
        let stun = addresses.map(|address| format!("stun:*:{}", address.port())).collect();
        let ice = IceOffer { stun, ..IceOffer::default() };
        let config = HubConfig { only_room: Some(room), ice, ..HubConfig::default() };
        let hub = Hub::new(config, self.key, random_bytes()?).context("the limits of the meeting point")?;
        let (stop, stopped) = oneshot::channel();
        let http = HttpConfig {
            trusted_proxies: self.trusted_proxies,
            public_url: self.public_url,
            ..HttpConfig::default()
        };
        let serving = http::serve(self.listener, hub, pages, fitting(http), async {
            // An error says that the keeper is gone, which is a stop too.
            let _ = stopped.await;
        });
        Ok(Serving { stop, task: tokio::spawn(serving), _stun: self.stun })
    }
}

/// A server for STUN alone at an address of this machine: nobody has what opens its relay.
fn stun_at(ip: IpAddr) -> anyhow::Result<turn::Server> {
    let config = turn::Config::new(
        Secret::from_random(random_bytes()?),
        vec![RelayAddress { bind: ip, advertised: ip }],
    );
    let listeners = Listeners::bind(&[SocketAddr::new(ip, 0)])?;
    Ok(turn::serve(config, random_bytes()?, listeners)?)
}

impl Serving {
    /// Says goodbye to everybody and ends.
    pub(crate) async fn end(self) {
        drop(self.stop);
        if self.task.await.is_err() {
            tracing::warn!("the meeting point did not end in order");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn meeting_point(public_url: Option<&str>) -> (tempfile::TempDir, MeetingPoint) {
        let data = tempfile::tempdir().unwrap();
        let public_url = public_url.map(String::from);
        let meeting_point =
            MeetingPoint::bind("127.0.0.1:0", public_url, Vec::new(), data.path()).await.unwrap();
        (data, meeting_point)
    }

    fn address(servers: &[&str]) -> Link {
        let room = RoomId([1; 32]);
        let at = servers[1..].join(",");
        format!("{}/place/K7M4QX#{room};at={at}", servers[0]).parse().unwrap()
    }

    #[tokio::test]
    async fn a_keepers_link_names_its_own_host_first() {
        let (_data, here) = meeting_point(Some("https://keep.example.org")).await;
        let inside = here.seen_from_inside(address(&["http://s", "https://keep.example.org"])).unwrap();
        assert_eq!(inside.further_servers(), [here.own_url()], "one name for one server");
        let link = here.link(&inside, RoomId([1; 32])).unwrap();
        assert_eq!(link.servers().collect::<Vec<_>>(), ["https://keep.example.org", "http://s"]);
        assert_eq!(link.to_string().parse(), Ok(link));
    }

    #[tokio::test]
    async fn its_own_link_keeps_a_place_for_itself() {
        let (_data, here) = meeting_point(None).await;
        let own = here.own_url();
        let inside = here.seen_from_inside(address(&[&own, "http://a"])).unwrap();
        assert_eq!(inside.servers().collect::<Vec<_>>(), [&own, "http://a"]);
        let inside =
            here.seen_from_inside(address(&["http://a", "http://b", "http://c", "http://d"])).unwrap();
        assert_eq!(inside.further_servers(), ["http://b", "http://c"]);
    }

    #[tokio::test]
    async fn the_room_code_is_unchanged_after_a_restart() {
        let (data, first) = meeting_point(None).await;
        let link = address(&["http://s"]);
        let code = first.link(&link, RoomId([1; 32])).unwrap().code();
        let again = MeetingPoint::bind("127.0.0.1:0", None, Vec::new(), data.path()).await.unwrap();
        assert_eq!(again.link(&link, RoomId([1; 32])).unwrap().code(), code);
    }

    #[tokio::test]
    async fn a_wildcard_address_is_reached_at_this_machine() {
        let data = tempfile::tempdir().unwrap();
        let here = MeetingPoint::bind("0.0.0.0:0", None, Vec::new(), data.path()).await.unwrap();
        assert!(here.own_url().starts_with("http://127.0.0.1:"), "{}", here.own_url());
    }
}
