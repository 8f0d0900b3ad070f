//! Shows an app of one's own: everybody has one vote, in a key that only its peer may write, and who stays keeps them
//! without knowing what a vote is.
//! Run with `cargo run -p example-programs --bin vote -- http://127.0.0.1:8080 ferry`, then with the link that is printed
//! in place of the server.

use std::collections::BTreeMap;

use anyhow::Context as _;
use meshwork::{Endpoint, Table};

/// How many votes each choice has: an app skips what it cannot read.
async fn tally(votes: &Table) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut tally = BTreeMap::new();
    for vote in votes.entries_of_each("vote").await? {
        if let Ok(choice) = vote.read::<String>() {
            *tally.entry(choice).or_insert(0) += 1;
        }
    }
    Ok(tally)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().context("name a server, or give the link of a vote")?;
    let choice = arguments.next().context("what do you vote for?")?;
    let is_link = place.contains('#');
    let endpoint = match is_link {
        true => Endpoint::bind().await?,
        false => Endpoint::builder().server(&place).stays().bind().await?,
    };
    let room = match is_link {
        true => endpoint.join(&place).await?,
        false => endpoint.create(meshwork::room("votes")).await?,
    };
    // A task of its own hears Ctrl-C also while the loop is busy.
    let mut stop = tokio::spawn(tokio::signal::ctrl_c());
    println!("vote here: {}", room.link());
    let votes = room.table("votes");
    let mut changes = votes.watch_each("vote");
    votes.mine().set("vote", &choice).await?;
    loop {
        println!("{:?}", tally(&votes).await?);
        tokio::select! {
            _ = &mut stop => break,
            change = changes.next() => drop(change.context("the room was left")?),
        }
    }
    endpoint.close().await;
    Ok(())
}
