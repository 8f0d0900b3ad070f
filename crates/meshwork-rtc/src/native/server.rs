//! WebSockets to signalling servers: one task each, words for what went wrong.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use meshwork_core::seam::io::{Input, ServerId};
use meshwork_core::signalling::protocol::SERVER_MESSAGE_MAX;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

use super::local_server::{self, LocalServer};

/// How long a WebSocket may take to open: name, TCP, TLS and the upgrade.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long a WebSocket may take to close before it is cut off.
const CLOSE_MAX: Duration = Duration::from_secs(1);
/// Frames that wait for a server that does not read; it is given up then. A node sends few.
const FRAMES_MAX: usize = 256;
/// Frames from servers that wait for the node. More make the server wait.
pub(super) const INPUTS_MAX: usize = 64;
/// Read buffer of a WebSocket, which stays resident. Most frames are far smaller.
const READ_BUFFER: usize = 4 * 1024;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The WebSockets of one driver, and its server inside this program.
pub(super) struct Servers {
    local: Option<LocalServer>,
    /// Those of which the node still hears, with the number of their opening.
    open: BTreeMap<ServerId, (u64, Sender<String>)>,
    openings: u64,
    tasks: JoinSet<()>,
    sender: Sender<(u64, Input)>,
    inputs: Receiver<(u64, Input)>,
}

impl Servers {
    /// No WebSockets yet.
    pub(super) fn new(local: Option<LocalServer>) -> Servers {
        let (sender, inputs) = mpsc::channel(INPUTS_MAX);
        Servers { local, open: BTreeMap::new(), openings: 0, tasks: JoinSet::new(), sender, inputs }
    }

    /// Carries out [`Effect::ServerOpen`](meshwork_core::seam::io::Effect::ServerOpen).
    pub(super) fn open(&mut self, server: ServerId, url: String) {
        self.openings += 1;
        let (frames, queue) = mpsc::channel(FRAMES_MAX);
        self.open.insert(server, (self.openings, frames));
        let (opening, inputs) = (self.openings, self.sender.clone());
        match self.local.as_ref().filter(|local| local.url == url) {
            Some(local) => {
                let conversations = local.conversations.clone();
                self.tasks.spawn(local_server::run(opening, server, conversations, queue, inputs))
            }
            None => self.tasks.spawn(run(opening, server, url, queue, inputs)),
        };
    }

    /// Carries out [`Effect::ServerSend`](meshwork_core::seam::io::Effect::ServerSend). `Some` when the server
    /// is given up because it does not read.
    pub(super) fn send(&mut self, server: ServerId, text: String) -> Option<Input> {
        let (_, frames) = self.open.get(&server)?;
        match frames.try_send(text) {
            // A task that ended has its last word on its way.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.open.remove(&server);
                let reason = "the server does not take in what it is sent".into();
                Some(Input::ServerDown { server, reason })
            }
        }
    }

    /// Carries out [`Effect::ServerClose`](meshwork_core::seam::io::Effect::ServerClose).
    pub(super) fn close(&mut self, server: ServerId) {
        // The task sends what waits, then closes.
        self.open.remove(&server);
    }

    /// Waits for the next thing that the node is to be told. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Input {
        loop {
            let (opening, input) = self.inputs.recv().await.expect("this end keeps a sender");
            // Ended tasks are of no interest; this frees them.
            while self.tasks.try_join_next().is_some() {}
            let Some(server) = server_of(&input) else { continue };
            if self.open.get(&server).is_some_and(|(current, _)| *current == opening) {
                if matches!(input, Input::ServerDown { .. }) {
                    self.open.remove(&server);
                }
                return input;
            }
        }
    }

    /// Closes all WebSockets and waits for it.
    pub(super) async fn shut_down(mut self) {
        self.open.clear();
        self.inputs.close();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // What is left then is cut off.
        let _ = tokio::time::timeout(2 * CLOSE_MAX, all).await;
    }
}

/// Runs one WebSocket until it ends or `frames` is dropped.
async fn run(
    opening: u64,
    server: ServerId,
    url: String,
    mut frames: Receiver<String>,
    inputs: Sender<(u64, Input)>,
) {
    let reason = match connect(&url, &mut frames).await {
        Ok(Some((mut socket, early))) => {
            // Errors of sending an input say that the driver is gone, and with it the other end of `frames`.
            let _ = inputs.send((opening, Input::ServerUp { server, address: peer(&socket) })).await;
            converse(&mut socket, early, opening, server, &mut frames, &inputs).await
        }
        Ok(None) => return,
        Err(reason) => Some(reason),
    };
    if let Some(reason) = reason {
        let _ = inputs.send((opening, Input::ServerDown { server, reason })).await;
    }
}

/// The address of the server.
fn peer(socket: &Socket) -> Option<IpAddr> {
    let stream = match socket.get_ref() {
        MaybeTlsStream::Plain(stream) => stream,
        MaybeTlsStream::Rustls(stream) => stream.get_ref().0,
        _ => return None,
    };
    stream.peer_addr().ok().map(|address| address.ip())
}

/// Opens the WebSocket; `None` when nobody wants it any more. With it come the frames to be sent first.
async fn connect(url: &str, frames: &mut Receiver<String>) -> Result<Option<(Socket, Vec<String>)>, String> {
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(SERVER_MESSAGE_MAX);
    config.max_frame_size = Some(SERVER_MESSAGE_MAX);
    config.read_buffer_size = READ_BUFFER;
    config.write_buffer_size = 0;
    let connector = url.starts_with("wss:").then(|| Connector::Rustls(tls_config()));
    let opening = tokio_tungstenite::connect_async_tls_with_config(url, Some(config), true, connector);
    let opening = tokio::time::timeout(CONNECT_MAX, opening);
    tokio::pin!(opening);
    let mut early = Vec::new();
    loop {
        tokio::select! {
            opened = &mut opening => return match opened {
                Ok(Ok((socket, _))) => Ok(Some((socket, early))),
                Ok(Err(error)) => Err(words_for(&error)),
                Err(_) => Err(format!("the server did not answer within {} s", CONNECT_MAX.as_secs())),
            },
            frame = frames.recv(), if early.len() < FRAMES_MAX => match frame {
                Some(frame) => early.push(frame),
                None => return Ok(None),
            },
        }
    }
}

/// Carries frames both ways; says why it ended, or nothing when this end closed it.
async fn converse(
    socket: &mut Socket,
    early: Vec<String>,
    opening: u64,
    server: ServerId,
    frames: &mut Receiver<String>,
    inputs: &Sender<(u64, Input)>,
) -> Option<String> {
    for text in early {
        if let Err(error) = socket.send(Message::text(text)).await {
            return Some(words_for(&error));
        }
    }
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(text) => {
                    if let Err(error) = socket.send(Message::text(text)).await {
                        return Some(words_for(&error));
                    }
                }
                None => {
                    // An error or a delay says that the server is gone already.
                    let _ = tokio::time::timeout(CLOSE_MAX, socket.close(None)).await;
                    return None;
                }
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let input = Input::ServerText { server, text: text.as_str().into() };
                    let _ = inputs.send((opening, input)).await;
                }
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map(|frame| frame.reason.as_str().to_owned()).unwrap_or_default();
                    return Some(match reason.as_str() {
                        "" => "the server closed the connection".into(),
                        reason => format!("the server closed the connection: {reason}"),
                    });
                }
                // Pings are answered by the library; the protocol has no binary frames.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Some(words_for(&error)),
                None => return Some("the server closed the connection".into()),
            },
        }
    }
}

/// Trusts the system's certificate authorities and Mozilla's: containers often have none of their own.
pub fn tls_config() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let make = || {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has the cipher suites of its own defaults")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    };
    Arc::clone(CONFIG.get_or_init(make))
}

fn words_for(error: &Error) -> String {
    match error {
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "the server refused the connection: nothing listens at its address".into()
        }
        Error::Io(error) => format!("the server cannot be reached: {error}"),
        Error::Tls(error) => format!("the server's certificate or encryption was not accepted: {error}"),
        Error::Http(response) => {
            format!("what answered is not a Meshwork server (HTTP status {})", response.status().as_u16())
        }
        Error::Url(error) => format!("the server's address is wrong: {error}"),
        Error::HttpFormat(error) => format!("the server's address is wrong: {error}"),
        Error::Capacity(error) => format!("the server sent more than is allowed: {error}"),
        Error::ConnectionClosed | Error::AlreadyClosed => "the server closed the connection".into(),
        other => format!("the connection to the server broke: {other}"),
    }
}

fn server_of(input: &Input) -> Option<ServerId> {
    match input {
        Input::ServerUp { server, .. }
        | Input::ServerText { server, .. }
        | Input::ServerDown { server, .. } => Some(*server),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::native::local_server::LocalInput;
    use tokio::net::TcpListener;
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;

    const SERVER: ServerId = ServerId(7);
    /// The longest that anything here may take.
    const DEADLINE: Duration = Duration::from_secs(20);

    async fn listen() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/signal", listener.local_addr().unwrap());
        (listener, url)
    }

    async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
        let (stream, _) = listener.accept().await.unwrap();
        tokio_tungstenite::accept_async(stream).await.unwrap()
    }

    async fn next(servers: &mut Servers) -> Input {
        tokio::time::timeout(DEADLINE, servers.next()).await.expect("word of the server in time")
    }

    fn up() -> Input {
        Input::ServerUp { server: SERVER, address: Some(Ipv4Addr::LOCALHOST.into()) }
    }

    fn reason(input: Input) -> String {
        match input {
            Input::ServerDown { server: SERVER, reason } => reason,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn frames_go_both_ways_and_early_ones_survive() {
        let (listener, url) = listen().await;
        let mut servers = Servers::new(None);
        servers.open(SERVER, url);
        assert_eq!(servers.send(SERVER, "early".into()), None);
        let mut socket = accept(&listener).await;
        assert_eq!(next(&mut servers).await, up());
        assert_eq!(servers.send(SERVER, "late".into()), None);
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("early"));
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("late"));
        socket.send(Message::binary(vec![1, 2])).await.unwrap();
        socket.send(Message::text("x".repeat(SERVER_MESSAGE_MAX))).await.unwrap();
        let Input::ServerText { text, .. } = next(&mut servers).await else { panic!("a text") };
        assert_eq!(text.len(), SERVER_MESSAGE_MAX);
        socket.send(Message::text("x".repeat(SERVER_MESSAGE_MAX + 1))).await.unwrap();
        assert!(reason(next(&mut servers).await).contains("more than is allowed"));
    }

    #[tokio::test]
    async fn a_local_server_replaces_a_websocket() {
        let (conversations, mut taken) = mpsc::channel(1);
        let mut servers = Servers::new(Some(LocalServer { url: "lan:".into(), conversations }));
        servers.open(SERVER, "lan:".into());
        assert_eq!(servers.send(SERVER, "enter".into()), None);
        let mut conversation = taken.recv().await.expect("a conversation");
        for input in [LocalInput::Up(Some(Ipv4Addr::LOCALHOST.into())), LocalInput::Text("welcome".into())] {
            conversation.to_node.send(input).await.unwrap();
        }
        assert_eq!(next(&mut servers).await, up());
        assert_eq!(next(&mut servers).await, Input::ServerText { server: SERVER, text: "welcome".into() });
        assert_eq!(conversation.from_node.recv().await.as_deref(), Some("enter"));
        conversation.to_node.send(LocalInput::Down("no interface is up".into())).await.unwrap();
        assert_eq!(reason(next(&mut servers).await), "no interface is up");

        servers.open(SERVER, "lan:".into());
        let mut conversation = taken.recv().await.expect("the next one");
        servers.close(SERVER);
        assert_eq!(conversation.from_node.recv().await, None, "the node ended it");
        // Other addresses are those of WebSockets.
        servers.open(SERVER, "ws://127.0.0.1:1/signal".into());
        assert!(reason(next(&mut servers).await).contains("nothing listens"));
        drop((conversation, taken));
        servers.open(SERVER, "lan:".into());
        assert_eq!(reason(next(&mut servers).await), "it ended the conversation");
    }

    #[tokio::test]
    async fn so_many_frames_wait_for_a_silent_server() {
        let (_listener, url) = listen().await;
        let mut servers = Servers::new(None);
        servers.open(SERVER, url);
        // Nothing else runs meanwhile, so none of them is on its way.
        for _ in 0..FRAMES_MAX {
            assert_eq!(servers.send(SERVER, "more".into()), None);
        }
        let words = reason(servers.send(SERVER, "more".into()).expect("it is given up"));
        assert_eq!(words, "the server does not take in what it is sent");
    }

    #[tokio::test]
    async fn a_server_waits_for_a_busy_node() {
        /// More than the system holds on the way.
        const TEXTS: usize = 1_000;
        let (listener, url) = listen().await;
        let mut servers = Servers::new(None);
        servers.open(SERVER, url);
        let mut socket = accept(&listener).await;
        assert_eq!(next(&mut servers).await, up());
        let text = Message::text("x".repeat(SERVER_MESSAGE_MAX));
        let (patience, mut sent) = (Duration::from_secs(1), 0);
        while tokio::time::timeout(patience, socket.send(text.clone())).await.is_ok() {
            sent += 1;
            assert!(sent < TEXTS, "the server was never held back");
        }
        assert_eq!(servers.inputs.len(), INPUTS_MAX);
        // The one that did not go out in time does now.
        let heard = async {
            for _ in 0..=sent {
                let Input::ServerText { text, .. } = next(&mut servers).await else { panic!("a text") };
                assert_eq!(text.len(), SERVER_MESSAGE_MAX);
            }
        };
        tokio::join!(heard, async { socket.flush().await.unwrap() });
    }

    #[tokio::test]
    async fn a_servers_goodbye_is_told_in_its_words() {
        let (listener, url) = listen().await;
        let mut servers = Servers::new(None);
        servers.open(SERVER, url);
        let mut socket = accept(&listener).await;
        assert_eq!(next(&mut servers).await, up());
        let frame = CloseFrame { code: 1001.into(), reason: "lunch".into() };
        socket.close(Some(frame)).await.unwrap();
        assert_eq!(reason(next(&mut servers).await), "the server closed the connection: lunch");
    }

    #[tokio::test]
    async fn a_wrong_meeting_point_is_told_in_words() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (listener, url) = listen().await;
        let mut servers = Servers::new(None);
        servers.open(SERVER, url);
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 16];
        stream.read_exact(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        let words = reason(next(&mut servers).await);
        assert!(words.contains("not a Meshwork server (HTTP status 404)"), "{words}");
        servers.open(SERVER, "ws://".into());
        let words = reason(next(&mut servers).await);
        assert!(words.contains("address is wrong"), "{words}");
    }

    /// Anybody can make a certificate that names the server: only the authorities' signature counts.
    #[tokio::test]
    async fn a_self_made_certificate_is_not_accepted() {
        let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut servers = Servers::new(None);
        servers.open(SERVER, format!("wss://localhost:{}/signal", listener.local_addr().unwrap().port()));
        let (stream, _) = listener.accept().await.unwrap();
        let accepted = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await;
        assert!(accepted.is_err(), "the client went on");
        let words = reason(next(&mut servers).await);
        assert!(words.contains("certificate"), "{words}");
    }

    #[tokio::test]
    async fn nothing_is_said_of_a_closed_server() {
        let (listener, url) = listen().await;
        let mut servers = Servers::new(None);
        servers.open(SERVER, url.clone());
        let mut first = accept(&listener).await;
        assert_eq!(next(&mut servers).await, up());
        servers.send(SERVER, "last words".into());
        servers.close(SERVER);
        assert_eq!(servers.send(SERVER, "too late".into()), None);
        assert_eq!(first.next().await.unwrap().unwrap(), Message::text("last words"));
        assert!(matches!(first.next().await, Some(Ok(Message::Close(_)))));
        servers.open(SERVER, url);
        let mut second = accept(&listener).await;
        second.send(Message::text("hello")).await.unwrap();
        assert_eq!(next(&mut servers).await, up());
        assert_eq!(next(&mut servers).await, Input::ServerText { server: SERVER, text: "hello".into() });
        servers.shut_down().await;
        assert!(matches!(second.next().await, Some(Ok(Message::Close(_)))));
    }
}
