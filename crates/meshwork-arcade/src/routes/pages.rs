//! Pages of games, which programs that show cards read too, and the cards' pictures.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use meshwork_core::id::Code;

use super::Context;
use super::games::found;
use super::refusal::Refusal;
use crate::arcade::Arcade;
use crate::picture;
use crate::seam::{Head, Picture, Visit};
use crate::store::StoredGame;

pub(super) async fn page(
    State(arcade): State<Arc<Arcade>>,
    Extension(visit): Context,
    Path(code): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Ok(code) = code.parse::<Code>() else { return Ok(visit.page_at(uri.path(), &headers)) };
    if let Some(game) = arcade.game(code).await? {
        return Ok(show(&arcade, &*visit, code, game).await);
    }
    // Of a noted party the card shows its game; the page opens its room.
    if let Some(game) = arcade.game_of_room(code)
        && let Some(game) = arcade.game(game).await?
    {
        return Ok(show(&arcade, &*visit, code, game).await);
    }
    Ok(match visit.members(code) {
        Ok(None) => visit.page(StatusCode::NOT_FOUND, not_found(code)),
        Ok(Some(_)) | Err(_) => visit.page_at(uri.path(), &headers),
    })
}

/// The page under the code of a game, or of one of its parties.
async fn show(arcade: &Arcade, visit: &dyn Visit, code: Code, game: StoredGame) -> Response {
    let card = game.code;
    let thumbnail = arcade.shelf.thumbnail(card).await.ok().flatten();
    let (game, _) = arcade.show(game);
    let author = if game.author_name.trim().is_empty() { game.author.short() } else { game.author_name };
    let (seats, most) = game.seats;
    let online = format!("By {author} · {seats}/{most} players online");
    let description =
        if game.description.is_empty() { online } else { format!("{} · {online}", game.description) };
    let kind = thumbnail.as_deref().and_then(picture::kind).or_else(|| picture::kind(picture::OURS));
    let picture = kind.map(|kind| Picture {
        path: format!("/play/{card}/card.png"),
        width: kind.width,
        height: kind.height,
        description: game.title.clone(),
    });
    visit
        .page(StatusCode::OK, Head { title: game.title, description, path: format!("/play/{code}"), picture })
}

fn not_found(code: Code) -> Head {
    Head {
        title: String::from("Game not found"),
        description: format!("Game not found: neither a game nor a room here has the code {code}."),
        path: format!("/play/{code}"),
        picture: None,
    }
}

/// The picture of a game's card, or ours for a game without one.
pub(super) async fn card(
    State(arcade): State<Arc<Arcade>>,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let game = found(&arcade, &code).await?;
    let etag = format!("\"{}-{}\"", game.package, game.version);
    let is_known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let own = arcade.shelf.thumbnail(game.code).await?;
        let own = own.and_then(|bytes| Some((picture::kind(&bytes)?, Body::from(bytes))));
        let (media_type, body) = match own {
            Some((kind, bytes)) => (kind.media_type, bytes),
            None => ("image/png", Body::from(picture::OURS)),
        };
        ([(header::CONTENT_TYPE, media_type)], body).into_response()
    };
    for (name, value) in [
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, etag.as_str()),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}
