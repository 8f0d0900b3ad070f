//! A game whose state is a chain of hashes of its inputs, and which notices inputs that count twice or for somebody else.

use std::collections::BTreeSet;

use meshwork_play::session::{Step, Tick};
use meshwork_play::value::Keys;
use serde_json::Value;

/// Keys that come and go.
const THINGS: u64 = 10;

/// A state of the game.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    hash: String,
    pub(crate) tick: Tick,
    /// By slot: the member whose input came last, and its number.
    seen: [(u64, u64); 6],
    things: BTreeSet<u64>,
    /// Numbers that all change in each tick.
    pub(crate) bulk: u64,
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

impl Chain {
    pub(crate) fn setup(seed: u32) -> Chain {
        Chain { hash: hash(&seed.to_string()), things: (0..THINGS).collect(), ..Chain::default() }
    }

    /// Goes on by one tick. Names what is wrong with the inputs. `people` gives the name of a member's person.
    pub(crate) fn step(&mut self, step: &Step, people: &dyn Fn(u64) -> Option<String>) -> Result<(), String> {
        if step.tick != self.tick + 1 {
            return Err(format!("tick-order: tick {} after {}", step.tick, self.tick));
        }
        self.tick = step.tick;
        let mut text = format!("{} {}", self.hash, self.tick);
        for input in &step.inputs {
            let Some([x, y]) = input.pointer else { continue };
            let number = |place: f32| (f64::from(place) * 65_535.0).round() as u64;
            let (member, count) = (number(x), number(y));
            let player = step.players.iter().find(|player| player.slot == input.slot);
            let name = player.map(|player| player.name.clone());
            if name != people(member) {
                return Err(format!(
                    "own-input: slot {} of {name:?} has the input of member {member}",
                    input.slot
                ));
            }
            let seen = &mut self.seen[usize::from(input.slot)];
            if seen.0 == member && count < seen.1 {
                return Err(format!("once: slot {} has input {count} after {}", input.slot, seen.1));
            }
            *seen = (member, count);
            text += &format!(" {}:{member}:{count}", input.slot);
        }
        self.hash = hash(&text);
        let thing = self.tick % THINGS;
        if !self.things.remove(&thing) {
            self.things.insert(thing);
        }
        Ok(())
    }

    /// The state, with keys in the order of the first state.
    pub(crate) fn state(&self) -> String {
        let mut text = format!(r#"{{"hash":"{}","tick":{},"seen":["#, self.hash, self.tick);
        for (place, (member, count)) in self.seen.iter().enumerate() {
            text += &format!("{}[{member},{count}]", if place > 0 { "," } else { "" });
        }
        text.push(']');
        if self.bulk > 0 {
            let number = |place: u64| ((place * 7919 + self.tick * 104_729) % 60_000).to_string();
            let numbers: Vec<String> = (0..self.bulk).map(number).collect();
            text += &format!(r#","bulk":[{}]"#, numbers.join(","));
        }
        for thing in &self.things {
            text += &format!(r#","k{thing}":{}"#, self.tick / 60);
        }
        text + "}"
    }

    pub(crate) fn envelope(&self) -> String {
        let sound = if self.tick % 10 == 5 { format!(r#""s{}""#, self.tick) } else { String::new() };
        let random = self.tick % 7;
        format!(r#"{{"state":{},"random":[1,2,3,{random}],"sounds":[{sound}],"end":null}}"#, self.state())
    }

    /// Reads an envelope.
    pub(crate) fn restore(envelope: &str) -> Chain {
        let read: Value = serde_json::from_str(envelope).expect("an envelope is JSON");
        let state = &read["state"];
        let mut chain = Chain {
            hash: state["hash"].as_str().expect("a hash").to_owned(),
            tick: state["tick"].as_u64().expect("a tick"),
            ..Chain::default()
        };
        for (slot, seen) in chain.seen.iter_mut().enumerate() {
            let number = |place: usize| state["seen"][slot][place].as_u64().expect("a number");
            *seen = (number(0), number(1));
        }
        chain.bulk = state["bulk"].as_array().map_or(0, |bulk| bulk.len() as u64);
        let has = |thing: &u64| !state[format!("k{thing}")].is_null();
        chain.things = (0..THINGS).filter(has).collect();
        chain
    }
}

#[test]
fn a_chain_is_restored_from_its_envelope() {
    let mut chain = Chain::setup(7);
    for tick in 1..=25 {
        let step = Step { tick, inputs: vec![], players: vec![], joined: vec![], left: vec![] };
        chain.step(&step, &|_| None).expect("nothing is wrong");
    }
    assert_eq!(Chain::restore(&chain.envelope()).envelope(), chain.envelope());
    let mut keys = Keys::new();
    let first = Chain::setup(7).state();
    meshwork_play::Value::from_json(first.as_bytes(), &mut keys).expect("a state");
    let value = meshwork_play::Value::from_json(chain.state().as_bytes(), &mut keys).expect("a state");
    assert_eq!(String::from_utf8(value.to_json(&keys)).expect("text"), chain.state());
}
