//! Devices with wrong clocks.

use std::time::Duration;

use meshwork::chat;
use meshwork::testing::Network;
use meshwork::{Event, Room};

/// Time in which a write reaches everybody.
const SOON: Duration = Duration::from_secs(5);
const SEVEN_MINUTES_MS: u64 = 7 * 60 * 1000;

async fn texts(room: &Room) -> Vec<String> {
    room.chat().all().await.unwrap().into_iter().map(|post| post.text).collect()
}

#[tokio::test(start_paused = true)]
async fn a_clock_ahead_writes_for_newcomers() {
    let network = Network::calm(3);
    let (ann, bo, cleo) = (network.endpoint("Ann"), network.endpoint("Bo"), network.endpoint("Cleo"));
    network.set_clock(&ann, SEVEN_MINUTES_MS as i64);
    let room = ann.create(chat::room().named("Ferry")).await.unwrap();
    let (first, _) = room.chat().post("First").await.unwrap();
    let joined = bo.join(room.link()).await.unwrap();
    network.run(SOON).await;
    assert_eq!((texts(&joined).await, joined.name().await.unwrap()), (vec!["First".into()], "Ferry".into()));
    joined.chat().write("Second").reply(first).send().await.unwrap();
    network.run(SOON).await;
    // Alone again, with the stamp of somebody else.
    joined.leave();
    bo.close().await;
    network.run(SOON).await;
    room.chat().post("Third").await.unwrap();
    let joined = cleo.join(room.link()).await.unwrap();
    network.run(SOON).await;
    assert_eq!(texts(&joined).await, ["First", "Second", "Third"]);
    assert_eq!(joined.waiting().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_post_stamped_ahead_says_when_it_appears() {
    let network = Network::calm(4);
    let (ann, bo) = (network.endpoint_without_server("Ann"), network.endpoint("Bo"));
    network.set_clock(&ann, SEVEN_MINUTES_MS as i64);
    let room = ann.create(chat::room()).await.unwrap();
    room.chat().post("Early").await.unwrap();
    let own = room.chat().all().await.unwrap().remove(0);
    assert_eq!(room.chat().appears_at(&own).await.unwrap(), None, "nobody says that the clock is wrong");
    room.add_server("http://meet.test").await.unwrap();
    room.registered().await.unwrap();
    let appears = room.chat().appears_at(&own).await.unwrap().expect("a server says so");
    let joined = bo.join(room.link()).await.unwrap();
    let mut events = joined.events();
    network.run(SOON).await;
    assert!(texts(&joined).await.is_empty(), "it is never accepted early");
    let waiting = joined.chat().waiting().await.unwrap();
    assert_eq!(waiting, joined.waiting().await.unwrap());
    let [waits] = waiting[..] else { panic!("one author waits, not {waiting:?}") };
    assert_eq!((waits.author, waits.writes), (ann.id().peer, 1));
    // The same moment by two clocks.
    assert!(appears.abs_diff(waits.until_ms + SEVEN_MINUTES_MS) < 1000, "{appears} {waits:?}");
    network.run(Duration::from_millis(SEVEN_MINUTES_MS)).await;
    assert_eq!(texts(&joined).await, ["Early"]);
    assert_eq!(
        (joined.waiting().await.unwrap(), room.chat().appears_at(&own).await.unwrap()),
        (vec![], None)
    );
    let mut told = 0;
    while let Ok(Some(event)) = tokio::time::timeout(SOON, events.next()).await {
        told += usize::from(matches!(event, Event::WaitingChanged));
    }
    assert!(matches!(told, 1 | 2), "it waits, and it counts");
}
