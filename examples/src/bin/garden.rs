//! Shows the program of docs/start.md: it joins a canvas by its link, digs a bed, and tells what others paint there.
//! Run with `cargo run -p example-programs --bin garden -- LINK`; it goes on until Ctrl-C.

use anyhow::Context as _;
use meshwork::{Colour, Endpoint};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let link = std::env::args().nth(1).context("give the link of a room")?;
    let endpoint = Endpoint::builder().name("Gardener").bind().await?;
    let room = endpoint.join(link).await?;
    let mut changes = room.canvas().watch();
    room.canvas().fill(0..20, 0..10, [46, 160, 67]).await?;
    println!("the bed is dug; {} others are here", room.members().await?.len());
    let watch = async {
        while let Some(cells) = changes.next().await {
            for (x, y, colour) in cells {
                if x < 20 && y < 10 && colour != Colour::rgb(46, 160, 67) {
                    println!("something grows at {x}, {y}");
                }
            }
        }
    };
    tokio::select! {
        () = watch => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    endpoint.close().await; // sends what is left, and says goodbye
    Ok(())
}
