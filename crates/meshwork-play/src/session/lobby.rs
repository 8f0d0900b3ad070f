//! The lobby of a party: who has seats, and what they do.

use std::time::Duration;

use meshwork_core::id::{Endpoint, PeerId};
use serde::{Deserialize, Serialize};

use super::engine::PlayerView;
use super::types::{ActError, COLOURS, Colour};
use crate::packets::{self, KICKED_MAX, NAME_MAX, RESULT_MAX, SEATS_MAX};

/// Time between the press on *Start* and the first tick.
pub const COUNTDOWN: Duration = Duration::from_secs(3);

/// Terms, versions and matches stay below it: no party has more.
const COUNT_MAX: u32 = 1 << 31;

/// What the people of a party do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// They gather.
    #[default]
    Gathering,
    /// The match begins within [`COUNTDOWN`].
    Starting,
    /// They play.
    Playing,
    /// The match is over.
    Ended,
}

/// How a match ended, for everybody in the lobby.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The game said so, in these words of JSON.
    Over(#[serde(deserialize_with = "packets::short::<_, RESULT_MAX>")] String),
    /// The game failed with this message.
    Failed(#[serde(deserialize_with = "packets::short::<_, RESULT_MAX>")] String),
}

/// A player's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Its number, from 0.
    pub slot: u8,
    /// The program that plays.
    pub endpoint: Endpoint,
    /// The player's name.
    #[serde(deserialize_with = "packets::short::<_, NAME_MAX>")]
    pub name: String,
    /// The player's colour.
    pub colour: Colour,
    /// Whether the player is ready.
    pub ready: bool,
    /// Whether the player is not reached now. The seat is kept for a minute.
    pub away: bool,
    /// Whether a program plays.
    pub bot: bool,
    /// Matches that this player won in this party.
    pub wins: u16,
}

/// The lobby, as its host says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lobby {
    /// The line: a random number that a party's first host draws. 0 is no line.
    pub line: u32,
    /// The number of the host in this line, from 1.
    pub term: u32,
    /// Counts the changes of this lobby.
    pub version: u32,
    /// What people do.
    pub phase: Phase,
    /// Whether the match waits for more players to come back.
    pub waits: bool,
    /// The number of the match, from 1.
    pub round: u32,
    /// The host.
    pub host: Endpoint,
    /// Seats, by slot.
    #[serde(deserialize_with = "packets::few::<_, _, SEATS_MAX>")]
    pub seats: Vec<Seat>,
    /// People that the host removed.
    #[serde(deserialize_with = "packets::few::<_, _, KICKED_MAX>")]
    pub kicked: Vec<PeerId>,
    /// How the last match ended.
    pub ending: Option<Ending>,
}

impl Lobby {
    /// A lobby of no line.
    pub(crate) fn none(me: Endpoint) -> Lobby {
        Lobby {
            line: 0,
            term: 0,
            version: 0,
            phase: Phase::Gathering,
            waits: false,
            round: 0,
            host: me,
            seats: Vec::new(),
            kicked: Vec::new(),
            ending: None,
        }
    }

    /// Whether the seats are such as a host makes: by slot, one a person, and counts have room to grow.
    pub fn is_sound(&self) -> bool {
        let ascending = self.seats.windows(2).all(|two| two[0].slot < two[1].slot);
        let people =
            |seat: &Seat| self.seats.iter().filter(|other| other.endpoint.peer == seat.endpoint.peer).count();
        let counts = [self.term, self.version, self.round];
        self.line != 0
            && self.term != 0
            && counts.iter().all(|count| *count < COUNT_MAX)
            && ascending
            && self.seats.iter().all(|seat| usize::from(seat.slot) < SEATS_MAX && people(seat) == 1)
    }

    /// The seat of this slot.
    pub fn seat(&self, slot: u8) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.slot == slot)
    }

    /// The seat that this program has.
    pub fn seat_at(&self, endpoint: Endpoint) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.endpoint == endpoint)
    }

    /// The seat of this person.
    pub fn seat_of(&self, peer: PeerId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.endpoint.peer == peer)
    }

    /// The host's seat, if it has one.
    pub fn host_slot(&self) -> Option<u8> {
        self.seat_at(self.host).map(|seat| seat.slot)
    }

    /// Whether its host may start a match of a game for at least `least` players. Players who are away do not count.
    ///
    /// # Errors
    /// [`ActError`], the reason.
    pub fn may_start(&self, least: u8) -> Result<(), ActError> {
        if !matches!(self.phase, Phase::Gathering | Phase::Ended) {
            return Err(ActError::Phase);
        }
        let have = self.seats.iter().filter(|seat| !seat.away).count() as u8;
        let least = least.max(self.seats.len().div_ceil(2) as u8);
        if have < least {
            return Err(ActError::TooFew { have, least });
        }
        let waited = |seat: &&Seat| !seat.ready && !seat.away && seat.endpoint != self.host;
        let unready: Vec<u8> = self.seats.iter().filter(waited).map(|seat| seat.slot).collect();
        if unready.is_empty() { Ok(()) } else { Err(ActError::NotReady(unready)) }
    }

    pub(crate) fn seat_mut(&mut self, slot: u8) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.slot == slot)
    }

    /// Seats a person at the lowest free slot below `most`.
    pub(crate) fn sit(&mut self, most: usize, endpoint: Endpoint, dress: &Dress) -> Option<u8> {
        let is_free = |slot: &u8| self.seat(*slot).is_none();
        let slot = (0..most.min(SEATS_MAX) as u8).find(is_free)?;
        let seat = Seat {
            slot,
            endpoint,
            name: cut(&dress.name),
            colour: self.colour(slot, dress.colour),
            ready: false,
            away: false,
            bot: dress.bot,
            wins: 0,
        };
        let place = self.seats.partition_point(|other| other.slot < slot);
        self.seats.insert(place, seat);
        Some(slot)
    }

    /// The wanted colour if no other seat has it, else a free one.
    pub(crate) fn colour(&self, slot: u8, wanted: Option<Colour>) -> Colour {
        let is_free =
            |colour: &Colour| self.seats.iter().all(|seat| seat.slot == slot || seat.colour != *colour);
        let own = COLOURS.get(usize::from(slot)).copied();
        let all = wanted.into_iter().chain(own).chain(COLOURS);
        all.into_iter().find(is_free).unwrap_or_default()
    }

    /// Players as games see them.
    pub fn players(&self) -> Vec<PlayerView> {
        let view = |seat: &Seat| PlayerView {
            slot: seat.slot,
            name: seat.name.clone(),
            colour: seat.colour.to_text(),
            away: seat.away,
            bot: seat.bot,
        };
        self.seats.iter().map(view).collect()
    }
}

/// How a person wants to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dress {
    pub(crate) name: String,
    pub(crate) colour: Option<Colour>,
    pub(crate) bot: bool,
}

/// A name that fits, without control characters and of at least one character.
pub(crate) fn cut(name: &str) -> String {
    let mut name: String = name.trim().chars().filter(|character| !character.is_control()).collect();
    name.truncate(name.floor_char_boundary(NAME_MAX));
    if name.is_empty() { String::from("Player") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_core::id::Instance;
    use meshwork_core::wire;

    fn at(peer: u8) -> Endpoint {
        Endpoint { peer: PeerId([peer; 32]), instance: Instance(u64::MAX) }
    }

    fn full() -> Lobby {
        let mut lobby = Lobby { line: 7, term: 1, ..Lobby::none(at(0)) };
        let name = "é".repeat(40);
        for peer in 0..6 {
            let dress = Dress { name: name.clone(), colour: Some(COLOURS[0]), bot: false };
            assert_eq!(lobby.sit(6, at(peer), &dress), Some(peer));
        }
        lobby
    }

    #[test]
    fn a_full_lobby_fits_its_lane() {
        let mut lobby = full();
        lobby.kicked = (0..KICKED_MAX as u8).map(|peer| PeerId([peer; 32])).collect();
        lobby.ending = Some(Ending::Over("x".repeat(RESULT_MAX)));
        let bytes = wire::encode(&lobby);
        assert!(bytes.len() < 3072, "{} bytes", bytes.len());
        assert_eq!(wire::decode::<Lobby>(&bytes), Ok(lobby));
    }

    #[test]
    fn a_match_waits_for_players_who_are_here() {
        let mut lobby = Lobby { line: 7, term: 1, ..Lobby::none(at(0)) };
        lobby.sit(6, at(0), &Dress::default());
        assert_eq!(lobby.may_start(2), Err(ActError::TooFew { have: 1, least: 2 }));
        lobby.sit(6, at(1), &Dress::default());
        assert_eq!(lobby.may_start(2), Err(ActError::NotReady(vec![1])));
        lobby.seats[1].ready = true;
        assert_eq!(lobby.may_start(2), Ok(()));
        lobby.seats[1].away = true;
        assert_eq!(lobby.may_start(2), Err(ActError::TooFew { have: 1, least: 2 }));
        assert_eq!(lobby.may_start(1), Ok(()), "half of the seats are here");
        lobby.phase = Phase::Playing;
        assert_eq!(lobby.may_start(1), Err(ActError::Phase));
    }

    #[test]
    fn seats_have_colours_of_their_own() {
        let mut lobby = full();
        assert!(lobby.is_sound());
        let colours: std::collections::BTreeSet<_> = lobby.seats.iter().map(|seat| seat.colour.0).collect();
        assert_eq!(colours.len(), 6);
        assert_eq!(lobby.sit(6, at(9), &Dress::default()), None);
        lobby.seats.remove(2);
        assert_eq!(lobby.sit(6, at(9), &Dress::default()), Some(2));
        lobby.seats[1].endpoint = at(9);
        assert!(!lobby.is_sound());
    }
}
