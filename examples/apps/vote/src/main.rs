//! A vote in a terminal. `cargo run -p example-vote -- http://127.0.0.1:8080 ferry train` opens a room with these choices and
//! prints its LINK. With the LINK and a choice it votes, and with the LINK alone it watches.

use anyhow::Context as _;
use example_vote::{Vote, register, room};
use meshwork::Endpoint;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("give a server and choices, or the link of a vote")?;
    let choices: Vec<String> = arguments.collect();
    let builder = register(Endpoint::builder());
    let (endpoint, room) = if address.contains('#') {
        let endpoint = builder.bind().await?;
        let room = endpoint.join(&address).await?;
        (endpoint, room)
    } else {
        let endpoint = builder.server(&address).stays().bind().await?;
        let names: Vec<&str> = choices.iter().map(String::as_str).collect();
        let room = endpoint.create(room(&names)).await?;
        println!("vote here: {}", room.link());
        (endpoint, room)
    };
    let vote = Vote::of(&room).await?;
    let mut casts = vote.watch();
    if address.contains('#')
        && let Some(choice) = choices.first()
    {
        vote.cast(Some(choice)).await?;
    }
    // A task of its own receives Ctrl-C while the loop is busy.
    let mut stop = tokio::spawn(tokio::signal::ctrl_c());
    loop {
        println!("{:?}", vote.tally().await?);
        tokio::select! {
            _ = &mut stop => break,
            cast = casts.next() => drop(cast.context("the room was left")?),
        }
    }
    endpoint.close().await;
    Ok(())
}
