//! Signed requests: short bodies, checked, each accepted once.

use axum::body::to_bytes;
use axum::extract::Request as Received;
use axum::http::{HeaderMap, StatusCode, header};
use meshwork_core::id::{Code, PeerId};
use meshwork_play::shelf::{Ask, MatchNote, PartyNote, REQUEST_MAX, Request, RequestError};

use super::games::found;
use super::refusal::Refusal;
use crate::arcade::Arcade;
use crate::newest::{Kind, Stale};
use crate::seam::Visit;
use crate::store::{PublishError, StoredGame};

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
    let (author, ask, at_ms) = check(arcade, visit, &head.headers, &json)?;
    let game = found(arcade, code).await?;
    permit(arcade, visit, author, &ask)?;
    if matches!(ask, Ask::Remove { .. }) && game.owner != author {
        return Err(PublishError::NotOwner.into());
    }
    remember(arcade, visit, author, &ask, at_ms)?;
    let content = part(ask).filter(|(code, _)| *code == game.code).map(|(_, content)| content);
    Ok((author, game, content))
}

/// Checks a signed request, asks for permission, and accepts it once.
pub(super) fn accept(
    arcade: &Arcade,
    visit: &dyn Visit,
    headers: &HeaderMap,
    json: &[u8],
) -> Result<(PeerId, Ask), Refusal> {
    let (author, ask, at_ms) = check(arcade, visit, headers, json)?;
    permit(arcade, visit, author, &ask)?;
    remember(arcade, visit, author, &ask, at_ms)?;
    Ok((author, ask))
}

/// Checks the signature, the age and the server of a request. Returns its author, its content and its time.
fn check(
    arcade: &Arcade,
    visit: &dyn Visit,
    headers: &HeaderMap,
    json: &[u8],
) -> Result<(PeerId, Ask, u64), Refusal> {
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
    Ok((request.author, ask, request.at_ms))
}

/// Whether an author may send such a request at all. It comes before the memory of requests, in which each takes a place.
fn permit(arcade: &Arcade, visit: &dyn Visit, author: PeerId, ask: &Ask) -> Result<(), Refusal> {
    match ask {
        Ask::Publish { .. } if !arcade.config.publishers.admits(author) => {
            let words = "this server does not let you publish: its operator says who may (--publish)";
            Err(Refusal::new(StatusCode::FORBIDDEN, words))
        }
        Ask::Party { party: PartyNote { room, .. }, .. }
        | Ask::Session { session: MatchNote { room, .. }, .. } => check_member(arcade, visit, *room, author),
        Ask::Publish { .. } | Ask::Remove { .. } => Ok(()),
    }
}

/// Only a member of a room speaks for its party.
fn check_member(arcade: &Arcade, visit: &dyn Visit, room: Code, author: PeerId) -> Result<(), Refusal> {
    let too_many = |_| Refusal::new(StatusCode::TOO_MANY_REQUESTS, "your network tries too many codes");
    if visit.members(room).map_err(too_many)?.is_none() {
        return Err(Refusal::new(StatusCode::NOT_FOUND, format!("no room here has the code {room}")));
    }
    if !arcade.live.has_member(room, author) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "only a member of the room may speak for its party"));
    }
    Ok(())
}

/// Accepts a permitted request once.
fn remember(
    arcade: &Arcade,
    visit: &dyn Visit,
    author: PeerId,
    ask: &Ask,
    at_ms: u64,
) -> Result<(), Refusal> {
    arcade.accept(&visit.network(), (author, Kind::of(ask)), at_ms).map_err(|stale| match stale {
        Stale::BeforeStart => Refusal::from(stale).of_time(arcade.now()),
        stale => stale.into(),
    })
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
