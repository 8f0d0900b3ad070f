//! One listener for everything: the pages, `/health`, and the signalling WebSocket at `/signal`.
//!
//! The hub decides; what is here carries bytes. Every socket is one task with a bounded queue, every connection
//! has times to say something and to read something, and one task owns the [`Hub`].

mod connection;
mod driver;
mod pages;
mod socket;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use meshwork_core::signalling::protocol::{PATH, SERVER_MESSAGE_MAX};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower_service::Service as _;

use crate::hub::{Hub, Network};
use connection::{Connection, Place, Places};
use driver::HubHandle;
pub use pages::{NoPages, Page, Pages};

/// Bytes of a request's head that are read: more than any browser sends.
const REQUEST_HEAD_MAX: usize = 16 * 1024;
/// Bytes of the read buffer of a WebSocket. It stays with every idle socket, so it holds a usual message only.
const SOCKET_READ_BUFFER: usize = 4 * 1024;
/// Pause after the system refused to hand out a connection, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What may run and what may be loaded on the pages: their own files, compiled wasm, and servers' sockets.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
     style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; \
     worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

/// How much a listener takes on. A connection becomes a socket of the hub once it is upgraded, and then counts
/// under both limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Connections in all. At least the hub's `sockets_max`, and below the limit of file descriptors.
    pub connections_max: usize,
    /// Connections of one network (an IPv4 address, an IPv6 /64), loopback excepted: there a reverse proxy
    /// speaks for everybody. At least the hub's `sockets_per_network_max`.
    pub connections_per_network_max: usize,
    /// Time to send the head of a request, also of the next one on a connection that is kept. 1 s to 5 min.
    pub head_within: Duration,
    /// How long a connection may take nothing of what is sent to it. 1 s to 5 min.
    pub read_within: Duration,
    /// Time that connections have to end once the server shuts down. Up to 1 min.
    pub shut_down_within: Duration,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            connections_max: 12_000,
            connections_per_network_max: 1_024,
            head_within: Duration::from_secs(15),
            read_within: Duration::from_secs(30),
            shut_down_within: Duration::from_secs(3),
        }
    }
}

/// Serves `pages` and the sockets of `hub` on `listener` until `shutdown` is done, says goodbye to every
/// socket, and gives what is under way `shut_down_within` to end.
///
/// Runs on a tokio runtime with its I/O and time drivers on.
pub async fn serve(
    listener: TcpListener,
    hub: Hub,
    pages: Arc<dyn Pages>,
    config: HttpConfig,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopped) = watch::channel(false);
    let (hub, driver) = driver::start(hub, stopped.clone());
    let driver = tokio::spawn(driver);
    let server = Server {
        router: router(hub, pages),
        places: Places::new(config.connections_max, config.connections_per_network_max),
        stopped,
        config,
    };
    tokio::select! {
        () = server.accept(&listener) => {}
        () = shutdown => {}
    }
    drop(listener);
    let _ = stop.send(true);
    let shut_down_within = server.config.shut_down_within;
    // The driver ends when every connection, each with a router that knows the hub, has ended.
    drop(server);
    if tokio::time::timeout(shut_down_within, driver).await.is_err() {
        tracing::info!("some connections did not end in time and are cut");
    }
}

/// Everything that connections share.
struct Server {
    router: Router,
    places: Places,
    stopped: watch::Receiver<bool>,
    config: HttpConfig,
}

impl Server {
    async fn accept(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, address)) => match self.places.take(Network::of(address.ip())) {
                    Some(place) => self.start(stream, address, place),
                    None => tracing::debug!("a connection is turned away: there are as many as allowed"),
                },
                // Of one connection that is gone already; the others are not concerned.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn start(&self, stream: TcpStream, address: SocketAddr, place: Place) {
        // Signals are small and wait for each other: they are not held back to be sent together.
        let _ = stream.set_nodelay(true);
        let connection = Connection::new(stream, place, self.config.read_within);
        let router = self.router.clone();
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(Remote(address.ip()));
            router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.config.head_within)
            .max_buf_size(REQUEST_HEAD_MAX)
            .serve_connection(TokioIo::new(connection), service)
            .with_upgrades();
        let mut stopped = self.stopped.clone();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = until_stopped(&mut stopped) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

async fn until_stopped(stopped: &mut watch::Receiver<bool>) {
    // Without a sender the server is gone, which is a stop too.
    let _ = stopped.wait_for(|&is_stopped| is_stopped).await;
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The other end of the connection that a request came on.
#[derive(Clone, Copy)]
struct Remote(IpAddr);

fn router(hub: HubHandle, pages: Arc<dyn Pages>) -> Router {
    Router::new()
        .route("/health", get(async || "OK"))
        .route(PATH, any(signal).with_state(hub))
        .fallback_service(get(pages::answer).with_state(pages))
        .layer(axum::middleware::map_response(add_security_headers))
}

async fn signal(
    State(hub): State<HubHandle>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let words = "This is the address of a Meshwork meeting point. Programs speak WebSocket here.\n";
        return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")], words).into_response();
    };
    let connected = request.extensions().get::<Remote>().map(|remote| remote.0);
    let Some(address) = connected.map(|connected| speaks_for(connected, request.headers())) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let message_max = hub.message_bytes_max();
    upgrade
        .read_buffer_size(SOCKET_READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * SERVER_MESSAGE_MAX)
        .max_message_size(message_max)
        .max_frame_size(message_max)
        .on_upgrade(move |socket| socket::run(socket, address, hub))
}

/// Whose address counts: a reverse proxy on this machine says for whom it speaks, and nobody else is believed.
fn speaks_for(connected: IpAddr, headers: &HeaderMap) -> IpAddr {
    if !connected.to_canonical().is_loopback() {
        return connected;
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    let nearest = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    nearest.unwrap_or(connected)
}

async fn add_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
