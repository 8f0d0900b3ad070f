//! The two servers of the signalling race, as processes whose CPU time and memory can be read.

pub mod client;

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, NoPages};
use meshwork_signal::hub::{Hub, HubConfig};
use tokio::net::TcpListener;

use crate::npm;

/// What the other stands on: pinned, so that numbers can be compared.
pub const WS: &str = "ws@8.23.0";
/// Makes this very program be our server.
const BE_SERVER: &str = "MESHWORK_BENCH_SIGNAL";
/// With its limits out of the way.
const UNLIMITED: &str = "unlimited";
/// With the limits that it has unless told otherwise.
const LIMITED: &str = "limited";

/// Whose server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Ours, with its limits out of the way.
    Ours,
    /// Ours, with the limits that it has unless told otherwise.
    OursLimited,
    /// A server on npm `ws`.
    Ws,
}

/// A server that runs; it ends with this value.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts one and waits until it listens.
    ///
    /// # Errors
    /// It does not start, or npm cannot install `ws`.
    pub fn start(whose: Whose) -> Result<Server> {
        let mut command = match whose {
            Whose::Ours | Whose::OursLimited => {
                let mut command = Command::new(env::current_exe()?);
                command.env(BE_SERVER, if whose == Whose::Ours { UNLIMITED } else { LIMITED });
                command
            }
            Whose::Ws => {
                let mut command = Command::new("node");
                let script = npm::installed(WS)?.join("server.js");
                fs::write(&script, include_str!("server.js"))?;
                command.arg(script);
                command
            }
        };
        let mut child = command.stdout(Stdio::piped()).spawn().context("the server starts")?;
        let stdout = child.stdout.take().context("standard output is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().strip_prefix("listening on ").and_then(|port| port.parse().ok());
        let port = port.with_context(|| format!("the server said {line:?}"))?;
        Ok(Server { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    /// CPU time so far of all its threads, the system's part included.
    pub fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(") ").context("a stat line")?;
        let ticks: u64 = fields.split(' ').skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum();
        // SAFETY: it only reads a constant of the system.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
    }

    /// Resident bytes.
    pub fn resident(&self) -> Result<u64> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let pages: u64 = statm.split(' ').nth(1).context("a statm line")?.parse()?;
        Ok(pages * 4096)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is our server, if this process was started as one; does not return then but when it fails.
///
/// # Errors
/// The server cannot be run.
pub fn serve_if_asked() -> Result<()> {
    let Some(limits) = env::var_os(BE_SERVER) else { return Ok(()) };
    raise_descriptors();
    // As `meshwork serve` does.
    let threads = http::threads(std::thread::available_parallelism()?.get());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(async {
        const MANY: usize = 100_000;
        let unlimited = HubConfig {
            sockets_max: MANY,
            sockets_per_network_max: MANY,
            rooms_per_network_max: HubConfig::default().rooms_max,
            messages_per_second: 10_000,
            message_burst: 100_000,
            network_messages_per_second: 1_000_000,
            network_message_burst: 10_000_000,
            idle_after: Duration::from_secs(3600),
            ..HubConfig::default()
        };
        let hub = if limits == LIMITED { HubConfig::default() } else { unlimited };
        let http = HttpConfig {
            connections_max: MANY,
            connections_per_network_max: MANY,
            requests_per_second: 100_000,
            request_burst: 1_000_000,
            ..HttpConfig::default()
        };
        let hub = Hub::new(hub, ServerKey::new([1; 32]), [2; 32])?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on {}", listener.local_addr()?.port());
        http::serve(listener, hub, Arc::new(NoPages), http, std::future::pending()).await;
        Ok(())
    })
}

/// Lets this process and those that it starts have as many connections as the system allows.
pub fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Without the right to raise it, the number that is there has to do.
    let _ = setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
