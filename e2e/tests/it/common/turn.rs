//! Somebody else's TURN client on a real socket: `turn-client-proto`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use meshwork_e2e::PATIENCE;
use serde_json::Value;
use tokio::net::UdpSocket;
use tokio::time::timeout;
use turn_client_proto::api::{TurnClientApi as _, TurnConfig, TurnEvent, TurnRecvRet};
use turn_client_proto::stun::agent::Transmit;
use turn_client_proto::types::{AddressFamily, Instant, TransportType, TurnCredentials};
use turn_client_proto::udp::TurnClientUdp;

use super::arena::Reached;

/// How long it waits for a datagram before it looks whether something is to be said again.
const TURN: Duration = Duration::from_millis(20);

/// When a datagram counts as lost.
const AGAIN: Duration = Duration::from_millis(100);

/// What `/turn-token` gave: a user name and a password.
pub(crate) struct Token {
    username: String,
    credential: String,
}

/// An allocation that stands, as long as this is there and says so.
pub(crate) struct Allocation {
    turn: TurnClientUdp,
    socket: UdpSocket,
    origin: std::time::Instant,
    pings: u32,
}

impl Reached {
    /// Credentials for somebody there; none when they were refused.
    pub(crate) async fn token(&self, from: &str) -> Result<Option<Token>> {
        let answer = self.get(from, "/turn-token").await?;
        let Some(body) =
            answer.starts_with("HTTP/1.1 200").then(|| answer.split("\r\n\r\n").nth(1)).flatten()
        else {
            return Ok(None);
        };
        let told: Value = serde_json::from_str(body)?;
        let text = |entry: &Value, name: &str| entry[name].as_str().map(str::to_owned);
        let found = told["iceServers"].as_array().into_iter().flatten().find_map(|entry| {
            Some(Token { username: text(entry, "username")?, credential: text(entry, "credential")? })
        });
        Ok(Some(found.with_context(|| format!("no credentials in {body}"))?))
    }
}

impl Token {
    /// Takes an allocation over UDP; none when it is refused.
    pub(crate) async fn allocate(&self, from: &str, relay: SocketAddr) -> Result<Option<Allocation>> {
        let socket = UdpSocket::bind((from.parse::<IpAddr>()?, 0)).await?;
        socket.connect(relay).await?;
        let mut config = TurnConfig::new(TurnCredentials::new(&self.username, &self.credential));
        config.set_address_family(AddressFamily::IPV6);
        let turn = TurnClientUdp::allocate(socket.local_addr()?, relay, config);
        let origin = std::time::Instant::now();
        let mut allocation = Allocation { turn, socket, origin, pings: 0 };
        while origin.elapsed() < PATIENCE {
            match allocation.turn_over().await?.0 {
                Some(TurnEvent::AllocationCreated(..)) => return Ok(Some(allocation)),
                Some(TurnEvent::AllocationCreateFailed(_)) => return Ok(None),
                _ => {}
            }
        }
        bail!("the relay does not answer {from}")
    }
}

impl Allocation {
    /// Sends what waits, and takes in one datagram. Returns what happened, and what a peer said.
    async fn turn_over(&mut self) -> Result<(Option<TurnEvent>, Option<Vec<u8>>)> {
        let now = Instant::from_std(self.origin);
        self.turn.poll(now);
        while let Some(transmit) = self.turn.poll_transmit(now) {
            self.socket.send(&transmit.data).await?;
        }
        if let Some(event) = self.turn.poll_event() {
            return Ok((Some(event), None));
        }
        let mut buffer = [0; 2048];
        let Ok(received) = timeout(TURN, self.socket.recv(&mut buffer)).await else {
            return Ok((None, None));
        };
        let (to, from) = (self.turn.remote_addr(), self.turn.local_addr());
        let transmit = Transmit::new(&buffer[..received?], TransportType::Udp, to, from);
        let said = match self.turn.recv(transmit, Instant::from_std(self.origin)) {
            TurnRecvRet::PeerData(data) => Some(data.data().to_vec()),
            _ => None,
        };
        Ok((None, said))
    }

    /// Permits a peer.
    pub(crate) async fn permit(&mut self, peer: IpAddr) -> Result<()> {
        self.turn.create_permission(TransportType::Udp, peer, Instant::from_std(self.origin))?;
        loop {
            match self.turn_over().await?.0 {
                Some(TurnEvent::PermissionCreated(..)) => return Ok(()),
                Some(TurnEvent::PermissionCreateFailed(..)) => bail!("{peer} is refused"),
                _ => {}
            }
        }
    }

    /// How long it takes until a datagram came back from a peer that returns what it gets. One that is lost is sent again.
    pub(crate) async fn ping(&mut self, echo: &UdpSocket) -> Result<Duration> {
        let (peer, begun) = (echo.local_addr()?, std::time::Instant::now());
        self.pings += 1;
        let ping = self.pings.to_be_bytes();
        let mut buffer = [0; 64];
        while begun.elapsed() < PATIENCE {
            let now = Instant::from_std(self.origin);
            if let Some(transmit) = self.turn.send_to(TransportType::Udp, peer, ping.as_slice(), now)? {
                self.socket.send(&transmit.build().data).await?;
            }
            let Ok(received) = timeout(AGAIN, echo.recv_from(&mut buffer)).await else { continue };
            let (length, from) = received?;
            echo.send_to(&buffer[..length], from).await?;
            let sent = std::time::Instant::now();
            while sent.elapsed() < AGAIN {
                // What comes late is of an earlier one.
                if self.turn_over().await?.1.is_some_and(|said| said == ping) {
                    return Ok(begun.elapsed());
                }
            }
        }
        bail!("nothing came back through the relay")
    }
}
