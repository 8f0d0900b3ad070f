//! A browser with a profile of its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::{RequestData, SessionId, WebDriver, WindowHandle};
use tokio::sync::{Mutex, MutexGuard};

use crate::driver::Driver;
use crate::namespace::Namespace;
use crate::process::Group;
use crate::tab::Tab;

/// One command of the driver takes at most this long.
const COMMAND_MAX: Duration = Duration::from_secs(60);

/// A browser that is dropped has this long to end by itself.
const END_MAX: Duration = Duration::from_secs(5);

/// Which browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Chromium, headless.
    #[default]
    Chromium,
    /// Firefox, headless, its WebRTC as people have it.
    Firefox,
    /// WebKitGTK's MiniBrowser, which has no WebRTC.
    WebKit,
}

impl Kind {
    /// The browser of the checks that are made in one browser a run: Firefox where MESHWORK_NIGHTLY is set, else
    /// Chromium.
    pub fn of_this_run() -> Kind {
        if std::env::var_os("MESHWORK_NIGHTLY").is_some() { Kind::Firefox } else { Kind::Chromium }
    }
}

/// What a browser is started with.
#[derive(Debug, Default, Clone)]
pub struct BrowserOptions {
    pub(crate) kind: Kind,
    pub(crate) default_webrtc: bool,
    pub(crate) whole: bool,
    pub(crate) profile: Option<PathBuf>,
    pub(crate) arguments: Vec<String>,
    pub(crate) graphics: bool,
    pub(crate) namespace: Option<Namespace>,
}

impl BrowserOptions {
    /// Of this kind. All else here is for Chromium alone.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// In a network namespace; its driver stays outside.
    pub fn within(mut self, namespace: &Namespace) -> Self {
        self.namespace = Some(namespace.clone());
        self
    }

    /// As people have it: the whole browser, its WebRTC without loopback addresses, and local ones hidden behind mDNS names.
    pub fn default_flags(mut self) -> Self {
        self.default_webrtc = true;
        self.whole()
    }

    /// The whole browser, as where time is measured. Otherwise it is Chromium's shell without windows, where there is one:
    /// the same engine with a quarter less to compute for a test.
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// A profile folder that outlives the browser, to start another one with the same profile.
    pub fn profile(mut self, folder: impl Into<PathBuf>) -> Self {
        self.profile = Some(folder.into());
        self
    }

    /// With a graphics card that Chromium computes by itself.
    pub fn graphics(mut self) -> Self {
        self.graphics = true;
        self.whole()
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
    /// Starts a Chromium with a new profile, its WebRTC on the loopback address.
    pub async fn start() -> Result<Browser> {
        Browser::start_with(BrowserOptions::default()).await
    }

    /// The same with the whole browser, for what is to be as people have it.
    pub async fn start_whole() -> Result<Browser> {
        Browser::start_with(BrowserOptions::default().whole()).await
    }

    /// Starts a browser of this kind with a new profile.
    pub async fn start_kind(kind: Kind) -> Result<Browser> {
        Browser::start_with(BrowserOptions::default().kind(kind)).await
    }

    /// Starts a browser.
    pub async fn start_with(options: BrowserOptions) -> Result<Browser> {
        for start in 1..STARTS {
            match Browser::begin(&options).await {
                Ok(browser) => return Ok(browser),
                Err(error) => tell_failed_start(options.kind, start, &error),
            }
        }
        Browser::begin(&options).await
    }

    async fn begin(options: &BrowserOptions) -> Result<Browser> {
        let folder = memory_folder()?;
        let Driver { port, capabilities, groups } = Driver::start(options, folder.path()).await?;
        let driver = WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities)
            .request_timeout(COMMAND_MAX)
            .connect()
            .await
            .with_context(|| format!("{:?} does not start", options.kind))?;
        let first = driver.window().await.context("a new browser has a window")?;
        let session = Session {
            kind: options.kind,
            driver,
            port,
            turn: Mutex::new(Turn { unused: Some(first), shown: None, console: Vec::new() }),
            groups,
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
                None => {
                    if turn.shown.is_none()
                        && let Some(any) = self.session.driver.windows().await?.into_iter().next()
                    {
                        // The one that was closed opens no other.
                        self.session.driver.switch_to_window(any).await?;
                    }
                    self.session.driver.new_window().await.context("no new window")?
                }
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

/// A temporary folder in memory where there is enough of it: a browser writes thousands of small files, and on a disk
/// they cost a sixth of all its processor time.
fn memory_folder() -> Result<TempDir> {
    const ENOUGH: u64 = 2 << 30;
    let memory = Path::new("/dev/shm");
    let has_room = rustix::fs::statvfs(memory).is_ok_and(|stat| stat.f_bavail * stat.f_frsize >= ENOUGH);
    let made = if has_room { TempDir::new_in(memory) } else { TempDir::new() };
    made.context("cannot make a temporary folder")
}

/// A start that has to be made again is told, or nobody would see that it is often needed.
#[expect(clippy::print_stderr, reason = "it is for whoever reads what the tests print")]
fn tell_failed_start(kind: Kind, start: usize, error: &anyhow::Error) {
    eprintln!("start {start} of {STARTS} of {kind:?} failed: {error:#}");
}

/// The driver's session, which all tabs of a browser share.
pub(crate) struct Session {
    kind: Kind,
    driver: WebDriver,
    port: u16,
    turn: Mutex<Turn>,
    groups: Vec<Group>,
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
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

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
        if self.kind != Kind::Chromium {
            // Their drivers have no log to ask for, but hand on what the browsers print.
            return self.groups.iter().flat_map(|group| [group.stdout(), group.stderr()]).flatten().collect();
        }
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

    /// Runs a script in Firefox as its own code is run, in the tab's window.
    pub(crate) async fn privileged(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.driver.handle().cmd(ScriptContext("chrome")).await?;
        let result = self.driver.execute(script, arguments).await;
        self.driver.handle().cmd(ScriptContext("content")).await?;
        Ok(result?.json().clone())
    }
}

/// geckodriver's command that says where scripts run: `content` or `chrome`.
#[derive(Debug)]
struct ScriptContext(&'static str);

impl FormatRequestData for ScriptContext {
    fn format_request(&self, session: &SessionId) -> RequestData {
        RequestData::new(Method::POST, format!("/session/{session}/moz/context"))
            .add_body(json!({ "context": self.0 }))
    }
}
