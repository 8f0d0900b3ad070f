//! The frame in which a game runs: its worker, the messages in both directions, and its end.
//!
//! A page loads the script once, mounts a frame as large as its parent, and starts a game in it:
//!
//! ```ignore
//! let stage = frame::load().await?;
//! let frame = stage.mount(&parent, manifest.view, texts::play::GAME, move |said| match said {
//!     FromFrame::Game(json) => session.handle_game(now(), serde_json::from_str(&json)?),
//!     FromFrame::Tick => session.handle_clock(now()),
//!     // ...
//! })?;
//! frame.start(code, package.files());              // again for each run; the former game ends
//! frame.send(&serde_json::to_string(&to_game)?);   // from `Ready` on
//! ```
//!
//! Messages before [`FromFrame::Ready`] wait in the worker. After [`FromFrame::Dead`] the frame is gone, and [`Frame::start`] mounts a new
//! one. No method calls back before it returns, so a caller may hold a borrow. Dropping a frame removes it, which ends its game
//! at once.
//!
//! The page reads keys and pointers, since the frame gets none. The page plays the sounds of [`FromFrame::Sounds`] from the
//! package. `apps/web/play/page.js` has the limits of time and messages; `runner.js` and `harness.js` are the game's side.

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use leptos::web_sys::Element;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// Loads the script; the page's own first script has this, since no other can.
    #[wasm_bindgen(js_name = loadStage, catch)]
    fn load_stage() -> Result<Promise, JsValue>;

    /// `Frame` of `apps/web/play/page.js`.
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
    /// The game answered nothing for two seconds: it is in a loop, or its memory ran out.
    Silent,
    /// The game sent more than 240 messages or 8 MiB in a second.
    Flood,
}

impl FromFrame {
    fn read(kind: &str, text: String) -> Option<FromFrame> {
        Some(match kind {
            "ready" => FromFrame::Ready,
            "tick" => FromFrame::Tick,
            "game" => FromFrame::Game(text),
            "sounds" => FromFrame::Sounds(serde_json::from_str(&text).ok()?),
            "slow" => FromFrame::Slow(text.parse().ok()?),
            "dead" => FromFrame::Dead(match text.as_str() {
                "refused" => Death::Refused,
                "late" => Death::Late,
                "flood" => Death::Flood,
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
}

/// Loads the script.
///
/// # Errors
/// It cannot be loaded.
pub(crate) async fn load() -> Result<Stage, JsValue> {
    let script = JsFuture::from(load_stage()?).await?;
    Ok(Stage { mount: Reflect::get(&script, &"mount".into())?.dyn_into()? })
}

impl Stage {
    /// Adds a frame to `parent`, which it fills. `view` is the width and height in which the game draws, and `label` names the
    /// frame for screen readers.
    ///
    /// # Errors
    /// The browser makes no frames.
    pub(crate) fn mount(
        &self,
        parent: &Element,
        view: (u16, u16),
        label: &str,
        on: impl Fn(FromFrame) + 'static,
    ) -> Result<Frame, JsValue> {
        let hear = move |kind: String, text: String| {
            if let Some(said) = FromFrame::read(&kind, text) {
                on(said);
            }
        };
        let hear = Closure::<dyn Fn(String, String)>::new(hear);
        let given = Array::of5(parent, &view.0.into(), &view.1.into(), &label.into(), hear.as_ref());
        let hold = self.mount.apply(&JsValue::UNDEFINED, &given)?.unchecked_into();
        Ok(Frame { hold, _hear: hear })
    }
}

/// A frame, and the game in it; it is removed on drop.
#[derive(Debug)]
pub(crate) struct Frame {
    hold: Hold,
    _hear: Closure<dyn Fn(String, String)>,
}

impl Frame {
    /// Starts a game, in place of the one that runs: its script and the files of its package, of which it gets the pictures.
    pub(crate) fn start<'a>(&self, code: &str, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) {
        let files = files.into_iter().map(|(name, bytes)| Array::of2(&name.into(), &Uint8Array::from(bytes)));
        let files = files.collect::<Array>();
        // A call fails only if the script has a fault; silence then ends the game.
        let _ = self.hold.start(code, files);
    }

    /// Sends the game a message, as JSON.
    pub(crate) fn send(&self, json: &str) {
        let _ = self.hold.send(json);
    }

    /// Tells the game whether its page is behind another: then it paints nothing, and its host goes on.
    pub(crate) fn set_hidden(&self, is_hidden: bool) {
        let _ = self.hold.set_hidden(is_hidden);
    }

    /// Tells the game the slot of the person at this screen, or that the person watches.
    pub(crate) fn set_me(&self, slot: Option<u8>) {
        let _ = self.hold.set_me(slot);
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
