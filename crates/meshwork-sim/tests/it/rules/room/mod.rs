//! Records with forks, cuts and retractions over a table with folds, quotas and a reserve.

mod member;
mod promises;
mod real;
mod record;
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use meshwork_core::rng::Rng;

use self::member::Member;
use self::record::{Batch, Change, Device, Endpoint, Entry, Field, Key, Peer, REMOVED, Record};
use super::harness::{chance, choose};

#[derive(Clone, Copy, Debug)]
struct Rules {
    /// A cut lists the batches that stay. Otherwise it names the greatest sequence of each endpoint.
    cuts_list_batches: bool,
    /// A cut is not about batches that name its record or a later one.
    cuts_spare_later_batches: bool,
    /// A ban is also about batches that name records of another branch.
    bans_bind_every_branch: bool,
    /// A cut that is no ban is only about batches that name an earlier record.
    other_cuts_spare_other_branches: bool,
    /// A record over several heads repeats the cuts of all branches, with lists of its own.
    joins_repeat_cuts: bool,
    /// A record over several heads keeps what any of them took.
    joins_keep_what_was_taken: bool,
    /// A batch that lost its last entry is kept, unserved.
    beaten_batches_stay: bool,
    /// What is kept so is there after a restart.
    beaten_batches_outlive_restarts: bool,
    /// A beaten batch competes again when a batch that beat it is cut, by whatever. Otherwise only by a ban.
    every_cut_frees_the_beaten: bool,
    /// An author's program says again what a cut took from it.
    authors_say_again: bool,
    /// Each entry of such a batch is said again for itself: the next one may be forbidden.
    entries_are_said_singly: bool,
    /// An entry is said again even where a greater one is shown: that may fall.
    beaten_entries_are_said: bool,
    /// How many entries of a peer hold.
    quota: Option<usize>,
    /// The greatest quota of all known records counts. Otherwise that of the record in force.
    quotas_never_fall: bool,
    /// Removals have a quota of their own.
    removals_count_apart: bool,
    /// What moderators write into their fields counts against no quota.
    moderators_fields_are_free: bool,
    /// Of equal stamps the greater peer and content win. Otherwise whatever came first, which shows that this world
    /// finds what diverges.
    equal_stamps_go_by_content: bool,
}

const IN_FORCE: Rules = Rules {
    cuts_list_batches: true,
    cuts_spare_later_batches: true,
    bans_bind_every_branch: true,
    other_cuts_spare_other_branches: true,
    joins_repeat_cuts: true,
    joins_keep_what_was_taken: true,
    beaten_batches_stay: true,
    beaten_batches_outlive_restarts: true,
    every_cut_frees_the_beaten: true,
    authors_say_again: true,
    entries_are_said_singly: true,
    beaten_entries_are_said: true,
    quota: None,
    quotas_never_fall: true,
    removals_count_apart: true,
    moderators_fields_are_free: true,
    equal_stamps_go_by_content: true,
};

#[derive(Clone, Debug)]
enum Action {
    Write {
        device: Device,
        row: char,
        fields: Vec<Field>,
        content: u64,
    },
    Meet(Device, Device),
    Fold(Device),
    Restart(Device),
    /// The owner asks some neighbours what they hold, then writes a record.
    Record {
        device: Device,
        change: Change,
        asked: Vec<Device>,
    },
    Attack(Attack),
}

/// A batch of the hostile peer: any sequence, under any record, shown to whom it likes.
#[derive(Clone, Debug)]
struct Attack {
    instance: u64,
    trick: Trick,
    row: char,
    /// Which record it names, the oldest first.
    under: usize,
    shown_to: Vec<Device>,
}

/// Which sequence a batch of the hostile peer has.
#[derive(Clone, Copy, Debug)]
enum Trick {
    Next,
    /// Leaves some out.
    Gap,
    /// The least that was left out, with an early stamp.
    Low,
    /// The last again, with the same stamp and another content.
    Same,
}

#[derive(Debug)]
struct Room {
    rules: Rules,
    members: BTreeMap<Device, Member>,
    /// All batches of the hostile peer.
    attacks: Vec<Rc<Batch>>,
}

impl Room {
    fn new(rules: Rules) -> Room {
        let first = Record::first(rules.quota);
        let members = Device::HONEST.map(|device| (device, Member::new(rules, device, &first))).into();
        Room { rules, members, attacks: Vec::new() }
    }

    fn member(&mut self, device: Device) -> &mut Member {
        self.members.get_mut(&device).expect("every honest device has a member")
    }

    fn step(&mut self, action: &Action) {
        match action {
            Action::Write { device, row, fields, content } => {
                self.member(*device).put(*row, fields, *content);
            }
            Action::Meet(one, other) => self.meet(*one, *other),
            Action::Fold(device) => ['r', 's'].iter().for_each(|row| self.member(*device).fold(*row)),
            Action::Restart(device) => self.member(*device).restart(),
            Action::Record { device, change, asked } => self.change(*device, *change, asked),
            Action::Attack(attack) => {
                self.attack(attack);
            }
        }
        self.members.values_mut().for_each(Member::say_again);
    }

    /// Two members tell each other all records, then what they hold where they show different things.
    fn meet(&mut self, one: Device, other: Device) {
        let records = self.members[&other].records.clone();
        self.member(one).records.extend(records);
        let records = self.members[&one].records.clone();
        self.member(other).records = records;
        self.member(one).settle(&[]);
        self.member(other).settle(&[]);
        if self.members[&one].view() != self.members[&other].view() {
            let (from_one, from_other) = (self.members[&one].held.clone(), self.members[&other].held.clone());
            self.member(one).settle(&from_other);
            self.member(other).settle(&from_one);
        }
        self.member(one).say_again();
        self.member(other).say_again();
    }

    /// The owner's device asks neighbours, who so hear of its records, then writes one.
    fn change(&mut self, device: Device, change: Change, asked: &[Device]) {
        let holders = asked.iter().chain([&device]);
        let known = holders.flat_map(|device| &self.members[device].held);
        let known = known.map(|batch| (batch.id, Rc::clone(batch))).collect();
        let records = self.members[&device].records.clone();
        asked.iter().for_each(|asked| self.member(*asked).records.extend(records.clone()));
        self.member(device).change(change, &known);
    }

    /// The hostile peer signs a batch. Returns its id.
    fn attack(&mut self, attack: &Attack) -> u64 {
        let endpoint = Endpoint { device: Device::Hostile, instance: attack.instance };
        let own = self.attacks.iter().filter(|batch| batch.endpoint == endpoint);
        let used: BTreeSet<u64> = own.map(|batch| batch.sequence).collect();
        let last = used.last().copied().unwrap_or(0);
        let now = self.members.values().map(|member| member.clock).fold(0, u64::max);
        let (sequence, stamp) = match attack.trick {
            Trick::Next => (last + 1, now + 1),
            Trick::Gap => (last + 5, now + 1),
            Trick::Low => (
                (1..=last + 1).find(|sequence| !used.contains(sequence)).unwrap_or(last),
                1 + attack.under as u64,
            ),
            Trick::Same => (last.max(1), self.attacks.last().map_or(1, |batch| batch.stamp)),
        };
        let known = self.members.values().flat_map(|member| member.records.values());
        let known: BTreeMap<(u64, u64), &Rc<Record>> =
            known.map(|record| ((record.number, record.id), record)).collect();
        let record =
            known.into_values().take(attack.under + 1).next_back().expect("the first record is known");
        let key = Key { row: attack.row, field: Field::Anybody };
        let stamp = stamp.min(now + 1);
        let entry = Entry { stamp, peer: Peer::Hostile, content: 3 + self.attacks.len() as u64 % 5 };
        let batch = Batch::new(endpoint, sequence, record, stamp, vec![(key, entry)]);
        self.attacks.push(Rc::clone(&batch));
        for device in &attack.shown_to {
            self.member(*device).settle(&[Rc::clone(&batch)]);
        }
        batch.id
    }
}

fn some_of(rng: &mut Rng) -> Vec<Device> {
    Device::HONEST.into_iter().filter(|_| chance(rng, 4)).collect()
}

fn random_action(rng: &mut Rng) -> Action {
    let device = choose(rng, &Device::HONEST);
    let row = choose(rng, &['r', 's']);
    match rng.below(20) {
        0..5 => {
            let fields = match rng.below(5) {
                0 | 1 => vec![Field::Anybody],
                2 => vec![Field::Own(device.peer())],
                3 => vec![Field::Moderators],
                _ => vec![Field::Anybody, Field::Moderators],
            };
            Action::Write { device, row, fields, content: choose(rng, &[1, 2, REMOVED]) }
        }
        5..12 => {
            let others: Vec<Device> = Device::HONEST.into_iter().filter(|other| *other != device).collect();
            Action::Meet(device, choose(rng, &others))
        }
        12..14 => Action::Fold(device),
        14..16 => {
            use Change::{Ban, Demote, LowerQuota, NewKey, Rename, Retract};
            let change = choose(rng, &[Rename, Ban, Demote, NewKey, Retract, LowerQuota]);
            let device = choose(rng, &[Device::Phone, Device::Laptop]);
            Action::Record { device, change, asked: some_of(rng) }
        }
        16..19 => {
            let trick = choose(rng, &[Trick::Next, Trick::Next, Trick::Gap, Trick::Low, Trick::Same]);
            let under = rng.below(3) as usize;
            Action::Attack(Attack { instance: 0, trick, row, under, shown_to: some_of(rng) })
        }
        _ => Action::Restart(device),
    }
}
