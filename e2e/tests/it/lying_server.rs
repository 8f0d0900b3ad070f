//! A signalling server that lies: nobody is linked to the liar, nobody knocks where it likes, and the receiving end says
//! why.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use crate::common::relay::relaying;
use crate::common::{inside, meddler};
use anyhow::{Context, Result, ensure};
use meshwork_e2e::networks::{Networks, SERVER_V6};
use meshwork_e2e::{Cli, PATIENCE, Server};
use serde_json::{Value, json};

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
async fn substituted_keys_make_no_link_and_are_told() -> Result<()> {
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

/// Puts these STUN and TURN servers in the place of those that a server names.
fn name_servers(text: &str, urls: &[String]) -> String {
    let mut message: Value = serde_json::from_str(text).expect("a server speaks JSON");
    let entry = |url: &String| match url.starts_with("stun:") {
        true => json!({ "urls": [url] }),
        false => json!({ "urls": [url], "username": "9999999999:us", "credential": "secret" }),
    };
    if let Some(servers) = message.get_mut("servers") {
        *servers = urls.iter().map(entry).collect();
    }
    message.to_string()
}

/// An address of no public network.
const SITE: &str = "2001:db8::7";

/// What somebody listens on, and whether anybody knocked there.
#[derive(Debug)]
struct Door {
    datagrams: UdpSocket,
    streams: TcpListener,
    port: u16,
}

impl Door {
    fn at(ip: &str) -> Result<Door> {
        let streams = TcpListener::bind((ip, 0))?;
        let port = streams.local_addr()?.port();
        let datagrams = UdpSocket::bind((ip, port))?;
        streams.set_nonblocking(true)?;
        datagrams.set_nonblocking(true)?;
        Ok(Door { datagrams, streams, port })
    }

    /// Who knocked first since the last question, if anybody did.
    fn knocked(&self) -> Option<SocketAddr> {
        let datagram = self.datagrams.recv_from(&mut [0; 2048]).map(|(_, from)| from);
        let stream = self.streams.accept().map(|(_, from)| from);
        datagram.or(stream).ok()
    }
}

#[tokio::test]
async fn a_server_far_away_has_nobody_knock_inside() -> Result<()> {
    let addresses = |networks: &Networks| networks.add_many().and_then(|()| networks.add_ipv6());
    if !inside::is_inside("lying_server::a_server_far_away_has_nobody_knock_inside", addresses)? {
        return Ok(());
    }
    // A server names STUN and TURN servers where it has some.
    let server = relaying().await?;
    let (machine, site, far) = (Door::at("127.0.0.1")?, Door::at(SITE)?, Door::at(SERVER_V6)?);
    let in_site = format!("[{SITE}]");
    let mut urls = Vec::new();
    for (host, door) in [("127.0.0.1", &machine), ("localhost", &machine), (in_site.as_str(), &site)] {
        urls.push(format!("stun:{host}:{}", door.port));
        urls.push(format!("turn:{host}:{}", door.port));
        urls.push(format!("turn:{host}:{}?transport=tcp", door.port));
    }
    // It may name what is as far away as itself.
    let told = format!("stun:[{SERVER_V6}]:{}", far.port);
    for hide in [&[][..], &["--hide-address"]] {
        // No more than eight servers are taken from one message.
        for lies in urls.chunks(7) {
            let named: Vec<String> = lies.iter().chain([&told]).cloned().collect();
            let change = move |text: &str| name_servers(text, &named);
            let liar = meddler::start_at(&format!("[{SERVER_V6}]:0"), server.address(), change).await?;
            let (one, other) = (Cli::new()?, Cli::new()?);
            let link = one.run(["place", "create", "--server", server.url()]).await?.success()?.stdout;
            let link = link.trim().replace(server.url(), &liar);
            let watch = |cli: &Cli| cli.start(["place", "watch", &link].iter().chain(hide).copied());
            let (first, _second) = (watch(&one)?, watch(&other)?);
            for lie in lies {
                let is_told = |line: &str| line.contains("\"refused\"") && line.contains(lie.as_str());
                first.line(PATIENCE, lie, is_told).await?;
            }
            if hide.is_empty() {
                first.line(PATIENCE, "a link", |line| line.contains("\"event\":\"linked\"")).await?;
                ensure!(far.knocked().is_some(), "the honest one of the servers is not asked");
            }
            for door in [&machine, &site] {
                let knocked = door.knocked();
                ensure!(knocked.is_none(), "{knocked:?} knocks at {door:?} with {hide:?}");
            }
        }
    }
    Ok(())
}
