//! Somebody with more networks than anybody needs, against a server on real sockets: others notice nothing.
//!
//! Each test runs itself once more inside a network namespace, in which every address of documentation is its own.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::arena::{Arena, Reached, connect};
use crate::common::inside;
use anyhow::{Context, Result, ensure};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use meshwork_core::id::{Code, RoomId};
use meshwork_core::signalling::protocol::{FromClient, FromServer, ServerRefusal};
use meshwork_core::wire::Base64;
use meshwork_e2e::networks::Networks;
use meshwork_e2e::{Cli, PATIENCE};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// An innocent's address.
const INNOCENT: &str = "2001:dbf::1";

/// Whether this process is inside a namespace that has every address of documentation.
fn is_inside(test: &str) -> Result<bool> {
    inside::is_inside(test, Networks::add_many)
}

#[tokio::test]
async fn rooms_from_seventeen_networks_keep_no_innocent_out() -> Result<()> {
    if !is_inside("shares::rooms_from_seventeen_networks_keep_no_innocent_out")? {
        return Ok(());
    }
    let arena = Arena::start(&["--rooms-max", "1000", "--rooms-per-network-max", "100"]).await?;
    let mut kept = arena.enter("203.0.113.7", 1).await?;
    let (old, _) = kept.register(1).await?;
    kept.say(&FromClient::Join { room: old, token: None }).await?;
    ensure!(matches!(kept.hear().await?, FromServer::Joined { .. }));
    let (begun, mut made) = (Instant::now(), 0);
    // As many as one socket may register at once, from each of 17 networks in turn.
    for socket in 0..34u32 {
        let from = format!("2001:db8:{:x}::{}", socket % 17, socket + 1);
        let mut attacker = arena.enter(&from, 100 + socket).await?;
        for number in 0..45 {
            made += u32::from(attacker.register(1_000 + socket * 100 + number).await?.1.is_some());
        }
    }
    println!("{made} rooms in {:?}, of which 1000 are kept", begun.elapsed());
    ensure!(made > 1_000 && arena.number("meshwork_rooms").await? == 1_000.0, "{made}");
    let mut innocent = arena.enter(INNOCENT, 2).await?;
    let code = innocent.register(2).await?.1.context("an innocent's room is kept")?;
    let mut friend = arena.enter("2001:dbe::1", 3).await?;
    friend.say(&FromClient::Lookup { room: None, code: Some(code) }).await?;
    ensure!(matches!(friend.hear().await?, FromServer::Found { .. }));
    friend.say(&FromClient::Lookup { room: Some(old), code: None }).await?;
    ensure!(matches!(friend.hear().await?, FromServer::Found { .. }), "and so is one that was there");
    Ok(())
}

#[tokio::test]
async fn connection_floods_from_many_networks_shut_nobody_out() -> Result<()> {
    if !is_inside("shares::connection_floods_from_many_networks_shut_nobody_out")? {
        return Ok(());
    }
    let limits = ["--sockets-max", "300", "--connections-max", "400", "--sockets-per-network-max", "50"];
    let more = ["--connections-per-network-max", "60", "--enter-within", "60s", "--head-within", "300s"];
    let arena = Arena::start(&[&limits[..], &more].concat()).await?;
    let mut friend = arena.enter("203.0.113.7", 1).await?;
    let mut silent = Vec::new();
    for number in 0..12 * 60 {
        silent.push(arena.connect(&format!("2001:db8:{:x}::1", number % 12)).await?);
    }
    for secret in 0..20 {
        ensure!(arena.get(&format!("2001:dbf:{secret:x}::1"), "/health").await?.contains("OK"));
    }
    let mut attackers = Vec::new();
    for number in 0..20 * 30 {
        // Later ones are refused: they are their own network's.
        if let Ok(attacker) = arena.enter(&format!("2001:db9:{:x}::1", number % 20), 100 + number).await {
            attackers.push(attacker);
        }
    }
    for secret in 0..20 {
        arena.enter(&format!("2001:dbe:{secret:x}::1"), 10_000 + secret).await?;
    }
    friend.say(&FromClient::KeepAlive).await?;
    ensure!(friend.hear().await? == FromServer::KeepAlive, "who was there has stayed");
    println!("{} silent connections, {} sockets that entered", silent.len(), attackers.len());
    Ok(())
}

#[tokio::test]
async fn silent_connections_to_the_relay_take_no_descriptors() -> Result<()> {
    if !is_inside("shares::silent_connections_to_the_relay_take_no_descriptors")? {
        return Ok(());
    }
    let owner = Cli::new()?;
    let pair = rcgen::generate_simple_self_signed([String::from("127.0.0.1")])?;
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| owner.path(name));
    std::fs::write(&certificate, pair.cert.pem())?;
    std::fs::write(&key, pair.signing_key.serialize_pem())?;
    let serve = ["serve", "--listen", "127.0.0.1:0", "--relay", "--relay-listen", "127.0.0.1:0"];
    let tls = [
        "--relay-tls-listen",
        "127.0.0.1:5349",
        "--tls-certificate",
        &certificate.to_string_lossy(),
        "--tls-key",
        &key.to_string_lossy(),
    ];
    let server = owner.start([&serve[..], &tls].concat())?;
    server.line(PATIENCE, "the relay", |line| line.starts_with("relaying on ")).await?;
    let relay: SocketAddr = "127.0.0.1:5349".parse()?;
    let mut silent = Vec::new();
    for _ in 0..2_000 {
        silent.push(connect("203.0.113.9", relay).await?);
    }
    // All but those that one address may have are closed again.
    let stays = async |stream: &mut TcpStream| {
        let mut byte = [0];
        timeout(Duration::from_secs(1), stream.read(&mut byte)).await.is_err()
    };
    let open = join_all(silent.iter_mut().map(&stays)).await.into_iter().filter(|stays| *stays).count();
    println!("{open} of {} silent connections stay", silent.len());
    ensure!(open <= 256, "{open}");
    ensure!(stays(&mut connect("198.18.0.1", relay).await?).await, "somebody else gets a place");
    Ok(())
}

#[tokio::test]
async fn allocations_from_66_networks_keep_no_innocent_out() -> Result<()> {
    if !is_inside("shares::allocations_from_66_networks_keep_no_innocent_out")? {
        return Ok(());
    }
    let relay: SocketAddr = "[2001:dbf::5]:3478".parse()?;
    let listen = relay.to_string();
    let limits = ["--relay-allocations-max", "200", "--relay-allocations-per-network-max", "50"];
    let arena = Arena::start(&[&["--relay", "--relay-listen", &listen][..], &limits].concat()).await?;
    let token = arena.token("2001:dbe::1").await?.context("a token")?;
    let mut old = token.allocate("2001:dbe::1", relay).await?.context("an allocation")?;
    let echo = UdpSocket::bind("[2001:dbf::9]:0").await?;
    old.permit(echo.local_addr()?.ip()).await?;
    old.ping(&echo).await?;
    let (arena, mut taken) = (&arena, Vec::new());
    for round in 0..10u32 {
        let each = (0..66).map(async |network: u32| {
            let from = format!("2001:db8:{network:x}::{:x}", round + 1);
            match arena.token(&from).await? {
                Some(token) => token.allocate(&from, relay).await,
                None => Ok(None),
            }
        });
        for allocation in join_all(each).await {
            taken.extend(allocation?);
        }
    }
    let standing = arena.number("meshwork_relay_allocations").await?;
    println!("{} allocations were made from 66 networks; {standing} stand, of 200", taken.len());
    ensure!(standing == 200.0, "{standing}");
    for number in 0..20 {
        let innocent = format!("2001:dba:{number:x}::1");
        let token = arena.token(&innocent).await?.context("a token")?;
        let mut allocation = token.allocate(&innocent, relay).await?.context("an allocation")?;
        allocation.permit(echo.local_addr()?.ip()).await?;
        allocation.ping(&echo).await?;
    }
    old.ping(&echo).await.context("what was carried before is carried still")?;
    Ok(())
}

/// Clients of a room that read nothing are sent signals until the server keeps no more for them.
#[tokio::test]
async fn unreading_socket_costs_no_more_than_is_stated() -> Result<()> {
    if !is_inside("shares::unreading_socket_costs_no_more_than_is_stated")? {
        return Ok(());
    }
    const SOCKETS: u32 = 40;
    // What a socket has not read, the buffers of its own, and what the system keeps of it.
    const STATED: f64 = (256 + 32) as f64 * 1024.0;
    let arena = Arena::start(&["--unread-after", "300s"]).await?;
    let mut owner = arena.enter(INNOCENT, 1).await?;
    let (room, _) = owner.register(1).await?;
    let mut lazy = Vec::new();
    for number in 0..SOCKETS {
        let mut client = arena.enter(&format!("2001:dbe:{number:x}::1"), 100 + number).await?;
        client.say(&FromClient::Join { room, token: None }).await?;
        ensure!(matches!(client.hear().await?, FromServer::Joined { .. }));
        lazy.push(client);
    }
    let before = arena.number("process_resident_memory_bytes").await?;
    for number in 0..SOCKETS {
        let mut sender = arena.enter(&format!("2001:dbd:{number:x}::1"), 1_000 + number).await?;
        sender.say(&FromClient::Join { room, token: None }).await?;
        let to = Reached::endpoint(100 + number);
        loop {
            let payload = Base64::new(vec![7; 8_192]).context("as long as may be")?;
            sender.say(&FromClient::Signal { room, to, payload }).await?;
            // The answer tells that the one before was taken in.
            sender.say(&FromClient::KeepAlive).await?;
            let refused = loop {
                match sender.hear().await? {
                    FromServer::KeepAlive => break false,
                    FromServer::Refused { reason: ServerRefusal::SlowReader, .. } => break true,
                    _ => {}
                }
            };
            if refused {
                break;
            }
        }
    }
    let each = (arena.number("process_resident_memory_bytes").await? - before) / f64::from(SOCKETS);
    let port = format!("sport = :{}", arena.address.port());
    let listed = Command::new("ss").args(["-tnH", &port]).output()?.stdout;
    let queues = String::from_utf8_lossy(&listed).into_owned();
    let unsent = queues.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    let most = unsent.max().context("ss lists the server's connections")?;
    println!("an unread socket costs {each:.0} bytes here and at most {most} bytes in the system");
    ensure!(each <= STATED, "{each} bytes for each");
    ensure!(most <= 512 * 1024, "{most} bytes in the system");
    drop(lazy);
    Ok(())
}

#[tokio::test]
async fn household_sockets_share_five_codes_a_second() -> Result<()> {
    if !is_inside("shares::household_sockets_share_five_codes_a_second")? {
        return Ok(());
    }
    let arena = Arena::start(&[]).await?;
    let mut innocent = arena.enter(INNOCENT, 1).await?;
    let code = innocent.register(1).await?.1.context("a code")?;
    let (begun, mut answered, mut tried) = (Instant::now(), 0, 0);
    for number in 0..60u32 {
        let Ok(mut attacker) = arena.enter(&format!("2001:db8::{number:x}"), 100 + number).await else {
            continue;
        };
        for _ in 0..40 {
            tried += 1;
            attacker.say(&FromClient::Lookup { room: None, code: Some(Code::from_bits(tried)) }).await.ok();
        }
        while let Ok(said) = attacker.hear().await {
            let is_answer = matches!(said, FromServer::Unknown { .. } | FromServer::Refused { .. });
            answered += u32::from(is_answer);
            if !is_answer || answered % 40 == 0 {
                break;
            }
        }
    }
    let seconds = begun.elapsed().as_secs() as u32 + 1;
    println!("{tried} codes tried, {answered} answered in {:?}", begun.elapsed());
    ensure!(tried > 1_000 && answered <= 50 + 5 * seconds, "{answered} of {tried} in {seconds} s");
    let mut friend = arena.enter("2001:dbe::1", 2).await?;
    friend.say(&FromClient::Lookup { room: None, code: Some(code) }).await?;
    ensure!(matches!(friend.hear().await?, FromServer::Found { .. }), "others are not concerned");
    Ok(())
}

#[tokio::test]
async fn joins_bring_about_no_flood() -> Result<()> {
    if !is_inside("shares::joins_bring_about_no_flood")? {
        return Ok(());
    }
    let arena = Arena::start(&[]).await?;
    let mut owner = arena.enter(INNOCENT, 1).await?;
    let (room, _) = owner.register(1).await?;
    let mut members = Vec::new();
    for number in 0..60 {
        let mut member = arena.enter(&format!("2001:dbe:{number:x}::1"), 100 + number).await?;
        member.say(&FromClient::Join { room, token: None }).await?;
        members.push(member);
    }
    let mut attacker = arena.enter("2001:db8::1", 2).await?;
    let (mut said, mut heard) = (0, 0);
    while said < 5_000 && attacker.say(&FromClient::Join { room, token: None }).await.is_ok() {
        said += 1;
        match timeout(PATIENCE, attacker.socket.next()).await? {
            Some(Ok(message)) => heard += message.len(),
            _ => break,
        }
    }
    println!("{said} joins of {} bytes were answered by {heard} bytes", 78);
    ensure!(said > 500 && heard < said * 200, "{heard} bytes for {said} joins");
    Ok(())
}

#[tokio::test]
async fn bindings_of_one_address_are_all_answered() -> Result<()> {
    if !is_inside("shares::bindings_of_one_address_are_all_answered")? {
        return Ok(());
    }
    let arena = Arena::start(&["--relay", "--relay-listen", "203.0.113.1:3478"]).await?;
    arena.server.line(PATIENCE, "the relay", |line| line.starts_with("relaying on ")).await?;
    let binding = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let socket = UdpSocket::bind(("203.0.113.9", 0)).await?;
    socket.connect("203.0.113.1:3478").await?;
    // As many as 25 pages ask for that meet 23 others each, and no more at once than a socket keeps.
    for round in 0..23 {
        for _ in 0..25 {
            socket.send(&binding).await?;
        }
        for _ in 0..25 {
            let answer = timeout(PATIENCE, socket.recv(&mut [0; 512])).await;
            ensure!(answer.is_ok(), "all of round {round} are answered");
        }
    }
    Ok(())
}

/// Has ghosts enter a room, which answer nobody, and then somebody join it. Says how long that took.
async fn join_among_ghosts(options: &[&str], ghosts: u32) -> Result<Duration> {
    let arena = Arena::start(&[]).await?;
    let url = format!("http://127.0.0.1:{}", arena.address.port());
    let (maker, keeper, watcher, newcomer) = (Cli::new()?, Cli::new()?, Cli::new()?, Cli::new()?);
    let create = [&["place", "create", "--server", &url, "--json"][..], options].concat();
    let link = maker.run(create).await?.success()?.json()?["link"].as_str().context("a LINK")?.to_owned();
    let kept = keeper.path("kept");
    let _keeper = keeper.start(["place", "keep", &link, "--data", &kept.to_string_lossy()])?;
    let is_linked = |line: &str| line.contains(r#""state":"direct""#);
    let watch = watcher.start(["place", "watch", &link])?;
    watch.line(PATIENCE, "the keeper", is_linked).await?;
    let room: RoomId = link.split(['#', '.']).find_map(|part| part.parse().ok()).context("an id")?;
    let mut standing = Vec::new();
    for number in 0..ghosts {
        // Three addresses, of three sites.
        let mut ghost = arena.enter(&format!("198.18.{}.1", number % 3), 100 + number).await?;
        ghost.say(&FromClient::Join { room, token: None }).await?;
        ensure!(matches!(ghost.hear().await?, FromServer::Joined { .. }));
        standing.push(ghost);
    }
    let begun = Instant::now();
    let watch = newcomer.start(["place", "watch", &link])?;
    watch.line(PATIENCE, "somebody who answers", is_linked).await?;
    println!("{ghosts} ghosts: linked after {:?}", begun.elapsed());
    Ok(begun.elapsed())
}

#[tokio::test]
async fn ghosts_keep_nobody_out_of_an_open_room() -> Result<()> {
    if is_inside("shares::ghosts_keep_nobody_out_of_an_open_room")? {
        join_among_ghosts(&[], 1_500).await?;
    }
    Ok(())
}

#[tokio::test]
async fn ghosts_keep_nobody_out_of_a_private_room() -> Result<()> {
    if is_inside("shares::ghosts_keep_nobody_out_of_a_private_room")? {
        join_among_ghosts(&["--private"], 500).await?;
    }
    Ok(())
}
