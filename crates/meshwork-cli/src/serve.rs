//! `meshwork serve`: the meeting point with the pages in it, as one command.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, Page, Pages};
use meshwork_signal::hub::{Hub, HubConfig};
use meshwork_signal::key_file;
use rust_embed::RustEmbed;
use tokio::net::TcpListener;

/// A text from which the server's key is made, where no data directory keeps one.
const SECRET_KEY: &str = "SECRET_KEY";
/// Shorter texts could be guessed.
const SECRET_KEY_LEAST: usize = 16;
/// File descriptors that are left for everything but connections.
const SPARE_DESCRIPTORS: u64 = 64;

/// What `meshwork serve` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Where to listen. Port 0 takes a free one; `0.0.0.0` or `[::]` is reachable from other machines
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = listen_address)]
    listen: String,
    /// The address that people use, where it is another than the one listened on: it is printed for them. LINKs
    /// name the address by which their maker reached the server, so make rooms there
    #[arg(long, value_name = "URL", value_parser = public_url)]
    public_url: Option<String>,
    /// Directory for the server's key: with it, rooms have the same codes after a restart. The environment
    /// variable SECRET_KEY, a random text of at least 16 characters, does the same and comes first
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Serves until the process is asked to end (SIGTERM or Ctrl-C), then says goodbye to every socket.
///
/// The first line of standard output is `listening on http://ADDR` with the real address.
///
/// # Errors
/// Nothing was served: the address, the data directory or SECRET_KEY cannot be used.
pub(crate) async fn run(arguments: ServeArgs) -> Result<()> {
    let key = server_key(&arguments)?;
    let seed = random_bytes()?;
    let hub = Hub::new(HubConfig::default(), key, seed).context("the limits of the server")?;
    let listener = TcpListener::bind(&arguments.listen)
        .await
        .map_err(|error| cannot_listen(&arguments.listen, error))?;
    let address = listener.local_addr().context("cannot tell where the server listens")?;
    // From here on a signal ends the server in an orderly way; whoever read the first line may send one.
    let asked_to_end = asked_to_end()?;
    announce(address, arguments.public_url.as_deref());
    http::serve(listener, hub, Arc::new(Embedded), http_config(), asked_to_end).await;
    Ok(())
}

fn announce(address: SocketAddr, public_url: Option<&str>) {
    let mut text = format!("listening on http://{address}\n");
    if let Some(url) = public_url {
        text.push_str(&format!("make rooms at {url}, so that their links begin with it\n"));
    }
    let mut stdout = io::stdout().lock();
    // The server is of use to others even where nobody reads its output.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Their files.
#[derive(RustEmbed)]
#[folder = "../../target/pages"]
struct PageFiles;

/// The pages as they were when this program was built.
pub(crate) struct Embedded;

impl Pages for Embedded {
    fn page(&self, path: &str) -> Option<Page> {
        let file = PageFiles::get(path)?;
        let body: Cow<'static, [u8]> = file.data;
        Some(Page { body, hash: file.metadata.sha256_hash() })
    }
}

fn server_key(arguments: &ServeArgs) -> Result<ServerKey> {
    if let Some(text) = std::env::var_os(SECRET_KEY).filter(|text| !text.is_empty()) {
        return key_from_text(text.as_encoded_bytes());
    }
    let fresh = ServerKey::new(random_bytes()?);
    match &arguments.data {
        Some(directory) => Ok(key_file::load_or_create(directory, fresh)?),
        None => Ok(fresh),
    }
}

fn key_from_text(text: &[u8]) -> Result<ServerKey> {
    if text.len() < SECRET_KEY_LEAST {
        let length = text.len();
        bail!(
            "{SECRET_KEY} has {length} characters and could be guessed. Set it to at least {SECRET_KEY_LEAST} \
             random ones, such as those of: openssl rand -hex 32"
        );
    }
    Ok(ServerKey::from_text(text))
}

/// Random bytes of the system.
pub(crate) fn random_bytes() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(bytes)
}

/// Why nothing can listen on `address`, and what to do.
pub(crate) fn cannot_listen(address: &str, error: io::Error) -> anyhow::Error {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            "another program listens there already. Stop it, or choose another address with --listen, \
             such as --listen 127.0.0.1:0 for any free port"
        }
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address. Choose one of its own with --listen, or 0.0.0.0 for all of them"
        }
        ErrorKind::PermissionDenied => {
            "this user may not listen there. Choose a port from 1024 up with --listen"
        }
        _ => return anyhow!("cannot listen on {address}: {error}. Choose another address with --listen"),
    };
    anyhow!("cannot listen on {address}: {advice}")
}

/// As many connections as the system has file descriptors for, up to the default.
pub(crate) fn http_config() -> HttpConfig {
    let config = HttpConfig::default();
    match rlimit::increase_nofile_limit(config.connections_max as u64 + SPARE_DESCRIPTORS) {
        Ok(descriptors) => {
            let most = descriptors.saturating_sub(SPARE_DESCRIPTORS).max(1);
            let connections_max = config.connections_max.min(usize::try_from(most).unwrap_or(usize::MAX));
            HttpConfig { connections_max, ..config }
        }
        Err(error) => {
            tracing::warn!(%error, "cannot tell how many connections the system allows");
            config
        }
    }
}

#[cfg(unix)]
fn asked_to_end() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn asked_to_end() -> Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}

/// Checks that a text is HOST:PORT.
pub(crate) fn listen_address(text: &str) -> Result<String, String> {
    let is_address =
        text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if is_address {
        Ok(String::from(text))
    } else {
        Err(String::from("give HOST:PORT, such as 127.0.0.1:8080"))
    }
}

/// Checks that a text is an address on which links can be built, and takes a slash from its end.
pub(crate) fn public_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    let link = format!("{url}/place/AAAAAA");
    let is_plain = !url.contains(['?', '#']) && !url.contains(char::is_whitespace);
    match link.parse::<RoomAddress>() {
        Ok(_) if is_plain => Ok(String::from(url)),
        _ => Err(String::from("give http://HOST or https://HOST, such as https://paint.example.org")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        for good in ["127.0.0.1:8080", "[::]:0", "localhost:80", "0.0.0.0:65535"] {
            assert_eq!(listen_address(good), Ok(String::from(good)));
        }
        for wrong in ["", "8080", ":8080", "localhost", "localhost:", "localhost:65536", "http://x"] {
            assert!(listen_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn public_urls_are_those_on_which_links_can_be_built() {
        assert_eq!(public_url("https://paint.example.org/"), Ok(String::from("https://paint.example.org")));
        assert_eq!(public_url("http://x:8080/mesh"), Ok(String::from("http://x:8080/mesh")));
        for wrong in
            ["", "paint.example.org", "ftp://x", "https://", "https://x#y", "https://x?y", "http://a b"]
        {
            assert!(public_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn short_secrets_are_refused() {
        let error = key_from_text(b"secret").unwrap_err().to_string();
        assert!(error.contains("SECRET_KEY has 6 characters"), "{error}");
        assert!(!error.contains("secret "), "the secret itself is not shown: {error}");
        assert!(key_from_text(b"0123456789abcdef").is_ok());
    }

    #[tokio::test]
    async fn a_taken_address_is_named_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let arguments = ServeArgs { listen: address.clone(), public_url: None, data: None };
        let error = run(arguments).await.unwrap_err().to_string();
        assert!(error.contains(&address) && error.contains("--listen"), "{error}");
    }

    #[test]
    fn the_start_page_is_embedded() {
        assert!(Embedded.page("index.html").is_some());
        assert!(Embedded.page("no-such-file").is_none());
    }
}
