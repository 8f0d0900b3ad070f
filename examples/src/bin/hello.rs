//! Shows the first program of README.md: a room with a canvas, its link, something painted in it, and what others paint.
//! Run with `cargo run -p example-programs --bin hello`, where `cargo xtask run` listens, or with the address of another server
//! behind it; it goes on until Ctrl-C.

use meshwork::{Endpoint, place};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080".into());
    let endpoint = Endpoint::builder().server(server).stays().bind().await?;
    let room = endpoint.create(place::canvas(100, 100)).await?;
    room.canvas().fill(10..20, 10..20, [200, 30, 30]).await?;
    room.counter("likes").add(1).await?;
    println!("paint with me: {}", room.link());
    let mut changes = room.canvas().watch();
    let watch = async {
        while let Some(cells) = changes.next().await {
            println!("others painted {} cells", cells.len());
        }
    };
    tokio::select! {
        () = watch => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    endpoint.close().await; // sends what is left, and says goodbye
    Ok(())
}
