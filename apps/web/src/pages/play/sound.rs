//! Sounds of a game: files of its package, and tones for names without a file. One switch mutes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use js_sys::{Function, Promise, Reflect, Uint8Array};
use leptos::web_sys;
use meshwork_play::Package;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::super::browser;

/// Kinds of files that browsers play, by their ending.
const KINDS: [&str; 5] = ["mp3", "wav", "ogg", "webm", "m4a"];
/// Under this name a profile keeps that games are mute.
const MUTE_KEY: &str = "meshwork-play-mute";
/// Length of a tone, in seconds.
const TONE: f64 = 0.18;

/// Whether games are mute in this profile.
pub(super) fn is_muted() -> bool {
    browser::stored(MUTE_KEY).is_some()
}

/// Mutes games in this profile, or not.
pub(super) fn set_muted(is_muted: bool) {
    match is_muted {
        true => browser::store(MUTE_KEY, "yes"),
        false => browser::unstore(MUTE_KEY),
    }
}

/// Plays the sounds of a package.
#[derive(Debug)]
pub(super) struct Sounds {
    /// The browser's `AudioContext`; none until a sound is played, since browsers let no page play before it was touched.
    context: RefCell<Option<JsValue>>,
    package: Package,
    /// Paths of the files that browsers play, by their names.
    paths: BTreeMap<String, String>,
    /// Decoded files; `None` for one that the browser cannot read.
    decoded: std::rc::Rc<RefCell<BTreeMap<String, Option<JsValue>>>>,
}

impl Sounds {
    /// Those of a package.
    pub(super) fn of(package: &Package) -> Sounds {
        let named = |(path, _): (&str, &[u8])| {
            let (name, kind) = path.rsplit_once('.')?;
            let name = name.rsplit('/').next()?;
            KINDS.contains(&kind).then(|| (name.to_owned(), path.to_owned()))
        };
        Sounds {
            context: RefCell::new(None),
            package: package.clone(),
            paths: package.files().filter_map(named).collect(),
            decoded: std::rc::Rc::default(),
        }
    }

    /// Plays a sound by its name: that of a file, with or without its ending.
    pub(super) fn play(&self, name: &str) {
        if is_muted() {
            return;
        }
        let Some(context) = self.context() else { return };
        let name = name.rsplit_once('.').map_or(name, |(name, _)| name).to_owned();
        let known = self.decoded.borrow().get(&name).cloned();
        match (known, self.paths.get(&name).and_then(|path| self.package.file(path))) {
            (Some(Some(buffer)), _) => drop(play_buffer(&context, &buffer)),
            (None, Some(bytes)) => {
                let (decoded, bytes) = (self.decoded.clone(), Uint8Array::from(bytes));
                spawn_local(async move {
                    let buffer = decode(&context, &bytes).await;
                    if let Some(buffer) = &buffer {
                        play_buffer(&context, buffer);
                    }
                    decoded.borrow_mut().insert(name, buffer);
                });
            }
            _ => drop(play_tone(&context, &name)),
        }
    }

    fn context(&self) -> Option<JsValue> {
        let mut kept = self.context.borrow_mut();
        if kept.is_none() {
            let window = web_sys::window()?;
            let class: Function = Reflect::get(&window, &"AudioContext".into()).ok()?.dyn_into().ok()?;
            *kept = Reflect::construct(&class, &js_sys::Array::new()).ok();
        }
        kept.clone()
    }
}

impl Drop for Sounds {
    fn drop(&mut self) {
        if let Some(context) = self.context.get_mut() {
            call(context, "close", &[]);
        }
    }
}

fn get(of: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(of, &name.into()).ok()
}

fn call(on: &JsValue, name: &str, with: &[JsValue]) -> Option<JsValue> {
    let method: Function = get(on, name)?.dyn_into().ok()?;
    method.apply(on, &with.iter().collect()).ok()
}

async fn decode(context: &JsValue, bytes: &Uint8Array) -> Option<JsValue> {
    let promise: Promise = call(context, "decodeAudioData", &[bytes.buffer().into()])?.dyn_into().ok()?;
    JsFuture::from(promise).await.ok()
}

fn play_buffer(context: &JsValue, buffer: &JsValue) -> Option<()> {
    let source = call(context, "createBufferSource", &[])?;
    Reflect::set(&source, &"buffer".into(), buffer).ok()?;
    call(&source, "connect", &[get(context, "destination")?])?;
    call(&source, "start", &[])?;
    Some(())
}

/// A short tone that follows from its name, so that a game of one file has sounds.
fn play_tone(context: &JsValue, name: &str) -> Option<()> {
    let hash =
        name.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    let pitch = 220.0 * 2_f64.powf(f64::from(hash % 25) / 12.0);
    let kind = ["triangle", "square", "sine"][(hash / 25 % 3) as usize];
    let slide = [0.5, 1.0, 1.5, 2.0][(hash / 75 % 4) as usize];
    let now = get(context, "currentTime")?.as_f64()?;
    let (tone, loudness) = (call(context, "createOscillator", &[])?, call(context, "createGain", &[])?);
    Reflect::set(&tone, &"type".into(), &kind.into()).ok()?;
    let frequency = get(&tone, "frequency")?;
    call(&frequency, "setValueAtTime", &[pitch.into(), now.into()])?;
    call(&frequency, "exponentialRampToValueAtTime", &[(pitch * slide).into(), (now + TONE).into()])?;
    let gain = get(&loudness, "gain")?;
    call(&gain, "setValueAtTime", &[0.12.into(), now.into()])?;
    call(&gain, "exponentialRampToValueAtTime", &[0.001.into(), (now + TONE).into()])?;
    call(&tone, "connect", std::slice::from_ref(&loudness))?;
    call(&loudness, "connect", &[get(context, "destination")?])?;
    call(&tone, "start", &[])?;
    call(&tone, "stop", &[(now + TONE).into()])?;
    Some(())
}
