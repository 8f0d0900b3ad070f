//! What is answered to which request, and to whom it is not.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use meshwork_core::signalling::protocol::PATH;
use sha1::{Digest as _, Sha1};

use super::access::{client_address, doubt_of_proxy, is_allowed_origin, reached_at};
use super::driver::wall_time;
use super::handle::Shared;
use super::metrics::{self, add};
use super::pages::{self, Pages};
use super::policy::PAGE_POLICY;
use super::routes::in_context;
use super::socket;

/// What a server adds to the key of whoever wants a WebSocket (RFC 6455 section 1.3).
const WEBSOCKET_SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What the pages may use of the device: a camera, to read an invitation.
const PERMISSIONS: &str = "camera=(self), geolocation=(), microphone=(), payment=(), usb=()";

/// The other end of the connection that a request came on.
#[derive(Clone, Copy)]
pub(super) struct Remote(pub(super) IpAddr);

/// Whose request it is.
#[derive(Clone, Copy)]
pub(super) struct Client(pub(super) IpAddr);

/// What browsers are told where this server speaks TLS itself: not to ask without it for a year (RFC 6797).
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// Everything that a server answers: its own addresses, then each of `routes`, then the pages.
pub(super) fn router(
    shared: &Arc<Shared>,
    pages: Arc<dyn Pages>,
    routes: Vec<Router>,
    is_secure: bool,
) -> Router {
    let add_security_headers =
        move |response: Response| std::future::ready(with_security_headers(response, is_secure));
    let served: Served = (pages, Arc::clone(shared), is_secure);
    let pages = Router::new().fallback_service(get(page).with_state(served.clone()));
    // One behind the other and not merged: routers that answer the same address would end the program.
    let rest = routes.into_iter().rev().fold(pages, |rest, routes| {
        routes.layer(middleware::from_fn_with_state(served.clone(), in_context)).fallback_service(rest)
    });
    Router::new()
        .route("/health", get(async || "OK"))
        .route("/ready", get(ready).with_state(Arc::clone(shared)))
        .route("/metrics", get(metrics).with_state(Arc::clone(shared)))
        .route("/turn-token", get(turn_token).with_state(Arc::clone(shared)))
        .fallback_service(rest)
        .layer(middleware::from_fn_with_state(Arc::clone(shared), admit))
        .merge(signalling(shared))
        .layer(middleware::map_response(add_security_headers))
}

/// The address at which programs speak WebSocket.
pub(super) fn signalling(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route(PATH, any(signal).with_state(Arc::clone(shared)))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), admit))
}

/// Who is connected: as this server says, or somebody else's in which it is embedded.
pub(super) fn connected(request: &Request) -> Option<IpAddr> {
    let own = request.extensions().get::<Remote>().map(|remote| remote.0);
    own.or_else(|| {
        request.extensions().get().map(|ConnectInfo(address): &ConnectInfo<SocketAddr>| address.ip())
    })
}

/// Finds out whose request it is, and turns those away that ask too often.
async fn admit(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let Some(connected) = connected(&request) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    // RFC 9112 section 3.2.
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        let words = format!("A request names one host, and this one names {hosts}.\n");
        return (StatusCode::BAD_REQUEST, words).into_response();
    }
    let config = shared.config();
    let client =
        client_address(connected, request.headers(), &config.trusted_proxies, config.forwarded_header);
    add(&shared.counts.requests);
    if !shared.may_ask(client, &config) {
        add(&shared.counts.refused_rate);
        let words = "Your network asks too often. Try again in a moment.\n";
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "5")], words).into_response();
    }
    request.extensions_mut().insert(Client(client));
    next.run(request).await
}

/// The pages, the server that hands them out, and whether it speaks TLS.
pub(super) type Served = (Arc<dyn Pages>, Arc<Shared>, bool);

/// The address by which a request reached the server, as people type it.
pub(super) fn reached((_, shared, is_secure): &Served, request: &Request) -> Option<String> {
    reached_at(connected(request)?, request.headers(), *is_secure, &shared.config())
}

async fn page(State(served): State<Served>, request: Request) -> Response {
    pages::answer(&*served.0, request.uri().path(), request.headers(), || reached(&served, &request))
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    if shared.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining").into_response()
    } else {
        let doubts = shared.doubts().into_iter().map(|words| format!("\nbut: {words}"));
        format!("ready{}", doubts.collect::<String>()).into_response()
    }
}

async fn metrics(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let client = request.extensions().get::<Client>().map(|client| client.0);
    let config = shared.config();
    if !client.is_some_and(|client| config.admits_to_metrics(client)) {
        let words = "The metrics of this server are not for your address (metrics_allow).\n";
        return (StatusCode::FORBIDDEN, words).into_response();
    }
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], shared.metrics()).into_response()
}

/// Credentials for a relay, to whoever asks: the form and the address of the original Place.
async fn turn_token(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let Some(&Client(address)) = request.extensions().get::<Client>() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if shared.hub.with(|hub, _| hub.is_banned(address)) {
        return (StatusCode::FORBIDDEN, "Whoever runs this server has banned your address.\n")
            .into_response();
    }
    let query = request.uri().query().unwrap_or_default();
    let id = query.split('&').find_map(|pair| pair.strip_prefix("id=")).unwrap_or_default();
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let now = (shared.hub.now(), wall_time());
    let mut tokens = shared.tokens.lock().unwrap_or_else(PoisonError::into_inner);
    let issued = tokens.as_mut().map(|tokens| tokens.issue(now, address, without_port(host), id));
    match issued {
        Some(Ok(text)) => {
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
            (headers, text).into_response()
        }
        Some(Err(error)) => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "60")], format!("{error}\n"))
                .into_response()
        }
        None => (StatusCode::NOT_FOUND, "This server knows of no relay.\n").into_response(),
    }
}

/// The name or address in a Host header.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

async fn signal(State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let Some((upgrade, accept)) = upgrade.zip(accept_key(request.method(), request.headers())) else {
        let words = "This is the address of a Meshwork meeting point. Programs speak WebSocket here.\n";
        return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")], words).into_response();
    };
    let Some(&Client(address)) = request.extensions().get::<Client>() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let config = shared.config();
    if !is_allowed_origin(request.headers(), &config.allowed_origins) {
        add(&shared.counts.refused_origin);
        let words = "Pages of that origin may not use this server (allowed_origins).\n";
        return (StatusCode::FORBIDDEN, words).into_response();
    }
    if let Some(connected) = connected(&request)
        && let Some(words) = doubt_of_proxy(connected, request.headers(), &config)
    {
        shared.doubt(words);
    }
    let shown = config.log_addresses.then(|| tracing::field::display(address));
    tracing::debug!(address = shown, "a socket is opened");
    let hub = shared.hub.clone();
    tokio::spawn(async move {
        // It fails where the connection breaks before the answer is out.
        if let Ok(stream) = upgrade.await {
            socket::run(TokioIo::new(stream), address, hub).await;
        }
    });
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

/// What a request for a WebSocket is answered with (RFC 6455 section 4.2.2). Nothing for any other request.
fn accept_key(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    let says = |name: HeaderName, word: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|found| found.trim().eq_ignore_ascii_case(word))
    };
    let is_asked = method == Method::GET
        && says(header::CONNECTION, "upgrade")
        && says(header::UPGRADE, "websocket")
        && says(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| is_asked)?;
    STANDARD.decode(key).ok().filter(|nonce| nonce.len() == 16)?;
    let hashed = Sha1::new().chain_update(key).chain_update(WEBSOCKET_SALT).finalize();
    HeaderValue::try_from(STANDARD.encode(hashed)).ok()
}

fn with_security_headers(mut response: Response, is_secure: bool) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(PAGE_POLICY));
    for (name, value) in [
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT));
    }
    response
}
