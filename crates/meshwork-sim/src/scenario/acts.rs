//! What those who keep order in a room do, and when a schedule has them do it.
//!
//! All of it is drawn from a generator of its own once everything else is, so that a room in which nobody keeps order runs as
//! if there were no acts. Writes are drawn beside acts, since what is written while a record is on its way is what it may cut.

use std::time::Duration;

use meshwork_core::rng::Rng;
use meshwork_core::signed::change::WhoWrites;

use super::draw::{MODERATOR, SKEW_MAX_MICROS};
use super::schedule::{Action, Arrival, Name, Step};
use crate::app::tables::Kind;
use crate::app::{self, Occasion};
use crate::chance::{generator, pick};
use crate::hostile::Behaviour;

/// Whose generator is that of acts; those of apps have small numbers.
const ACTS: u64 = 1000;
/// And that of acts which say who may write. One in so many rooms with acts has some.
const WRITERS: u64 = 1002;
const WRITERS_ONE_IN: u64 = 2;
/// One in so many rooms has acts.
const GOVERNED_ONE_IN: u64 = 4;
/// Most acts of a room, beside those on two devices that are cut off from each other.
const ACTS_MAX: u64 = 10;
/// A schedule lasts at least so long, in milliseconds, as far as acts are drawn within it.
const LENGTH_LEAST_MS: u64 = 10_000;
/// Costs and lengths of windows of limits, in milliseconds: some let through whatever somebody does at once, some do not.
const COSTS: [u32; 4] = [1, 5, 20, 60];
const WINDOWS_MS: [u32; 3] = [1000, 5000, 20_000];
/// Slots that are limited: of the app that a room opens with, of the conversation, and of documents.
pub(super) const SLOTS: [u8; 5] = [0, 0, 0, 1, 2];

/// What somebody does who keeps order. Who may not do it does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Somebody is banned.
    Ban {
        /// Who.
        whom: Name,
    },
    /// All bans of somebody are lifted.
    Unban {
        /// Whose.
        whom: Name,
    },
    /// The app in a slot is limited.
    Limit {
        /// Which slot.
        slot: u8,
        /// What may be written in a window.
        cost: u32,
        /// Its length, in milliseconds.
        window_ms: u32,
    },
    /// The app in a slot is limited no more.
    Free {
        /// Which slot.
        slot: u8,
    },
    /// Those may write in the app in a slot.
    Allow {
        /// Which slot.
        slot: u8,
        /// Who.
        writers: WhoWrites,
    },
    /// The app that a room opens with, and those that follow it, are for a list.
    CloseTo {
        /// A bit for each person: who is on it.
        listed: u64,
    },
    /// Somebody is put on the list, where that app has one.
    List {
        /// Who.
        whom: Name,
    },
    /// Somebody is taken off it.
    Unlist {
        /// Who.
        whom: Name,
    },
    /// The app that a room opens with, and those that follow it, are for those who hold a new edit seed.
    Admit {
        /// A bit for each person: who is handed the LINK with it.
        told: u64,
    },
    /// Cells are erased.
    Erase {
        /// Whose; everybody's where nobody is named.
        whom: Option<Name>,
        /// So many columns and rows from the corner on; all of the canvas for 0.
        side: u16,
    },
    /// What stands in a table is taken back.
    EraseRow {
        /// Whose; everybody's where nobody is named.
        whom: Option<Name>,
        /// Which table.
        table: Kind,
        /// In which of the rows that people share; in all rows where none is named.
        row: Option<u8>,
    },
    /// What somebody's program wrote in a document is erased.
    EraseText {
        /// Whose.
        whom: Name,
        /// Which document.
        name: u8,
    },
    /// The last of what was taken back shows again.
    Restore,
    /// Documents are turned on.
    TurnOn,
    /// Somebody is named a moderator.
    Appoint {
        /// Who.
        whom: Name,
    },
    /// Somebody moderates no more.
    Dismiss {
        /// Who.
        whom: Name,
    },
    /// The room gets another secret.
    Renew {
        /// A bit for each person: who keeps access.
        keep: u64,
        /// A bit for each person: who comes later with the LINK as it is then.
        told: u64,
    },
}

impl Act {
    /// Whom it is about.
    pub fn whom(&self) -> Option<Name> {
        match *self {
            Act::Ban { whom }
            | Act::Unban { whom }
            | Act::EraseText { whom, .. }
            | Act::Appoint { whom }
            | Act::Dismiss { whom }
            | Act::List { whom }
            | Act::Unlist { whom } => Some(whom),
            Act::Erase { whom, .. } | Act::EraseRow { whom, .. } => whom,
            Act::Limit { .. }
            | Act::Free { .. }
            | Act::Allow { .. }
            | Act::CloseTo { .. }
            | Act::Admit { .. }
            | Act::Restore
            | Act::TurnOn
            | Act::Renew { .. } => None,
        }
    }
}

/// Somebody of a schedule.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) who: Name,
    person: u64,
    /// In which way it is hostile, if it is.
    pub(super) behaviour: Option<Behaviour>,
}

/// Acts that are being drawn.
pub(super) struct Draw<'a> {
    pub(super) rng: Rng,
    steps: &'a mut Vec<Step>,
    pub(super) people: Vec<Known>,
    /// The owner's other device.
    device: Option<Name>,
    moderator: Name,
    pub(super) is_private: bool,
    /// Whether documents are turned on later.
    is_bare: bool,
    pub(super) length_ms: u64,
}

/// Whether owners and moderators act in the room of a seed.
pub(super) fn are_drawn(seed: u64) -> bool {
    generator(seed, [ACTS, 0, 0]).below(GOVERNED_ONE_IN) == 0
}

/// Adds acts to the steps of a schedule, in the room that `first` makes. Returns whether documents are turned on later.
pub(super) fn draw(seed: u64, first: Arrival, is_private: bool, steps: &mut Vec<Step>) -> bool {
    let mut rng = generator(seed, [ACTS, 0, 0]);
    if rng.below(GOVERNED_ONE_IN) != 0 {
        return false;
    }
    let mut people = vec![Known { who: first.who, person: first.person, behaviour: None }];
    people.extend(steps.iter().filter_map(|step| match step.action {
        Action::Join(Arrival { who, person, .. }) => Some(Known { who, person, behaviour: None }),
        Action::JoinHostile { who, behaviour } => Some(Known { who, person: 0, behaviour: Some(behaviour) }),
        _ => None,
    }));
    let is_bare = rng.below(3) == 0;
    let last = steps.iter().map(|step| step.at).max().unwrap_or_default();
    let length_ms = (last.as_millis() as u64).max(LENGTH_LEAST_MS);
    let (device, moderator) = (None, first.who);
    let mut draw = Draw { rng, steps, people, device, moderator, is_private, is_bare, length_ms };
    draw.keepers_of_order(first);
    for _ in 0..3 + draw.rng.below(ACTS_MAX - 2) {
        let at = draw.at(length_ms);
        let who = draw.signer();
        draw.act(at, who);
    }
    if is_bare {
        let at = draw.at(length_ms);
        draw.push(at, Action::Govern { who: first.who, act: Act::TurnOn });
    }
    if draw.rng.below(2) == 0 {
        draw.fork(first.who);
    }
    draw.rng = generator(seed, [WRITERS, 0, 0]);
    if draw.rng.below(WRITERS_ONE_IN) == 0 {
        draw.writers(first);
    }
    steps.sort_by_key(|step| step.at);
    is_bare
}

impl Draw<'_> {
    pub(super) fn push(&mut self, at: Duration, action: Action) {
        self.steps.push(Step { at, action });
    }

    /// A time within so many milliseconds.
    pub(super) fn at(&mut self, within_ms: u64) -> Duration {
        Duration::from_millis(self.rng.below(within_ms))
    }

    /// Another device of the owner comes to most rooms, and somebody moderates.
    fn keepers_of_order(&mut self, first: Arrival) {
        let next = self.next();
        if self.rng.below(3) > 0 {
            self.device = Some(next);
            self.join((first, first.person), next);
        }
        let moderates = |known: &&Known| known.person == MODERATOR && known.behaviour.is_none();
        match self.people.iter().find(moderates) {
            Some(known) => self.moderator = known.who,
            None => {
                self.moderator = next + 1;
                self.join((first, MODERATOR), next + 1);
            }
        }
    }

    /// The name of whoever comes next.
    pub(super) fn next(&self) -> Name {
        self.people.iter().map(|known| known.who).max().unwrap_or_default() + 1
    }

    /// Somebody comes to the room that `first` made, early.
    fn join(&mut self, (first, person): (Arrival, u64), who: Name) {
        let skew = self.rng.below(SKEW_MAX_MICROS as u64) as i64 - SKEW_MAX_MICROS / 2;
        let stores = self.rng.below(3) == 0;
        let at = self.at(self.length_ms / 3);
        self.come(at, Arrival { who, person, skew, stores, ..first });
    }

    pub(super) fn come(&mut self, at: Duration, arrival: Arrival) {
        self.people.push(Known { who: arrival.who, person: arrival.person, behaviour: None });
        self.push(at, Action::Join(arrival));
    }

    /// Any program of the owner.
    pub(super) fn owner(&mut self) -> Name {
        let person = self.people[0].person;
        let owners = self.people.iter().filter(|known| known.person == person && known.behaviour.is_none());
        let owners: Vec<Name> = owners.map(|known| known.who).collect();
        pick(&mut self.rng, &owners).unwrap_or_default()
    }

    fn signer(&mut self) -> Name {
        let owner = self.people[0].who;
        match self.rng.below(6) {
            0..3 => owner,
            3 => self.device.unwrap_or(owner),
            _ => self.moderator,
        }
    }

    pub(super) fn anybody(&mut self) -> Known {
        let people = self.people.len() as u64;
        self.people[self.rng.below(people) as usize]
    }

    /// Somebody does something, while others write.
    fn act(&mut self, at: Duration, who: Name) {
        let whom = self.anybody();
        let act = self.draw(whom.who);
        self.push(at, Action::Govern { who, act });
        let begun = at.saturating_sub(Duration::from_secs(1));
        for author in [whom.who, self.anybody().who] {
            let at = begun + self.at(2000);
            self.write(at, author);
        }
        if let Act::Ban { whom } = act
            && self.rng.below(2) == 0
        {
            let later = at + self.at(15_000);
            self.push(later, Action::Govern { who: self.people[0].who, act: Act::Unban { whom } });
            let later = later + self.at(2000);
            self.write(later, whom);
        }
        if whom.behaviour.is_some() {
            for _ in 0..2 {
                let later = at + self.at(5000);
                self.push(later, Action::Defy { who: whom.who });
            }
        }
    }

    pub(super) fn write(&mut self, at: Duration, who: Name) {
        let app = app::ALL[self.rng.below(app::ALL.len() as u64) as usize];
        let operation = app.draw(Occasion::Usual, &mut self.rng);
        self.push(at, Action::Do { who, operation });
    }

    fn draw(&mut self, whom: Name) -> Act {
        let rng = &mut self.rng;
        let slot = pick(rng, &SLOTS).unwrap_or_default();
        let whose = (rng.below(2) == 0).then_some(whom);
        match rng.below(20) {
            5..7 => Act::Unban { whom },
            7..10 => self.limit(slot),
            10..12 => Act::Free { slot },
            12..14 => Act::Erase { whom: whose, side: rng.below(12) as u16 },
            14 => {
                let table = if rng.below(2) == 0 { Kind::ByValue } else { Kind::ByTime };
                let row = (rng.below(4) > 0).then(|| rng.below(3) as u8);
                Act::EraseRow { whom: whose, table, row }
            }
            15 => Act::EraseText { whom, name: rng.below(2) as u8 },
            16 => Act::Restore,
            17 if rng.below(2) == 0 => Act::Appoint { whom },
            17 => Act::Dismiss { whom },
            18 if self.is_bare => Act::TurnOn,
            // Most people keep access.
            19 if self.is_private => {
                Act::Renew { keep: rng.next_u64() | rng.next_u64(), told: rng.next_u64() }
            }
            19 => self.limit(slot),
            _ => Act::Ban { whom },
        }
    }

    fn limit(&mut self, slot: u8) -> Act {
        let cost = pick(&mut self.rng, &COSTS).unwrap_or_default();
        let window_ms = pick(&mut self.rng, &WINDOWS_MS).unwrap_or_default();
        Act::Limit { slot, cost, window_ms }
    }

    /// The network falls in two, with a device of the owner on either side, and both act.
    fn fork(&mut self, owner: Name) {
        let Some(device) = self.device else { return };
        // Who is there by then.
        let begin = Duration::from_millis(self.length_ms / 3) + self.at(self.length_ms);
        let sides = self.rng.next_u64() & !(1 << (owner % 64)) | 1 << (device % 64);
        self.push(begin, Action::Split { sides });
        for who in [owner, device] {
            for _ in 0..1 + self.rng.below(2) {
                let at = begin + self.at(4000);
                self.act(at, who);
            }
            if self.is_bare && self.rng.below(2) == 0 {
                let at = begin + self.at(4000);
                self.push(at, Action::Govern { who, act: Act::TurnOn });
            }
        }
        let end = begin + Duration::from_secs(5) + self.at(15_000);
        self.push(end, Action::Heal);
    }
}
