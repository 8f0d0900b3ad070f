//! `turn-on`: enables an app beside the one that a room opened with.

use clap::Args;
use meshwork::{Link, NewRoom};
use meshwork_core::signed::app::AppWord;
use serde_json::json;

use super::{Common, held_by, in_room, link, wait_for_holders};
use crate::exit::Failure;
use crate::style;

/// Arguments of `turn-on`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The LINK of the room, with its part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = link::read)]
    link: Link,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Enables the app as a new room would have it, and prints the LINK with this app in front.
pub(crate) async fn run(arguments: Arguments, app: NewRoom, word: AppWord) -> Result<(), Failure> {
    let Arguments { link, common } = arguments;
    let turned = in_room(&common, &link, async |attempt, room| {
        room.turn_on(app).await?;
        wait_for_holders(attempt, room).await
    });
    let (holders, link) = (turned.await?, link.with_app(word).to_string());
    common.tell(&link, &json!({ "link": link, "known_by": holders }))?;
    style::note(held_by(holders, "this"));
    Ok(())
}
