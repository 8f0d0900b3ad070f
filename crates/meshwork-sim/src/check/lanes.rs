//! **said**, **newest**, **present**: what is said to everybody is heard once, in order and with gaps told; of a stream
//! of datagrams nothing older follows what is newer; what somebody says of itself is what others are shown.

use std::collections::BTreeMap;

use meshwork_core::clock::Stamp;
use meshwork_core::id::Endpoint;
use meshwork_core::node::Event;
use meshwork_core::seam::lane::{Audience, Slot, Topic};
use meshwork_core::signed::app::GENESIS_SLOT;
use meshwork_core::signed::batch::StampWindow;
use meshwork_core::signed::header::{Family, Header, RecordName};
use meshwork_core::signed::list::ShortId;

use super::{Law, Member, Seeds, Violation};
use crate::connection::NodeIndex;
use crate::world::World;

/// What one program said on lanes: each time a number, one more than the last.
#[derive(Clone, Copy, Debug)]
struct Spoken {
    said: u64,
    sent: u64,
    state: u64,
    /// The record by which everybody judges what it said last.
    record: RecordName,
}

impl Spoken {
    /// Nothing yet.
    const NOTHING: Spoken = Spoken { said: 0, sent: 0, state: 0, record: RecordName::GENESIS };

    /// Whether records take what the program at this endpoint said last: it did not know them yet.
    fn is_taken(&self, law: &Law, author: Endpoint) -> bool {
        let replica = Slot::GENESIS.replica(Family::Say);
        let header = Header::new(author, 1, StampWindow::at(Stamp::NEVER), 0);
        law.takes(&Header { replica, record: self.record, ..header }, &ShortId([0; 16]))
    }
}

/// What honest programs said on the lanes of a room, and heard.
#[derive(Debug, Default)]
pub struct Lanes {
    spoken: BTreeMap<Endpoint, Spoken>,
    /// What a member heard last of somebody.
    heard: BTreeMap<(Member, Endpoint), Spoken>,
}

impl Lanes {
    /// A member says something to everybody, sends a few datagrams, and says something of itself, as far as it may.
    pub fn speak(&mut self, world: &mut World, (index, room): Member) {
        let spoken = self.spoken.entry(world.node(index).endpoint()).or_insert(Spoken::NOTHING);
        let topic = Topic::new("lane").expect("short");
        world.command(index, |node, now| {
            if let Some(records) = node.room(room).records() {
                spoken.record = records.in_force();
            }
            let mut open = node.room_mut(now, room);
            for _ in 0..2 {
                let said = open.say(Slot::GENESIS, &topic, &(spoken.said + 1).to_be_bytes());
                spoken.said += u64::from(said.is_ok());
            }
            for _ in 0..3 {
                let next = (spoken.sent + 1).to_be_bytes();
                let sent = open.send_datagram(Audience::All, Slot::GENESIS, &topic, &next);
                spoken.sent += u64::from(sent.is_ok());
            }
            let state = open.set_presence(Slot::GENESIS, Some(&(spoken.state + 1).to_be_bytes()));
            spoken.state += u64::from(state.is_ok());
        });
    }

    /// A member sets its presence and says nothing else.
    pub fn show(&mut self, world: &mut World, (index, room): Member) {
        let spoken = self.spoken.entry(world.node(index).endpoint()).or_insert(Spoken::NOTHING);
        world.command(index, |node, now| {
            let state = (spoken.state + 1).to_be_bytes();
            let shown = node.room_mut(now, room).set_presence(Slot::GENESIS, Some(&state));
            spoken.state += u64::from(shown.is_ok());
        });
    }

    /// A member hears an event.
    ///
    /// # Errors
    /// [`Violation`] says who heard what after what.
    pub fn hear(&mut self, member: Member, event: &Event) -> Result<(), Violation> {
        let number = |bytes: &[u8]| bytes.try_into().map_or(u64::MAX, u64::from_be_bytes);
        match event {
            Event::Said { slot: Slot::GENESIS, from, bytes, missed, .. } => {
                let (spoken, heard) = self.of(member, *from);
                let (last, number) = (heard.said, number(bytes));
                // Whoever comes hears what was just said: where that begins is nobody's to say.
                let follows = if last == 0 { number > 0 } else { number == last + missed + 1 };
                heard.said = number;
                check("said", follows && number <= spoken.said, || {
                    let said = spoken.said;
                    format!("{member:?} hears {number} of {from} after {last}, {missed} missed, of {said}")
                })
            }
            Event::Datagram { from, bytes, .. } => {
                let (spoken, heard) = self.of(member, *from);
                let (last, number) = (heard.sent, number(bytes));
                heard.sent = number;
                check("newest", last < number && number <= spoken.sent, || {
                    format!("{member:?} hears datagram {number} of {from} after {last}, of {}", spoken.sent)
                })
            }
            Event::Presence { endpoint, state, .. } => {
                let (spoken, heard) = self.of(member, *endpoint);
                heard.state = state.as_deref().map_or(0, number);
                check("present", heard.state <= spoken.state, || {
                    format!("{member:?} is shown {state:?} of {endpoint}, which never said it")
                })
            }
            _ => Ok(()),
        }
    }

    /// What `from` said so far, and what a member heard of it last. Of whoever is not honest anything may be heard.
    fn of(&mut self, member: Member, from: Endpoint) -> (Spoken, &mut Spoken) {
        let anything = Spoken { said: u64::MAX, sent: u64::MAX, state: u64::MAX, ..Spoken::NOTHING };
        let spoken = self.spoken.get(&from).copied().unwrap_or(anything);
        (spoken, self.heard.entry((member, from)).or_insert(Spoken::NOTHING))
    }

    /// What these members were said to everybody is what all of them heard last, unless a record ever banned its author, or takes
    /// it: its author had not heard of that record.
    ///
    /// # Errors
    /// [`Violation`] names who did not hear whom.
    pub fn all_heard(&self, world: &World, members: &[Member]) -> Result<(), Violation> {
        self.compare(
            "live-delivery",
            world,
            members,
            |spoken| spoken.said,
            |law, _, author, spoken| law.ever_banned(author.peer) || spoken.is_taken(law, author),
        )
    }

    /// Members are shown what the others say of themselves, unless they are banned or may not write.
    ///
    /// # Errors
    /// [`Violation`] names who is shown what of whom.
    pub fn all_shown(&self, world: &World, members: &[Member], seeds: &Seeds) -> Result<(), Violation> {
        self.compare(
            "present",
            world,
            members,
            |spoken| spoken.state,
            |law, program, Endpoint { peer, .. }, _| {
                law.is_banned(peer) || seeds.let_write(law, program, peer, GENESIS_SLOT) != Some(true)
            },
        )
    }

    fn compare(
        &self,
        checker: &'static str,
        world: &World,
        members: &[Member],
        what: impl Fn(&Spoken) -> u64,
        is_silenced: impl Fn(&Law, NodeIndex, Endpoint, &Spoken) -> bool,
    ) -> Result<(), Violation> {
        for &(of, room) in members {
            let endpoint = world.node(of).endpoint();
            let Some(spoken) = self.spoken.get(&endpoint) else { continue };
            let law = world.node(of).room(room).records().map(Law::of);
            if law.is_some_and(|law| is_silenced(&law, of, endpoint, spoken)) {
                continue;
            }
            for member in members.iter().filter(|(index, _)| *index != of) {
                let heard = self.heard.get(&(*member, endpoint)).map_or(0, &what);
                check(checker, heard == what(spoken), || {
                    format!("{member:?} has {heard} of {endpoint}, which says {}", what(spoken))
                })?;
            }
        }
        Ok(())
    }
}

fn check(checker: &'static str, holds: bool, detail: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(checker, detail())) }
}
