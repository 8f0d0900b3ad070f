//! Shows a keeper in one's own program: it stays in a room, keeps all of it on disk, and opens it again at its next start
//! though nobody else is there.
//! Run with `cargo run -p example-programs --bin keeper -- FOLDER [LINK]`; it goes on until Ctrl-C.

use std::path::PathBuf;

use anyhow::Context as _;
use meshwork::{Endpoint, Event, Identity, Store};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("name a folder to keep rooms in")?);
    let identity = Identity::load_or_create(folder.join("identity"))?;
    let store = Store::at(&folder);
    let endpoint = Endpoint::builder().name("Keeper").identity(identity).store(store).bind().await?;
    let room = match arguments.next() {
        Some(link) => endpoint.join(link).await?,
        None => {
            let kept = endpoint.rooms().await?;
            let link =
                kept.iter().find_map(|room| room.link.clone()).context("nothing is kept: give a link")?;
            endpoint.open(link.to_string()).await?
        }
    };
    // A task of its own hears Ctrl-C also while the loop is busy.
    let mut stop = tokio::spawn(tokio::signal::ctrl_c());
    let mut events = room.events();
    println!("keeping {}", room.id().context("an open room has an id")?);
    loop {
        tokio::select! {
            _ = &mut stop => break,
            event = events.next() => match event {
                Some(Event::Joined(member)) => println!("{} is here", member.name()),
                Some(Event::InStep(_)) => println!("another has what is kept here"),
                Some(Event::StorageFailed(reason)) => println!("it cannot be kept: {reason}"),
                Some(_) => {}
                None => break,
            },
        }
    }
    // Whoever is there hears a goodbye, and what was heard last is on disk.
    endpoint.close().await;
    Ok(())
}
