//! `play publish`: puts a game on the shelf of a server.

use std::path::PathBuf;

use axum::http::Method;
use clap::Args;
use meshwork::Code;
use meshwork_play::shelf::{Ask, GAMES_PATH, Published, Request, RequestClock, publication};
use meshwork_play::{About, Release};

use super::http;
use super::package::read;
use super::shelf::{author, find};
use crate::exit::Failure;
use crate::room::{Common, link};
use crate::style;

/// Arguments of `play publish`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of the game, or its only file: a .js or .html.
    #[arg(value_name = "DIR|FILE")]
    game: PathBuf,
    /// The server whose shelf gets the game, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", value_parser = link::parse_server)]
    server: String,
    /// Publish a new version of your game with this code. Without it the game gets a code of its own.
    #[arg(long, value_name = "CODE")]
    code: Option<Code>,
    /// Leave the game out of lists. Its code opens it all the same.
    #[arg(long)]
    draft: bool,
    /// The name that players read as the author's, at most 32 bytes.
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Publishes, and writes the code and the link.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { game, server, code, draft, name, common } = arguments;
    let package = read(&game)?;
    let author = author(&common)?;
    let version = match code {
        Some(code) => find(code, &server, common.timeout).await?.game.version.saturating_add(1),
        None => 1,
    };
    let body = |at_ms| {
        let release = Release::sign(&author, About::of(&package, &name, version, at_ms)).to_bytes();
        let hash = *blake3::hash(&release).as_bytes();
        let ask = Ask::Publish { code, release: hash.into(), draft };
        publication(&Request::sign(&author, at_ms, &server, &ask), &release, package.bytes())
    };
    style::note(
        "files, sizes, game.json and the program's encoding are checked, its syntax is not: the lobby of a party shows whether it loads",
    );
    let (to, mut clock) = ((Method::POST, GAMES_PATH), RequestClock::default());
    let published: Published = http::ask_signed(&server, to, &mut clock, body, common.timeout).await?;
    common.tell(&format!("{} {}", published.code, published.link), &published)
}
