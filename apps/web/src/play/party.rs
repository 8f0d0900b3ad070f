//! A party as its lobby shows it: seats on a ring, who is ready, who may start.

use meshwork_core::id::PeerId;
use meshwork_play::session::{ActError, Colour};

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
    /// The player's colour in the game.
    pub colour: Colour,
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
    /// Whether the game admits players during a match.
    pub admits_late: bool,
    /// Why the host cannot start now.
    pub not_yet: Option<ActError>,
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

    /// Why the host cannot start now, and for whom the match waits.
    pub fn why_not_start(&self) -> Option<String> {
        match self.not_yet.as_ref()? {
            ActError::TooFew { have, least } => {
                let missing = usize::from(least.saturating_sub(*have));
                let away = self.names(|seat| seat.is_away);
                Some(match away.is_empty() {
                    true => texts::play::needs_players(missing),
                    false => texts::play::waits_for_away(&away, missing),
                })
            }
            ActError::NotReady(slots) => {
                Some(texts::play::waits_until_ready(&self.names(|seat| slots.contains(&seat.slot))))
            }
            // A match that has begun has its own words.
            ActError::Phase => None,
            other => Some(texts::sentence(&other.to_string())),
        }
    }

    fn names(&self, which: impl Fn(&Seat) -> bool) -> Vec<&str> {
        self.seats.iter().filter(|seat| which(seat)).map(|seat| seat.name.as_str()).collect()
    }

    /// Why a watcher gets no seat now.
    pub fn why_no_seat(&self) -> Option<&'static str> {
        let is_on = matches!(self.stage, Stage::Starting(_) | Stage::Playing);
        if is_on && !self.admits_late {
            return Some(texts::play::STARTED);
        }
        (self.seats.len() >= usize::from(self.players.1)).then_some(texts::play::FULL_HINT)
    }

    /// Why one has no seat, as title and sentence; `None` with a seat, and for those who may take one.
    pub fn reason(&self) -> Option<(&'static str, &'static str)> {
        match self.place {
            Place::Entering | Place::Seated(_) | Place::Watching => None,
            Place::Full | Place::Late => {
                let why = self.why_no_seat()?;
                let is_full = why == texts::play::FULL_HINT;
                Some((if is_full { texts::play::FULL } else { texts::play::WATCHING }, why))
            }
            Place::Kicked => Some((texts::play::KICKED, "")),
            Place::OtherVersion => Some((texts::play::VERSION, "")),
            Place::OtherTab => Some((texts::play::ANOTHER_TAB, "")),
        }
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
            colour: Colour::default(),
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
    fn start_says_whom_it_waits_for() {
        let words = |seats: Vec<Seat>, not_yet| Lobby { not_yet, ..lobby(seats) }.why_not_start();
        let few = |have, least| Some(ActError::TooFew { have, least });
        let away = |slot, name| Seat { is_away: true, ..seat(slot, name) };
        assert_eq!(words(vec![seat(0, "Mira")], few(1, 2)).as_deref(), Some("Needs one more player"));
        assert_eq!(
            words(vec![seat(0, "Mira"), seat(1, "Lin")], Some(ActError::NotReady(vec![1]))).as_deref(),
            Some("Waiting until Lin is ready")
        );
        assert_eq!(
            words(vec![seat(0, "Mira"), away(1, "Lin")], few(1, 2)).as_deref(),
            Some("Waiting for Lin, who is away")
        );
        let four = vec![seat(0, "Mira"), away(1, "Lin"), away(2, "Tomasz"), away(3, "Ben")];
        assert_eq!(
            words(four, few(1, 2)).as_deref(),
            Some("Waiting for one of Lin, Tomasz and Ben, who are away")
        );
        assert_eq!(
            words(vec![seat(0, "Mira"), away(1, "Lin")], few(1, 3)).as_deref(),
            Some("Waiting for Lin, who is away, and one more player")
        );
        assert_eq!(words(vec![seat(0, "Mira"), away(1, "Lin"), seat(2, "Ben")], None), None);
    }

    #[test]
    fn a_watcher_reads_whether_a_seat_is_free() {
        let mut full =
            Lobby { players: (2, 2), place: Place::Full, ..lobby(vec![seat(0, "Mira"), seat(1, "Lin")]) };
        assert_eq!(full.reason(), Some((texts::play::FULL, texts::play::FULL_HINT)));
        full.seats.pop();
        assert_eq!((full.reason(), full.why_no_seat()), (None, None), "a seat is free");
        full.stage = Stage::Playing;
        assert_eq!(full.why_no_seat(), Some(texts::play::STARTED), "this game admits nobody late");
        full.admits_late = true;
        assert_eq!(full.why_no_seat(), None);
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
