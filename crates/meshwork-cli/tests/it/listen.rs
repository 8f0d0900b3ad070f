//! Keepers that are a meeting point for their room: `place keep --listen`.

use std::net::TcpListener;

use crate::support::{Home, Running};

/// Starts a keeper that listens, and gives it with its own LINK.
fn keep_listening(home: &Home, link: &str, listen: &str) -> (Running, String) {
    let keep = ["place", "keep", link, "--data", "kept", "--json", "--listen", listen];
    let mut keeper = home.start(keep);
    let own = keeper.event("ready", |_| true)["link"].as_str().unwrap().to_owned();
    (keeper, own)
}

fn watch(home: &Home, link: &str, identity: &str) -> Running {
    let mut watch = home.start(["place", "watch", link, "--identity", identity]);
    watch.event("room", |line| line["state"] == "opened");
    watch
}

#[test]
fn newcomers_enter_through_a_keeper_without_the_server() {
    let home = Home::new();
    let (server, url) = home.serve();
    let link = home.create(&url, &["--private"]);
    let (mut keeper, own) = keep_listening(&home, &link, "127.0.0.1:0");
    let (host, fragment) = (own.split("/place/").next().unwrap(), own.split_once('#').unwrap().1);
    assert_ne!(host, url);
    assert!(fragment.ends_with(&format!(";at={url}")), "the room's first server is named too: {own}");
    let mut member = watch(&home, &link, "member");
    member.event("linked", |_| true);
    server.kill();

    let painted =
        home.run(["place", "paint", &own, "--pixel", "1,1,#ff0000", "--json"]).expect_code(0).json();
    assert_eq!(painted["stored_by"], 1);
    let stroke = member.event("stroke", |_| true);
    // Who stays a while is linked to the others as well, whom no server knows any more.
    let mut newcomer = watch(&home, &own, "newcomer");
    let kept_by = keeper.event("linked", |line| line["peer"] != stroke["peer"]);
    let first = newcomer.event("linked", |_| true)["peer"].clone();
    let second = newcomer.event("linked", |line| line["peer"] != first)["peer"].clone();
    assert_ne!(first, second, "the keeper and the member: {kept_by}");
    member.event("linked", |line| line["peer"] != stroke["peer"]);
    newcomer.event("server", |line| line["state"] == "away");
    for watch in [newcomer, member] {
        watch.interrupt();
        watch.end().expect_code(0);
    }
    keeper.interrupt();
    keeper.end().expect_code(0);
}

#[test]
fn a_keeper_returns_alone_under_the_same_link() {
    let home = Home::new();
    let (server, url) = home.serve();
    let link = home.create(&url, &[]);
    let (keeper, own) = keep_listening(&home, &link, "127.0.0.1:0");
    let listen = own.split('/').nth(2).unwrap();
    home.run(["place", "paint", &own, "--pixel", "2,3,#00ff00"]).expect_code(0);
    server.kill();
    keeper.kill();

    // By its own LINK, whose first server is itself.
    let (mut keeper, again) = keep_listening(&home, &own, listen);
    assert_eq!(again, own);
    home.run(["place", "export", &own, "--out", "out.png"]).expect_code(0);
    assert_eq!(home.pixels("out.png").get_pixel(2, 3).0, [0, 255, 0, 255]);
    // By its bare address too: it notes which room that is.
    keeper.event("linked", |_| true);
    keeper.kill();
    let (_keeper, again) = keep_listening(&home, own.split('#').next().unwrap(), listen);
    assert_eq!(again.split(";at=").next(), own.split(";at=").next());
}

#[test]
fn keepers_find_rooms_by_their_public_address() {
    let home = Home::new();
    let (server, url) = home.serve();
    let link = home.create(&url, &[]);
    let keep = |link: &str| {
        let address = ["--listen", "127.0.0.1:0", "--public-url", "http://keep.test", "--json"];
        let mut keeper = home.start([&["place", "keep", link, "--data", "kept"][..], &address].concat());
        let ready = keeper.event("ready", |_| true);
        (keeper, ready)
    };
    let (keeper, ready) = keep(&link);
    home.run(["place", "paint", &link, "--pixel", "2,3,#00ff00"]).expect_code(0);
    server.kill();
    keeper.kill();
    let own = ready["link"].as_str().unwrap();
    let (_keeper, ready) = keep(own.split('#').next().unwrap());
    assert_eq!(ready["cells"], 1, "{own}");
}

#[test]
fn a_keepers_meeting_point_serves_only_its_room() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &[]);
    let (_keeper, own) = keep_listening(&home, &link, "127.0.0.1:0");
    let host = own.split("/place/").next().unwrap();
    let ended = home.run(["place", "create", "--server", host, "--json", "--timeout", "20s"]).expect_code(4);
    assert_eq!(ended.expect_words(&["one room"]).json()["reason"], "server");
}

#[test]
fn a_taken_address_is_told_before_joining() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let link = "http://127.0.0.1:1/place/K7M4QX";
    let keep = ["place", "keep", link, "--data", "kept", "--listen", &listen];
    home.run(keep).expect_code(1).expect_words(&[&listen, "--listen"]);
    let keep = ["place", "keep", link, "--data", "kept", "--public-url", "https://keep.example.org"];
    home.run(keep).expect_code(2).expect_words(&["--listen"]);
}
