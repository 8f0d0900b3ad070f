//! Private rooms with an edit key: guests are heard on every lane as soon as they may write.

use std::time::Duration;

use meshwork::testing::Network;
use meshwork::{Endpoint, Inbox, Room};
use tokio::time::timeout;

/// Time in which a member is heard.
const SOON: Duration = Duration::from_secs(10);

/// A private room with an edit key, of Ann.
async fn private(ann: &Endpoint) -> Room {
    let room = ann.create(meshwork::room("votes").private()).await.unwrap();
    room.rules().new_edit_link().await.unwrap();
    room
}

/// Speaks on the lanes without signatures until others hear a datagram and see the presence of a member. Returns whether
/// all of them did soon.
async fn is_heard_by(speaker: &Room, others: &[&Room]) -> bool {
    let me = speaker.me();
    let mut inboxes: Vec<Inbox<u64>> = others.iter().map(|room| room.topic("moves").listen()).collect();
    let speak = async {
        for number in 0.. {
            speaker.presence().set(&number).await.unwrap();
            speaker.topic::<u64>("moves").datagram(&number).await.unwrap();
            crate::tick(Duration::from_millis(500)).await;
        }
    };
    let hear = async {
        for (room, inbox) in others.iter().zip(&mut inboxes) {
            while inbox.next().await.unwrap().from != me {}
            while room.presence().of::<u64>(me).is_none() {
                crate::tick(Duration::from_millis(50)).await;
            }
        }
    };
    tokio::select! {
        () = speak => false,
        heard = timeout(SOON, hear) => heard.is_ok(),
    }
}

#[tokio::test(start_paused = true)]
async fn guests_are_heard_before_they_write() {
    for seed in 0..4 {
        let network = Network::new(seed);
        let [ann, bo, kim] = ["Ann", "Bo", "Kim"].map(|name| network.endpoint(name));
        let room = private(&ann).await;
        let (first, second) = (bo.join(room.link()).await.unwrap(), kim.join(room.link()).await.unwrap());
        assert!(is_heard_by(&first, &[&room, &second]).await, "seed {seed}");
        assert!(is_heard_by(&second, &[&room, &first]).await, "seed {seed}");
        assert!(is_heard_by(&room, &[&first, &second]).await, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_link_after_a_view_link_admits() {
    let network = Network::calm(7);
    let [ann, bo, kim] = ["Ann", "Bo", "Kim"].map(|name| network.endpoint(name));
    let room = private(&ann).await;
    let other = kim.join(room.link()).await.unwrap();
    let looking = bo.join(room.rules().view_link()).await.unwrap();
    assert!(!is_heard_by(&looking, &[&room]).await, "a guest with the view link is not heard");
    looking.leave();
    let same = bo.join(room.link()).await.unwrap();
    assert!(is_heard_by(&same, &[&room, &other]).await);
}

#[tokio::test(start_paused = true)]
async fn a_new_edit_link_admits_its_holders() {
    let network = Network::calm(7);
    let [ann, bo, kim] = ["Ann", "Bo", "Kim"].map(|name| network.endpoint(name));
    let room = private(&ann).await;
    let (former, other) = (bo.join(room.link()).await.unwrap(), kim.join(room.link()).await.unwrap());
    assert!(is_heard_by(&former, &[&room, &other]).await);
    let new = room.rules().new_edit_link().await.unwrap();
    network.run(SOON).await;
    assert!(!is_heard_by(&former, &[&room]).await, "the former link does not admit any more");
    former.leave();
    let same = bo.join(new).await.unwrap();
    assert!(is_heard_by(&same, &[&room, &other]).await, "also by a member with the former link");
}

#[tokio::test(start_paused = true)]
async fn guests_are_heard_across_a_large_room() {
    let network = Network::calm(9);
    let ann = network.endpoint("Ann");
    let room = private(&ann).await;
    let mut terms = room.rules().terms().await.unwrap().unwrap();
    terms.overlay = "k-gossip".parse().unwrap();
    room.rules().set(terms).await.unwrap();
    let mut others = Vec::new();
    for number in 0..29 {
        let other = network.endpoint(&format!("Guest {number}"));
        let same = other.join(room.link()).await.unwrap();
        others.push((other, same));
    }
    network.run(Duration::from_secs(60)).await;
    let neighbours = others[3].1.neighbourhood().await.unwrap().neighbours.len();
    assert!(neighbours < others.len(), "a guest is linked with {neighbours} of {}", others.len());
    for speaker in [3, 20] {
        let listeners = others.iter().enumerate().filter(|(place, _)| *place != speaker);
        let listeners: Vec<&Room> = listeners.map(|(_, (_, same))| same).chain([&room]).collect();
        assert!(is_heard_by(&others[speaker].1, &listeners).await, "guest {speaker}");
    }
}
