//! Routes of others in this server, and the context in which they answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use ipnet::IpNet;
use meshwork_core::id::Code;

use super::access::{is_allowed_origin, is_own_machine, may_change};
use super::answers::{Client, Served, connected, reached};
use super::body::PromptBody;
use super::config::base_path;
use super::handle::Shared;
use super::head::Head;
use super::pages::{self, Pages};
use crate::fair::Network;
use crate::hub::TooManyCodes;

/// A request to a route of [`Server::with_routes`](super::Server::with_routes): its client, this server's public address
/// and its pages. Handlers extract it; elsewhere that fails with status 500.
#[derive(Clone)]
pub struct RouteContext {
    shared: Arc<Shared>,
    client: IpAddr,
    is_own_machine: bool,
    origin: String,
    pages: Arc<dyn Pages>,
    /// The pages that the client has, as it names them.
    known: Option<HeaderValue>,
}

impl RouteContext {
    /// The client's address, behind trusted proxies as their header gives it.
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// The client's network, which counts as one party: an IPv4 address or an IPv6 /64. Give shares to networks, since a
    /// household has 2^64 addresses.
    pub fn network(&self) -> IpNet {
        Network::of(self.client).around().next().unwrap_or_else(|| self.client.into())
    }

    /// Whether a program on this machine sent the request itself, to a server without a public address and without
    /// [trusted proxies](super::HttpConfig::trusted_proxies). A header of a proxy, or a host that is no loopback address, makes it
    /// a stranger's. A proxy on this machine that adds no header and keeps no host cannot be told apart.
    pub fn is_own_machine(&self) -> bool {
        self.is_own_machine
    }

    /// The whole address of a path of this server, such as `https://example.org/mesh/hello` for `/hello`, with the path of
    /// [`public_url`](super::HttpConfig::public_url). For a request that names no host it is the path alone.
    pub fn address_of(&self, path: &str) -> String {
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{path}", self.origin.trim_end_matches('/'))
    }

    /// The path of the public address, such as `/mesh`, which precedes paths in links of a page. Empty for most servers.
    /// Routes themselves are written without it.
    pub fn base_path(&self) -> &str {
        base_path(&self.origin)
    }

    /// Members of the room with this code, in endpoints; `None` if no room has it. See
    /// [`Hub::member_count_for`](crate::hub::Hub::member_count_for).
    ///
    /// ```
    /// use axum::{extract::Path, http::StatusCode};
    /// use meshwork_signal::http::RouteContext;
    ///
    /// async fn count(context: RouteContext, Path(code): Path<String>) -> Result<String, StatusCode> {
    ///     let code = code.parse().map_err(|_| StatusCode::NOT_FOUND)?;
    ///     let count = context.member_count(code).map_err(|_| StatusCode::TOO_MANY_REQUESTS)?;
    ///     count.map(|count| count.to_string()).ok_or(StatusCode::NOT_FOUND)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`TooManyCodes`] if the client's network tried too many codes without a room.
    pub fn member_count(&self, code: Code) -> Result<Option<usize>, TooManyCodes> {
        self.shared.hub.with(|hub, now| hub.member_count_for(now, self.client, code))
    }

    /// Whether the page that a request comes from may use this server: its own pages may, and those of
    /// [`allowed_origins`](super::HttpConfig::allowed_origins).
    pub fn is_allowed_origin(&self, headers: &HeaderMap) -> bool {
        is_allowed_origin(headers, &self.shared.config().allowed_origins)
    }

    /// Whether a request may change something on this server. Of pages only the server's own and those of
    /// [`allowed_origins`](super::HttpConfig::allowed_origins) may, also where that is empty: else each page that is open on a
    /// machine could use a server that trusts the machine. Programs that are no browser name no page, and may.
    pub fn may_change(&self, headers: &HeaderMap) -> bool {
        may_change(headers, &self.shared.config().allowed_origins, &self.origin)
    }

    /// The response that the pages of this server have for a path, such as a room's address, as if there were no route.
    pub fn page_at(&self, path: &str, headers: &HeaderMap) -> Response {
        pages::answer(&*self.pages, path, headers, || Some(self.origin.clone()))
    }

    /// The page of this server as a template with a head of the route's own: that of `app` if the pages have such an app,
    /// else the start page. Of the response with status 200 only the headers are sent if the client has the same page.
    ///
    /// ```
    /// use axum::{extract::Path, http::StatusCode, response::Response};
    /// use meshwork_signal::http::{Head, RouteContext};
    ///
    /// async fn hello(context: RouteContext, Path(name): Path<String>) -> Response {
    ///     let (title, path) = (format!("Hello {name}"), format!("/hello/{name}"));
    ///     let head = Head { title, path, description: "A greeting.".into(), picture: None };
    ///     context.page(StatusCode::OK, "hello", &head)
    /// }
    /// ```
    pub fn page(&self, status: StatusCode, app: &str, head: &Head) -> Response {
        let page = pages::page_with_head(&*self.pages, app, head, &self.origin, |path| self.address_of(path));
        pages::respond(status, pages::INDEX, page, None, self.known.as_ref())
    }
}

impl std::fmt::Debug for RouteContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteContext").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl<S: Sync> FromRequestParts<S> for RouteContext {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<RouteContext, StatusCode> {
        parts.extensions.get().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Gives a route its context, and ends bodies whose client pauses.
pub(super) async fn in_context(State(served): State<Served>, mut request: Request, next: Next) -> Response {
    let Some(&Client(client)) = request.extensions().get() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let is_own_machine = connected(&request)
        .is_some_and(|connected| is_own_machine(connected, request.headers(), &served.1.config()));
    let origin = reached(&served, &request).unwrap_or_default();
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let (pages, shared, _) = served;
    let within = shared.config().head_within;
    request.extensions_mut().insert(RouteContext { shared, client, is_own_machine, origin, pages, known });
    next.run(request.map(|body| Body::new(PromptBody::new(body, within)))).await
}
