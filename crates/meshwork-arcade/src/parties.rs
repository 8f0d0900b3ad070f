//! The parties of games, as their hosts note them: memory that forgets.
//!
//! # Limits
//! [`PARTIES_MAX`] in all and [`PARTIES_OF_A_GAME_MAX`] of a game. A party is forgotten after 30 seconds without a note.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::id::{Code, RoomId};
use meshwork_play::shelf::{PARTY_KEPT_MS, PartyNote, Phase};

/// Parties on one server: about 2 MB.
pub const PARTIES_MAX: usize = 10_000;
/// Parties of one game: a list that a visitor can still read.
pub const PARTIES_OF_A_GAME_MAX: usize = 200;
/// The most by which one note raises a counter.
const STEP_MAX: u32 = 1_000;

/// A party without the numbers that the hub lowers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    pub(crate) game: Code,
    /// The id of its room, if its link has it.
    pub(crate) id: Option<RoomId>,
    pub(crate) seats: u8,
    pub(crate) most: u8,
    pub(crate) phase: Phase,
    noted_ms: u64,
    joined: u32,
    failed: u32,
    host_losses: u32,
}

/// The difference that a note makes for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) is_new: bool,
    pub(crate) joined: u32,
    pub(crate) failed: u32,
    pub(crate) host_losses: u32,
}

/// A party was not noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoteError {
    #[error("the room is a party of another game")]
    OtherGame,
    #[error("the game has {PARTIES_OF_A_GAME_MAX} parties, the most that are shown")]
    FullGame,
    #[error("the server has {PARTIES_MAX} parties, the most that it shows")]
    Full,
}

/// A party as visitors see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) room: Code,
    pub(crate) id: Option<RoomId>,
    pub(crate) seats: u8,
    pub(crate) most: u8,
    pub(crate) phase: Phase,
}

/// All parties, by the codes of their rooms.
#[derive(Debug, Default)]
pub(crate) struct Parties {
    by_room: BTreeMap<Code, Party>,
    by_game: BTreeMap<Code, BTreeSet<Code>>,
}

impl Parties {
    /// Notes a party of a game whose releases admit at most `most` players.
    pub(crate) fn note(
        &mut self,
        now_ms: u64,
        game: Code,
        most: u8,
        id: Option<RoomId>,
        note: &PartyNote,
    ) -> Result<Step, NoteError> {
        self.forget(now_ms);
        let known = self.by_room.get(&note.room);
        if known.is_some_and(|party| party.game != game) {
            return Err(NoteError::OtherGame);
        }
        if known.is_none() && self.by_room.len() >= PARTIES_MAX {
            return Err(NoteError::Full);
        }
        let rooms = self.by_game.entry(game).or_default();
        if known.is_none() && rooms.len() >= PARTIES_OF_A_GAME_MAX {
            return Err(NoteError::FullGame);
        }
        let former = |number: fn(&Party) -> u32| known.map_or(0, number);
        let step = |new: u32, former: u32| new.saturating_sub(former).min(STEP_MAX);
        let step = Step {
            is_new: known.is_none(),
            joined: step(note.joined, former(|party| party.joined)),
            failed: step(note.failed, former(|party| party.failed)),
            host_losses: step(note.host_losses, former(|party| party.host_losses)),
        };
        let most = note.most.clamp(1, most.max(1));
        let party = Party {
            game,
            id,
            seats: note.seats.min(most),
            most,
            phase: note.phase,
            noted_ms: now_ms,
            joined: note.joined.max(former(|party| party.joined)),
            failed: note.failed.max(former(|party| party.failed)),
            host_losses: note.host_losses.max(former(|party| party.host_losses)),
        };
        rooms.insert(note.room);
        self.by_room.insert(note.room, party);
        Ok(step)
    }

    /// The parties of a game: those with a free seat first, the fullest first. Seats are lowered to the members of the room, and a
    /// party without members is left out.
    pub(crate) fn of(&self, game: Code, members: &dyn Fn(Code) -> Option<usize>) -> Vec<Seen> {
        let rooms = self.by_game.get(&game).into_iter().flatten();
        let mut seen: Vec<Seen> = rooms.filter_map(|&room| self.see(room, members)).collect();
        seen.sort_by_key(|party| (party.seats >= party.most, std::cmp::Reverse(party.seats), party.room));
        seen
    }

    /// The game whose party has this room.
    pub(crate) fn game_of(&self, room: Code) -> Option<Code> {
        self.by_room.get(&room).map(|party| party.game)
    }

    /// Parties and players of all games.
    pub(crate) fn totals(&self, members: &dyn Fn(Code) -> Option<usize>) -> (u64, u64) {
        let seen = self.by_room.keys().filter_map(|&room| self.see(room, members));
        seen.fold((0, 0), |(parties, players), party| (parties + 1, players + u64::from(party.seats)))
    }

    /// Forgets all parties of a game.
    pub(crate) fn remove_game(&mut self, game: Code) {
        for room in self.by_game.remove(&game).unwrap_or_default() {
            self.by_room.remove(&room);
        }
    }

    fn see(&self, room: Code, members: &dyn Fn(Code) -> Option<usize>) -> Option<Seen> {
        let &Party { id, seats, most, phase, .. } = self.by_room.get(&room)?;
        let members = u8::try_from(members(room)?).unwrap_or(u8::MAX);
        (members > 0).then_some(Seen { room, id, seats: seats.min(members), most, phase })
    }

    /// Forgets parties without a recent note. It looks at all parties: call it once before several reads.
    pub(crate) fn forget(&mut self, now_ms: u64) {
        let is_old = |party: &Party| now_ms.saturating_sub(party.noted_ms) > PARTY_KEPT_MS;
        let old = self.by_room.iter().filter(|(_, party)| is_old(party));
        let old: Vec<(Code, Code)> = old.map(|(&room, party)| (room, party.game)).collect();
        for (room, game) in old {
            self.by_room.remove(&room);
            let rooms = self.by_game.entry(game).or_default();
            rooms.remove(&room);
            if rooms.is_empty() {
                self.by_game.remove(&game);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn game() -> Code {
        Code::from_bits(1)
    }

    fn note(room: u32, seats: u8) -> PartyNote {
        PartyNote {
            room: Code::from_bits(room),
            link: String::new(),
            seats,
            most: 6,
            phase: Phase::Lobby,
            joined: u32::from(seats),
            failed: 0,
            host_losses: 0,
        }
    }

    fn seats(parties: &mut Parties, now: u64, members: usize) -> Vec<(u8, u8)> {
        parties.forget(now);
        let seen = parties.of(game(), &|_| Some(members));
        seen.into_iter().map(|party| (party.seats, party.most)).collect()
    }

    #[test]
    fn fullest_party_with_free_seat_is_first() {
        let mut parties = Parties::default();
        for (room, seats) in [(1, 6), (2, 1), (3, 4)] {
            parties.note(0, game(), 6, None, &note(room, seats)).unwrap();
        }
        assert_eq!(seats(&mut parties, 0, 99), [(4, 6), (1, 6), (6, 6)]);
        assert_eq!(seats(&mut parties, 0, 3), [(3, 6), (3, 6), (1, 6)], "lowered to the members");
        assert_eq!(seats(&mut parties, 0, 0), []);
        assert_eq!(parties.totals(&|_| Some(5)), (3, 10));
    }

    #[test]
    fn silent_parties_are_forgotten() {
        let mut parties = Parties::default();
        parties.note(0, game(), 4, None, &note(1, 6)).unwrap();
        assert_eq!(seats(&mut parties, PARTY_KEPT_MS, 9), [(4, 4)], "the game's own limit");
        assert_eq!(seats(&mut parties, PARTY_KEPT_MS + 1, 9), []);
        assert!(parties.by_game.is_empty() && parties.by_room.is_empty());
    }

    #[test]
    fn counters_rise_by_their_difference() {
        let mut parties = Parties::default();
        let first = parties.note(0, game(), 6, None, &note(1, 3)).unwrap();
        assert_eq!((first.is_new, first.joined), (true, 3));
        assert_eq!(parties.note(1, game(), 6, None, &note(1, 2)).unwrap(), Step::default());
        assert_eq!(parties.note(2, game(), 6, None, &note(1, 5)).unwrap().joined, 2);
        let other = parties.note(3, Code::from_bits(2), 6, None, &note(1, 5));
        assert_eq!(other, Err(NoteError::OtherGame));
    }

    #[test]
    fn parties_of_a_game_are_limited() {
        let mut parties = Parties::default();
        for room in 0..PARTIES_OF_A_GAME_MAX as u32 {
            parties.note(0, game(), 6, None, &note(room, 1)).unwrap();
        }
        assert_eq!(parties.note(0, game(), 6, None, &note(1 << 20, 1)), Err(NoteError::FullGame));
        assert!(parties.note(0, game(), 6, None, &note(0, 2)).is_ok(), "a known one");
    }
}
