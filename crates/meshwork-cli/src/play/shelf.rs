//! `play games` and `play remove`: the shelf of a server.

use std::time::Duration;

use axum::http::Method;
use clap::Args;
use meshwork::{Code, PeerId};
use meshwork_core::id::Identity;
use meshwork_play::package::PACKAGE_MAX;
use meshwork_play::shelf::{
    Ask, GAMES_PATH, Game, GameAnswer, GamesAnswer, PACKAGES_PATH, Request, RequestClock,
};
use meshwork_play::{Package, Release};
use serde_json::{Value, json};

use super::http;
use crate::exit::Failure;
use crate::room::{Common, link};
use crate::{identity, out};

/// Arguments of `play games`.
#[derive(Args)]
pub(crate) struct Games {
    /// The server, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", value_parser = link::parse_server)]
    server: String,
    /// The most games to list.
    #[arg(long, value_name = "N", default_value = "100")]
    most: usize,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Arguments of `play remove`.
#[derive(Args)]
pub(crate) struct Remove {
    /// The code of your game.
    #[arg(value_name = "CODE")]
    code: Code,
    /// The server, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", value_parser = link::parse_server)]
    server: String,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Lists published games, the newest change first.
pub(super) async fn list(Games { server, most, common }: Games) -> Result<(), Failure> {
    let (mut games, mut before): (Vec<Game>, Option<String>) = (Vec::new(), None);
    while games.len() < most {
        let place = before.map_or_else(String::new, |before| format!("&before={before}"));
        let path = format!("{GAMES_PATH}?most={}{place}", (most - games.len()).min(100));
        let page: GamesAnswer = http::ask(&server, (Method::GET, &path), Vec::new(), common.timeout).await?;
        games.extend(page.games);
        before = page.before;
        if before.is_none() {
            break;
        }
    }
    if common.json {
        return out::json(&json!({ "games": games }));
    }
    if games.is_empty() {
        return out::line("no games");
    }
    out::print(games.iter().map(line).collect::<String>())
}

/// A game on a line.
fn line(game: &Game) -> String {
    let author = if game.author_name.is_empty() { game.author.short() } else { game.author_name.clone() };
    let (code, title, online) = (game.code, &game.title, game.online);
    format!("{code}  {title}  by {author}, version {}, {online} online\n", game.version)
}

/// Takes a game of this peer down.
pub(super) async fn remove(Remove { code, server, common }: Remove) -> Result<(), Failure> {
    let author = author(&common)?;
    let body = |at_ms| Request::sign(&author, at_ms, &server, &Ask::Remove { code }).to_json().into_bytes();
    let path = format!("{GAMES_PATH}/{code}");
    let (to, mut clock) = ((Method::DELETE, path.as_str()), RequestClock::default());
    let _: Value = http::ask_signed(&server, to, &mut clock, body, common.timeout).await?;
    common.tell(&format!("removed {code}"), &json!({ "removed": code }))
}

/// A published game.
pub(super) async fn find(code: Code, server: &str, within: Duration) -> Result<GameAnswer, Failure> {
    let path = format!("{GAMES_PATH}/{code}");
    http::ask(server, (Method::GET, &path), Vec::new(), within).await
}

/// A published game's package and author, both checked: the server cannot hand out another author's.
pub(super) async fn fetch(code: Code, server: &str, within: Duration) -> Result<(Package, PeerId), Failure> {
    let answer = find(code, server, within).await?;
    let wrong =
        |error: &dyn std::fmt::Display| Failure::Unreachable(format!("{server} has no such game: {error}."));
    let release = Release::check(&answer.release).map_err(|error| wrong(&error))?;
    let path = format!("{PACKAGES_PATH}/{}", release.package);
    let bytes = http::get(server, &path, PACKAGE_MAX, within).await?;
    let package = Package::read(bytes.into()).map_err(|error| wrong(&error))?;
    if !release.describes(&package) {
        return Err(wrong(&"its package is another one"));
    }
    Ok((package, release.author))
}

/// The key of this peer, which signs releases and requests.
pub(super) fn author(common: &Common) -> Result<Identity, Failure> {
    let loaded = common.identity_path().and_then(|path| identity::keys(&identity::load_or_create(&path)?));
    loaded.map_err(|error| Failure::Storage(format!("{error:#}")))
}
