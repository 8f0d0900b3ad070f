//! A web server for the files of one folder.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};

/// Serves a folder to whoever asks, as long as the test runs, and returns its address: `http://127.0.0.1:PORT`.
pub(crate) fn serve(folder: PathBuf) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let folder = folder.clone();
            thread::spawn(move || answer(stream, &folder));
        }
    });
    Ok(format!("http://{address}"))
}

fn answer(mut stream: TcpStream, folder: &Path) -> Result<()> {
    let mut request = [0; 4096];
    let length = stream.read(&mut request)?;
    let line = String::from_utf8_lossy(&request[..length]).into_owned();
    let path = line.split(' ').nth(1).context("a request has a path")?.trim_start_matches('/');
    let path = path.split('?').next().unwrap_or_default();
    let name = if path.is_empty() { "index.html" } else { path };
    let kind = match name.rsplit('.').next() {
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        Some("html") => "text/html",
        _ => "application/octet-stream",
    };
    let (status, bytes) = match std::fs::read(folder.join(name)) {
        Ok(bytes) => ("200 OK", bytes),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let length = bytes.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )?;
    Ok(stream.write_all(&bytes)?)
}
