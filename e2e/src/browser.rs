//! A headless Chromium with a profile of its own.

use std::env;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use thirtyfour::{
    ChromeCapabilities, ChromiumLikeCapabilities, LoggingPrefsLogLevel, SessionId, WebDriver, WindowHandle,
};
use tokio::sync::{Mutex, MutexGuard};

use crate::namespace::Namespace;
use crate::process::Group;
use crate::tab::Tab;
use crate::wait::{PATIENCE, wait_until};

/// One command of the driver takes at most this long.
const COMMAND_MAX: Duration = Duration::from_secs(60);

/// A browser that is dropped has this long to end by itself.
const END_MAX: Duration = Duration::from_secs(5);

/// What every browser is started with.
const FLAGS: [&str; 16] = [
    "--headless=new",
    // Tests run in containers, as root, without a GPU and with little shared memory.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    // Nothing is asked of anybody's servers.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    // A tab behind another must run as one in front does.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    // The same pixels and words on every machine.
    "--force-device-scale-factor=1",
    "--window-size=1280,900",
    "--lang=en-US",
];

/// WebRTC over the loopback address, so that a test needs no network.
const LOOPBACK_FLAGS: [&str; 2] =
    ["--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"];

/// What a browser is started with.
#[derive(Debug, Default, Clone)]
pub struct BrowserOptions {
    default_webrtc: bool,
    profile: Option<PathBuf>,
    arguments: Vec<String>,
    namespace: Option<Namespace>,
}

impl BrowserOptions {
    /// In a network namespace; its driver stays outside.
    pub fn within(mut self, namespace: &Namespace) -> Self {
        self.namespace = Some(namespace.clone());
        self
    }

    /// WebRTC as people have it: no loopback addresses, and local ones hidden behind mDNS names.
    pub fn default_flags(mut self) -> Self {
        self.default_webrtc = true;
        self
    }

    /// A profile folder that outlives the browser, to start another one with the same profile.
    pub fn profile(mut self, folder: impl Into<PathBuf>) -> Self {
        self.profile = Some(folder.into());
        self
    }

    /// A further flag of Chromium.
    pub fn argument(mut self, flag: impl Into<String>) -> Self {
        self.arguments.push(flag.into());
        self
    }
}

/// A running browser: one profile with any number of tabs; killed on drop.
pub struct Browser {
    session: Arc<Session>,
}

/// How often a browser is started until one stays: now and then Chromium exits while it starts.
const STARTS: usize = 3;

impl Browser {
    /// Starts a browser with a new profile, its WebRTC on the loopback address.
    pub async fn start() -> Result<Browser> {
        Browser::start_with(BrowserOptions::default()).await
    }

    /// Starts a browser.
    pub async fn start_with(options: BrowserOptions) -> Result<Browser> {
        for _ in 1..STARTS {
            if let Ok(browser) = Browser::begin(&options).await {
                return Ok(browser);
            }
        }
        Browser::begin(&options).await
    }

    async fn begin(options: &BrowserOptions) -> Result<Browser> {
        let folder = TempDir::new().context("cannot make a temporary folder")?;
        let mut command = Command::new(tool("MESHWORK_CHROMEDRIVER", &["chromedriver"])?);
        command.arg("--port=0").env("TMPDIR", folder.path());
        let mut group = Group::start(&mut command)?;
        let port = driver_port(&mut group).await?;
        let profile = options.profile.clone().unwrap_or_else(|| folder.path().join("profile"));
        let chromium = program(options, folder.path())?;
        let capabilities = capabilities(options, &chromium, &profile)?;
        let driver = WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities)
            .request_timeout(COMMAND_MAX)
            .connect()
            .await
            .context("Chromium does not start")?;
        let first = driver.window().await.context("a new browser has a window")?;
        let session = Session {
            driver,
            port,
            turn: Mutex::new(Turn { unused: Some(first), shown: None, console: Vec::new() }),
            _group: group,
            _folder: folder,
        };
        Ok(Browser { session: Arc::new(session) })
    }

    /// Opens an address in a new tab.
    pub async fn tab(&self, url: &str) -> Result<Tab> {
        let window = {
            let mut turn = self.session.turn.lock().await;
            match turn.unused.take() {
                Some(first) => first,
                // A window each: the page of a tab behind another would not be painted.
                None => self.session.driver.new_window().await.context("no new window")?,
            }
        };
        let tab = Tab::new(Arc::clone(&self.session), window);
        tab.goto(url).await?;
        Ok(tab)
    }

    /// Ends the browser in good order, its profile written; dropping it tries the same, but only for a while.
    pub async fn quit(self) -> Result<()> {
        self.session.driver.clone().quit().await.context("the browser does not quit")
    }
}

/// The driver's session, which all tabs of a browser share.
pub(crate) struct Session {
    driver: WebDriver,
    port: u16,
    turn: Mutex<Turn>,
    _group: Group,
    _folder: TempDir,
}

/// What the one who has the session's turn may change.
struct Turn {
    /// The window that the browser opened by itself.
    unused: Option<WindowHandle>,
    /// The window that commands go to.
    shown: Option<WindowHandle>,
    /// The console of all tabs, as far as it was fetched.
    console: Vec<String>,
}

impl Drop for Session {
    /// Asks the browser to end, before its processes are killed and its folder is removed.
    fn drop(&mut self) {
        // The library would block for long here; it says so when the session was not ended before.
        if self.driver.clone().leak().is_ok() {
            let _ = end_session(self.port, self.driver.session_id());
        }
    }
}

/// Ends a session without an async runtime, and returns when the driver has answered.
fn end_session(port: u16, id: &SessionId) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(END_MAX))?;
    write!(stream, "DELETE /session/{id} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
    stream.read(&mut [0; 64]).map(drop)
}

impl Session {
    /// Takes the session's turn for one tab: commands go to its window until the guard is dropped.
    pub(crate) async fn turn(&self, window: &WindowHandle) -> Result<TabTurn<'_>> {
        let mut turn = self.turn.lock().await;
        if turn.shown.as_ref() != Some(window) {
            self.driver.switch_to_window(window.clone()).await.context("the tab is gone")?;
            turn.shown = Some(window.clone());
        }
        Ok(TabTurn { driver: &self.driver, turn })
    }

    /// What the consoles of all tabs said since the browser was started.
    pub(crate) async fn console(&self) -> Vec<String> {
        let mut turn = self.turn.lock().await;
        // A browser that cannot be asked any more still said what it said.
        let fresh = self.driver.browser_log().await.unwrap_or_default();
        turn.console.extend(fresh.into_iter().map(|entry| format!("{} {}", entry.level, entry.message)));
        turn.console.clone()
    }
}

/// The right to give commands to one tab.
pub(crate) struct TabTurn<'a> {
    pub(crate) driver: &'a WebDriver,
    turn: MutexGuard<'a, Turn>,
}

impl TabTurn<'_> {
    /// Closes the tab whose turn it is.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.turn.shown = None;
        self.driver.close_window().await.context("the tab does not close")
    }
}

/// Finds a program by its variable, else by its names on PATH.
fn tool(variable: &str, names: &[&str]) -> Result<PathBuf> {
    if let Some(named) = env::var_os(variable) {
        return Ok(PathBuf::from(named));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let found = candidates.into_iter().find(|candidate| candidate.is_file());
    found.with_context(|| format!("no {} on PATH; type: cargo xtask setup", names[0]))
}

/// The driver chooses a free port and says which.
async fn driver_port(group: &mut Group) -> Result<u16> {
    let started = wait_until(PATIENCE, "chromedriver's port", async || {
        let lines = group.stdout();
        let port = lines.iter().find_map(|line| {
            line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
        });
        match (port, group.ended()?) {
            (Some(port), _) => Ok(Ok(port)),
            (None, Some(status)) => Ok(Err(status)),
            (None, None) => bail!("it said {lines:?}"),
        }
    });
    match started.await? {
        Ok(port) => Ok(port),
        Err(status) => bail!("chromedriver ended with {status}: {}", group.stderr().join("\n")),
    }
}

/// What the driver starts: the browser, or a script in `folder` that starts it in its namespace.
fn program(options: &BrowserOptions, folder: &Path) -> Result<PathBuf> {
    let chromium = tool("MESHWORK_CHROMIUM", &["chromium", "chromium-browser", "google-chrome"])?;
    let Some(namespace) = &options.namespace else { return Ok(chromium) };
    let script = folder.join("chromium");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(&script)?;
    let entering = namespace.entering().join(" ");
    write!(file, "#!/bin/sh\nexec {entering} '{}' \"$@\"\n", chromium.display())?;
    Ok(script)
}

fn capabilities(options: &BrowserOptions, chromium: &Path, profile: &Path) -> Result<ChromeCapabilities> {
    let mut capabilities = ChromeCapabilities::new();
    capabilities.set_binary(&chromium.to_string_lossy())?;
    capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
    let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    if !options.default_webrtc {
        flags.extend(LOOPBACK_FLAGS.iter().map(|flag| (*flag).to_owned()));
    }
    if options.namespace.is_some() {
        // The loopback address in there is another one than the driver's.
        flags.push("--remote-debugging-pipe".to_owned());
    }
    flags.push(format!("--user-data-dir={}", profile.display()));
    flags.extend(options.arguments.iter().cloned());
    for flag in flags {
        capabilities.add_arg(&flag)?;
    }
    Ok(capabilities)
}
