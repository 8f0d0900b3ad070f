//! People who hide their addresses: pages and programs that are linked through the server's relay alone.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common;
use crate::common::native::{self, Native};
use crate::common::relay::{RELAY, Shared, hidden, hidden_start, relaying, wait_states, wait_way};
use crate::common::{make_room, wait_linked};
use anyhow::{Context, Result, ensure};
use image::{Rgba, RgbaImage};
use meshwork_e2e::networks::{Networks, SERVER, SERVER_V6};
use meshwork_e2e::{Browser, BrowserOptions, Cli, Kind, PATIENCE, Server, ServerOptions, Tab, wait_until};
use meshwork_place::Place as _;
use tempfile::TempDir;

/// Strokes of each in the time that a restart may take.
const STROKES_MAX: u64 = 1000;
/// Cells along a side of the picture that passes, and what each way from one end to the next carries at least, in bytes.
const PICTURE: (usize, u64) = (1024, 3_000_000);
/// The same where MESHWORK_NIGHTLY is set: minutes of a busy machine.
const PICTURE_AT_NIGHT: (usize, u64) = (1792, 10_000_000);
/// How long such a picture may take to a page on a busy machine.
const PICTURE_MAX: Duration = Duration::from_secs(120);

/// A picture in which each cell has a colour that nothing foretells: batches of 3.4 bytes a cell.
fn noise(file: &Path, side: usize) -> Result<RgbaImage> {
    let mut state = 1u32;
    let picture = RgbaImage::from_fn(side as u32, side as u32, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [red, green, blue, _] = state.swap_bytes().to_le_bytes();
        Rgba([red, green, blue, 0xff])
    });
    picture.save(file)?;
    Ok(picture)
}

async fn wait_picture(tab: &Tab, picture: &RgbaImage) -> Result<()> {
    tab.wait_until(PICTURE_MAX, "the whole picture", async || {
        let cells = tab.cells((picture.width() as usize, picture.height() as usize)).await?;
        let wrong = cells.iter().zip(picture.pixels()).filter(|(cell, pixel)| **cell != pixel.0).count();
        ensure!(wrong == 0, "{wrong} cells differ");
        Ok(())
    })
    .await
}

/// Bytes that passed from client to client inside a relay so far.
fn relayed(relay: &Server) -> Result<u64> {
    let (across, metrics) = ("meshwork_relay_bytes_total{way=\"across\"} ", relay.metrics()?);
    let bytes = metrics.lines().find_map(|line| line.strip_prefix(across)).context("relayed bytes")?;
    Ok(bytes.parse()?)
}

/// Sends a picture from a program to a page, to another page, and to a program again, all of which hide.
async fn pass_picture(server: &Server, relay: &Server, way: &str) -> Result<()> {
    let is_night = std::env::var_os("MESHWORK_NIGHTLY").is_some();
    let (side, bytes_least) = if is_night { PICTURE_AT_NIGHT } else { PICTURE };
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let cli = Cli::new()?;
    let size = format!("{side}x{side}");
    let made = ["place", "create", "--server", server.url(), "--size", &size, "--json"];
    let link = cli.run(made).await?.success()?.json()?["link"].as_str().context("a LINK")?.to_owned();
    let first = hidden(&browser, server, &link).await?;
    wait_linked(&first, 0).await?;
    // From a program to a page.
    let file = cli.path("noise.png");
    let picture = noise(&file, side)?;
    let paint = ["place", "paint", &link, "--hide-address", "--json", "--image", &file.to_string_lossy()];
    let painted = cli.run(paint).await?.success()?;
    ensure!(painted.json()?["cells"] == side * side, "{painted:?}");
    wait_picture(&first, &picture).await?;
    // From that page to another.
    let before = relayed(relay)?;
    let second = hidden(&other, server, &link).await?;
    wait_states(&second, &["relayed, you hide your address"]).await?;
    wait_way(&second, way).await?;
    wait_picture(&second, &picture).await?;
    let carried = relayed(relay)? - before;
    ensure!(carried > bytes_least, "{carried} bytes were relayed from page to page");
    // From there to a program again.
    first.close().await?;
    let out = cli.path("canvas.png");
    let export = ["place", "export", &link, "--hide-address", "--json", "--out", &out.to_string_lossy()];
    ensure!(cli.run(export).await?.success()?.json()?["cells"] == side * side);
    ensure!(image::open(&out)?.into_rgba8() == picture, "what came through the relay differs");
    // All of it went over links that were relayed, from client to client inside the relay.
    second
        .wait_until(PATIENCE, "the counts", async || {
            let metrics = server.metrics()?;
            ensure!(metrics.contains("meshwork_links_total{outcome=\"relayed\"} 3\n"), "{metrics}");
            let bytes = relayed(relay)?;
            ensure!(bytes > 3 * bytes_least, "{bytes} bytes were relayed");
            Ok(())
        })
        .await
}

#[tokio::test]
async fn picture_passes_between_pages_and_programs_in_hiding() -> Result<()> {
    let server = relaying().await?;
    pass_picture(&server, &server, "relay to relay").await
}

#[tokio::test]
async fn picture_passes_over_a_separate_tcp_relay() -> Result<()> {
    let (relay, server) = Shared::new()?.relay_over("tcp").await?;
    pass_picture(&server, &relay, "Through a relay over TCP, relay to relay").await
}

/// coturn's server on free ports, which ends with this.
struct Coturn {
    process: Child,
    address: SocketAddr,
}

impl Coturn {
    /// Starts one that takes credentials made from this secret, and waits until it listens.
    async fn start(secret: &str) -> Result<Coturn> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let process = Command::new("turnserver")
            .args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers"])
            .args(["--no-cli", "--no-tls", "--no-dtls", "--use-auth-secret", "--realm=test", "-m", "1"])
            .args(["--log-file=/dev/null", "--no-stdout-log", "--pidfile=/dev/null"])
            .args([format!("--listening-port={}", address.port()), format!("--static-auth-secret={secret}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("`cargo xtask setup` installs Debian's coturn")?;
        let coturn = Coturn { process, address };
        wait_until(PATIENCE, "coturn", async || Ok(TcpStream::connect(address)?)).await?;
        Ok(coturn)
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn programs_that_hide_are_linked_by_coturn() -> Result<()> {
    let coturn = Coturn::start(Shared::SECRET).await?;
    for transport in ["udp", "tcp"] {
        let url = format!("turn:{}?transport={transport}", coturn.address);
        let server = Shared::new()?.start(&["--turn-urls", &url]).await?;
        let (keeper, watcher, painter) = (Cli::new()?, Cli::new()?, Cli::new()?);
        let made = watcher.run(["place", "create", "--server", server.url(), "--json"]).await?.success()?;
        let link = made.json()?["link"].as_str().context("a LINK")?.to_owned();
        let kept = keeper.path("kept");
        let _keeper =
            keeper.start(["place", "keep", &link, "--hide-address", "--data", &kept.to_string_lossy()])?;
        let watch = watcher.start(["place", "watch", &link, "--hide-address"])?;
        watch.line(PATIENCE, "a relayed link", |line| line.contains(r#""state":"relayed""#)).await?;
        let paint = ["place", "paint", &link, "--hide-address", "--json", "--pixel", "3,4,#e6194b"];
        let painted = painter.run(paint).await?.success()?;
        ensure!(painted.json()?["stored_by"] == 1, "{transport}: {painted:?}");
        watch.line(PATIENCE, "the stroke", |line| line.contains(r#""event":"stroke""#)).await?;
    }
    Ok(())
}

/// Has a page and a program, both of which hide, meet at a server. The program trusts these relays.
async fn meet_at(server: &str, browser: &Browser, program: &Cli, trusts: &[&str], way: &str) -> Result<()> {
    let page = hidden_start(browser, server).await?;
    let link = make_room(&page, "open").await?;
    let watch = program.start([&["place", "watch", &link, "--hide-address"], trusts].concat())?;
    watch.line(PATIENCE, "a link", |line| line.contains(r#""state":"relayed""#)).await?;
    wait_states(&page, &["relayed, you hide your address"]).await?;
    wait_way(&page, way).await?;
    page.click("palette-e6194b").await?;
    page.click_cell(common::SIZE, (3, 4)).await?;
    watch.line(PATIENCE, "the stroke", |line| line.contains(r#""event":"stroke""#)).await.map(drop)
}

#[tokio::test]
async fn relays_are_reached_over_tls() -> Result<()> {
    let program = Cli::new()?;
    let pair = rcgen::generate_simple_self_signed([String::from("127.0.0.1")])?;
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| program.path(name));
    std::fs::write(&certificate, pair.cert.pem())?;
    std::fs::write(&key, pair.signing_key.serialize_pem())?;
    let [certificate, key] = [&certificate, &key].map(|file| file.to_string_lossy().into_owned());
    let program = program.with_variable("SSL_CERT_FILE", &certificate);
    // A browser knows nobody who vouches for it.
    let trusting = BrowserOptions::default().argument("--ignore-certificate-errors");
    let browser = Browser::start_with(trusting).await?;
    let shared = Shared::new()?;
    let tls = ["--relay-tls-listen", "127.0.0.1:0", "--tls-certificate", &certificate, "--tls-key", &key];
    let relay = shared.start(&[&RELAY[..], &tls].concat()).await?;
    let url = format!("turns:{}?transport=tcp", relay.relays().await?[1]);
    let server = shared.start(&["--turn-urls", &url]).await?;
    meet_at(server.url(), &browser, &program, &[], "Through a relay over TLS, relay to relay").await
}

/// It tells how packets travel in its statistics alone.
#[tokio::test]
async fn firefox_says_that_a_link_is_relayed() -> Result<()> {
    let server = relaying().await?;
    let browser = Browser::start_with(BrowserOptions::default().kind(Kind::Firefox)).await?;
    meet_at(server.url(), &browser, &Cli::new()?, &[], "Through a relay").await
}

#[tokio::test]
async fn relays_are_reached_by_ipv6() -> Result<()> {
    let networks = Networks::new()?;
    networks.add_ipv6()?;
    let net = networks.internet();
    let (server, program) = (Cli::within(net)?, Cli::within(net)?);
    let (listen, relay) = (format!("{SERVER}:8080"), format!("[{SERVER_V6}]:3478"));
    let by_ipv6 = ["--relay", "--relay-listen", &relay, "--relay-addresses", SERVER_V6];
    let server = server.start([&["serve", "--listen", &listen][..], &by_ipv6].concat())?;
    server.line(PATIENCE, "the server", |line| line.starts_with("relaying on ")).await?;
    let browser = Browser::start_with(BrowserOptions::default().within(net)).await?;
    // Its relay has another address than the one by which the server is reached.
    let trusts = ["--trust-relay", SERVER_V6];
    meet_at(&format!("http://{listen}"), &browser, &program, &trusts, "relay to relay").await
}

/// Strokes and messages go on while the server is away and its relay forgets everybody. How long the links may take is
/// held in virtual time, by the simulator's tests of relays: a browser on a busy machine keeps no time.
#[tokio::test]
async fn relayed_links_outlive_a_restart_of_their_relay() -> Result<()> {
    let folder = TempDir::new()?;
    let serve = async |listen: &str| {
        let arguments = ["--relay", "--relay-listen", listen].map(String::from).to_vec();
        Server::start_with(ServerOptions { data: Some(folder.path().to_owned()), arguments }).await
    };
    // The port must be the same after the restart: the first server finds one that is free.
    let first = serve("127.0.0.1:0").await?;
    let listen = first.relays().await?[0].to_string();
    drop(first);
    let mut server = serve(&listen).await?;
    let browser = Browser::start().await?;
    let mira = hidden_start(&browser, server.url()).await?;
    let link = make_room(&mira, "open").await?;
    let mut ada = Native::join(link.parse()?, native::hidden_options(1)).await?;
    let mut ben = Native::join(link.parse()?, native::hidden_options(2)).await?;
    wait_states(&mira, &["relayed, you hide your address"; 2]).await?;
    let before = ada.wait_linked_to(ben.driver.endpoint()).await?;
    ben.wait_linked_to(ada.driver.endpoint()).await?;
    mira.click("palette-e6194b").await?;

    let to = (ben.driver.endpoint(), ada.driver.endpoint());
    let beat = async |ada: &mut Native, ben: &mut Native| {
        let stroke = ada.said as usize;
        ada.go_on(0, Some(to.0)).await?;
        ben.go_on(32, Some(to.1)).await?;
        mira.click_cell(common::SIZE, (stroke % 100, 90 + stroke / 100 % 10)).await?;
        ada.hear()?;
        ben.hear()
    };
    beat(&mut ada, &mut ben).await?;
    server.restart().await?;
    let said = (ada.said, ben.said);
    while ada.heard.last() <= Some(&said.1) || ben.heard.last() <= Some(&said.0) {
        beat(&mut ada, &mut ben).await?;
        ensure!(
            ada.said < STROKES_MAX,
            "nothing is heard after the restart: {:?} {:?}",
            ada.heard,
            ben.heard
        );
    }
    let after = ada.wait_linked_to(ben.driver.endpoint()).await?;
    ensure!(after.session == before.session && after.epoch > before.epoch, "{before:?} {after:?}");
    wait_states(&mira, &["relayed, you hide your address"; 2]).await?;
    wait_until(PATIENCE, "everything said and painted", async || {
        ada.hear()?;
        ben.hear()?;
        ensure!(ada.heard.len() as u64 == ben.said && ben.heard.len() as u64 == ada.said);
        let digest = ada.digest().await?;
        ensure!(ben.digest().await? == digest, "the canvases differ");
        let own = ada.call(|node, _, room| node.canvas(room).map(|canvas| canvas.to_rgba())).await?;
        let (own, shown) = (own.context("the room is open")?, mira.cells(common::SIZE).await?);
        let differ = own.chunks_exact(4).zip(&shown).filter(|(own, shown)| own[3] > 0 && own != shown);
        ensure!(differ.count() == 0, "the page differs");
        let red = shown.iter().filter(|cell| cell[..] == [0xe6, 0x19, 0x4b, 0xff]).count();
        let painted = ada.said + ada.said.min(512) + ben.said.min(512);
        ensure!(red as u64 == painted, "{red} cells of {painted}");
        Ok(())
    })
    .await
}
