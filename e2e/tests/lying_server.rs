//! A signalling server that lies: nobody is linked to the liar, and the receiving end says why.

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use meshwork_e2e::{Cli, PATIENCE, Server};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

/// Listens in front of an honest server and hands out sealing keys of its own. Returns its address.
async fn start_liar(server: String) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(lie(stream, server.clone()));
        }
    });
    Ok(address)
}

async fn lie(stream: TcpStream, server: String) -> Result<()> {
    let client = tokio_tungstenite::accept_async(stream).await?;
    let (honest, _) = tokio_tungstenite::connect_async(format!("ws://{server}/signal")).await?;
    let (mut to_client, mut from_client) = client.split();
    let (mut to_server, mut from_server) = honest.split();
    let up = async {
        while let Some(Ok(message)) = from_client.next().await {
            to_server.send(message).await?;
        }
        anyhow::Ok(())
    };
    let down = async {
        while let Some(Ok(message)) = from_server.next().await {
            let message = match message {
                Message::Text(text) => Message::text(substitute_keys(&text)?),
                other => other,
            };
            to_client.send(message).await?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(up, down)?;
    Ok(())
}

/// Puts the liar's key into every announcement.
fn substitute_keys(text: &str) -> Result<String> {
    fn substitute(value: &mut Value) {
        match value {
            Value::Object(members) => {
                if let Some(key) = members.get_mut("sealing_key") {
                    *key = Value::String("CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk".into());
                }
                members.values_mut().for_each(substitute);
            }
            Value::Array(items) => items.iter_mut().for_each(substitute),
            _ => {}
        }
    }
    let mut message: Value = serde_json::from_str(text)?;
    substitute(&mut message);
    Ok(message.to_string())
}

#[tokio::test]
async fn substituted_keys_bring_no_link_and_the_reason_is_told() -> Result<()> {
    let server = Server::start().await?;
    let liar = start_liar(server.address().to_owned()).await?;
    let (one, other) = (Cli::new()?, Cli::new()?);
    let link = one.run(["place", "create", "--server", server.url()]).await?.success()?.stdout;
    let link = link.trim().replace(server.url(), &liar);
    let first = one.start(["place", "watch", &link])?;
    let second = other.start(["place", "watch", &link])?;
    for watcher in [&first, &second] {
        let said = watcher
            .line(PATIENCE, "the refusal", |line| {
                line.contains("\"refused\"") && line.contains("sealing-key")
            })
            .await?;
        let event: Value = serde_json::from_str(&said).context("one JSON value a line")?;
        ensure!(event["event"] == "refused" && event["reason"] == "sealing-key", "{said}");
        ensure!(!watcher.lines().iter().any(|line| line.contains("\"event\":\"linked\"")));
    }
    // Through the honest server the same two link at once.
    let honest = link.replace(&liar, server.url());
    let (third, _fourth) =
        (one.start(["place", "watch", &honest])?, other.start(["place", "watch", &honest])?);
    third.line(PATIENCE, "a link", |line| line.contains("\"event\":\"linked\"")).await?;
    Ok(())
}
