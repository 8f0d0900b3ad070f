//! `sync erase`: what an owner or a moderator takes out of a document.

use clap::Args;
use meshwork::{App, PeerId, Room};
use serde_json::json;

use super::Target;
use super::read::fetch;
use crate::exit::Failure;
use crate::room::attempt::Attempt;
use crate::room::{held_by, wait_for_holders};

const AFTER_HELP: &str = "\
The text disappears for everybody. The text of others between stays, and later writes are not erased. The command
ends when a member that stays has this. With --json: {name, erased, known_by}; erased is false if there was nothing.";

/// Arguments of `sync erase`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(super) target: Target,
    /// The name of the document.
    #[arg(value_name = "NAME")]
    name: String,
    /// The author, by the peer's key; sync text --json lists the authors.
    #[arg(long, value_name = "PEER", allow_hyphen_values = true)]
    peer: PeerId,
}

pub(super) async fn run(arguments: Erase) -> Result<(), Failure> {
    let Erase { target, name, peer } = &arguments;
    let erase = async |attempt: &mut Attempt, room: &Room, app: &App| {
        fetch(attempt, room).await?;
        let is_erased = app.document(name).erase_by(*peer).await?;
        let holders = wait_for_holders(attempt, room).await?;
        let words = match is_erased {
            true => format!("Erased. {}", held_by(holders, "this")),
            false => String::from("There was nothing to erase."),
        };
        Ok((words, json!({ "name": name, "erased": is_erased, "known_by": holders })))
    };
    target.visit(erase).await
}
