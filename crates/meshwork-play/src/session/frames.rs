//! The last states of a match, at the host and at players, and the differences between them.

use std::collections::VecDeque;
use std::sync::Arc;

use meshwork_core::wire::{self, Bytes};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::engine::{Fault, Json, Tick};
use super::lobby::{Lobby, Seat};
use crate::packets::{At, Body, RANDOM_MAX, RESULT_MAX, Run, SEATS_MAX, SOUNDS_MAX, Sound, StateHead, Whole};
use crate::{Keys, Limits, PlayerInput, Value, apply, difference};

/// States that are kept: two seconds, so that an acknowledgement finds its state on every way that can be played on.
const KEPT_MAX: usize = 128;
/// Bytes of kept states, estimated by their encoded length.
const BYTES_MAX: usize = 6 * 1024 * 1024;
/// Ticks for which a sound is repeated, so that a lost packet loses none.
const SOUNDS_FOR: Tick = 60;

/// Ticks stay below it: JavaScript counts so far.
const TICK_MAX: Tick = 1 << 52;
/// Bytes of an engine's answer: a state in JSON is at most some times as long as an encoded one.
const ENVELOPE_MAX: usize = 1024 * 1024;

/// A number for each slot.
pub(crate) type BySlot<T> = [T; SEATS_MAX];

/// One state.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) tick: Tick,
    /// The lobby as it was in this tick.
    pub(crate) lobby: Arc<Lobby>,
    /// The number of the last consumed input.
    pub(crate) consumed: BySlot<u32>,
    /// The last input.
    pub(crate) inputs: BySlot<PlayerInput>,
    keys: usize,
    random: Value,
    state: Value,
    bytes: usize,
}

/// The JSON of a field, `null` if there is none.
fn text(raw: Option<&RawValue>) -> &[u8] {
    raw.map_or("null", RawValue::get).as_bytes()
}

/// The limits of the state of a game's randomness.
fn random_limits(keys: &Keys) -> Limits {
    Limits { bytes: RANDOM_MAX, ..Limits::of(keys) }
}

/// What an engine answers.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    #[serde(borrow, default)]
    random: Option<&'a RawValue>,
    #[serde(default)]
    sounds: Vec<String>,
    #[serde(borrow, default)]
    end: Option<&'a RawValue>,
}

/// The last states of one match and term.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frames {
    pub(crate) round: u32,
    pub(crate) term: u32,
    kept: VecDeque<Frame>,
    keys: Keys,
    bytes: usize,
    sounds: VecDeque<(Tick, Sound)>,
}

impl Frames {
    pub(crate) fn new(round: u32, term: u32) -> Frames {
        Frames { round, term, ..Frames::default() }
    }

    pub(crate) fn newest(&self) -> Option<&Frame> {
        self.kept.back()
    }

    pub(crate) fn frame(&self, tick: Tick) -> Option<&Frame> {
        let first = self.kept.front()?.tick;
        let near = usize::try_from(tick.checked_sub(first)?).ok()?.min(self.kept.len());
        self.kept.range(..self.kept.len().min(near + 1)).rev().find(|frame| frame.tick == tick)
    }

    /// How new the newest state is.
    pub(crate) fn at(&self, version: u32) -> At {
        match self.newest() {
            Some(frame) => {
                At { round: self.round, term: self.term, tick: frame.tick.saturating_add(1), version }
            }
            None => At { version, ..At::default() },
        }
    }

    /// Keeps the newest state alone, as the first one of a term.
    pub(crate) fn begin_term(&mut self, term: u32) {
        self.term = term;
        self.kept.drain(..self.kept.len().saturating_sub(1));
        self.bytes = self.kept.iter().map(|frame| frame.bytes).sum();
        if planted_fault!(CountsForgotten) {
            self.kept.iter_mut().for_each(|frame| frame.consumed = BySlot::default());
        }
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.bytes;
        self.kept.push_back(frame);
        while self.kept.len() > KEPT_MAX || self.bytes > BYTES_MAX && self.kept.len() > 2 {
            let Some(old) = self.kept.pop_front() else { return };
            self.bytes -= old.bytes;
        }
    }

    /// Enters the answer of the engine. Returns the game's words if this is the end.
    pub(crate) fn enter(
        &mut self,
        tick: Tick,
        envelope: &str,
        lobby: Arc<Lobby>,
        consumed: BySlot<u32>,
        inputs: BySlot<PlayerInput>,
    ) -> Result<Option<String>, Fault> {
        let place = if tick == 0 { "setup" } else { "update" };
        let fault = |message: String| Fault { message, line: None, place: String::from(place), fatal: true };
        if envelope.len() > ENVELOPE_MAX {
            let length = envelope.len();
            return Err(fault(format!(
                "state of {length} bytes of JSON exceeds the limit of {ENVELOPE_MAX}"
            )));
        }
        let read: Envelope<'_> = serde_json::from_str(envelope).map_err(|error| fault(error.to_string()))?;
        let state = Value::from_json(text(read.state), &mut self.keys);
        let state = state.map_err(|error| fault(error.to_string()))?;
        let limits = random_limits(&self.keys);
        let random = Value::from_json_within(text(read.random), &mut self.keys, &limits);
        let random = random.map_err(|error| fault(error.to_string()))?;
        for sound in read.sounds.iter().take(SOUNDS_MAX) {
            self.sounds.push_back((tick, Sound::truncated(sound)));
        }
        while self.sounds.front().is_some_and(|(at, _)| *at + SOUNDS_FOR < tick)
            || self.sounds.len() > 4 * SOUNDS_MAX
        {
            self.sounds.pop_front();
        }
        let bytes = state.encoded_len();
        self.push(Frame { tick, lobby, consumed, inputs, keys: self.keys.len(), random, state, bytes });
        let end = read.end.map(|end| end.get());
        Ok(end.map(|end| String::from(if end.len() > RESULT_MAX { "null" } else { end })))
    }

    /// The newest state as a whole, with numbers and inputs of the seats of `lobby`. `None` without a state, or if it exceeds a
    /// limit.
    pub(crate) fn whole(&self, lobby: &Lobby) -> Option<Whole> {
        let frame = self.newest()?;
        let encoded = |value: &Value| {
            let mut bytes = Vec::new();
            value.encode(&mut bytes);
            bytes
        };
        let mut keys = Vec::new();
        self.keys.write_from(0, &mut keys);
        let known =
            |seat: &Seat| frame.lobby.seat(seat.slot).is_some_and(|old| old.endpoint == seat.endpoint);
        let seats = || lobby.seats.iter().map(|seat| (usize::from(seat.slot), known(seat)));
        Some(Whole {
            round: self.round,
            term: self.term,
            tick: frame.tick,
            consumed: seats().map(|(slot, known)| if known { frame.consumed[slot] } else { 0 }).collect(),
            inputs: seats()
                .map(|(slot, known)| if known { Run::of(&frame.inputs[slot]) } else { IDLE })
                .collect(),
            keys: Bytes::new(keys).ok()?,
            random: Bytes::new(encoded(&frame.random)).ok()?,
            state: Bytes::new(encoded(&frame.state)).ok()?,
        })
    }

    /// Reads a whole state, whose seats are those of this lobby.
    pub(crate) fn read_whole(whole: &Whole, lobby: Arc<Lobby>) -> Option<Frames> {
        if whole.tick > TICK_MAX {
            return None;
        }
        let mut keys = Keys::new();
        let mut rest = &whole.keys[..];
        keys.read_from(0, &mut rest).ok().filter(|()| rest.is_empty())?;
        let (consumed, inputs) = by_slot(&lobby, &whole.consumed, &whole.inputs)?;
        let state = Value::decode(&whole.state, &Limits::of(&keys)).ok()?;
        let random = Value::decode(&whole.random, &random_limits(&keys)).ok()?;
        let bytes = whole.state.len();
        let frame =
            Frame { tick: whole.tick, lobby, consumed, inputs, keys: keys.len(), random, state, bytes };
        let mut frames = Frames { keys, ..Frames::new(whole.round, whole.term) };
        frames.push(frame);
        Some(frames)
    }

    /// The newest state as a difference to that of tick `base`.
    pub(crate) fn body(&self, base: Tick) -> Option<Vec<u8>> {
        let (base, to) = (self.frame(base)?, self.newest()?);
        let seats = || to.lobby.seats.iter().map(|seat| usize::from(seat.slot));
        let mut keys = Vec::new();
        self.keys.write_from(base.keys, &mut keys);
        let mut random = Vec::new();
        difference(&base.random, &to.random, &mut random);
        let is_new = base.lobby.version != to.lobby.version || base.lobby.term != to.lobby.term;
        let sounds = self.sounds.iter().rev().filter(|(tick, _)| *tick > base.tick).take(SOUNDS_MAX);
        let body = Body {
            consumed: seats().map(|slot| to.consumed[slot]).collect(),
            version: to.lobby.version,
            lobby: is_new.then(|| Lobby::clone(&to.lobby)),
            keys_from: base.keys as u32,
            keys: Bytes::new(keys).ok()?,
            inputs: seats().map(|slot| Run::of(&to.inputs[slot])).collect(),
            sounds: sounds.map(|(tick, sound)| ((to.tick - tick) as u8, sound.clone())).collect(),
            random: Bytes::new(random).ok()?,
        };
        let mut bytes = wire::encode(&body);
        #[cfg(feature = "planted-bugs")]
        if super::planted::is(super::planted::Planted::RemovalsForgotten) {
            difference(&base.state, &with_removed(&base.state, &to.state), &mut bytes);
            return Some(bytes);
        }
        difference(&base.state, &to.state, &mut bytes);
        Some(bytes)
    }

    /// Builds the state of a body. Returns its sounds: ticks and names. `None` if its base is not there or it is no difference
    /// to it.
    pub(crate) fn build(&mut self, head: &StateHead, body: &[u8]) -> Option<Vec<(Tick, Sound)>> {
        let base = head.tick.checked_sub(u64::from(head.back))?;
        if head.tick > TICK_MAX || self.newest().is_none_or(|newest| newest.tick >= head.tick) {
            return None;
        }
        let base = self.frame(base)?;
        let (body, delta): (Body, _) = wire::decode_first(body).ok()?;
        let lobby = match body.lobby {
            Some(lobby) => {
                Some(Arc::new(lobby)).filter(|lobby| lobby.is_sound() && lobby.line == head.line)?
            }
            None => base.lobby.clone(),
        };
        if lobby.version != body.version {
            return None;
        }
        let (consumed, inputs) = by_slot(&lobby, &body.consumed, &body.inputs)?;
        let mut rest = &body.keys[..];
        let mut keys = None;
        if body.keys[..] != [0] {
            let mut more = self.keys.clone();
            more.read_from(body.keys_from as usize, &mut rest).ok().filter(|()| rest.is_empty())?;
            keys = Some(more);
        }
        let known = keys.as_ref().unwrap_or(&self.keys);
        let state = apply(&base.state, delta, &Limits::of(known)).ok()?;
        let random = apply(&base.random, &body.random, &random_limits(known)).ok()?;
        let bytes = state.encoded_len();
        let frame =
            Frame { tick: head.tick, lobby, consumed, inputs, keys: known.len(), random, state, bytes };
        if let Some(keys) = keys {
            self.keys = keys;
        }
        self.push(frame);
        let at = |(back, sound): (u8, Sound)| (head.tick.saturating_sub(u64::from(back)), sound);
        Some(body.sounds.into_iter().map(at).collect())
    }

    /// The newest state and the state of its randomness, as JSON.
    pub(crate) fn json(&self) -> Option<(Json, Json)> {
        let frame = self.newest()?;
        let json = |value: &Value| String::from_utf8(value.to_json(&self.keys)).map(Json).ok();
        Some((json(&frame.state)?, json(&frame.random)?))
    }

    /// The envelope of the newest state, with the table of keys, so that the next host gives further keys the same order.
    pub(crate) fn envelope(&self) -> Option<Json> {
        let (Json(state), Json(random)) = self.json()?;
        let keys = serde_json::to_string(&self.keys.names().collect::<Vec<_>>()).ok()?;
        Some(Json(format!(r#"{{"state":{state},"random":{random},"sounds":[],"end":null,"keys":{keys}}}"#)))
    }
}

/// No input.
const IDLE: Run = Run { repeat: 1, keys: 0, axes: None, pointer: None };

/// Numbers and inputs in the order of the lobby's seats, by slot. `None` if they are not as many as the seats.
fn by_slot(lobby: &Lobby, consumed: &[u32], runs: &[Run]) -> Option<(BySlot<u32>, BySlot<PlayerInput>)> {
    if consumed.len() != lobby.seats.len() || runs.len() != lobby.seats.len() {
        return None;
    }
    let (mut numbers, mut inputs) = (BySlot::default(), BySlot::default());
    for (seat, (number, run)) in lobby.seats.iter().zip(consumed.iter().zip(runs)) {
        *numbers.get_mut(usize::from(seat.slot))? = *number;
        *inputs.get_mut(usize::from(seat.slot))? = run.input();
    }
    Some((numbers, inputs))
}

/// The map `to` with what it no longer has.
#[cfg(feature = "planted-bugs")]
fn with_removed(base: &Value, to: &Value) -> Value {
    match (base, to) {
        (Value::Map(base), Value::Map(to)) => Value::map(base.iter().chain(to).cloned()),
        _ => to.clone(),
    }
}
