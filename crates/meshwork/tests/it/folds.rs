//! What is kept of documents that people write in short sessions.

use std::time::Duration;

use meshwork::testing::Network;
use meshwork::{Endpoint, Room};
use yrs::{ReadTxn as _, StateVector};

const NOTES: &str = "notes";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One more session of somebody, in step with who is in the room.
async fn session(network: &Network, endpoint: &mut Endpoint, link: &str) -> Room {
    *endpoint = network.restart(endpoint);
    let room = endpoint.join(link).await.unwrap();
    room.in_step().await.unwrap();
    room
}

/// Writes, and returns how many batches that took.
async fn write(room: &Room, at: usize, words: &str) -> u64 {
    let receipt = room.document(NOTES).edit(|text| text.insert(at, words)).await.unwrap().unwrap();
    *receipt.sequences().end()
}

fn bytes(batches: &[Vec<u8>]) -> usize {
    batches.iter().map(Vec::len).sum()
}

/// The stored batches that count; what was replaced waits behind them for a week, behind a byte 00.
fn counting(stored: &[Vec<u8>]) -> Vec<Vec<u8>> {
    stored.iter().filter(|batch| batch[0] != 0).cloned().collect()
}

/// How many stored batches have these words.
fn have(batches: &[Vec<u8>], words: &str) -> usize {
    let has = |batch: &&Vec<u8>| batch.windows(words.len()).any(|window| window == words.as_bytes());
    batches.iter().filter(has).count()
}

#[tokio::test(start_paused = true)]
async fn short_sessions_are_folded_by_the_next() {
    let network = Network::calm(21);
    let kim = network.keeper("Kim");
    let kept = kim.create(meshwork::sync::room()).await.unwrap();
    let link = kept.link().to_string();
    let mut people = [network.endpoint("Ann"), network.endpoint("Bo"), network.keeper("Lou")];
    let mut length = 0;
    // At last each comes once more and writes one word.
    for turn in 0..=12 {
        for person in &mut people {
            let room = session(&network, person, &link).await;
            for edit in 0..if turn < 12 { 6 } else { 1 } {
                let at = (length * (edit + 1) * 7 + turn) % (length + 1);
                write(&room, at, "a word or two ").await;
                length += 14;
                if edit == 3 {
                    room.document(NOTES).edit(|text| text.delete(at..at + 5)).await.unwrap();
                    length -= 5;
                }
            }
            room.kept().await.unwrap();
        }
    }
    network.run(Duration::from_secs(5)).await;
    let notes = kept.document(NOTES);
    let whole = notes.look(|now| now.encode_state_as_update_v1(&StateVector::default())).await.unwrap().len();
    let stored = counting(&network.stored(&kim));
    println!("{} batches of {} bytes, {whole} bytes of Yjs", stored.len(), bytes(&stored));
    assert!(2 * bytes(&stored) <= 3 * whole, "{} bytes for {whole}", bytes(&stored));
    assert_eq!(notes.text().await.unwrap().len(), length);
}

#[tokio::test(start_paused = true)]
async fn counters_of_short_sessions_are_folded() {
    let network = Network::calm(24);
    let kim = network.keeper("Kim");
    let kept = kim.create(meshwork::sync::room()).await.unwrap();
    let link = kept.link().to_string();
    let mut people = [network.endpoint("Ann"), network.endpoint("Bo")];
    for turn in 1..=10 {
        for person in &mut people {
            let room = session(&network, person, &link).await;
            for _ in 0..4 {
                room.counter("likes").add(1).await.unwrap();
            }
            network.run(Duration::from_secs(5)).await;
        }
        let stored = counting(&network.stored(&kim));
        assert!(stored.len() <= 4, "turn {turn}: {} batches", stored.len());
    }
    let stored = counting(&network.stored(&kim));
    println!("{} bytes a person", bytes(&stored) / people.len());
    assert!(bytes(&stored) <= people.len() * 600, "{} bytes", bytes(&stored));
    assert_eq!(kept.counter("likes").value().await.unwrap(), 80);
}

#[tokio::test(start_paused = true)]
async fn own_deleted_text_leaves_every_store() {
    let secret = "the-password-is-swordfish";
    let network = Network::calm(22);
    let (kim, lou) = (network.keeper("Kim"), network.keeper("Lou"));
    let kept = kim.create(meshwork::sync::room()).await.unwrap();
    let link = kept.link().to_string();
    let _second = lou.join(&link).await.unwrap();
    let mut ann = network.keeper("Ann");
    let room = ann.join(&link).await.unwrap();
    write(&room, 0, &format!("It begins {secret} and ends")).await;
    room.document(NOTES).edit(|text| text.delete(10..10 + secret.len())).await.unwrap();
    room.kept().await.unwrap();
    network.run(Duration::from_secs(5)).await;
    for keeper in [&kim, &lou, &ann] {
        assert_eq!(have(&network.stored(keeper), secret), 1, "what was said stands there until a fold");
    }
    let room = session(&network, &mut ann, &link).await;
    write(&room, 0, ">").await;
    network.run(Duration::from_secs(5)).await;
    for keeper in [&kim, &lou, &ann] {
        let stored = network.stored(keeper);
        assert_eq!(have(&stored, secret), 1, "it waits, and nobody is given it");
        let stored = counting(&stored);
        assert_eq!((have(&stored, secret), have(&stored, "It begins")), (0, 1));
    }
    assert_eq!(kept.document(NOTES).text().await.unwrap(), ">It begins  and ends");
    // Who was away hears of the letters no more.
    let late = network.keeper("Moe");
    late.join(&link).await.unwrap().in_step().await.unwrap();
    network.run(Duration::from_secs(5)).await;
    assert_eq!(have(&network.stored(&late), secret), 0);
    // Each alone, so that no week of keep-alives has to be simulated.
    let keepers = [&kim, &lou, &ann, &late];
    for (number, keeper) in keepers.iter().enumerate() {
        keepers[number + 1..].iter().for_each(|other| network.cut(keeper, other));
    }
    network.stop_server();
    network.run(8 * DAY).await;
    for keeper in keepers {
        let stored = network.stored(keeper);
        assert_eq!((have(&stored, secret), have(&stored, "It begins")), (0, 1), "a week is over");
    }
}

#[tokio::test(start_paused = true)]
async fn two_devices_fold_seldom() {
    let network = Network::calm(23);
    let kim = network.keeper("Kim");
    let kept = kim.create(meshwork::sync::room()).await.unwrap();
    let link = kept.link().to_string();
    let mut first = network.endpoint("Ann");
    let mut second = network.device(&first, "Ann's phone");
    let (edits, mut length) = (8, 0);
    for turn in 0..6 {
        let rooms = [session(&network, &mut first, &link).await, session(&network, &mut second, &link).await];
        // Both begin apart, so that both fold the same.
        network.cut(&first, &second);
        let mut batches = [0; 2];
        for edit in 0..edits {
            for (room, batches) in rooms.iter().zip(&mut batches) {
                *batches = write(room, length / 2, "word ").await;
                length += 5;
            }
            network.run(Duration::from_millis(300)).await;
            if edit == 2 {
                network.heal();
            }
        }
        rooms[0].in_step().await.unwrap();
        for batches in batches {
            assert!(batches <= edits + 2, "turn {turn}: {batches} batches for {edits} edits");
        }
        let text = kept.document(NOTES).text().await.unwrap();
        assert_eq!(text.len(), length, "turn {turn}: {text}");
    }
}
