//! Rules, bans and erases by the command line, between real processes.

use std::collections::BTreeSet;

use image::Rgba;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::batch::UnverifiedBatch;
use meshwork_rtc::native::store::RedbStore;

use crate::support::Home;

/// The cooldown of a room.
const WINDOW_MS: u64 = 300;

/// The key of the peer whose identity lies in a file, as others see it when it paints.
fn peer_of(home: &Home, link: &str, identity: &str) -> String {
    let mut watch = home.start(["place", "watch", link]);
    watch.event("in-step", |_| true);
    home.run(["place", "paint", link, "--pixel", "63,63,#010203", "--identity", identity]).expect_code(0);
    let stroke = watch.event("stroke", |_| true);
    watch.interrupt();
    watch.end().expect_code(0);
    stroke["peer"].as_str().expect("a stroke names its peer").to_owned()
}

#[test]
fn an_owner_sets_rules_bans_and_erases() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--size", "64x64"]);
    let _keeper = home.keep(&link, "kept");
    let vandal = peer_of(&home, &link, "vandal");
    let paint = |pixel: &str, identity: &str| {
        home.run(["place", "paint", &link, "--pixel", pixel, "--identity", identity, "--json"])
    };
    paint("1,1,#ff0000", "vandal").expect_code(0);
    paint("2,1,#0000ff", "friend").expect_code(0);

    // Who does not own the room decides nothing.
    let stranger = ["place", "ban", &link, &vandal, "--identity", "friend", "--json"];
    assert_eq!(home.run(stranger).expect_code(4).json()["reason"], "not-allowed");
    let stranger = ["place", "rules", &link, "--cells-per-minute", "1", "--identity", "friend", "--json"];
    assert_eq!(home.run(stranger).expect_code(4).json()["reason"], "not-allowed");

    let banned = home.run(["place", "ban", &link, &vandal, "--json"]).expect_code(0).json();
    assert_eq!((&banned["peer"], &banned["banned"]), (&vandal.as_str().into(), &true.into()));
    let refused = paint("3,1,#ff0000", "vandal").expect_code(4);
    assert_eq!(refused.expect_words(&["You are banned in this room"]).json()["reason"], "banned");
    home.run(["place", "rules", &link, "--name", "Gar\u{202e}den"]).expect_code(0);
    let rules = home.run(["place", "rules", &link, "--json"]).expect_code(0).json();
    assert_eq!(rules["name"], "Garden", "what turns writing around is left out");
    assert_eq!(rules["banned"], serde_json::json!([vandal]));

    assert!(home.run(["place", "erase", &link, "--by", &vandal]).expect_code(0).stdout.contains("Erased"));
    home.run(["place", "export", &link, "--out", "out.png"]).expect_code(0);
    let out = home.pixels("out.png");
    assert_eq!((out.get_pixel(1, 1), out.get_pixel(2, 1)), (&Rgba([0; 4]), &Rgba([0, 0, 255, 255])));
    assert!(
        home.run(["place", "ban", &link, &vandal, "--lift"])
            .expect_code(0)
            .stdout
            .contains("can paint again")
    );
    paint("3,1,#ff0000", "vandal").expect_code(0);

    let painters = ["place", "rules", &link, "--painters", &vandal, "--json"];
    let rules = home.run(painters).expect_code(0).json();
    assert_eq!((&rules["painters"], &rules["known_by"]), (&serde_json::json!([vandal]), &1.into()));
    let refused = paint("4,1,#ff0000", "friend").expect_code(4);
    assert_eq!(refused.expect_words(&["You can watch"]).json()["reason"], "not-painter");
    assert!(
        home.run(["place", "rules", &link, "--everybody"])
            .expect_code(0)
            .stdout
            .contains("Painters: everybody")
    );
    paint("4,1,#ff0000", "friend").expect_code(0);
}

#[test]
fn rules_outlive_their_maker_and_a_keepers_crash() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let mut create = home.start(["place", "create", "--server", &url, "--cooldown", "300ms", "--json"]);
    let link: serde_json::Value = serde_json::from_str(&create.line("the LINK", |_| true)).unwrap();
    let link = link["link"].as_str().unwrap().to_owned();
    let keeper = home.keep(&link, "kept");
    create.end().expect_code(0);
    keeper.kill();

    let keeper = home.keep(&link, "kept");
    let rules = home.run(["place", "rules", &link, "--json"]).expect_code(0).json();
    assert_eq!(rules["limit"], serde_json::json!({ "cells": 1, "window_ms": WINDOW_MS }));
    // It waits as long as it must: each cell has a window of its own, by the stamps that are kept.
    let paint = ["place", "paint", &link, "--pixel", "1,1,#ff0000", "2,1,#ff0000", "3,1,#ff0000"];
    home.run(paint).expect_code(0);
    keeper.kill();
    let room = link.parse::<RoomAddress>().unwrap().room().unwrap();
    let stored = RedbStore::open(&home.path("kept/rooms.redb")).unwrap().load(room).unwrap().unwrap();
    let window = |bytes: &Vec<u8>| {
        UnverifiedBatch::decode(&room, bytes).unwrap().verify().unwrap().header().window.most.millis()
            / WINDOW_MS
    };
    let windows: BTreeSet<u64> = stored.batches.iter().map(window).collect();
    assert_eq!((stored.batches.len(), windows.len()), (3, 3), "{windows:?}");
    // Who has no time for that hears how long it takes.
    let _keeper = home.keep(&link, "kept");
    home.run(["place", "rules", &link, "--cooldown", "7days"]).expect_code(0);
    home.run(["place", "paint", &link, "--pixel", "5,5,#ff0000"]).expect_code(0);
    let refused = home.run(["place", "paint", &link, "--pixel", "6,6,#ff0000", "--json"]).expect_code(4);
    let refused = refused.expect_words(&["This room allows 1 cell every 7 days. You have used them. Wait "]);
    assert_eq!(refused.json()["reason"], "too-fast");
}

/// The variables are those of the original Place.
#[test]
fn new_rooms_take_the_servers_overlay_unless_chosen() {
    let home = Home::new();
    let original = ["env", "MODE=kgossip", "NINES=3"];
    let mut server = home.start_through(&original, ["serve", "--listen", "127.0.0.1:0"]);
    let line = server.line("listening", |line| line.starts_with("listening on "));
    let url = &line["listening on ".len()..];
    for (chosen, overlay) in [(&[][..], "k-gossip:3"), (&["--overlay", "full-mesh"], "full-mesh")] {
        let create = [&["place", "create", "--server", url, "--cooldown", "2s", "--json"], chosen].concat();
        let mut create = home.start(create);
        let link: serde_json::Value = serde_json::from_str(&create.line("the LINK", |_| true)).unwrap();
        let link = link["link"].as_str().unwrap().to_owned();
        let keeper = home.keep(&link, overlay);
        create.end().expect_code(0);
        let rules = home.run(["place", "rules", &link, "--json"]).expect_code(0).json();
        assert_eq!(rules["overlay"], overlay, "{rules}");
        keeper.kill();
    }
}

#[test]
fn rules_that_nobody_takes_are_exit_3() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let create = ["place", "create", "--server", &url, "--cells-per-minute", "9", "--timeout", "2s"];
    home.run(create).expect_code(3).expect_words(&["No member that stays"]);
}
