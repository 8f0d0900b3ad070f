//! The harness itself: browsers start, act, see and end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, BrowserOptions, Cli, PATIENCE, Server};

const PAGE: &str = r#"<!doctype html>
<title>Harness</title>
<link rel="icon" href="data:,">
<style>body { margin: 20px } canvas { width: 400px; height: 200px; display: block }</style>
<canvas data-testid="place-canvas" width="8" height="4"></canvas>
<input data-testid="display-name" value="Ada">
<a data-testid="share-link" href="/elsewhere#secret">here</a>
<p data-testid="peer-count">0</p>
<script>
    const canvas = document.querySelector('canvas');
    const context = canvas.getContext('2d');
    context.fillStyle = '#ff8000';
    let isDown = false;
    const paint = (event) => {
        const box = canvas.getBoundingClientRect();
        const x = Math.floor((event.clientX - box.left) / box.width * 8);
        const y = Math.floor((event.clientY - box.top) / box.height * 4);
        context.fillRect(x, y, 1, 1);
    };
    canvas.onpointerdown = (event) => { isDown = true; paint(event); };
    canvas.onpointermove = (event) => { if (isDown) paint(event); };
    window.onpointerup = () => { isDown = false; };
    console.log('the page is up');
    const count = document.querySelector('p');
    const channel = new BroadcastChannel('tabs');
    channel.onmessage = () => {
        count.textContent = Number(count.textContent) + 1;
        // Only a tab that is painted comes here.
        requestAnimationFrame(() => { count.title = 'painted'; });
    };
    channel.postMessage('hello');
</script>
"#;

const SIZE: (usize, usize) = (8, 4);
const ORANGE: [u8; 4] = [0xff, 0x80, 0x00, 0xff];
const NOTHING: [u8; 4] = [0; 4];

/// Serves the one page to whoever asks, as long as the tests run.
fn serve_page() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
                let _ = write!(stream, "{head}content-length: {}\r\n\r\n{PAGE}", PAGE.len());
            });
        }
    });
    Ok(address)
}

#[tokio::test]
async fn a_person_paints_and_sees() -> Result<()> {
    let url = format!("http://{}/", serve_page()?);
    let browser = Browser::start().await?;
    let tab = browser.tab(&url).await?;
    assert_eq!(tab.title().await?, "Harness");
    assert_eq!(tab.value("display-name").await?, "Ada");
    tab.type_text("display-name", "Grace").await?;
    assert_eq!(tab.value("display-name").await?, "Grace");
    assert_eq!(tab.value("share-link").await?, format!("{url}elsewhere#secret"));
    assert!(!tab.has("no-such-element").await?);

    tab.click_cell(SIZE, (1, 1)).await?;
    tab.drag_cells(SIZE, &[(5, 0), (6, 0), (7, 0)]).await?;
    let cells = tab.cells(SIZE).await?;
    let painted: Vec<usize> = (0..cells.len()).filter(|index| cells[*index] == ORANGE).collect();
    assert_eq!(painted, [5, 6, 7, 9]);
    assert_eq!(tab.cell(SIZE, (0, 3)).await?, NOTHING);

    let folder = tempfile::tempdir()?;
    let picture = folder.path().join("tab.png");
    tab.screenshot(&picture).await?;
    assert!(std::fs::read(&picture)?.starts_with(b"\x89PNG"));
    assert!(tab.console().await.iter().any(|line| line.contains("the page is up")));
    browser.quit().await
}

#[tokio::test]
async fn tabs_share_a_profile_and_browsers_do_not() -> Result<()> {
    let url = format!("http://{}/", serve_page()?);
    let browser = Browser::start().await?;
    let other = Browser::start_with(BrowserOptions::default().default_flags()).await?;
    let first = browser.tab(&url).await?;
    let stranger = other.tab(&url).await?;
    let second = browser.tab(&url).await?;
    first
        .wait_until(PATIENCE, "the first tab hears the second, and goes on being painted", async || {
            let count = first.text("peer-count").await?;
            let title = first.attribute("peer-count", "title").await?;
            ensure!(count == "1" && title.as_deref() == Some("painted"), "count {count}, title {title:?}");
            Ok(())
        })
        .await?;
    assert_eq!(stranger.text("peer-count").await?, "0");
    let visible = first.eval("return document.visibilityState", Vec::new()).await?;
    assert_eq!(visible, "visible");
    second.close().await?;
    first.reload().await?;
    assert_eq!(first.text("peer-count").await?, "0");
    Ok(())
}

#[tokio::test]
async fn a_profile_can_outlive_its_browser() -> Result<()> {
    let url = format!("http://{}/", serve_page()?);
    let folder = tempfile::tempdir()?;
    let options = BrowserOptions::default().profile(folder.path());
    let browser = Browser::start_with(options.clone()).await?;
    let tab = browser.tab(&url).await?;
    tab.eval("localStorage.setItem('name', 'Ada')", Vec::new()).await?;
    drop(tab);
    browser.quit().await?;
    let browser = Browser::start_with(options).await?;
    let tab = browser.tab(&url).await?;
    assert_eq!(tab.eval("return localStorage.getItem('name')", Vec::new()).await?, "Ada");
    browser.quit().await
}

/// The first line of the answer to a request.
fn ask(address: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_server_comes_back_at_its_address() -> Result<()> {
    let mut server = Server::start().await?;
    let address = server.address().to_owned();
    assert_eq!(ask(&address, "/health")?, "HTTP/1.1 200 OK");
    server.kill();
    assert!(ask(&address, "/health").is_err());
    server.restart().await?;
    assert_eq!(server.address(), address);
    assert_eq!(ask(&address, "/")?, "HTTP/1.1 200 OK");
    Ok(())
}

#[tokio::test]
async fn binary_runs_and_tells_its_exit_code() -> Result<()> {
    let cli = Cli::new()?;
    let help = cli.run(["--help"]).await.context("the binary under test")?.success()?;
    assert!(help.stdout.contains("Usage"), "{help:?}");
    let wrong = cli.run(["no-such-command"]).await?.expect_code(2)?;
    assert!(!wrong.stderr.is_empty());
    Ok(())
}
