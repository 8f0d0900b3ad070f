//! `place create`: makes a room, registers it and prints its LINK.

use clap::Args;
use meshwork_core::node::{Event, RoomHandle, RoomSpec};
use meshwork_place::canvas::CanvasSize;
use serde_json::json;

use super::govern::RuleOptions;
use super::session::{Session, Stay};
use super::{Common, govern, values};
use crate::exit::Failure;
use crate::progress::Progress;

/// What `place create` is asked for.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The meeting point that is to know the room, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", value_parser = values::parse_server)]
    server: String,
    /// Width and height of the canvas in cells, each 1 to 4096.
    #[arg(long, value_name = "WxH", default_value = "100x100", value_parser = values::parse_size)]
    size: CanvasSize,
    /// Guard the room with a secret that only its LINK carries.
    #[arg(long)]
    private: bool,
    /// Rules from the start. They are taken by members, not by the meeting point: with them this program waits until
    /// one that stays is there.
    #[command(flatten)]
    rules: RuleOptions,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { server, size, private, rules, common } = arguments;
    let mut session = Session::start(&common, Stay::Leaves).await?;
    let result =
        create_ruled(&mut session, meshwork_place::room_spec(server, size, private), &rules, &common).await;
    session.close().await;
    result
}

async fn create_ruled(
    session: &mut Session,
    spec: RoomSpec,
    rules: &RuleOptions,
    common: &Common,
) -> Result<(), Failure> {
    let (room, link) = create(session, spec).await?;
    if rules.is_any() {
        // The server may have wanted an overlay, which is a rule as well.
        let present = session.look(room, |node, room| node.room(room).rules().cloned()).await?;
        let rules = rules.apply(present)?;
        govern::decide(session, room, move |node, now, room| node.room_mut(now, room).set_rules(rules))
            .await?;
    }
    // Told before anybody can have come by it.
    common.tell(&link, &json!({ "link": link }))?;
    if rules.is_any() {
        govern::wait_for_holders(session, room).await?;
    }
    Ok(())
}

async fn create(session: &mut Session, spec: RoomSpec) -> Result<(RoomHandle, String), Failure> {
    let progress = Progress::start("Making the room", "cells");
    progress.say("waiting for the meeting point");
    let room = session.create_room(spec).await?;
    loop {
        if let Event::RoomRegistered { .. } = session.next().await? {
            let address = session.address(room).await?;
            return Ok((room, address.to_string()));
        }
    }
}
