//! Schedules: who comes, what they do and what goes wrong, as data.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use meshwork_place::canvas::CanvasSize;

use super::acts::Act;
use crate::app::Operation;
use crate::hostile::Behaviour;
use crate::meeting_point::Lie;
use crate::path::PathModel;

/// A person of a schedule, by the order in which they come. The first one makes the room.
pub type Name = usize;

/// Something that happens in a schedule. What names somebody who is not there does nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Somebody comes.
    Join(Arrival),
    /// Somebody comes who means harm.
    JoinHostile {
        /// Who.
        who: Name,
        /// In which way.
        behaviour: Behaviour,
    },
    /// Somebody does something in an app.
    Do {
        /// Who.
        who: Name,
        /// What.
        operation: Operation,
    },
    /// Somebody says a few things to somebody.
    Say {
        /// Who.
        from: Name,
        /// To whom.
        to: Name,
    },
    /// Somebody says something to somebody, or to the next one after that to whom there is no link.
    Visit {
        /// Who.
        from: Name,
        /// To whom.
        to: Name,
    },
    /// Somebody does something to keep order in the room.
    Govern {
        /// Who.
        who: Name,
        /// What.
        act: Act,
    },
    /// Somebody hostile writes on in its own name, whatever records say.
    Defy {
        /// Who.
        who: Name,
    },
    /// Somebody says things on all lanes to everybody: something in order, datagrams, and something of itself.
    Speak {
        /// Who.
        who: Name,
    },
    /// Somebody does something in an app, and in a calm room it must be everywhere within a second.
    Probe {
        /// Who.
        who: Name,
        /// What.
        operation: Operation,
    },
    /// Somebody hostile strikes.
    Attack {
        /// Who.
        who: Name,
    },
    /// Somebody leaves, as people do.
    Leave {
        /// Who.
        who: Name,
    },
    /// Somebody's program ends without a word. Their disk made as many stores durable as it could not say.
    Crash {
        /// Who.
        who: Name,
        /// How many stores.
        durable: usize,
    },
    /// Somebody whose program crashed starts it again, on what their disk holds.
    Restart {
        /// Who.
        who: Name,
    },
    /// A machine falls asleep.
    Sleep {
        /// Whose.
        who: Name,
    },
    /// A machine wakes up.
    Wake {
        /// Whose.
        who: Name,
    },
    /// The network falls into two parts.
    Split {
        /// A bit for each person: on which side they are.
        sides: u64,
    },
    /// Two people cannot reach each other.
    Cut {
        /// One.
        one: Name,
        /// The other.
        other: Name,
    },
    /// Nothing of somebody arrives at somebody else.
    CutOneWay {
        /// Who is not heard.
        from: Name,
        /// Who does not hear.
        to: Name,
    },
    /// All cuts heal.
    Heal,
    /// The connection between two people fails.
    Fail {
        /// One.
        one: Name,
        /// The other.
        other: Name,
    },
    /// Somebody moves to another access to the network.
    Move {
        /// Who.
        who: Name,
        /// Where to.
        access: PathModel,
    },
    /// A civil clock is set.
    SetClock {
        /// Whose.
        who: Name,
        /// To how many microseconds off.
        skew: i64,
        /// Whether the driver notices at once.
        noticed: bool,
    },
    /// A disk becomes slow, or full.
    Disk {
        /// Whose.
        who: Name,
        /// Milliseconds until a store is durable.
        delay_ms: u64,
        /// Whether stores fail.
        full: bool,
    },
    /// The server stops and forgets.
    StopServer,
    /// The server starts.
    StartServer,
    /// The server begins to lie, or stops.
    Lie(Option<Lie>),
}

/// Somebody who comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Who.
    pub who: Name,
    /// Whose key they use: some people open a second tab.
    pub person: u64,
    /// How far their clock is off, in microseconds.
    pub skew: i64,
    /// Their access to the network.
    pub access: PathModel,
    /// Whether they keep the room on disk.
    pub stores: bool,
}

/// Whose key somebody hostile uses: nobody else's.
pub(super) fn hostile_person(who: Name) -> u64 {
    1000 + who as u64
}

/// An action and when it happens, from the start of the schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub at: Duration,
    /// What.
    pub action: Action,
}

/// Everything that a run is made of: the same schedule gives the same run.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The seed that it was drawn from, and from which the network draws its chances.
    pub seed: u64,
    /// Size of the canvas.
    pub size: CanvasSize,
    /// Whether a secret guards the room.
    pub private: bool,
    /// The overlay that the room's record names; empty for the one that fits.
    pub overlay: &'static str,
    /// Whether more people come at once than a small room has.
    pub is_large: bool,
    /// Whether documents are not on from the beginning.
    pub is_bare: bool,
    /// Who makes the room.
    pub first: Arrival,
    /// What happens, in the order of time.
    pub steps: Vec<Step>,
}

impl Schedule {
    /// The same schedule with those of its steps alone that have these places.
    pub fn only(&self, places: &[usize]) -> Schedule {
        let steps = places.iter().filter_map(|&place| self.steps.get(place).copied()).collect();
        Schedule { steps, ..self.clone() }
    }

    /// Whether somebody keeps order in it.
    pub fn is_governed(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Govern { .. }))
    }

    /// Whether somebody says something to members to whom there may be no link.
    pub fn has_visits(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Visit { .. }))
    }

    /// Whose key each person uses that comes.
    pub(super) fn persons(&self) -> BTreeMap<Name, u64> {
        let arrivals = self.steps.iter().filter_map(|step| match step.action {
            Action::Join(Arrival { who, person, .. }) => Some((who, person)),
            Action::JoinHostile { who, .. } => Some((who, hostile_person(who))),
            _ => None,
        });
        [(self.first.who, self.first.person)].into_iter().chain(arrivals).collect()
    }

    /// Whether a server lies in it.
    pub fn has_lies(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Lie(Some(_))))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = if self.private { "private" } else { "open" };
        let overlay = if self.overlay.is_empty() { "auto" } else { self.overlay };
        let (seed, size) = (self.seed, self.size);
        writeln!(f, "seed {seed}: {access} {overlay} room of {size}, made by {:?}", self.first)?;
        for (place, step) in self.steps.iter().enumerate() {
            writeln!(f, "{place:>4}  {:>9.3} s  {:?}", step.at.as_secs_f64(), step.action)?;
        }
        Ok(())
    }
}
