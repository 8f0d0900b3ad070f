//! Races inside a browser: a page that is served to Chromium, and the number that it sends back.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::npm;

/// What the browser is given at most.
const RACE_MAX: Duration = Duration::from_secs(300);
/// A result that a page sends is a few kilobytes.
const RESULT_MAX: usize = 1024 * 1024;
/// What the other side is: pinned, so that numbers can be compared.
pub const YJS: &str = "yjs@13.6.33";

/// Shows a race's page in Chromium, with these answers beside it, and returns what it sends back.
///
/// # Errors
/// There is no Chromium or no npm, the page fails, or takes longer than five minutes.
pub fn run(document: &'static str, answers: BTreeMap<&'static str, Vec<u8>>) -> Result<Value> {
    let page = env::var_os("MESHWORK_TEST_PAGE").context("MESHWORK_TEST_PAGE names no test page")?;
    let modules = npm::installed(YJS)?.join("node_modules");
    let listener = TcpListener::bind("127.0.0.1:0").context("no port to serve the race on")?;
    listener.set_nonblocking(true)?;
    let site = Site { document, page: PathBuf::from(page), modules, answers };
    let url = format!("http://{}/", listener.local_addr()?);
    let profile = env::temp_dir().join(format!("meshwork-race-{}", std::process::id()));
    let _browser = Browser::start(&url, &profile)?;
    let begun = Instant::now();
    while begun.elapsed() < RACE_MAX {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                if let Some(result) = site.answer(stream)? {
                    let result: Value = serde_json::from_slice(&result).context("the result is JSON")?;
                    ensure!(result["error"].is_null(), "the page failed: {}", result["error"]);
                    return Ok(result);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
    bail!("the page said nothing for {} s", RACE_MAX.as_secs())
}

/// A browser that ends with this value.
struct Browser {
    child: Child,
    profile: PathBuf,
}

impl Browser {
    fn start(url: &str, profile: &Path) -> Result<Browser> {
        let named = env::var_os("MESHWORK_CHROMIUM").map(PathBuf::from);
        let names = ["chromium", "chromium-browser", "google-chrome"].map(PathBuf::from);
        let mut candidates = named.into_iter().chain(names);
        let child = candidates.find_map(|program| {
            let mut command = Command::new(program);
            command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
            command.args(["--no-first-run", "--disable-background-networking"]);
            command.arg(format!("--user-data-dir={}", profile.display())).arg(url);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        });
        Ok(Browser { child: child.context("there is no Chromium")?, profile: profile.to_owned() })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself; the folder is temporary anyway.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

struct Site {
    document: &'static str,
    page: PathBuf,
    modules: PathBuf,
    answers: BTreeMap<&'static str, Vec<u8>>,
}

impl Site {
    /// Answers one request; returns what was posted.
    fn answer(&self, stream: TcpStream) -> Result<Option<Vec<u8>>> {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        // A browser opens connections that it does not use.
        if reader.read_line(&mut line).is_err() || line.is_empty() {
            return Ok(None);
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().context("a length is a number")?;
            }
        }
        if line.starts_with("POST") {
            ensure!(length <= RESULT_MAX, "a result of {length} bytes");
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            reply(reader.into_inner(), "204 No Content", "text/plain", &[])?;
            return Ok(Some(body));
        }
        match self.file(&path) {
            Some((kind, body)) => reply(reader.into_inner(), "200 OK", kind, &body)?,
            None => reply(reader.into_inner(), "404 Not Found", "text/plain", &[])?,
        }
        Ok(None)
    }

    fn file(&self, path: &str) -> Option<(&'static str, Vec<u8>)> {
        if path == "/" {
            return Some(("text/html", self.document.as_bytes().to_vec()));
        }
        if let Some(answer) = self.answers.get(path) {
            return Some(("application/octet-stream", answer.clone()));
        }
        if path.contains("..") {
            return None;
        }
        let of = |start: &str, folder: &Path| Some(folder.join(path.strip_prefix(start)?));
        let mut file = of("/page/", &self.page).or_else(|| of("/modules/", &self.modules))?;
        if file.extension().is_none() {
            // A package names its modules without the ending.
            file.set_extension("js");
        }
        let kind = match file.extension().and_then(|ending| ending.to_str()) {
            Some("wasm") => "application/wasm",
            _ => "text/javascript",
        };
        Some((kind, fs::read(file).ok()?))
    }
}

/// A browser that has gone away meanwhile is no error.
fn reply(mut stream: TcpStream, status: &str, kind: &str, body: &[u8]) -> Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    Ok(())
}
