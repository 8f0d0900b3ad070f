//! The common part of all apps' commands: an attempt with a deadline, messages for obstacles, staying in a room and
//! watching it.

pub(crate) mod attempt;
pub(crate) mod happenings;
pub(crate) mod in_step;
pub(crate) mod keep;
pub(crate) mod kept;
pub(crate) mod lan;
pub(crate) mod link;
pub(crate) mod links;
pub(crate) mod listen;
mod notices;
mod obstacles;
pub(crate) mod signal;
pub(crate) mod turn_on;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use meshwork::{App, Builder, Link, Room};
use serde::Serialize;

use self::attempt::{Attempt, guest};
use crate::exit::Failure;
use crate::progress::Progress;
use crate::{duration, identity, out};

/// The options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Every command")]
pub(crate) struct Common {
    /// Fail after this time, such as 30s, 500ms or 2m.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
    /// Write the result to standard output as JSON; a failure as {error, reason}.
    #[arg(long)]
    pub(crate) json: bool,
    /// The file with this peer's secret key, created if missing.
    /// [default: meshwork/identity in your data directory; for keep, identity in --data]
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub(crate) identity: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) hiding: Hiding,
    #[command(flatten)]
    pub(crate) lan: lan::LanOptions,
}

/// Options for this machine's address.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Hiding {
    /// Show others a relay's address instead of this machine's: slower, and without a relay on the server nobody is
    /// reachable. The server still sees this machine's address.
    #[arg(long)]
    pub(crate) hide_address: bool,
    /// A host whose relays may see this machine's address, or a server whose list of relays is trusted; may be
    /// repeated. A relay on the server's own host always may.
    #[arg(long, value_name = "HOST", requires = "hide_address")]
    pub(crate) trust_relay: Vec<String>,
}

impl Hiding {
    /// An endpoint with these options.
    pub(crate) fn apply(&self, builder: Builder) -> Builder {
        let builder = if self.hide_address { builder.hide_address() } else { builder };
        self.trust_relay.iter().fold(builder, Builder::trust_relay)
    }
}

impl Common {
    /// An endpoint with these options.
    pub(crate) fn apply(&self, builder: Builder) -> Builder {
        self.lan.apply(self.hiding.apply(builder))
    }

    /// The file with this peer's secret key.
    pub(crate) fn identity_path(&self) -> anyhow::Result<PathBuf> {
        self.identity.clone().map_or_else(identity::default_path, Ok)
    }

    /// Writes the result: `words` for people, or `value` with `--json`.
    pub(crate) fn tell(&self, words: &str, value: &impl Serialize) -> Result<(), Failure> {
        if self.json { out::json(value) } else { out::line(words) }
    }
}

/// "1 cell", "2 cells".
pub(crate) fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The members that hold something, in words.
pub(crate) fn held_by(holders: usize, what: &str) -> String {
    let verb = if holders == 1 { "has" } else { "have" };
    format!("{} {verb} {what}.", counted(holders, "member"))
}

/// Waits until a member that stays has the same records, on its disk if it has one. Returns how many do.
pub(crate) async fn wait_for_holders(attempt: &Attempt, room: &Room) -> Result<usize, Failure> {
    attempt.within(room, room.rules().held()).await.map_err(|failure| match failure {
        Failure::Unreachable(words) => Failure::Unreachable(format!(
            "No member that stays has the new rules yet, so they may be lost. {words}"
        )),
        failure => failure,
    })
}

/// The app's part of a room, as far as known by now.
pub(crate) async fn app(room: &Room, word: &str) -> Result<App, Failure> {
    match room.app(word).await {
        Ok(app) => Ok(app),
        Err(_) => Err(Failure::App(room.opened_with().await?.unwrap_or_default())),
    }
}

/// Joins a room, waits for its rules, acts, and leaves.
pub(crate) async fn in_room<T>(
    common: &Common,
    link: &Link,
    act: impl AsyncFnOnce(&Attempt, &Room) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let attempt = Attempt::start(common, guest()).await?;
    let acted = async {
        let progress = Progress::start("Joining", "cells");
        let room = attempt.join(link).await?;
        progress.say("waiting for the rules of the room");
        wait_for_holders(&attempt, &room).await?;
        drop(progress);
        act(&attempt, &room).await
    };
    let result = acted.await;
    attempt.close().await;
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_with_their_noun() {
        assert_eq!(counted(1, "cell"), "1 cell");
        assert_eq!(counted(0, "cell"), "0 cells");
    }
}
