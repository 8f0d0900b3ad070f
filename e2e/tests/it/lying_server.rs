//! A signalling server that lies: nobody is linked to the liar, and the receiving end says why.

use crate::common::meddler;
use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Cli, PATIENCE, Server};
use serde_json::Value;

/// Puts the liar's key into every announcement.
fn substitute_keys(text: &str) -> String {
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
    let mut message: Value = serde_json::from_str(text).expect("a server speaks JSON");
    substitute(&mut message);
    message.to_string()
}

#[tokio::test]
async fn substituted_keys_bring_no_link_and_the_reason_is_told() -> Result<()> {
    let server = Server::start().await?;
    let liar = meddler::start(server.address(), substitute_keys).await?;
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
