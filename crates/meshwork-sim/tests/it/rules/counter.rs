//! A counter as a row of shares: clicks in several tabs of a profile, and in a clone of it, that keepers hear.

use std::collections::BTreeMap;

use meshwork_core::rng::Rng;

use super::harness::{Broken, Schedules, World, breaks, choose, holds};

#[derive(Clone, Copy, Debug)]
struct Rules {
    /// A total is on the disk for good before it is said. Otherwise a power cut takes the last ones.
    totals_are_durable: bool,
    /// Whoever stores a total checks that lock and last total are still its own, else it draws a new share.
    storing_checks_lock_and_total: bool,
    /// A new share begins with nothing. Otherwise with what this tab clicked so far.
    new_shares_begin_with_nothing: bool,
}

const IN_FORCE: Rules = Rules {
    totals_are_durable: true,
    storing_checks_lock_and_total: true,
    new_shares_begin_with_nothing: true,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Disk {
    Original,
    Clone,
}

/// One of two tabs over each disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    disk: Disk,
    is_second: bool,
}

#[derive(Clone, Copy, Debug)]
enum Keeper {
    First,
    Second,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Click,
    Meet(Keeper),
    Open,
    Close,
    /// Ends all tabs of the disk. Without durability it loses so many of the last totals.
    PowerCut(usize),
    Clone,
    /// The tab sleeps for so long that its lock goes, which it does not know.
    LockLapses,
}

/// The stamp and the total of each share. The greater stamp wins.
type Shares = BTreeMap<u64, (u64, u64)>;

fn merge(into: &mut Shares, from: &Shares) {
    for (share, entry) in from {
        let held = into.entry(*share).or_insert(*entry);
        *held = (*held).max(*entry);
    }
}

#[derive(Debug, Default)]
struct Profile {
    /// Each share and total that was stored, in order.
    stored: Vec<(u64, u64)>,
    /// Which tab may use a share.
    locks: BTreeMap<u64, Place>,
}

impl Profile {
    fn totals(&self) -> BTreeMap<u64, u64> {
        self.stored.iter().copied().collect()
    }
}

/// An open tab.
#[derive(Debug, Default)]
struct Tab {
    share: Option<u64>,
    total: u64,
    /// Clicks since it was opened.
    clicks: u64,
    /// Clicks that no keeper heard of.
    unheard: u64,
    shares: Shares,
}

#[derive(Debug)]
struct Counter {
    rules: Rules,
    now: u64,
    drawn: u64,
    profiles: BTreeMap<Disk, Profile>,
    tabs: BTreeMap<Place, Tab>,
    keepers: [Shares; 2],
    clicks: u64,
    heard: u64,
}

impl Counter {
    /// The tab, which this opens, and its profile.
    fn tab(&mut self, place: Place) -> (&mut Tab, &mut Profile) {
        let profile = self.profiles.get_mut(&place.disk).expect("only tabs of disks that exist take steps");
        (self.tabs.entry(place).or_default(), profile)
    }

    /// Takes up a stored share that no tab uses.
    fn take_up(&mut self, place: Place) {
        let (tab, profile) = self.tab(place);
        let free = profile.totals().into_iter().find(|(share, _)| !profile.locks.contains_key(share));
        if let (Some((share, total)), None) = (free, tab.share) {
            (tab.share, tab.total) = (Some(share), total);
            profile.locks.insert(share, place);
        }
    }

    /// Adds one to the share's total, stores it, then says it.
    fn click(&mut self, place: Place) {
        let rules = self.rules;
        let (next_share, now) = (self.drawn + 1, self.now + 1);
        let (tab, profile) = self.tab(place);
        let is_own = |share: &u64| {
            let stored = profile.totals().get(share).copied().unwrap_or(0);
            profile.locks.get(share) == Some(&place) && stored == tab.total
        };
        let kept = tab.share.filter(|share| !rules.storing_checks_lock_and_total || is_own(share));
        let share = kept.unwrap_or_else(|| {
            tab.total = if rules.new_shares_begin_with_nothing { 0 } else { tab.clicks };
            profile.locks.insert(next_share, place);
            next_share
        });
        tab.share = Some(share);
        (tab.total, tab.clicks, tab.unheard) = (tab.total + 1, tab.clicks + 1, tab.unheard + 1);
        profile.stored.push((share, tab.total));
        tab.shares.insert(share, (now, tab.total));
        (self.drawn, self.now, self.clicks) = (next_share, now, self.clicks + 1);
    }

    fn unlock(&mut self, place: Place) {
        self.profiles.values_mut().for_each(|profile| profile.locks.retain(|_, holder| *holder != place));
    }

    /// What nobody heard of does not count as heard.
    fn end(&mut self, place: Place) {
        self.tabs.remove(&place);
        self.unlock(place);
    }
}

impl World for Counter {
    type Rules = Rules;
    type Action = (Place, Action);

    fn random_action(rng: &mut Rng) -> (Place, Action) {
        let place = Place {
            disk: choose(rng, &[Disk::Original, Disk::Original, Disk::Clone]),
            is_second: choose(rng, &[false, true]),
        };
        let action = match rng.below(40) {
            0..12 => Action::Click,
            12..24 => Action::Meet(choose(rng, &[Keeper::First, Keeper::Second])),
            24..27 => Action::Open,
            27..30 => Action::Close,
            30..35 => Action::PowerCut(rng.below(3) as usize),
            35..39 => Action::LockLapses,
            _ => Action::Clone,
        };
        (place, action)
    }

    fn new(rules: Rules) -> Self {
        Counter {
            rules,
            now: 0,
            drawn: 0,
            profiles: BTreeMap::from([(Disk::Original, Profile::default())]),
            tabs: BTreeMap::new(),
            keepers: Default::default(),
            clicks: 0,
            heard: 0,
        }
    }

    fn step(&mut self, (place, action): &(Place, Action)) {
        let place = *place;
        let is_open = self.tabs.contains_key(&place);
        if let Action::Clone = action {
            let stored = self.profiles[&Disk::Original].stored.clone();
            self.profiles.entry(Disk::Clone).or_insert(Profile { stored, locks: BTreeMap::new() });
        }
        if !self.profiles.contains_key(&place.disk) {
            return;
        }
        match action {
            Action::Click => {
                if !is_open {
                    self.take_up(place);
                }
                self.click(place);
            }
            Action::Meet(keeper) if is_open => {
                self.take_up(place);
                let tab = self.tabs.entry(place).or_default();
                let keeper = &mut self.keepers[*keeper as usize];
                merge(keeper, &tab.shares);
                merge(&mut tab.shares, keeper);
                self.heard += std::mem::take(&mut tab.unheard);
            }
            Action::Open if !is_open => self.take_up(place),
            Action::Close => self.end(place),
            Action::PowerCut(lost) => {
                let lost = if self.rules.totals_are_durable { 0 } else { *lost };
                let (_, profile) = self.tab(place);
                let kept = profile.stored.len().saturating_sub(lost);
                profile.stored.truncate(kept);
                [false, true].into_iter().for_each(|is_second| self.end(Place { is_second, ..place }));
            }
            Action::LockLapses => self.unlock(place),
            Action::Meet(_) | Action::Open | Action::Clone => {}
        }
    }

    fn finish(self) -> Vec<Broken> {
        let mut all = Shares::new();
        self.keepers
            .iter()
            .chain(self.tabs.values().map(|tab| &tab.shares))
            .for_each(|shares| merge(&mut all, shares));
        let shown: u64 = all.values().map(|(_, total)| total).sum();
        let heard = self.heard + self.tabs.values().map(|tab| tab.unheard).sum::<u64>();
        let mut found = Vec::new();
        if shown > self.clicks {
            found
                .push(Broken { promise: "counted once", seen: format!("{shown} of {} clicks", self.clicks) });
        }
        // Two disks with the same share count a click at least once, but perhaps not twice.
        if shown < heard && !self.profiles.contains_key(&Disk::Clone) {
            found
                .push(Broken { promise: "all counted", seen: format!("{shown} of {heard} that were heard") });
        }
        found
    }
}

#[test]
fn every_click_counts_once() {
    holds::<Counter>(IN_FORCE, &Schedules::new(3_000, 50, 4..=24));
    let schedules = &Schedules::new(600, 1, 4..=24);
    breaks::<Counter>("counted once", Rules { new_shares_begin_with_nothing: false, ..IN_FORCE }, schedules);
}

#[test]
fn every_click_that_was_heard_counts() {
    let schedules = &Schedules::new(8_000, 1, 4..=24);
    breaks::<Counter>("all counted", Rules { totals_are_durable: false, ..IN_FORCE }, schedules);
    breaks::<Counter>("all counted", Rules { storing_checks_lock_and_total: false, ..IN_FORCE }, schedules);
}
