//! Builds a rulebook from a set of records: the owner's in order, then the valid ones of moderators.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::places::{Place, Places};
use super::{Ban, EDICTS_MAX, Journal, LISTED_MAX, Node, OWNED_MAX, Rulebook, SlotRule, Step, WithList};
use crate::id::PeerId;
use crate::signed::app::SLOTS_MAX;
use crate::signed::change::{Change, Lifted, Limit, Rule, WhoWrites};
use crate::signed::header::RecordName;
use crate::signed::list::List;
use crate::signed::record::Record;

impl Rulebook {
    /// The rules that follow from these records, which are signed for the room of `owner`; a commons has none and no
    /// owner.
    ///
    /// A record counts if all records that it names count, its list is here, and its signer has the right. The others
    /// are left out, and count when a rulebook is built from more records.
    pub fn new(owner: Option<PeerId>, records: impl IntoIterator<Item = WithList>) -> Rulebook {
        // Numbers rise, so a named record comes before the one that names it. Of two with one name the first counts.
        let mut sorted: Vec<WithList> = records.into_iter().collect();
        sorted.sort_unstable_by_key(|(record, stays)| (record.number(), record.hash(), stays.is_none()));
        sorted.dedup_by_key(|(record, _)| record.hash());
        let (owned, others): (Vec<_>, Vec<_>) =
            sorted.into_iter().partition(|(record, _)| Some(record.body().signer) == owner);
        let mut book = Rulebook {
            owner,
            nodes: vec![Node::default()],
            names: BTreeMap::from([(RecordName::GENESIS, 0)]),
            peers: BTreeMap::new(),
            apps: [None; SLOTS_MAX as usize],
            turned_on: [Places::default(); SLOTS_MAX as usize],
            displaced: [Places::default(); SLOTS_MAX as usize],
            edicts: Vec::new(),
            lifts: BTreeMap::new(),
        };
        let mut listed = 0;
        for with_list in owned {
            book.add(with_list, &mut listed);
        }
        book.note_lifts();
        book.note_cuts();
        let mut listed = 0;
        let standing = others.into_iter().filter(|edict| book.edict_stands(edict));
        let standing = standing.filter(|(record, _)| fits(record, &mut listed)).take(EDICTS_MAX);
        for edict in standing.collect::<Vec<_>>() {
            book.add_edict(edict);
        }
        book
    }

    /// Accepts a record of the owner, if the records that it names are there and the room has space for it and its
    /// list.
    fn add(&mut self, (record, stays): WithList, listed: &mut u32) {
        let before: Option<Vec<Place>> =
            record.body().before.iter().map(|name| self.names.get(name).copied()).collect();
        let (Some(before), Some(stays)) = (before, checked_list(&record, stays)) else { return };
        let name = record.name();
        if self.nodes.len() > OWNED_MAX || self.names.contains_key(&name) || !fits(&record, listed) {
            return;
        }
        let place = self.nodes.len() as Place;
        let mut node = Node::default();
        for &before in &before {
            node.ancestors.insert(before);
            node.ancestors.insert_all(&self.nodes[usize::from(before)].ancestors);
            self.nodes[usize::from(before)].named_by += 1;
        }
        node.rules = core::array::from_fn(|slot| self.merged_rule(&before, slot));
        let keys = before.iter().map(|before| self.nodes[usize::from(*before)].edit_key);
        // Of two branches the edit key of the greater rank counts.
        node.edit_key = keys.max_by_key(|(said_by, _)| self.rank(*said_by)).unwrap_or_default();
        for change in record.body().changes.iter() {
            match change {
                Change::Rules(rules) => set_rules(&mut node.rules, rules, place),
                Change::EditKey(key) => node.edit_key = (place, *key),
                Change::App(on) => {
                    let slot = usize::from(on.slot);
                    let first = *self.apps[slot].get_or_insert(place);
                    let given = self.nodes.get(usize::from(first));
                    let is_same = first == place || given.and_then(|first| first.app(on.slot)) == Some(on);
                    let records = if is_same { &mut self.turned_on } else { &mut self.displaced };
                    records[slot].insert(place);
                }
                Change::Appoint(peers) => self.note(peers, place, |journal| &mut journal.moderates, true),
                Change::Dismiss(peers) => self.note(peers, place, |journal| &mut journal.moderates, false),
                Change::List(peers) => self.note(peers, place, |journal| &mut journal.listed, true),
                Change::Unlist(peers) => self.note(peers, place, |journal| &mut journal.listed, false),
                Change::Lift(lifted) => {
                    lifted.iter().for_each(|lifted| self.lifts.entry(*lifted).or_default().insert(place));
                }
                _ => {}
            }
        }
        node.record = Some((record, stays));
        self.names.insert(name, place);
        self.nodes.push(node);
    }

    fn note(
        &mut self,
        peers: &[PeerId],
        at: Place,
        steps: impl Fn(&mut Journal) -> &mut Vec<Step>,
        gives: bool,
    ) {
        peers.iter().for_each(|peer| {
            steps(self.peers.entry(*peer).or_default()).push(Step { at, gives });
        });
    }

    /// The rule of a slot where these branches meet: of the rules that none of the others knows, the strictest.
    pub(super) fn merged_rule(&self, before: &[Place], slot: usize) -> SlotRule {
        let rule = |place: &Place| &self.nodes[usize::from(*place)].rules[slot];
        let mut said_by: Vec<Place> =
            before.iter().flat_map(|before| &rule(before).said_by).copied().collect();
        said_by.sort_by_key(|place| self.rank(*place));
        said_by.dedup();
        let is_last = |one: &Place| said_by.iter().all(|other| other == one || !self.knows(*other, *one));
        let said_by: Vec<Place> = said_by.iter().copied().filter(is_last).collect();
        let rules = said_by.iter().map(rule).map(|rule| (rule.limit, rule.writers));
        let (limit, writers) = rules.reduce(stricter).unwrap_or_default();
        SlotRule { limit, writers, said_by }
    }

    /// The rank of a record among those of different branches; the genesis before all.
    fn rank(&self, place: Place) -> Option<(u32, core::cmp::Reverse<[u8; 32]>)> {
        self.nodes[usize::from(place)].rank()
    }

    /// Notes all bans of the owner, with the records that lift them.
    fn note_lifts(&mut self) {
        for place in 1..self.nodes.len() as Place {
            if let Some(with_list) = self.nodes[usize::from(place)].record.clone() {
                self.note_bans(&with_list, place, true);
            }
        }
    }

    fn note_bans(&mut self, (record, stays): &WithList, at: Place, by_owner: bool) {
        let bans = record.body().changes.iter().filter_map(|change| match change {
            Change::Ban(peers) => Some(peers),
            _ => None,
        });
        for &peer in bans.flat_map(|peers| peers.iter()).filter(|peer| Some(**peer) != self.owner) {
            let lifted = Lifted { record: record.id(), peer: Some(peer) };
            let lifts = self.lifts.get(&lifted).copied().unwrap_or_default();
            let stays = stays.as_ref().map(Arc::clone).unwrap_or_default();
            self.peers.entry(peer).or_default().bans.push(Ban {
                record: record.id(),
                at,
                by_owner,
                stays,
                lifts,
            });
        }
    }

    /// Notes in each record the later ones that cut slots.
    fn note_cuts(&mut self) {
        for by in 1..self.nodes.len() {
            let slots = self.nodes[by].cut_slots();
            let ancestors: Places = self.nodes[by].ancestors;
            for (place, node) in self.nodes[..by].iter_mut().enumerate() {
                if slots != 0 && ancestors.contains(place as Place) {
                    node.cuts.push((slots, by as Place));
                }
            }
        }
    }

    /// Whether a moderator's record counts.
    fn edict_stands(&self, (record, stays): &WithList) -> bool {
        let body = record.body();
        let ([before], true) = (&body.before[..], checked_list(record, stays.clone()).is_some()) else {
            return false;
        };
        let (Some(&place), Some(journal)) = (self.names.get(before), self.peers.get(&body.signer)) else {
            return false;
        };
        let is_banned = journal.bans.iter().filter(|ban| !self.is_lifted(ban, place)).any(|ban| {
            let is_later = self.knows(place, ban.at);
            is_later || !ban.stays.has_id(&record.id())
        });
        body.changes.iter().all(Change::is_for_moderators)
            && body.cut.is_none_or(|cut| cut.slots == 0)
            && self.has(place, Some(&journal.moderates))
            && !is_banned
            && !self.is_cut(place, journal, &record.id())
    }

    fn add_edict(&mut self, edict: WithList) {
        let place = edict.0.body().before.first().and_then(|name| self.names.get(name)).copied();
        self.note_bans(&edict, place.unwrap_or_default(), false);
        self.edicts.push(edict);
    }
}

/// The list of a record, if it is the named one; `None` if it is missing.
#[expect(clippy::option_option, reason = "a list is missing, or there is none to have")]
fn checked_list(record: &Record, list: Option<Arc<List>>) -> Option<Option<Arc<List>>> {
    match (record.body().list(), list) {
        (None, _) => Some(None),
        (Some((kind, name)), Some(list)) if (list.kind(), list.name()) == (kind, name) => Some(Some(list)),
        _ => None,
    }
}

/// Whether the items of a record's list fit beside the listed ones; counts them then.
fn fits(record: &Record, listed: &mut u32) -> bool {
    let count = record.body().list().map_or(0, |(_, name)| name.count);
    let fits = listed.saturating_add(count) <= LISTED_MAX;
    *listed += if fits { count } else { 0 };
    fits
}

/// The stricter of two concurrent rules: the fewer writers, and the tighter limit; of equal ones the later.
fn stricter(
    earlier: (Option<Limit>, WhoWrites),
    later: (Option<Limit>, WhoWrites),
) -> (Option<Limit>, WhoWrites) {
    // Costs by the length of the other's window, so that nothing is divided.
    let rate = |limit: Limit, other: Limit| u64::from(limit.cost) * u64::from(other.window_ms);
    let limit = match (earlier.0, later.0) {
        (Some(one), Some(other)) if rate(one, other) < rate(other, one) => Some(one),
        (one, other) => other.or(one),
    };
    (limit, if later.1 == WhoWrites::Everybody { earlier.1 } else { later.1 })
}

/// Replaces the rules of all slots. Unchanged rules keep their record.
fn set_rules(slots: &mut [SlotRule; SLOTS_MAX as usize], rules: &[Rule], place: Place) {
    for (slot, before) in slots.iter_mut().enumerate() {
        let rule = rules.iter().find(|rule| usize::from(rule.slot) == slot);
        let (limit, writers) = rule.map_or((None, WhoWrites::Everybody), |rule| (rule.limit, rule.writers));
        if (limit, writers) != (before.limit, before.writers) {
            *before = SlotRule { limit, writers, said_by: vec![place] };
        }
    }
}
