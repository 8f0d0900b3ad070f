//! Pages with a document in Chromium: our provider from the npm package, and those that others use, built with Vite as
//! people build theirs.
//!
//! # How it works
//! `app/` is one page for all providers; its address says which, and what to do at once. It counts what arrives in the
//! browser's own classes. Servers, the pages' own among them, are scripts of Node.js that listen on free ports.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use meshwork_e2e::networks::Namespace;
use meshwork_e2e::{Browser, PATIENCE, Tab};
use serde_json::{Value, json};

use crate::npm;
use crate::race::Plan;
use crate::web::YJS;

/// What others use: pinned, so that numbers can be compared.
pub const Y_WEBRTC: &str = "y-webrtc@10.3.0";
/// The last one that has its server with it.
pub const Y_WEBSOCKET: &str = "y-websocket@2.1.0";
/// What keeps documents of Yjs in a browser.
pub const Y_INDEXEDDB: &str = "y-indexeddb@9.0.12";

/// What the page is made of besides our package.
const PACKAGES: [&str; 10] = [
    YJS,
    Y_WEBRTC,
    Y_WEBSOCKET,
    Y_INDEXEDDB,
    "y-protocols@1.0.7",
    "@codemirror/state@6.7.6",
    "@codemirror/view@6.43.15",
    "codemirror@6.0.2",
    "y-codemirror.next@0.3.6",
    "vite@8.3.8",
];
/// Its files.
const SOURCES: [(&str, &str); 7] = [
    ("index.html", include_str!("app/index.html")),
    ("main.js", include_str!("app/main.js")),
    ("editor.js", include_str!("app/editor.js")),
    ("ours.js", include_str!("app/ours.js")),
    ("webrtc.js", include_str!("app/webrtc.js")),
    ("websocket.js", include_str!("app/websocket.js")),
    ("indexeddb.js", include_str!("app/indexeddb.js")),
];

/// The page, built.
pub struct App {
    folder: PathBuf,
}

impl App {
    /// Builds it with our package: from the folder that MESHWORK_SDK names, else where `cargo xtask sdk` leaves it,
    /// or for the tiny size where `cargo xtask test` does.
    ///
    /// # Errors
    /// There is no package, no npm, or it cannot be built.
    pub fn build(plan: &Plan) -> Result<App> {
        let folder = npm::installed_in("pages", &PACKAGES)?;
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(plan.size("sdk", "test-sdk"));
        let sdk = env::var_os("MESHWORK_SDK").map_or(sdk, PathBuf::from).join("package");
        let ours = folder.join("node_modules/meshwork");
        fs::create_dir_all(&ours)?;
        let files = fs::read_dir(&sdk).with_context(|| format!("no package in {}", sdk.display()))?;
        for file in files {
            let file = file?;
            fs::copy(file.path(), ours.join(file.file_name()))?;
        }
        for (name, text) in SOURCES {
            fs::write(folder.join(name), text)?;
        }
        let mut vite = Command::new("node");
        vite.current_dir(&folder).args(["node_modules/vite/bin/vite.js", "build", "--target", "esnext"]);
        let output = vite.stdin(Stdio::null()).output().context("Node.js starts")?;
        ensure!(output.status.success(), "Vite: {}", String::from_utf8_lossy(&output.stderr));
        Ok(App { folder })
    }

    /// Serves it.
    ///
    /// # Errors
    /// The server does not start.
    pub fn serve(&self, at: &Place) -> Result<NodeServer> {
        let script = self.script("serve.mjs", include_str!("serve.js"))?;
        self.start(at, &script, &[&self.dist().to_string_lossy()])
    }

    /// Serves these bytes under this name beside the page.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn add_file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        Ok(fs::write(self.dist().join(name), bytes)?)
    }

    /// The server that carries signals of y-webrtc, as it comes.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_y_webrtc(&self, at: &Place) -> Result<NodeServer> {
        self.start(at, &self.folder.join("node_modules/y-webrtc/bin/server.js"), &[])
    }

    /// The server of y-websocket, as it comes: with documents in memory.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_y_websocket(&self, at: &Place) -> Result<NodeServer> {
        self.start(at, &self.folder.join("node_modules/y-websocket/bin/server.cjs"), &[])
    }

    fn dist(&self) -> PathBuf {
        self.folder.join("dist")
    }

    fn script(&self, name: &str, text: &str) -> Result<PathBuf> {
        let script = self.folder.join(name);
        fs::write(&script, text)?;
        Ok(script)
    }

    fn start(&self, at: &Place, script: &Path, arguments: &[&str]) -> Result<NodeServer> {
        let listen = self.script("listen.mjs", include_str!("listen.js"))?;
        let mut command = at.command("node");
        command.arg(listen).arg(at.host()).arg(script).args(arguments);
        NodeServer::start(command, at.host())
    }
}

/// Where servers listen.
pub enum Place {
    /// On the loopback address.
    Loopback,
    /// In a namespace of the kernel, on this address.
    Within(Namespace, &'static str),
}

impl Place {
    fn host(&self) -> &'static str {
        match self {
            Place::Loopback => "127.0.0.1",
            Place::Within(_, host) => host,
        }
    }

    fn command(&self, program: &str) -> Command {
        match self {
            Place::Loopback => Command::new(program),
            Place::Within(namespace, _) => namespace.command(Path::new(program)),
        }
    }
}

/// A server in Node.js; it ends with this value.
pub struct NodeServer {
    child: Child,
    /// Where it listens: `127.0.0.1:PORT`.
    pub address: String,
    /// What it prints later goes nowhere, and does not make it fail.
    _stdout: BufReader<ChildStdout>,
}

impl NodeServer {
    fn start(mut command: Command, host: &str) -> Result<NodeServer> {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("Node.js starts")?;
        let mut stdout = BufReader::new(child.stdout.take().context("standard output is piped")?);
        loop {
            let mut line = String::new();
            ensure!(stdout.read_line(&mut line)? > 0, "the server ended");
            if let Some(port) = line.trim().strip_prefix("port ") {
                return Ok(NodeServer { child, address: format!("{host}:{port}"), _stdout: stdout });
            }
        }
    }
}

impl Drop for NodeServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a page asks for at once.
pub struct Asked<'a> {
    /// Which provider.
    pub provider: &'a str,
    /// What to do: `join`, `keep`, `open`.
    pub what: &'a str,
    /// Where the document is.
    pub address: &'a str,
    /// So many units it has, in UTF-16.
    pub length: usize,
}

/// Opens a page that does nothing yet.
///
/// # Errors
/// The browser's.
pub async fn page(browser: &Browser, site: &NodeServer, provider: &str) -> Result<Tab> {
    let tab = browser.tab(&format!("http://{}/?provider={provider}", site.address)).await?;
    tab.wait_until(PATIENCE, "the page's script", async || {
        ensure!(tab.eval("return 'page' in globalThis", vec![]).await? == json!(true), "it has not run");
        Ok(())
    })
    .await?;
    Ok(tab)
}

/// Opens a page that does what is asked, and returns what came of it with the page.
///
/// # Errors
/// It fails, or takes longer than `most`.
pub async fn page_that(
    browser: &Browser,
    site: &NodeServer,
    asked: &Asked<'_>,
    most: Duration,
) -> Result<(Tab, Value)> {
    let Asked { provider, what, address, length } = asked;
    let url = format!("http://{}/?provider={provider}&do={what}&length={length}", site.address);
    let tab = browser.tab(&format!("{url}#{}", encoded(address))).await?;
    let value = wait_result(&tab, most).await?;
    Ok((tab, value))
}

/// Has a page do something that may take long, and returns what came of it.
///
/// # Errors
/// It fails, or takes longer than `most`.
pub async fn ask(tab: &Tab, what: &str, arguments: Vec<Value>, most: Duration) -> Result<Value> {
    let script = format!(
        "globalThis.result = Promise.resolve(page.{what}(...arguments)) \
         .then((value) => ({{ value }}), (error) => ({{ error: String(error?.stack ?? error) }})); return null"
    );
    tab.eval(&script, arguments).await?;
    match wait_result(tab, most).await {
        Ok(told) => Ok(told),
        // The address names the contestant.
        Err(error) => Err(error.context(format!("page.{what} at {}", tab.url().await.unwrap_or_default()))),
    }
}

async fn wait_result(tab: &Tab, most: Duration) -> Result<Value> {
    // A script that waits longer than the driver does fails.
    let look = "const pause = new Promise((done) => setTimeout(() => done(null), 100)); \
                return Promise.race([globalThis.result ?? pause, pause])";
    let said = tab
        .wait_until(most, "what the page was asked for", async || {
            let said = tab.eval(look, vec![]).await?;
            ensure!(!said.is_null(), "it is not done");
            Ok(said)
        })
        .await?;
    if let Some(error) = said["error"].as_str() {
        bail!("the page failed: {error}");
    }
    Ok(said.get("value").cloned().unwrap_or(json!(null)))
}

/// A text as it stands behind the `#` of an address.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(byte.into()),
            byte => encoded.push_str(&format!("%{byte:02x}")),
        }
    }
    encoded
}

/// A number of what a page tells.
///
/// # Errors
/// It has none of this name.
pub fn number(told: &Value, name: &str) -> Result<f64> {
    told[name].as_f64().with_context(|| format!("{told} has no {name}"))
}
