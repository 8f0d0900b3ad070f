//! `meshwork serve` as its operator runs it: admin, reload, drain, TLS, log.
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{Home, PATIENCE, Running};
use serde_json::Value;

fn serve(home: &Home, arguments: &[&str]) -> (Running, String) {
    let mut server = home.start([&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
    let line = server.line("listening", |line| line.starts_with("listening on "));
    (server, line["listening on ".len()..].to_owned())
}

/// An open signalling socket; its first message has come.
fn open_socket(address: &str) -> TcpStream {
    let host = address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "GET /signal HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    while !answer.contains("\"welcome\"") {
        let mut chunk = [0; 512];
        let read = stream.read(&mut chunk).unwrap();
        assert_ne!(read, 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&chunk[..read]));
    }
    stream
}

#[test]
fn rooms_are_listed_and_closed_and_bans_persist() {
    let home = Home::new();
    let (server, address) = serve(&home, &["--data", "meeting"]);
    let socket = home.path("meeting/admin.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let admin = |arguments: &[&str]| {
        home.run([&["admin", "--socket", "meeting/admin.sock", "--json"], arguments].concat())
    };
    let link = home.create(&address, &[]);
    let code = link.split('/').next_back().unwrap().split('#').next().unwrap().to_owned();
    let rooms = admin(&["rooms"]).expect_code(0).json();
    assert_eq!(rooms["rooms"][0]["code"], code.as_str(), "{rooms}");
    let shown = home.run(["admin", "rooms", "--socket", "meeting/admin.sock"]).expect_code(0).stdout;
    assert!(shown.starts_with(&code) && shown.contains("0 members"), "{shown}");
    admin(&["close", &code]).expect_code(0);
    assert_eq!(admin(&["rooms"]).expect_code(0).json()["rooms"], Value::Array(vec![]));
    admin(&["close", &code]).expect_code(1).expect_words(&["no room here has the code"]);
    admin(&["ban", "address", "somewhere"]).expect_code(2).expect_words(&["`address somewhere` is none of"]);
    admin(&["ban", "address", "198.51.100.0/24"]).expect_code(0);
    server.terminate();
    server.end().expect_code(0);
    assert!(!socket.exists(), "nothing is left to knock at");
    admin(&["rooms"]).expect_code(3);

    let (_server, _) = serve(&home, &["--data", "meeting"]);
    let bans = admin(&["bans"]).expect_code(0).json();
    assert_eq!(bans["bans"], serde_json::json!(["address 198.51.100.0/24"]));
    admin(&["unban", "address", "198.51.100.0/24"]).expect_code(0);
    assert_eq!(admin(&["bans"]).expect_code(0).json()["bans"], serde_json::json!([]));
    // A socket elsewhere does not make room for a second server.
    let second = ["serve", "--listen", "127.0.0.1:0", "--data", "meeting", "--admin-socket", "other.sock"];
    home.run(second).expect_code(5).expect_words(&["another server uses meeting", "--data"]);
}

#[test]
fn the_admin_socket_harms_no_file() {
    let home = Home::new();
    std::fs::write(home.path("kept.txt"), "kept").unwrap();
    let refused = home.run(["serve", "--listen", "127.0.0.1:0", "--admin-socket", "kept.txt"]).expect_code(5);
    refused.expect_words(&["another file is there"]);
    assert_eq!(std::fs::read_to_string(home.path("kept.txt")).unwrap(), "kept");

    // A server that was killed leaves its socket to the next one.
    let (killed, _) = serve(&home, &["--admin-socket", "a.sock"]);
    killed.kill();
    let (server, _) = serve(&home, &["--admin-socket", "a.sock"]);
    home.run(["admin", "--socket", "a.sock", "rooms"]).expect_code(0);
    // Somebody puts a file in its place: it is not the server's to remove.
    std::fs::remove_file(home.path("a.sock")).unwrap();
    std::fs::write(home.path("a.sock"), "kept").unwrap();
    server.terminate();
    server.end().expect_code(0);
    assert_eq!(std::fs::read_to_string(home.path("a.sock")).unwrap(), "kept");
}

#[test]
fn a_ban_that_cannot_be_stored_says_so() {
    let home = Home::new();
    let (_server, _) = serve(&home, &["--data", "meeting"]);
    let admin =
        |arguments: &[&str]| home.run([&["admin", "--socket", "meeting/admin.sock"], arguments].concat());
    // No file takes the place of a folder, for root neither.
    std::fs::create_dir_all(home.path("meeting/bans.txt/in-the-way")).unwrap();
    let ban = admin(&["ban", "address", "198.51.100.7"]).expect_code(1);
    ban.expect_words(&["is banned until the server ends", "cannot write", "bans.txt"]);
    assert!(admin(&["bans"]).expect_code(0).stdout.contains("198.51.100.7"));
    let unban = admin(&["unban", "address", "198.51.100.7"]).expect_code(1);
    unban.expect_words(&["is no longer banned, until the server ends", "bans.txt"]);
}

#[test]
fn a_banned_address_is_told_so() {
    let home = Home::new();
    let (_server, address) = serve(&home, &["--admin-socket", "a.sock"]);
    let ended = home.run(["admin", "--socket", "a.sock", "ban", "address", "127.0.0.1"]).expect_code(0);
    assert!(ended.stdout.contains("until the server ends"), "{ended:?}");
    let create = ["place", "create", "--server", &address, "--timeout", "2s"];
    home.run(create).expect_code(3).expect_words(&["banned your address"]);
}

#[test]
fn a_hangup_rereads_settings_and_says_what_waits() {
    let home = Home::new();
    let config = home.path("m.toml");
    std::fs::write(&config, "rooms_max = 5\n").unwrap();
    let (mut server, address) =
        serve(&home, &["--config", "m.toml", "--log-format", "json", "--admin-socket", "a.sock"]);
    std::fs::write(&config, "rooms_max = 1\nread_within = \"9s\"\n").unwrap();
    server.hang_up();
    let told = server.log("read again", |line| line.contains("was read again"));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["changed"], "rooms_max");
    let waits = server.log("wait", |line| line.contains("count from a restart"));
    assert!(waits.contains("\"settings\":\"read_within\""), "{waits}");
    home.create(&address, &[]);
    let second = home.run(["place", "create", "--server", &address, "--timeout", "5s"]);
    assert_ne!(second.code, Some(0));
    second.expect_words(&["1 rooms", "the most"]);

    std::fs::write(&config, "rooms_max = 1\nlog = \"debug\"\n").unwrap();
    server.hang_up();
    let told = server.log("read again", |line| line.contains("was read again"));
    assert!(told.contains("log"), "{told}");
    let _socket = open_socket(&address);
    server.log("the new level", |line| line.contains("\"DEBUG\""));

    std::fs::write(&config, "room_max = 7\n").unwrap();
    server.hang_up();
    let told = server.log("stays", |line| line.contains("stays as it was"));
    assert!(told.contains("did you mean `rooms_max`?"), "{told}");
    server.terminate();
    server.end().expect_code(0);
}

#[cfg(unix)]
#[test]
fn oversights_are_told_when_a_server_starts() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let config = home.path("m.toml");
    std::fs::write(&config, "secret_key = \"0123456789abcdef\"\n").unwrap();
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).unwrap();
    let variables = [("MESHWORK_CONFIG", "m.toml"), ("MESHWORK_ROOM_MAX", "5"), ("MESHWORK_ROOMS_MAX", "6")];
    let mut server = home.start_with(["serve", "--listen", "127.0.0.1:0"], &variables);
    let told = server.log("the file", |line| line.contains("others can read"));
    assert!(told.contains("chmod 600 m.toml"), "{told}");
    // The tests themselves set some that are for nobody else.
    server.log("the variable", |line| {
        let names = |name: &str| line.contains(&format!("the variable {name} "));
        assert!(!names("MESHWORK_ROOMS_MAX") && !names("MESHWORK_CONFIG"), "{line}");
        line.contains("MESHWORK_ROOM_MAX is no setting and has no effect; did you mean MESHWORK_ROOMS_MAX?")
    });
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut server = home.start_with(["serve", "--listen", "127.0.0.1:0"], &variables[..1]);
    server.log("the beginning", |line| {
        assert!(!line.contains("others can read"), "{line}");
        line.contains("the server listens")
    });
}

#[test]
fn operators_see_holdings_and_a_ban_takes_them() {
    let home = Home::new();
    let (_server, address) = serve(&home, &["--admin-socket", "a.sock"]);
    let _socket = open_socket(&address);
    home.create(&address, &[]);
    let admin = |words: &[&str]| home.run([&["admin", "--socket", "a.sock"], words].concat()).expect_code(0);
    let told: Value = serde_json::from_str(&admin(&["networks", "--json"]).stdout).unwrap();
    let all = told["networks"].as_array().unwrap();
    let own = all.iter().find(|network| network["network"] == "127.0.0.1/32").unwrap();
    assert_eq!((&own["rooms"], own["sockets"].as_u64().unwrap() >= 1), (&Value::from(1), true), "{told}");
    assert!(all.iter().any(|network| network["network"] == "127.0.0.0/16"), "the wider ones too: {told}");
    let table = admin(&["networks"]).stdout;
    assert!(
        ["connections", "allocations", "127.0.0.1/32"].iter().all(|part| table.contains(part)),
        "{table}"
    );
    admin(&["ban", "address", "127.0.0.1"]);
    assert_eq!(admin(&["rooms"]).stdout, "no rooms");
}

#[test]
fn a_server_told_to_end_warns_clients_first() {
    let home = Home::new();
    let (mut server, address) = serve(&home, &["--drain-for", "500ms"]);
    let mut socket = open_socket(&address);
    server.terminate();
    server.log("drains", |line| line.contains("the server drains"));
    let mut rest = Vec::new();
    while !String::from_utf8_lossy(&rest).contains("away_ms") {
        let mut chunk = [0; 512];
        let read = socket.read(&mut chunk).unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&rest));
        rest.extend_from_slice(&chunk[..read]);
    }
    assert!(String::from_utf8_lossy(&rest).contains("shutting-down"));
    drop(socket);
    server.end().expect_code(0);
}

#[test]
fn json_logs_have_addresses_only_when_asked() {
    let home = Home::new();
    for (flags, has_address) in [(&["--log-addresses"][..], true), (&[], false)] {
        let all = [&["--log", "debug", "--log-format", "json"], flags].concat();
        let (server, address) = serve(&home, &all);
        drop(open_socket(&address));
        server.terminate();
        let log = server.end().expect_code(0).stderr;
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().any(|line| line["message"] == "a socket is opened"), "{log}");
        assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()), "{log}");
        assert_eq!(log.contains("\"address\":\"127.0.0.1\""), has_address, "{log}");
        assert_eq!(log.contains("127.0.0.1"), has_address, "{log}");
    }
}

#[test]
fn a_certificate_makes_https_and_faults_are_told() {
    let home = Home::new();
    let pair = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    std::fs::write(home.path("c.pem"), pair.cert.pem()).unwrap();
    std::fs::write(home.path("k.pem"), pair.signing_key.serialize_pem()).unwrap();
    let (server, address) = serve(&home, &["--tls-certificate", "c.pem", "--tls-key", "k.pem"]);
    assert!(address.starts_with("https://"), "{address}");
    server.interrupt();
    server.end().expect_code(0);
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--tls-certificate", "c.pem"];
    home.run(arguments).expect_code(2).expect_words(&["it needs a tls_key"]);
    std::fs::write(home.path("k.pem"), "no key").unwrap();
    let arguments = [&arguments[..], &["--tls-key", "k.pem"]].concat();
    home.run(arguments).expect_code(2).expect_words(&["cannot read a private key from k.pem"]);
}

#[test]
fn a_drain_holds_without_members() {
    let home = Home::new();
    let (mut server, address) = serve(&home, &["--drain-for", "8s"]);
    let ready = || {
        let host = address.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /ready HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ready().starts_with("HTTP/1.1 200"));
    server.terminate();
    server.log("drains", |line| line.contains("the server drains"));
    for _ in 0..2 {
        let answer = ready();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("draining"), "{answer}");
    }
    // A second signal ends it at once.
    server.terminate();
    server.end().expect_code(0);
}

/// The codes with which the service is not started again.
fn prevented() -> Vec<i32> {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/meshwork.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    assert!(unit.contains("Restart=always") && unit.contains("StartLimitIntervalSec=0"), "it gives up");
    let codes = unit.lines().find_map(|line| line.strip_prefix("RestartPreventExitStatus=")).unwrap();
    codes.split(' ').map(|code| code.parse().unwrap()).collect()
}

#[test]
fn the_unit_restarts_only_what_mends_itself() {
    let home = Home::new();
    std::fs::write(home.path("typing.toml"), "room_max = 5").unwrap();
    std::fs::write(home.path("file"), "").unwrap();
    std::fs::create_dir(home.path("short")).unwrap();
    std::fs::write(home.path("short/server.key"), "short").unwrap();
    std::fs::create_dir(home.path("damaged")).unwrap();
    std::fs::write(home.path("damaged/games.sqlite"), [b'x'; 10_000]).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let socket = format!("postgres:///games?host={}", home.path("nowhere").display());
    let any = "127.0.0.1:0";
    for (arguments, code) in [
        (["--config", "typing.toml", "--listen", any], 2),
        (["--tls-certificate", "none.pem", "--tls-key", "none.pem"], 2),
        (["--listen", any, "--data", "file"], 5),
        (["--listen", any, "--data", "short"], 5),
        (["--listen", any, "--data", "damaged"], 5),
        // The name and the socket of a database, and a port, may be free a moment later.
        (["--listen", any, "--database", "postgres://name.invalid/games"], 3),
        (["--listen", any, "--database", socket.as_str()], 3),
        (["--listen", taken.as_str(), "--log", "info"], 1),
    ] {
        let ended = home.run([&["serve"], &arguments[..]].concat()).expect_code(code);
        assert_eq!(prevented().contains(&code), [2, 5].contains(&code), "{ended:?}");
    }
}

#[test]
fn settings_shipped_with_the_program_are_legal() {
    let home = Home::new();
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let config = top.join("deploy/meshwork.toml");
    let printed =
        home.run(["serve", "--config", config.to_str().unwrap(), "--print-config"]).expect_code(0).stdout;
    assert!(printed.contains("listen = \"0.0.0.0:8080\"  # "), "{printed}");
    let printed = printed.replace("\n# ", " ");
    // Every variable and setting that the files beside it name.
    for file in
        ["deploy/Dockerfile", "deploy/compose.yaml", "deploy/meshwork.service", "docs/guides/operate.md"]
    {
        let text = std::fs::read_to_string(top.join(file)).unwrap();
        let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        for variable in words.filter(|word| word.starts_with("MESHWORK_")) {
            let is_known = printed.contains(&format!("[env: {variable}]")) || variable == "MESHWORK_ATTACKS";
            assert!(is_known, "{file} names {variable}");
        }
    }
}
