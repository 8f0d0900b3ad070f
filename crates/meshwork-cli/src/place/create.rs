//! `place create`: makes a room, registers it and prints its LINK.

use clap::Args;
use meshwork_core::crdt::canvas::CanvasSize;
use meshwork_core::node::{Event, RoomSpec};
use serde_json::json;

use super::session::{Session, Stay};
use super::{Common, values};
use crate::exit::Failure;

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
    #[command(flatten)]
    pub(super) common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { server, size, private, common } = arguments;
    let mut session = Session::start(&common, Stay::Leaves).await?;
    let result = create(&mut session, RoomSpec { server, size, private }).await;
    session.close().await;
    let link = result?;
    common.tell(&link, &json!({ "link": link }))
}

async fn create(session: &mut Session, spec: RoomSpec) -> Result<String, Failure> {
    let room = session.create_room(spec).await?;
    loop {
        if let Event::RoomRegistered { .. } = session.next().await? {
            let address = session.address(room).await?;
            return Ok(address.to_string());
        }
    }
}
