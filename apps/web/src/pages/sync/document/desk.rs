//! The editor, which is a script of its own, and what it asks of the room.

use js_sys::{Array, Error, Function, Promise, Reflect, Uint8Array};
use leptos::web_sys::{Element, File};
use meshwork_core::id::{Endpoint, Instance};
use meshwork_core::node::{CommandError, Node, WriteError};
use meshwork_core::seam::lane::Topic;
use meshwork_core::text;
use meshwork_sync::document::update::{self, Id};
use meshwork_sync::document::{BYTES_MAX, Documents, SaidError, ShareError, client_of};

use meshwork_web::texts;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use super::super::super::browser;
use super::super::state::why_not;
use super::state::Writing;

/// Longest name at a caret, in characters.
const NAME_MAX: usize = 40;
/// How long the editor waits before it says again what the others had no room for, in ms.
const BACKPRESSURE_WAIT_MS: u32 = 100;

#[wasm_bindgen]
extern "C" {
    /// Loads the script; the page's own first script has this, since no other can.
    #[wasm_bindgen(js_name = loadEditor, catch)]
    fn load_editor() -> Result<Promise, JsValue>;

    /// `Desk` of `apps/web/editor/editor.js`, where its methods are described. Others' texts go through it, so what it throws is
    /// caught here: it would leave what the page holds borrowed.
    #[derive(Clone, Debug)]
    pub(super) type Desk;

    #[wasm_bindgen(method, catch)]
    pub(super) fn show(this: &Desk, name: &str, parent: &Element) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn hide(this: &Desk) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn close(this: &Desk) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn changed(this: &Desk, name: &str, update: Option<Uint8Array>) -> Result<(), JsValue>;

    #[wasm_bindgen(method, js_name = catchUp, catch)]
    pub(super) fn catch_up(this: &Desk) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn said(this: &Desk, from: &str, topic: &str, bytes: Uint8Array) -> Result<(), JsValue>;

    #[wasm_bindgen(method, js_name = setPeople, catch)]
    pub(super) fn set_people(this: &Desk, people: Array) -> Result<(), JsValue>;

    #[wasm_bindgen(method, js_name = setShut, catch)]
    pub(super) fn set_shut(this: &Desk, is_shut: bool) -> Result<(), JsValue>;

    #[wasm_bindgen(method, js_name = setAuthors, catch)]
    pub(super) fn set_authors(this: &Desk, are_shown: bool) -> Result<(), JsValue>;

    #[wasm_bindgen(method, js_name = setRead, catch)]
    pub(super) fn set_read(this: &Desk, is_read: bool) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn undo(this: &Desk) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn redo(this: &Desk) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn focus(this: &Desk) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn text(this: &Desk) -> Result<String, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn flushed(this: &Desk) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn compare(this: &Desk, whole: Uint8Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn restore(this: &Desk, whole: Uint8Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = textOf)]
    fn text_of(this: &Desk, whole: Uint8Array) -> Result<String, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn append(this: &Desk, name: &str, words: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn insert(this: &Desk, name: &str, words: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, js_name = copyLeftOut, catch)]
    pub(super) fn copy_left_out(this: &Desk, name: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, js_name = forgetLost, catch)]
    pub(super) fn forget_lost(this: &Desk, name: &str) -> Result<(), JsValue>;
}

/// A row of what was changed: lines that stayed, or one that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// `same`, `added` or `removed`.
    pub(super) kind: String,
    /// How many lines stayed.
    pub(super) count: usize,
    /// The line.
    pub(super) text: String,
    /// Who wrote it, where somebody is known to have.
    pub(super) author: Option<String>,
}

/// What takes a while; each says in words why it was not done.
impl Desk {
    /// Waits until what was typed in the document that is shown is said, or one attempt at that failed.
    pub(super) async fn flush(&self) -> Result<(), String> {
        settled(self.flushed()).await.map(drop)
    }

    /// What was changed in the document that is shown since it was what an update makes.
    pub(super) async fn rows_since(&self, whole: &[u8]) -> Result<Vec<Row>, String> {
        let rows = settled(self.compare(whole.into())).await?;
        let row = |row: JsValue| {
            let row = Array::from(&row);
            let text = |place| row.get(place).as_string();
            let count = row.get(1).as_f64().unwrap_or_default() as usize;
            Row {
                kind: text(0).unwrap_or_default(),
                count,
                text: text(1).unwrap_or_default(),
                author: text(2),
            }
        };
        Ok(Array::from(&rows).iter().map(row).collect())
    }

    /// Makes the document that is shown what an update makes.
    pub(super) async fn go_back(&self, whole: &[u8]) -> Result<(), String> {
        settled(self.restore(whole.into())).await.map(drop)
    }

    /// What a document reads that an update makes.
    pub(super) fn read(&self, whole: &[u8]) -> Result<String, String> {
        self.text_of(whole.into()).map_err(|error| in_words(&error))
    }
}

async fn settled(promise: Result<Promise, JsValue>) -> Result<JsValue, String> {
    let promise = promise.map_err(|error| in_words(&error))?;
    JsFuture::from(promise).await.map_err(|error| in_words(&error))
}

/// Why something was not done.
pub(super) fn in_words(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|words| words.as_string());
    message.unwrap_or_else(|| texts::documents::REFUSED.to_owned())
}

/// Loads the editor, and hands it what it asks of the room.
///
/// # Errors
/// It cannot be loaded.
pub(super) async fn load(writing: Writing) -> Result<Desk, JsValue> {
    let script = JsFuture::from(load_editor()?).await?;
    let start: Function = Reflect::get(&script, &"start".into())?.dyn_into()?;
    let answer = move |asked: String, given: Array| answer(writing, &asked, &given);
    // It is asked for as long as the page is there.
    let ask = Closure::<dyn Fn(String, Array) -> Result<JsValue, JsValue>>::new(answer).into_js_value();
    Ok(start.call1(&JsValue::UNDEFINED, &ask)?.unchecked_into())
}

/// What the editor asks: a word, and what belongs to it.
fn answer(writing: Writing, asked: &str, given: &Array) -> Result<JsValue, JsValue> {
    let text = |place| given.get(place).as_string().unwrap_or_default();
    let number = |place| given.get(place).as_f64().unwrap_or_default() as u64;
    let bytes = |place| Uint8Array::new(&given.get(place)).to_vec();
    match asked {
        "client" => return Ok(client(writing, &text(0)).into()),
        "whole" => return Ok(Uint8Array::from(&*whole(writing, &text(0))).into()),
        "slices" => return Ok(slices(writing, &text(0)).into()),
        "author" => {
            let id = Id { client: number(1), clock: number(2) };
            return Ok(author_of(writing, &text(0), id).into());
        }
        "time" => {
            let items = Array::from(&given.get(1));
            return Ok(time_of(writing, &text(0), items.iter().map(item)).into());
        }
        "user" => return Ok(writing.user().into()),
        "person" => return Ok(writing.person(&text(0)).into()),
        "say" => {
            say(writing, &text(0), &bytes(1))?;
            writing.heed_said();
        }
        "emptied" => {
            let update = bytes(0);
            let read = update::read_long(&update).map_err(|error| Refusal::of(&error.into()).thrown())?;
            return Ok(Uint8Array::from(&*update::emptied(&read)).into());
        }
        "clientOf" => {
            return Ok(text(0).parse::<Endpoint>().ok().map(|member| client_of(member) as f64).into());
        }
        "named" => return Ok(named(&text(0)).into()),
        "leftout" => writing.heed_left_out(&text(0), given.get(1).as_string()),
        "tell" => tell(writing, &text(0), &bytes(1))?,
        "shown" => writing.heed_shown([0, 1].map(|place| given.get(place).is_truthy())),
        "failed" => writing.heed_failed(&text(0)),
        "refused" => writing.tell_why_shut(),
        "pressed" => writing.heed_key(&text(0)),
        "file" => {
            let file: File = given.get(0).dyn_into()?;
            writing.take_file(file.name(), file.into());
        }
        "image" => {
            let image = writing.image(text(0));
            return Ok(future_to_promise(async move { Ok(image.await.into()) }).into());
        }
        _ => {}
    }
    Ok(JsValue::UNDEFINED)
}

/// Looks at the documents.
pub(super) fn look<R>(writing: Writing, look: impl FnOnce(&Documents) -> R) -> Option<R> {
    let look =
        |node: &mut Node, _, room| node.room(room).replica::<Documents>(writing.sync.documents()).map(look);
    writing.sync.session.node.with_room(look).flatten()
}

/// The update that makes a document what it is.
pub(super) fn whole(writing: Writing, name: &str) -> Vec<u8> {
    look(writing, |documents| documents.whole(name)).flatten().unwrap_or_else(|| update::EMPTY.to_vec())
}

/// Under which number this page writes in a document as it is now.
fn client(writing: Writing, name: &str) -> f64 {
    let open = |documents: &Documents| {
        writing.with_pen(name, |pen| pen.open(documents, name, Instance(browser::random())))
    };
    look(writing, open).unwrap_or_else(|| writing.with_pen(name, |pen| pen.client())) as f64
}

/// The updates that make it so one after the other, the first one at once.
fn slices(writing: Writing, name: &str) -> Array {
    let client = writing.with_pen(name, |pen| pen.client());
    let slices = look(writing, |documents| documents.slices(name, client)).unwrap_or_default();
    slices.iter().map(|slice| JsValue::from(Uint8Array::from(&**slice))).collect()
}

/// An item as the editor names it.
fn item(item: JsValue) -> Id {
    let parts = Array::from(&item);
    let number = |place| parts.get(place).as_f64().unwrap_or_default() as u64;
    Id { client: number(0), clock: number(1) }
}

/// How long ago the latest of these items was written, in words.
fn time_of(writing: Writing, name: &str, items: impl Iterator<Item = Id>) -> Option<String> {
    let newest =
        look(writing, |documents| items.filter_map(|id| documents.written_ms(name, id)).max()).flatten()?;
    Some(texts::ago::shown(writing.sync.session.node.room_time_ms().saturating_sub(newest)))
}

fn author_of(writing: Writing, name: &str, id: Id) -> Option<String> {
    Some(look(writing, |documents| documents.author(name, id)).flatten()?.to_string())
}

/// A name that somebody gives oneself, made fit to be shown; of somebody without one, that.
fn named(said: &str) -> String {
    let name: String = text::shown(said).trim().chars().take(NAME_MAX).collect();
    if name.is_empty() { texts::capital(texts::notices::SOMEONE) } else { name }
}

/// Says what this page did to a document.
///
/// # Errors
/// Why nothing was said, and whether it may be tried again.
pub(super) fn say(writing: Writing, name: &str, update: &[u8]) -> Result<(), JsValue> {
    let said = try_say(writing, name, update);
    writing.sync.session.governing.refresh_standing();
    said.map_err(Refusal::thrown)
}

fn try_say(writing: Writing, name: &str, update: &[u8]) -> Result<(), Refusal> {
    let saying = writing.with_pen(name, |pen| pen.say(name, update)).map_err(|error| Refusal::of(&error))?;
    let said = writing.sync.session.node.with_room(|node, now, room| {
        let me = node.endpoint().peer;
        let Some(documents) = node.room(room).replica::<Documents>(writing.sync.documents()) else {
            return Err(Refusal::command(&CommandError::NotOpen));
        };
        saying.check_share(documents, me).map_err(Refusal::share)?;
        let written = node.room_mut(now, room).write(writing.sync.documents(), saying.payloads.clone());
        written
            .map(|_| writing.with_pen(name, |pen| pen.wrote(&saying)))
            .map_err(|error| Refusal::command(&error))
    });
    said.unwrap_or_else(|| Err(Refusal::command(&CommandError::NotOpen)))
}

/// Says where one's caret is, to who hears it now.
fn tell(writing: Writing, topic: &str, bytes: &[u8]) -> Result<(), JsValue> {
    let topic = Topic::new(topic).map_err(|error| thrown(&error.to_string()))?;
    let tell = |node: &mut Node, now, room| node.room_mut(now, room).say(writing.sync.slot, &topic, bytes);
    let told = writing.sync.session.node.with_room(tell);
    told.unwrap_or(Ok(())).map_err(|error| thrown(&error.to_string()))
}

/// Why something was not said, as the editor reads it.
#[derive(Default)]
struct Refusal {
    why: String,
    /// Its name as in the npm package, where the editor acts by it.
    code: Option<Code>,
    /// After which time it may be tried again.
    wait_ms: Option<u32>,
    /// What the room's limit leaves in this window, and what it is.
    limit: Option<[u32; 2]>,
}

/// What the editor tells apart, by the names of the npm package.
#[derive(Clone, Copy, Debug)]
enum Code {
    TooLarge,
    Invalid,
    ShareExceeded,
    Full,
    TooFast,
}

impl Refusal {
    fn of(error: &SaidError) -> Refusal {
        let code = if matches!(error, SaidError::TooLong(_)) { Code::TooLarge } else { Code::Invalid };
        Refusal { why: error.to_string(), code: Some(code), ..Refusal::default() }
    }

    fn share(error: ShareError) -> Refusal {
        match error {
            ShareError::Bytes { size, used } => {
                let why = texts::documents::share_exceeded(size as u64, used as u64, BYTES_MAX as u64);
                Refusal { why, code: Some(Code::ShareExceeded), ..Refusal::default() }
            }
            _ => Refusal {
                why: texts::WRITTEN_ENOUGH.to_owned(),
                code: Some(Code::Full),
                ..Refusal::default()
            },
        }
    }

    fn command(error: &CommandError) -> Refusal {
        let why = why_not(error);
        match error {
            CommandError::Write(WriteError::TooFast { left, cost, wait_ms, .. }) => Refusal {
                why,
                code: Some(Code::TooFast),
                wait_ms: Some(u32::try_from(*wait_ms).unwrap_or(u32::MAX)),
                limit: Some([*left, *cost]),
            },
            CommandError::Write(WriteError::Backpressure(_)) => {
                Refusal { why, wait_ms: Some(BACKPRESSURE_WAIT_MS), ..Refusal::default() }
            }
            CommandError::Write(WriteError::Content(_)) => {
                Refusal { why, code: Some(Code::Invalid), ..Refusal::default() }
            }
            _ => Refusal { why, ..Refusal::default() },
        }
    }

    fn thrown(self) -> JsValue {
        let error = Error::new(&self.why);
        let set = |name: &str, value: Option<JsValue>| {
            if let Some(value) = value {
                // An error is an object like others.
                let _ = Reflect::set(&error, &name.into(), &value);
            }
        };
        set("code", self.code.map(|code| format!("{code:?}").into()));
        set("wait", self.wait_ms.map(JsValue::from));
        set("left", self.limit.map(|[left, _]| left.into()));
        set("cost", self.limit.map(|[_, cost]| cost.into()));
        error.into()
    }
}

fn thrown(why: &str) -> JsValue {
    Error::new(why).into()
}
