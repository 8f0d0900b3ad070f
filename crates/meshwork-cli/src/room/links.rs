//! `link`: the links of a room, and new ones.

use std::collections::BTreeMap;

use clap::Args;
use meshwork::{Link, PeerId, Room, Writers};
use serde_json::json;

use super::{Common, held_by, in_room, link, wait_for_holders};
use crate::exit::Failure;
use crate::style;

const AFTER_HELP: &str = "\
Standard output has the link alone; standard error names the people that a new link locks out. With --json: {link};
with --edit {link, known_by}; with --new {link, known_by, locked_out: [{peer, name}]}.";

/// Arguments of `link`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The LINK of the room, with its part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = link::read)]
    link: Link,
    /// Print the view link, without the key to edit.
    #[arg(long, conflicts_with_all = ["edit", "new"])]
    view: bool,
    /// Make an edit link: from now on people without it can only look. For the owner of a private room.
    #[arg(long, conflicts_with = "new")]
    edit: bool,
    /// Give the room a new link and disable all earlier ones. For the owner of a private room.
    #[arg(long)]
    new: bool,
    /// The peers, by key, that keep access and receive the new link from the others.
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
        if new && room.owner().await? == Some(room.me().peer) {
            check_somebody_stays(room, &keep).await?;
        }
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
        let entry = |(peer, name): &(PeerId, String)| json!({ "peer": peer.to_string(), "name": name });
        value["locked_out"] = locked_out.iter().map(entry).collect();
    }
    common.tell(&link, &value)?;
    style::note(held_by(holders, "this"));
    if new {
        style::note(words_of(&locked_out));
    }
    Ok(())
}

/// Refuses a new link if no linked member keeps access. This program ends, so the link would end with it.
async fn check_somebody_stays(room: &Room, keep: &[PeerId]) -> Result<(), Failure> {
    let members = room.members().await?;
    let others: Vec<_> = members
        .iter()
        .filter(|member| member.link().is_linked() && member.peer() != room.me().peer)
        .map(|member| (member.peer(), member.name().trim().to_owned()))
        .collect();
    if others.is_empty() || others.iter().any(|(peer, _)| keep.contains(peer)) {
        return Ok(());
    }
    let names: Vec<String> = others.iter().map(person).collect();
    let keys: Vec<String> = others.iter().map(|(peer, _)| peer.to_string()).collect();
    Err(Failure::Forbidden {
        words: format!(
            "No new link was made: it would lock out every member who could store it, {}. Keep access for one that \
             stays: --keep {}",
            names.join(", "),
            keys.join(",")
        ),
        reason: "nobody-keeps-access",
    })
}

/// All known holders of an earlier link that do not keep access: present and recent members, and peers that the room's
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

/// The name of a person with the key behind it.
fn person((peer, name): &(PeerId, String)) -> String {
    if name.is_empty() { peer.to_string() } else { format!("{name} ({peer})") }
}

/// The people that a new link locks out, as a message.
fn words_of(locked_out: &[(PeerId, String)]) -> String {
    let people: Vec<String> = locked_out.iter().map(person).collect();
    match people.as_slice() {
        [] => {
            "Nobody known here loses access. All others with an earlier link do: send them this one.".into()
        }
        people => format!(
            "This locks out {}. They keep their data and get nothing new, keepers included. Send them this link, or make \
            another with --keep PEER,.. All others with an earlier link are locked out too.",
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
        assert!(words_of(&[]).starts_with("Nobody known here"));
    }
}
