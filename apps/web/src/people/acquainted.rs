//! People whom this browser remembers: what those were called whom one met, and whom one muted or unlinked. And what those
//! are called who have no name.

use std::collections::{BTreeMap, VecDeque};

use meshwork_core::id::PeerId;
use meshwork_core::text::shown;

use crate::people::beads;

/// Names that are remembered: some rooms full of people. The one met longest ago is forgotten first.
pub const NAMES_MAX: usize = 512;
/// Bytes of a name that others are told, as docs/protocol/link.md has it.
pub const NAME_MAX: usize = 32;
/// People that are muted or unlinked: as many as a node takes.
pub const PEERS_MAX: usize = 256;

/// What people were called when they were last met, the one met longest ago first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(VecDeque<(PeerId, String)>);

impl Names {
    /// Reads what [`Names::write`] wrote; lines that are none are left out.
    pub fn read(text: &str) -> Names {
        let mut names = Names::default();
        for line in text.lines() {
            if let Some((peer, name)) = line.split_once(' ')
                && let Ok(peer) = peer.parse()
            {
                names.meet(peer, name);
            }
        }
        names
    }

    /// The names as a text, a line each.
    pub fn write(&self) -> String {
        self.0.iter().map(|(peer, name)| format!("{peer} {name}\n")).collect()
    }

    /// Somebody is called this now. Returns whether that was not known.
    pub fn meet(&mut self, peer: PeerId, name: &str) -> bool {
        let name = shown(name.trim());
        if name.is_empty() || self.name(peer) == Some(name.as_str()) {
            return false;
        }
        self.0.retain(|(known, _)| *known != peer);
        if self.0.len() == NAMES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((peer, name));
        true
    }

    /// Everybody who was met.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.0.iter().map(|(peer, _)| *peer)
    }

    /// What somebody was called when they were last met.
    pub fn name(&self, peer: PeerId) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == peer).map(|(_, name)| name.as_str())
    }
}

/// A name of somebody, with the name of the bead behind it if another one of these people has the same name.
pub fn told_apart(name: String, who: PeerId, others: impl IntoIterator<Item = (PeerId, String)>) -> String {
    let lower = name.to_lowercase();
    let is_same = |(peer, other): (PeerId, String)| peer != who && other.to_lowercase() == lower;
    if others.into_iter().any(is_same) { format!("{name} ({})", beads::name(&who)) } else { name }
}

/// As much of a name as others are told: the first of its characters as readers see them, which are handed in one by one, that
/// take [`NAME_MAX`] bytes together. None is cut in two.
pub fn fitting(characters: impl IntoIterator<Item = String>) -> String {
    let mut name = String::new();
    for character in characters {
        if name.len() + character.len() > NAME_MAX {
            break;
        }
        name.push_str(&character);
    }
    name
}

/// What people without a name are called while a page is open: by their bead, and who comes second with the same bead by
/// two letters of their key, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unnamed(BTreeMap<String, PeerId>);

impl Unnamed {
    /// What somebody is called; the same each time.
    pub fn call(&mut self, peer: PeerId) -> String {
        let bead = beads::name(&peer);
        match self.0.get(&bead) {
            Some(first) if *first != peer => {
                let letters: String = peer.to_string().chars().take(2).collect();
                format!("{bead} {letters}")
            }
            Some(_) => bead,
            None => {
                self.0.insert(bead.clone(), peer);
                bead
            }
        }
    }
}

/// Some people, the one added longest ago first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers(VecDeque<PeerId>);

impl Peers {
    /// Reads what [`Peers::write`] wrote; lines that are none are left out.
    pub fn read(text: &str) -> Peers {
        let mut peers = Peers::default();
        for peer in text.lines().filter_map(|line| line.trim().parse().ok()) {
            peers.set(peer, true);
        }
        peers
    }

    /// The people as a text, a line each.
    pub fn write(&self) -> String {
        self.0.iter().map(|peer| format!("{peer}\n")).collect()
    }

    /// Adds somebody or takes them out.
    pub fn set(&mut self, peer: PeerId, is_in: bool) {
        self.0.retain(|known| *known != peer);
        if is_in {
            if self.0.len() == PEERS_MAX {
                self.0.pop_front();
            }
            self.0.push_back(peer);
        }
    }

    /// Whether somebody is among them.
    pub fn has(&self, peer: PeerId) -> bool {
        self.0.contains(&peer)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u16) -> PeerId {
        let mut bytes = [7; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        PeerId(bytes)
    }

    #[test]
    fn names_outlive_the_people_who_had_them() {
        let mut names = Names::default();
        assert!(names.meet(peer(1), " Lin "));
        assert!(!names.meet(peer(1), "Lin"), "nothing new");
        assert!(!names.meet(peer(2), " "), "no name");
        assert!(names.meet(peer(3), "Ana\nMaria B"));
        assert!(names.meet(peer(1), "Linnea"));
        let again = Names::read(&names.write());
        assert_eq!(again, names);
        assert_eq!(again.name(peer(1)), Some("Linnea"));
        assert_eq!(again.name(peer(3)), Some("AnaMaria B"));
        assert_eq!(Names::read("nobody Lin\n\nx").write(), "");
    }

    #[test]
    fn people_of_one_name_are_told_apart() {
        let others = || {
            [(peer(1), "Ann"), (peer(2), "ann"), (peer(3), "Bo")].map(|(peer, name)| (peer, name.to_owned()))
        };
        let called = |name: &str, number| told_apart(name.to_owned(), peer(number), others());
        assert_eq!(called("Ann", 1), format!("Ann ({})", beads::name(&peer(1))));
        assert_eq!(called("ANN", 4), format!("ANN ({})", beads::name(&peer(4))));
        assert_eq!(called("Bo", 3), "Bo", "nobody else has it");
    }

    #[test]
    fn as_many_are_remembered_as_fit() {
        let mut names = Names::default();
        let mut peers = Peers::default();
        for number in 0..1000 {
            names.meet(peer(number), "Lin");
            peers.set(peer(number), true);
        }
        assert_eq!((names.0.len(), peers.0.len()), (NAMES_MAX, PEERS_MAX));
        assert!(names.name(peer(0)).is_none() && names.name(peer(999)).is_some());
        assert!(peers.has(peer(999)) && !peers.has(peer(0)));
    }

    #[test]
    fn names_are_cut_between_characters() {
        let parts = |text: &[&str]| fitting(text.iter().map(|part| (*part).to_owned()));
        assert_eq!(parts(&["L", "i", "n"]), "Lin");
        let (family, flag) =
            ("\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}", "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}");
        assert_eq!(parts(&["x", family, flag]), format!("x{family}"), "half a flag is another one");
        assert_eq!(parts(&["\u{65e5}"; 12]).chars().count(), 10);
    }

    #[test]
    fn the_unnamed_are_called_by_their_beads() {
        let mut unnamed = Unnamed::default();
        let (one, other) = (PeerId([3; 32]), PeerId([13; 32]));
        let mut twin = one;
        twin.0[31] = 0;
        twin.0[2] = 255;
        assert_eq!(unnamed.call(one), beads::name(&one));
        let letters: String = twin.to_string().chars().take(2).collect();
        assert_eq!(unnamed.call(twin), format!("{} {letters}", beads::name(&one)));
        assert_eq!(unnamed.call(one), beads::name(&one), "as before");
        assert_eq!(unnamed.call(other), beads::name(&other));
    }

    #[test]
    fn who_is_taken_out_is_out() {
        let mut peers = Peers::default();
        peers.set(peer(1), true);
        peers.set(peer(1), true);
        peers.set(peer(2), true);
        peers.set(peer(1), false);
        assert_eq!(Peers::read(&peers.write()), peers);
        assert_eq!(peers.iter().collect::<Vec<_>>(), [peer(2)]);
    }
}
