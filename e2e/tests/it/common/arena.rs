//! A server on real sockets, and clients of it from any address that a namespace has.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use meshwork_core::id::{Code, Endpoint, Identity, Instance, RoomId};
use meshwork_core::rng::Rng;
use meshwork_core::signalling::announce;
use meshwork_core::signalling::protocol::{FromClient, FromServer, VERSIONS};
use meshwork_core::wire::Base64;
use meshwork_e2e::{Cli, PATIENCE, Running};
use meshwork_place::canvas::CanvasSize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// A server that runs, and who owns it.
pub(crate) struct Arena {
    _owner: Cli,
    pub(crate) server: Running,
    reached: Reached,
}

/// Where a server is reached.
#[derive(Clone, Copy)]
pub(crate) struct Reached {
    pub(crate) address: SocketAddr,
}

impl Deref for Arena {
    type Target = Reached;
    fn deref(&self) -> &Reached {
        &self.reached
    }
}

impl Arena {
    pub(crate) async fn start(arguments: &[&str]) -> Result<Arena> {
        let owner = Cli::new()?;
        let common = ["serve", "--listen", "[::]:0", "--metrics-allow", "127.0.0.1"];
        let server = owner.start([&common[..], arguments].concat())?;
        let line = server.line(PATIENCE, "the server", |line| line.starts_with("listening on ")).await?;
        let port = line.rsplit(':').next().context("a port")?.parse()?;
        let reached = Reached { address: SocketAddr::new("::1".parse()?, port) };
        Ok(Arena { _owner: owner, server, reached })
    }
}

impl Reached {
    pub(crate) async fn connect(&self, from: &str) -> Result<TcpStream> {
        connect(from, self.address).await
    }

    /// What is answered to a request from there.
    pub(crate) async fn get(&self, from: &str, path: &str) -> Result<String> {
        let mut stream = self.connect(from).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await??;
        Ok(answer)
    }

    /// A number of the metrics.
    pub(crate) async fn number(&self, name: &str) -> Result<f64> {
        let metrics = self.get("127.0.0.1", "/metrics").await?;
        let number = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(number.with_context(|| format!("no {name} in {metrics}"))?.parse()?)
    }

    /// Who enters under the key of this number.
    pub(crate) fn endpoint(secret: u32) -> Endpoint {
        Endpoint { peer: identity(secret).peer(), instance: Instance(u64::from(secret)) }
    }

    /// A socket from there that entered under the key of this number.
    pub(crate) async fn enter(&self, from: &str, secret: u32) -> Result<Client> {
        let stream = self.connect(from).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{}/signal", self.address);
        let (socket, _) = timeout(PATIENCE, tokio_tungstenite::client_async(url, stream)).await??;
        let mut client = Client { socket };
        let FromServer::Welcome { challenge, .. } = client.hear().await? else {
            anyhow::bail!("no welcome for {from}")
        };
        let (identity, endpoint) = (identity(secret), Reached::endpoint(secret));
        let challenge = challenge.array().context("a challenge")?;
        let enter = FromClient::Enter {
            version: VERSIONS.1,
            announcement: announce::announce(&identity, endpoint, [7; 32]),
            proof: announce::prove_entry(&identity, endpoint, &challenge).into(),
        };
        client.say(&enter).await?;
        ensure!(client.hear().await? == FromServer::Entered, "{from} does not enter");
        Ok(client)
    }
}

fn identity(secret: u32) -> Identity {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&secret.to_be_bytes());
    Identity::from_secret(bytes)
}

/// A connection from an address of the namespace. Over IPv4 it goes to the server's loopback.
pub(crate) async fn connect(from: &str, to: SocketAddr) -> Result<TcpStream> {
    let from: IpAddr = from.parse()?;
    let (socket, to) = if from.is_ipv4() {
        (TcpSocket::new_v4()?, SocketAddr::new("127.0.0.1".parse()?, to.port()))
    } else {
        (TcpSocket::new_v6()?, to)
    };
    socket.bind(SocketAddr::new(from, 0))?;
    Ok(timeout(PATIENCE, socket.connect(to)).await??)
}

/// A WebSocket that entered.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub(crate) async fn say(&mut self, message: &FromClient) -> Result<()> {
        Ok(self.socket.send(Message::text(serde_json::to_string(message)?)).await?)
    }

    pub(crate) async fn hear(&mut self) -> Result<FromServer> {
        let heard = timeout(PATIENCE, self.socket.next()).await?.context("the socket is closed")??;
        Ok(serde_json::from_str(heard.to_text()?)?)
    }

    pub(crate) async fn register(&mut self, nonce: u32) -> Result<(RoomId, Option<Code>)> {
        let owner = Identity::from_secret([9; 32]);
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&nonce.to_be_bytes());
        let size = CanvasSize { width: 10, height: 10 };
        let (genesis, room) =
            meshwork_place::owned(&mut Rng::new(seed), owner.peer(), size, None).sign(&owner)?;
        self.say(&FromClient::Register { genesis: Base64::new(genesis).context("short")? }).await?;
        match self.hear().await? {
            FromServer::Found { code, .. } => Ok((room, Some(code))),
            _ => Ok((room, None)),
        }
    }
}
