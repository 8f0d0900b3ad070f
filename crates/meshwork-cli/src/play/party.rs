//! `play party`: makes a party of a game and holds the game for its players.

use std::future::pending;
use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use clap::Args;
use meshwork::play::{self, Package, Party};
use meshwork::{Code, Endpoint, Link, PeerId, Room};
use meshwork_play::shelf::{Ask, GAMES_PATH, NOTE_EVERY_MS, PartyNote, Phase, Request, RequestClock};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::package::read;
use super::shelf::{author, fetch};
use super::target::game_of;
use super::{http, not_held};
use crate::exit::Failure;
use crate::room::attempt::Attempt;
use crate::room::signal::Stop;
use crate::room::{Common, link};
use crate::style;

/// Arguments of `play party`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The code or link of a game on the server's shelf; or the folder of a game, or its only file: a .js or .html.
    #[arg(value_name = "CODE|LINK|DIR|FILE")]
    game: String,
    /// The meeting point that registers the party, such as http://127.0.0.1:8080. The link of a game names its own.
    #[arg(long, value_name = "URL", value_parser = link::parse_server)]
    server: Option<String>,
    /// Guard the party with a secret that only its LINK carries.
    #[arg(long)]
    private: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(Arguments { game, server, private, common }: Arguments) -> Result<(), Failure> {
    let (server, game) = place(game, server)?;
    let (package, published) = find(&game, &server, &common).await?;
    let mut stop = Stop::listen()?;
    let builder = Endpoint::builder().name("Game").server(&server);
    let mut attempt = Attempt::start(&common, builder).await?;
    let held = async {
        let author = published.map_or_else(|| attempt.endpoint.id().peer, |(author, _)| author);
        let title = package.manifest().title.clone();
        let new = play::party(&Party::of(&package, author, published.map(|(_, code)| code))).named(&title);
        let room = attempt.create(if private { new.private() } else { new }).await?;
        room.game().hold(&package).await.map_err(not_held)?;
        attempt.stay();
        let (link, id) = (room.link().to_string(), package.id().to_string());
        common.tell(&link, &json!({ "link": link, "package": id, "title": title }))?;
        style::note("the game is held for players until this program is interrupted");
        let shown = async {
            match published.filter(|_| !private) {
                Some((_, code)) => show(&room, code, &server, &common).await,
                None => pending().await,
            }
        };
        tokio::select! {
            refused = room.refused() => Err(refused.into()),
            failed = shown => failed,
        }
    };
    let result = tokio::select! {
        result = held => result,
        () = stop.asked() => Ok(()),
    };
    attempt.close().await;
    result
}

/// The server, and the code of a game or the path of a file.
fn place(game: String, server: Option<String>) -> Result<(String, String), Failure> {
    let link = if Path::new(&game).exists() { None } else { game.parse::<Link>().ok() };
    match (link.as_ref().and_then(game_of), server) {
        (Some((server, code)), _) => Ok((server, code.to_string())),
        (None, Some(server)) => Ok((server, game)),
        (None, None) => Err(Failure::Usage(String::from("Name the server of the party with --server URL."))),
    }
}

/// Shows the party on the game's page until a host does, so that others find it there.
async fn show(room: &Room, code: Code, server: &str, common: &Common) -> Result<(), Failure> {
    let author = author(common)?;
    let mut clock = RequestClock::default();
    let mut rounds = interval(Duration::from_millis(NOTE_EVERY_MS));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let (link, Ok(answer)) = (room.link(), super::shelf::find(code, server, common.timeout).await) else {
            // The server is away. Players who are here go on.
            continue;
        };
        let Some(own) = link.code() else { continue };
        if answer.parties.iter().any(|party| party.room == own && party.seats > 0) {
            continue;
        }
        let party = PartyNote {
            room: own,
            link: link.to_string(),
            seats: 0,
            most: answer.game.players.1,
            phase: Phase::Lobby,
            joined: 0,
            failed: 0,
            host_losses: 0,
        };
        let ask = Ask::Party { code, party };
        let body = |at_ms| Request::sign(&author, at_ms, server, &ask).to_json().into_bytes();
        let path = format!("{GAMES_PATH}/{code}/parties");
        let to = (Method::POST, path.as_str());
        let noted: Result<Value, Failure> =
            http::ask_signed(server, to, &mut clock, body, common.timeout).await;
        if let Err(error) = noted {
            tracing::debug!("the game's page does not show the party: {error}");
        }
    }
}

/// The package of a folder or a file, or of a published game with its author and code.
async fn find(
    game: &str,
    server: &str,
    common: &Common,
) -> Result<(Package, Option<(PeerId, Code)>), Failure> {
    match game.parse::<Code>() {
        Ok(code) if !Path::new(game).exists() => {
            let (package, author) = fetch(code, server, common.timeout).await?;
            Ok((package, Some((author, code))))
        }
        _ => Ok((read(Path::new(game))?, None)),
    }
}
