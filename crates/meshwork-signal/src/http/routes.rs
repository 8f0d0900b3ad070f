//! Routes of others in this server, and the context in which they answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use ipnet::IpNet;

use super::answers::{Client, Served, reached};
use super::body::PromptBody;
use super::config::base_path;
use crate::fair::Network;

/// A request to a route of [`Server::with_routes`](super::Server::with_routes): its client and this server's public
/// address. Handlers extract it; elsewhere that fails with status 500.
#[derive(Clone)]
pub struct RouteContext {
    client: IpAddr,
    origin: String,
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
    let origin = reached(&served, &request).unwrap_or_default();
    request.extensions_mut().insert(RouteContext { client, origin });
    let within = served.1.config().head_within;
    next.run(request.map(|body| Body::new(PromptBody::new(body, within)))).await
}
