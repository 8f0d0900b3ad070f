//! A PostgreSQL server of its own for a test, as Debian's package brings it.
#![allow(dead_code, reason = "tests of the command line use it too, and less of it")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Debian's user without rights: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;
/// Nothing here takes as long as this on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Free ports that are tried.
const PORTS: usize = 5;
/// The password of its user.
pub(crate) const PASSWORD: &str = "hidden-word";

/// A server that ends with this, or with the thread that started it.
pub(crate) struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Postgres {
    /// Makes a server in a folder of its own, and waits until it answers. It speaks TLS as `localhost`.
    pub(crate) fn start() -> Postgres {
        let folder = tempfile::tempdir().unwrap();
        give_away(folder.path());
        let mut postgres = Postgres { programs: programs(), folder, port: 0, process: None };
        let pair = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
        postgres.write("password", PASSWORD);
        postgres.write("certificate", &pair.cert.pem());
        postgres.write("key", &pair.signing_key.serialize_pem());
        let made = postgres
            .command("initdb")
            .args(["--no-sync", "--no-locale", "--encoding=UTF8", "--username=meshwork"])
            .args(["--auth=scram-sha-256", "--pwfile=password", "--pgdata=data"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // Another program may take the free port meanwhile.
        for _ in 0..PORTS {
            postgres.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if postgres.runs() {
                return postgres;
            }
        }
        panic!("PostgreSQL does not start: {}", postgres.log());
    }

    /// A file that only its user reads.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        give_away(&self.path(name));
    }

    /// The certificate of its TLS, which signs itself.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.path("certificate")
    }

    /// The URL of a database over its socket.
    pub(crate) fn socket_url(&self, name: &str) -> String {
        let (folder, port) = (self.folder.path().display(), self.port);
        format!("postgres:///{name}?host={folder}&port={port}&user=meshwork&password={PASSWORD}")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One of its programs, as a user that PostgreSQL accepts.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]).env_clear().current_dir(self.folder.path());
        command.env("PGPASSWORD", PASSWORD).stdin(Stdio::null());
        if is_root() {
            command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")]).arg("--clear-groups");
        }
        command.arg(self.programs.join(program));
        command
    }

    /// Starts it again after [`Postgres::stop`], at the same address.
    pub(crate) fn resume(&mut self) {
        assert!(self.runs(), "PostgreSQL does not start: {}", self.log());
    }

    /// Starts it. False if it ends at once.
    fn runs(&mut self) -> bool {
        let log = fs::File::create(self.path("log")).unwrap();
        let port = format!("port={}", self.port);
        let sockets = format!("unix_socket_directories={}", self.folder.path().display());
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.path("data"));
        for setting in [
            "listen_addresses=127.0.0.1",
            &sockets,
            "fsync=off",
            "shared_buffers=8MB",
            "ssl=on",
            "ssl_cert_file=../certificate",
            "ssl_key_file=../key",
            &port,
        ] {
            command.args(["-c", setting]);
        }
        let process = command.stdout(Stdio::null()).stderr(log).process_group(0).spawn().unwrap();
        self.process = Some(process);
        let deadline = Instant::now() + PATIENCE;
        while self.query("SELECT 1").is_err() {
            if self.has_ended() {
                return false;
            }
            assert!(Instant::now() < deadline, "PostgreSQL does not answer: {}", self.log());
        }
        true
    }

    fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|process| process.try_wait().unwrap().is_some())
    }

    /// Ends it as a crash does.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Its immediate shutdown.
            let signal = Command::new("kill").args(["-QUIT", &process.id().to_string()]).status();
            assert!(signal.is_ok_and(|status| status.success()));
            process.wait().unwrap();
        }
    }

    /// The URL of a database, which is made if it is not there.
    pub(crate) fn database(&self, name: &str) -> String {
        let exists = self.query(&format!("SELECT 1 FROM pg_database WHERE datname = '{name}'")).unwrap();
        if exists.is_empty() {
            self.query(&format!("CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")).unwrap();
        }
        self.url(name)
    }

    /// The URL of a schema, which is made if it is not there: cheaper than a database.
    pub(crate) fn schema(&self, name: &str) -> String {
        self.query(&format!("CREATE SCHEMA IF NOT EXISTS {name}")).unwrap();
        format!("{}?options=-csearch_path%3D{name}", self.url("postgres"))
    }

    /// The URL of a database.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("postgres://meshwork:{PASSWORD}@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs a statement in the database `postgres`.
    pub(crate) fn query(&self, sql: &str) -> Result<String, String> {
        let port = self.port.to_string();
        let output = self
            .command("psql")
            .args(["-X", "-A", "-t", "-h", "127.0.0.1", "-U", "meshwork", "-d", "postgres", "-p", &port])
            .args(["-c", sql])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Gives a file or folder to the server's user.
fn give_away(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// Whether this process is root, which owns its own folder of processes.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|folder| folder.uid() == 0)
}

/// The folder of the newest PostgreSQL's programs, which Debian does not put on the path.
fn programs() -> PathBuf {
    let version = |folder: &Path| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| Some((version(&entry.path())?, entry.path().join("bin")))).max();
    newest.expect("`cargo xtask setup` installs Debian's postgresql").1
}
