//! `play party`: makes a party of a game and holds the game for its players.

use std::path::Path;

use clap::Args;
use meshwork::play::{self, Package, Party};
use meshwork::{Code, Endpoint, PeerId};
use serde_json::json;

use super::not_held;
use super::package::read;
use super::shelf::fetch;
use crate::exit::Failure;
use crate::room::attempt::Attempt;
use crate::room::signal::Stop;
use crate::room::{Common, link};
use crate::style;

/// Arguments of `play party`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The code of a game on the server's shelf; or the folder of a game, or its only file: a .js or .html.
    #[arg(value_name = "CODE|DIR|FILE")]
    game: String,
    /// The meeting point that registers the party, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", value_parser = link::parse_server)]
    server: String,
    /// Guard the party with a secret that only its LINK carries.
    #[arg(long)]
    private: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(Arguments { game, server, private, common }: Arguments) -> Result<(), Failure> {
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
        Err(room.refused().await.into())
    };
    let result = tokio::select! {
        result = held => result,
        () = stop.asked() => Ok(()),
    };
    attempt.close().await;
    result
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
