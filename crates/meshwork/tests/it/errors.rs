//! Errors that the suite does not reach, each with what is left.

use std::time::Duration;

use meshwork::testing::Network;
use meshwork::{
    BindError, BlobError, BlobId, Closed, CreateError, DatagramError, DirectError, Endpoint, Erase,
    FetchError, Identity, IdentityError, ImageError, InviteError, JoinError, KeptError, MEMORY_MAX,
    PresenceError, RuleError, SayError, Store, VersionError, WriteError, place,
};
use meshwork_core::id::RoomId;
use meshwork_core::seam::io::StoreChange;
use meshwork_rtc::native::persist::Store as _;
use meshwork_rtc::native::store::RedbStore;
use meshwork_signal::Embedded;
use meshwork_signal::embedded::EmbedError;
use meshwork_signal::hub::HubConfig;

use crate::native::{serve, serve_as};

#[tokio::test(start_paused = true)]
async fn rooms_that_cannot_be_say_why() {
    let network = Network::calm(1);
    let ann = network.endpoint("Ann");
    assert!(matches!(ann.create(meshwork::room("No Word")).await, Err(CreateError::App(_))));
    assert!(matches!(ann.create(place::canvas(0, 70)).await, Err(CreateError::Parameters(_))));
    let long = meshwork::room("votes").parameters(&[7; 257]);
    assert!(matches!(ann.create(long).await, Err(CreateError::Parameters(_))));
    let named = meshwork::room("votes").named("n".repeat(65));
    assert!(matches!(ann.create(named).await, Err(CreateError::Rules(RuleError::Invalid(_)))));
    // Nothing is left of them: there is a place for all that there can be.
    let mut rooms = Vec::new();
    let error = loop {
        match ann.create(meshwork::room("votes")).await {
            Ok(room) => rooms.push(room),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, CreateError::TooManyRooms(most) if most == rooms.len()), "{error}");
    ann.join(rooms[0].link()).await.expect("it is in this one already");
    let other = network.endpoint("Bo").create(meshwork::room("votes")).await.unwrap();
    assert!(matches!(ann.join(other.link()).await, Err(JoinError::TooManyRooms(_))));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_before_a_room_is_known() {
    let network = Network::calm(1);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let link = room.link().to_string();
    let code = room.code().unwrap();
    let blob = room.blobs().offer_bytes(&[7; 10]).await.unwrap().id();
    ann.close().await;
    let unknown = bo.look_for(&link).await.unwrap();
    assert_eq!(unknown.table("votes").set("key", &1).await, Err(WriteError::NotOpen));
    assert_eq!(unknown.presence().set(&1).await, Err(PresenceError::NotOpen));
    let topic = unknown.topic::<u8>("numbers");
    assert_eq!(topic.datagram(&1).await, Err(DatagramError::NotOpen));
    assert_eq!(topic.say(&1).await, Err(SayError::Write(WriteError::NotOpen)));
    assert_eq!(unknown.rules().ban(ann.id().peer).await, Err(RuleError::NotOpen));
    // By its code alone nobody knows which room it is.
    let nameless = network.endpoint("Cy").look_for(code).await.unwrap();
    assert_eq!(nameless.blobs().offer_bytes(&[7; 10]).await.unwrap_err(), BlobError::NotOpen);
    assert_eq!(nameless.blobs().fetch(blob).await.unwrap_err(), FetchError::NotOpen);
    // Of the room that is closed every call says so.
    assert_eq!(room.kept().await, Err(KeptError::Closed(Closed)));
    assert_eq!(room.presence().set(&1).await, Err(PresenceError::Closed(Closed)));
    assert_eq!(room.topic::<u8>("numbers").datagram(&1).await, Err(DatagramError::Closed(Closed)));
    assert_eq!(room.rules().ban(bo.id().peer).await, Err(RuleError::Closed(Closed)));
    assert_eq!(room.topic::<u8>("numbers").direct(bo.id(), &1).await, Err(DirectError::Closed(Closed)));
    assert!(matches!(room.invite().await, Err(InviteError::Closed(Closed))));
    let document = room.document("notes");
    assert!(matches!(document.save_version("draft").await, Err(VersionError::Closed(Closed))));
    let error = document.put_image(&[7; 10]).await.unwrap_err();
    assert_eq!(error, ImageError::Blob(BlobError::Closed(Closed)));
    assert!(matches!(ann.join(&link).await, Err(JoinError::Closed(Closed))));
    assert!(matches!(ann.create(meshwork::room("votes")).await, Err(CreateError::Closed(Closed))));
}

#[tokio::test(start_paused = true)]
async fn who_may_not_write_saves_nothing() {
    let network = Network::calm(1);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::sync::room()).await.unwrap();
    let notes = room.document("notes");
    notes.edit(|text| text.push("Ferry")).await.unwrap();
    let saved = notes.save_version("draft").await.unwrap();
    notes.edit(|text| text.push(" at 9:40")).await.unwrap();
    room.rules().set_writers(Vec::new()).await.unwrap();
    let same = bo.join(room.link()).await.unwrap();
    network.run(Duration::from_secs(5)).await;
    let notes = same.document("notes");
    let denied = notes.save_version("mine").await.unwrap_err();
    assert_eq!(denied, VersionError::Write(WriteError::NotWriter));
    assert_eq!(notes.put_image(&[7; 10]).await.unwrap_err(), ImageError::Write(WriteError::NotWriter));
    let versions = notes.versions().await.unwrap();
    assert_eq!(versions.iter().map(|version| version.label()).collect::<Vec<_>>(), [saved.label()]);
    // Who saved it is away, and nobody else has it.
    ann.close().await;
    let error = versions[0].whole().await.unwrap_err();
    assert_eq!(error, VersionError::Fetch(FetchError::NobodyHolds));
}

#[tokio::test(start_paused = true)]
async fn newer_invitations_and_wrong_links_say_so() {
    let network = Network::calm(1);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let (older, newer) = tokio::join!(room.invite(), room.invite());
    assert!(matches!(older, Err(InviteError::Replaced)));
    let error = bo.answer("no link", &newer.unwrap()).await.unwrap_err();
    assert!(matches!(error, InviteError::Join(JoinError::Link(_))), "{error}");
}

#[tokio::test(start_paused = true)]
async fn invitations_that_come_to_nothing_say_so() {
    let network = Network::calm(1);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let invitation = room.invite().await.unwrap();
    // The server of the link is quicker than people are.
    assert!(matches!(bo.answer(room.link(), &invitation).await, Err(InviteError::Linked)));
    network.stop_server();
    let invitation = room.invite().await.unwrap();
    let dan = network.endpoint("Dan");
    let (answer, _same) = dan.answer(room.link(), &invitation).await.unwrap();
    network.kill(&dan);
    let error = room.accept(&answer).await.unwrap_err();
    assert!(matches!(error, InviteError::NoLink(_)), "{error}");
    // A room of which nothing is known has nothing to invite into.
    let unknown = network.endpoint("Cy").look_for(room.code().unwrap()).await.unwrap();
    assert!(matches!(unknown.invite().await, Err(InviteError::Unusable(_))));
}

#[tokio::test]
async fn full_servers_and_rooms_say_so() {
    let server = serve_as(HubConfig {
        rooms_max: 1,
        rooms_per_network_max: 1,
        members_max: 2,
        ..HubConfig::default()
    })
    .await;
    let bind = async || Endpoint::builder().server(&server).bind().await.unwrap();
    let (ann, bo, cy) = (bind().await, bind().await, bind().await);
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    room.registered().await.unwrap();
    let error = bo.create(meshwork::room("votes")).await.unwrap_err();
    let CreateError::Server { tried } = error else { panic!("{error:?}") };
    assert_eq!(tried.len(), 1, "{tried:?}");
    assert_eq!(tried[0].0, server);
    let _same = bo.join(room.link()).await.unwrap();
    let error = cy.join(room.link()).await.unwrap_err();
    assert!(matches!(&error, JoinError::Full(words) if words.contains('2')), "{error:?}");
}

#[tokio::test]
async fn what_no_disk_holds_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::File::create(&large).unwrap().set_len(MEMORY_MAX + 1).unwrap();
    let ann = Endpoint::builder().bind().await.unwrap();
    let room = ann.create(meshwork::sync::room()).await.unwrap();
    let error = room.blobs().offer(&large).await.unwrap_err();
    assert_eq!(error, BlobError::TooLarge { size: MEMORY_MAX + 1, max: MEMORY_MAX });
    // Of a canvas that the room has not nothing is erased.
    let error = room.canvas().erase(Erase { author: None, region: None }).await.unwrap_err();
    assert_eq!(error, RuleError::AppIsOff);
}

#[tokio::test]
async fn a_store_that_fails_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ann = Endpoint::builder().store(Store::at(folder.path())).bind().await.unwrap();
    let room = ann.create(meshwork::sync::room()).await.unwrap();
    let id = room.blobs().offer_bytes(&[7; 10]).await.unwrap().id();
    // A file stands where the folder was in which blobs lie.
    let blobs = folder.path().join("blobs");
    std::fs::remove_dir_all(&blobs).unwrap();
    std::fs::write(&blobs, []).unwrap();
    let other = BlobId([9; 32]);
    assert!(matches!(room.blobs().fetch(other).await, Err(FetchError::Store(_))));
    assert!(matches!(room.blobs().get(id).await, Err(BlobError::Store(_))));
    let notes = room.document("notes");
    notes.edit(|text| text.push("Ferry")).await.unwrap();
    let error = notes.save_version("draft").await.unwrap_err();
    assert!(matches!(error, VersionError::Blob(BlobError::Store(_))), "{error}");
    assert!(notes.versions().await.unwrap().is_empty(), "nothing is saved");
}

#[tokio::test(start_paused = true)]
async fn a_peer_fills_no_more_than_its_share() {
    let network = Network::calm(1);
    let ann = network.keeper("Ann");
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let (table, large) = (room.table("large"), "x".repeat(32_000));
    let mut written = 0;
    let error = loop {
        match table.set(&written.to_string(), &large).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, WriteError::Full { entries, .. } if entries == written), "{error}");
    assert_eq!(table.entries("").await.unwrap().len(), written, "nothing was pushed out");
    table.set("0", &"smaller").await.unwrap();
    table.remove("1").await.unwrap();
    table.set("other", &large).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_json_cannot_say_is_refused() {
    let network = Network::calm(1);
    let ann = network.endpoint("Ann");
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    // JSON has no keys but text.
    let value = std::collections::BTreeMap::from([((1, 2), 3)]);
    let topic = room.topic::<std::collections::BTreeMap<(u8, u8), u8>>("pairs");
    assert!(matches!(topic.say(&value).await, Err(SayError::Value(_))));
    assert!(matches!(topic.datagram(&value).await, Err(DatagramError::Value(_))));
    assert!(matches!(topic.direct(ann.id(), &value).await, Err(meshwork::DirectError::Value(_))));
    assert!(matches!(room.presence().set(&value).await, Err(PresenceError::Value(_))));
    assert!(matches!(room.table("pairs").set("key", &value).await, Err(WriteError::Invalid(_))));
}

#[tokio::test(start_paused = true)]
async fn cuts_leave_a_message_unknown() {
    let network = Network::calm(1);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = ann.create(meshwork::room("votes")).await.unwrap();
    let _same = bo.join(room.link()).await.unwrap();
    network.cut(&ann, &bo);
    let error = room.topic::<u8>("numbers").direct(bo.id(), &1).await.unwrap_err();
    assert!(matches!(error, meshwork::DirectError::Unknown(_)), "{error}");
    network.run(Duration::from_secs(90)).await;
    let error = room.topic::<u8>("numbers").direct(bo.id(), &1).await.unwrap_err();
    assert!(matches!(error, meshwork::DirectError::NotSent(_)), "{error}");
}

#[test]
fn nothing_starts_without_a_runtime() {
    let mut bind = std::pin::pin!(Endpoint::builder().bind());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = bind.as_mut().poll(&mut context) else {
        panic!("it says so at once")
    };
    assert!(matches!(error, BindError::System(_)), "{error}");
}

#[tokio::test]
async fn servers_that_refuse_to_look_say_so() {
    let server = serve().await;
    let bo = Endpoint::builder().server(&server).bind().await.unwrap();
    let mut looking = Vec::new();
    for number in 2..10 {
        looking.push(bo.look_for(format!("K7M4Q{number}")).await.unwrap());
    }
    let room = Endpoint::bind().await.unwrap().create(meshwork::room("votes")).await.unwrap();
    for link in [room.link().to_string(), String::from("K7M4QA")] {
        let error = bo.join(&link).await.unwrap_err();
        let says_why = matches!(&error, JoinError::Refused(words) if words.contains("waits for 8 rooms"));
        assert!(says_why, "{link}: {error}");
    }
    // Who looks for a room no longer makes place for another.
    looking.into_iter().for_each(meshwork::Room::leave);
    let looked_for = bo.look_for("K7M4QA").await.unwrap();
    let answered = async {
        while !looked_for.reach().await.unwrap().is_unknown {
            crate::tick(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), answered).await.expect("it is looked for");
}

/// Somebody who reaches a server and keeps rooms in a folder.
async fn storing(folder: &std::path::Path) -> Endpoint {
    let server = serve().await;
    Endpoint::builder().server(&server).store(Store::at(folder)).bind().await.unwrap()
}

#[tokio::test]
async fn stored_rooms_of_other_versions_stay_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rooms.redb");
    let room = Endpoint::bind().await.unwrap().create(meshwork::room("votes")).await.unwrap();
    // A later version wrote the first, and nothing that is known the second.
    let rooms = [(room.id().unwrap(), vec![3, 9]), (RoomId([7; 32]), vec![2, 9])];
    let changes = rooms
        .clone()
        .map(|(room, genesis)| (room, StoreChange { genesis: Some(genesis), ..StoreChange::default() }));
    RedbStore::open(&file).unwrap().apply_all(&changes).unwrap();
    let bo = storing(folder.path()).await;
    let error = bo.join(room.link()).await.unwrap_err();
    assert!(matches!(&error, JoinError::Incompatible(words) if words.contains("format 3")), "{error}");
    bo.close().await;
    let stored = RedbStore::open(&file).unwrap().rooms().unwrap();
    let left: Vec<_> = stored.into_iter().map(|(room, _, stored)| (room, stored.genesis)).collect();
    assert!(rooms.iter().all(|room| left.contains(room)), "{left:?}");
}

#[tokio::test]
async fn a_disk_that_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let bo = storing(folder.path()).await;
    let file = std::fs::File::options().write(true).open(folder.path().join("rooms.redb")).unwrap();
    file.set_len(0).unwrap();
    let room = Endpoint::bind().await.unwrap().create(meshwork::room("votes")).await.unwrap();
    let error = bo.join(room.link()).await.unwrap_err();
    assert!(matches!(error, JoinError::Store(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_version_has_its_limit() {
    let network = Network::calm(1);
    let people = [network.endpoint("Ann"), network.endpoint("Bo"), network.keeper("Kim")];
    let room = people[0].create(meshwork::sync::room()).await.unwrap();
    let others = [people[1].join(room.link()).await.unwrap(), people[2].join(room.link()).await.unwrap()];
    let mut length = 0;
    for same in [&room, &others[0], &others[1]] {
        let notes = same.document("long");
        let words = "x".repeat(700_000);
        for _ in 0..9 {
            notes.edit(|text| text.push(&words)).await.unwrap();
            length += words.len();
        }
    }
    while room.document("long").text().await.unwrap().len() < length {
        crate::tick(Duration::from_millis(100)).await;
    }
    let error = room.document("long").save_version("all").await.unwrap_err();
    assert!(matches!(error, VersionError::TooLarge(size) if size > length as u64), "{error}");
    assert!(room.document("long").versions().await.unwrap().is_empty());
}

/// A thread to which the system gives no randomness any more. It holds for that thread alone.
#[cfg(target_os = "linux")]
#[test]
fn nobody_is_anybody_without_randomness() {
    use std::collections::{BTreeMap, HashMap};

    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    let rules = BTreeMap::from([(libc::SYS_getrandom, Vec::new())]);
    let failing = SeccompAction::Errno(libc::EIO as u32);
    let machine = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, failing, machine).unwrap();
    let filter = BpfProgram::try_from(filter).unwrap();
    let refused = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let known = Identity::generate().unwrap();
        // The seed of this thread's maps is drawn before.
        drop(HashMap::<u8, u8>::new());
        seccompiler::apply_filter(&filter).unwrap();
        assert!(matches!(Identity::generate(), Err(IdentityError::Randomness(_))));
        assert!(matches!(Identity::load_or_create(&key), Err(IdentityError::Randomness(_))));
        assert!(!key.exists());
        assert!(matches!(known.sealed("correct horse"), Err(IdentityError::Randomness(_))));
        let bound = runtime.block_on(Endpoint::bind());
        assert!(matches!(bound, Err(BindError::Identity(IdentityError::Randomness(_)))));
        // Who has an identity needs randomness all the same.
        let bound = runtime.block_on(Endpoint::builder().identity(known).bind());
        assert!(matches!(bound, Err(BindError::System(_))));
        let _within = runtime.enter();
        let built = Embedded::builder().keys(folder.path()).build();
        assert!(matches!(built, Err(EmbedError::Randomness(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    };
    std::thread::spawn(refused).join().unwrap();
}
