//! What the records of a room say, read once more from their bytes: so nodes need not be believed.
//!
//! Rules have the numbers of docs/protocol/records.md, *A batch stands*. Who wrote a batch under which record, and its id, is
//! all that is asked of it. Who holds which edit seed stands in no record: that is [`Seeds`](super::Seeds) to say.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meshwork_core::id::{PeerId, Secret};
use meshwork_core::room::rules::records::Records;
use meshwork_core::signed::admission::EditKey;
use meshwork_core::signed::app::{GIVEN_SLOTS, SLOTS_MAX};
use meshwork_core::signed::change::{Change, Lifted, Limit, WhoWrites};
use meshwork_core::signed::header::{Header, RecordName};
use meshwork_core::signed::list::{List, ShortId};
use meshwork_core::signed::record::Record;

/// How much may be written in a slot, and who may besides the owner and moderators.
pub(super) type Ruling = (Option<Limit>, WhoWrites);
/// What holds where no record says anything.
const FREE: Ruling = (None, WhoWrites::Everybody);

/// A record, and all of the owner's records that it is or builds on, by place.
#[derive(Debug)]
struct Said {
    record: Record,
    list: Option<Arc<List>>,
    knows: BTreeSet<usize>,
    /// What it says of slots.
    rules: BTreeMap<u8, Ruling>,
}

impl Said {
    fn cuts_slot(&self, slot: u8) -> bool {
        self.record.body().cut.is_some_and(|cut| cut.slots >> slot & 1 == 1)
    }
}

/// Whether somebody may write in a slot: rule 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// They may.
    Has,
    /// They may not.
    Lacks,
    /// They may if this key admitted them.
    By(EditKey),
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
            let knows = before.collect();
            let rules = law.said_by(record, &knows);
            let mut said = Said { record: record.clone(), list: list.clone(), knows, rules };
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

    /// Whether the author of a batch may write in its slot by the record that it names: rule 2.
    pub fn right_of(&self, header: &Header) -> Right {
        let knows = self.known_by(&header.record);
        knows.map_or(Right::Lacks, |knows| self.right(&knows, header.author.peer, header.replica.slot()))
    }

    /// Whether a peer may write in a slot now, unless it is banned.
    pub fn right_now(&self, peer: PeerId, slot: u8) -> Right {
        self.right(&self.in_force(), peer, slot)
    }

    /// How much may be written in a slot now, and who may besides the owner and moderators.
    pub fn rule(&self, slot: u8) -> Ruling {
        self.ruling(&self.in_force(), slot)
    }

    /// The same where all branches meet.
    pub fn rule_of_all(&self, slot: u8) -> Ruling {
        self.ruling(&(0..self.owned.len()).collect(), slot)
    }

    /// Whether the record in force knows all others of the owner.
    pub fn is_joined(&self) -> bool {
        self.in_force().len() == self.owned.len()
    }

    /// A slot in which a record lets fewer write, or less, than one that it names, and which it does not cut.
    pub fn uncut(&self) -> Option<(RecordName, u8)> {
        let mut all = self.owned.iter().flat_map(|said| (0..SLOTS_MAX).map(move |slot| (said, slot)));
        let is_uncut = |(said, slot): &(&Said, u8)| {
            let before = said.record.body().before.iter().filter_map(|name| self.known_by(name));
            let mut before = before.filter(|before| self.is_on_by(before, *slot));
            !said.cuts_slot(*slot) && before.any(|before| self.is_stricter(&before, &said.knows, *slot))
        };
        all.find(is_uncut).map(|(said, slot)| (said.record.name(), slot))
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
        Some(peer) == self.owner || self.has(peer, &self.in_force(), appoints, dismisses)
    }

    /// Whether the app in a slot is on by the record in force.
    pub fn is_on(&self, slot: u8) -> bool {
        self.is_on_by(&self.in_force(), slot)
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

    /// The bans of a peer that bind a record which knows these: one by the owner while it knows no lift, one by a moderator
    /// while there is none and the peer does not moderate by the record.
    fn bans_of<'a>(&'a self, peer: PeerId, knows: &'a BTreeSet<usize>) -> impl Iterator<Item = &'a Said> {
        let moderates = self.has(peer, knows, appoints, dismisses);
        let lifts = move |by: &Said, ban: &Said| {
            let lifted = Lifted { record: ban.record.id(), peer: Some(peer) };
            changes(by).any(|change| matches!(change, Change::Lift(all) if all.contains(&lifted)))
        };
        let owned = self.owned.iter().filter(move |said| bans(said, peer));
        let owned = owned.filter(move |ban| !knows.iter().any(|place| lifts(&self.owned[*place], ban)));
        let edicts = self.edicts.iter().filter(move |said| !moderates && bans(said, peer));
        owned.chain(edicts.filter(move |ban| !self.owned.iter().any(|by| lifts(by, ban))))
    }

    /// Whether a record of the owner is among these.
    fn knows(&self, knows: &BTreeSet<usize>, said: &Said) -> bool {
        self.places
            .get(&said.record.name())
            .is_some_and(|place| knows.contains(place) && Some(said.record.body().signer) == self.owner)
    }

    /// Whether the app in a slot is on by these records. The first two slots need no record.
    fn is_on_by(&self, knows: &BTreeSet<usize>, slot: u8) -> bool {
        let gives = |change: &Change| matches!(change, Change::App(on) if on.slot == slot);
        !GIVEN_SLOTS.contains(&slot) || knows.iter().any(|place| changes(&self.owned[*place]).any(gives))
    }

    /// Whether fewer may write in a slot by some records than by those before, or less.
    fn is_stricter(&self, before: &BTreeSet<usize>, knows: &BTreeSet<usize>, slot: u8) -> bool {
        let ((most, who), (limit, writers)) = (self.ruling(before, slot), self.ruling(knows, slot));
        writers != who && writers != WhoWrites::Everybody
            || writers == WhoWrites::Admitted && self.edit_key(before) != self.edit_key(knows)
            || limit.is_some_and(|limit| most.is_none_or(|most| is_tighter(limit, most)))
    }

    fn right(&self, knows: &BTreeSet<usize>, peer: PeerId, slot: u8) -> Right {
        let may = Some(peer) == self.owner
            || self.has(peer, knows, appoints, dismisses)
            || match self.ruling(knows, slot).1 {
                WhoWrites::Everybody => true,
                WhoWrites::Listed => self.has(peer, knows, lists, unlists),
                WhoWrites::Admitted => false,
            };
        let key = self.edit_key(knows).filter(|_| self.ruling(knows, slot).1 == WhoWrites::Admitted);
        if may { Right::Has } else { key.map_or(Right::Lacks, Right::By) }
    }

    /// What the last of these records says of a slot. Of several that do not know of each other the stricter counts.
    fn ruling(&self, knows: &BTreeSet<usize>, slot: u8) -> Ruling {
        let say = || knows.iter().filter(|place| self.owned[**place].rules.contains_key(&slot));
        let is_last =
            |one: &&usize| say().all(|other| other == *one || !self.owned[*other].knows.contains(one));
        let mut last: Vec<&Said> = say().filter(is_last).map(|place| &self.owned[*place]).collect();
        last.sort_by_key(|said| said.record.rank());
        last.into_iter().fold(FREE, |(before, writers), said| {
            let (limit, who) = said.rules[&slot];
            let limit = match (before, limit) {
                (Some(before), Some(limit)) if is_tighter(before, limit) => Some(before),
                (before, limit) => limit.or(before),
            };
            (limit, if who == WhoWrites::Everybody { writers } else { who })
        })
    }

    /// What a record that knows these says of slots: rules take the place of all before, and say something where they differ.
    fn said_by(&self, record: &Record, knows: &BTreeSet<usize>) -> BTreeMap<u8, Ruling> {
        let rules = record.body().changes.iter().find_map(|change| match change {
            Change::Rules(rules) => Some(rules),
            _ => None,
        });
        let said = |slot| {
            let rule = rules?.iter().find(|rule| rule.slot == slot);
            let ruling = rule.map_or(FREE, |rule| (rule.limit, rule.writers));
            (ruling != self.ruling(knows, slot)).then_some((slot, ruling))
        };
        (0..SLOTS_MAX).filter_map(said).collect()
    }

    /// The key that admits by these records: that of the greatest which says any.
    fn edit_key(&self, knows: &BTreeSet<usize>) -> Option<EditKey> {
        let known = knows.iter().map(|place| &self.owned[*place]);
        let said = known.filter_map(|said| {
            let mut keys = changes(said).filter_map(|change| match change {
                Change::EditKey(key) => Some(*key),
                _ => None,
            });
            Some((said.record.rank(), keys.next()?))
        });
        said.max_by_key(|(rank, _)| *rank).and_then(|(_, key)| key)
    }

    /// Whether one of these records gives a peer a right that builds on all of them which take it.
    fn has(&self, peer: PeerId, knows: &BTreeSet<usize>, gives: Names, takes: Names) -> bool {
        let names = |place: &&usize, names: Names| {
            changes(&self.owned[**place])
                .any(|change| names(change).is_some_and(|peers| peers.contains(&peer)))
        };
        let taking: Vec<&usize> = knows.iter().filter(|place| names(place, takes)).collect();
        let mut giving = knows.iter().filter(|place| names(place, gives));
        giving.any(|place| taking.iter().all(|taken| self.owned[*place].knows.contains(taken)))
    }
}

/// Whom a change gives a right, or takes it from.
type Names = fn(&Change) -> Option<&[PeerId]>;

fn appoints(change: &Change) -> Option<&[PeerId]> {
    if let Change::Appoint(peers) = change { Some(peers) } else { None }
}

fn dismisses(change: &Change) -> Option<&[PeerId]> {
    if let Change::Dismiss(peers) = change { Some(peers) } else { None }
}

fn lists(change: &Change) -> Option<&[PeerId]> {
    if let Change::List(peers) = change { Some(peers) } else { None }
}

fn unlists(change: &Change) -> Option<&[PeerId]> {
    if let Change::Unlist(peers) = change { Some(peers) } else { None }
}

/// Whether one limit lets less through by time than another.
fn is_tighter(limit: Limit, other: Limit) -> bool {
    let rate = |limit: Limit, other: Limit| u64::from(limit.cost) * u64::from(other.window_ms);
    rate(limit, other) < rate(other, limit)
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
    let takes = changes(said)
        .any(|change| dismisses(change).or(unlists(change)).is_some_and(|peers| peers.contains(&peer)));
    let is_later = knows.is_subset(&said.knows) && !said.knows.is_subset(knows);
    is_later && (takes || said.cuts_slot(header.replica.slot()))
}
