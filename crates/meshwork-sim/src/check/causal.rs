//! **causal**: on a topic in causal order nobody hears anything before what its author had heard, unless it waited two
//! seconds for that; and nothing waits longer.
//!
//! What is said here is said by schedules, and some of those who hear it answer at once.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use meshwork_core::id::Endpoint;
use meshwork_core::node::Event;
use meshwork_core::seam::lane::{Slot, Topic};
use meshwork_core::time::Time;
use meshwork_sync::causal::{Order, SILENCE_MAX, WAIT_MAX};

use super::{Member, Violation};
use crate::world::World;

/// An app in which nothing else is said: gaps are told by app.
const SLOT: Slot = Slot::CONVERSATION;
/// Of so many who hear something one answers.
const ANSWERS_ONE_IN: u64 = 4;

/// Something that was said. Its number is its place among all that was said.
#[derive(Debug)]
struct Message {
    /// What its author had heard since it spoke last.
    needs: Vec<u64>,
    is_answer: bool,
}

/// What one member heard.
#[derive(Debug)]
struct Listener {
    order: Order,
    heard: BTreeSet<u64>,
    /// What it heard since it spoke last, and when.
    news: Vec<(u64, Time)>,
    /// What came when, and waits for its turn.
    waiting: BTreeMap<u64, Time>,
    /// What must not be heard any more, and what was heard before it.
    passed: BTreeMap<u64, u64>,
}

/// What honest programs said on a topic in causal order, and heard.
#[derive(Debug, Default)]
pub struct Causal {
    messages: Vec<Message>,
    listeners: BTreeMap<Member, Listener>,
}

impl Causal {
    /// A member says something, as far as it may.
    pub fn speak(&mut self, world: &mut World, member: Member) {
        self.say(world, member, false);
    }

    fn say(&mut self, world: &mut World, (index, room): Member, is_answer: bool) {
        let (number, me, topic) = (self.messages.len() as u64, world.node(index).endpoint(), topic());
        let listener = self.listener((index, room), me);
        let said = world.command(index, |node, now| {
            let frame = listener.order.frame(now, &number.to_be_bytes());
            node.room_mut(now, room).say(SLOT, &topic, &frame).is_ok()
        });
        if said {
            listener.order.said();
            let is_named = |(_, at): &(u64, Time)| world.now().since(*at) <= SILENCE_MAX;
            let needs = mem::take(&mut listener.news).into_iter().filter(is_named).map(|(number, _)| number);
            let needs = needs.collect();
            self.messages.push(Message { needs, is_answer });
        }
    }

    /// The program of a member hears an event.
    pub fn hear(&mut self, world: &World, member: Member, event: &Event) {
        let Event::Said { slot: SLOT, from, bytes, missed, .. } = event else { return };
        let (now, me) = (world.now(), world.node(member.0).endpoint());
        let listener = self.listener(member, me);
        let is_read = listener.order.handle_frame(now, *from, bytes, *missed).is_ok();
        if let Some(number) = bytes.last_chunk().filter(|_| is_read) {
            listener.waiting.insert(u64::from_be_bytes(*number), now);
        }
    }

    /// Members are handed what it is time for, and some of them answer.
    ///
    /// # Errors
    /// [`Violation`] says who heard what too early, or does not hear it.
    pub fn hand_on(&mut self, world: &mut World, members: &[Member]) -> Result<(), Violation> {
        let now = world.now();
        for member in members {
            let Some(listener) = self.listeners.get_mut(member) else { continue };
            let questions = listener.hand_on(now, &self.messages).map_err(|detail| {
                let detail = format!("program {} {detail}", member.0);
                Violation::new("causal", detail)
            })?;
            let answers =
                questions.iter().any(|number| (number + member.0 as u64).is_multiple_of(ANSWERS_ONE_IN));
            if answers && !world.look_at(member.0).is_asleep() {
                self.say(world, *member, true);
            }
        }
        Ok(())
    }

    fn listener(&mut self, member: Member, me: Endpoint) -> &mut Listener {
        let new = || Listener {
            order: Order::new(me),
            heard: BTreeSet::new(),
            news: vec![],
            waiting: BTreeMap::new(),
            passed: BTreeMap::new(),
        };
        self.listeners.entry(member).or_insert_with(new)
    }
}

impl Listener {
    /// Hears what is in its turn by now. Returns what of it was no answer, or what is wrong.
    fn hand_on(&mut self, now: Time, messages: &[Message]) -> Result<Vec<u64>, String> {
        self.order.handle_timeout(now);
        let mut questions = vec![];
        while let Some(heard) = self.order.poll() {
            let number = heard.content.try_into().map_or(u64::MAX, u64::from_be_bytes);
            let Some(message) = messages.get(number as usize) else { continue };
            if let Some(first) = self.passed.get(&number) {
                return Err(format!("hears {first} before {number}, which its author had heard"));
            }
            let came = self.waiting.remove(&number).unwrap_or(now);
            self.heard.insert(number);
            self.news.push((number, now));
            if now.since(came) < WAIT_MAX {
                let missing = message.needs.iter().filter(|need| !self.heard.contains(*need));
                self.passed.extend(missing.map(|need| (*need, number)));
            }
            if !message.is_answer {
                questions.push(number);
            }
        }
        match self.waiting.iter().find(|(_, came)| now.since(**came) >= WAIT_MAX) {
            Some((number, came)) => Err(format!("does not hear {number}, which came at {came:?}")),
            None => Ok(questions),
        }
    }
}

fn topic() -> Topic {
    Topic::new("causal").expect("short")
}
