//! `meshwork serve` as a test starts, kills and restarts it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::process::Group;
use crate::wait::{PATIENCE, wait_until};

/// What a server is started with.
#[derive(Debug, Default, Clone)]
pub struct ServerOptions {
    /// Where it keeps what must survive it: `--data`.
    pub data: Option<PathBuf>,
    /// Further arguments of `meshwork serve`.
    pub arguments: Vec<String>,
}

/// A running `meshwork serve`; it is killed on drop.
pub struct Server {
    group: Group,
    options: ServerOptions,
    address: String,
    url: String,
}

impl Server {
    /// Starts a server on a free port of the loopback address, with its defaults.
    pub async fn start() -> Result<Server> {
        Server::start_with(ServerOptions::default()).await
    }

    /// Starts a server on a free port of the loopback address.
    pub async fn start_with(options: ServerOptions) -> Result<Server> {
        Server::listen("127.0.0.1:0", options).await
    }

    /// Where the server listens, as it says itself: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address alone: `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where its relay listens, as it says itself: `127.0.0.1:PORT` for each address, those for TLS last.
    ///
    /// # Errors
    /// It has none.
    pub async fn relays(&self) -> Result<Vec<SocketAddr>> {
        let line = wait_until(PATIENCE, "a relay", async || {
            let lines = self.group.stdout();
            let said = lines.iter().find_map(|line| line.strip_prefix("relaying on "));
            said.map(str::to_owned).with_context(|| lines.join("\n"))
        });
        line.await?.split(", ").map(|address| address.parse().context("an address")).collect()
    }

    /// What it counts, in Prometheus's text format.
    ///
    /// # Errors
    /// It does not answer.
    pub fn metrics(&self) -> Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Has it read its configuration again.
    ///
    /// # Errors
    /// It does not run.
    pub fn hang_up(&self) -> Result<()> {
        self.group.signal(Signal::HUP)
    }

    /// What the server logged so far.
    pub fn log(&self) -> String {
        self.group.stderr().join("\n")
    }

    /// Ends the server with SIGKILL: no goodbye to anybody.
    pub fn kill(&mut self) {
        self.group.kill();
    }

    /// Starts the server again, on the same port and data; a running one is killed first.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill();
        *self = Server::listen(&self.address.clone(), self.options.clone()).await?;
        Ok(())
    }

    async fn listen(address: &str, options: ServerOptions) -> Result<Server> {
        let mut command = Command::new(crate::program());
        command.args(["serve", "--listen", address, "--metrics-allow", "127.0.0.1"]);
        if let Some(data) = &options.data {
            command.arg("--data").arg(data);
        }
        command.args(&options.arguments);
        let mut group = Group::start(&mut command).context("build the binary with: cargo xtask build")?;
        let first_line = wait_until(PATIENCE, "the server's first line", async || {
            if let Some(line) = group.stdout().first() {
                return Ok(Ok(line.clone()));
            }
            // Once it has ended there is nothing to wait for.
            match group.ended()? {
                Some(status) if group.is_read() => Ok(Err(status)),
                _ => bail!("no line yet, stderr: {}", group.stderr().join("\n")),
            }
        })
        .await?;
        let line = match first_line {
            Ok(line) => line,
            Err(status) => bail!("the server ended with {status}: {}", group.stderr().join("\n")),
        };
        let url = line
            .strip_prefix("listening on ")
            .with_context(|| format!("the server's first line is `{line}`"))?
            .to_owned();
        let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Ok(Server { group, options, address, url })
    }
}
