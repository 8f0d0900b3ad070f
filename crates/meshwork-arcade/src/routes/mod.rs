//! The routes of a shelf.

mod body;
mod download;
mod games;
mod pages;
mod parties;
mod publishing;
mod refusal;
mod signed;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::arcade::Arcade;
use crate::seam::Visit;
use refusal::Refusal;

/// The context of a request, which the program around the shelf adds to its extensions.
type Context = Extension<Arc<dyn Visit>>;

/// Seconds for which a browser remembers that another origin may ask.
const PREFLIGHT_SECONDS: &str = "600";

/// All routes of a shelf. Each request has an `Arc<dyn Visit>` among its extensions.
pub fn routes(arcade: &Arc<Arcade>) -> Router {
    let api = Router::new()
        .route("/play/api/games", get(games::list).post(publishing::publish))
        .route("/play/api/games/{code}", get(games::one).delete(games::remove))
        .route("/play/api/games/{code}/parties", post(parties::note))
        .route("/play/api/games/{code}/sessions", post(parties::session))
        .route("/play/api/packages/{id}", get(games::package))
        .layer(from_fn(for_origins));
    let pages = Router::new()
        .route("/play/{code}", get(pages::page))
        .route("/play/{code}/", get(pages::page))
        .route("/play/{code}/card.png", get(pages::card));
    api.merge(pages).with_state(Arc::clone(arcade))
}

/// Answers pages of other origins as far as the server allows them. Another page may not even write.
async fn for_origins(Extension(visit): Context, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_allowed = visit.is_allowed_origin(request.headers());
    let may_change = visit.may_change(request.headers());
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else if !may_change && request.method() != Method::GET && request.method() != Method::HEAD {
        let words =
            "pages of that origin may not publish on this server: its operator names them (allowed_origins)";
        Refusal::new(StatusCode::FORBIDDEN, words).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin.filter(|_| is_allowed) {
        allow(headers, origin);
    }
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
        // The pages' own policy lets nobody else embed them; an answer to another origin may be read there.
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
