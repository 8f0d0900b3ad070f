//! What the records of a room say, read once more from their bytes: so nodes need not be believed.
//!
//! Rules have the numbers of docs/protocol/records.md, *A batch stands*. Who wrote a batch under which record, and its id, is
//! all that is asked of it. Nothing here is about lists of writers and edit keys, which no schedule has.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meshwork_core::id::{PeerId, Secret};
use meshwork_core::room::rules::records::Records;
use meshwork_core::signed::change::{Change, Lifted};
use meshwork_core::signed::header::{Header, RecordName};
use meshwork_core::signed::list::{List, ShortId};
use meshwork_core::signed::record::Record;

/// A record, and all of the owner's records that it is or builds on, by place.
#[derive(Debug)]
struct Said {
    record: Record,
    list: Option<Arc<List>>,
    knows: BTreeSet<usize>,
}

/// The records that a member holds.
#[derive(Debug)]
pub struct Law {
    owner: Option<PeerId>,
    /// The owner's, whatever one builds on before it.
    owned: Vec<Said>,
    /// Those of moderators.
    edicts: Vec<Said>,
    places: BTreeMap<RecordName, usize>,
}

impl Law {
    /// What these records say.
    pub fn of(records: &Records) -> Law {
        let owner = records.owner();
        let mut law = Law { owner, owned: vec![], edicts: vec![], places: BTreeMap::new() };
        for (record, list) in records.all() {
            let before = record.body().before.iter().filter_map(|name| law.places.get(name));
            let before = before.flat_map(|place| law.owned[*place].knows.iter().copied());
            let mut said = Said { record: record.clone(), list: list.clone(), knows: before.collect() };
            if Some(record.body().signer) == owner {
                said.knows.insert(law.owned.len());
                law.places.insert(record.name(), law.owned.len());
                law.owned.push(said);
            } else {
                law.edicts.push(said);
            }
        }
        law
    }

    /// Whether a batch does not stand by what is said of its author: rules 4 to 6. One that names a record which is not here
    /// does not stand either.
    pub fn takes(&self, header: &Header, id: &ShortId) -> bool {
        let peer = header.author.peer;
        let Some(knows) = self.known_by(&header.record) else { return true };
        if Some(peer) == self.owner {
            return false;
        }
        let stays = |said: &Said| said.list.as_ref().is_some_and(|list| list.has_id(id));
        let is_banned = self.bans_of(peer, &knows).any(|ban| self.knows(&knows, ban) || !stays(ban));
        is_banned || self.owned.iter().any(|said| cuts(said, header, &knows) && !stays(said))
    }

    /// Whether a peer may write nothing now, wherever.
    pub fn is_banned(&self, peer: PeerId) -> bool {
        Some(peer) != self.owner && self.bans_of(peer, &self.in_force()).next().is_some()
    }

    /// Whom records name that may write nothing now, in ascending order.
    pub fn banned(&self) -> Vec<PeerId> {
        let named = self.all().flat_map(changes).filter_map(|change| match change {
            Change::Ban(peers) => Some(peers.iter().copied()),
            _ => None,
        });
        let named: BTreeSet<PeerId> = named.flatten().collect();
        named.into_iter().filter(|peer| self.is_banned(*peer)).collect()
    }

    /// Whether any record bans a peer, lifted or not.
    pub fn ever_banned(&self, peer: PeerId) -> bool {
        self.all().any(|said| bans(said, peer))
    }

    /// Whether a peer moderates now.
    pub fn moderates(&self, peer: PeerId) -> bool {
        Some(peer) == self.owner || self.has_appointed(peer, &self.in_force())
    }

    /// Whether the record that is so named knows of one that turned on the app in a slot.
    pub fn has_app(&self, slot: u8) -> bool {
        let in_force = self.in_force();
        let gives = |change: &Change| matches!(change, Change::App(on) if on.slot == slot);
        in_force.iter().any(|place| changes(&self.owned[*place]).any(gives))
    }

    /// What the record in force says of the secret: what it commits to, and who keeps access.
    pub fn access(&self) -> Option<([u8; 32], &List)> {
        let known = self.in_force().into_iter().map(|place| &self.owned[place]);
        let renewing = known.filter_map(|said| Some((said, said.record.body().secret()?)));
        let (said, secret) = renewing.max_by_key(|(said, _)| said.record.rank())?;
        Some((secret.commitment, said.list.as_deref()?))
    }

    /// Whether some record gave the room the secret to which this commits.
    pub fn gave(&self, commitment: &[u8; 32]) -> bool {
        let secrets = self.owned.iter().filter_map(|said| said.record.body().secret());
        secrets.into_iter().any(|secret| secret.commitment == *commitment)
    }

    /// The rank of the record that gave the room its secret.
    pub fn secret_rank(&self) -> Option<(u32, Reverse<[u8; 32]>)> {
        let known = self.in_force().into_iter().map(|place| &self.owned[place].record);
        known.filter(|record| record.body().secret().is_some()).map(Record::rank).max()
    }

    /// Whether some record gave the room a secret that is not this one, and did not list a peer.
    pub fn ever_shut(&self, peer: PeerId, but: Option<Secret>) -> bool {
        let but = but.map(|secret| secret.commitment());
        self.owned.iter().any(|said| {
            let secret = said.record.body().secret().map(|new| new.commitment);
            secret.is_some() && secret != but && said.list.as_ref().is_some_and(|list| !list.has_peer(&peer))
        })
    }

    /// Whether some record takes anything, so that not all that was written need be there.
    pub fn takes_anything(&self) -> bool {
        self.all().any(|said| {
            said.record.body().cut.is_some() || changes(said).any(|one| matches!(one, Change::Retract(_)))
        })
    }

    fn all(&self) -> impl Iterator<Item = &Said> {
        self.owned.iter().chain(&self.edicts)
    }

    /// The owner's records that the one with this name is or builds on; `None` where it is not here.
    fn known_by(&self, name: &RecordName) -> Option<BTreeSet<usize>> {
        if *name == RecordName::GENESIS {
            return Some(BTreeSet::new());
        }
        self.places.get(name).map(|place| self.owned[*place].knows.clone())
    }

    /// What the record with the greatest number knows, of equal numbers the one with the lower hash.
    fn in_force(&self) -> BTreeSet<usize> {
        let greatest = self.owned.iter().max_by_key(|said| said.record.rank());
        greatest.map(|said| said.knows.clone()).unwrap_or_default()
    }

    /// The bans of a peer of which a record that knows of these knows no lift. That of a moderator is none to somebody who
    /// moderates by it.
    fn bans_of<'a>(&'a self, peer: PeerId, knows: &'a BTreeSet<usize>) -> impl Iterator<Item = &'a Said> {
        let moderates = self.has_appointed(peer, knows);
        let is_lifted = move |ban: &Said| {
            let lifted = Lifted { record: ban.record.id(), peer: Some(peer) };
            let lifts = |change: &Change| matches!(change, Change::Lift(all) if all.contains(&lifted));
            knows.iter().any(|place| changes(&self.owned[*place]).any(lifts))
        };
        let owned = self.owned.iter().filter(move |said| bans(said, peer));
        let edicts = self.edicts.iter().filter(move |said| !moderates && bans(said, peer));
        owned.chain(edicts).filter(move |ban| !is_lifted(ban))
    }

    /// Whether a record of the owner is among these.
    fn knows(&self, knows: &BTreeSet<usize>, said: &Said) -> bool {
        self.places
            .get(&said.record.name())
            .is_some_and(|place| knows.contains(place) && Some(said.record.body().signer) == self.owner)
    }

    /// Whether one of these records appoints a peer that builds on all of them which dismiss it.
    fn has_appointed(&self, peer: PeerId, knows: &BTreeSet<usize>) -> bool {
        let known = || knows.iter().map(|place| (*place, &self.owned[*place]));
        let names = |said: &Said, dismisses: bool| {
            changes(said).any(|change| match change {
                Change::Appoint(peers) => !dismisses && peers.contains(&peer),
                Change::Dismiss(peers) => dismisses && peers.contains(&peer),
                _ => false,
            })
        };
        let dismissing: Vec<usize> =
            known().filter(|(_, said)| names(said, true)).map(|(place, _)| place).collect();
        let mut appointing = known().filter(|(_, said)| names(said, false));
        appointing.any(|(_, said)| dismissing.iter().all(|place| said.knows.contains(place)))
    }
}

fn changes(said: &Said) -> impl Iterator<Item = &Change> {
    said.record.body().changes.iter()
}

fn bans(said: &Said, peer: PeerId) -> bool {
    changes(said).any(|change| matches!(change, Change::Ban(peers) if peers.contains(&peer)))
}

/// Whether a record that builds on the one which the batch names, and on more than that one knows, takes a right from its
/// author: rule 6.
fn cuts(said: &Said, header: &Header, knows: &BTreeSet<usize>) -> bool {
    let peer = header.author.peer;
    let takes = changes(said).any(|change| match change {
        Change::Dismiss(peers) => peers.contains(&peer),
        Change::Unlist(peers) => peers.contains(&peer),
        _ => false,
    });
    let slots = said.record.body().cut.map_or(0, |cut| cut.slots);
    let is_later = knows.is_subset(&said.knows) && !said.knows.is_subset(knows);
    is_later && (takes || slots >> header.replica.slot() & 1 == 1)
}
