//! A server on a free port, and clients that speak to it as any program would.

pub(crate) mod turn;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::{SinkExt as _, StreamExt as _};
use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::rng::Rng;
use meshwork_core::signalling::announce;
use meshwork_core::signalling::protocol::{FromClient, FromServer, ServerRefusal, VERSIONS};
use meshwork_core::signed::genesis::{GENESIS_MAX, Owned};
use meshwork_core::wire::{Base64, Bytes};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, Page, Pages, ServerHandle};
use meshwork_signal::hub::{Hub, HubConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// The longest that anything here may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Fails the test when `future` is not done in time.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("done in time")
}

/// The one file with a policy of its own.
const FRAME: &str = "frame.html";
pub(crate) const FRAME_POLICY: &str = "sandbox allow-scripts; default-src 'none'; frame-ancestors 'self'";

/// Files in memory; the hash of one is its length.
pub(crate) struct Files(pub(crate) BTreeMap<&'static str, &'static [u8]>);

impl Pages for Files {
    fn page(&self, path: &str) -> Option<Page> {
        let body = *self.0.get(path)?;
        let mut hash = [0; 32];
        hash[0] = body.len() as u8;
        let page = Page::new(body, hash);
        Some(if path == FRAME { page.with_policy(FRAME_POLICY) } else { page })
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// Limits of a listener that has a trusted proxy on this machine, from which the metrics are read too.
pub(crate) fn trusting() -> HttpConfig {
    let local = || vec!["127.0.0.1/32".parse().unwrap()];
    HttpConfig { trusted_proxies: local(), metrics_allow: local(), ..HttpConfig::default() }
}

impl Server {
    pub(crate) async fn start() -> Server {
        Server::with(HubConfig::default(), trusting(), [1; 32]).await
    }

    pub(crate) async fn with(hub: HubConfig, config: HttpConfig, key: [u8; 32]) -> Server {
        Server::with_routes(hub, config, key, []).await
    }

    pub(crate) async fn with_routes(
        hub: HubConfig,
        config: HttpConfig,
        key: [u8; 32],
        routes: impl IntoIterator<Item = Router>,
    ) -> Server {
        let hub = Hub::new(hub, ServerKey::new(key), [2; 32]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let files: [(&str, &[u8]); 11] = [
            ("index.html", b"<!doctype html>"),
            ("apps/place.html", b"<!doctype html>"),
            (
                "apps/sync.html",
                b"<meta content=\"{{origin}}/preview-sync.png\"><script src=\"{{base}}/a.js\">",
            ),
            ("apps/sync.html.br", b"br"),
            (
                "apps/shelf.html",
                b"<meta name=\"site\"><!--head--><title>old</title><!--/head--><script src=\"{{base}}/a.js\">",
            ),
            (FRAME, b"<!doctype html><p>"),
            ("frame.html.br", b"br"),
            ("robots.txt", b"nobody"),
            ("sw.js", b"const BUILD"),
            ("assets/1f0c/meshwork_bg.wasm", b"\0asm"),
            ("assets/1f0c/meshwork_bg.wasm.br", b"br"),
        ];
        let pages = Arc::new(Files(BTreeMap::from(files)));
        let (stop, stopped) = oneshot::channel();
        let server = http::Server::new(hub, pages, config);
        let server = routes.into_iter().fold(server, http::Server::with_routes);
        let handle = server.handle();
        let serving = tokio::spawn(server.run(listener, async {
            let _ = stopped.await;
        }));
        Server { address, handle, stop, serving }
    }

    /// Asks it to shut down; the handle ends when it has.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        let _ = self.stop.send(());
        self.serving
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// A socket that entered as `someone`.
    pub(crate) async fn enter(&self, someone: &Someone) -> Client {
        let mut client = self.connect().await;
        client.enter(someone).await;
        client
    }

    /// The whole answer to a request, whose connection is closed afterwards.
    pub(crate) async fn request(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{head}\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        soon(stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8(answer).unwrap()
    }
}

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.unwrap();
        // What is said is small, and is not held back until the last of it is acknowledged.
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://{address}/signal");
        let (socket, _) = soon(tokio_tungstenite::client_async(url, stream)).await.unwrap();
        Client { socket }
    }

    pub(crate) async fn send(&mut self, message: Message) {
        soon(self.socket.send(message)).await.unwrap();
    }

    pub(crate) async fn say(&mut self, message: &FromClient) {
        self.send(Message::text(serde_json::to_string(message).unwrap())).await;
    }

    /// The next message; `None` when the server closed the socket properly.
    pub(crate) async fn hear(&mut self) -> Option<FromServer> {
        match soon(self.socket.next()).await?.unwrap() {
            Message::Text(text) => Some(serde_json::from_str(&text).unwrap()),
            Message::Close(frame) => {
                assert!(frame.is_some());
                None
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn enter(&mut self, someone: &Someone) {
        let Some(FromServer::Welcome { challenge, .. }) = self.hear().await else { panic!("no welcome") };
        let challenge = challenge.array().unwrap();
        let enter = FromClient::Enter {
            version: VERSIONS.1,
            announcement: announce::announce(&someone.identity, someone.endpoint, [7; 32]),
            proof: announce::prove_entry(&someone.identity, someone.endpoint, &challenge).into(),
        };
        self.say(&enter).await;
        assert_eq!(self.hear().await, Some(FromServer::Entered));
    }

    /// Joins a room and gives who else is in it.
    pub(crate) async fn join(&mut self, room: RoomId) -> Vec<Endpoint> {
        self.say(&FromClient::Join { room, token: None }).await;
        match self.hear().await {
            Some(FromServer::Joined { members, .. }) => {
                members.iter().map(|member| member.endpoint).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Registers a room and gives its code.
    pub(crate) async fn register(&mut self, genesis: &Base64<GENESIS_MAX>) -> String {
        self.say(&FromClient::Register { genesis: genesis.clone() }).await;
        match self.hear().await {
            Some(FromServer::Found { code, .. }) => code.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// Checks that the socket is told goodbye for `reason` and closed, and gives the words.
    pub(crate) async fn goodbye(&mut self, reason: ServerRefusal) -> String {
        loop {
            match self.hear().await {
                Some(FromServer::Goodbye { reason: given, detail, .. }) => {
                    assert_eq!(given, reason, "{detail}");
                    assert_eq!(self.hear().await, None, "closed after the goodbye");
                    return detail;
                }
                Some(_) => {}
                None => panic!("closed without a goodbye"),
            }
        }
    }
}

pub(crate) struct Someone {
    pub(crate) identity: Identity,
    pub(crate) endpoint: Endpoint,
}

pub(crate) fn someone(secret: u16) -> Someone {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&secret.to_be_bytes());
    let identity = Identity::from_secret(bytes);
    let endpoint = Endpoint { peer: identity.peer(), instance: Instance(secret.into()) };
    Someone { identity, endpoint }
}

pub(crate) fn genesis(nonce: u8) -> (Base64<GENESIS_MAX>, RoomId) {
    let owner = someone(999).identity;
    let app = "place".parse().unwrap();
    let owned = Owned::new(&mut Rng::new([nonce; 32]), owner.peer(), app, Bytes::default(), None);
    let (bytes, room) = owned.sign(&owner).unwrap();
    (Base64::new(bytes).unwrap(), room)
}

/// A few bytes changed, lost, doubled, or cut off.
pub(crate) fn mutated(rng: &mut Rng, template: &[u8]) -> Vec<u8> {
    let mut bytes = template.to_vec();
    for _ in 0..=rng.below(4) {
        let place = rng.below(bytes.len().max(1) as u64) as usize;
        let length = rng.below(9) as usize;
        let end = (place + length).min(bytes.len());
        match rng.below(6) {
            0 if !bytes.is_empty() => bytes[place] ^= 1 << rng.below(8),
            1 => drop(bytes.drain(place.min(end)..end)),
            2 => {
                let again = bytes[place.min(end)..end].to_vec();
                bytes.splice(place.min(end)..place.min(end), again);
            }
            3 => bytes.truncate(place),
            4 => {
                let number = rng.next_u64().to_string().into_bytes();
                bytes.splice(place.min(end)..end, number);
            }
            _ => bytes.splice(place.min(end)..end, *br#"{"\u0000":[]}"#).for_each(drop),
        }
    }
    bytes
}
