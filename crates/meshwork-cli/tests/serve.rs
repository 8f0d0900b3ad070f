//! `meshwork serve` as a process: its first lines, its answers, its errors, and how it ends.

mod support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use support::{Home, PATIENCE, Running};

/// Starts a server and gives the lines of its standard output up to `last`.
fn start(home: &Home, arguments: &[&str], last: &str) -> (Running, Vec<String>) {
    let all = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
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
fn it_ends_well_when_interrupted() {
    let home = Home::new();
    let (server, _) = home.serve();
    server.interrupt();
    server.end().expect_code(0);
}

#[test]
fn a_taken_address_is_told_with_what_to_do() {
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
    let ended = home.run(["serve", "--listen", "127.0.0.1:0", "--data", "meeting"]).expect_code(1);
    ended.expect_words(&["server.key", "5 bytes"]);
}
