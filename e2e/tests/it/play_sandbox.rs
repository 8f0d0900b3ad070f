//! Games of strangers: their ways out are closed, and a game that misbehaves ends while its page goes on.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use meshwork_e2e::{Browser, Kind, PATIENCE, Server, Tab};
use serde_json::{Value, json};

/// The names that the worker of a program keeps.
const PRELUDE: &str = include_str!("../../../sdk/js/frame/prelude.js");

/// Mounts a frame with the script of the pages. A host steps its game at each tick; `said` has what came, without ticks.
const BEGIN: &str = "
    const hall = document.createElement('div');
    hall.style.cssText = 'position:fixed;left:0;top:0;width:480px;height:270px;z-index:99;background:#fff';
    hall.dataset.testid = 'hall';
    document.body.append(hall);
    window.said = [];
    window.keys = [];
    addEventListener('keydown', ({ key }) => window.keys.push(key), true);
    const players = [{ slot: 0, name: 'Lin', colour: '#3cb44b', away: false, bot: false }];
    let tick = 0;
    const send = (message) => window.frame.send(JSON.stringify(message));
    const on = (kind, text) => {
      if (kind === 'ready') {
        tick = 0;
        send({ do: 'setup', seed: 1, players, me: 0, tick });
      }
      if (kind === 'tick') send({ do: 'step', tick: ++tick, inputs: [], players, joined: [], left: [] });
      else if (window.said.length < 5000) window.said.push([kind, text]);
    };
    const stage = await window.loadStage();
    window.trust = () => stage.trust(hall, 'Game', on);
    window.frame = stage.mount(hall, 960, 540, 'Game', on);";

/// Tries each way out: a statement each, in which URL is the address of a server that listens, and PORT its port.
const WAYS: [&str; 21] = [
    "fetch('URL/fetch?secret')",
    "fetch('URL/no-cors', { mode: 'no-cors', keepalive: true })",
    "(() => { const x = new XMLHttpRequest(); x.open('GET', 'URL/xhr', false); x.send() })()",
    "new WebSocket('ws://127.0.0.1:PORT/socket')",
    "new WebSocketStream('ws://127.0.0.1:PORT/socket-stream').opened",
    "new WebTransport('https://127.0.0.1:PORT/transport')",
    "new EventSource('URL/events?secret')",
    "new FontFace('leak', 'url(URL/font?secret)').load()",
    "import('URL/import.js')",
    "import('data:text/javascript,fetch(\"URL/data-import\")')",
    "importScripts('URL/scripts.js')",
    "importScripts('data:text/javascript,new EventSource(\"URL/data-scripts\")')",
    "new Worker('URL/worker.js')",
    "new Worker(URL.createObjectURL(new Blob(['new EventSource(\"URL/nested\")'])))",
    "new Worker('data:text/javascript,new EventSource(\"URL/data-worker\")')",
    "new SharedWorker('URL/shared.js')",
    "new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:PORT' }] }).createDataChannel('x')",
    "navigator.sendBeacon('URL/beacon', 'secret')",
    "caches.open('x').then((cache) => cache.add('URL/cache'))",
    "new Function('fetch(\"URL/function\")')()",
    "setTimeout('new EventSource(\"URL/timer\")', 0)",
];

/// Functions and variables of a game that are hoisted above the prelude.
pub(crate) const HOISTED: &str = "
    function Object() {}
    function Set() {}
    function Array() {}
    function Reflect() {}
    function getOwnPropertyNames() { return [] }
    function getPrototypeOf() { return null }
    function self() {}
    function globalThis() {}
    function addEventListener(kind, act) { leaked.push(act) }
    function onmessage(event) { leaked.push(event) }
    function OffscreenCanvas() {}
    var EventSource, FontFace, Worker, fetch, leaked = [], kept, names, harness, port;
    let XMLHttpRequest;";

/// A server that notes what arrives, over TCP and UDP at one port.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    arrived: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    pub(crate) fn start() -> Result<Listener> {
        let (tcp, arrived) = (TcpListener::bind("127.0.0.1:0")?, Arc::new(Mutex::new(Vec::new())));
        let address = tcp.local_addr()?;
        let udp = UdpSocket::bind(address)?;
        let (noted, noted_packets) = (Arc::clone(&arrived), Arc::clone(&arrived));
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                noted.lock().expect("nobody panics").push(first_line(&stream));
            }
        });
        thread::spawn(move || {
            while let Ok((length, _)) = udp.recv_from(&mut [0; 2048]) {
                noted_packets.lock().expect("nobody panics").push(format!("{length} bytes by UDP"));
            }
        });
        Ok(Listener { address, arrived })
    }

    pub(crate) fn arrived(&self) -> Vec<String> {
        self.arrived.lock().expect("nobody panics").clone()
    }

    /// Tries each way out to this server.
    pub(crate) fn tries(&self) -> String {
        let url = format!("http://{}", self.address);
        WAYS.iter()
            .map(|way| {
                let way = way.replace("URL.createObjectURL", "\u{1}").replace("URL", &url);
                let way = way.replace('\u{1}', "URL.createObjectURL").replace("PORT", &self.address.port().to_string());
                format!("  try {{ const made = {way}; made?.catch?.(() => {{}}); made?.closed?.catch?.(() => {{}}) }} catch {{}}\n")
            })
            .collect()
    }

    /// Fails if anything arrived, or if the server does not listen.
    pub(crate) async fn heard_nothing(&self, tab: &Tab) -> Result<()> {
        let arrived = self.arrived();
        ensure!(arrived.is_empty(), "arrived {arrived:?}");
        drop(TcpStream::connect(self.address)?);
        tab.wait_until(PATIENCE, "a connection of the test's own", async || {
            ensure!(self.arrived().len() == 1, "{:?} arrived", self.arrived());
            Ok(())
        })
        .await
    }
}

fn first_line(mut stream: &TcpStream) -> String {
    let mut bytes = [0; 256];
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let length = stream.read(&mut bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
    text.lines().next().unwrap_or("a connection that says nothing").to_owned()
}

/// A start page with a frame.
async fn begin(browser: &Browser, server: &Server) -> Result<Tab> {
    let tab = browser.tab(server.url()).await?;
    tab.wait_until(PATIENCE, "the page's first script", async || {
        let is_there = tab.eval("return typeof window.loadStage === 'function'", vec![]).await?;
        ensure!(is_there == json!(true), "it is not there");
        Ok(())
    })
    .await?;
    tab.eval(BEGIN, vec![]).await?;
    Ok(tab)
}

async fn start(tab: &Tab, code: &str) -> Result<()> {
    tab.eval("window.said.length = 0; window.frame.start(arguments[0], [])", vec![code.into()])
        .await
        .map(drop)
}

/// The first of the newest messages of a kind in which `find` finds something.
async fn wait_said<T>(tab: &Tab, kind: &str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
    let script = "return window.said.filter(([kind]) => kind === arguments[0]).slice(-400).reverse().map(([, text]) => text)";
    tab.wait_until(PATIENCE, kind, async || {
        let said: Vec<String> = serde_json::from_value(tab.eval(script, vec![kind.into()]).await?)?;
        let found = said.iter().find_map(|text| find(text));
        let all = tab.eval("return window.said.slice(0, 3)", vec![]).await?;
        found.with_context(|| format!("{} came, and first {all}", said.len()))
    })
    .await
}

/// The state of a game at this tick or later.
async fn wait_tick(tab: &Tab, tick: u64) -> Result<Value> {
    wait_said(tab, "game", |text| {
        let said: Value = serde_json::from_str(text).ok()?;
        (said["is"] == "stepped" && said["tick"].as_u64()? >= tick).then(|| said["envelope"]["state"].clone())
    })
    .await
}

/// A game that tries to get out, at once, in `setup`, in `update` and in `render`, and lists what its worker has.
fn escaping(hoisted: &str, listener: &Listener) -> String {
    let url = format!("http://{}", listener.address);
    let tries = listener.tries();
    format!(
        "{hoisted}
const plain = ({{}}).constructor, chain = []
for (let place = this; place; place = plain.getPrototypeOf(place)) if (place !== plain.prototype) chain.push(place)
const leads = (name) => {{ try {{ const value = this[name]; return (typeof value === 'object' && value !== null) || typeof value === 'function' }} catch {{ return true }} }}
const left = chain.flatMap((place) => plain.getOwnPropertyNames(place)).filter(leads)
const attempt = () => {{
{tries}}}
attempt()
const events = []
plain.getPrototypeOf(chain.at(-1)) // The last of the chain has the listeners of all.
const listen = (event) => events.push('a message with ' + event.ports.length + ' ports')
for (const capture of [true, false]) chain.at(-1).addEventListener?.call(this, 'message', listen, capture)
this.onmessage = () => events.push('a message')
const dig = (draw) => {{
  const found = []
  try {{ draw.canvas.getContext('webgl') && found.push('webgl') }} catch {{}}
  try {{ draw.canvas.constructor.prototype.getContext && found.push('getContext') }} catch {{}}
  try {{ meshwork.game.caller && found.push('caller') }} catch {{}}
  try {{ dig.caller && found.push('caller of a game') }} catch {{}}
  return found
}}
const drawn = []
meshwork.game({{
  setup() {{ attempt(); return {{ left, events, drawn, ticks: 0 }} }},
  update(state, inputs, {{ tick }}) {{ if (tick % 30 === 1) attempt(); return {{ left, events, drawn, ticks: tick }} }},
  render(draw, state, {{ width, height }}) {{
    if (drawn.length === 0) {{ attempt(); drawn.push('drawn', ...dig(draw)) }}
    try {{ draw.filter = 'url({url}/filter.svg#x)' }} catch {{}}
    draw.fillStyle = '#f00'
    draw.fillRect(0, 0, width, height)
    draw.filter = 'none'
    draw.fillRect(0, 0, width, height)
  }},
}})
"
    )
}

/// The names that a list of the prelude keeps.
pub(crate) fn kept(list: &str) -> Vec<String> {
    let list = PRELUDE.split_once(&format!("const {list} = [")).and_then(|(_, rest)| rest.split_once(']'));
    let (list, _) = list.expect("the prelude has a list");
    list.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

#[tokio::test]
async fn games_reach_nothing_outside_their_worker() -> Result<()> {
    let server = Server::start().await?;
    let kept = [kept("kept"), kept("ofGames")].concat();
    ensure!(kept.len() > 60, "the list of the prelude is not read");
    for kind in [Kind::Chromium, Kind::Firefox] {
        let browser = Browser::start_kind(kind).await?;
        let tab = begin(&browser, &server).await?;
        for hoisted in ["", HOISTED] {
            let listener = Listener::start()?;
            start(&tab, &escaping(hoisted, &listener)).await?;
            // Two seconds of the game's own clock, in which everything was tried several times.
            let state = wait_tick(&tab, 120).await.with_context(|| format!("{kind:?}"))?;
            listener.heard_nothing(&tab).await.with_context(|| format!("{kind:?}"))?;
            // A name that a newer browser leaves is found here.
            let known = |name: &str| name == "meshwork" || kept.iter().any(|kept| kept == name);
            let own = |name: &str| hoisted.contains(name);
            let left: Vec<String> = serde_json::from_value(state["left"].clone())?;
            ensure!(left.iter().any(|name| name == "Math"), "{kind:?}: no names are listed");
            let unknown: Vec<&String> = left.iter().filter(|name| !known(name) && !own(name)).collect();
            ensure!(unknown.is_empty(), "{kind:?}: the worker has {unknown:?}");
            ensure!(state["events"] == json!([]), "{kind:?}: the game heard {}", state["events"]);
            ensure!(state["drawn"] == json!(["drawn"]), "{kind:?}: the game found {}", state["drawn"]);
        }
        wait_drawn(&tab).await?;
        // A click on the game leaves keys to the page.
        tab.drag_on("hall", &[(200, 100)]).await?;
        tab.press_keys("w").await?;
        let keys = tab.eval("return [window.keys, document.activeElement.tagName]", vec![]).await?;
        ensure!(keys == json!([["w"], "BODY"]), "{kind:?}: keys and focus are {keys}");
    }
    Ok(())
}

/// Waits until the middle of the frame is red in a picture of the tab.
async fn wait_drawn(tab: &Tab) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("game.png");
    tab.wait_until(PATIENCE, "a red game", async || {
        tab.screenshot(&file).await?;
        let picture = image::open(&file)?.to_rgb8();
        let middle = picture.get_pixel(240, 135);
        ensure!(middle.0 == [255, 0, 0], "the middle is {middle:?}");
        Ok(())
    })
    .await
}

/// The frames that a page paints in half a second, at least.
const LIVELY: &str = "
    const begin = performance.now();
    let frames = 0;
    while (performance.now() - begin < 500) { await new Promise(requestAnimationFrame); frames += 1 }
    return frames";

#[tokio::test]
async fn games_that_misbehave_end_alone() -> Result<()> {
    let server = Server::start().await?;
    for kind in [Kind::Chromium, Kind::Firefox] {
        let browser = Browser::start_kind(kind).await?;
        let tab = begin(&browser, &server).await?;
        let game = |update: &str| {
            format!(
                "meshwork.game({{\n setup: () => ({{ n: 0 }}),\n update(state, inputs, {{ tick }}) {{\n{update}\n}},\n render() {{}} }})"
            )
        };
        let dead = |text: &str| Some(text.to_owned());
        for (code, death) in [
            (game("if (tick === 5) for (;;);"), "silent"),
            (game("if (tick === 5) new Float64Array(3e7).map(Math.random).sort((a, b) => a - b)"), "silent"),
            (game("state.texts = new Array(60).fill('x'.repeat(4000))"), "flood"),
        ] {
            start(&tab, &code).await?;
            wait_tick(&tab, 1).await.with_context(|| format!("{kind:?}"))?;
            let frames = tab.eval(LIVELY, vec![]).await?.as_u64().unwrap_or_default();
            ensure!(frames >= 3, "{kind:?}: the page painted {frames} frames in half a second");
            let why = wait_said(&tab, "dead", dead).await.with_context(|| format!("{kind:?}: {code}"))?;
            ensure!(why == death, "{kind:?}: it ended as {why} and not as {death}");
            ensure!(!tab.has("game-frame").await?, "{kind:?}: the frame is still there");
        }
        // Errors have the lines of the game's own text.
        for (code, line, part) in [
            (game("null.x"), json!(4), "update"),
            (game("state.place = { x: 0 / 0 }"), Value::Null, "update"),
            ("\n\nthrow new Error('at once')".to_owned(), json!(3), "load"),
        ] {
            start(&tab, &code).await?;
            let failed = wait_said(&tab, "game", |text| {
                serde_json::from_str::<Value>(text).ok().filter(|said| said["is"] == "failed")
            });
            let failed = failed.await.with_context(|| format!("{kind:?}"))?;
            ensure!(failed["line"] == line && failed["where"] == part, "{kind:?}: {failed}");
        }
        start(&tab, &game("state.n = tick")).await?;
        let state = wait_tick(&tab, 60).await?;
        ensure!(state["n"].as_u64() >= Some(60), "{kind:?}: a game after all that has the state {state}");
    }
    Ok(())
}

/// An HTML game that plays by the rules for a while, then does something else.
fn html(then: &str) -> String {
    format!(
        "<!doctype html><title>Game</title><body><script>
let [n, told] = [0, []]
addEventListener('message', ({{ data }}) => {{
  if (data.type === 'PLAYER_INPUT') told.push(data.payload.keys.join())
  if (data.type !== 'UPDATE') return
  n += 1
  parent.postMessage({{ type: 'STATE', payload: {{ n, told }} }}, '*')
  if (n === 30) {{ {then} }}
}})
onload = () => parent.postMessage({{ type: 'READY' }}, '*')
</script></body>"
    )
}

#[tokio::test]
async fn html_games_fetch_nothing_and_end_on_leaving() -> Result<()> {
    let server = Server::start().await?;
    for kind in [Kind::Chromium, Kind::Firefox] {
        let browser = Browser::start_kind(kind).await?;
        let tab = begin(&browser, &server).await?;
        tab.eval("window.frame.end(); window.frame = window.trust()", vec![]).await?;
        let listener = Listener::start()?;
        let url = format!("http://{}", listener.address);
        let nested =
            format!("new Worker(URL.createObjectURL(new Blob(['new EventSource(\\'{url}/nested\\')'])))");
        let tries: String = [
            format!("fetch('{url}/fetch').catch(() => {{}})"),
            format!("new EventSource('{url}/events')"),
            format!("new FontFace('x', 'url({url}/font)').load().catch(() => {{}})"),
            format!("new Image().src = '{url}/image'"),
            nested,
            "localStorage.x = 1; n = -1e9".to_owned(),
            "n = parent.document ? -1e9 : n".to_owned(),
        ]
        .map(|attempt| format!("try {{ {attempt} }} catch {{}};"))
        .concat();
        start(&tab, &html(&tries)).await?;
        wait_tick(&tab, 50).await.with_context(|| format!("{kind:?}"))?;
        // A page reads hands sixty times a second. A game that hears keys of its own is told changes alone.
        let hold = "for (const keys of [[], [], ['left'], ['left'], []]) window.frame.sendInput(JSON.stringify(keys))";
        tab.eval(hold, vec![]).await?;
        let state = wait_tick(&tab, 150).await.with_context(|| format!("{kind:?}"))?;
        ensure!(state["n"].as_i64() > Some(0), "{kind:?}: it reached storage or parent: {state}");
        ensure!(state["told"] == json!(["ArrowLeft", ""]), "{kind:?}: {state}");
        let arrived = listener.arrived();
        ensure!(arrived.is_empty(), "{kind:?}: arrived {arrived:?}");
        for (act, death) in [
            ("location = '/elsewhere?secret'", "left"),
            ("parent.postMessage({ type: 'STATE', payload: new ArrayBuffer(9 << 20) }, '*')", "flood"),
            ("parent.postMessage({ type: 'STATE', payload: new Array(1e6).fill({ x: 'y' }) }, '*')", "flood"),
        ] {
            start(&tab, &html(act)).await?;
            let why = wait_said(&tab, "dead", |text| Some(text.to_owned())).await?;
            ensure!(why == death && !tab.has("game-frame").await?, "{kind:?}: {act}: it ended as {why}");
        }
    }
    Ok(())
}
