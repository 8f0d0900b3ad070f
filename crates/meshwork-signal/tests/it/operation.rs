//! The listener as an operator runs it: readiness, metrics, limits of requests, origins, TLS, draining, fairness.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{Client, Files, Server, genesis, someone, soon, trusting};
use futures_util::SinkExt as _;
use meshwork_core::signalling::protocol::{FromClient, FromServer, LinkOutcome, ServerRefusal};
use meshwork_core::wire::Base64;
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, MetricsPage, MetricsSource, ServerHandle, Tls, TlsFiles};
use meshwork_signal::hub::{Hub, HubConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;

async fn with(config: HttpConfig) -> Server {
    Server::with(HubConfig::default(), config, [1; 32]).await
}

#[tokio::test]
async fn draining_server_is_unready_tells_everybody_and_ends() {
    let config = HttpConfig { drain_for: Duration::from_secs(1), ..HttpConfig::default() };
    let server = with(config).await;
    assert!(server.request("GET /ready HTTP/1.1").await.ends_with("\r\n\r\nready"));
    let mut clients = Vec::new();
    for secret in 1..=5 {
        clients.push(server.enter(&someone(secret)).await);
    }
    let handle = server.handle.clone();
    let draining = tokio::spawn(async move { handle.drain(std::future::ready(())).await });
    while server.request("GET /ready HTTP/1.1").await.starts_with("HTTP/1.1 200") {}
    let answer = server.request("GET /ready HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("draining"), "{answer}");
    assert!(server.request("GET /health HTTP/1.1").await.starts_with("HTTP/1.1 200"), "it is alive");
    server.connect().await.goodbye(ServerRefusal::ShuttingDown).await;
    for client in &mut clients {
        client.goodbye(ServerRefusal::ShuttingDown).await;
    }
    soon(draining).await.unwrap();
    soon(server.stop()).await.unwrap();
}

/// A load balancer asks by a new connection each time, and nobody else is there.
#[tokio::test]
async fn a_drain_holds_without_clients() {
    // As good as for ever: it is not the time that ends it.
    let server = with(HttpConfig { drain_for: Duration::from_secs(3600), ..HttpConfig::default() }).await;
    let handle = server.handle.clone();
    let draining = tokio::spawn(async move { handle.drain(std::future::ready(())).await });
    while server.request("GET /ready HTTP/1.1").await.starts_with("HTTP/1.1 200") {}
    while server.handle.connections() > 0 {
        tokio::task::yield_now().await;
    }
    // Again, so that a drain that ends when nobody is connected would have ended.
    for _ in 0..3 {
        assert!(server.request("GET /ready HTTP/1.1").await.starts_with("HTTP/1.1 503"));
        assert!(!draining.is_finished());
    }
    draining.abort();
    soon(server.stop()).await.unwrap();
}

#[tokio::test]
async fn a_forwarder_that_hides_clients_reads_no_metrics() {
    let hiding = |allow: &str| HttpConfig {
        metrics_allow: vec![allow.parse().unwrap()],
        forwarders: vec!["127.0.0.1".parse().unwrap()],
        ..HttpConfig::default()
    };
    let server = with(hiding("127.0.0.0/8")).await;
    assert!(server.request("GET /metrics HTTP/1.1").await.starts_with("HTTP/1.1 403"));
    let ready = server.request("GET /ready HTTP/1.1").await;
    assert!(ready.contains("but: metrics_allow contains 127.0.0.1"), "{ready}");
    server.enter(&someone(1)).await;
    let ready = server.request("GET /ready HTTP/1.1").await;
    assert!(ready.contains("but: clients come from 127.0.0.1"), "{ready}");
    soon(server.stop()).await.unwrap();
    // The operator names the address itself.
    let server = with(hiding("127.0.0.1/32")).await;
    assert!(server.request("GET /metrics HTTP/1.1").await.starts_with("HTTP/1.1 200"));
    assert!(server.request("GET /ready HTTP/1.1").await.ends_with("ready"));
}

#[tokio::test]
async fn the_metrics_tell_what_happened() {
    let server = Server::start().await;
    let (bytes, room) = genesis(1);
    let mut first = server.enter(&someone(1)).await;
    first.register(&bytes).await;
    first.join(room).await;
    let mut second = server.enter(&someone(2)).await;
    second.join(room).await;
    let payload = Base64::new([9; 10]).unwrap();
    second.say(&FromClient::Signal { room, to: someone(1).endpoint, payload }).await;
    second.say(&FromClient::Report { outcome: LinkOutcome::Relayed, ms: 700 }).await;
    second.say(&FromClient::Join { room: genesis(2).1, token: None }).await;
    assert!(matches!(second.hear().await, Some(FromServer::Refused { .. })));
    let answer = server.request("GET /metrics HTTP/1.1").await;
    for line in [
        "content-type: text/plain; version=0.0.4; charset=utf-8",
        "meshwork_rooms 1",
        "meshwork_endpoints 2",
        "meshwork_members 2",
        "meshwork_joins_total 2",
        "meshwork_signals_total 1",
        "meshwork_refusals_total{cause=\"no-such-room\"} 1",
        "meshwork_links_total{outcome=\"relayed\"} 1",
        "meshwork_links_total{outcome=\"failed\"} 0",
        "meshwork_link_seconds_bucket{le=\"0.5\"} 0",
        "meshwork_link_seconds_bucket{le=\"1\"} 1",
        "meshwork_link_seconds_sum 0.7",
        "meshwork_draining 0",
    ] {
        assert!(answer.lines().any(|found| found == line), "{line} is missing: {answer}");
    }
    for name in [
        "meshwork_build_info{version=\"",
        "process_start_time_seconds ",
        "process_resident_memory_bytes ",
        "process_cpu_seconds_total ",
        "process_open_fds ",
        "process_max_fds ",
    ] {
        let number = answer.lines().find_map(|line| line.strip_prefix(name)?.rsplit(' ').next());
        // A server that has just begun has used no hundredth of a second of a processor.
        let is_told = number.is_some_and(|number| number.parse::<f64>().unwrap() > 0.0);
        assert!(is_told || name == "process_cpu_seconds_total " && number.is_some(), "{name} in {answer}");
    }
    assert!(answer.lines().filter(|line| line.starts_with("# TYPE")).count() > 20);
}

#[tokio::test]
async fn the_dashboard_shows_numbers_that_exist() {
    let page = Server::start().await.handle.metrics();
    let exist: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let dashboard = include_str!("../../../../deploy/grafana/dashboards/meshwork.json");
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut shown = Vec::new();
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let expression = target["expr"].as_str().unwrap();
        let words =
            expression.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        let names = words.filter(|word| word.starts_with("meshwork_") || word.starts_with("process_"));
        shown.extend(names.map(|name| name.trim_end_matches("_bucket")));
    }
    assert!(shown.len() > 20);
    for name in &shown {
        assert!(exist.contains(name), "there is no {name}");
    }
    for name in &exist {
        assert!(shown.contains(name), "nobody sees {name}");
    }
}

#[tokio::test]
async fn alerts_watch_numbers_that_exist() {
    let page = Server::start().await.handle.metrics();
    let alerts = include_str!("../../../../deploy/prometheus/alerts.yml");
    let words = alerts.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let watched: Vec<&str> =
        words.filter(|word| word.starts_with("meshwork_") || word.starts_with("process_")).collect();
    assert!(watched.len() > 5);
    // The relay and the shelf of games count for themselves.
    let is_own = |name: &&&str| !name.starts_with("meshwork_relay_") && !name.starts_with("meshwork_play_");
    for name in watched.iter().filter(is_own) {
        let name = name.trim_end_matches("_bucket");
        assert!(page.contains(&format!("# TYPE {name} ")), "there is no {name}");
    }
}

#[tokio::test]
async fn metrics_hold_other_sources_and_turn_strangers_away() {
    struct Relay;
    impl MetricsSource for Relay {
        fn write(&self, page: &mut MetricsPage) {
            page.counter("meshwork_relay_test_total", "A number of somebody else.", 5);
        }

        fn fault(&self) -> Option<String> {
            Some(String::from("its disk is full"))
        }
    }
    let server = Server::start().await;
    server.handle.add_metrics(Arc::new(Relay));
    assert!(server.request("GET /metrics HTTP/1.1").await.contains("\nmeshwork_relay_test_total 5\n"));
    let ready = server.request("GET /ready HTTP/1.1").await;
    assert!(ready.starts_with("HTTP/1.1 200") && ready.ends_with("ready\nbut: its disk is full"), "{ready}");
    let answer = server.request("GET /metrics HTTP/1.1\r\nx-forwarded-for: 203.0.113.5").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[tokio::test]
async fn nobody_is_trusted_for_being_on_this_machine() {
    let config = HttpConfig { request_burst: 10, requests_per_second: 1, ..HttpConfig::default() };
    let server = with(config).await;
    assert!(server.request("GET /metrics HTTP/1.1").await.starts_with("HTTP/1.1 403"));
    let upgrade = "GET /signal HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==";
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("{upgrade}\r\nhost: x\r\nx-forwarded-for: 203.0.113.5\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_ne!(soon(stream.read(&mut [0; 512])).await.unwrap(), 0);
    let ready = server.request("GET /ready HTTP/1.1").await;
    assert!(ready.contains("ready\nbut: a proxy at 127.0.0.1 is not believed"), "{ready}");
    // What a client says of itself gives it no share of its own.
    let mut refused = 0;
    for number in 0..15 {
        let answer =
            server.request(&format!("GET /health HTTP/1.1\r\nx-forwarded-for: 203.0.113.{number}")).await;
        refused += usize::from(answer.starts_with("HTTP/1.1 429"));
    }
    assert!(refused >= 5, "{refused}");
}

#[tokio::test]
async fn rate_limit_refuses_only_the_address_exceeding_it() {
    let config = HttpConfig { requests_per_second: 1, request_burst: 10, ..trusting() };
    let server = with(config).await;
    let ask = async |address: &str| {
        server.request(&format!("GET /health HTTP/1.1\r\nx-forwarded-for: {address}")).await
    };
    let mut refused = 0;
    for _ in 0..15 {
        let answer = ask("203.0.113.5").await;
        refused += usize::from(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 5"));
    }
    assert!((1..=5).contains(&refused), "{refused}");
    assert!(ask("203.0.113.6").await.starts_with("HTTP/1.1 200"));
    assert!(
        server.request("GET /metrics HTTP/1.1").await.contains("meshwork_http_refused_total{cause=\"rate\"}")
    );
}

#[tokio::test]
async fn pages_of_unlisted_origins_are_turned_away() {
    let allowed_origins = vec![String::from("https://paint.example.org")];
    let server = with(HttpConfig { allowed_origins, ..HttpConfig::default() }).await;
    let upgrade = async |origin: &str| {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!(
            "GET /signal HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n{origin}\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        soon(stream.read_exact(&mut status)).await.unwrap();
        String::from_utf8_lossy(&status[9..]).into_owned()
    };
    assert_eq!(upgrade("origin: https://evil.example\r\n").await, "403");
    assert_eq!(upgrade("origin: https://paint.example.org\r\n").await, "101");
    assert_eq!(upgrade("origin: http://x\r\n").await, "101", "its own page");
    assert_eq!(upgrade("").await, "101", "a program");
}

/// Of the messages that one client sends as fast as it can, a few go before each message of another, not all.
#[tokio::test]
async fn a_flood_does_not_hold_up_anybody_else() {
    const FLOOD: usize = 900;
    let server = Server::start().await;
    let (bytes, room) = genesis(1);
    let mut listener = server.enter(&someone(1)).await;
    listener.register(&bytes).await;
    listener.join(room).await;
    let mut flooder = server.enter(&someone(2)).await;
    flooder.join(room).await;
    let mut quiet = server.enter(&someone(3)).await;
    quiet.join(room).await;
    let signal = |byte| {
        let payload = Base64::new([byte; 32]).unwrap();
        Message::text(
            serde_json::to_string(&FromClient::Signal { room, to: someone(1).endpoint, payload }).unwrap(),
        )
    };
    // Both lie with the system before the server reads any of it: this test has one thread.
    for _ in 0..FLOOD {
        flooder.socket.feed(signal(2)).await.unwrap();
    }
    quiet.socket.feed(signal(3)).await.unwrap();
    let (flooding, speaking) = tokio::join!(biased; flooder.socket.flush(), quiet.socket.flush());
    flooding.unwrap();
    speaking.unwrap();
    let mut before = 0;
    loop {
        match listener.hear().await {
            Some(FromServer::Signal { from, .. }) if from == someone(3).endpoint => break,
            Some(FromServer::Signal { .. }) => before += 1,
            Some(_) => {}
            None => panic!("closed"),
        }
    }
    assert!(before <= 16, "{before} messages of a flood of {FLOOD} went first");
}

/// A server with a certificate of its own making, and the client's trust in it.
struct Secure {
    server: std::net::SocketAddr,
    tls: Arc<Tls>,
    files: TlsFiles,
    _folder: tempfile::TempDir,
    _stop: oneshot::Sender<()>,
}

/// A certificate of this name that vouches for itself, and its key.
pub(crate) fn write_certificate(files: &TlsFiles, name: &str) {
    let pair = rcgen::generate_simple_self_signed([String::from(name)]).unwrap();
    std::fs::write(&files.certificate, pair.cert.pem()).unwrap();
    std::fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
}

async fn secure() -> Secure {
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    write_certificate(&files, "first.example");
    let tls = Arc::new(Tls::load(files.clone()).unwrap());
    let hub = Hub::new(HubConfig::default(), ServerKey::new([1; 32]), [2; 32]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let config = HttpConfig { head_within: Duration::from_secs(1), ..HttpConfig::default() };
    let running = http::Server::new(hub, Arc::new(Files([].into())), config).with_tls(Arc::clone(&tls));
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(running.run(listener, async {
        let _ = stopped.await;
    }));
    Secure { server, tls, files, _folder: folder, _stop: stop }
}

impl Secure {
    /// Whether a client that trusts what lies in the file now is answered under `name`.
    async fn answers_as(&self, name: &str) -> bool {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.files.certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(self.server).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let name = ServerName::try_from(String::from(name)).unwrap();
        let Ok(mut stream) = soon(connector.connect(name, stream)).await else { return false };
        let request = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A server that closes without the last word of TLS has said everything here.
        let _ = soon(stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("\r\nstrict-transport-security: max-age="), "{answer}");
        answer.ends_with("OK")
    }
}

#[tokio::test]
async fn a_request_names_one_host() {
    let server = Server::start().await;
    let ask = async |head: &str| {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(!answer.contains("strict-transport-security"), "only where there is TLS: {answer}");
        answer.split(' ').nth(1).map(String::from)
    };
    assert_eq!(ask("GET /health HTTP/1.1\r\nhost: x\r\n").await.as_deref(), Some("200"));
    assert_eq!(ask("GET /health HTTP/1.1\r\n").await.as_deref(), Some("400"));
    assert_eq!(ask("GET /health HTTP/1.1\r\nhost: x\r\nhost: y\r\n").await.as_deref(), Some("400"));
    assert_eq!(ask("GET /health HTTP/1.0\r\n").await.as_deref(), Some("200"), "HTTP/1.0 knew no hosts");
}

#[tokio::test]
async fn a_certificate_is_replaced_while_the_server_runs() {
    let secure = secure().await;
    assert!(secure.answers_as("first.example").await);
    assert!(!secure.tls.reload().unwrap(), "nothing has changed");
    write_certificate(&secure.files, "the-second.example");
    assert!(secure.tls.reload().unwrap());
    assert!(secure.answers_as("the-second.example").await);
    assert!(!secure.answers_as("first.example").await);
}

#[tokio::test]
async fn wrong_certificate_is_told_and_the_former_stays() {
    let secure = secure().await;
    let good = std::fs::read(&secure.files.certificate).unwrap();
    std::fs::write(&secure.files.certificate, "-----BEGIN RUBBISH").unwrap();
    let error = secure.tls.reload().unwrap_err().to_string();
    assert!(error.contains("cert.pem"), "{error}");
    std::fs::write(&secure.files.certificate, &good).unwrap();
    let other = rcgen::generate_simple_self_signed([String::from("x")]).unwrap();
    std::fs::write(&secure.files.key, other.signing_key.serialize_pem() + "\n").unwrap();
    let error = secure.tls.reload().unwrap_err().to_string();
    assert!(error.contains("key.pem") && error.contains("cannot be used"), "{error}");
    assert!(secure.answers_as("first.example").await);
}

#[tokio::test]
async fn who_never_shakes_hands_is_cut() {
    let secure = secure().await;
    let mut silent = TcpStream::connect(secure.server).await.unwrap();
    let mut plain = TcpStream::connect(secure.server).await.unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let _ = soon(plain.read_to_end(&mut rest)).await;
    assert!(!rest.ends_with(b"OK"));
    assert_eq!(soon(silent.read_to_end(&mut rest)).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn stun_on_the_shared_port_is_handed_over() {
    let hub = Hub::new(HubConfig::default(), ServerKey::new([1; 32]), [2; 32]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stun, mut handed) = mpsc::unbounded_channel();
    let take = move |connection| drop(stun.send(connection));
    let server = http::Server::new(hub, Arc::new(Files([].into())), HttpConfig::default()).with_stun(take);
    let handle: ServerHandle = server.handle();
    let (_stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(server.run(listener, async {
        let _ = stopped.await;
    }));
    let mut binding = TcpStream::connect(address).await.unwrap();
    binding.write_all(b"\x00\x01\x00\x00\x21\x12\xa4\x42............").await.unwrap();
    let connection = soon(handed.recv()).await.unwrap();
    assert_eq!(connection.address, binding.local_addr().unwrap());
    let mut stream = connection.into_stream();
    let mut head = [0; 4];
    soon(stream.read_exact(&mut head)).await.unwrap();
    assert_eq!(head, [0, 1, 0, 0], "nothing of it was taken away");
    assert_eq!(handle.connections(), 1, "it keeps its place");
    drop(stream);
    let mut client = Client::connect(address).await;
    client.enter(&someone(1)).await;
    assert_eq!(handle.connections(), 1);
}
