//! `link`: the links of a room, and new ones.

use clap::Args;
use meshwork::{Link, PeerId};
use serde_json::json;

use super::{Common, counted, in_room, link, wait_for_holders};
use crate::exit::Failure;

/// What `link` is asked for.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The room's address, with its part after #. @FILE or - reads it from there.
    #[arg(value_name = "LINK", value_parser = link::read)]
    link: Link,
    /// Print the link by which people look, without what lets them write.
    #[arg(long, conflicts_with_all = ["edit", "new"])]
    view: bool,
    /// Make a link to edit: from now on whoever has no such link can only look. For the owner of a private room.
    #[arg(long, conflicts_with = "new")]
    edit: bool,
    /// Give the room a new link: all earlier ones let nobody in any more. For the owner of a private room.
    #[arg(long)]
    new: bool,
    /// Who keeps access, by the peer's key, and is handed the new link by the others.
    #[arg(long, value_name = "PEER,..", value_delimiter = ',', requires = "new", allow_hyphen_values = true)]
    keep: Vec<PeerId>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { link, view, edit, new, keep, common } = arguments;
    if !edit && !new {
        let link = if view { link.to_look() } else { link }.to_string();
        return common.tell(&link, &json!({ "link": link }));
    }
    let changed = in_room(&common, &link, async |attempt, room| {
        let new =
            if edit { room.rules().new_edit_link().await? } else { room.rules().new_link(keep).await? };
        let new = match link.app() {
            Some(app) => new.with_app(app.clone()),
            None => new,
        };
        Ok((new.to_string(), wait_for_holders(attempt, room).await?))
    });
    let (link, holders) = changed.await?;
    let words = format!("{link}\n{} know.", counted(holders, "member"));
    common.tell(&words, &json!({ "link": link, "known_by": holders }))
}
