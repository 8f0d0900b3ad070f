//! `place create`: makes a room, registers it and prints its LINK.

use clap::Args;
use meshwork::{NewRoom, Room, place};
use meshwork_place::canvas::CanvasSize;

use super::attempt::Attempt;
use super::govern::RuleOptions;
use super::{Common, values};
use crate::exit::Failure;
use crate::progress::Progress;
use crate::room::lan::Registry;
use crate::room::signal::Stop;
use crate::room::wait_for_holders;

/// Arguments of `place create`.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    registry: Registry,
    /// Width and height of the canvas in cells, each 1 to 4096.
    #[arg(long, value_name = "WxH", default_value = "100x100", value_parser = values::parse_size)]
    size: CanvasSize,
    /// Guard the room with a secret that only its LINK carries.
    #[arg(long)]
    private: bool,
    /// Rules from the start. Members enforce them, not the meeting point, so this program waits for a member that
    /// stays.
    #[command(flatten)]
    rules: RuleOptions,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { registry, size, private, rules, common } = arguments;
    let mut stop = Stop::listen()?;
    let attempt = Attempt::start(&common, registry.builder()).await?;
    let new = place::canvas(size.width, size.height);
    let new = if private { new.private() } else { new };
    let made = async {
        let room = create(&attempt, new, &rules).await?;
        // Told before anybody can have come by it.
        registry.hand_out(&room, &common, &mut stop).await?;
        if rules.is_any() && registry.has_server() {
            wait_for_holders(&attempt, &room).await?;
        }
        Ok(())
    };
    let result = made.await;
    attempt.close().await;
    result
}

async fn create(attempt: &Attempt, new: NewRoom, rules: &RuleOptions) -> Result<Room, Failure> {
    let progress = Progress::start("Making the room", "cells");
    progress.say("waiting for the meeting point");
    let room = attempt.create(new).await?;
    drop(progress);
    if rules.is_any() {
        // The server may have wanted an overlay, which is a rule as well.
        let present = room.rules().terms().await?.unwrap_or_default();
        room.rules().set(rules.apply(present)).await?;
    }
    Ok(room)
}
