//! The suite over real sockets, with a real meeting point.

use std::sync::Arc;
use std::time::Duration;

use meshwork::{BindError, Endpoint, Identity, IdentityError, JoinError, Store, StoreError, place};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, NoPages};
use meshwork_signal::hub::{Hub, HubConfig};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::suite::{self, People};

/// The longest that a test may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// A meeting point on a free port; it stops with the runtime.
pub(crate) async fn serve() -> String {
    let hub = Hub::new(HubConfig::default(), ServerKey::new([1; 32]), [2; 32]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let never = std::future::pending();
    tokio::spawn(http::serve(listener, hub, Arc::new(NoPages), HttpConfig::default(), never));
    format!("http://{address}")
}

async fn people() -> People {
    let server = serve().await;
    let start = async |name: &str, stays: bool| {
        let builder = Endpoint::builder().name(name).server(&server);
        let builder = if stays { builder.stays() } else { builder };
        builder.bind().await.unwrap()
    };
    People { ann: start("Ann", false).await, bo: start("Bo", false).await, kim: start("Kim", true).await }
}

macro_rules! suite {
    ($($test:ident),*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            timeout(DEADLINE, suite::$test(people().await)).await.expect("it takes no longer");
        }
    )*};
}

suite!(
    people_join_and_leave,
    codes_lead_to_rooms,
    topics_carry_what_is_said,
    what_is_no_value_is_counted,
    what_is_too_long_is_refused,
    nobody_hears_what_is_for_somebody_else,
    tables_keep_who_wrote_what,
    presence_ends_with_who_says_it,
    canvases_show_what_was_painted,
    apps_are_turned_on_by_the_owner,
    owners_rule,
    new_links_end_old_ones,
    left_rooms_say_so
);

#[tokio::test]
async fn rooms_on_disk_are_listed_opened_and_forgotten() {
    let (server, folder) = (serve().await, tempfile::tempdir().unwrap());
    let bind = async || {
        let identity = Identity::load_or_create(folder.path().join("key")).unwrap();
        let builder = Endpoint::builder().identity(identity).server(&server);
        builder.store(Store::at(folder.path().join("rooms"))).bind().await
    };
    let first = bind().await.unwrap();
    let room = first.create(place::canvas(40, 30).private()).await.unwrap();
    room.canvas().fill(0..40, 0..30, [1, 2, 3]).await.unwrap();
    assert!(matches!(bind().await, Err(BindError::Store(StoreError::InUse))));
    let (peer, link) = (first.id().peer, room.link());
    first.close().await;

    let again = bind().await.unwrap();
    assert_eq!(again.id().peer, peer, "the key file names one peer");
    let rooms = again.rooms().await.unwrap();
    assert_eq!(rooms.iter().map(|room| room.link.clone()).collect::<Vec<_>>(), [Some(link.clone())]);
    let room = again.open(link.to_string()).await.unwrap();
    let mut changes = room.canvas().watch();
    while room.canvas().image().await.unwrap().unwrap().painted < 1200 {
        changes.next().await.unwrap();
    }
    room.forget().await.unwrap();
    assert!(again.rooms().await.unwrap().is_empty());
    assert!(matches!(again.open(link.to_string()).await, Err(JoinError::NotStored)));
}

#[tokio::test]
async fn identities_are_made_once_saved_and_carried() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/key");
    assert!(matches!(Identity::load(&path), Err(IdentityError::File(_))));
    let made = Identity::load_or_create(&path).unwrap();
    assert_eq!(Identity::load_or_create(&path).unwrap().peer(), made.peer());
    assert!(made.save(&path).is_err(), "a file is never written over");
    assert_eq!(Identity::import(&made.export()).unwrap().peer(), made.peer());
    assert!(matches!(Identity::import("nonsense"), Err(IdentityError::Damaged(_))));
    std::fs::write(&path, "meshwork identity v1\nnonsense\n").unwrap();
    let error = Identity::load(&path).unwrap_err();
    assert!(error.to_string().contains("deep/key"), "{error}");
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let error = Endpoint::builder().server("meet.example.org").bind().await.unwrap_err();
    assert!(matches!(&error, BindError::Server(url) if url == "meet.example.org"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rooms.redb"), "no store").unwrap();
    let error = Endpoint::builder().store(Store::at(folder.path())).bind().await.unwrap_err();
    assert!(matches!(error, BindError::Store(StoreError::Damaged(_))), "{error}");
    let guest = Endpoint::bind().await.unwrap();
    assert!(matches!(guest.create(meshwork::room("votes")).await, Err(meshwork::CreateError::NoServer)));
    assert!(matches!(guest.create(meshwork::room("No Word")).await, Err(meshwork::CreateError::NoServer)));
    assert!(matches!(guest.join("K7M4QX").await, Err(JoinError::NoServer)));
}
