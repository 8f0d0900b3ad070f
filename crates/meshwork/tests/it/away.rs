//! A member that was away for a week.

use std::collections::BTreeSet;
use std::time::Duration;

use meshwork::testing::Network;
use meshwork::{Endpoint, Room};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What somebody does in a day.
async fn live(room: &Room, name: &str, day: usize) {
    for turn in 0..12 {
        room.counter("likes").add(1).await.unwrap();
        room.counter(name).add(2).await.unwrap();
        room.values().set(&format!("{name}/{turn}"), &format!("{day} {turn}")).await.unwrap();
        room.values().set("shared", &format!("{name} {day} {turn}")).await.unwrap();
        let words = format!("{name} wrote this on day {day}, turn {turn}. ");
        room.document("notes").edit(|text| text.push(&words)).await.unwrap();
        room.document(name).edit(|text| text.insert(0, &words)).await.unwrap();
    }
}

/// All that can be read.
async fn read(room: &Room) -> (Vec<i64>, Vec<String>) {
    let mut counters = Vec::new();
    for name in ["likes", "Ann", "Kim"] {
        counters.push(room.counter(name).value().await.unwrap());
    }
    let mut texts = Vec::new();
    for entry in room.values().entries("").await.unwrap() {
        texts.push(format!("{}: {}", entry.key(), entry.read::<String>().unwrap()));
    }
    for name in ["notes", "Ann", "Kim"] {
        texts.push(room.document(name).text().await.unwrap());
    }
    (counters, texts)
}

/// Bytes of what one of two has stored and the other one has not; what was replaced waits behind a byte 00, and is not asked
/// for.
fn missing(network: &Network, one: &Endpoint, other: &Endpoint) -> usize {
    let counting = |endpoint| network.stored(endpoint).into_iter().filter(|batch| batch[0] != 0);
    let [one, other] = [one, other].map(|endpoint| BTreeSet::from_iter(counting(endpoint)));
    one.symmetric_difference(&other).map(Vec::len).sum()
}

#[tokio::test(start_paused = true)]
async fn a_week_apart_costs_what_is_missing() {
    let network = Network::calm(41);
    let (ann, kim) = (network.keeper("Ann"), network.keeper("Kim"));
    let room = ann.create(meshwork::sync::room()).await.unwrap();
    let same = kim.join(room.link().to_string()).await.unwrap();
    // Long before, there was more than what is written in a week.
    let long = "What stood there before. ".repeat(20_000);
    room.document("notes").edit(|text| text.insert(0, &long)).await.unwrap();
    room.kept().await.unwrap();
    network.run(Duration::from_secs(5)).await;
    assert_eq!(missing(&network, &ann, &kim), 0);
    assert!(network.stored(&kim).iter().map(Vec::len).sum::<usize>() > long.len());
    network.cut(&ann, &kim);
    for day in 0..7 {
        network.run(DAY).await;
        live(&room, "Ann", day).await;
        live(&same, "Kim", day).await;
    }
    network.run(Duration::from_secs(5)).await;
    let missing_then = missing(&network, &ann, &kim);
    network.heal();
    while missing(&network, &ann, &kim) > 0 {
        network.run(Duration::from_secs(1)).await;
    }
    let (sent, received) = room.member(kim.id()).await.unwrap().traffic();
    let traffic = (sent + received) as usize;
    println!("{missing_then} bytes were missing, {sent} + {received} travelled");
    // A link, the comparison, and for each batch its frame and what acknowledges it come to less than half as much again.
    assert!(traffic < missing_then + missing_then / 2, "{traffic} bytes travelled for {missing_then}");
    let (mine, theirs) = (read(&room).await, read(&same).await);
    assert_eq!(mine, theirs);
    assert_eq!(mine.0, [2 * 7 * 12, 2 * 7 * 12, 2 * 7 * 12]);
    assert!(mine.1.iter().any(|text| text.starts_with("What stood") && text.contains("Kim wrote")));
}
