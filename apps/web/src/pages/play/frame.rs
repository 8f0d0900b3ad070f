//! The frame in which a game runs: its worker, the messages in both directions, and its end.
//!
//! A page loads the script once, mounts a frame as large as its parent, and starts a game in it:
//!
//! ```ignore
//! let stage = frame::load().await?;
//! let frame = stage.mount(&parent, &package, move |said| match said {
//!     FromFrame::Game(json) => session.handle_game(now(), serde_json::from_str(&json)?),
//!     FromFrame::Tick => session.handle_clock(now()),
//!     // ...
//! })?;
//! frame.start(&package);      // again for each run; the former game ends
//! frame.send(&to_game);       // from `Ready` on
//! ```
//!
//! Messages before [`FromFrame::Ready`] wait in a [`Screen`]. After [`FromFrame::Dead`] the frame is gone, and [`Frame::start`] mounts a new
//! one. No method calls back before it returns, so a caller may hold a borrow. Dropping a frame removes it, which ends its game
//! at once.
//!
//! An HTML game is a page of its own, whose author a person trusts. It has the keys while it has the focus, and reports its person's own
//! with [`FromFrame::Input`].
//!
//! The page reads keys and pointers of script games, since their frame gets none. The page plays the sounds of [`FromFrame::Sounds`] from the
//! package. `sdk/js/frame` has the limits of time and messages; `apps/web/play/runner.js` and `sdk/js/harness.js` are the game's side.

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use leptos::web_sys::Element;
use meshwork_play::session::ToGame;
use meshwork_play::{Kind, Package};
use meshwork_web::texts;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// Loads the script; the page's own first script has this, since no other can.
    #[wasm_bindgen(js_name = loadStage, catch)]
    fn load_stage() -> Result<Promise, JsValue>;

    /// `Frame` of `apps/web/play/page.js`, or `Trusted` of `trusted.js`.
    #[derive(Clone, Debug)]
    type Hold;

    #[wasm_bindgen(method, catch)]
    fn start(this: &Hold, code: &str, files: Array) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    fn send(this: &Hold, text: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = setHidden)]
    fn set_hidden(this: &Hold, is_hidden: bool) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = setMe)]
    fn set_me(this: &Hold, slot: Option<u8>) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = sendInput)]
    fn send_input(this: &Hold, keys: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    fn focus(this: &Hold) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    fn end(this: &Hold) -> Result<(), JsValue>;
}

/// A message or a fact from a game.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FromFrame {
    /// The game is loaded. A game that cannot be loaded is a `failed` of [`FromFrame::Game`].
    Ready,
    /// A sixtieth of a second is over at the host, whose clock this is. It goes on in a tab behind another.
    Tick,
    /// The JSON of a message of the game, not yet checked.
    Game(String),
    /// Names of sounds to play now.
    Sounds(Vec<String>),
    /// The keys that the person at this screen holds, as an HTML game reports them, by the names of
    /// `meshwork_play::input::NAMES`. Unknown names may be among them.
    Input(Vec<String>),
    /// The game drew fewer than ten frames a second for ten seconds; the frames of the last one.
    Slow(u32),
    /// The game was ended.
    Dead(Death),
}

/// The reason for which a game was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// The browser did not run the frame, as with a policy that does not name its script.
    Refused,
    /// The game was not loaded after ten seconds.
    Late,
    /// The game answered nothing for two seconds: it is in a loop, or its memory ran out. An HTML game:
    /// no heartbeat for five seconds, after its first.
    Silent,
    /// The game sent more than 240 messages or 8 MiB in a second.
    Flood,
    /// An HTML game went to another page.
    Left,
}

impl FromFrame {
    fn read(kind: &str, text: String) -> Option<FromFrame> {
        Some(match kind {
            "ready" => FromFrame::Ready,
            "tick" => FromFrame::Tick,
            "game" => FromFrame::Game(text),
            "sounds" => FromFrame::Sounds(serde_json::from_str(&text).ok()?),
            "input" => FromFrame::Input(serde_json::from_str(&text).ok()?),
            "slow" => FromFrame::Slow(text.parse().ok()?),
            "dead" => FromFrame::Dead(match text.as_str() {
                "refused" => Death::Refused,
                "late" => Death::Late,
                "flood" => Death::Flood,
                "left" => Death::Left,
                _ => Death::Silent,
            }),
            _ => return None,
        })
    }
}

/// The script that makes frames.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    mount: Function,
    trust: Function,
    warm: Function,
}

/// Loads the script.
///
/// # Errors
/// It cannot be loaded.
pub(crate) async fn load() -> Result<Stage, JsValue> {
    let script = JsFuture::from(load_stage()?).await?;
    let function = |name: &str| Reflect::get(&script, &name.into())?.dyn_into::<Function>();
    Ok(Stage { mount: function("mount")?, trust: function("trust")?, warm: function("warm")? })
}

impl Stage {
    /// Adds a frame for a package to `parent`, which it fills. Ask the person before an HTML game: it can send out what it is given
    /// and typed.
    ///
    /// # Errors
    /// The browser makes no frames.
    pub(crate) fn mount(
        &self,
        parent: &Element,
        package: &Package,
        on: impl Fn(FromFrame) + 'static,
    ) -> Result<Frame, JsValue> {
        let (hear, label) = (hearing(on), texts::play::GAME.into());
        let manifest = package.manifest();
        let (make, given) = match manifest.kind {
            Kind::Script => {
                let (width, height) = manifest.view;
                (&self.mount, Array::of5(parent, &width.into(), &height.into(), &label, hear.as_ref()))
            }
            Kind::Html => (&self.trust, Array::of3(parent, &label, hear.as_ref())),
        };
        let hold = make.apply(&JsValue::UNDEFINED, &given)?.unchecked_into();
        Ok(Frame { hold, is_page: manifest.kind == Kind::Html, _hear: hear })
    }

    /// Loads the page of HTML games once, so that the browser has it when the server is away.
    pub(crate) fn warm(&self) {
        let _ = self.warm.call0(&JsValue::UNDEFINED);
    }
}

/// Files as pairs of a path and bytes.
fn in_js<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Array {
    files.into_iter().map(|(name, bytes)| Array::of2(&name.into(), &Uint8Array::from(bytes))).collect()
}

/// A function that JavaScript calls with a kind and a text.
fn hearing(on: impl Fn(FromFrame) + 'static) -> Closure<dyn Fn(String, String)> {
    Closure::new(move |kind: String, text: String| {
        if let Some(said) = FromFrame::read(&kind, text) {
            on(said);
        }
    })
}

/// A frame, and the game in it; it is removed on drop.
#[derive(Debug)]
pub(crate) struct Frame {
    hold: Hold,
    /// Whether its games are pages of their own.
    is_page: bool,
    _hear: Closure<dyn Fn(String, String)>,
}

impl Frame {
    /// Starts a package of the kind for which the frame was mounted, in place of the game that runs. A script gets the pictures of the
    /// package. An HTML game gets all files.
    pub(crate) fn start(&self, package: &Package) {
        let code = package.file(&package.manifest().entry).map(String::from_utf8_lossy).unwrap_or_default();
        // A call fails only if the script has a fault; silence then ends the game.
        let _ = self.hold.start(&code, in_js(package.files()));
    }

    /// Sends the game a message.
    pub(crate) fn send(&self, message: &ToGame) {
        let _ = self.hold.send(&message.to_json());
    }

    /// Tells the game whether its page is behind another: then it paints nothing, and its host goes on.
    pub(crate) fn set_hidden(&self, is_hidden: bool) {
        let _ = self.hold.set_hidden(is_hidden);
    }

    /// Tells the game the slot of the person at this screen, or that the person watches.
    pub(crate) fn set_me(&self, slot: Option<u8>) {
        let _ = self.hold.set_me(slot);
    }

    /// Hands an HTML game keys that the page read, as from a touch screen, by their names.
    pub(crate) fn send_input(&self, keys: &[&str]) {
        if let Ok(keys) = serde_json::to_string(keys) {
            let _ = self.hold.send_input(&keys);
        }
    }

    /// Gives an HTML game the focus, and with it the keys.
    pub(crate) fn focus(&self) {
        let _ = self.hold.focus();
    }

    /// Removes the frame, which ends the game at once.
    pub(crate) fn end(&self) {
        let _ = self.hold.end();
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.end();
    }
}

/// The frame of one player, and the messages for a game that is not loaded yet.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    frame: Option<Frame>,
    is_loaded: bool,
    /// Messages for a game that is not loaded yet; of pictures the newest.
    waiting: Vec<ToGame>,
}

impl Screen {
    /// The frame, once it is mounted.
    pub(crate) fn frame(&self) -> Option<&Frame> {
        self.frame.as_ref()
    }

    /// Whether the game is loaded.
    pub(crate) fn is_loaded(&self) -> bool {
        self.is_loaded
    }

    /// The frame of an HTML game.
    pub(crate) fn page(&self) -> Option<&Frame> {
        self.frame().filter(|frame| frame.is_page)
    }

    /// Shows a frame, and starts the package in it. Messages so far wait until it is loaded.
    pub(crate) fn mount(&mut self, frame: Frame, package: &Package) {
        frame.start(package);
        self.frame = Some(frame);
        self.is_loaded = false;
    }

    /// Starts a package in the frame, without the messages so far.
    pub(crate) fn restart(&mut self, package: &Package) {
        self.is_loaded = false;
        self.waiting.clear();
        if let Some(frame) = &self.frame {
            frame.start(package);
        }
    }

    /// Sends the game a message once it is loaded.
    pub(crate) fn send(&mut self, message: &ToGame) {
        if let Some(frame) = self.frame.as_ref().filter(|_| self.is_loaded) {
            return frame.send(message);
        }
        if matches!(message, ToGame::Show(_)) {
            self.waiting.retain(|known| !matches!(known, ToGame::Show(_)));
        }
        self.waiting.push(message.clone());
    }

    /// The game is loaded, and gets the messages that waited.
    pub(crate) fn note_ready(&mut self) {
        self.is_loaded = true;
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(frame) = &self.frame {
            waiting.iter().for_each(|message| frame.send(message));
        }
    }
}
