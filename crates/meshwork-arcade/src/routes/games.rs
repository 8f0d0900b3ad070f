//! Games as JSON, their packages, and their removal by their owners.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use meshwork_core::id::Code;
use meshwork_core::signalling::address::{RoomAddress, RoomKeys};
use meshwork_core::wire::Base64;
use meshwork_play::shelf::{Ask, GameAnswer, GamesAnswer, PartyAnswer};
use meshwork_play::{PackageId, WORD};

use super::download::Download;
use super::refusal::{Refusal, json};
use super::{Context, signed};
use crate::arcade::Arcade;
use crate::parties::Seen;
use crate::seam::Visit;
use crate::store::{By, Cursor, Files, PublishError, StoredGame, TakeDown};

/// Games of one page of the list, unless a request says less.
const LIST: u16 = 24;
/// The most games of one page.
const LIST_MAX: u16 = 100;

pub(super) async fn list(State(arcade): State<Arc<Arcade>>, uri: Uri) -> Result<Response, Refusal> {
    let wrong = |name: &str| Refusal::bad(format!("`{name}` is not what a list gave"));
    let before: Option<Cursor> =
        value_of(&uri, "before").map(|text| text.parse().map_err(|()| wrong("before"))).transpose()?;
    let most: Option<u16> =
        value_of(&uri, "most").map(|text| text.parse().map_err(|_| wrong("most"))).transpose()?;
    let most = most.unwrap_or(LIST).clamp(1, LIST_MAX);
    // One more tells whether there is another page.
    let mut games = arcade.shelf.games(before, most + 1).await?;
    let has_more = games.len() > usize::from(most);
    games.truncate(most.into());
    let cursor = |game: &StoredGame| Cursor { changed_ms: game.changed_ms, code: game.code }.to_string();
    let before = games.last().filter(|_| has_more).map(cursor);
    Ok(json(&GamesAnswer { games: arcade.list(games), before }))
}

/// The value of a name in the query; values here need no escapes.
fn value_of<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

pub(super) async fn one(
    State(arcade): State<Arc<Arcade>>,
    Extension(visit): Context,
    Path(code): Path<String>,
) -> Result<Response, Refusal> {
    let game = found(&arcade, &code).await?;
    let release = arcade.shelf.release(game.code).await?.unwrap_or_default();
    let release = Base64::new(release).map_err(|_| Refusal::no_game())?;
    let (game, parties) = arcade.show(game);
    let parties = parties.into_iter().map(|party| answer(&*visit, party)).collect();
    Ok(json(&GameAnswer { game, release, parties }))
}

/// The game of a path.
pub(super) async fn found(arcade: &Arcade, code: &str) -> Result<StoredGame, Refusal> {
    let code: Code = code.parse().map_err(|_| Refusal::no_game())?;
    arcade.game(code).await?.ok_or_else(Refusal::no_game)
}

/// A party with the link of its room on this server.
pub(super) fn answer(visit: &dyn Visit, Seen { room, id, seats, most, phase }: Seen) -> PartyAnswer {
    let plain = visit.address_of(&format!("/{WORD}/{room}"));
    let address: Option<RoomAddress> = plain.parse().ok();
    let with_id = id.zip(address).map(|(room, address)| address.with_keys(RoomKeys { room, secrets: None }));
    let link = with_id.map_or(plain, |address| address.to_string());
    PartyAnswer { room, link, seats, most, phase }
}

pub(super) async fn remove(
    State(arcade): State<Arc<Arcade>>,
    Extension(visit): Context,
    Path(code): Path<String>,
    received: Request,
) -> Result<Response, Refusal> {
    let part = |ask| if let Ask::Remove { code } = ask { Some((code, ())) } else { None };
    let (author, game, content) = signed::read(&arcade, &*visit, &code, received, part).await?;
    let other = || Refusal::bad("the request is not to remove this game");
    content.ok_or_else(other)?;
    if game.owner != author {
        return Err(PublishError::NotOwner.into());
    }
    arcade.take_down(TakeDown::Code(game.code), By::Owner, Files::Delete).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn package(
    State(arcade): State<Arc<Arcade>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let none = || Refusal::new(StatusCode::NOT_FOUND, "no game here has this package");
    let id: PackageId = id.parse().map_err(|_| none())?;
    // Neither HEAD nor a reader that has the package reads more than its length: a body is read as it is sent.
    let length = arcade.shelf.package_length(id).await?.ok_or_else(none)?;
    let etag = format!("\"{id}\"");
    let known = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|known| known.to_str().ok());
    let is_known = known.flat_map(|known| known.split(',')).any(|known| known.trim() == etag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let shelf = Arc::clone(&arcade.shelf);
        Response::new(Body::new(Download::new(id, length, move |place| {
            let shelf = Arc::clone(&shelf);
            Box::pin(async move { shelf.piece(id, place).await })
        })))
    };
    for (name, value) in [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::ETAG, etag.as_str()),
        // It is data for a program, and no page even if somebody opens it.
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}
