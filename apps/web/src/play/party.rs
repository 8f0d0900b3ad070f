//! A party as its lobby shows it: seats on a ring, who is ready, who may start.

use meshwork_core::id::PeerId;

use crate::texts;

/// A taken seat.
#[derive(Clone, Debug, PartialEq)]
pub struct Seat {
    /// Its number.
    pub slot: u8,
    /// The player.
    pub peer: PeerId,
    /// What the player is called.
    pub name: String,
    /// The letter on the player's bead.
    pub letter: Option<char>,
    /// Whether it is one's own.
    pub is_me: bool,
    /// Whether the player is host.
    pub is_host: bool,
    /// Whether the player is ready.
    pub is_ready: bool,
    /// Whether the player is away and the seat is kept.
    pub is_away: bool,
    /// How the player is linked, in words.
    pub beside: String,
}

/// How far a match is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// People come and get ready.
    #[default]
    Gathering,
    /// The host counts down, and has so many seconds left.
    Starting(u64),
    /// It goes on.
    Playing,
    /// It is over.
    Ended,
}

/// The place of this page in the party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The party is being looked for.
    #[default]
    Entering,
    /// In this seat.
    Seated(u8),
    /// Beside the game, by choice.
    Watching,
    /// Beside the game, since all seats are taken.
    Full,
    /// Beside the game, since it began before.
    Late,
    /// Outside: the host removed one.
    Kicked,
    /// Outside: others have another version.
    OtherVersion,
    /// Outside: a newer tab of the person plays.
    OtherTab,
}

impl Place {
    /// Why one has no seat, as title and sentence; `None` with a seat, and for those who chose to watch.
    pub fn reason(self) -> Option<(&'static str, &'static str)> {
        match self {
            Place::Entering | Place::Seated(_) | Place::Watching => None,
            Place::Full => Some((texts::play::FULL, texts::play::FULL_HINT)),
            Place::Late => Some((texts::play::WATCHING, texts::play::STARTED)),
            Place::Kicked => Some((texts::play::KICKED, "")),
            Place::OtherVersion => Some((texts::play::VERSION, "")),
            Place::OtherTab => Some((texts::play::ANOTHER_TAB, "")),
        }
    }

    /// Whether one sees the game without a seat.
    pub fn is_watching(self) -> bool {
        matches!(self, Place::Watching | Place::Full | Place::Late)
    }
}

/// A party as its lobby shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lobby {
    /// The least and the most players.
    pub players: (u8, u8),
    /// Taken seats, by their numbers.
    pub seats: Vec<Seat>,
    /// How far the match is.
    pub stage: Stage,
    /// One's own place.
    pub place: Place,
    /// Whether this page is host.
    pub is_hosting: bool,
    /// The next host's name, if there is one.
    pub next: Option<String>,
    /// How many watch.
    pub watchers: usize,
}

impl Lobby {
    /// The seat with this number; `None` if it is free.
    pub fn seat(&self, slot: u8) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.slot == slot)
    }

    /// One's own seat.
    pub fn mine(&self) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.is_me)
    }

    /// The host's seat.
    pub fn host(&self) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.is_host)
    }

    /// Why the host cannot start now.
    pub fn why_not_start(&self) -> Option<String> {
        let missing = usize::from(self.players.0).saturating_sub(self.seats.len());
        if missing > 0 {
            return Some(texts::play::needs_players(missing));
        }
        let waits = self.seats.iter().any(|seat| !seat.is_ready && !seat.is_host && !seat.is_away);
        waits.then(|| texts::play::NEEDS_READY.to_owned())
    }

    /// The line at the foot: the next host, or who starts.
    pub fn foot(&self) -> String {
        let host = self.host().map(|seat| seat.name.as_str());
        match (self.is_hosting, &self.next, host) {
            (true, Some(next), _) => texts::play::takes_over(next),
            (true, None, _) if self.seats.len() > 1 => texts::play::NO_NEXT_HOST.to_owned(),
            (true, None, _) => texts::play::ALONE.to_owned(),
            (false, _, Some(host)) => texts::play::host_starts(host),
            (false, _, None) => texts::play::ENTERING.to_owned(),
        }
    }
}

/// Where a seat stands on the ring, as column and row from 1: over the top from left to right, and back below.
pub fn place_on_ring(slot: u8, most: u8) -> (u8, u8) {
    let columns = columns(most);
    match most {
        0..=3 => (slot + 1, 1),
        _ if slot < columns => (slot + 1, 1),
        _ => (2 * columns - slot, 2),
    }
}

/// Seats in a row of the ring.
pub fn columns(most: u8) -> u8 {
    match most {
        0..=3 => most.max(1),
        most => most.div_ceil(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(slot: u8, name: &str) -> Seat {
        Seat {
            slot,
            peer: PeerId([slot; 32]),
            name: name.to_owned(),
            letter: None,
            is_me: slot == 0,
            is_host: slot == 0,
            is_ready: true,
            is_away: false,
            beside: String::new(),
        }
    }

    fn lobby(seats: Vec<Seat>) -> Lobby {
        Lobby { players: (2, 6), seats, is_hosting: true, place: Place::Seated(0), ..Lobby::default() }
    }

    #[test]
    fn a_host_starts_once_all_are_ready() {
        assert_eq!(lobby(vec![seat(0, "Mira")]).why_not_start().as_deref(), Some("Needs one more player"));
        let mut two = lobby(vec![seat(0, "Mira"), Seat { is_ready: false, ..seat(1, "Lin") }]);
        assert_eq!(two.why_not_start().as_deref(), Some(texts::play::NEEDS_READY));
        two.seats[1].is_away = true;
        assert_eq!(two.why_not_start(), None, "nobody waits for a player who is away");
    }

    #[test]
    fn the_foot_names_the_next_host() {
        let mut two = lobby(vec![seat(0, "Mira"), seat(1, "Lin")]);
        assert_eq!(two.foot(), texts::play::NO_NEXT_HOST);
        two.next = Some("Lin".to_owned());
        assert_eq!(two.foot(), "If you leave, Lin takes over as host");
        two.is_hosting = false;
        assert_eq!(two.foot(), "Mira starts the game");
    }

    #[test]
    fn seats_go_round_the_ring() {
        let places: Vec<_> = (0..6).map(|slot| place_on_ring(slot, 6)).collect();
        assert_eq!(places, [(1, 1), (2, 1), (3, 1), (3, 2), (2, 2), (1, 2)]);
        assert_eq!((0..5).map(|slot| place_on_ring(slot, 5)).next_back(), Some((2, 2)));
        assert_eq!((0..2).map(|slot| place_on_ring(slot, 2)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
        assert_eq!([1, 2, 3, 4, 5, 6].map(columns), [1, 2, 3, 2, 3, 3]);
    }

    #[test]
    fn free_seats_are_seats() {
        let lobby = lobby(vec![seat(0, "Mira"), seat(3, "Tomasz")]);
        let taken: Vec<bool> = (0..lobby.players.1).map(|slot| lobby.seat(slot).is_some()).collect();
        assert_eq!(taken, [true, false, false, true, false, false]);
    }
}
