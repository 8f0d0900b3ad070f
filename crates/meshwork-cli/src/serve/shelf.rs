//! The shelf of games in a server with a data directory or a database: its store, permission to publish, the games that come with it, and its
//! routes, which reach the hub.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use meshwork::{Code, PeerId};
use meshwork_arcade::{
    Arcade, ArcadeConfig, Live, Publishers, ReserveError, Shelf as _, ShelfError, SqlShelf, StartError,
    TooManyCodes, Visit,
};
use meshwork_core::id::Identity;
use meshwork_play::{Package, WORD};
use meshwork_signal::http::{Head, MetricsPage, MetricsSource, Picture, RouteContext, ServerHandle};
use meshwork_signal::hub;
use rust_embed::RustEmbed;

use super::config::Config;
use crate::exit::Failure;
use crate::identity::{create_private_folder, keys, load_or_create};

/// The games in the data directory.
pub(super) const FILE: &str = "games.sqlite";
/// The key that signs the games of [`Games`] in the data directory.
pub(super) const KEY_FILE: &str = "games.key";

/// The name of that key in a database.
const KEY_NAME: &str = "games";
/// Time between two looks at the store.
const REFRESH_EVERY: Duration = Duration::from_secs(10);

/// The files of the games that come with this program.
#[derive(RustEmbed)]
#[folder = "../../examples/games"]
struct Games;

/// Opens the shelf in the database or the data directory, if the server has one.
pub(super) async fn open(
    config: &Config,
    address: SocketAddr,
    handle: &ServerHandle,
) -> Result<Option<Arc<Arcade>>> {
    let Some((store, place)) = store(config).await? else { return Ok(None) };
    let store = Arc::new(store);
    let settings = ArcadeConfig {
        publishers: publishers(config, address),
        public_url: config.public_url.clone(),
        ..ArcadeConfig::default()
    };
    let live = Arc::new(Rooms(handle.clone()));
    let arcade = Arcade::new(store.clone(), live, settings).await;
    let arcade = arcade.with_context(|| format!("cannot open the games in {place}"))?;
    handle.add_metrics(Arc::new(Numbers(Arc::clone(&arcade))));
    if config.meshwork_games {
        // The shelf of others' games is worth more than ours.
        if let Err(error) = bring(config, &store, &arcade).await {
            tracing::warn!("the games of Meshwork are not on the shelf: {error:#}");
        }
    }
    tokio::spawn(refresh(Arc::downgrade(&arcade)));
    Ok(Some(arcade))
}

/// The failure of a shelf that cannot begin. A database that is away comes back, so that another start helps; nothing else does.
pub(super) fn failure(error: anyhow::Error) -> Failure {
    let is_away = |cause: &(dyn std::error::Error + 'static)| {
        let began = match cause.downcast_ref() {
            Some(StartError::Store(error)) => Some(error),
            _ => None,
        };
        matches!(began.or_else(|| cause.downcast_ref()), Some(ShelfError::Away(_)))
    };
    if error.chain().any(is_away) {
        Failure::Unreachable(format!("{error:#}"))
    } else {
        super::storage(error)
    }
}

/// Opens the store, and returns its place for people.
async fn store(config: &Config) -> Result<Option<(SqlShelf, String)>> {
    if let Some(url) = &config.database {
        let store = SqlShelf::connect(url.reveal()).await.with_context(|| {
            format!(
                "cannot open the games in {url}: see that PostgreSQL runs there and that user, password and database of \
                 --database (MESHWORK_DATABASE) exist, or leave it out to have the games in a file of --data"
            )
        })?;
        return Ok(Some((store, url.to_string())));
    }
    let Some(data) = &config.data else { return Ok(None) };
    let path = data.join(FILE);
    create_private_folder(data).with_context(|| format!("cannot make {}", data.display()))?;
    let cannot = || format!("cannot open the games in {}", path.display());
    let store = SqlShelf::open(&path).await.with_context(cannot)?;
    Ok(Some((store, path.display().to_string())))
}

/// Publishes the games that come with this program. Servers on one database sign them with one key.
async fn bring(config: &Config, store: &SqlShelf, arcade: &Arcade) -> Result<()> {
    let author = match (&config.database, &config.data) {
        (None, Some(data)) => keys(&load_or_create(&data.join(KEY_FILE))?)?,
        _ => Identity::from_secret(store.shared_key(KEY_NAME, super::random_bytes()?).await?),
    };
    Ok(arcade.bring(&author, "Meshwork", &packages()?).await?)
}

/// Looks at the store now and then, as long as the shelf is there.
async fn refresh(arcade: Weak<Arcade>) {
    loop {
        tokio::time::sleep(REFRESH_EVERY).await;
        let Some(arcade) = arcade.upgrade() else { return };
        arcade.refresh().await;
    }
}

/// The games that come with this program.
fn packages() -> Result<Vec<Package>> {
    let mut folders: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for path in Games::iter() {
        // A file alone is an example for authors.
        let Some((folder, name)) = path.split_once('/') else { continue };
        let file = Games::get(&path).context("it was listed")?;
        folders.entry(folder.to_owned()).or_default().insert(name.to_owned(), file.data.into_owned());
    }
    folders.values().map(|files| Package::pack(files).context("a game of Meshwork")).collect()
}

/// The people who may publish: the operator's choice, else everyone if this machine alone reaches the server, else nobody.
pub(super) fn publishers(config: &Config, address: SocketAddr) -> Publishers {
    let is_local =
        address.ip().is_loopback() && config.public_url.is_none() && config.http.trusted_proxies.is_empty();
    let by_default = if is_local { Publishers::Everyone } else { Publishers::Nobody };
    config.publish.clone().unwrap_or(by_default)
}

/// A line of the start.
pub(super) fn words(config: &Config, address: SocketAddr) -> String {
    match publishers(config, address) {
        Publishers::Everyone => String::from("games: everyone may publish here (--publish)\n"),
        Publishers::Nobody => {
            String::from("games: nobody may publish here; --publish everyone or --publish KEY changes that\n")
        }
        Publishers::Keys(keys) => {
            format!("games: the holders of {} keys may publish here (--publish)\n", keys.len())
        }
    }
}

/// The routes, each request with its context.
pub(super) fn routes(arcade: &Arc<Arcade>) -> Router {
    meshwork_arcade::routes(arcade).layer(from_fn(with_visit))
}

async fn with_visit(context: RouteContext, mut request: Request, next: Next) -> Response {
    let visit: Arc<dyn Visit> = Arc::new(Context(context));
    request.extensions_mut().insert(visit);
    next.run(request).await
}

/// The hub of the server.
struct Rooms(ServerHandle);

impl Live for Rooms {
    fn members(&self, room: Code) -> Option<usize> {
        self.0.member_count(room)
    }

    fn has_member(&self, room: Code, peer: PeerId) -> bool {
        self.0.has_member(room, peer)
    }

    fn reserve(&self, code: Code) -> Result<(), ReserveError> {
        self.0.reserve(code).map_err(|error| match error {
            hub::ReserveError::Full => ReserveError::Full,
            _ => ReserveError::Taken,
        })
    }

    fn release(&self, code: Code) {
        self.0.release(code);
    }
}

/// The context of a request.
struct Context(RouteContext);

impl Visit for Context {
    fn network(&self) -> String {
        self.0.network().to_string()
    }

    fn is_own_machine(&self) -> bool {
        self.0.is_own_machine()
    }

    fn address_of(&self, path: &str) -> String {
        self.0.address_of(path)
    }

    fn members(&self, room: Code) -> Result<Option<usize>, TooManyCodes> {
        self.0.member_count(room).map_err(|_| TooManyCodes)
    }

    fn is_allowed_origin(&self, headers: &HeaderMap) -> bool {
        self.0.is_allowed_origin(headers)
    }

    fn may_change(&self, headers: &HeaderMap) -> bool {
        self.0.may_change(headers)
    }

    fn page(&self, status: StatusCode, head: meshwork_arcade::Head) -> Response {
        let picture = head.picture.map(|picture| Picture {
            path: picture.path,
            width: picture.width,
            height: picture.height,
            description: picture.description,
        });
        let head = Head { title: head.title, description: head.description, path: head.path, picture };
        self.0.page(status, WORD, &head)
    }

    fn page_at(&self, path: &str, headers: &HeaderMap) -> Response {
        self.0.page_at(path, headers)
    }
}

/// The numbers of the shelf among the metrics, and its fault.
struct Numbers(Arc<Arcade>);

impl MetricsSource for Numbers {
    fn fault(&self) -> Option<String> {
        let words = "the store of the games does not answer, or stores nothing: the log has the reason";
        (!self.0.counts().store_up).then(|| String::from(words))
    }

    fn write(&self, page: &mut MetricsPage) {
        let counts = self.0.counts();
        let help =
            "Whether the store of the games answered within the last seconds, and stored the last change.";
        page.gauge("meshwork_play_store_up", help, u8::from(counts.store_up));
        page.gauge("meshwork_play_games", "Games that visitors can open.", counts.games);
        page.gauge("meshwork_play_parties", "Parties that are noted.", counts.parties);
        page.gauge("meshwork_play_players", "Players of the noted parties.", counts.players);
        for (name, help, value) in [
            ("published", "Publications, new versions included.", counts.published),
            ("publications_refused", "Publications that were refused.", counts.refused),
            ("rooms_created", "Parties that were noted for the first time.", counts.rooms_created),
            ("rooms_joined", "Players who entered a party.", counts.rooms_joined),
            ("joins_failed", "Attempts to enter a party that failed.", counts.joins_failed),
            ("host_losses", "Hosts that parties lost.", counts.host_losses),
            ("sessions", "Matches that were reported.", counts.sessions),
        ] {
            page.counter(&format!("meshwork_play_{name}_total"), help, value);
        }
        for (name, help, amounts) in [
            ("session_seconds", "Lengths of matches.", counts.session_seconds),
            ("session_latency_seconds", "Mean round-trip times of matches.", counts.session_latency),
        ] {
            let name = format!("meshwork_play_{name}");
            page.histogram(&name, help, &amounts.classes, amounts.beyond, amounts.sum);
        }
    }
}
