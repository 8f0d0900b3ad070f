//! `meshwork swarm`: several peers of one process in a room, that paint and leave.

use crate::support::Home;

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
    let mut painters = std::collections::BTreeSet::new();
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

#[test]
fn a_swarm_changes_the_overlay_of_ones_own_room_alone() {
    let home = Home::new();
    let (_server, address) = home.serve();
    let link = home.create(&address, &["--size", "64x64"]);
    let arguments = ["swarm", &link, "--peers", "3", "--overlay", "k-gossip:4", "--json"];
    let mut swarm = home.start(arguments);
    assert_eq!(swarm.event("ready", |_| true)["overlay"], true);
    // Whoever lets the reader in may not have heard of it yet.
    let overlay = || home.run(["place", "rules", &link, "--json"]).expect_code(0).json()["overlay"].clone();
    let follows = || (0..20).any(|_| overlay() == "k-gossip:4");
    assert!(follows(), "the room follows its owner: {}", overlay());
    let stranger = Home::new();
    let mut second = stranger.start(["swarm", &link, "--peers", "2", "--overlay", "emergent", "--json"]);
    assert_eq!(second.event("ready", |_| true)["overlay"], false, "only its owner changes a room");
    assert!(follows(), "a stranger changes nothing: {}", overlay());
}

#[test]
fn a_swarm_has_limits_and_says_who_is_not_there() {
    let home = Home::new();
    let link = "http://127.0.0.1:1/place/K7M4QX";
    home.run(["swarm", link, "--peers", "0"]).expect_code(2);
    home.run(["swarm", link, "--peers", "501"]).expect_code(2);
    home.run(["swarm", link, "--peers", "1", "--links", "3"]).expect_code(2);
    home.run(["swarm", link, "--peers", "1", "--tell", "1s"]).expect_code(2);
    let arguments = ["swarm", link, "--peers", "2", "--timeout", "1s", "--json"];
    assert_eq!(home.run(arguments).expect_code(3).json()["reason"], "unreachable");
}
