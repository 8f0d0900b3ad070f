//! The commons of a local network that has no server, no router and no route: terminals, and peers of LSNP.

use std::net::UdpSocket;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use meshwork_e2e::networks::{LocalNetwork, Namespace};
use meshwork_e2e::{Browser, BrowserOptions, Key, Look, PATIENCE, Tab, program, wait_until};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::common::wait_linked;

/// `meshwork chat` without a LINK, in a pipe.
struct Terminal {
    typed: ChildStdin,
    printed: Arc<Mutex<Vec<String>>>,
    _home: tempfile::TempDir,
    program: Child,
}

impl Terminal {
    fn start(host: &Namespace, name: &str, more: &[&str]) -> Result<Terminal> {
        let home = tempfile::tempdir()?;
        let mut command = Command::from(host.command(&program()));
        command.args(["chat", "--name", name, "--commands"]).args(more);
        command.env("HOME", home.path()).env("XDG_DATA_HOME", home.path()).current_dir(home.path());
        command.kill_on_drop(true);
        let mut program =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let printed = Arc::new(Mutex::new(Vec::new()));
        collect(BufReader::new(program.stdout.take().context("an output")?), &printed);
        collect(BufReader::new(program.stderr.take().context("notes")?), &printed);
        let typed = program.stdin.take().context("an input")?;
        Ok(Terminal { typed, printed, _home: home, program })
    }

    async fn type_line(&mut self, line: &str) -> Result<()> {
        self.typed.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(())
    }

    fn lines(&self) -> Vec<String> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, text: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(text)).count()
    }

    async fn sees(&self, most: Duration, text: &str) -> Result<String> {
        wait_until(most, text, async || {
            let lines = self.lines();
            let found = lines.iter().find(|line| line.contains(text)).cloned();
            found.with_context(|| format!("{lines:?}"))
        })
        .await
    }
}

fn collect(
    from: BufReader<impl tokio::io::AsyncRead + Unpin + Send + 'static>,
    printed: &Arc<Mutex<Vec<String>>>,
) {
    let (mut lines, printed) = (from.lines(), Arc::clone(printed));
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            printed.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}

/// A peer of LSNP in the dialect of the original, written from its wire facts: it announces each second here, answers every
/// discovery with one of its own, and prints what it hears.
struct OldPeer {
    socket: Arc<UdpSocket>,
    known: Arc<Mutex<Vec<std::net::SocketAddr>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl OldPeer {
    fn start(host: &Namespace, name: &'static str, ip: &'static str) -> Result<OldPeer> {
        let socket = Arc::new(host.bind_udp("0.0.0.0:8123".parse()?)?);
        let discovery = host.bind_udp("0.0.0.0:50999".parse()?)?;
        socket.set_broadcast(true)?;
        let (known, heard) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let peer = OldPeer { socket, known, heard };
        for socket in [peer.socket.try_clone()?, discovery] {
            socket.set_read_timeout(Some(Duration::from_millis(500)))?;
            let (main, known, heard) =
                (Arc::clone(&peer.socket), Arc::clone(&peer.known), Arc::downgrade(&peer.heard));
            std::thread::spawn(move || {
                let own = format!(
                    "TYPE:PEER_DISCOVERY\nUSER_ID:{name}@{ip}\nPORT:8123\nTIMESTAMP:1\nMESSAGE_ID:0123456789abcdef\n\n"
                );
                let mut buffer = [0; 65_536];
                while let Some(heard) = heard.upgrade() {
                    let _ = main.send_to(own.as_bytes(), "192.168.77.255:50999");
                    let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    if text.contains(&format!("USER_ID:{name}@")) {
                        continue;
                    }
                    let field = |key: &str| {
                        let line = text.lines().find_map(|line| line.strip_prefix(key));
                        line.map(|value| value.trim().to_owned())
                    };
                    if field("TYPE:").is_some_and(|kind| kind == "PEER_DISCOVERY") {
                        let port = field("PORT:").and_then(|port| port.parse().ok()).unwrap_or(from.port());
                        let address = (from.ip(), port).into();
                        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                        if !known.contains(&address) {
                            known.push(address);
                        }
                        let _ = main.send_to(own.as_bytes(), address);
                    }
                    heard.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                }
            });
        }
        Ok(peer)
    }

    fn post(&self, text: &str) -> Result<()> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ensure!(!known.is_empty(), "it found nobody");
        let post = format!(
            "TYPE:POST\nUSER_ID:ana@192.168.77.9\nCONTENT:{text}\nTIMESTAMP:2\nMESSAGE_ID:fedcba9876543210\n\n"
        );
        for to in known {
            self.socket.send_to(post.as_bytes(), to)?;
        }
        Ok(())
    }

    /// Waits until it knows so many others.
    async fn knows(&self, count: usize) -> Result<()> {
        wait_until(PATIENCE, "others", async || {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            ensure!(known.len() >= count, "{known:?}");
            Ok(())
        })
        .await
    }

    async fn hears(&self, text: &str) -> Result<()> {
        wait_until(PATIENCE, text, async || {
            let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard
                .iter()
                .any(|message| message.contains(text))
                .then_some(())
                .with_context(|| format!("{heard:?}"))
        })
        .await
    }
}

#[tokio::test]
async fn terminals_and_an_old_peer_talk() -> Result<()> {
    let network = LocalNetwork::new()?;
    let hosts = [network.host(1)?, network.host(2)?, network.host(3)?, network.host(9)?];
    let mut ann = Terminal::start(&hosts[0], "Ann", &[])?;
    let mut bo = Terminal::start(&hosts[1], "Bo", &[])?;
    ann.sees(PATIENCE, "Bo is here").await?;
    ann.type_line("Is anybody on this train?").await?;
    bo.sees(PATIENCE, "Ann: Is anybody on this train?").await?;
    bo.type_line("POST Deck four.").await?;
    ann.sees(PATIENCE, "Bo: Deck four.").await?;
    // A newcomer has all of it.
    let mut cy = Terminal::start(&hosts[2], "Cy", &[])?;
    cy.sees(PATIENCE, "Bo: Deck four.").await?;
    cy.type_line("DM Ann only for you").await?;
    ann.sees(PATIENCE, "Cy to you alone: only for you").await?;
    ann.type_line("LIST").await?;
    ann.sees(PATIENCE, "192.168.77.3").await?;

    let ana = OldPeer::start(&hosts[3], "ana", "192.168.77.9")?;
    ann.sees(PATIENCE, "ana@192.168.77.9 is here (guest, unproved)").await?;
    ann.type_line("Hello, old peer.").await?;
    ana.hears("CONTENT:Hello, old peer.").await?;
    ana.knows(3).await?;
    ana.post("Hello from long ago.")?;
    for terminal in [&ann, &bo, &cy] {
        terminal.sees(PATIENCE, "ana@192.168.77.9 (guest): Hello from long ago.").await?;
    }
    ensure!(bo.count("only for you") == 0, "a direct post is for one: {:?}", bo.lines());
    Ok(())
}

/// Two hosts hear some words, then one of them is on another network, where a third host is. Returns the hosts and the
/// terminals of the two.
async fn move_away(
    network: &LocalNetwork,
    more: &[&str],
    words: &str,
) -> Result<([Namespace; 3], Terminal, Terminal)> {
    let hosts = [network.host(1)?, network.host(2)?, network.host(3)?];
    let mut home = Terminal::start(&hosts[0], "Home", more)?;
    let laptop = Terminal::start(&hosts[1], "Laptop", more)?;
    laptop.sees(PATIENCE, "Home is here").await?;
    home.type_line(words).await?;
    laptop.sees(PATIENCE, words).await?;
    network.cut(1)?;
    network.renumber(&hosts[1], 7)?;
    Ok((hosts, home, laptop))
}

#[tokio::test]
async fn a_laptop_carries_nothing_between_networks() -> Result<()> {
    let network = LocalNetwork::new()?;
    let (hosts, _home, mut laptop) = move_away(&network, &[], "The key is under the mat.").await?;
    laptop.sees(PATIENCE, "this machine is on another network").await?;
    let stranger = Terminal::start(&hosts[2], "Stranger", &[])?;
    stranger.sees(PATIENCE, "Laptop is here").await?;
    laptop.type_line("Nice café.").await?;
    stranger.sees(PATIENCE, "Nice café.").await?;
    ensure!(stranger.count("under the mat") == 0, "{:?}", stranger.lines());
    Ok(())
}

#[tokio::test]
async fn a_named_commons_goes_along() -> Result<()> {
    let network = LocalNetwork::new()?;
    let club = ["--commons", "club", "--data", "club"];
    let (hosts, _home, mut laptop) = move_away(&network, &club, "We meet on Friday.").await?;
    let member = Terminal::start(&hosts[2], "Member", &club)?;
    member.sees(3 * PATIENCE, "We meet on Friday.").await?;
    laptop.program.kill().await?;
    Ok(())
}

#[tokio::test]
async fn fifteen_programs_have_all_posts_once() -> Result<()> {
    let network = LocalNetwork::new()?;
    let mut terminals = Vec::new();
    for number in 1..=5 {
        let host = network.host(number)?;
        for program in ["a", "b", "c"] {
            let name = format!("{program}{number}");
            terminals.push(Terminal::start(&host, &name, &["--no-guests", "--newest", "100"])?);
        }
    }
    let texts: Vec<String> = (0..terminals.len()).map(|number| format!("post {number:02}.")).collect();
    for (terminal, text) in terminals.iter_mut().zip(&texts) {
        terminal.sees(PATIENCE, "Type to post").await?;
        terminal.type_line(text).await?;
    }
    let (first, rest) = terminals.split_at_mut(12);
    let whole = |terminals: &[Terminal]| {
        terminals.iter().all(|terminal| {
            // Own posts are not printed again.
            texts.iter().filter(|text| terminal.count(text) == 1).count() >= texts.len() - 1
        })
    };
    wait_until(3 * PATIENCE, "all posts", async || {
        ensure!(whole(first) && whole(rest), "{:?}", rest[2].lines());
        Ok(())
    })
    .await?;
    network.cut(5)?;
    first[0].type_line("while the bridge is cut").await?;
    rest[0].type_line("on the other side").await?;
    network.heal(5)?;
    for terminal in first[1..].iter().chain(&rest[1..]) {
        terminal.sees(6 * PATIENCE, "while the bridge is cut").await?;
        terminal.sees(6 * PATIENCE, "on the other side").await?;
    }
    let twice = |terminal: &Terminal| {
        let texts = texts.iter().map(String::as_str).chain(["while the bridge is cut", "on the other side"]);
        texts.filter(|text| terminal.count(text) > 1).count()
    };
    ensure!(terminals.iter().all(|terminal| twice(terminal) == 0), "a post is printed twice");
    Ok(())
}

/// The texts of all posts of a page.
const TEXTS: &str =
    "return [...document.querySelectorAll('[data-testid=message-text]')].map(text => text.innerText)";

async fn shows(tab: &Tab, text: &str) -> Result<()> {
    tab.wait_until(2 * PATIENCE, text, async || {
        let texts = tab.eval(TEXTS, vec![]).await?;
        let is_there = texts.as_array().is_some_and(|texts| texts.iter().any(|one| one == text));
        ensure!(is_there, "{texts}");
        Ok(())
    })
    .await
}

async fn write(tab: &Tab, text: &str) -> Result<()> {
    tab.type_text("chat-input", text).await?;
    tab.press_keys(Key::Enter).await
}

#[tokio::test]
async fn phones_go_on_after_the_terminal() -> Result<()> {
    let network = LocalNetwork::new()?;
    let hosts = [network.host(1)?, network.host(2)?, network.host(3)?];
    let mut ann = Terminal::start(&hosts[0], "Ann", &["--pages"])?;
    let line = ann.sees(PATIENCE, "phones on this network: http://192.168.77.1:").await?;
    let address = line.rsplit(' ').next().context("an address")?.to_owned();
    ann.type_line("Scan this.").await?;
    let mut phones = Vec::new();
    for (host, name) in [(&hosts[1], "Lin"), (&hosts[2], "Sofia")] {
        let browser = Browser::start_with(BrowserOptions::default().default_flags().within(host)).await?;
        let tab = browser.tab(&address).await?;
        tab.look(Look::PHONE).await?;
        tab.wait_there(2 * PATIENCE, "chat-input").await?;
        shows(&tab, "Scan this.").await?;
        write(&tab, &format!("{name} is aboard.")).await?;
        ann.sees(2 * PATIENCE, &format!("{name} is aboard.")).await?;
        phones.push((browser, tab));
    }
    let [(_, lin), (_, sofia)] = &phones[..] else { unreachable!() };
    shows(lin, "Sofia is aboard.").await?;
    // Nothing outlives the tab at an address that is another computer in the next network.
    let kept = "return [localStorage.length, (await indexedDB.databases()).length]";
    ensure!(lin.eval(kept, vec![]).await? == serde_json::json!([0, 0]), "a guest's page keeps something");
    // They are linked to each other as well.
    wait_linked(lin, 2).await?;
    wait_linked(sofia, 2).await?;
    ann.program.kill().await?;
    write(lin, "Still here?").await?;
    shows(sofia, "Still here?").await?;
    write(sofia, "Yes.").await?;
    shows(lin, "Yes.").await?;
    Ok(())
}
