//! `place create`: makes a room, registers it and prints its LINK.

use clap::Args;
use meshwork::{NewRoom, place};
use meshwork_place::canvas::CanvasSize;
use serde_json::json;

use super::attempt::{Attempt, guest};
use super::govern::RuleOptions;
use super::{Common, link, values};
use crate::exit::Failure;
use crate::progress::Progress;
use crate::room::wait_for_holders;

/// Arguments of `place create`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The meeting point that registers the room, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", value_parser = link::parse_server)]
    server: String,
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
    let Arguments { server, size, private, rules, common } = arguments;
    let attempt = Attempt::start(&common, guest().server(&server)).await?;
    let new = place::canvas(size.width, size.height);
    let result = create(&attempt, if private { new.private() } else { new }, &rules, &common).await;
    attempt.close().await;
    result
}

async fn create(
    attempt: &Attempt,
    new: NewRoom,
    rules: &RuleOptions,
    common: &Common,
) -> Result<(), Failure> {
    let progress = Progress::start("Making the room", "cells");
    progress.say("waiting for the meeting point");
    let room = attempt.create(new).await?;
    drop(progress);
    if rules.is_any() {
        // The server may have wanted an overlay, which is a rule as well.
        let present = room.rules().terms().await?.unwrap_or_default();
        room.rules().set(rules.apply(present)).await?;
    }
    // Told before anybody can have come by it.
    let link = room.link().to_string();
    common.tell(&link, &json!({ "link": link }))?;
    if rules.is_any() {
        wait_for_holders(attempt, &room).await?;
    }
    Ok(())
}
