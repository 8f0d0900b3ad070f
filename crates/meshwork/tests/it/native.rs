//! The suite over real sockets, with a real meeting point.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meshwork::play::{
    self, Act, Can, GameEvent, Package, Party, PlayerInput, PlayerView, Random, Rules, Turn, input,
};
use meshwork::{
    BindError, BlobError, Builder, Colour, Endpoint, Identity, IdentityError, JoinError, LinkState, NewRoom,
    RuleError, Store, StoreError, UnsealError, place,
};
use meshwork_core::time::WallTime;
use meshwork_rtc::native::store::RedbStore;
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, NoPages};
use meshwork_signal::hub::{Hub, HubConfig};
use meshwork_signal::turn::{self, Listeners, RelayAddress, Secret};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::suite::{self, People};

/// The longest that a test may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// A meeting point on a free port; it stops with the runtime.
pub(crate) async fn serve() -> String {
    serve_as(HubConfig::default()).await
}

/// The same with limits of its own.
pub(crate) async fn serve_as(config: HubConfig) -> String {
    serve_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), config)
}

fn serve_on(listener: TcpListener, config: HubConfig) -> String {
    let hub = Hub::new(config, ServerKey::new([1; 32]), [2; 32]).unwrap();
    let address = listener.local_addr().unwrap();
    let never = std::future::pending();
    tokio::spawn(http::serve(listener, hub, Arc::new(NoPages), HttpConfig::default(), never));
    format!("http://{address}")
}

async fn people() -> People {
    people_at(Some(serve().await)).await
}

/// People who know no server.
async fn people_alone() -> People {
    people_at(None).await
}

async fn people_at(server: Option<String>) -> People {
    let start = async |name: &str, stays: bool| {
        let builder = server.iter().fold(Endpoint::builder().name(name), Builder::server);
        let builder = if stays { builder.stays() } else { builder };
        builder.bind().await.unwrap()
    };
    People { ann: start("Ann", false).await, bo: start("Bo", false).await, kim: start("Kim", true).await }
}

macro_rules! each {
    ($people:ident $(in any room)?: $($test:ident),*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            timeout(DEADLINE, suite::$test($people().await)).await.expect("it takes no longer");
        }
    )*};
}

suite::all!(each);

#[tokio::test]
async fn rooms_on_disk_are_listed_opened_and_forgotten() {
    let (server, folder) = (serve().await, tempfile::tempdir().unwrap());
    let bind = async || {
        let identity = Identity::load_or_create(folder.path().join("key")).unwrap();
        let builder = Endpoint::builder().identity(identity).server(&server);
        builder.store(Store::at(folder.path().join("rooms"))).bind().await
    };
    let first = bind().await.unwrap();
    let room = first.create(place::canvas(40, 30).private().named("Kitchen")).await.unwrap();
    room.canvas().fill(0..40, 0..30, [1, 2, 3]).await.unwrap();
    assert!(matches!(bind().await, Err(BindError::Store(StoreError::InUse))));
    let (peer, link) = (first.id().peer, room.link());
    first.close().await;

    let again = bind().await.unwrap();
    assert_eq!(again.id().peer, peer, "the key file names one peer");
    let rooms = again.rooms().await.unwrap();
    let [kept] = &rooms[..] else { panic!("{rooms:?}") };
    assert_eq!(
        (&kept.link, kept.app.as_deref(), &*kept.name),
        (&Some(link.clone()), Some(place::APP), "Kitchen")
    );
    let room = again.open(link.to_string()).await.unwrap();
    room.restored().await.unwrap();
    assert_eq!(room.canvas().painted().await.unwrap(), 1200);
    room.forget().await.unwrap();
    assert!(again.rooms().await.unwrap().is_empty());
    assert!(matches!(again.open(link.to_string()).await, Err(JoinError::NotStored)));
}

#[tokio::test]
async fn stores_keep_who_made_a_room() {
    let folder = tempfile::tempdir().unwrap();
    let builder = || Endpoint::builder().store(Store::at(folder.path()));
    let first = builder().bind().await.unwrap();
    let room = first.create(meshwork::room("votes")).await.unwrap();
    let (peer, link) = (first.id().peer, room.link());
    // Refused before it makes or reads an identity.
    assert!(matches!(builder().bind().await, Err(BindError::Store(StoreError::InUse))));
    first.close().await;
    let again = builder().bind().await.unwrap();
    assert_eq!(again.id().peer, peer, "the same person");
    let room = again.open(&link).await.unwrap();
    assert_eq!(room.owner().await.unwrap(), Some(peer));
    room.rules().set_name("Kitchen").await.expect("its maker is its owner");
    let (same, id) = (again.join(&link).await.map(|room| room.id()), room.id());
    assert_eq!(same.unwrap(), id, "a room that was opened alone is one in which it is");
    again.close().await;
    let other = Identity::generate().unwrap();
    let other_peer = other.peer();
    let explicit = builder().identity(other).bind().await.unwrap();
    assert_eq!(explicit.id().peer, other_peer, "an identity that is given wins");
    explicit.close().await;
    let kept = builder().bind().await.unwrap();
    assert_eq!(kept.id().peer, peer, "and is not kept");
    kept.close().await;
    std::fs::write(folder.path().join("identity"), "nonsense").unwrap();
    let error = builder().bind().await.unwrap_err();
    assert!(matches!(error, BindError::Identity(IdentityError::Damaged(_))), "{error}");
}

#[tokio::test]
async fn histories_have_what_was_painted_over() {
    check_histories(place::canvas(40, 30)).await;
}

#[tokio::test]
async fn histories_have_canvases_of_other_rooms() {
    check_histories(meshwork::sync::room()).await;
}

async fn check_histories(new: NewRoom) {
    let (server, folder) = (serve().await, tempfile::tempdir().unwrap());
    let store = Store::at(folder.path()).with_history(1 << 20);
    assert!(store.histories().unwrap().is_empty());
    let keeper = Endpoint::builder().server(&server).store(store.clone()).bind().await.unwrap();
    let (room, guest) = (keeper.create(new).await.unwrap(), Endpoint::bind().await.unwrap());
    room.turn_on(place::canvas(40, 30)).await.unwrap();
    // What is written beside the canvas is in the history, too.
    room.table("plans").set("title", "A boat").await.unwrap();
    let same = guest.join(room.link()).await.unwrap();
    room.in_step().await.unwrap();
    let colours = [Colour::rgb(200, 0, 0), Colour::rgb(0, 0, 200)];
    for colour in colours {
        same.canvas().paint(&[(1, 2, colour)]).await.unwrap();
    }
    same.kept().await.unwrap();
    let wanted = colours.map(|colour| vec![(1, 2, colour)]);
    let mut past = same.canvas().past().await.unwrap();
    let strokes = suite::strokes_of(&mut past).await;
    assert_eq!(strokes.into_values().collect::<Vec<_>>(), wanted);
    let log = past.log().unwrap();
    assert_eq!((log.keeper, log.missed, log.is_whole, log.is_complete), (keeper.id(), 0, true, true));

    let id = room.id().unwrap();
    assert!(matches!(store.past(id), Err(StoreError::InUse)), "its keeper runs");
    keeper.close().await;
    assert_eq!(store.histories().unwrap(), [id]);
    let history = store.history(id).unwrap();
    assert_eq!((history.batches, history.forgotten, history.damage), (3, 0, None));
    assert!(history.first_ms.unwrap() >= log.since_ms);
    let past = store.past(id).unwrap().unwrap();
    assert_eq!(past.size(), (40, 30));
    let strokes: BTreeMap<_, _> =
        past.map(|stroke| stroke.map(|stroke| (stroke.sequence, stroke)).unwrap()).collect();
    assert_eq!(strokes.values().map(|stroke| stroke.cells[0].colour).collect::<Vec<_>>(), colours);
    assert!(Store::none().past(id).unwrap().is_none());
}

#[tokio::test]
async fn stored_rooms_are_found_by_other_links() {
    let (server, folder) = (serve().await, tempfile::tempdir().unwrap());
    let rooms = folder.path().join("rooms");
    let bind = async || Endpoint::builder().server(&server).store(Store::at(&rooms)).bind().await.unwrap();
    let first = bind().await;
    let room = first.create(place::canvas(4, 4)).await.unwrap();
    let (id, links) = (room.id(), ["http://127.0.0.1:1/place/K7M4QX", "http://127.0.0.1:2/place/K7M4QX"]);
    room.note(&links[0].parse().unwrap()).await.unwrap();
    first.close().await;
    // As stores had it before any of a room's apps could stand in front.
    RedbStore::open(&rooms.join("rooms.redb")).unwrap().note_address(links[1], id.unwrap()).unwrap();
    for link in links {
        let again = bind().await;
        assert_eq!(again.open(link).await.unwrap().id(), id, "{link}");
        again.close().await;
    }
}

#[tokio::test]
async fn rooms_are_found_at_added_servers() {
    let (server, other) = (serve().await, serve().await);
    let endpoint = Endpoint::builder().server(&server).bind().await.unwrap();
    let room = endpoint.create(place::canvas(4, 4)).await.unwrap();
    let mut events = room.events();
    room.add_server(&other).await.unwrap();
    while room.link().servers().collect::<Vec<_>>() != [&server, &other] {
        events.next().await.unwrap();
    }
    assert!(matches!(room.add_server("meet").await, Err(RuleError::Invalid(_))));
}

#[tokio::test]
async fn identities_are_made_once_saved_and_carried() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/key");
    assert!(matches!(Identity::load(&path), Err(IdentityError::NoFile(_))));
    let made = Identity::load_or_create(&path).unwrap();
    assert_eq!(Identity::load_or_create(&path).unwrap().peer(), made.peer());
    assert!(made.save(&path).is_err(), "a file is never written over");
    assert_eq!(Identity::import(&made.export()).unwrap().peer(), made.peer());
    assert!(matches!(Identity::import("nonsense"), Err(IdentityError::Text(_))));
    std::fs::write(&path, "meshwork identity v1\nnonsense\n").unwrap();
    let error = Identity::load(&path).unwrap_err();
    assert!(error.to_string().contains("deep/key"), "{error}");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn passphrases_open_sealed_identities() {
    let identity = Identity::generate().unwrap();
    let sealed = identity.sealed("correct horse").unwrap();
    assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"), "{sealed}");
    assert_eq!(Identity::unseal(&sealed, "correct horse").unwrap().peer(), identity.peer());
    let unsealed = |text: &str, passphrase: &str| Identity::unseal(text, passphrase).unwrap_err();
    assert_eq!(unsealed(&sealed, "wrong horse"), UnsealError::WrongPassphrase);
    for text in ["", "nonsense", &sealed[..sealed.len() / 2], &"x".repeat(5000), &sealed.replace('A', "B")] {
        assert_eq!(unsealed(text, "correct horse"), UnsealError::NotSealed, "{text}");
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_an_identity() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/key");
    Identity::load_or_create(&path).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    Identity::load_or_create(&path).unwrap();
    assert_eq!(mode(&path), 0o600, "what others could read is made private");
}

#[test]
fn garbled_identities_are_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for garbled in ["", "meshwork identity v1\nAAAA\n", "\u{0}", "meshwork identity v2\n", "x"] {
        std::fs::write(&path, garbled).unwrap();
        let error = Identity::load_or_create(&path).unwrap_err();
        assert_eq!(error, IdentityError::Damaged(path.display().to_string()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), garbled);
    }
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(Identity::load_or_create(&path), Err(IdentityError::File(_))));
}

#[tokio::test]
async fn matches_run_over_an_own_relay() {
    let local = "127.0.0.1".parse().unwrap();
    let secret = Secret::from_random([7; 32]);
    let config = turn::Config::new(secret.clone(), vec![RelayAddress { bind: local, advertised: local }]);
    let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let relay = turn::serve(config, [8; 32], listeners).unwrap();
    let port = relay.udp_addresses()[0].port();
    let server = serve().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let expires = WallTime(0) + now + Duration::from_secs(600);
    let opens = secret.mint("ann", expires).unwrap();
    let bind = async || {
        let builder = Endpoint::builder().server(&server).hide_address();
        builder
            .ice_server(format!("turn:127.0.0.1:{port}"), &opens.username, &opens.password)
            .bind()
            .await
            .unwrap()
    };
    let (ann, bo) = (bind().await, bind().await);
    let package = Package::of_file("game.js", b"// The rules are those of a program.".to_vec()).unwrap();
    let room = ann.create(play::party(&Party::of(&package, ann.id().peer, None))).await.unwrap();
    let same = bo.join(room.link()).await.unwrap();
    assert_eq!(same.members().await.unwrap()[0].link(), LinkState::Relayed);
    let mut host = room.game().play(Can::host(Presses), "Ann").await.unwrap();
    let mut guest = same.game().play(Can::Play, "Bo").await.unwrap();
    let play = async {
        while guest.slot().is_none() {
            guest.next().await.unwrap();
        }
        guest.act(Act::Ready(true)).unwrap();
        while !host.lobby().seats.iter().any(|seat| seat.ready) {
            host.next().await.unwrap();
        }
        host.act(Act::Start).unwrap();
        guest.hold(PlayerInput { held: input::mask(["a"]), ..PlayerInput::default() });
        // The press travels to the host, and the state back.
        while !matches!(guest.next().await.unwrap(), GameEvent::Shown(shown) if shown.state.0 != "0") {}
    };
    timeout(DEADLINE, play).await.unwrap();
}

/// A game that counts the ticks in which somebody holds `a`.
struct Presses;

impl Rules for Presses {
    type State = u32;

    fn setup(&mut self, _: &[PlayerView], _: &mut Random) -> u32 {
        0
    }

    fn update(&mut self, presses: &mut u32, turn: &mut Turn<'_>) {
        *presses += u32::from((0..6).any(|slot| turn.held(slot, "a")));
    }
}

/// The first program of the library's page, and what comes of it with nobody there.
#[tokio::test]
async fn rooms_need_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let bind = || Endpoint::builder().store(Store::at(folder.path())).bind();
    let endpoint = bind().await.unwrap();
    let room = endpoint.create(place::canvas(100, 100)).await.unwrap();
    let link = room.link().to_string();
    assert!(link.starts_with("meshwork:place#"), "{link}");
    room.canvas().fill(10..20, 10..20, [200, 30, 30]).await.unwrap();
    assert_eq!(room.kept().await, Err(meshwork::KeptError::NobodyStays));
    endpoint.close().await;

    let endpoint = bind().await.unwrap();
    assert_eq!(endpoint.rooms().await.unwrap()[0].link.as_ref().map(ToString::to_string), Some(link.clone()));
    let room = endpoint.open(&link).await.unwrap();
    room.restored().await.unwrap();
    assert_eq!(room.canvas().painted().await.unwrap(), 100);
    // A server that comes later finds the room by its id.
    let server = serve().await;
    room.add_server(&server).await.unwrap();
    timeout(DEADLINE, room.registered()).await.unwrap().unwrap();
    let guest = Endpoint::builder().server(&server).bind().await.unwrap();
    assert_eq!(guest.join(&link).await.unwrap().id(), room.id());
    // A code is the first server's, however many there are.
    let further = serve().await;
    for guest in [guest, Endpoint::builder().server(&server).server(&further).bind().await.unwrap()] {
        assert_eq!(guest.join(room.code().unwrap().to_string()).await.unwrap().id(), room.id());
    }
}

/// What a program was told is saved is there after a power cut: in a copy of its folder as that is then.
#[tokio::test]
async fn saved_words_outlast_a_crash() {
    let (folder, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let endpoint = Endpoint::builder().store(Store::at(folder.path())).bind().await.unwrap();
    let room = endpoint.create(meshwork::sync::room()).await.unwrap();
    let (document, mut events) = (room.document("notes"), room.events());
    document.edit(|text| text.push("half past nine")).await.unwrap();
    let saved = async {
        while !document.holders().await.unwrap().saved {
            while !matches!(events.next().await, Some(meshwork::Event::Saved(_))) {}
        }
    };
    timeout(DEADLINE, saved).await.unwrap();
    std::fs::copy(folder.path().join("rooms.redb"), after.path().join("rooms.redb")).unwrap();
    let again = Endpoint::builder().store(Store::at(after.path())).bind().await.unwrap();
    let same = again.open(room.link()).await.unwrap();
    same.restored().await.unwrap();
    assert_eq!(same.document("notes").text().await.unwrap(), "half past nine");
    assert!(same.document("notes").holders().await.unwrap().saved, "nothing is waiting");
}

/// The same of what others wrote: who only reads is told that it is saved once it is.
#[tokio::test]
async fn what_others_wrote_outlasts_a_crash() {
    let (folder, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = serve().await;
    let writer = Endpoint::builder().server(&server).bind().await.unwrap();
    let room = writer.create(meshwork::sync::room()).await.unwrap();
    timeout(DEADLINE, room.registered()).await.unwrap().unwrap();
    let long = "half past nine ".repeat(2000);
    let words = long.clone();
    room.document("notes").edit(move |text| text.push(&words)).await.unwrap();
    let reader = Endpoint::builder().server(&server).store(Store::at(folder.path())).bind().await.unwrap();
    let same = timeout(DEADLINE, reader.join(&room.link())).await.unwrap().unwrap();
    let (document, mut changes, mut events) =
        (same.document("notes"), same.document("notes").watch(), same.events());
    let saved = async {
        while document.text().await.unwrap() != long {
            changes.next().await.unwrap();
        }
        while !document.holders().await.unwrap().saved {
            while !matches!(events.next().await, Some(meshwork::Event::Saved(_))) {}
        }
    };
    timeout(DEADLINE, saved).await.unwrap();
    std::fs::copy(folder.path().join("rooms.redb"), after.path().join("rooms.redb")).unwrap();
    let again = Endpoint::builder().store(Store::at(after.path())).bind().await.unwrap();
    let there = again.open(same.link()).await.unwrap();
    there.restored().await.unwrap();
    assert_eq!(there.document("notes").text().await.unwrap().len(), long.len());
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let error = Endpoint::builder().server("meet.example.org").bind().await.unwrap_err();
    assert!(matches!(&error, BindError::Server(url) if url == "meet.example.org"), "{error}");
    let error = Endpoint::builder().ice_server("relay.example.org", "", "").bind().await.unwrap_err();
    assert!(matches!(&error, BindError::IceServer(words) if words.contains("relay.example.org")), "{error}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rooms.redb"), "no store").unwrap();
    let error = Endpoint::builder().store(Store::at(folder.path())).bind().await.unwrap_err();
    assert!(matches!(error, BindError::Store(StoreError::Damaged(_))), "{error}");
    let bind = |store| Endpoint::builder().store(store).bind();
    let error = bind(Store::at(folder.path().join("rooms.redb"))).await.unwrap_err();
    assert!(matches!(error, BindError::Store(StoreError::Failed(_))), "{error}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("history"), "no folder").unwrap();
    let error = bind(Store::at(folder.path()).with_history(1 << 20)).await.unwrap_err();
    assert!(matches!(error, BindError::Store(StoreError::History(_))), "{error}");
    let guest = Endpoint::bind().await.unwrap();
    assert!(matches!(guest.join("K7M4QX").await, Err(JoinError::NoServer)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_on_disk_outlast_their_program() {
    let (server, folder) = (serve().await, tempfile::tempdir().unwrap());
    let bind =
        async || Endpoint::builder().server(&server).store(Store::at(folder.path())).bind().await.unwrap();
    let guest = Endpoint::builder().server(&server).bind().await.unwrap();
    let first = bind().await;
    let room = first.create(meshwork::room("votes")).await.unwrap();
    let (link, file) = (room.link().to_string(), folder.path().join("recording"));
    let bytes: Vec<u8> = (0..5_000_000).map(|place| (place / 977) as u8).collect();
    std::fs::write(&file, &bytes).unwrap();
    let id = room.blobs().offer(&file).await.unwrap().id();
    std::fs::remove_file(&file).unwrap();
    first.close().await;

    let again = bind().await;
    let room = again.open(&link).await.unwrap();
    assert_eq!(room.blobs().list().await.unwrap().len(), 1);
    let same = guest.join(&link).await.unwrap();
    let came = same.blobs().fetch(id).await.unwrap();
    came.save(&file).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    assert!(matches!(room.blobs().offer(folder.path().join("none")).await, Err(BlobError::Store(_))));
    let id = room.id().unwrap();
    room.leave();
    again.forget(id).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path().join("blobs")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_goes_on_after_a_restart() {
    let (server, folder) = (serve().await, tempfile::tempdir().unwrap());
    let host = Endpoint::builder().server(&server).bind().await.unwrap();
    let room = host.create(meshwork::room("votes")).await.unwrap();
    let bytes: Vec<u8> = (0..8_000_000).map(|place| (place / 977) as u8).collect();
    let id = room.blobs().offer_bytes(&bytes).await.unwrap().id();
    let bind =
        async || Endpoint::builder().server(&server).store(Store::at(folder.path())).bind().await.unwrap();
    let first = bind().await;
    let same = first.join(room.link()).await.unwrap();
    let mut fetch = same.blobs().fetch(id);
    crate::fetch_until(&mut fetch, 1_000_000).await;
    first.close().await;
    drop((fetch, same, first));
    // A group that rotted meanwhile is fetched again.
    let part = folder.path().join(format!("blobs/{}/0/{id}.part", room.id().unwrap()));
    let mut rotten = std::fs::read(&part).unwrap();
    rotten[0] ^= 1;
    std::fs::write(&part, rotten).unwrap();

    let again = bind().await;
    let same = again.join(room.link()).await.unwrap();
    let mut fetch = same.blobs().fetch(id);
    let held = fetch.next().await.unwrap().unwrap().held;
    assert!((900_000..8_000_000).contains(&held), "{held}");
    assert_eq!(fetch.await.unwrap().read().await.unwrap(), bytes);
}

#[tokio::test]
async fn a_server_that_came_back_takes_rooms() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let endpoint = Endpoint::builder().server(format!("http://{port}")).bind().await.unwrap();
    let dead = endpoint.create(meshwork::room("votes")).await;
    assert!(matches!(dead, Err(meshwork::CreateError::Server { .. })), "{dead:?}");
    serve_on(TcpListener::bind(port).await.unwrap(), HubConfig::default());
    endpoint.create(meshwork::room("votes")).await.expect("the server is back");
}
