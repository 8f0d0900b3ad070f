//! A server with a shelf in a folder of its own, and authors who speak to it.

#[cfg(target_os = "linux")]
pub(crate) mod postgres;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use meshwork_arcade::{
    Arcade, ArcadeConfig, Draw, Live, Publishers, ReserveError, SqlShelf, TooManyCodes, Visit,
};
use meshwork_core::id::{Code, Identity, PeerId};
use meshwork_play::shelf::{Ask, GameAnswer, GamesAnswer, Published, Request as Signed, publication};
use meshwork_play::{About, Package, Release};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, Head, HttpConfig, Page, Pages, Picture, RouteContext, ServerHandle};
use meshwork_signal::hub::{self, Hub, HubConfig};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The longest that anything here may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// The start of each server, in milliseconds since 1970.
pub(crate) const START: u64 = 1_700_000_000_000;

/// The rooms that a test invents, with their members.
type Members = Arc<Mutex<BTreeMap<Code, Vec<PeerId>>>>;

pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) arcade: Arc<Arcade>,
    pub(crate) members: Members,
    pub(crate) handle: ServerHandle,
    now: Arc<AtomicU64>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    store: Arc<SqlShelf>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Fails the test unless the server refused with this status and these words.
    pub(crate) fn expect_refusal(&self, status: u16, words: &str) {
        assert!(self.status == status && self.text().contains(words), "{} {}", self.status, self.text());
    }
}

/// Few pages, with the marks of a head.
struct FewPages;

impl Pages for FewPages {
    fn page(&self, path: &str) -> Option<Page> {
        let page: &[u8] = match path {
            "index.html" => b"<!doctype html><!--head--><title>Meshwork</title><!--/head-->start",
            "apps/play.html" => b"<!doctype html><!--head--><title>Play</title><!--/head-->play",
            "apps/play/new.html" => b"<!doctype html>a new game",
            _ => return None,
        };
        Some(Page::new(page, [page.len() as u8; 32]))
    }
}

/// Gives a folder the URL of a database.
type UrlOf = Box<dyn Fn(&Path) -> String>;

thread_local! {
    /// Gives each folder the URL of a database, if this thread tests another store than SQLite's.
    static DATABASE: RefCell<Option<UrlOf>> = const { RefCell::new(None) };
}

/// Runs a test whose servers have databases instead of files in their folders.
#[cfg(target_os = "linux")]
pub(crate) fn over_databases(url: impl Fn(&Path) -> String + 'static, test: impl FnOnce()) {
    DATABASE.with(|database| *database.borrow_mut() = Some(Box::new(url)));
    test();
    DATABASE.with(|database| *database.borrow_mut() = None);
}

/// The store of a folder.
async fn open_store(folder: &Path) -> SqlShelf {
    let url = DATABASE.with(|database| database.borrow().as_ref().map(|url| url(folder)));
    match url {
        Some(url) => SqlShelf::connect(&url).await.unwrap(),
        None => SqlShelf::open(folder.join("games.sqlite")).await.unwrap(),
    }
}

impl Server {
    pub(crate) async fn start(folder: &Path) -> Server {
        Server::with(folder, HttpConfig::default(), |_| {}).await
    }

    pub(crate) async fn with(
        folder: &Path,
        http: HttpConfig,
        change: impl FnOnce(&mut ArcadeConfig),
    ) -> Server {
        let hub = Hub::new(HubConfig::default(), ServerKey::new([1; 32]), [2; 32]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let now = Arc::new(AtomicU64::new(START));
        let clock = Arc::clone(&now);
        let mut config = ArcadeConfig {
            publishers: Publishers::Everyone,
            public_url: http.public_url.clone(),
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            ..ArcadeConfig::default()
        };
        change(&mut config);
        let server = http::Server::new(hub, Arc::new(FewPages), http);
        let (handle, members) = (server.handle(), Members::default());
        let live = Rooms { handle: handle.clone(), members: Arc::clone(&members) };
        let store = Arc::new(open_store(folder).await);
        let arcade = Arcade::new(store.clone(), Arc::new(live), config).await.unwrap();
        let visited = from_fn_with_state(Arc::clone(&members), with_visit);
        let server = server.with_routes(meshwork_arcade::routes(&arcade).layer(visited));
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.run(listener, async {
            let _ = stopped.await;
        }));
        Server { address, arcade, members, handle, now, stop, serving, store }
    }

    /// Ends the server, so that another one may open its folder.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        self.serving.await.unwrap();
        self.store.close().await;
    }

    pub(crate) fn store(&self) -> Arc<SqlShelf> {
        Arc::clone(&self.store)
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// The address for which authors sign.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a request whose head announces `length` bytes.
    async fn send(&self, method: &str, path: &str, lines: &str, length: usize, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let address = &self.address;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{lines}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that refuses early does not read on.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ =
            tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("an answer in time");
        Answer::read(&answer)
    }

    pub(crate) async fn request(&self, method: &str, path: &str, lines: &str, body: &[u8]) -> Answer {
        self.send(method, path, lines, body.len(), body).await
    }

    /// Sends a head alone, which announces a body.
    pub(crate) async fn announce(&self, method: &str, path: &str, length: usize) -> Answer {
        self.send(method, path, "", length, b"").await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", b"").await
    }

    /// Publishes for somebody behind a proxy on this machine.
    pub(crate) async fn post(&self, body: &[u8]) -> Answer {
        self.request("POST", "/play/api/games", "x-forwarded-for: 192.0.2.7\r\n", body).await
    }

    pub(crate) async fn game(&self, code: Code) -> GameAnswer {
        self.get(&format!("/play/api/games/{code}")).await.json()
    }

    pub(crate) async fn games(&self, query: &str) -> GamesAnswer {
        self.get(&format!("/play/api/games{query}")).await.json()
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, signed: &Signed) -> Answer {
        self.request(method, path, "", signed.to_json().as_bytes()).await
    }

    /// Publishes a new game of one file with this title.
    pub(crate) async fn publish(&self, author: &Author, title: &str) -> Published {
        let answer = self.try_publish(author, &package(title), None, 1).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub(crate) async fn try_publish(
        &self,
        author: &Author,
        package: &Package,
        code: Option<Code>,
        version: u32,
    ) -> Answer {
        self.post(&author.publication(self, package, code, version, false)).await
    }
}

/// Somebody with a key. Each request is newer than the one before.
pub(crate) struct Author {
    pub(crate) identity: Identity,
    asked: AtomicU64,
}

impl Author {
    pub(crate) fn new(number: u8) -> Author {
        Author { identity: Identity::from_secret([number; 32]), asked: AtomicU64::new(0) }
    }

    pub(crate) fn sign(&self, server: &Server, ask: &Ask) -> Signed {
        let at_ms = server.now() + self.asked.fetch_add(1, Ordering::Relaxed);
        Signed::sign(&self.identity, at_ms, &server.url(), ask)
    }

    pub(crate) fn release(&self, package: &Package, version: u32) -> Vec<u8> {
        Release::sign(&self.identity, About::of(package, "Mira", version, START)).to_bytes()
    }

    pub(crate) fn publication(
        &self,
        server: &Server,
        package: &Package,
        code: Option<Code>,
        version: u32,
        draft: bool,
    ) -> Vec<u8> {
        let release = self.release(package, version);
        let request = self.sign(server, &Ask::Publish { code, release: hash(&release).into(), draft });
        publication(&request, &release, package.bytes())
    }
}

pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

pub(crate) fn package(title: &str) -> Package {
    package_with(title, &[])
}

/// A package with a manifest; a file `cover.png` is its picture.
pub(crate) fn package_with(title: &str, files: &[(&str, &[u8])]) -> Package {
    let mut manifest = serde_json::json!({
        "meshwork": 1, "title": title, "description": format!("About {title}.").replace('<', "("),
    });
    if files.iter().any(|(path, _)| *path == "cover.png") {
        manifest["thumbnail"] = "cover.png".into();
    }
    let mut all: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, bytes)| (String::from(*path), bytes.to_vec())).collect();
    all.insert(String::from("game.json"), manifest.to_string().into_bytes());
    all.insert(String::from("game.js"), format!("meshwork.game({{}}) // {title}").into_bytes());
    Package::pack(&all).unwrap()
}

/// Draws these codes in turn, the last one for ever.
pub(crate) fn drawing(codes: Vec<Code>) -> Draw {
    let drawn = AtomicU64::new(0);
    Arc::new(move || codes[(drawn.fetch_add(1, Ordering::Relaxed) as usize).min(codes.len() - 1)])
}

struct Rooms {
    handle: ServerHandle,
    members: Members,
}

impl Live for Rooms {
    fn members(&self, room: Code) -> Option<usize> {
        self.members.lock().unwrap().get(&room).map(Vec::len)
    }

    fn has_member(&self, room: Code, peer: PeerId) -> bool {
        self.members.lock().unwrap().get(&room).is_some_and(|members| members.contains(&peer))
    }

    fn reserve(&self, code: Code) -> Result<(), ReserveError> {
        self.handle.reserve(code).map_err(|error| match error {
            hub::ReserveError::Full => ReserveError::Full,
            _ => ReserveError::Taken,
        })
    }

    fn release(&self, code: Code) {
        self.handle.release(code);
    }
}

async fn with_visit(
    State(members): State<Members>,
    context: RouteContext,
    mut request: Request,
    next: Next,
) -> Response {
    let visit: Arc<dyn Visit> = Arc::new(Context(context, members));
    request.extensions_mut().insert(visit);
    next.run(request).await
}

struct Context(RouteContext, Members);

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
        let invented = self.1.lock().unwrap().get(&room).map(Vec::len);
        self.0.member_count(room).map(|count| invented.or(count)).map_err(|_| TooManyCodes)
    }

    fn is_allowed_origin(&self, headers: &HeaderMap) -> bool {
        self.0.is_allowed_origin(headers)
    }

    fn may_change(&self, headers: &HeaderMap) -> bool {
        self.0.may_change(headers)
    }

    fn page(&self, status: StatusCode, head: meshwork_arcade::Head) -> Response {
        let meshwork_arcade::Head { title, description, path, picture } = head;
        let picture = picture.map(|picture| Picture {
            path: picture.path,
            width: picture.width,
            height: picture.height,
            description: picture.description,
        });
        self.0.page(status, "play", &Head { title, description, path, picture })
    }

    fn page_at(&self, path: &str, headers: &HeaderMap) -> Response {
        self.0.page_at(path, headers)
    }
}
