//! `link`: the links of a room, and new ones.

use std::collections::BTreeMap;

use clap::Args;
use meshwork::{Link, PeerId, Room, Writers};
use serde_json::json;

use super::{Common, counted, in_room, link, wait_for_holders};
use crate::exit::Failure;
use crate::style;

const AFTER_HELP: &str = "\
The link alone goes to standard output; whom a new link locks out is told on standard error. With --json: {link};
with --edit {link, known_by}; with --new {link, known_by, locked_out: [{peer, name}]}.";

/// What `link` is asked for.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
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
        let locked_out = if new { others(room, &keep).await? } else { Vec::new() };
        let new =
            if edit { room.rules().new_edit_link().await? } else { room.rules().new_link(keep).await? };
        let new = match link.app() {
            Some(app) => new.with_app(app.clone()),
            None => new,
        };
        Ok((new.to_string(), wait_for_holders(attempt, room).await?, locked_out))
    });
    let (link, holders, locked_out) = changed.await?;
    let mut value = json!({ "link": link, "known_by": holders });
    if new {
        let person = |(peer, name): &(PeerId, String)| json!({ "peer": peer.to_string(), "name": name });
        value["locked_out"] = locked_out.iter().map(person).collect();
    }
    common.tell(&link, &value)?;
    style::note(format!("{} know.", counted(holders, "member")));
    if new {
        style::note(words_of(&locked_out));
    }
    Ok(())
}

/// Everybody who is known to have an earlier link and does not keep access: who is in the room, or was just now, and whom its
/// rules name.
async fn others(room: &Room, keep: &[PeerId]) -> Result<Vec<(PeerId, String)>, Failure> {
    let mut others: BTreeMap<PeerId, String> = BTreeMap::new();
    if let Some(terms) = room.rules().terms().await? {
        let listed = if let Writers::Listed(writers) = terms.writers { writers } else { Vec::new() };
        others.extend(terms.moderators.into_iter().chain(listed).map(|peer| (peer, String::new())));
    }
    for member in room.reach().await?.tried {
        let name = others.entry(member.peer()).or_default();
        if name.is_empty() {
            *name = member.name().trim().to_owned();
        }
    }
    let is_left_out = |peer: &PeerId| *peer != room.me().peer && !keep.contains(peer);
    Ok(others.into_iter().filter(|(peer, _)| is_left_out(peer)).collect())
}

/// Whom a new link locks out, for people.
fn words_of(locked_out: &[(PeerId, String)]) -> String {
    let person = |(peer, name): &(PeerId, String)| match name.as_str() {
        "" => peer.to_string(),
        name => format!("{name} ({peer})"),
    };
    let people: Vec<String> = locked_out.iter().map(person).collect();
    match people.as_slice() {
        [] => {
            "Nobody who is known here loses access. All others with an earlier link do: send them this one."
                .into()
        }
        people => format!(
            "This locks out {}. They keep what they have and get nothing new, keepers included. Send them this link, or make \
             another one with --keep PEER,.. Nobody else with an earlier link comes in either.",
            people.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_out_people_are_named() {
        let keeper = (PeerId([1; 32]), String::from("Keeper"));
        let words = words_of(&[keeper.clone(), (PeerId([2; 32]), String::new())]);
        let names = format!("locks out Keeper ({}), {}.", keeper.0, PeerId([2; 32]));
        assert!(words.contains(&names), "{words}");
        assert!(words_of(&[]).starts_with("Nobody who is known here"));
    }
}
