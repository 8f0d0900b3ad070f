//! `meshwork serve`: the meeting point with the pages in it, as one command.

#[cfg(unix)]
mod admin;
mod arguments;
mod checks;
mod config;
mod descriptors;
mod gateways;
mod layers;
mod lock;
mod log;
mod print;
mod relay;
mod running;
mod settings;
mod shelf;

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, Pages, Tls};
use meshwork_signal::hub::Hub;
use meshwork_signal::key_file;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

use crate::exit::Failure;
use crate::file::is_open_to_others;
use crate::out;
pub(crate) use arguments::ServeArgs;
use checks::{DatabaseUrl, oddity};
pub(crate) use checks::{address_range, listen_address, public_url};
use config::Config;
pub(crate) use descriptors::fitting;
use layers::{Chosen, ConfigError, Source};
use running::{Running, Signals};
use settings::{SECRETS, unread};

/// Connections that may wait to be accepted, as tokio has it.
const BACKLOG: i32 = 1024;
/// Names the file with the settings where no flag does.
const CONFIG_VARIABLE: &str = "MESHWORK_CONFIG";

/// Serves, with these pages, until the process is asked to end: by SIGTERM it drains first, by Ctrl-C it says goodbye at once. SIGHUP
/// makes it read its configuration again.
///
/// The first line of standard output is `listening on http://ADDR` or `https://ADDR` with the real address.
///
/// # Errors
/// Nothing was served: the configuration is wrong, or the address or the data directory cannot be used.
pub(crate) async fn run(arguments: ServeArgs, pages: Arc<dyn Pages>) -> Result<(), Failure> {
    let chosen = choose(&arguments).map_err(|error| Failure::Usage(error.to_string()))?;
    if arguments.own.print_config {
        out::print(print::to_toml(&chosen))?;
        return Ok(());
    }
    let config = Config::new(&chosen).map_err(|error| Failure::Usage(error.to_string()))?;
    log::start(&config.log);
    serve(&arguments, chosen, config, pages).await
}

/// A failure of the data directory or of a file in it.
fn storage(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Storage(format!("{:#}", error.into()))
}

async fn serve(
    arguments: &ServeArgs,
    chosen: Chosen,
    mut config: Config,
    pages: Arc<dyn Pages>,
) -> Result<(), Failure> {
    let tls = config.tls.clone().map(Tls::load).transpose().context("cannot speak TLS");
    let tls = tls.map_err(|error| Failure::Usage(format!("{error:#}")))?.map(Arc::new);
    let _lock = config.data.as_deref().map(lock::take).transpose().map_err(storage)?;
    config.fit_descriptors();
    config.http.forwarders = gateways::gateways();
    // It runs until it is dropped, when everybody has been told goodbye.
    let mut relay = if config.relay.is_on { Some(relay::start(&config.relay, tls.as_ref())?) } else { None };
    if let Some(relay) = &relay {
        config.hub.ice = relay.offer.clone();
    }
    let key = server_key(&config).map_err(storage)?;
    tell_oversights(&config, &chosen);
    let hub = Hub::new(config.hub.clone(), key, random_bytes()?).context("the limits of the server")?;
    let listener = listen(&config.listen).await.map_err(|error| cannot_listen(&config.listen, error))?;
    let address = listener.local_addr().context("cannot read the server's address")?;
    let mut server = http::Server::new(hub, pages, config.http.clone());
    let handle = server.handle();
    if let Some(relay) = &relay {
        server = relay.join(server);
    }
    if let Some(tls) = &tls {
        server = server.with_tls(Arc::clone(tls));
        let tls = Arc::clone(tls);
        tokio::spawn(async move { tls.watch().await });
    }
    let arcade = shelf::open(&config, address, &handle).await.map_err(shelf::failure)?;
    if let Some(arcade) = &arcade {
        server = server.with_routes(shelf::routes(arcade));
    }
    #[cfg(unix)]
    let _admin = admin::start(&config, &handle, relay.as_ref().map(relay::Relay::handle), arcade.clone())
        .map_err(storage)?;
    // From here on a signal ends the server in an orderly way; whoever read the first line may send one.
    let signals = Signals::new()?;
    if config.tls.is_none() && config.http.trusted_proxies.is_empty() && config.is_said_to_be_secure() {
        handle.doubt(String::from(
            "public_url is https and this server speaks http, so a proxy stands before it, and everybody behind that \
             counts as one: name it with --trusted-proxies",
        ));
    }
    announce(address, tls.is_some(), config.public_url.as_deref());
    if let Some(relay) = &relay {
        let _ = out::print(relay.words());
    }
    let _ = out::print(match arcade {
        Some(_) => shelf::words(&config, address),
        None => String::from("games: this server has no shelf; --data or --database gives it one\n"),
    });
    tracing::info!("the server listens");
    let running = Running { arguments, chosen, handle, tls, relay: relay.as_mut() };
    server.run(listener, running.until_it_is_to_end(signals)).await;
    tracing::info!("the server has ended");
    Ok(())
}

/// What counts of flags, environment and file.
fn choose(arguments: &ServeArgs) -> Result<Chosen, ConfigError> {
    let named = || std::env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = arguments.own.config.clone().or_else(named);
    layers::choose(&arguments.flags, &|name| std::env::var_os(name), path.as_deref())
}

fn announce(address: SocketAddr, is_secure: bool, public_url: Option<&str>) {
    let scheme = if is_secure { "https" } else { "http" };
    let mut text = format!("listening on {scheme}://{address}\n");
    if let Some(url) = public_url {
        text.push_str(&format!("make rooms at {url}, so that their links begin with it\n"));
    }
    // The server is of use to others even where nobody reads its output.
    let _ = out::print(text);
}

fn server_key(config: &Config) -> Result<ServerKey> {
    if let Some(secret) = &config.secret_key {
        return Ok(ServerKey::from_text(secret.reveal().as_bytes()));
    }
    let fresh = ServerKey::new(random_bytes()?);
    match &config.data {
        Some(directory) => Ok(key_file::load_or_create(directory, fresh)?),
        None => Ok(fresh),
    }
}

/// Warns of likely mistakes: files with secrets that others can read, and unknown variables.
fn tell_oversights(config: &Config, chosen: &Chosen) {
    let own_key = config.data.as_ref().filter(|_| config.secret_key.is_none());
    let own_key = own_key.map(|data| data.join(key_file::FILE_NAME));
    let certificate_key = config.tls.as_ref().map(|tls| tls.key.clone());
    for path in own_key.into_iter().chain(certificate_key).chain(chosen.files_with_secrets()) {
        if is_open_to_others(&path) {
            let path = path.display();
            tracing::warn!("others can read {path}, which contains a secret; run chmod 600 {path}");
        }
    }
    let is_flag = matches!(chosen.source("database"), Source::Flag(_));
    if is_flag && config.database.as_ref().is_some_and(DatabaseUrl::has_password) {
        tracing::warn!(
            "everybody on this machine can read the password in --database; put the URL into MESHWORK_DATABASE or the file"
        );
    }
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for (name, meant) in unread(names.filter(|name| name.starts_with("MESHWORK_"))) {
        let meant = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        tracing::warn!("the variable {name} is no setting and has no effect{meant}");
    }
    for name in SECRETS {
        let Some((text, source)) = chosen.said.get(name) else { continue };
        if let Some(oddity) = oddity(&text.to_string_lossy()) {
            tracing::warn!(
                "{name} ({source}) {oddity}, which counts as a part of it: the next version refuses such a secret. Without them the \
                 codes of rooms change if it is secret_key, and credentials of relays if it is turn_secret"
            );
        }
    }
}

/// Random bytes of the system.
pub(crate) fn random_bytes() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(bytes)
}

/// Listens on an address. `[::]` is for IPv4 too, whatever the system has as its default, and alone for IPv4 on a system without IPv6.
async fn listen(address: &str) -> io::Result<TcpListener> {
    let Some(port) = address.strip_prefix("[::]:").and_then(|port| port.parse::<u16>().ok()) else {
        return TcpListener::bind(address).await;
    };
    let both = || {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
        socket.set_only_v6(false)?;
        // As tokio does, so that a restart needs not wait for former connections.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket.into())
    };
    match both() {
        Err(error) if error.kind() != ErrorKind::AddrInUse && error.kind() != ErrorKind::PermissionDenied => {
            tracing::warn!("this system has no IPv6 ({error}), so the server listens for IPv4 alone");
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
        }
        listener => listener,
    }
}

/// Why nothing can listen on `address`, and what to do.
pub(crate) fn cannot_listen(address: &str, error: io::Error) -> anyhow::Error {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            "another program listens there already. Stop it, or choose another address with --listen, \
             such as --listen 127.0.0.1:0 for any free port"
        }
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address. Choose one of its own with --listen, or 0.0.0.0 for all"
        }
        ErrorKind::PermissionDenied => {
            "this user may not listen there. Choose a port from 1024 up with --listen"
        }
        _ => return anyhow!("cannot listen on {address}: {error}. Choose another address with --listen"),
    };
    anyhow!("cannot listen on {address}: {advice}")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use meshwork_signal::http::NoPages;

    use super::*;

    #[tokio::test]
    async fn the_wildcard_of_ipv6_listens_on_both() {
        let listener = listen("[::]:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        if listener.local_addr().unwrap().is_ipv6() {
            tokio::net::TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_taken_address_is_named_with_a_remedy() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let flags = [(String::from("listen"), OsString::from(&address))].into();
        let error = run(ServeArgs { flags, ..ServeArgs::default() }, Arc::new(NoPages))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(&address) && error.contains("--listen"), "{error}");
    }
}
