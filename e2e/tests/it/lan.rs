//! Programs of one local network, with no server and no router.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use meshwork_e2e::networks::{LocalNetwork, Namespace};
use meshwork_e2e::{Cli, PATIENCE, Running};

/// Until a room is whole again after its network was: a lost link is noticed, and made anew.
const HEALING: Duration = Duration::from_secs(90);

/// Makes a room, and returns the running program with LINK and CODE.
async fn create(host: &Cli) -> Result<(Running, String, String)> {
    let made = host.start(["place", "create", "--lan", "--json"])?;
    let line = made.line(PATIENCE, "the link", |line| line.contains("link")).await?;
    let line: serde_json::Value = serde_json::from_str(&line)?;
    let word = |name: &str| line[name].as_str().map(str::to_owned).context("a LINK and a CODE");
    Ok((made, word("link")?, word("code")?))
}

/// Watches a room until it is linked to others.
async fn watch(host: &Cli, room: &str) -> Result<Running> {
    let watch = host.start(["place", "watch", room, "--lan"])?;
    watch.line(PATIENCE, "a link", |line| line.contains("linked")).await?;
    Ok(watch)
}

async fn paint(host: &Cli, room: &str, pixels: &[&str]) -> Result<()> {
    let words = ["place", "paint", room, "--lan", "--pixel"];
    host.run(words.iter().chain(pixels)).await?.success()?;
    Ok(())
}

/// Waits until a watch has shown strokes of so many cells.
async fn strokes(watch: &Running, most: Duration, count: usize) -> Result<()> {
    let count = format!("\"count\":{count}");
    let is_stroke = |line: &str| line.contains("stroke") && line.contains(&count);
    watch.line(most, &format!("a stroke with {count}"), is_stroke).await?;
    Ok(())
}

/// The canvas as a host sees it.
async fn canvas(host: &Cli, room: &str) -> Result<Vec<u8>> {
    host.run(["place", "export", room, "--out", "canvas.png", "--lan"]).await?.success()?;
    Ok(std::fs::read(host.path("canvas.png"))?)
}

#[tokio::test]
async fn three_hosts_have_one_canvas() -> Result<()> {
    let network = LocalNetwork::new()?;
    let hosts = [network.host(1)?, network.host(2)?, network.host(3)?];
    let [ann, bo, cy] = [Cli::within(&hosts[0])?, Cli::within(&hosts[1])?, Cli::within(&hosts[2])?];
    let (made, link, code) = create(&ann).await?;
    let (at_bo, at_cy) = (watch(&bo, &code).await?, watch(&cy, &link).await?);
    paint(&bo, &code, &["1,1,#ff0000", "2,1,#ff0000"]).await?;
    strokes(&at_bo, PATIENCE, 2).await?;
    strokes(&at_cy, PATIENCE, 2).await?;

    network.cut(3)?;
    paint(&bo, &code, &["1,2,#00ff00", "2,2,#00ff00", "3,2,#00ff00"]).await?;
    strokes(&at_bo, PATIENCE, 3).await?;
    ensure!(strokes(&at_cy, Duration::from_secs(3), 3).await.is_err(), "the third host is cut off");
    network.heal(3)?;
    strokes(&at_cy, HEALING, 3).await?;

    let canvases = [canvas(&ann, &code).await?, canvas(&bo, &code).await?, canvas(&cy, &link).await?];
    ensure!(canvases[0] == canvases[1] && canvases[1] == canvases[2], "one canvas");
    made.interrupt()?;
    Ok(())
}

#[tokio::test]
async fn a_firewall_on_one_host_admits_its_peers() -> Result<()> {
    let network = LocalNetwork::new()?;
    let hosts = [network.host(1)?, network.host(2)?];
    network.firewall(&hosts[1])?;
    let [ann, bo] = [Cli::within(&hosts[0])?, Cli::within(&hosts[1])?];
    let (_made, _, code) = create(&ann).await?;
    let at_bo = watch(&bo, &code).await?;
    paint(&ann, &code, &["1,1,#ff0000"]).await?;
    strokes(&at_bo, PATIENCE, 1).await
}

#[tokio::test]
async fn a_renumbered_host_is_found_again() -> Result<()> {
    let network = LocalNetwork::new()?;
    let hosts = [network.host(1)?, network.host(2)?];
    let [ann, bo] = [Cli::within(&hosts[0])?, Cli::within(&hosts[1])?];
    let (_made, _, code) = create(&ann).await?;
    let at_bo = watch(&bo, &code).await?;
    network.renumber(&hosts[1], 7)?;
    paint(&ann, &code, &["1,1,#ff0000", "1,2,#ff0000"]).await?;
    strokes(&at_bo, HEALING, 2).await
}

/// The causes that the doctor names on a host.
async fn causes(host: &Cli) -> Result<Vec<String>> {
    let found = host.run(["lan", "doctor", "--json"]).await?.success()?.json()?;
    let findings = found["findings"].as_array().context("findings")?;
    Ok(findings.iter().filter_map(|finding| finding["cause"].as_str().map(str::to_owned)).collect())
}

/// Checks the cause that the doctor names first on a host.
async fn names(host: &Namespace, cause: &str) -> Result<()> {
    let found = causes(&Cli::within(host)?).await?;
    ensure!(found.first().is_some_and(|first| first == cause), "{found:?} instead of {cause}");
    Ok(())
}

#[tokio::test]
async fn each_cause_has_a_name() -> Result<()> {
    let network = LocalNetwork::new()?;
    let hosts = [network.host(1)?, network.host(2)?, network.host(3)?, network.host(4)?, network.host(5)?];
    network.unplug(&hosts[0])?;
    names(&hosts[0], "no-network").await?;
    network.without_dhcp(&hosts[1], 2)?;
    names(&hosts[1], "no-dhcp").await?;
    network.firewall(&hosts[2])?;
    names(&hosts[2], "firewall").await?;
    network.tunnel(&hosts[3])?;
    names(&hosts[3], "vpn").await?;
    let taken = hosts[4].bind_udp("0.0.0.0:29717".parse()?)?;
    names(&hosts[4], "port").await?;
    drop(taken);
    names(&hosts[4], "nobody").await?;
    let ann = Cli::within(&hosts[3])?;
    let (_made, ..) = create(&ann).await?;
    // A tunnel and docker0 hide nobody.
    names(&hosts[4], "none").await?;
    let seen = Cli::within(&hosts[4])?.run(["lan", "scan"]).await?.success()?;
    ensure!(seen.stdout.contains("192.168.77.4"), "{}", seen.stdout);
    Ok(())
}

#[tokio::test]
async fn hosts_without_dhcp_have_one_canvas() -> Result<()> {
    let network = LocalNetwork::new()?;
    let hosts = [network.host(1)?, network.host(2)?];
    network.without_dhcp(&hosts[0], 1)?;
    network.without_dhcp(&hosts[1], 2)?;
    let [ann, bo] = [Cli::within(&hosts[0])?, Cli::within(&hosts[1])?];
    let (_made, _, code) = create(&ann).await?;
    let at_bo = watch(&bo, &code).await?;
    paint(&ann, &code, &["1,1,#ff0000"]).await?;
    strokes(&at_bo, PATIENCE, 1).await
}
