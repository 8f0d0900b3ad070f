//! `play party`: makes a party of a game and holds the game for its players.

use std::path::PathBuf;

use clap::Args;
use meshwork::Endpoint;
use meshwork::play::{self, Party};
use serde_json::json;

use super::not_held;
use super::package::read;
use crate::exit::Failure;
use crate::room::attempt::Attempt;
use crate::room::signal::Stop;
use crate::room::{Common, link};
use crate::style;

/// Arguments of `play party`.
#[derive(Args)]
pub(super) struct Arguments {
    /// The folder of the game, or its only file: a .js or .html.
    #[arg(value_name = "DIR|FILE")]
    game: PathBuf,
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
    let package = read(&game)?;
    let mut stop = Stop::listen()?;
    let builder = Endpoint::builder().name("Game").server(&server);
    let mut attempt = Attempt::start(&common, builder).await?;
    let held = async {
        let author = attempt.endpoint.id().peer;
        let title = package.manifest().title.clone();
        let new = play::party(&Party::of(&package, author, None)).named(&title);
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
