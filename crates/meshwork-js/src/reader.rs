//! What comes one after the other, as promises.

use std::rc::Rc;

use js_sys::{Array, Promise, Uint8Array, Uint32Array};
use meshwork::chat::ChatChanges;
use meshwork::compute::{ComputeChanges, Job, JobWatch, Mapped, PoolOrder, Results};
use meshwork::play::GameEvents;
use meshwork::{
    App, Bytes, CanvasChanges, Causal, Change, Changes, CounterChanges, DocumentChange, DocumentChanges,
    Entry, Event, Events, Heard, Inbox, Lane, Member, ShapeChanges, ValueChanges,
};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc, watch};
use wasm_bindgen::prelude::*;

use crate::chat;
use crate::compute;
use crate::error::thrown;
use crate::game;
use crate::promise::future_to_promise;
use crate::whiteboard;

/// Hands out what happens, one after the other, until it is freed.
#[wasm_bindgen]
pub struct Reader {
    source: Shared,
    /// With it go the promises that wait.
    end: watch::Sender<()>,
}

/// A source that several readers read in turn.
pub(crate) type Shared = Rc<Mutex<Source>>;

/// Where it comes from.
pub(crate) enum Source {
    Events(Events),
    Messages(Inbox<Vec<u8>, Bytes>),
    Causal(Causal<Vec<u8>, Bytes>),
    Changes(Changes),
    Values(ValueChanges),
    Counters(CounterChanges),
    Document(DocumentChanges),
    Shapes(ShapeChanges),
    Cells(CanvasChanges),
    Chat(ChatChanges),
    Game(GameEvents),
    KeptVersions(App),
    Compute(ComputeChanges),
    Job(JobWatch),
    Results(Results),
    Outcome(Job),
    Mapped(Mapped),
    Orders(mpsc::UnboundedReceiver<PoolOrder>),
}

#[wasm_bindgen]
impl Reader {
    /// A promise of the next one; of `undefined` once nothing more comes, or the reader is freed.
    pub fn next(&self) -> Promise {
        let (source, mut end) = (Rc::clone(&self.source), self.end.subscribe());
        future_to_promise(async move {
            let next = async { source.lock().await.next().await };
            Ok(tokio::select! {
                biased;
                _ = end.changed() => JsValue::UNDEFINED,
                next = next => next.unwrap_or(JsValue::UNDEFINED),
            })
        })
    }
}

impl Reader {
    pub(crate) fn of(source: Source) -> Reader {
        Reader::sharing(source.shared())
    }

    pub(crate) fn sharing(source: Shared) -> Reader {
        Reader { source, end: watch::Sender::new(()) }
    }
}

impl Source {
    pub(crate) fn shared(self) -> Shared {
        Rc::new(Mutex::new(self))
    }

    async fn next(&mut self) -> Option<JsValue> {
        Some(match self {
            Source::Events(events) => event(&events.next().await?).to_string().into(),
            Source::Messages(inbox) => message(&inbox.next().await?),
            Source::Causal(causal) => message(&causal.next().await?),
            Source::Changes(changes) => {
                let change = changes.next().await?;
                told(change, changes.missed())
            }
            Source::Values(changes) => {
                let change = changes.next().await?;
                told(change, changes.missed())
            }
            Source::Counters(changes) => {
                let change = changes.next().await?;
                let told = json!({
                    "name": change.name, "by": change.by, "author": change.author.to_string(),
                    "time": change.time_ms, "value": change.value, "missed": changes.missed(),
                });
                told.to_string().into()
            }
            Source::Document(changes) => {
                let (author, update) = match changes.next().await? {
                    DocumentChange::Said { author, update } => (author, Uint8Array::from(&*update).into()),
                    _ => (None, JsValue::UNDEFINED),
                };
                let author = author.map_or(JsValue::UNDEFINED, |author| author.to_string().into());
                Array::of3(&author, &update, &JsValue::from(changes.missed() as f64)).into()
            }
            Source::Shapes(changes) => {
                let (id, shape) = changes.next().await?;
                whiteboard::change(id, shape, changes.missed())
            }
            Source::Cells(changes) => {
                let cells = changes.next().await?;
                let cells: Vec<u32> = cells
                    .iter()
                    .flat_map(|(x, y, colour)| [(*x).into(), (*y).into(), colour.bits()])
                    .collect();
                let missed = JsValue::from(changes.missed() as f64);
                Array::of2(&Uint32Array::from(&*cells), &missed).into()
            }
            Source::Chat(changes) => {
                let change = changes.next().await?;
                let told = chat::change(&change, changes.missed());
                told.map_or(JsValue::NULL, |told| told.to_string().into())
            }
            Source::Game(events) => game::event(events.next().await?).into(),
            Source::KeptVersions(app) => thrown(app.keep_blobs().await.err()?),
            Source::Compute(changes) => changes.next().await.map(|()| JsValue::NULL)?,
            Source::Job(watch) => compute::view(&watch.next().await?).to_string().into(),
            Source::Results(results) => compute::change(results.next().await?),
            Source::Outcome(job) => compute::outcome(job).await,
            Source::Mapped(mapped) => compute::mapped(mapped.next().await.transpose()?),
            Source::Orders(orders) => compute::order(orders.recv().await?),
        })
    }
}

/// Something that was said: who said it and how it came, as JSON, and its bytes.
fn message(heard: &Heard<Vec<u8>>) -> JsValue {
    let lane = match heard.lane {
        Lane::Say => "say",
        Lane::Direct => "direct",
        Lane::Datagram => "datagram",
    };
    let told = json!({ "from": heard.from.to_string(), "lane": lane, "missed": heard.missed });
    Array::of2(&told.to_string().into(), &Uint8Array::from(&*heard.value)).into()
}

/// A key that reads different, with who did that and when, and how many changes were missed so far.
fn told(Change { key, field, before, after, author, time_ms }: Change, missed: u64) -> JsValue {
    let author = author.map(|author| author.to_string());
    let told = json!({ "key": key, "field": field, "author": author, "time": time_ms, "missed": missed });
    Array::of3(&told.to_string().into(), &entry(before), &entry(after)).into()
}

/// What a table has: its key, who wrote it, when, and the value's bytes.
pub(crate) fn entry(entry: Option<Entry>) -> JsValue {
    let Some(entry) = entry else { return JsValue::UNDEFINED };
    let told = json!({ "key": entry.key(), "author": entry.author().to_string(), "time": entry.time_ms() });
    Array::of2(&told.to_string().into(), &Uint8Array::from(entry.bytes())).into()
}

/// Several of them.
pub(crate) fn entries(entries: Vec<Entry>) -> Array {
    entries.into_iter().map(|one| entry(Some(one))).collect()
}

/// A member as JSON.
pub(crate) fn member(member: &Member) -> Value {
    let (sent, received) = member.traffic();
    json!({
        "id": member.id().to_string(),
        "peer": member.peer().to_string(),
        "name": member.name(),
        "isOwn": member.is_own(),
        "link": member.link().to_string(),
        "linkSince": member.link_since().as_millis() as u64,
        "reason": member.reason(),
        "rtt": member.rtt().map(|rtt| rtt.as_secs_f64() * 1000.0),
        "sent": sent,
        "received": received,
        "stays": member.stays(),
        "isInStep": member.is_in_step(),
    })
}

/// An event as JSON.
fn event(event: &Event) -> Value {
    match event {
        Event::Opened(_) => json!({ "type": "opened" }),
        Event::Refused(reason) => json!({ "type": "refused", "reason": reason.to_string() }),
        Event::Joined(who) => json!({ "type": "joined", "member": member(who) }),
        Event::Left { member: who, reason } => {
            json!({ "type": "left", "member": member(who), "reason": reason })
        }
        Event::Link { member: who, state, reason } => {
            json!({ "type": "link", "member": member(who), "state": state.to_string(), "reason": reason })
        }
        Event::Presence(of) => json!({ "type": "presence", "id": of.to_string() }),
        Event::RulesChanged => json!({ "type": "ruleschanged" }),
        Event::LinkChanged => json!({ "type": "linkchanged" }),
        Event::Kept { by, sequences, stored } => {
            json!({ "type": "kept", "id": by.to_string(), "sequences": sequences, "stored": stored })
        }
        Event::Saved(sequence) => json!({ "type": "saved", "sequence": sequence }),
        Event::InStep(with) => json!({ "type": "instep", "id": with.to_string() }),
        Event::GaveUp => json!({ "type": "gaveup" }),
        Event::StorageFailed(reason) => json!({ "type": "storagefailed", "reason": reason }),
        Event::StorageRecovered => json!({ "type": "storagerecovered" }),
        Event::Missed(count) => json!({ "type": "missed", "count": count }),
        _ => json!({ "type": "other" }),
    }
}
