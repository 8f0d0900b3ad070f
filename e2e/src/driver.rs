//! The drivers of the browsers: how each is started, and what it is told of its browser.

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;
use thirtyfour::{Capabilities, ChromeCapabilities, ChromiumLikeCapabilities, LoggingPrefsLogLevel};

use crate::browser::{BrowserOptions, Kind};
use crate::process::Group;
use crate::wait::{PATIENCE, wait_until};

/// What every Chromium is started with.
const FLAGS: [&str; 15] = [
    "--headless=new",
    // Tests run in containers, as root and with little shared memory.
    "--no-sandbox",
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

/// Containers have no graphics card.
const NO_GRAPHICS: &str = "--disable-gpu";
/// Instead, Chromium computes one.
const GRAPHICS: [&str; 2] = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/// WebRTC over the loopback address, so that a test needs no network.
const LOOPBACK_FLAGS: [&str; 2] =
    ["--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"];

/// The same for Firefox.
const LOOPBACK_PREFERENCES: [(&str, bool); 2] = [
    ("media.peerconnection.ice.loopback", true),
    ("media.peerconnection.ice.obfuscate_host_addresses", false),
];

/// A driver that listens, and what to ask it for.
pub(crate) struct Driver {
    pub(crate) port: u16,
    pub(crate) capabilities: Capabilities,
    /// The driver with its browser, then what they need; they end in this order.
    pub(crate) groups: Vec<Group>,
}

impl Driver {
    /// Starts the driver of a browser, which has `folder` for whatever it writes.
    pub(crate) async fn start(options: &BrowserOptions, folder: &Path) -> Result<Driver> {
        match options.kind {
            Kind::Chromium => chromium(options, folder).await,
            Kind::Firefox => firefox(options, folder).await,
            Kind::WebKit => webkit(folder).await,
        }
    }
}

async fn chromium(options: &BrowserOptions, folder: &Path) -> Result<Driver> {
    let mut command = Command::new(tool("MESHWORK_CHROMEDRIVER", &["chromedriver"])?);
    command.arg("--port=0").env("TMPDIR", folder);
    // The shell would write it beside itself.
    command.env("CHROME_LOG_FILE", folder.join("chrome.log"));
    let mut group = Group::start(&mut command)?;
    let port = said_port(&mut group, "started successfully on port ").await?;
    let profile = options.profile.clone().unwrap_or_else(|| folder.join("profile"));
    let capabilities = chromium_capabilities(options, &chromium_program(options, folder)?, &profile)?;
    Ok(Driver { port, capabilities: capabilities.into(), groups: vec![group] })
}

/// What the driver starts: a script in `folder` that starts the browser, in its namespace where it has one, and with a page to
/// begin with. The shell has none by itself, the whole browser one that costs as much as all else of its start, and a driver
/// hands on nothing but flags.
fn chromium_program(options: &BrowserOptions, folder: &Path) -> Result<PathBuf> {
    let whole = &["chromium", "chromium-browser", "google-chrome"][..];
    let names = if options.whole { whole } else { &[&["chromium-headless-shell"], whole].concat() };
    let chromium = tool("MESHWORK_CHROMIUM", names)?;
    let script = folder.join("chromium");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(&script)?;
    let entering = options.namespace.as_ref().map(|namespace| namespace.entering().join(" "));
    let entering = entering.unwrap_or_default();
    // What pages save goes to where the browser was started.
    let (found, place) = (chromium.display(), folder.display());
    let start = format!(
        "chromium=$(command -v '{found}')\ncd '{place}'\nexec {entering} \"$chromium\" \"$@\" about:blank"
    );
    writeln!(file, "#!/bin/sh\n{start}")?;
    Ok(script)
}

fn chromium_capabilities(
    options: &BrowserOptions,
    chromium: &Path,
    profile: &Path,
) -> Result<ChromeCapabilities> {
    let mut capabilities = ChromeCapabilities::new();
    capabilities.set_binary(&chromium.to_string_lossy())?;
    capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
    let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    match options.graphics {
        true => flags.extend(GRAPHICS.iter().map(|flag| (*flag).to_owned())),
        false => flags.push(NO_GRAPHICS.to_owned()),
    }
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

async fn firefox(options: &BrowserOptions, folder: &Path) -> Result<Driver> {
    let mut command = Command::new(geckodriver()?);
    // Sizes and themes of windows are set as Firefox's own code sets them.
    command.args(["--port", "0", "--allow-system-access"]);
    command.env("TMPDIR", folder).env("HOME", folder);
    let mut group = Group::start(&mut command)?;
    let port = said_port(&mut group, "Listening on 127.0.0.1:").await?;
    let mut capabilities = Capabilities::new();
    capabilities.set("browserName", "firefox")?;
    let firefox = tool("MESHWORK_FIREFOX", &["firefox-esr", "firefox"])?;
    // What pages say to the console is printed, for the errors of tests.
    let mut prefs = json!({ "devtools.console.stdout.content": true, "intl.accept_languages": "en-US" });
    if !options.default_webrtc {
        LOOPBACK_PREFERENCES.iter().for_each(|(name, value)| prefs[name] = json!(value));
    }
    let options = json!({ "binary": firefox.to_string_lossy(), "args": ["-headless"], "prefs": prefs });
    capabilities.set("moz:firefoxOptions", options)?;
    Ok(Driver { port, capabilities, groups: vec![group] })
}

/// The one that is named or on PATH, else the one that `cargo xtask setup` built.
fn geckodriver() -> Result<PathBuf> {
    tool("MESHWORK_GECKODRIVER", &["geckodriver"]).or_else(|missing| {
        let built = crate::checkout().join("target/tools/geckodriver/bin/geckodriver");
        if built.is_file() { Ok(built) } else { Err(missing) }
    })
}

/// WebKitGTK's small browser; it has no mode without a display, so it gets one that nobody sees.
async fn webkit(folder: &Path) -> Result<Driver> {
    let mut command = Command::new(tool("MESHWORK_XVFB", &["Xvfb"])?);
    command.args(["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]);
    let display = Group::start(&mut command)?;
    let number = wait_until(PATIENCE, "the number of the display", async || {
        let number = display.stdout().first().cloned();
        number.with_context(|| format!("Xvfb said {:?}", display.stderr()))
    });
    let number = number.await?;
    // The driver takes port 0, but does not say which one it got.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut command = Command::new(tool("MESHWORK_WEBKIT_DRIVER", &["WebKitWebDriver"])?);
    command.arg(format!("--port={port}")).env("DISPLAY", format!(":{number}"));
    command.env("TMPDIR", folder).env("HOME", folder).env("LIBGL_ALWAYS_SOFTWARE", "1");
    let group = Group::start(&mut command)?;
    wait_until(PATIENCE, "WebKit's driver", async || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).with_context(|| group.stderr().join("\n"))
    })
    .await?;
    let mut capabilities = Capabilities::new();
    capabilities.set("browserName", "MiniBrowser")?;
    Ok(Driver { port, capabilities, groups: vec![group, display] })
}

/// A driver that was asked for any free port says which it chose, after these words.
async fn said_port(group: &mut Group, words: &str) -> Result<u16> {
    let started = wait_until(PATIENCE, "the driver's port", async || {
        let lines = group.stdout();
        let port =
            lines.iter().find_map(|line| line.split_once(words)?.1.trim_end_matches('.').parse::<u16>().ok());
        match (port, group.ended()?) {
            (Some(port), _) => Ok(Ok(port)),
            (None, Some(status)) => Ok(Err(status)),
            (None, None) => bail!("it said {lines:?}"),
        }
    });
    match started.await? {
        Ok(port) => Ok(port),
        Err(status) => bail!("the driver ended with {status}: {}", group.stderr().join("\n")),
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
