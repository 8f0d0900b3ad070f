//! Rooms in which all or only some kinds of steps happen, with all rules and with each one removed.

use std::marker::PhantomData;

use meshwork_core::rng::Rng;

use super::record::{Change, Device};
use super::{Action, IN_FORCE, Room, Rules, random_action};
use crate::rules::harness::{Broken, Schedules, World, breaks, holds};

/// Which of the steps that are drawn are taken.
trait Draw {
    fn takes(_: &Action) -> bool {
        true
    }
}

/// A room in which only some kinds of steps happen.
struct Drawn<D>(Room, PhantomData<D>);

impl<D: Draw> World for Drawn<D> {
    type Rules = Rules;
    type Action = Action;

    fn random_action(rng: &mut Rng) -> Action {
        loop {
            let action = random_action(rng);
            if D::takes(&action) {
                return action;
            }
        }
    }

    fn new(rules: Rules) -> Self {
        Drawn(Room::new(rules), PhantomData)
    }

    fn step(&mut self, action: &Action) {
        self.0.step(action);
    }

    fn finish(self) -> Vec<Broken> {
        self.0.broken_promises()
    }
}

enum Everything {}

impl Draw for Everything {}

/// A new key, then a ban by a device that missed what the hostile peer wrote meanwhile.
enum KeysThenBans {}

impl Draw for KeysThenBans {
    fn takes(action: &Action) -> bool {
        const WITNESSES: [Device; 2] = [Device::Ann, Device::Phone];
        match action {
            Action::Write { device, row, .. } => *device == Device::Ann && *row == 'r',
            Action::Record { device: Device::Phone, change, .. } => *change == Change::NewKey,
            Action::Record { change, asked, .. } => {
                *change == Change::Ban && WITNESSES.iter().all(|witness| !asked.contains(witness))
            }
            Action::Attack(attack) => attack.row == 'r' && attack.shown_to.contains(&Device::Phone),
            Action::Meet(one, other) => WITNESSES.contains(one) && WITNESSES.contains(other),
            Action::Restart(_) | Action::Fold(_) => false,
        }
    }
}

/// The same, with programs that are started again meanwhile.
enum KeysThenBansOverRestarts {}

impl Draw for KeysThenBansOverRestarts {
    fn takes(action: &Action) -> bool {
        matches!(action, Action::Restart(_)) || KeysThenBans::takes(action)
    }
}

/// Both of the owner's devices write records, unaware of each other, while Ann writes.
enum Forks {}

impl Draw for Forks {
    fn takes(action: &Action) -> bool {
        match action {
            Action::Write { device, .. } => *device == Device::Ann,
            Action::Record { change, .. } => matches!(change, Change::NewKey | Change::Rename),
            Action::Meet(_, other) => *other == Device::Ann,
            Action::Restart(_) | Action::Fold(_) | Action::Attack(_) => false,
        }
    }
}

/// The owner takes the moderator's rights.
enum Demotions {}

impl Draw for Demotions {
    fn takes(action: &Action) -> bool {
        match action {
            Action::Write { device, .. } | Action::Fold(device) => *device == Device::Moderator,
            Action::Record { change, .. } => *change == Change::Demote,
            Action::Meet(_, other) => *other == Device::Moderator,
            Action::Restart(_) | Action::Attack(_) => false,
        }
    }
}

/// Many honest writes.
enum Quotas {}

impl Draw for Quotas {
    fn takes(action: &Action) -> bool {
        match action {
            Action::Record { change, .. } => *change == Change::LowerQuota,
            Action::Write { .. } | Action::Meet(..) => true,
            Action::Restart(_) | Action::Fold(_) | Action::Attack(_) => false,
        }
    }
}

const QUOTA: Rules = Rules { quota: Some(2), ..IN_FORCE };

fn drawn_break<D: Draw>(promise: &str, rules: Rules, number: u64) {
    breaks::<Drawn<D>>(promise, rules, &Schedules::new(number, 1, 4..=24));
}

#[test]
fn a_room_keeps_its_promises() {
    holds::<Drawn<Everything>>(IN_FORCE, &Schedules::new(3_000, 50, 4..=24));
    holds::<Drawn<Everything>>(QUOTA, &Schedules::new(1_000, 50, 4..=24));
    let few = &Schedules::new(250, 50, 4..=24);
    holds::<Drawn<KeysThenBans>>(IN_FORCE, few);
    holds::<Drawn<KeysThenBansOverRestarts>>(IN_FORCE, few);
    holds::<Drawn<Forks>>(IN_FORCE, few);
    holds::<Drawn<Demotions>>(IN_FORCE, few);
    holds::<Drawn<Quotas>>(QUOTA, few);
}

#[test]
fn members_with_the_same_batches_show_the_same() {
    drawn_break::<Everything>("same view", Rules { equal_stamps_go_by_content: false, ..IN_FORCE }, 300);
}

#[test]
fn rights_that_were_taken_stop_working() {
    drawn_break::<Everything>("rights end", Rules { cuts_list_batches: false, ..IN_FORCE }, 1_000);
    drawn_break::<Everything>("rights end", Rules { joins_repeat_cuts: false, ..IN_FORCE }, 600);
    drawn_break::<Everything>("rights end", Rules { joins_keep_what_was_taken: false, ..IN_FORCE }, 1_000);
    drawn_break::<Everything>("bans work", Rules { bans_bind_every_branch: false, ..IN_FORCE }, 600);
}

#[test]
fn rights_that_stay_go_on_working() {
    drawn_break::<Everything>("the honest count", Rules { cuts_spare_later_batches: false, ..IN_FORCE }, 200);
    let rules = Rules { other_cuts_spare_other_branches: false, ..IN_FORCE };
    drawn_break::<Forks>("branches stand", rules, 1_000);
}

#[test]
fn nothing_that_stands_is_lost() {
    let promise = "honest kept";
    drawn_break::<KeysThenBans>(promise, Rules { beaten_batches_stay: false, ..IN_FORCE }, 1_000);
    let rules = Rules { beaten_batches_outlive_restarts: false, ..IN_FORCE };
    drawn_break::<KeysThenBansOverRestarts>(promise, rules, 6_000);
    drawn_break::<KeysThenBans>(promise, Rules { every_cut_frees_the_beaten: false, ..IN_FORCE }, 3_000);
    drawn_break::<KeysThenBans>(promise, Rules { beaten_entries_are_said: false, ..IN_FORCE }, 6_000);
    drawn_break::<Everything>(promise, Rules { authors_say_again: false, ..IN_FORCE }, 300);
    drawn_break::<Demotions>(promise, Rules { entries_are_said_singly: false, ..IN_FORCE }, 300);
}

#[test]
fn whoever_writes_too_much_harms_itself() {
    drawn_break::<Quotas>("values last", Rules { quotas_never_fall: false, ..QUOTA }, 600);
    drawn_break::<Quotas>("removals last", Rules { removals_count_apart: false, ..QUOTA }, 1_000);
    drawn_break::<Quotas>("hides last", Rules { moderators_fields_are_free: false, ..QUOTA }, 500);
}
