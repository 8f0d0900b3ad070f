//! Shows the first ten lines: a room with a canvas, its link, and something painted in it.
//! Run with `cargo run -p example-programs --bin hello -- http://127.0.0.1:8080`, where `meshwork serve` listens.

use anyhow::Context as _;
use meshwork::{Endpoint, KEPT_MAX, KeptError, place};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = std::env::args().nth(1).context("name a server: http://127.0.0.1:8080")?;
    let endpoint = Endpoint::builder().name("Hello").server(server).bind().await?;
    let room = endpoint.create(place::canvas(100, 100)).await?;
    println!("paint with me: {}", room.link());
    room.canvas().fill(10..20, 10..20, [200, 30, 30]).await?;
    // Nobody else has it yet: it is kept once somebody who stays opens the link.
    while let Err(KeptError::NobodyStays) = room.kept().await {
        println!("nobody who stays came within {KEPT_MAX:?}: open the link");
    }
    println!("somebody who stays has it");
    endpoint.close().await;
    Ok(())
}
