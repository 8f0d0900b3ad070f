//! The ground of apps: rows with several fields, logs, quotas, the holders of a write, and replicas and state of an app's own.

use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshwork::testing::Network;
use meshwork::{
    AgreeError, App, Closed, Endpoint, Fields, KEY_MAX, Log, LogId, LogRow, PeerId, PinError, Receipt, Room,
    RuleError, SignError, VALUE_MAX, WriteError,
};
use meshwork_core::replica::Replica;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::table;

use crate::guard::{create, in_private_rooms_too};

in_private_rooms_too!(
    fields_written_at_once_arrive_together,
    logs_have_rows_in_the_order_of_time,
    rows_of_logs_have_fields_of_each,
    writes_tell_who_stores_them,
    an_author_is_erased_in_tables_or_logs,
    owners_say_how_long_logs_are_kept,
    the_conversation_is_an_app_of_every_room,
    posts_are_rows_of_the_conversation,
    pinned_links_stay_while_a_room_grows,
    registered_apps_have_replicas_of_their_own
);

/// Ann's room and Bo in it, and a keeper.
struct Met {
    ann: Endpoint,
    bo: Endpoint,
    kim: Endpoint,
    room: Room,
    same: Room,
    _kept: Room,
}

async fn met(network: &Network) -> Met {
    let (ann, bo, kim) = (network.endpoint("Ann"), network.endpoint("Bo"), network.keeper("Kim"));
    let room = create(&ann, meshwork::room("votes")).await.unwrap();
    let mut events = room.events();
    let _kept = kim.join(room.link()).await.unwrap();
    let same = bo.join(room.link()).await.unwrap();
    while room.members().await.unwrap().len() < 2 {
        events.next().await.unwrap();
    }
    Met { ann, bo, kim, room, same, _kept }
}

async fn votes(room: &Room) -> App {
    room.app("votes").await.unwrap()
}

/// Time in which a write reaches everybody.
const SOON: Duration = Duration::from_secs(5);

/// What the newest rows of a log say, in their order.
async fn texts(log: &Log) -> Vec<String> {
    let rows = log.newest(None, 100).await.unwrap();
    rows.iter().filter_map(|row| row.entry()?.read().ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn fields_written_at_once_arrive_together() {
    let Met { ann, room, same, .. } = met(&Network::calm(7)).await;
    let mut changes = same.table("trips").watch("ferry");
    let ferry = room.table("trips").row("ferry");
    ferry
        .set_all(Fields::new().set("seats", &40).set("leaves", "9:40").set_bytes("raw", [0xff]))
        .await
        .unwrap();
    changes.next().await.unwrap();
    let theirs = same.table("trips").row("ferry");
    let fields = theirs.fields().await.unwrap();
    assert_eq!(fields.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["leaves", "raw", "seats"]);
    assert!(fields.iter().all(|(_, entry)| entry.author() == ann.id().peer));
    assert!(fields.iter().all(|(_, entry)| entry.time_ms() == fields[0].1.time_ms()));

    let receipt =
        ferry.set_all(Fields::new().set("seats", &1).set("seats", &39).remove("raw")).await.unwrap();
    assert_eq!(receipt.sequences().count(), 1, "it is one batch");
    assert_eq!(ferry.get("seats").await.unwrap().unwrap().read::<u8>().unwrap(), 39);
    assert!(ferry.get("raw").await.unwrap().is_none());

    let nothing = ferry.set_all(Fields::new()).await.unwrap_err();
    assert!(matches!(nothing, WriteError::Invalid(_)), "{nothing}");
    let number = ferry.set_all(Fields::new().set("seats", &f64::NAN)).await.unwrap_err();
    assert!(matches!(number, WriteError::Invalid(_)), "{number}");
    let name = "x".repeat(KEY_MAX + 1);
    let long = ferry.set_all(Fields::new().set(&name, &1)).await.unwrap_err();
    assert_eq!(long, WriteError::TooLarge { size: KEY_MAX + 1, max: KEY_MAX });
    let three = ["a", "b", "c"]
        .into_iter()
        .fold(Fields::new(), |fields, name| fields.set_bytes(name, vec![0; VALUE_MAX]));
    let large = ferry.set_all(three).await.unwrap_err();
    assert!(matches!(large, WriteError::TooLarge { size, .. } if size > 3 * VALUE_MAX), "{large}");
    let hers = same.table("trips").of(ann.id().peer).row("ferry");
    let foreign = hers.set_all(Fields::new().set("seats", &0)).await.unwrap_err();
    assert!(matches!(foreign, WriteError::NotAllowed { .. }), "{foreign}");
}

#[tokio::test(start_paused = true)]
async fn logs_have_rows_in_the_order_of_time() {
    let network = Network::calm(7);
    let Met { ann, bo, room, same, .. } = met(&network).await;
    let (log, theirs) = (votes(&room).await.log("moves"), votes(&same).await.log("moves"));
    let mut changes = theirs.watch();
    let (first, _) = log.add("e2e4").await.unwrap();
    let (second, _) = log.add("e2e4").await.unwrap();
    assert!(first < second, "equal rows of one moment are two, in their order");
    let heard = changes.next().await.unwrap();
    let heard_id: LogId = heard.key.parse().unwrap();
    assert!([first, second].contains(&heard_id));
    assert_eq!(heard.author, Some(ann.id().peer));
    // Rows of different places in the tree of a table by time.
    network.run(Duration::from_secs(20_000)).await;
    let (third, _) = theirs.add_all(Fields::new().set("", "e7e5").set("clock", &97)).await.unwrap();
    network.run(SOON).await;
    let rows = log.newest(None, 2).await.unwrap();
    assert_eq!((rows.len(), rows[1].id()), (2, third));
    assert_eq!(rows[1].field_of(bo.id().peer, "clock").unwrap().read::<u8>().unwrap(), 97);
    assert!(rows[1].entry().unwrap().time_ms() >= third.time_ms());
    let earlier = log.newest(Some(rows[0].id()), 9).await.unwrap();
    assert_eq!(earlier.len(), 1);
    let later = log.oldest(Some(earlier[0].id()), 9).await.unwrap();
    assert_eq!(later.iter().map(LogRow::id).collect::<Vec<_>>(), [rows[0].id(), third]);
    assert_eq!(log.oldest(None, 1).await.unwrap()[0].id(), earlier[0].id());
    assert_eq!(log.newest(Some(LogId::at_ms(third.time_ms())), 9).await.unwrap().len(), 2);
    assert!(votes(&room).await.log("move").newest(None, 9).await.unwrap().is_empty(), "another log");
    assert!(room.table("moves").entries("").await.unwrap().is_empty(), "a table is no log");
}

#[tokio::test(start_paused = true)]
async fn rows_of_logs_have_fields_of_each() {
    let network = Network::calm(7);
    let Met { ann, bo, room, same, .. } = met(&network).await;
    let (log, theirs) = (votes(&room).await.log("posts"), votes(&same).await.log("posts"));
    let (id, _) = log.add("Ferry or train?").await.unwrap();
    network.run(SOON).await;
    theirs.row(id).set("reaction", "+1").await.unwrap();
    let foreign = theirs.of(ann.id().peer).row(id).set("", "Train!").await.unwrap_err();
    assert!(matches!(foreign, WriteError::NotAllowed { .. }), "{foreign}");
    let hidden = theirs.moderated().row(id).set("hidden", &1).await.unwrap_err();
    assert!(matches!(hidden, WriteError::NotAllowed { .. }), "{hidden}");
    log.moderated().row(id).set("hidden", &1).await.unwrap();
    log.row(id).set("", "Ferry, or train?").await.unwrap();
    network.run(SOON).await;
    let row = theirs.get(id).await.unwrap().unwrap();
    assert_eq!(row.entry().unwrap().read::<String>().unwrap(), "Ferry, or train?");
    assert_eq!(row.entry().unwrap().author(), ann.id().peer);
    assert_eq!(row.field_of(bo.id().peer, "reaction").unwrap().read::<String>().unwrap(), "+1");
    assert_eq!(row.fields().count(), 2);
    assert!(row.moderated("hidden").is_some() && row.field_of(ann.id().peer, "hidden").is_none());
    log.row(id).remove("").await.unwrap();
    log.moderated().row(id).remove("hidden").await.unwrap();
    let row = log.get(id).await.unwrap().unwrap();
    assert_eq!((row.fields().count(), row.entry().is_none()), (1, true), "the reaction alone is left");
    theirs.row(id).remove("reaction").await.unwrap();
    network.run(SOON).await;
    assert!(log.get(id).await.unwrap().is_none() && log.newest(None, 9).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn full_tables_refuse_or_evict_the_oldest() {
    let network = Network::calm(7);
    let room = network.endpoint("Ann").create(meshwork::room("votes")).await.unwrap();
    let (table, log) = (room.table("results"), votes(&room).await.log("results"));
    let value = vec![7; VALUE_MAX - 100];
    let (mut keys, mut ids) = (0, Vec::new());
    let full = loop {
        match table.set_bytes(&keys.to_string(), &value).await {
            Ok(_) => keys += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, WriteError::Full { entries, .. } if entries == keys), "{full}");
    let halves = Fields::new().set_bytes("a", vec![7; VALUE_MAX / 2]).set_bytes("b", vec![7; VALUE_MAX / 2]);
    let full = table.row("both").set_all(halves).await.unwrap_err();
    assert!(matches!(full, WriteError::Full { .. }), "{full}");
    table.evicting_oldest().set_bytes("last", &value).await.unwrap();
    assert!(table.get("0").await.unwrap().is_none(), "the oldest is gone");
    assert!(table.get("1").await.unwrap().is_some() && table.get("last").await.unwrap().is_some());
    assert!(matches!(table.set_bytes("more", &value).await, Err(WriteError::Full { .. })), "as before");

    let full = loop {
        match log.add_all(Fields::new().set_bytes("", &*value)).await {
            Ok((id, _)) => ids.push(id),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, WriteError::Full { .. }), "{full}");
    let (last, _) = log.evicting_oldest().add_all(Fields::new().set_bytes("", value)).await.unwrap();
    ids.sort();
    assert!(log.get(last).await.unwrap().is_some());
    let left = log.newest(None, 1000).await.unwrap();
    assert_eq!(left.len(), ids.len(), "one went for it");
}

#[tokio::test(start_paused = true)]
async fn writes_tell_who_stores_them() {
    let Met { bo, kim, room, _kept, .. } = met(&Network::calm(7)).await;
    let log = votes(&room).await.log("posts");
    let (id, receipt) = log.add("Ferry leaves at 9:40").await.unwrap();
    receipt.kept().await.unwrap();
    let holders = receipt.holders().await.unwrap();
    assert!(holders.members.contains(&kim.id()), "{holders:?}");
    assert!(!holders.members.contains(&bo.id()), "Bo does not stay");
    assert_eq!(log.row(id).holders().await.unwrap(), holders);
    let receipt = room.table("votes").set("headline", "Ferry").await.unwrap();
    assert!(receipt.holders().await.unwrap().members.is_empty(), "nobody had the time");
    receipt.kept().await.unwrap();
    assert!(receipt.holders().await.unwrap().members.contains(&kim.id()));
}

#[tokio::test(start_paused = true)]
async fn an_author_is_erased_in_tables_or_logs() {
    let network = Network::calm(7);
    let Met { ann, bo, room, same, .. } = met(&network).await;
    let (app, theirs) = (votes(&room).await, votes(&same).await);
    theirs.table("votes").set("bo", "train").await.unwrap();
    theirs.log("posts").add("from Bo").await.unwrap();
    app.table("votes").set("ann", "ferry").await.unwrap();
    app.log("posts").add("from Ann").await.unwrap();
    network.run(SOON).await;
    assert_eq!(texts(&app.log("posts")).await.len(), 2);
    assert_eq!(app.table("votes").entries("").await.unwrap().len(), 2);
    let refused = theirs.erase_logs_by(ann.id().peer).await;
    assert!(matches!(refused, Err(RuleError::NotAllowed { .. })), "{refused:?}");
    app.erase_logs_by(bo.id().peer).await.unwrap();
    assert_eq!(texts(&app.log("posts")).await, ["from Ann"]);
    assert_eq!(app.table("votes").entries("").await.unwrap().len(), 2, "tables are not touched");
    app.erase_tables_by(bo.id().peer).await.unwrap();
    let left = app.table("votes").entries("").await.unwrap();
    assert_eq!(left.iter().map(|entry| entry.key()).collect::<Vec<_>>(), ["ann"]);
    network.run(SOON).await;
    assert_eq!(texts(&theirs.log("posts")).await, ["from Ann"]);
    theirs.log("posts").add("Bo again").await.unwrap();
    assert_eq!(texts(&theirs.log("posts")).await.last().map(|text| &**text), Some("Bo again"));
}

#[tokio::test(start_paused = true)]
async fn owners_say_how_long_logs_are_kept() {
    let Met { room, same, .. } = met(&Network::calm(7)).await;
    let (app, theirs) = (votes(&room).await, votes(&same).await);
    let refused = same.rules().keep_logs_for(&theirs, NonZero::new(9)).await;
    assert!(matches!(refused, Err(RuleError::NotAllowed { .. })), "{refused:?}");
    room.rules().keep_logs_for(&app, NonZero::new(30)).await.unwrap();
    assert_eq!(room.rules().logs_kept_for(&app).await, Ok(NonZero::new(30)));
    assert_eq!(room.rules().posts_kept_for().await, Ok(None), "the conversation has an age of its own");
}

#[tokio::test(start_paused = true)]
async fn the_conversation_is_an_app_of_every_room() {
    let network = Network::calm(7);
    let Met { ann, room, same, .. } = met(&network).await;
    let (talk, theirs) = (room.conversation(), same.conversation());
    let mut heard = theirs.topic::<String>("typing").listen();
    let blob = talk.blobs().offer_bytes(b"a picture").await.unwrap();
    talk.topic("typing").say(&String::from("a post")).await.unwrap();
    assert_eq!(heard.next().await.unwrap().value, "a post");
    talk.presence().set(&"here").await.unwrap();
    talk.table("profiles").mine().set("name", "Ann").await.unwrap();
    talk.log("posts").add("Ferry leaves at 9:40").await.unwrap();
    network.run(SOON).await;
    assert_eq!(theirs.presence().of::<String>(ann.id()).as_deref(), Some("here"));
    assert_eq!(theirs.table("profiles").entries_of_each("").await.unwrap().len(), 1);
    assert_eq!(texts(&theirs.log("posts")).await, ["Ferry leaves at 9:40"]);
    assert_eq!(&*theirs.blobs().fetch(blob.id()).await.unwrap().read().await.unwrap(), b"a picture");
    assert!(texts(&votes(&same).await.log("posts")).await.is_empty(), "another app has logs of its own");
    theirs.log("posts").add("At nine.").await.unwrap();
    room.rules().keep_logs_for(&talk, NonZero::new(30)).await.unwrap();
    assert_eq!(room.rules().posts_kept_for().await, Ok(NonZero::new(30)), "posts lie in it");
}

#[tokio::test(start_paused = true)]
async fn posts_are_rows_of_the_conversation() {
    let network = Network::calm(7);
    let Met { ann, room, same, .. } = met(&network).await;
    let (id, _) = room.chat().post("Ferry leaves at 9:40").await.unwrap();
    network.run(SOON).await;
    let log = same.conversation().log("n");
    let row = log.get(LogId(id.0)).await.unwrap().unwrap();
    assert_eq!(row.field_of(ann.id().peer, "text").unwrap().bytes(), b"Ferry leaves at 9:40");
    let after = id.0[6..].to_vec();
    log.add_all(Fields::new().set_bytes("text", "At nine.").set_bytes("after", after)).await.unwrap();
    network.run(SOON).await;
    let posts = room.chat().all().await.unwrap();
    let read: Vec<_> = posts.iter().map(|post| (&*post.text, post.missing)).collect();
    assert_eq!(read, [("Ferry leaves at 9:40", 0), ("At nine.", 0)]);
    room.chat().hide(id).await.unwrap();
    network.run(SOON).await;
    let row = log.get(LogId(id.0)).await.unwrap().unwrap();
    assert_eq!(row.moderated("hidden").unwrap().bytes(), ann.id().peer.0);
}

#[tokio::test(start_paused = true)]
async fn peers_agree_and_sign_for_apps() {
    let network = Network::calm(7);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let kim = network.endpoint("Kim").id().peer;
    let key =
        async |endpoint: &Endpoint, peer| endpoint.agree(peer).await.unwrap().key(b"room", b"letters v1");
    let shared = key(&ann, bo.id().peer).await;
    assert_eq!(shared, key(&bo, ann.id().peer).await);
    assert_ne!(shared, key(&ann, kim).await);
    let tablet = network.device(&ann, "Ann's tablet");
    assert_eq!(key(&ann, ann.id().peer).await, key(&tablet, ann.id().peer).await, "one's own devices");
    let weak = ann.agree(PeerId([0; 32])).await.unwrap_err();
    assert_eq!(weak, AgreeError::Key(PeerId([0; 32])));

    let signature = ann.sign("release v1", b"game").await.unwrap();
    let holds = |peer, label, bytes: &[u8]| meshwork::verify(peer, label, bytes, &signature);
    let author = ann.id().peer;
    assert!(holds(author, "release v1", b"game"));
    assert!(!holds(author, "release v2", b"game") && !holds(author, "release v1", b"gam"));
    assert!(!holds(kim, "release v1", b"game") && !author.verifies(b"game", &signature));
    assert_eq!(ann.sign("", b"game").await, Err(SignError::Label(0)));
    ann.close().await;
    assert_eq!(ann.sign("release v1", b"game").await, Err(SignError::Closed(Closed)));
}

#[tokio::test(start_paused = true)]
async fn pinned_links_stay_while_a_room_grows() {
    let network = Network::calm(7);
    let host = network.endpoint("Host");
    let room = create(&host, meshwork::room("game")).await.unwrap();
    let player = network.endpoint("Player");
    let theirs = player.join(room.link()).await.unwrap();
    network.run(SOON).await;
    assert_eq!(room.pin(host.id()).await, Err(PinError::NotMember));
    room.pin(player.id()).await.unwrap();
    theirs.pin(host.id()).await.unwrap();
    let (inputs, mut heard) = (theirs.topic::<u32>("input"), room.topic::<u32>("input").listen());
    let mut watchers = Vec::new();
    for number in 0..24 {
        let watcher = network.endpoint(&format!("Watcher {number}"));
        watchers.push((watcher.join(room.link()).await.unwrap(), watcher));
        inputs.datagram_to(host.id(), &number).await.unwrap();
        network.run(Duration::from_secs(1)).await;
        assert_eq!(heard.next().await.unwrap().value, number);
    }
    let overlay = room.neighbourhood().await.unwrap();
    assert!(overlay.neighbours.len() < watchers.len(), "{overlay:?}");
    theirs.unpin(host.id()).await.unwrap();
}

/// The replica of an app that other programs do not know: a table of its own.
fn bids(_: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    let is_known = parameters[..] == [1];
    is_known.then(|| Box::new(table::Table::new(table::Kind::ByValue)) as Box<dyn Replica>)
}

fn bid_count(table: &table::Table) -> usize {
    table.entries(b"").count()
}

/// Writes a bid to the replica of an app.
async fn bid(app: &App, me: PeerId) -> Result<Receipt, WriteError> {
    let bid = table::Write::value("lot 7", table::Writer::Anybody.field(b"bid"), "40");
    let make = move |_: &table::Table| {
        table::payloads(me, std::slice::from_ref(&bid))
            .map_err(|error| WriteError::Invalid(error.to_string()))
    };
    app.write_replica(make).await
}

#[tokio::test(start_paused = true)]
async fn registered_apps_have_replicas_of_their_own() {
    let network = Network::calm(7);
    let stranger = network.endpoint("Stranger");
    network.app("bids", bids);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = create(&ann, meshwork::room("bids").parameters(&[1])).await.unwrap();
    let (same, outside) = (bo.join(room.link()).await.unwrap(), stranger.join(room.link()).await.unwrap());
    let (app, theirs) = (room.app("bids").await.unwrap(), same.app("bids").await.unwrap());
    let mut changes = theirs.watch_replica();
    let receipt = bid(&app, ann.id().peer).await.unwrap();
    let change = changes.next().await.unwrap();
    assert_eq!(change.by, Some((ann.id(), *receipt.sequences().start())));
    let written: &[table::Change] = change.of();
    assert_eq!(written[0].row(), b"lot 7");
    assert!(change.of::<u8>().is_empty(), "of another type");
    assert_eq!(theirs.replica(bid_count).await, Ok(Some(1)));
    let other = theirs.replica(|_: &meshwork_place::canvas::Canvas| ()).await;
    assert_eq!(other, Ok(None), "a replica of another type");
    let nothing = app.write_replica(|_: &table::Table| Ok(Vec::new())).await.unwrap_err();
    assert!(matches!(nothing, WriteError::Invalid(_)), "{nothing}");
    let own = app.write_replica(|_: &table::Table| Err(WriteError::Banned)).await.unwrap_err();
    assert_eq!(own, WriteError::Banned, "the app's own error");
    assert!(room.apps().await.unwrap()[0].is_whole);

    // A program that did not register the app has no replica, and passes on the tables.
    assert!(!outside.apps().await.unwrap()[0].is_whole);
    let foreign = outside.app("bids").await.unwrap();
    assert_eq!(foreign.replica(bid_count).await, Ok(None));
    assert_eq!(bid(&foreign, stranger.id().peer).await.unwrap_err(), WriteError::AppIsOff);
    room.table("lots").set("7", "a clock").await.unwrap();
    network.run(SOON).await;
    network.kill(&ann);
    network.kill(&bo);
    let late = network.endpoint("Late").join(outside.link()).await.unwrap();
    network.run(SOON).await;
    let lot = late.table("lots").get("7").await.unwrap().unwrap();
    assert_eq!(lot.read::<String>().unwrap(), "a clock");
    assert_eq!(late.app("bids").await.unwrap().replica(bid_count).await, Ok(Some(0)));
    assert_eq!(stranger.last_refused(), None, "batches of an unknown replica are no violation");
}

#[tokio::test(start_paused = true)]
async fn apps_without_parameters_have_documents() {
    let network = Network::calm(7);
    let stranger = network.endpoint("Stranger");
    network.app("bids", bids);
    let ann = network.endpoint("Ann");
    let room = ann.create(meshwork::room("bids")).await.unwrap();
    let outside = stranger.join(room.link()).await.unwrap();
    for room in [&room, &outside] {
        assert!(room.apps().await.unwrap()[0].is_whole);
        assert_eq!(room.app("bids").await.unwrap().replica(bid_count).await, Ok(None));
    }
    room.document("plan").edit(|text| text.push("Ferry")).await.unwrap();
    network.run(SOON).await;
    assert_eq!(outside.document("plan").text().await.unwrap(), "Ferry");
    let unknown = ann.create(meshwork::room("bids").parameters(&[2])).await.unwrap();
    assert!(!unknown.apps().await.unwrap()[0].is_whole, "parameters of another version: tables only");
}

#[tokio::test(start_paused = true)]
async fn state_of_an_app_ends_with_its_room() {
    let network = Network::calm(7);
    let room = network.endpoint("Ann").create(meshwork::room("votes")).await.unwrap();
    let app = votes(&room).await;
    *app.state::<Mutex<u8>>().lock().unwrap() = 7;
    assert_eq!(*votes(&room.clone()).await.state::<Mutex<u8>>().lock().unwrap(), 7);
    assert_eq!(*room.conversation().state::<Mutex<u8>>().lock().unwrap(), 0, "another app has its own");
    assert_eq!(*app.state::<Mutex<u16>>().lock().unwrap(), 0, "another type has its own");
    let held = Arc::downgrade(&app.state::<Mutex<u8>>());
    room.leave();
    assert!(held.upgrade().is_none(), "the room drops it");
}
