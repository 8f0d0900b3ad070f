//! Notes of hosts: their parties, and matches that have ended.

use std::sync::Arc;

use axum::extract::{Extension, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use meshwork_core::id::{Code, RoomId};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_play::shelf::{Ask, MatchNote};

use super::games::answer;
use super::refusal::{Refusal, json};
use super::{Context, signed};
use crate::arcade::Arcade;

/// Limits of a match, above which it is no match of a game.
const MATCH_PLAYERS_MAX: u8 = 100;
const MATCH_SECONDS_MAX: u32 = 24 * 60 * 60;
const MATCH_LOSSES_MAX: u32 = 1_000;
const MATCH_LATENCY_MAX_MS: u32 = 60_000;

pub(super) async fn note(
    State(arcade): State<Arc<Arcade>>,
    Extension(visit): Context,
    Path(code): Path<String>,
    received: Request,
) -> Result<Response, Refusal> {
    let part = |ask| if let Ask::Party { code, party } = ask { Some((code, party)) } else { None };
    let (_, game, party) = signed::read(&arcade, &*visit, &code, received, part).await?;
    let party = party.ok_or_else(other_request)?;
    let id = open_room(&party.link, party.room)?;
    let seen = arcade.note_party(&game, id, &party)?;
    // Without members in the hub there is nothing to show: they left a moment ago.
    Ok(match seen {
        Some(seen) => json(&answer(&*visit, seen)),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

pub(super) async fn session(
    State(arcade): State<Arc<Arcade>>,
    Extension(visit): Context,
    Path(code): Path<String>,
    received: Request,
) -> Result<Response, Refusal> {
    let part = |ask| if let Ask::Session { code, session } = ask { Some((code, session)) } else { None };
    let (_, game, session) = signed::read(&arcade, &*visit, &code, received, part).await?;
    let session = session.ok_or_else(other_request)?;
    check_match(session)?;
    if !arcade.note_match(&visit.network(), game.code, session).await? {
        let words = format!("your network reported {} matches today", arcade.config.network_matches_a_day);
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, words));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The id in the link of an open room. Of the link nothing else is used: visitors get this server's own address.
fn open_room(link: &str, room: Code) -> Result<Option<RoomId>, Refusal> {
    let address: RoomAddress =
        link.parse().map_err(|_| Refusal::bad("the link of the party is no link of a room"))?;
    if address.code() != Some(room) {
        return Err(Refusal::bad("the link of the party is another room's"));
    }
    if address.secrets().is_some() {
        return Err(Refusal::bad(
            "the link is a private room's, which nobody may show: note open rooms alone",
        ));
    }
    Ok(address.room())
}

fn check_match(session: MatchNote) -> Result<(), Refusal> {
    let is_legal = session.player_count <= MATCH_PLAYERS_MAX
        && session.duration_seconds <= MATCH_SECONDS_MAX
        && session.host_disconnects <= MATCH_LOSSES_MAX
        && session.average_latency_ms <= MATCH_LATENCY_MAX_MS;
    let words = "a match has at most 100 players, a day, 1,000 lost hosts and a minute of latency";
    if is_legal { Ok(()) } else { Err(Refusal::bad(words)) }
}

fn other_request() -> Refusal {
    Refusal::bad("the request is not for this address")
}
