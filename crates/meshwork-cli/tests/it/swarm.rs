//! `meshwork swarm`: several peers of one process in a room, that paint and leave.

use std::collections::BTreeSet;

use crate::support::{Home, Running};

#[test]
fn a_swarm_links_paints_and_leaves_when_interrupted() {
    let home = Home::new();
    let (_server, address) = home.serve();
    let link = home.create(&address, &["--size", "64x64"]);
    let mut watcher = home.start(["place", "watch", &link]);
    watcher.event("room", |event| event["state"] == "opened");
    let asked = ["--peers", "4", "--paint", "80", "--links", "8", "--tell", "100ms", "--json"];
    let mut swarm = home.start(["swarm", &link].into_iter().chain(asked));
    let ready = swarm.event("ready", |_| true);
    assert_eq!(ready["peers"], 4);
    let linked = |peer: &serde_json::Value| {
        let links = peer["links"].as_array().cloned().unwrap_or_default();
        links.iter().filter(|link| link["state"] == "direct" && link["neighbour"] == true).count() == 4
    };
    let told = swarm.event("peer", |peer| linked(peer) && peer["painted"].as_u64() > Some(0));
    assert!(told["endpoint"].is_string(), "{told}");
    // Each of them is a member of its own, and what they paint arrives.
    let mut painters = BTreeSet::new();
    while painters.len() < 4 {
        let stroke = watcher.event("stroke", |_| true);
        painters.insert(stroke["peer"].as_str().map(str::to_owned));
    }
    swarm.interrupt();
    let ended = swarm.end().expect_code(0);
    let last: serde_json::Value =
        serde_json::from_str(ended.stdout.lines().last().unwrap_or("")).unwrap_or_default();
    assert_eq!((&last["event"], &last["peers"]), (&"ended".into(), &4.into()), "{ended:?}");
    assert!(last["cells"].as_u64().is_some_and(|cells| cells >= 4), "{ended:?}");
    // A goodbye comes from whoever the watcher was linked to; some strokes came to it through others.
    watcher.event("left", |_| true);
}

/// Reads what peers of a swarm know of the room's overlay until `peers` of them know this one. Whoever knows it never
/// says another, and before that none but `auto`.
fn follow(swarm: &mut Running, peers: usize, overlay: &str) {
    let mut know = BTreeSet::new();
    while know.len() < peers {
        let peer = swarm.event("peer", |_| true);
        let endpoint = peer["endpoint"].to_string();
        match peer["overlay"] == overlay {
            true => drop(know.insert(endpoint)),
            false => assert!(!know.contains(&endpoint) && peer["overlay"] == "auto", "{peer}"),
        }
    }
}

/// Ends a swarm whose peers all know this overlay: none says another to the last.
fn end(swarm: Running, overlay: &str) {
    swarm.interrupt();
    let ended = swarm.end().expect_code(0);
    let lines = ended.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    for peer in lines.filter(|line| line["event"] == "peer") {
        assert_eq!(peer["overlay"], overlay, "{peer}");
    }
}

#[test]
fn a_swarm_changes_only_its_own_rooms_overlay() {
    let home = Home::new();
    let (_server, address) = home.serve();
    let link = home.create(&address, &["--size", "64x64"]);
    let started = |home: &Home, peers: &str, overlay: &str| {
        let asked = ["--peers", peers, "--overlay", overlay, "--tell", "100ms", "--json"];
        home.start(["swarm", &link].into_iter().chain(asked))
    };
    let mut swarm = started(&home, "3", "k-gossip:4");
    assert_eq!(swarm.event("ready", |_| true)["overlay"], true);
    follow(&mut swarm, 3, "k-gossip:4");
    // Whoever lets the reader in knows it by now.
    let read = || home.run(["place", "rules", &link, "--json"]).expect_code(0).json()["overlay"].clone();
    assert_eq!(read(), "k-gossip:4", "the room follows its owner");
    let stranger = Home::new();
    let mut second = started(&stranger, "2", "emergent");
    assert_eq!(second.event("ready", |_| true)["overlay"], false, "only its owner changes a room");
    follow(&mut second, 2, "k-gossip:4");
    assert_eq!([read(), read()], ["k-gossip:4"; 2], "a stranger changes nothing");
    end(second, "k-gossip:4");
    end(swarm, "k-gossip:4");
}

#[test]
fn a_swarm_has_limits_and_reports_unreachable_servers() {
    let home = Home::new();
    let link = "http://127.0.0.1:1/place/K7M4QX";
    home.run(["swarm", link, "--peers", "0"]).expect_code(2);
    home.run(["swarm", link, "--peers", "501"]).expect_code(2);
    home.run(["swarm", link, "--peers", "1", "--links", "3"]).expect_code(2);
    home.run(["swarm", link, "--peers", "1", "--tell", "1s"]).expect_code(2);
    let arguments = ["swarm", link, "--peers", "2", "--timeout", "1s", "--json"];
    assert_eq!(home.run(arguments).expect_code(3).json()["reason"], "unreachable");
}
