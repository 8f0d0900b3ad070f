//! People behind routers of every kind link by the best kind of path that theory allows.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use meshwork_e2e::networks::{Networks, Router, SERVER};
use meshwork_e2e::{Cli, Running};
use serde_json::Value;

/// What a busy machine takes for a link over TCP, which is looked for last.
const LINK_MAX: Duration = Duration::from_secs(40);

/// Which pair, and how it must travel. A port that changes with each destination cannot be guessed, and whoever lets in
/// exact ports alone must guess it.
const PAIRS: [(Router, Router, &str); 9] = [
    (Router::FullCone, Router::FullCone, "direct"),
    (Router::Restricted, Router::Restricted, "direct"),
    (Router::PortRestricted, Router::PortRestricted, "direct"),
    (Router::FullCone, Router::Symmetric, "direct"),
    (Router::Restricted, Router::Symmetric, "direct"),
    (Router::PortRestricted, Router::Symmetric, "relayed"),
    (Router::Symmetric, Router::Symmetric, "relayed"),
    // Over TCP: nothing else leaves that network.
    (Router::NoUdp, Router::FullCone, "relayed"),
    (Router::NoUdp, Router::Symmetric, "relayed"),
];

/// Waits for the link that `watch` tells of.
async fn linked(watch: &Running, pair: &str) -> Result<Value> {
    let is_link = |line: &str| line.contains(r#""state":"direct""#) || line.contains(r#""state":"relayed""#);
    let line = watch.line(LINK_MAX, pair, is_link).await?;
    serde_json::from_str(&line).context(line)
}

/// Makes a room at one host, and has both hosts watch it.
async fn meet(first: &Cli, second: &Cli) -> Result<[Running; 2]> {
    let server = format!("http://{SERVER}:8080");
    let made = first.run(["place", "create", "--server", &server, "--json"]).await?.expect_code(0)?;
    let made: Value = serde_json::from_str(&made.stdout)?;
    let link = made["link"].as_str().context("a room has a LINK")?;
    Ok([first.start(["place", "watch", link])?, second.start(["place", "watch", link])?])
}

/// A server with a relay in the internet.
async fn serve(networks: &Networks) -> Result<(Cli, Running)> {
    let net = Cli::within(networks.internet())?;
    let (listen, relay) = (format!("{SERVER}:8080"), format!("{SERVER}:3478"));
    let server = net.start(["serve", "--listen", &listen, "--relay", "--relay-listen", &relay])?;
    server.line(LINK_MAX, "the server", |line| line.starts_with("listening on ")).await?;
    Ok((net, server))
}

#[tokio::test]
async fn every_pair_of_networks_links_by_the_best_path_there_is() -> Result<()> {
    let networks = Networks::new()?;
    let _server = serve(&networks).await?;
    let mut meetings = Vec::new();
    // All of them at once: each takes seconds of waiting.
    for (number, (one, other, expected)) in (1u8..).zip(PAIRS) {
        let first = Cli::within(networks.host(2 * number, one)?.namespace())?;
        let second = Cli::within(networks.host(2 * number + 1, other)?.namespace())?;
        let watches = meet(&first, &second).await?;
        meetings.push((format!("{one:?} and {other:?}"), expected, watches, (first, second)));
    }
    for (pair, expected, watches, _hosts) in &meetings {
        for watch in watches {
            if *expected == "direct" {
                // A machine that starts them all at once may need longer than is given to a direct path at first. Then
                // a relay is used until it is looked for again.
                watch.line(LINK_MAX, pair, |line| line.contains(r#""state":"direct""#)).await?;
                continue;
            }
            let said = linked(watch, pair).await?;
            ensure!(said["state"] == *expected, "{pair} should be {expected}: {said}");
            ensure!(said["reason"] == "no direct path found", "{pair}: {said}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn people_who_are_connected_by_a_cable_later_are_linked_over_it() -> Result<()> {
    let networks = Networks::new()?;
    let _server = serve(&networks).await?;
    let (one, other) = (networks.host(2, Router::Symmetric)?, networks.host(3, Router::Symmetric)?);
    let (first, second) = (Cli::within(one.namespace())?, Cli::within(other.namespace())?);
    let watches = meet(&first, &second).await?;
    for watch in &watches {
        ensure!(linked(watch, "before the cable").await?["state"] == "relayed");
    }
    one.connect(&other)?;
    for watch in &watches {
        watch.line(LINK_MAX, "a direct link", |line| line.contains(r#""state":"direct""#)).await?;
        ensure!(!watch.lines().iter().any(|line| line.contains(r#""state":"gone""#)), "nobody was gone");
    }
    Ok(())
}
