//! `sync erase`: what an owner or a moderator takes out of a document.

use clap::Args;
use meshwork::{App, PeerId, Room};
use serde_json::json;

use super::Target;
use super::read::fetch;
use crate::exit::Failure;
use crate::room::attempt::Attempt;
use crate::room::{counted, wait_for_holders};

const AFTER_HELP: &str = "\
Nobody is shown it any more; what others wrote between stays, and what is written later is not erased. It ends
when a member that stays knows. With --json: {name, erased, known_by}; erased is false where there was nothing.";

/// What `sync erase` is asked for.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(super) target: Target,
    /// Which document.
    #[arg(value_name = "NAME")]
    name: String,
    /// Whose writing, by the peer's key; sync text --json says who wrote what.
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
            true => format!("Erased. {} know.", counted(holders, "member")),
            false => String::from("There was nothing to erase."),
        };
        Ok((words, json!({ "name": name, "erased": is_erased, "known_by": holders })))
    };
    target.visit(erase).await
}
