//! A client of the signalling race: WebSocket frames by hand, so that it costs little beside the server.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::signalling::announce;
use meshwork_core::signalling::protocol::{FromClient, FromServer, VERSIONS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Nothing takes as long as this.
const PATIENCE: Duration = Duration::from_secs(120);

/// One socket.
pub struct Client {
    stream: TcpStream,
    read: Vec<u8>,
    taken: usize,
    /// Who it is.
    pub endpoint: Endpoint,
}

/// The nth person of a race.
fn person(number: u64) -> (Identity, Endpoint) {
    let mut secret = [7; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    let identity = Identity::from_secret(secret);
    let endpoint = Endpoint { peer: identity.peer(), instance: Instance(number) };
    (identity, endpoint)
}

impl Client {
    /// A socket that has entered as the nth person.
    pub async fn enter(address: SocketAddr, number: u64) -> Result<Client> {
        // Not bound first: a port of the last contestant's sockets, closed a moment ago, would not be given again.
        let stream = TcpStream::connect(address).await.context("the server takes connections")?;
        Client::enter_on(stream, address, number).await
    }

    /// The same from an address of this machine: a server has limits for each.
    pub async fn enter_from(from: Ipv4Addr, address: SocketAddr, number: u64) -> Result<Client> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        let stream = socket.connect(address).await.context("the server takes connections")?;
        Client::enter_on(stream, address, number).await
    }

    async fn enter_on(mut stream: TcpStream, address: SocketAddr, number: u64) -> Result<Client> {
        stream.set_nodelay(true)?;
        let request = format!(
            "GET /signal HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let (identity, endpoint) = person(number);
        let mut client = Client { stream, read: Vec::with_capacity(1024), taken: 0, endpoint };
        let head = loop {
            if let Some(end) = client.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            client.fill().await?;
        };
        ensure!(client.read.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&client.read));
        client.taken = head;
        let FromServer::Welcome { challenge, .. } = client.hear().await? else { bail!("no welcome") };
        let challenge = challenge.array().context("a challenge of 32 bytes")?;
        let enter = FromClient::Enter {
            version: VERSIONS.1,
            announcement: announce::announce(&identity, endpoint, [7; 32]),
            proof: announce::prove_entry(&identity, endpoint, &challenge).into(),
        };
        client.say(&enter).await?;
        ensure!(client.hear().await? == FromServer::Entered, "it is let in");
        Ok(client)
    }

    /// Registers a room and gives its id there.
    pub async fn register(&mut self, genesis: &[u8]) -> Result<RoomId> {
        let genesis = meshwork_core::wire::Base64::new(genesis).context("a genesis is short")?;
        self.say(&FromClient::Register { genesis }).await?;
        match self.hear().await? {
            FromServer::Found { room, .. } => Ok(room),
            other => bail!("{other:?} instead of found"),
        }
    }

    /// Joins a room; what others do meanwhile is skipped.
    pub async fn join(&mut self, room: RoomId) -> Result<()> {
        self.say(&FromClient::Join { room, token: None }).await?;
        loop {
            match self.hear().await? {
                FromServer::Joined { .. } => return Ok(()),
                FromServer::MemberJoined { .. } => {}
                other => bail!("{other:?} instead of joined"),
            }
        }
    }

    /// Says one thing.
    pub async fn say(&mut self, message: &FromClient) -> Result<()> {
        self.write(&frame(&serde_json::to_string(message)?)).await
    }

    /// Writes frames as they are.
    pub async fn write(&mut self, frames: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(frames).await?)
    }

    /// The next message.
    pub async fn hear(&mut self) -> Result<FromServer> {
        let text = self.next().await?;
        Ok(serde_json::from_slice(text)?)
    }

    /// Reads past the next signal, unread but for its kind.
    pub async fn skip_signal(&mut self) -> Result<()> {
        loop {
            if self.next().await?.starts_with(br#"{"type":"signal""#) {
                return Ok(());
            }
        }
    }

    /// Reads past all that comes, as long as something does.
    pub async fn skip_all(&mut self) -> Result<Infallible> {
        loop {
            self.next().await?;
        }
    }

    /// The text of the next frame.
    async fn next(&mut self) -> Result<&[u8]> {
        loop {
            if let Some((begin, end)) = self.frame_end()? {
                self.taken = end;
                return Ok(&self.read[begin..end]);
            }
            self.fill().await?;
        }
    }

    /// Where the payload of a whole frame at the front begins and ends.
    fn frame_end(&self) -> Result<Option<(usize, usize)>> {
        let rest = &self.read[self.taken..];
        let [kind, short, ..] = *rest else { return Ok(None) };
        ensure!(kind == 0x81, "a frame of kind {kind:#x}");
        let (head, length) = match short {
            126 if rest.len() >= 4 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
            126 => return Ok(None),
            127 => bail!("a frame of more than 64 KiB"),
            short => (2, usize::from(short)),
        };
        let begin = self.taken + head;
        Ok((self.read.len() >= begin + length).then_some((begin, begin + length)))
    }

    async fn fill(&mut self) -> Result<()> {
        self.read.drain(..self.taken);
        self.taken = 0;
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        ensure!(read.context("nothing comes")?? > 0, "the server closed the socket");
        Ok(())
    }
}

/// A masked text frame (RFC 6455 section 5.2); a mask of nothing leaves the text as it is.
pub fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend(length.unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
