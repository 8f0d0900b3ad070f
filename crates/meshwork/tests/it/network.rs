//! The suite on a network in virtual time, and what that network offers.

use std::time::Duration;

use meshwork::testing::Network;
use meshwork::{
    BlobError, CreateError, Endpoint, Event, FETCHES_MAX, FetchError, JoinError, KeptError, MEMORY_MAX, Room,
    place,
};

use crate::guard::in_private_rooms_too;
use crate::suite::{self, People};

fn people(seed: u64) -> People {
    people_of(&Network::calm(seed))
}

/// People whose server is away.
fn people_alone(seed: u64) -> People {
    let network = Network::calm(seed);
    let kim = network.keeper("Kim");
    People { ann: network.endpoint_without_server("Ann"), bo: network.endpoint_without_server("Bo"), kim }
}

fn people_of(network: &Network) -> People {
    People { ann: network.endpoint("Ann"), bo: network.endpoint("Bo"), kim: network.keeper("Kim") }
}

macro_rules! each {
    ($people:ident in any room: $($test:ident),*) => {
        each!($people: $($test),*);
        in_private_rooms_too!($($test),*);
    };
    ($people:ident: $($test:ident),*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $test() {
            suite::$test($people(7)).await;
        }
    )*};
}

suite::all!(each);

#[tokio::test(start_paused = true)]
async fn wrong_links_are_told_apart() {
    let people = people(7);
    let room = people.ann.create(meshwork::room("votes").private()).await.unwrap();
    let link = room.link().to_string();
    let (bare, _) = link.split_once('.').map(|_| link.rsplit_once('.').unwrap()).unwrap();
    assert!(matches!(people.bo.join(bare).await, Err(JoinError::WrongSecret)), "{bare}");
    assert!(matches!(people.bo.join("no link").await, Err(JoinError::Link(_))));
    assert!(matches!(people.bo.open(&link).await, Err(JoinError::NotStored)));
    people.bo.join(&link).await.unwrap();
    let server = link.split("/votes").next().unwrap();
    let error = people.bo.join(format!("{server}/votes/222222")).await.unwrap_err();
    let JoinError::Unknown { servers } = error else { panic!("{error}") };
    assert_eq!(servers, [server]);
}

#[tokio::test(start_paused = true)]
async fn unknown_codes_and_empty_rooms_answer_in_seconds() {
    let people = people(7);
    let room = people.ann.create(meshwork::room("votes")).await.unwrap();
    let (link, begun) = (room.link(), tokio::time::Instant::now());
    let code = people.bo.join("222222").await.unwrap_err();
    assert!(matches!(code, JoinError::Unknown { .. }), "{code}");
    people.ann.close().await;
    let empty = people.bo.join(&link).await.unwrap_err();
    assert!(matches!(empty, JoinError::NobodyReached { .. }), "{empty}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_restarted_server_learns_its_rooms_in_time() {
    let network = Network::calm(7);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    network.stop_server();
    network.run(Duration::from_secs(5)).await;
    network.start_server();
    assert_eq!(bo.join(room.link()).await.unwrap().id(), room.id());
}

#[tokio::test(start_paused = true)]
async fn failing_servers_are_errors_for_new_rooms() {
    let network = Network::calm(7);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    network.stop_server();
    let error = ann.create(meshwork::room("votes")).await.unwrap_err();
    let CreateError::Server { tried } = &error else { panic!("{error}") };
    assert_eq!(tried.len(), 1, "{error}");
    // Without a server a room is made alone, and shared later.
    let alone = network.endpoint_without_server("Kim");
    let room = alone.create(meshwork::room("votes")).await.unwrap();
    assert_eq!(room.code(), None);
    network.start_server();
    room.add_server(&tried[0].0).await.unwrap();
    room.registered().await.unwrap();
    assert_eq!(bo.join(room.link()).await.unwrap().id(), room.id());
}

#[tokio::test(start_paused = true)]
async fn blobs_that_nobody_holds_are_told_in_seconds() {
    let people = people(7);
    let room = people.ann.create(meshwork::room("votes")).await.unwrap();
    let same = people.bo.join(room.link()).await.unwrap();
    let id = "00".repeat(32).parse().unwrap();
    let begun = tokio::time::Instant::now();
    assert!(matches!(same.blobs().fetch(id).await, Err(FetchError::NobodyHolds)));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn rows_are_listed_and_authors_named() {
    let people = people(7);
    let room = people.ann.create(meshwork::room("votes")).await.unwrap();
    let same = people.bo.join(room.link()).await.unwrap();
    let table = same.table("beds");
    for (key, field, value) in
        [("south", "width", 3), ("north", "width", 2), ("north", "depth", 1), ("n", "", 9)]
    {
        table.row(key).set(field, &value).await.unwrap();
    }
    table.row("gone").set("width", &1).await.unwrap();
    table.row("gone").remove("width").await.unwrap();
    let keys = async |prefix: &str| {
        let rows = table.rows(prefix).await.unwrap();
        rows.iter().map(|row| row.key().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys("").await, ["n", "north", "south"]);
    assert_eq!(keys("no").await, ["north"]);
    let fields = table.row("north").fields().await.unwrap();
    let read: Vec<_> = fields.iter().map(|(name, entry)| (&**name, entry.read::<u8>().unwrap())).collect();
    assert_eq!(read, [("depth", 1), ("width", 2)]);
    let mut changes = room.table("beds").watch("");
    while room.table("beds").rows("").await.unwrap().len() < 3 {
        changes.next().await;
    }
    let author = room.table("beds").row("north").get("width").await.unwrap().unwrap().author();
    assert_eq!(room.name_of(author).await.unwrap().as_deref(), Some("Bo"));
    assert_eq!(room.name_of(people.ann.id().peer).await.unwrap().as_deref(), Some("Ann"));
    // Also when they have left.
    let mut events = room.events();
    people.bo.close().await;
    while !matches!(events.next().await, Some(Event::Left { .. })) {}
    assert_eq!(room.name_of(author).await.unwrap().as_deref(), Some("Bo"));
    assert_eq!(room.name_of(people.kim.id().peer).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn empty_rooms_are_told_from_unknown_ones() {
    let people = people(7);
    let room = people.ann.create(meshwork::room("votes")).await.unwrap();
    let link = room.link();
    people.ann.close().await;
    let error = people.bo.join(link).await.unwrap_err().to_string();
    assert!(error.contains("nobody in the room who answers"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_a_program_prints_is_short() {
    let people = people(7);
    let room = people.ann.create(meshwork::room("votes")).await.unwrap();
    let same = people.bo.join(room.link()).await.unwrap();
    room.table("votes").set("headline", "Ferry or train?").await.unwrap();
    let entry = room.table("votes").get("headline").await.unwrap().unwrap();
    let shown = format!("{entry:?}");
    assert!(shown.contains(r#""\"Ferry or train?\"""#) && shown.len() < 150, "{shown}");
    let shown = format!("{:?} {:?}", same.members().await.unwrap(), same.topic::<u8>("a").listen());
    assert!(shown.contains("\"Ann\"") && shown.len() < 250, "{shown}");
}

/// What two people see of a vote through a cut, as text.
async fn vote_through_a_cut(seed: u64) -> String {
    let network = Network::new(seed);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let same = bo.join(room.link()).await.unwrap();
    network.cut(&ann, &bo);
    network.run(Duration::from_secs(30)).await;
    room.table("votes").set("headline", "from Ann").await.unwrap();
    same.table("votes").set("headline", "from Bo").await.unwrap();
    assert!(room.members().await.unwrap().is_empty(), "nobody is here while the network is cut");
    network.heal();
    let begun = tokio::time::Instant::now();
    let read = async |endpoint: &meshwork::Room| {
        endpoint.table("votes").get("headline").await.unwrap().unwrap().read::<String>().unwrap()
    };
    let mut changes = (room.table("votes").watch(""), same.table("votes").watch(""));
    while read(&room).await != read(&same).await {
        tokio::select! { _ = changes.0.next() => {}, _ = changes.1.next() => {} }
    }
    format!("{} after {:?}", read(&room).await, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn cuts_heal_and_seeds_repeat() {
    let (seed, begun) = (11, std::time::Instant::now());
    let first = vote_through_a_cut(seed).await;
    assert_eq!(first, vote_through_a_cut(seed).await, "seed {seed}");
    println!("seed {seed}: {first}, in {:?} of real time", begun.elapsed());
}

/// The rooms of three, where Ann, whose room it is, is cut off from the other two.
async fn cut_off(network: &Network) -> (Endpoint, [meshwork::Room; 3]) {
    let (ann, bo, kim) = (network.endpoint("Ann"), network.endpoint("Bo"), network.keeper("Kim"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let others =
        (bo.join(room.link().to_string()).await.unwrap(), kim.join(room.link().to_string()).await.unwrap());
    room.counter("likes").add(8).await.unwrap();
    room.values().set("title", "from Ann").await.unwrap();
    room.kept().await.unwrap();
    others.0.in_step().await.unwrap();
    network.cut(&ann, &bo);
    network.cut(&ann, &kim);
    network.run(Duration::from_secs(30)).await;
    (bo, [room, others.0, others.1])
}

/// Waits until a counter stands there for everybody.
async fn stands_at(rooms: &[meshwork::Room; 3], value: i64) {
    for room in rooms {
        let mut changes = room.counter("likes").watch();
        while room.counter("likes").value().await.unwrap() != value {
            changes.next().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn steps_on_both_sides_of_a_cut_count() {
    let network = Network::calm(5);
    let (bo, rooms) = cut_off(&network).await;
    rooms[0].counter("likes").add(1).await.unwrap();
    rooms[1].counter("likes").add(1).await.unwrap();
    // While its link opens it goes on.
    network.heal();
    for _ in 0..3 {
        rooms[1].counter("likes").add(1).await.unwrap();
    }
    stands_at(&rooms, 13).await;
    // A new session counts on, and what the last one said stays.
    let again = network.endpoint("Bo again").join(rooms[0].link().to_string()).await.unwrap();
    bo.close().await;
    again.counter("likes").add(1).await.unwrap();
    let [room, _, kept] = rooms;
    stands_at(&[room, again, kept], 14).await;
}

#[tokio::test(start_paused = true)]
async fn steps_of_who_disconnected_count_once() {
    let network = Network::calm(5);
    let (ann, bo, kim) = (network.endpoint("Ann"), network.endpoint("Bo"), network.keeper("Kim"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let (same, kept) = (bo.join(room.link()).await.unwrap(), kim.join(room.link()).await.unwrap());
    let rooms = [room, same, kept];
    rooms[0].counter("likes").add(8).await.unwrap();
    stands_at(&rooms, 8).await;
    for _ in 0..2 {
        rooms[1].disconnect().await.unwrap();
        rooms[1].counter("likes").add(2).await.unwrap();
        network.run(Duration::from_secs(30)).await;
        assert!(rooms[1].members().await.unwrap().is_empty(), "nobody is linked");
        assert_eq!(rooms[0].members().await.unwrap().len(), 1, "it is gone for the others");
        rooms[0].counter("likes").add(1).await.unwrap();
        rooms[1].connect().await.unwrap();
        let expected = rooms[0].counter("likes").value().await.unwrap() + 2;
        stands_at(&rooms, expected).await;
    }
    assert_eq!(rooms[2].counter("likes").value().await.unwrap(), 8 + 2 * 3);
}

#[tokio::test(start_paused = true)]
async fn earlier_values_hold_after_a_ban() {
    let network = Network::calm(5);
    let (bo, rooms) = cut_off(&network).await;
    // What the owner has not heard of does not outlive a ban.
    rooms[1].values().set("title", "from Bo").await.unwrap();
    rooms[1].values().set("note", "Bo's").await.unwrap();
    rooms[1].counter("likes").add(1000).await.unwrap();
    stands_at(&[rooms[1].clone(), rooms[2].clone(), rooms[2].clone()], 1008).await;
    let mut changes = rooms[2].values().watch("").await.unwrap();
    let mut steps = rooms[2].counter("likes").watch();
    rooms[0].rules().ban(bo.id().peer).await.unwrap();
    network.heal();
    let text = |entry: Option<meshwork::Entry>| entry.map(|entry| entry.read::<String>().unwrap());
    let mut told = Vec::new();
    for _ in 0..2 {
        let change = changes.next().await.unwrap();
        told.push((text(change.before), text(change.after), change.author));
    }
    told.sort();
    let some = |text: &str| Some(text.to_owned());
    // Nobody deleted what counts no more.
    let ann = rooms[0].me().peer;
    assert_eq!(told, [(some("Bo's"), None, None), (some("from Bo"), some("from Ann"), Some(ann))]);
    let step = steps.next().await.unwrap();
    assert_eq!((step.by, step.author, step.time_ms, step.value), (-1000, bo.id().peer, None, 8));
}

#[tokio::test(start_paused = true)]
async fn a_room_alone_is_not_kept() {
    let network = Network::calm(3);
    let ann = network.endpoint("Ann");
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    room.table("votes").set("headline", "Ferry").await.unwrap();
    assert_eq!(room.kept().await, Err(KeptError::NobodyStays));
}

#[tokio::test(start_paused = true)]
async fn receipts_tell_strokes_apart() {
    let network = Network::calm(3);
    let (ann, kim) = (network.endpoint("Ann"), network.keeper("Kim"));
    let room = ann.create(place::canvas(8, 8)).await.unwrap();
    let _same = kim.join(room.link()).await.unwrap();
    let kept = room.canvas().fill(0..1, 0..1, [1, 1, 1]).await.unwrap();
    kept.kept().await.unwrap();
    network.cut(&ann, &kim);
    let lost = room.canvas().fill(0..1, 0..1, [2, 2, 2]).await.unwrap();
    assert_eq!((lost.kept().await, kept.kept().await), (Err(KeptError::NobodyStays), Ok(())));
    network.heal();
    while lost.kept().await.is_err() {}
}

#[tokio::test(start_paused = true)]
async fn who_entered_twice_may_leave_once() {
    for (seed, late) in [(7, 0), (7, 20), (8, 100), (9, 1000)] {
        let network = Network::calm(seed);
        let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
        let room = ann.create(meshwork::room("votes").private()).await.unwrap();
        let link = room.link().to_string();
        let first = bo.join(&link).await.unwrap();
        let leave = async {
            network.run(Duration::from_millis(late)).await;
            first.leave();
        };
        let (second, ()) = tokio::join!(bo.join(&link), leave);
        let second = second.unwrap_or_else(|error| panic!("seed {seed}, left after {late} ms: {error}"));
        let here: Vec<_> = second.members().await.unwrap().iter().map(meshwork::Member::id).collect();
        assert_eq!(here, [ann.id()], "seed {seed}, left after {late} ms");
    }
}

/// How long a call takes.
async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let begun = tokio::time::Instant::now();
    (call.await, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn rooms_joined_again_give_handles_at_once() {
    for new in [meshwork::room("votes"), meshwork::room("votes").private()] {
        let network = Network::calm(7);
        let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
        let room = ann.create(new).await.unwrap();
        // The maker is alone, and nobody has to admit it.
        let (again, took) = timed(ann.join(room.link())).await;
        assert_eq!((again.unwrap().id(), took), (room.id(), Duration::ZERO));
        let (first, second) = tokio::join!(bo.join(room.link()), bo.join(room.link()));
        let (first, second) = (first.unwrap(), second.unwrap());
        let code = room.code().unwrap();
        let (third, took) = timed(bo.join(code)).await;
        assert_eq!((third.unwrap().id(), took), (room.id(), Duration::ZERO), "by its code");
        first.table("votes").set("headline", "Ferry").await.unwrap();
        let read = second.table("votes").get("headline").await.unwrap().unwrap();
        assert_eq!(read.read::<String>().unwrap(), "Ferry", "both are one room");
        assert_eq!(room.members().await.unwrap().len(), 1, "seen once by others");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_leaves_the_room() {
    let network = Network::calm(7);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let (first, second) = (bo.join(room.link()).await.unwrap(), bo.join(room.link()).await.unwrap());
    let (mut ended, mut heard) = (first.events(), second.topic::<u8>("questions").listen());
    let clone = first.clone();
    first.leave();
    while ended.next().await.is_some() {}
    let closed = clone.table("votes").set("late", &1).await.unwrap_err();
    assert_eq!(closed, meshwork::WriteError::Closed(meshwork::Closed));
    room.topic("questions").say(&7u8).await.unwrap();
    assert_eq!(heard.next().await.unwrap().value, 7, "the other handle stays");
    assert!(matches!(clone.forget().await, Err(meshwork::StoreError::InUse)));
    drop(bo.join(room.link()).await.unwrap());
    assert_eq!(second.members().await.unwrap().len(), 1);
    let mut events = room.events();
    drop((second, heard));
    while !matches!(events.next().await, Some(Event::Left { .. })) {}
}

#[tokio::test(start_paused = true)]
async fn edit_links_let_viewers_in_the_room_write() {
    let network = Network::calm(7);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes").private()).await.unwrap();
    let link = room.rules().new_edit_link().await.unwrap();
    let looking = bo.join(room.rules().view_link()).await.unwrap();
    let refused = looking.table("votes").set("headline", "Ferry").await.unwrap_err();
    assert_eq!(refused, meshwork::WriteError::NotWriter);
    let wrong = link.to_string().replace(&secret_of(&link), &"A".repeat(22));
    assert!(matches!(bo.join(wrong).await, Err(JoinError::WrongSecret)));
    let (writing, took) = timed(bo.join(&link)).await;
    assert_eq!(took, Duration::ZERO);
    writing.unwrap().table("votes").set("headline", "Ferry").await.unwrap();
    assert_eq!(looking.link().secrets(), link.secrets(), "its link is the edit link from now on");
    let mut changes = room.table("votes").watch("");
    while room.table("votes").get("headline").await.unwrap().is_none() {
        changes.next().await;
    }
}

/// The secret in a private room's link.
fn secret_of(link: &meshwork::Link) -> String {
    link.to_string().split('#').nth(1).unwrap().split(['.', ';']).nth(1).unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn nobody_is_reached_without_a_server() {
    let network = Network::calm(3);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    network.stop_server();
    let error = bo.join(room.link()).await.unwrap_err();
    assert!(matches!(&error, JoinError::NobodyReached { tried } if !tried.is_empty()), "{error}");
}

#[tokio::test(start_paused = true)]
async fn keepers_list_open_and_forget_their_rooms() {
    let network = Network::calm(3);
    let (ann, kim) = (network.endpoint("Ann"), network.keeper("Kim"));
    let room = ann.create(meshwork::room("votes").private()).await.unwrap();
    room.table("votes").set("headline", "Ferry").await.unwrap();
    let kept = kim.join(room.link()).await.unwrap();
    room.kept().await.unwrap();
    network.run(Duration::from_secs(1)).await;
    kept.leave();
    ann.close().await;
    let rooms = kim.rooms().await.unwrap();
    assert_eq!(rooms.len(), 1);
    let link = rooms[0].link.clone().expect("it was found there").to_string();
    // Nobody else is there any more.
    let alone = kim.open(&link).await.unwrap();
    let entry = alone.table("votes").get("headline").await.unwrap().unwrap();
    assert_eq!(entry.read::<String>().unwrap(), "Ferry");
    alone.forget().await.unwrap();
    assert!(kim.rooms().await.unwrap().is_empty());
    assert!(matches!(kim.open(&link).await, Err(JoinError::NotStored)));
}

#[tokio::test(start_paused = true)]
async fn slow_readers_are_told_how_much_they_missed() {
    let network = Network::calm(5);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let same = bo.join(room.link()).await.unwrap();
    let (mut events, mut inbox) = (same.events(), same.topic::<usize>("numbers").listen());
    let numbers = room.topic::<usize>("numbers");
    let count = meshwork::MESSAGES_MAX + 10;
    for number in 0..count {
        numbers.say(&number).await.unwrap();
        network.run(Duration::from_millis(10)).await;
    }
    let heard = inbox.next().await.unwrap();
    assert_eq!((heard.value, heard.missed), (10, 10));
    for number in 0..meshwork::EVENTS_MAX + 10 {
        room.presence().set(&number).await.unwrap();
        network.run(Duration::from_millis(60)).await;
    }
    assert!(matches!(events.next().await, Some(Event::Missed(count)) if count >= 5));
}

#[tokio::test(start_paused = true)]
async fn direct_messages_wait_for_slow_listeners() {
    let network = Network::calm(5);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let same = bo.join(room.link()).await.unwrap();
    let mut inbox = same.topic::<usize>("numbers").listen();
    let (numbers, to) = (room.topic::<usize>("numbers"), bo.id());
    let count = 2 * meshwork::MESSAGES_MAX;
    let said = async {
        for number in 0..count {
            numbers.direct(to, &number).await.unwrap();
        }
    };
    let mut said = std::pin::pin!(said);
    let late = tokio::time::timeout(Duration::from_secs(20), said.as_mut()).await;
    assert!(late.is_err(), "what nobody reads is not taken");
    let heard = async {
        for number in 0..count {
            let heard = inbox.next().await.unwrap();
            assert_eq!((heard.value, heard.missed), (number, 0));
        }
    };
    tokio::join!(said, heard);
}

#[tokio::test(start_paused = true)]
async fn killed_programs_are_noticed() {
    let network = Network::calm(5);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let same = bo.join(room.link()).await.unwrap();
    let mut events = room.events();
    network.kill(&bo);
    while !matches!(events.next().await.unwrap(), Event::Left { .. }) {}
    assert!(same.members().await.is_err(), "its program is gone");
    assert!(Endpoint::id(&bo) != ann.id());
}

#[tokio::test(start_paused = true)]
async fn a_fetch_goes_on_when_its_holder_dies() {
    for seed in 0..4 {
        let network = Network::new(seed);
        let (ann, bo, kim) = (network.endpoint("Ann"), network.endpoint("Bo"), network.endpoint("Kim"));
        let room = ann.create(meshwork::room("votes")).await.unwrap();
        let (same, third) = (bo.join(room.link()).await.unwrap(), kim.join(room.link()).await.unwrap());
        let bytes = vec![7; 3_000_000];
        let id = room.blobs().offer_bytes(&bytes).await.unwrap().id();
        same.blobs().fetch(id).await.unwrap();
        let mut fetch = third.blobs().fetch(id);
        crate::fetch_until(&mut fetch, 500_000).await;
        network.kill(&ann);
        let blob = fetch.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(blob.read().await.unwrap(), bytes, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_goes_on_after_a_cut() {
    let network = Network::new(5);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let same = bo.join(room.link()).await.unwrap();
    let id = room.blobs().offer_bytes(&vec![7; 3_000_000]).await.unwrap().id();
    let mut fetch = same.blobs().fetch(id);
    crate::fetch_until(&mut fetch, 500_000).await;
    network.cut(&ann, &bo);
    network.run(Duration::from_secs(20)).await;
    network.heal();
    assert_eq!(fetch.await.unwrap().size(), 3_000_000);
    // One that was dropped goes on where it was.
    let id = room.blobs().offer_bytes(&vec![8; 3_000_000]).await.unwrap().id();
    let mut fetch = same.blobs().fetch(id);
    crate::fetch_until(&mut fetch, 500_000).await;
    drop(fetch);
    let first = same.blobs().fetch(id).next().await.unwrap().unwrap();
    assert!(first.held >= 500_000 && first.size == Some(3_000_000), "{first:?}");
}

/// How long it takes until somebody hears what is said: the median of many messages.
async fn time_to_say(room: &Room, same: &Room) -> Duration {
    let (numbers, mut inbox) = (room.topic::<u8>("numbers"), same.topic::<u8>("numbers").listen());
    let mut times = Vec::new();
    for number in 0..31 {
        let begun = tokio::time::Instant::now();
        numbers.say(&number).await.unwrap();
        inbox.next().await.unwrap();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test(start_paused = true)]
async fn blobs_do_not_hold_up_what_is_said() {
    let network = Network::new(5);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let same = bo.join(room.link().to_string()).await.unwrap();
    let alone = time_to_say(&room, &same).await;
    let id = room.blobs().offer_bytes(&vec![7; 10_000_000]).await.unwrap().id();
    let mut fetch = same.blobs().fetch(id);
    crate::fetch_until(&mut fetch, 500_000).await;
    let beside = time_to_say(&room, &same).await;
    let held = fetch.next().await.unwrap().unwrap().held;
    assert!((600_000..10_000_000).contains(&held), "{held} bytes came meanwhile");
    // A phone takes a quarter of a second for a group; 32 of them are wanted at a time.
    assert!(beside < alone + Duration::from_millis(600), "{alone:?} alone, {beside:?} beside a blob");
}

#[tokio::test(start_paused = true)]
async fn fetches_that_cannot_be_say_why() {
    let network = Network::calm(6);
    let ann = network.endpoint("Ann");
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let id = |number: usize| format!("{number:064x}").parse().unwrap();
    let begun = tokio::time::Instant::now();
    assert!(matches!(room.blobs().fetch(id(1)).await, Err(FetchError::NobodyHolds)));
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody else is there: {:?}", begun.elapsed());
    let mut fetches: Vec<_> = (0..=FETCHES_MAX).map(|number| room.blobs().fetch(id(number))).collect();
    let mut last = fetches.pop().unwrap();
    for fetch in &mut fetches {
        fetch.next().await.unwrap();
    }
    assert!(matches!(last.next().await, Err(FetchError::TooMany(_))));
    let large = vec![0; MEMORY_MAX as usize];
    room.blobs().offer_bytes(&large).await.unwrap();
    assert!(matches!(room.blobs().offer_bytes(b"more").await, Err(BlobError::Store(_))));
    ann.close().await;
    assert!(matches!(last.next().await, Err(FetchError::Closed(_))));
    assert!(matches!(
        room.blobs().offer_bytes(b"more").await,
        Err(BlobError::Store(_) | BlobError::Closed(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_blob_is_found_beyond_the_neighbours() {
    let network = Network::new(9);
    let ann = network.endpoint("Ann");
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let link = room.link().to_string();
    let mut others = Vec::new();
    for number in 0..28 {
        let other = network.endpoint(&format!("Guest {number}"));
        let same = other.join(&link).await.unwrap();
        others.push((other, same));
    }
    network.run(Duration::from_secs(60)).await;
    let bytes = vec![7; 200_000];
    let id = room.blobs().offer_bytes(&bytes).await.unwrap().id();
    let mut far = 0;
    for (other, same) in &others {
        let is_linked = room.member(other.id()).await.is_some_and(|member| member.path().is_some());
        if is_linked {
            continue;
        }
        far += 1;
        let blob = same.blobs().fetch(id).await.unwrap();
        assert_eq!(blob.read().await.unwrap(), bytes);
        same.blobs().free(id).await.unwrap();
        if far == 3 {
            return;
        }
    }
    panic!("Ann is linked with all but {far} of 28");
}
