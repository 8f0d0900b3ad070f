//! Shows a meeting point in one's own axum program, beside its own pages.
//! Run with `cargo run -p example-programs --bin server -- FOLDER`; it goes on until Ctrl-C.

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Router;
use axum::routing::get;
use meshwork_signal::Embedded;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("name a folder for the key that decides codes")?;
    let meeting_point = Embedded::builder().keys(folder).build()?;
    let home = get(async || "A program of my own, where rooms meet.\n");
    let app = Router::new().route("/", home).merge(meeting_point.router());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("rooms meet at http://{}", listener.local_addr()?);
    // The address of whoever connects decides how much each network may have.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    Ok(())
}
