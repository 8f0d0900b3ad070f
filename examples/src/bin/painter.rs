//! Shows a bot: it joins a canvas by its link, draws a frame around it, and paints over whatever others paint there.
//! Run with `cargo run -p example-programs --bin painter -- LINK`; it goes on until Ctrl-C.

use anyhow::Context as _;
use meshwork::{Colour, Endpoint, WriteError};

const GOLD: Colour = Colour::rgb(212, 160, 23);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let link = std::env::args().nth(1).context("give the link of a room")?;
    let endpoint = Endpoint::builder().name("Frame").bind().await?;
    let room = endpoint.join(link).await?;
    let canvas = room.canvas();
    let (width, height) = canvas.size().await?.context("this room has no canvas")?;
    let is_frame = |x, y| x == 0 || y == 0 || x == width - 1 || y == height - 1;
    let cells = (0..height).flat_map(|y| (0..width).map(move |x| (x, y, GOLD)));
    let mut missing: Vec<_> = cells.filter(|(x, y, _)| is_frame(*x, *y)).collect();
    // A task of its own hears Ctrl-C also while the loop is busy.
    let mut stop = tokio::spawn(tokio::signal::ctrl_c());
    let mut changes = canvas.watch();
    loop {
        match canvas.paint(&missing).await {
            Ok(_) => missing.clear(),
            // The room lets each painter paint so many cells in a window of time.
            Err(WriteError::TooFast { wait, .. }) => tokio::time::sleep(wait).await,
            Err(error) => return Err(error.into()),
        }
        println!("{} cells of the frame are left to paint", missing.len());
        while missing.is_empty() {
            tokio::select! {
                _ = &mut stop => {
                    endpoint.close().await;
                    return Ok(());
                }
                changed = changes.next() => {
                    let spoiled = changed.context("the room was left")?.into_iter();
                    let spoiled = spoiled.filter(|&(x, y, colour)| is_frame(x, y) && colour != GOLD);
                    missing.extend(spoiled.map(|(x, y, _)| (x, y, GOLD)));
                }
            }
        }
    }
}
