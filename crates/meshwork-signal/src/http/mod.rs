//! One listener for everything: the pages, `/health`, `/ready`, `/metrics`, and the signalling WebSocket at `/signal`.
//!
//! The hub decides; what is here carries bytes. Every socket is one task with a bounded queue, every connection
//! has times to say something and to read something, and all tasks share the [`Hub`].

mod access;
mod answers;
mod body;
mod config;
mod connection;
mod driver;
pub mod frames;
mod handle;
mod head;
mod metrics;
mod pages;
mod policy;
mod routes;
mod socket;
mod tls;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use crate::accepting::Accepting;
use crate::fair::Network;
use crate::hub::Hub;
pub use access::ForwardedHeader;
use answers::{Remote, router, signalling};
pub use config::HttpConfig;
pub use connection::RawConnection;
use connection::{Connection, Place};
use handle::Shared;
pub use handle::{NetworkView, ReconfigureError, ServerHandle};
pub use head::{Head, Picture};
use metrics::add;
pub use metrics::{MetricsPage, MetricsSource};
pub use pages::{NoPages, Page, Pages};
pub use policy::{PAGE_POLICY, page_policy};
pub use routes::RouteContext;
pub use tls::{Tls, TlsError, TlsFiles};

/// Bytes of a request's head that are read: more than any browser sends.
const REQUEST_HEAD_MAX: usize = 16 * 1024;
/// The first byte of every STUN message is below this (RFC 8489 section 5); that of HTTP and TLS is not.
const STUN_BELOW: u8 = 4;

/// Threads of a runtime that serves sockets on a machine with so many processors: half of them.
///
/// The other half is for the network stack of the system, a relay's thread and whatever else there is. With as many
/// threads as processors, a socket that floods keeps one busy while all are wanted, and what another says waits until
/// the system takes the thread off: milliseconds. All threads share one lock besides.
pub fn threads(processors: usize) -> usize {
    (processors / 2).max(1)
}

/// Serves `pages` and the sockets of `hub` on `listener` until `shutdown` is done, says goodbye to every
/// socket, and gives what is under way `shut_down_within` to end.
///
/// Runs on a tokio runtime with its I/O and time drivers on, best with [`threads`].
pub async fn serve(
    listener: TcpListener,
    hub: Hub,
    pages: Arc<dyn Pages>,
    config: HttpConfig,
    shutdown: impl Future<Output = ()>,
) {
    Server::new(hub, pages, config).run(listener, shutdown).await;
}

/// A server that is being put together.
pub struct Server {
    shared: Arc<Shared>,
    pages: Arc<dyn Pages>,
    routes: Vec<Router>,
    tls: Option<Arc<Tls>>,
    stun: Option<TakeStun>,
}

/// Takes a connection that begins with a STUN message.
type TakeStun = Arc<dyn Fn(RawConnection) + Send + Sync>;

impl Server {
    /// A server of these pages and this hub, without TLS.
    pub fn new(hub: Hub, pages: Arc<dyn Pages>, config: HttpConfig) -> Server {
        let shared = Arc::new(Shared::new(hub, config));
        Server { shared, pages, routes: Vec::new(), tls: None, stun: None }
    }

    /// Speaks TLS, and nothing else, with this certificate.
    #[must_use]
    pub fn with_tls(self, tls: Arc<Tls>) -> Server {
        Server { tls: Some(tls), ..self }
    }

    /// Answers `routes` as well: after the server's own addresses, after routes that were added before, and before the
    /// pages. A fallback of `routes` is not used.
    ///
    /// Routes are behind the limits by network, and their answers get the security headers. A route may set a
    /// Content-Security-Policy of its own. Paths are those below [`public_url`](HttpConfig::public_url), and
    /// [`RouteContext`] has whole addresses. A body ends with an error if its client pauses for
    /// [`head_within`](HttpConfig::head_within). Axum's extractors read at most 2 MB of it unless a route changes that.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use meshwork_signal::http::{RouteContext, Server};
    ///
    /// fn with_hello(server: Server) -> Server {
    ///     let hello = async |context: RouteContext| format!("Hello from {}\n", context.address_of("/hello"));
    ///     server.with_routes(Router::new().route("/hello", get(hello)))
    /// }
    /// ```
    #[must_use]
    pub fn with_routes(mut self, routes: Router) -> Server {
        self.routes.push(routes);
        self
    }

    /// Hands connections that begin with a STUN message to `take`, as where one port is all there is. Without TLS only.
    #[must_use]
    pub fn with_stun(self, take: impl Fn(RawConnection) + Send + Sync + 'static) -> Server {
        Server { stun: Some(Arc::new(take)), ..self }
    }

    /// Reaches the server while it runs.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(Arc::clone(&self.shared))
    }

    /// The signalling alone, as routes of somebody else's program, which says who is connected by
    /// [`ConnectInfo`](axum::extract::ConnectInfo).
    pub(crate) fn signalling(&self) -> Router {
        signalling(&self.shared)
    }

    /// What the hub's times need, for as long as it is polled.
    pub(crate) fn run_timer(&self) -> impl Future<Output = Infallible> + use<> {
        self.shared.hub.clone().run_timer()
    }

    /// Serves as [`serve`] does.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let (alive, mut ended) = mpsc::channel(1);
        let shared = Arc::clone(&self.shared);
        let timer = tokio::spawn(self.run_timer());
        let acceptor = Acceptor {
            router: router(&shared, self.pages, self.routes, self.tls.is_some()),
            tls: self.tls,
            stun: self.stun,
            shared,
            stopped,
            alive,
        };
        tokio::select! {
            () = acceptor.accept(&listener) => {}
            () = shutdown => {}
        }
        drop(listener);
        let _ = stop.send(true);
        self.shared.hub.with(|hub, now| hub.shut_down(now));
        // Every connection holds a sender.
        drop(acceptor);
        if tokio::time::timeout(self.shared.config().shut_down_within, ended.recv()).await.is_err() {
            tracing::info!("some connections did not end in time and are cut");
        }
        timer.abort();
    }
}

/// What takes connections in, and what they share.
struct Acceptor {
    shared: Arc<Shared>,
    router: Router,
    tls: Option<Arc<Tls>>,
    stun: Option<TakeStun>,
    stopped: watch::Receiver<bool>,
    alive: mpsc::Sender<Infallible>,
}

impl Acceptor {
    async fn accept(&self, listener: &TcpListener) {
        let mut accepting = Accepting::new("the server");
        loop {
            let (stream, address) = accepting.next(listener).await;
            let is_exempt = self.shared.speaks_for_many(address.ip());
            match self.shared.places.take(Network::of(address.ip()), is_exempt, &self.alive) {
                Some(place) => self.start(stream, address, place),
                None => add(&self.shared.counts.refused_full),
            }
        }
    }

    fn start(&self, stream: TcpStream, address: SocketAddr, place: Place) {
        add(&self.shared.counts.connections);
        let config = self.shared.config();
        let (head_within, read_within) = (config.head_within, config.read_within);
        let shared = Arc::clone(&self.shared);
        let http = Http {
            router: self.router.clone(),
            shared: Arc::clone(&shared),
            address,
            head_within,
            stopped: self.stopped.clone(),
        };
        match (&self.tls, &self.stun) {
            (Some(tls), _) => {
                let acceptor = TlsAcceptor::from(tls.config());
                tokio::spawn(async move {
                    let connection = Connection::new(stream, place, read_within);
                    match tokio::time::timeout(head_within, acceptor.accept(connection)).await {
                        Ok(Ok(stream)) => http.run(stream).await,
                        _ => add(&shared.counts.refused_handshake),
                    }
                });
            }
            (None, Some(take)) => {
                let take = Arc::clone(take);
                tokio::spawn(async move {
                    let mut connection = Connection::new(stream, place, read_within);
                    match tokio::time::timeout(head_within, connection.peek()).await {
                        Ok(Some(first)) if first < STUN_BELOW => take(RawConnection { connection, address }),
                        Ok(Some(_)) => http.run(connection).await,
                        _ => {}
                    }
                });
            }
            (None, None) => {
                tokio::spawn(http.run(Connection::new(stream, place, read_within)));
            }
        }
    }
}

/// One connection that is to speak HTTP.
struct Http {
    router: Router,
    shared: Arc<Shared>,
    address: SocketAddr,
    head_within: Duration,
    stopped: watch::Receiver<bool>,
}

impl Http {
    async fn run(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (router, shared, remote) = (self.router, self.shared, Remote(self.address.ip()));
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(remote);
            // Some proxies take the path of the public address away before they pass a request on.
            if let Some(uri) = shared.config().below_base(request.uri()) {
                *request.uri_mut() = uri;
            }
            router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_within)
            .max_buf_size(REQUEST_HEAD_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = until_stopped(&mut self.stopped) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }
}

async fn until_stopped(stopped: &mut watch::Receiver<bool>) {
    // Without a sender the server is gone, which is a stop too.
    let _ = stopped.wait_for(|&is_stopped| is_stopped).await;
}
