//! Shows the program of docs/start.md: it joins a canvas by its link, digs a bed, and tells what others paint there.
//! Run with `cargo run -p example-programs --bin garden -- LINK`; it goes on until Ctrl-C.

use meshwork::{Colour, Endpoint};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let link = std::env::args().nth(1).ok_or("give the link of a room")?;
    let endpoint = Endpoint::builder().name("Gardener").bind().await?;
    let room = endpoint.join(link).await?;
    let mut changes = room.canvas().watch();
    room.canvas().fill(0..20, 0..10, [46, 160, 67]).await?;
    println!("the bed is dug; {} others are here", room.members().await?.len());
    while let Some(cells) = changes.next().await {
        for (x, y, colour) in cells {
            if x < 20 && y < 10 && colour != Colour::rgb(46, 160, 67) {
                println!("something grows at {x}, {y}");
            }
        }
    }
    Ok(())
}
