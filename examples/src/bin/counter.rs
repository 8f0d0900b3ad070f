//! Shows a counter: everybody who runs it raises one number, online or off, and each step counts once.
//! Run with `cargo run -p example-programs --bin counter -- http://127.0.0.1:8080 1`, then with the link that is printed
//! in place of the server.

use anyhow::Context as _;
use meshwork::{Endpoint, sync};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().context("name a server, or give the link of a room")?;
    let by = arguments.next().context("by how much?")?.parse()?;
    let is_link = place.contains('#');
    let endpoint = match is_link {
        true => Endpoint::bind().await?,
        false => Endpoint::builder().server(&place).stays().bind().await?,
    };
    let room = if is_link { endpoint.join(&place).await? } else { endpoint.create(sync::room()).await? };
    // A task of its own hears Ctrl-C also while the loop is busy.
    let mut stop = tokio::spawn(tokio::signal::ctrl_c());
    println!("count here: {}", room.link());
    let likes = room.counter("likes");
    let mut changes = likes.watch();
    likes.add(by).await?;
    println!("likes: {}", likes.value().await?);
    loop {
        tokio::select! {
            _ = &mut stop => break,
            change = changes.next() => println!("likes: {}", change.context("the room was left")?.value),
        }
    }
    endpoint.close().await;
    Ok(())
}
