//! A server that says something else: it stands before an honest one and changes what that says.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

/// What becomes of a text that the server sends.
pub(crate) type Change = dyn Fn(&str) -> String + Send + Sync;

/// The way to signalling; all else is passed on as it is.
const SIGNALLING: &[u8] = b"GET /signal";

/// Listens in front of a server, and returns where.
pub(crate) async fn start(
    server: &str,
    change: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Result<String> {
    start_at("127.0.0.1:0", server, change).await
}

/// The same on an address of its own.
pub(crate) async fn start_at(
    address: &str,
    server: &str,
    change: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Result<String> {
    let listener = TcpListener::bind(address).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (server, change): (String, Arc<Change>) = (server.to_owned(), Arc::new(change));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass_on(stream, server.clone(), Arc::clone(&change)));
        }
    });
    Ok(url)
}

async fn pass_on(mut client: TcpStream, server: String, change: Arc<Change>) -> Result<()> {
    let mut head = [0; SIGNALLING.len()];
    while client.peek(&mut head).await? < head.len() {
        client.readable().await?;
    }
    if head != SIGNALLING {
        // The connection is kept for further requests, which are never signalling: a WebSocket opens its own.
        let mut server = TcpStream::connect(server).await?;
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let client = tokio_tungstenite::accept_async(client).await?;
    let (server, _) = tokio_tungstenite::connect_async(format!("ws://{server}/signal"))
        .await
        .context("the honest server answers")?;
    let (mut to_client, mut from_client) = client.split();
    let (mut to_server, mut from_server) = server.split();
    let up = async {
        while let Some(Ok(message)) = from_client.next().await {
            to_server.send(message).await?;
        }
        anyhow::Ok(())
    };
    let down = async {
        while let Some(Ok(message)) = from_server.next().await {
            let message = match message {
                Message::Text(text) => Message::text(change(&text)),
                other => other,
            };
            to_client.send(message).await?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(up, down)?;
    Ok(())
}
