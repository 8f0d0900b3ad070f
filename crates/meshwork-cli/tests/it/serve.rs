//! `meshwork serve` as a process: its first lines, its answers, its errors, and how it ends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};

use crate::support::{Home, PATIENCE, Running};
use meshwork_core::time::WallTime;
use meshwork_signal::turn::Secret;

/// Starts a server and gives the lines of its standard output up to `last`.
fn start(home: &Home, arguments: &[&str], last: &str) -> (Running, Vec<String>) {
    let all = [&["serve", "--listen", "127.0.0.1:0", "--metrics-allow", "127.0.0.1"], arguments].concat();
    let mut server = home.start(all);
    let mut lines = Vec::new();
    loop {
        let line = server.line(last, |_| true);
        let is_last = line.starts_with(last);
        lines.push(line);
        if is_last {
            return (server, lines);
        }
    }
}

fn get(address: &str, path: &str) -> String {
    let host = address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out above zero");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers");
    answer
}

#[test]
fn a_ban_reaches_the_relay_and_its_tokens() {
    let home = Home::new();
    let relay = ["--relay", "--relay-listen", "127.0.0.1:0", "--admin-socket", "a.sock"];
    let (_server, lines) = start(&home, &relay, "relaying on");
    let http = lines[0].strip_prefix("listening on ").unwrap();
    let address = lines[1].strip_prefix("relaying on ").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let binding = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let mut answer = [0; 128];
    socket.send(&binding).unwrap();
    socket.recv(&mut answer).unwrap();
    assert!(get(http, "/turn-token?id=alice").starts_with("HTTP/1.1 200"));

    let admin = |what: &str| home.run(["admin", "--socket", "a.sock", what, "address", "127.0.0.1"]);
    admin("ban").expect_code(0);
    let refused = get(http, "/turn-token?id=alice");
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("banned"), "{refused}");
    let count = "meshwork_relay_refused_total{cause=\"banned\"} ";
    let refused = || {
        let metrics = get(http, "/metrics");
        let number = metrics.lines().find_map(|line| line.strip_prefix(count));
        number.unwrap_or_else(|| panic!("{metrics}")).parse::<u64>().unwrap()
    };
    while refused() == 0 {
        socket.send(&binding).unwrap();
    }
    admin("unban").expect_code(0);
    socket.send(&binding).unwrap();
    assert_eq!(socket.recv(&mut answer).unwrap(), 32, "the first answer since");
}

#[test]
fn the_first_line_names_the_real_address() {
    let home = Home::new();
    let (server, lines) = start(&home, &["--public-url", "https://paint.example.org/"], "make rooms at");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with("make rooms at https://paint.example.org,"), "{}", lines[1]);
    let address = lines[0].strip_prefix("listening on ").unwrap();
    assert!(address.starts_with("http://127.0.0.1:") && !address.ends_with(":0"), "{address}");
    assert!(get(address, "/health").ends_with("\r\n\r\nOK"));
    for page in ["/", "/place/K7M4QX"] {
        let answer = get(address, page);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("<!doctype html>"), "{answer}");
    }
    server.terminate();
    server.end().expect_code(0);
}

#[test]
fn tokens_are_withheld_when_the_operator_says_no() {
    let home = Home::new();
    let relay = ["--relay", "--relay-listen", "127.0.0.1:0", "--turn-tokens=false"];
    let (_server, lines) = start(&home, &relay, "relaying on");
    let http = lines[0].strip_prefix("listening on ").unwrap();
    assert!(get(http, "/turn-token?id=alice").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_relay_answers_stun_and_asks_for_credentials() {
    let home = Home::new();
    let (server, lines) = start(&home, &["--relay", "--relay-listen", "127.0.0.1:0"], "relaying on");
    let address = lines[1].strip_prefix("relaying on ").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = [0; 512];
    let mut ask = |kind: u8, attributes: &[u8]| {
        let length = u8::try_from(attributes.len()).unwrap();
        let header = [0, kind, 0, length, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        socket.send(&[&header[..], attributes].concat()).unwrap();
        let length = socket.recv(&mut answer).unwrap();
        answer[..length].to_vec()
    };
    // An attribute that claims more bytes than there are.
    let broken =
        [0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 6, 0, 40, 1, 2, 3, 4];
    socket.send(&broken).unwrap();
    let bound = ask(1, &[]);
    let port = socket.local_addr().unwrap().port().to_be_bytes();
    assert_eq!(bound[..2], [1, 1], "a success");
    assert_eq!(bound[26..28], [port[0] ^ 0x21, port[1] ^ 0x12], "with the port it came from");
    // Allocate, over UDP.
    let refused = ask(3, &[0, 0x19, 0, 4, 17, 0, 0, 0]);
    assert_eq!((&refused[..2], &refused[24..28]), (&[1, 0x13][..], &[0, 0, 4, 1][..]), "401");
    assert!(refused.windows(8).any(|window| window == b"meshwork"), "the realm");

    let http = lines[0].strip_prefix("listening on ").unwrap();
    let token = get(http, "/turn-token?id=alice");
    let port = address.rsplit(':').next().unwrap();
    let names =
        [format!("turn:127.0.0.1:{port}?transport=udp"), format!("turn:127.0.0.1:{port}?transport=tcp")];
    for part in [":alice@127.0.0.1\"", "\"iceServers\":[", &names[0], &names[1]] {
        assert!(token.contains(part), "{token}");
    }
    let metrics = get(http, "/metrics");
    assert!(metrics.contains("meshwork_relay_bindings_total 1\n"), "{metrics}");
    // Where one port is all there is, the relay is on it as well.
    let mut stream = TcpStream::connect(http.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]).unwrap();
    let mut bound = [0; 32];
    stream.read_exact(&mut bound).unwrap();
    assert_eq!(bound[..2], [1, 1], "a success");
    server.terminate();
    let ended = server.end().expect_code(0);
    assert!(!ended.stderr.contains("attribute"), "what strangers send is not logged: {}", ended.stderr);
}

#[test]
fn a_hangup_changes_the_relays_secret_and_limits() {
    let home = Home::new();
    let file = home.path("m.toml");
    let always = "relay = true\nrelay_listen = [\"127.0.0.1:0\"]\n";
    std::fs::write(&file, format!("{always}turn_secret = \"the secret of this month\"\n")).unwrap();
    let (mut server, lines) = start(&home, &["--config", "m.toml", "--log-format", "json"], "relaying on");
    let http = lines[0].strip_prefix("listening on ").unwrap();
    // What is handed out for /turn-token, and whether a secret made it.
    let is_made_with = |secret: &str| {
        let answer = get(http, "/turn-token?id=alice");
        let answer: serde_json::Value =
            serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        let relay = &answer["iceServers"][1];
        let [username, password] = ["username", "credential"].map(|name| relay[name].as_str().unwrap());
        Secret::from_text(secret).unwrap().verify(username, password, WallTime(0)).is_ok()
    };
    assert!(is_made_with("the secret of this month"));
    let changed =
        "turn_secret = \"the secret of next month\"\nrelay_allocations_max = 7\nrelay_realm = \"other\"\n";
    std::fs::write(&file, format!("{always}{changed}")).unwrap();
    server.hang_up();
    let told = server.log("read again", |line| line.contains("was read again"));
    assert!(told.contains("\"changed\":\"relay_allocations_max, turn_secret\""), "{told}");
    let waits = server.log("wait", |line| line.contains("count from a restart"));
    assert!(waits.contains("\"settings\":\"relay_realm\""), "{waits}");
    assert!(is_made_with("the secret of next month"));
    // Without one in the file, what was there last goes on.
    std::fs::write(&file, always).unwrap();
    server.hang_up();
    server.log("read again", |line| line.contains("was read again") && line.contains("turn_secret"));
    assert!(is_made_with("the secret of next month"));
    server.terminate();
    server.end().expect_code(0);
}

#[test]
fn it_ends_well_when_interrupted() {
    let home = Home::new();
    let (server, _) = home.serve();
    server.interrupt();
    server.end().expect_code(0);
}

#[test]
fn a_taken_address_is_told_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Home::new().run(["serve", "--listen", &address]).expect_code(1);
    ended.expect_words(&[&address, "another program listens there already", "--listen"]);
}

#[test]
fn wrong_arguments_of_serve_are_usage_errors() {
    let home = Home::new();
    for arguments in [["--listen", "8080"], ["--listen", "localhost"], ["--public-url", "paint.example.org"]]
    {
        let ended = home.run([&["serve"], &arguments[..]].concat()).expect_code(2);
        assert!(ended.stdout.is_empty(), "{ended:?}");
    }
}

#[test]
fn the_key_in_the_data_directory_stays() {
    let home = Home::new();
    let key = home.path("meeting").join("server.key");
    let mut keys = Vec::new();
    for _ in 0..2 {
        let (server, _) = start(&home, &["--data", "meeting"], "listening on");
        keys.push(std::fs::read(&key).unwrap());
        server.terminate();
        server.end().expect_code(0);
    }
    assert_eq!((keys[0].len(), &keys[0]), (32, &keys[1]));
    std::fs::write(&key, "short").unwrap();
    let ended = home.run(["serve", "--listen", "127.0.0.1:0", "--data", "meeting"]).expect_code(5);
    ended.expect_words(&["server.key", "5 bytes"]);
}

#[test]
fn the_printed_configuration_names_sources_and_reads_back() {
    let home = Home::new();
    std::fs::write(home.path("m.toml"), "rooms_max = 7\nsecret_key = \"of sixteen letters\"\n").unwrap();
    let arguments = ["serve", "--config", "m.toml", "--idle-after", "2m", "--print-config"];
    let printed = home.run(arguments).expect_code(0).stdout;
    for line in
        ["rooms_max = 7  # m.toml", "idle_after = \"2m\"  # --idle-after", "waits_max = 16384  # default"]
    {
        assert!(printed.lines().any(|printed| printed == line), "{line}: {printed}");
    }
    assert!(
        !printed.contains("sixteen") && printed.contains("# secret_key is set, and not shown"),
        "{printed}"
    );
    std::fs::write(home.path("again.toml"), &printed).unwrap();
    let again = home.run(["serve", "--config", "again.toml", "--print-config"]).expect_code(0).stdout;
    assert!(again.contains("rooms_max = 7  # again.toml"), "{again}");
}

#[test]
fn configuration_faults_are_named_with_their_place() {
    let home = Home::new();
    std::fs::write(home.path("m.toml"), "\nroom_max = 7\n").unwrap();
    let words = ["m.toml: there is no setting `room_max`; did you mean `rooms_max`?"];
    home.run(["serve", "--config", "m.toml"]).expect_code(2).expect_words(&words);
    std::fs::write(home.path("m.toml"), "rooms_max = 0\n").unwrap();
    let words = ["m.toml: rooms_max: it is 0, but must be 1 to 1000000"];
    home.run(["serve", "--config", "m.toml"]).expect_code(2).expect_words(&words);
    home.run(["serve", "--config", "n.toml"]).expect_code(2).expect_words(&["n.toml"]);
    home.run(["serve", "--rooms-max", "0"]).expect_code(2).expect_words(&["--rooms-max", "1 to 1000000"]);
}

#[test]
fn platforms_that_give_a_port_are_listened_on() {
    let home = Home::new();
    let printed = home.run_with(&[("PORT", "3000")], ["serve", "--print-config"]).expect_code(0).stdout;
    assert!(printed.contains("listen = \"[::]:3000\"  # environment variable HOST or PORT"), "{printed}");
    let ended = home.run_with(&[("SECRET_KEY", "short")], ["serve"]).expect_code(2);
    ended.expect_words(&["environment variable SECRET_KEY", "5 characters"]);
}

#[test]
fn likely_slips_are_named_at_the_start() {
    let home = Home::new();
    let slips = [("SECRET_KEY", "'0123456789abcdef'"), ("MESHWORK_TURN_SECRET", "of no effect here")];
    let mut server = home.start_with(["serve", "--listen", "127.0.0.1:0"], &slips);
    server.log("variable", |line| {
        line.contains("MESHWORK_TURN_SECRET is no setting") && line.contains("did you mean TURN_SECRET?")
    });
    let told = server
        .log("secret", |line| line.contains("secret_key (environment variable SECRET_KEY) stands in quotes"));
    assert!(!told.contains("0123456789"), "{told}");
    server.line("games", |line| line.starts_with("games: this server has no shelf"));
}
