//! Signed requests: short bodies, checked, each accepted once.

use axum::body::to_bytes;
use axum::extract::Request as Received;
use axum::http::{HeaderMap, StatusCode, header};
use meshwork_core::id::{Code, PeerId};
use meshwork_play::shelf::{Ask, REQUEST_MAX, Request, RequestError};

use super::games::found;
use super::refusal::Refusal;
use crate::arcade::Arcade;
use crate::newest::{Kind, Stale};
use crate::seam::Visit;
use crate::store::StoredGame;

/// Reads a body that is a signed request about the game of a path. `part` returns the code and the content of a request of the
/// expected kind. Returns the author, the game and the content; no content if the request is of another kind or about another game.
pub(super) async fn read<T>(
    arcade: &Arcade,
    visit: &dyn Visit,
    code: &str,
    received: Received,
    part: fn(Ask) -> Option<(Code, T)>,
) -> Result<(PeerId, StoredGame, Option<T>), Refusal> {
    let too_long =
        |_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {REQUEST_MAX} bytes"));
    let (head, body) = received.into_parts();
    let json = to_bytes(body, REQUEST_MAX).await.map_err(too_long)?;
    let (author, ask) = accept(arcade, visit, &head.headers, &json)?;
    let game = found(arcade, code).await?;
    let content = part(ask).filter(|(code, _)| *code == game.code).map(|(_, content)| content);
    Ok((author, game, content))
}

/// Checks a signed request, and accepts it once.
pub(super) fn accept(
    arcade: &Arcade,
    visit: &dyn Visit,
    headers: &HeaderMap,
    json: &[u8],
) -> Result<(PeerId, Ask), Refusal> {
    let now_ms = arcade.now();
    let (request, server, ask) = Request::check(json, now_ms).map_err(|error| {
        let is_of_time = matches!(error, RequestError::Time { .. });
        let refusal = Refusal::from(error);
        if is_of_time { refusal.of_time(now_ms) } else { refusal }
    })?;
    if !is_for_us(arcade, visit, headers, &server) {
        let address = visit.address_of("");
        let words =
            format!("this request is for {server}, and this server is {}", address.trim_end_matches('/'));
        return Err(Refusal::new(StatusCode::FORBIDDEN, words));
    }
    arcade.accept(request.author, Kind::of(&ask), request.at_ms).map_err(|stale| match stale {
        Stale::BeforeStart => Refusal::from(stale).of_time(now_ms),
        stale => stale.into(),
    })?;
    Ok((request.author, ask))
}

/// Whether an author signed for this server. Another server that its author uses cannot pass the request on: it has another
/// address, unless this one has no public address and answers to any name.
fn is_for_us(arcade: &Arcade, visit: &dyn Visit, headers: &HeaderMap, server: &str) -> bool {
    let named = arcade.config.public_url.clone().unwrap_or_else(|| visit.address_of(""));
    if server.eq_ignore_ascii_case(named.trim_end_matches('/')) {
        return true;
    }
    // A program on this machine may use its own address.
    let authority =
        server.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    let is_local = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    is_local && authority.eq_ignore_ascii_case(host)
}
