//! Our relay in this process, on its own thread, and coturn in another.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use meshwork_signal::turn::{Config, Listeners, Quota, RelayAddress, Secret, Server, serve};
use tokio::runtime::Runtime;

/// What both share with their clients.
pub const SECRET: &str = "a secret for races only";
/// The realm of both.
pub const REALM: &str = "meshwork";
/// How our thread is called.
const THREAD: &str = "relay";
/// Time to start.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two questions to a coturn that does not listen yet.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Ports on which coturn is started before it counts as broken.
const STARTS_MAX: usize = 3;

/// A relay that runs until it is dropped.
pub enum Contestant {
    /// Ours.
    Ours {
        /// The relay.
        server: Server,
        /// On which its streams would run.
        _runtime: Runtime,
    },
    /// coturn.
    Coturn {
        /// Its process.
        process: Child,
        /// Where it listens.
        address: SocketAddr,
    },
}

impl Contestant {
    /// Starts ours on a free port of this machine, without limits that a race would reach.
    ///
    /// # Errors
    /// The system gives no socket or thread.
    pub fn ours() -> Result<Contestant> {
        let loopback = Ipv4Addr::LOCALHOST.into();
        let address = RelayAddress { bind: loopback, advertised: loopback };
        let mut config = Config::new(Secret::from_text(SECRET)?, vec![address]);
        config.allow = vec!["127.0.0.0/8".parse()?];
        config.trusted_proxies = config.allow.clone();
        let quota = Quota { allocations_max: 1024, bytes_per_second: 1 << 40 };
        (config.per_endpoint, config.per_room, config.per_address, config.in_all) =
            (quota, quota, quota, quota);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let entered = runtime.enter();
        let server = serve(config, [1; 32], Listeners::bind(&[SocketAddr::new(loopback, 0)])?)?;
        drop(entered);
        Ok(Contestant::Ours { server, _runtime: runtime })
    }

    /// Starts coturn on a free port of this machine, with one relay thread and no log. Between the choice of the port
    /// and the start others may take it; then the next one is tried.
    ///
    /// # Errors
    /// It is not installed (`apt-get install coturn`), or does not answer on any of some ports.
    pub fn coturn() -> Result<Contestant> {
        let mut failure = None;
        for _ in 0..STARTS_MAX {
            let mut contestant = Contestant::start_coturn()?;
            match contestant.wait_until_it_answers() {
                Ok(()) => return Ok(contestant),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.context("it was started")?)
    }

    fn start_coturn() -> Result<Contestant> {
        let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let port = address.port().to_string();
        let pid_file = std::env::temp_dir().join(format!("meshwork-bench-coturn-{port}.pid"));
        let process = Command::new("turnserver")
            .args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers"])
            .args(["--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "--no-multicast-peers"])
            .args(["--use-auth-secret", "-m", "1"])
            .args(["--log-file=/dev/null", "--no-stdout-log", "--min-port=30000", "--max-port=31999"])
            .arg(format!("--listening-port={port}"))
            .arg(format!("--static-auth-secret={SECRET}"))
            .arg(format!("--realm={REALM}"))
            .arg(format!("--pidfile={}", pid_file.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("coturn does not start; install it: apt-get install coturn")?;
        Ok(Contestant::Coturn { process, address })
    }

    /// Asks until it answers, or has ended.
    fn wait_until_it_answers(&mut self) -> Result<()> {
        let Contestant::Coturn { process, address } = self else { return Ok(()) };
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(*address)?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let binding = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            // A socket on a port where nobody listens fails at once, until coturn is there.
            if socket.send(&binding).is_ok() && socket.recv(&mut [0; 512]).is_ok() {
                return Ok(());
            }
            if let Some(status) = process.try_wait()? {
                anyhow::bail!("coturn ended before it answered on {address}: {status}");
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        anyhow::bail!("coturn does not answer on {address} within {PATIENCE:?}")
    }

    /// Where it listens for datagrams.
    pub fn address(&self) -> SocketAddr {
        match self {
            Contestant::Ours { server, .. } => server.udp_addresses()[0],
            Contestant::Coturn { address, .. } => *address,
        }
    }

    /// CPU time so far of the threads that relay, in seconds, time in the system included.
    ///
    /// # Errors
    /// The system does not say.
    pub fn cpu(&self) -> Result<f64> {
        let (process, thread) = match self {
            Contestant::Ours { .. } => (String::from("self"), Some(THREAD)),
            Contestant::Coturn { process, .. } => (process.id().to_string(), None),
        };
        let mut nanoseconds = 0;
        for task in fs::read_dir(PathBuf::from("/proc").join(process).join("task"))? {
            let task = task?.path();
            if thread.is_none_or(|name| read(&task.join("comm")).trim() == name) {
                let line = read(&task.join("schedstat"));
                nanoseconds += line.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
            }
        }
        ensure!(nanoseconds > 0, "the system counts no CPU time of the relay");
        Ok(nanoseconds as f64 / 1e9)
    }

    /// Resident memory of its process, in bytes; of ours it is this very process.
    ///
    /// # Errors
    /// The system does not say.
    pub fn resident(&self) -> Result<f64> {
        let process = match self {
            Contestant::Ours { .. } => String::from("self"),
            Contestant::Coturn { process, .. } => process.id().to_string(),
        };
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024.0)
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        if let Contestant::Coturn { process, .. } = self {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The version of the coturn that is installed.
///
/// # Errors
/// None is.
pub fn coturn_version() -> Result<String> {
    let asked = Command::new("turnserver").arg("--version").stderr(Stdio::null()).output();
    let told = asked.context("coturn is not there; install it: apt-get install coturn")?;
    Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
}

fn read(path: &Path) -> String {
    // A thread may end while its neighbours are read.
    fs::read_to_string(path).unwrap_or_default()
}
