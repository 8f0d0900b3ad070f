//! A server that a check starts, and its answers.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::step;
use crate::workspace::forget_xtask;

/// A server that does not outlive the check.
pub(crate) struct Server {
    child: Child,
    /// Of `127.0.0.1`.
    port: u16,
    /// Kept open, or the server could not write to it.
    _lines: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a command that prints its address first, as `meshwork serve` does.
    ///
    /// # Errors
    /// The command does not start, or its first line names no address.
    pub(crate) fn start(command: &mut Command) -> Result<Server> {
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start a server")?;
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        // From here on the child ends with this value.
        let mut server = Server { child, port: 0, _lines: lines };
        let mut first = String::new();
        server._lines.read_line(&mut first).context("cannot read the server's first line")?;
        let address = first.trim().strip_prefix("listening on http://");
        let port = address.and_then(|address| address.rsplit(':').next()?.parse().ok());
        server.port = port.with_context(|| format!("the server's first line names no address: {first}"))?;
        Ok(server)
    }

    /// The whole answer to a request for this path, head and body.
    pub(crate) fn answer(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).context("cannot reach the server")?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Ends it as `docker stop` does.
    pub(crate) fn stop(&mut self) -> Result<()> {
        step::check(Command::new("kill").arg(self.child.id().to_string()))?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("told to end, it ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fails unless `program` serves the pages of this folder.
///
/// # Errors
/// The program does not start, or its start page names another build.
pub(crate) fn check_pages(program: &Path, pages: &Path) -> Result<()> {
    let index = pages.join("index.html");
    let index = fs::read_to_string(&index).with_context(|| format!("cannot read {}", index.display()))?;
    let build = build_of(&index).with_context(|| format!("{} names no build", pages.display()))?;
    let mut serve = Command::new(program);
    forget_xtask(&mut serve);
    let server = Server::start(serve.args(["serve", "--listen", "127.0.0.1:0"]))?;
    let served = server.answer("/")?;
    let served = build_of(&served).unwrap_or("none");
    ensure!(
        served == build,
        "{} serves the pages of build {served}, and {} has build {build}: delete the program and build it again",
        program.display(),
        pages.display(),
    );
    Ok(())
}

/// The build that a page loads its files from.
fn build_of(page: &str) -> Option<&str> {
    page.split_once("/assets/")?.1.split_once('/').map(|(build, _)| build)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn program_with_other_pages_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        // A program that serves one page, as a build around a stand-in does.
        let program = place("program");
        let script = "#!/usr/bin/env python3\n\
            import http.server, sys\n\
            class Page(http.server.BaseHTTPRequestHandler):\n\
            \x20   def do_GET(self):\n\
            \x20       self.wfile.write(b'HTTP/1.1 200 OK\\r\\n\\r\\n' + open(sys.path[0] + '/served', 'rb').read())\n\
            server = http.server.HTTPServer(('127.0.0.1', 0), Page)\n\
            print(f'listening on http://127.0.0.1:{server.server_port}', flush=True)\n\
            server.serve_forever()\n";
        fs::write(&program, script).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its owner may run it");
        fs::write(place("index.html"), "src=\"{{base}}/assets/f00/start.js\"").expect("written");
        fs::write(place("served"), "The pages were not built into this program.").expect("written");
        let error = check_pages(&program, folder.path()).expect_err("a stand-in").to_string();
        assert!(error.contains("build none") && error.contains("build f00"), "{error}");
        fs::write(place("served"), "src=\"/assets/f00/start.js\"").expect("written");
        check_pages(&program, folder.path()).expect("these pages");
    }
}
