//! Tabs of one profile that write one store and are not linked: the store has what all of them saved.

use alloc::collections::{BTreeMap, VecDeque};

use super::*;
use crate::node::StoredRoom;
use crate::room::storage::form;
use crate::seam::io::StoreChange;

const HONEST: u8 = 2;
const VANDAL: u8 = 3;

/// What a browser keeps of the room, for all of its tabs.
#[derive(Default)]
struct Store {
    room: StoredRoom,
    batches: BTreeMap<BatchKey, Vec<u8>>,
}

impl Store {
    fn apply(&mut self, change: StoreChange) {
        self.room.genesis = change.genesis.unwrap_or(core::mem::take(&mut self.room.genesis));
        if let Some(records) = change.records {
            self.room.records = self.room.merge_records(&records);
        }
        self.batches.extend(change.insert);
        change.remove.iter().for_each(|key| drop(self.batches.remove(key)));
    }

    fn keys(&self) -> BTreeSet<BatchKey> {
        self.batches.keys().copied().collect()
    }
}

/// A tab: its room, and the changes that the browser has not carried out yet.
struct Tab {
    room: Room,
    waiting: VecDeque<(u64, StoreChange)>,
    /// Up to which of its own batches it calls everything saved.
    saved: u64,
}

impl Tab {
    /// A tab of the owner.
    fn open(at: Now, instance: u64, store: &Store) -> Tab {
        let mut room = room_of(endpoint(0, instance));
        room.restore_records(at, &store.room.records);
        room.restore_slice(at, &store.batches.values().cloned().collect::<Vec<_>>());
        let mut tab = Tab { room, waiting: VecDeque::new(), saved: 0 };
        tab.take_in(at, store);
        tab
    }

    /// Takes in what other tabs stored, and stores what is lacking.
    fn take_in(&mut self, at: Now, store: &Store) {
        self.room.restore_records(at, &store.room.records);
        let lacking = self.room.kept().lacking(&store.keys());
        let batches: Vec<Vec<u8>> = lacking.iter().map(|key| store.batches[key].clone()).collect();
        self.room.restore_slice(at, &batches);
        self.room.start_storing(at, &store.keys());
        self.rest(at);
    }

    fn write(&mut self, at: Now, values: &[(u32, u32)]) {
        self.try_write(at, values).unwrap();
    }

    fn try_write(&mut self, at: Now, values: &[(u32, u32)]) -> Result<(), WriteError> {
        let payloads = Board::payloads(values);
        let written = self.room.write(at, &identity(0), ReplicaNumber::FIRST, payloads);
        self.rest(at);
        written.map(drop)
    }

    fn govern(&mut self, at: Now, act: Act<'_>) {
        self.room.govern(at, &identity(0), act).unwrap();
        self.rest(at);
    }

    fn rest(&mut self, at: Now) {
        while self.room.verify(at, 64) > 0 {}
        self.room.handle_timeout(at);
        while let Some(output) = self.room.poll_output() {
            match output {
                RoomOutput::Persist { token, change } => self.waiting.push_back((token, change)),
                RoomOutput::Event(Event::Saved { sequence, .. }) => self.saved = sequence,
                _ => {}
            }
        }
    }

    /// Lets the browser carry out one change. Returns whether there was one.
    fn save_one(&mut self, at: Now, store: &mut Store) -> bool {
        let Some((token, change)) = self.waiting.pop_front() else { return false };
        store.apply(change);
        self.room.handle_persisted(at, token, Ok(()));
        self.rest(at);
        true
    }

    fn save(&mut self, at: Now, store: &mut Store) {
        while self.save_one(at, store) {}
    }

    /// Own batches that it calls saved.
    fn saved(&self) -> Vec<SignedBatch> {
        let own = self.room.kept().unacknowledged();
        own.filter(|batch| batch.header().sequence <= self.saved).cloned().collect()
    }

    fn values(&self, places: &[u32]) -> Vec<Option<u32>> {
        places.iter().map(|&place| board(&self.room).value(place)).collect()
    }
}

#[test]
fn unlinked_tabs_lose_nothing_whichever_is_closed_first() {
    for (closed, reloaded) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut store = Store::default();
        let mut tabs = [1, 2].map(|instance| Tab::open(now(0), instance, &store));
        for (number, tab) in (0..).zip(&mut tabs) {
            tab.save(now(5), &mut store);
            tab.write(now(10), &[(number, 10 + number)]);
        }
        // The one that is to be closed saves last, and the other way round.
        let first = reloaded ^ closed;
        tabs[first].save(now(20), &mut store);
        tabs[1 - first].save(now(20), &mut store);
        assert_eq!(tabs.each_ref().map(|tab| tab.saved), [1, 1], "each has its own word for it");
        let [one, other] = tabs;
        let mut open = if closed == 0 { other } else { one };
        assert_eq!(open.values(&[0, 1]).iter().flatten().count(), 1, "they are not linked");
        open.write(now(30), &[(2, 12)]);
        open.save(now(30), &mut store);
        // The lock falls to it.
        open.take_in(now(40), &store);
        assert_eq!(open.values(&[0, 1, 2]), [Some(10), Some(11), Some(12)]);
        open.save(now(40), &mut store);
        let again = Tab::open(now(50), 3, &store);
        assert_eq!(again.values(&[0, 1, 2]), [Some(10), Some(11), Some(12)]);
        assert_eq!(again.waiting.len(), 1, "nothing but the genesis is stored again");
        assert!(again.waiting[0].1.insert.is_empty() && again.waiting[0].1.remove.is_empty());
    }
}

#[test]
fn tabs_that_take_over_at_once_lose_nothing() {
    let mut store = Store::default();
    let mut tabs = [1, 2, 3].map(|instance| Tab::open(now(0), instance, &store));
    for (number, tab) in (0..).zip(&mut tabs) {
        tab.write(now(10), &[(number, 10), (9, number)]);
    }
    let [mut one, mut two, three] = tabs;
    // The third one crashes before anything of it is stored, and calls nothing saved.
    assert_eq!(three.saved, 0);
    drop(three);
    for _ in 0..2 {
        one.take_in(now(20), &store);
        two.take_in(now(20), &store);
        while one.save_one(now(20), &mut store) | two.save_one(now(20), &mut store) {}
    }
    let shown = [Some(10), Some(10), None, Some(1)];
    for tab in [one, two, Tab::open(now(30), 4, &store)] {
        assert_eq!(tab.values(&[0, 1, 2, 9]), shown);
    }
}

#[test]
fn records_of_unlinked_tabs_are_all_stored() {
    let mut store = Store::default();
    let mut tabs = [1, 2].map(|instance| Tab::open(now(0), instance, &store));
    for (tab, banned) in tabs.iter_mut().zip([HONEST, VANDAL]) {
        tab.govern(now(10), Act::Ban(peer(banned)));
    }
    let [mut one, mut other] = tabs;
    one.save(now(20), &mut store);
    other.save(now(20), &mut store);
    one.govern(now(30), Act::Ban(peer(7)));
    one.save(now(30), &mut store);
    let again = Tab::open(now(40), 3, &store);
    let is_banned = |tab: &Tab| [HONEST, VANDAL, 7].map(|who| tab.room.kept().records().is_banned(peer(who)));
    assert_eq!((is_banned(&one), is_banned(&other)), ([true, false, true], [false, true, false]));
    assert_eq!(is_banned(&again), [true; 3]);
    other.take_in(now(50), &store);
    assert_eq!(is_banned(&other), [true; 3], "the lock falls to it");
}

#[test]
fn unreadable_batches_stay_in_the_store() {
    let mut store = Store::default();
    let foreign = Header {
        replica: ReplicaNumber::new(3, crate::signed::header::Family::Own).unwrap(),
        ..free((HONEST, 1, 1), 5, &[(1, 10)]).header()
    };
    let foreign = SignedBatch::sign(&identity(HONEST), &room_id(), &foreign, &[0; 8]).unwrap();
    let unruled = batch((HONEST, 1, 2), UNKNOWN, None, 6, &[(2, 10)]);
    let mut forged = free((HONEST, 1, 3), 7, &[(3, 10)]).bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let forged_key = free((HONEST, 1, 3), 7, &[(3, 10)]).key();
    for batch in [&foreign, &unruled] {
        store.batches.insert(batch.key(), batch.bytes().to_vec());
    }
    store.batches.insert(forged_key, forged);
    store.batches.insert(BatchKey { sequence: 4, ..forged_key }, vec![0xff; 7]);
    let before = store.batches.clone();
    for instance in [1, 2] {
        let mut tab = Tab::open(now(10), instance, &store);
        tab.take_in(now(20), &store);
        tab.save(now(20), &mut store);
        assert_eq!(tab.values(&[1, 2, 3]), [None; 3]);
        assert_eq!(store.batches, before);
        // A batch that does not verify is not read at every turn.
        assert!(!tab.room.kept().lacking(&store.keys()).contains(&forged_key));
    }
}

#[test]
fn batches_superseded_across_tabs_do_not_compete() {
    let mut store = Store::default();
    let mut one = Tab::open(now(0), 1, &store);
    for value in 0..FOLD_LEAST as u32 - 1 {
        one.write(now(10 + u64::from(value)), &[(value % 2, value)]);
        one.save(now(10), &mut store);
    }
    let mut other = Tab::open(now(1000), 2, &store);
    one.write(now(1010), &[(1, 500)]);
    other.write(now(1020), &[(0, 600)]);
    one.save(now(1030), &mut store);
    other.save(now(1030), &mut store);
    drop((one, other));
    let mut again = Tab::open(now(2000), 3, &store);
    again.save(now(2000), &mut store);
    assert_eq!(again.values(&[0, 1]), [Some(600), Some(500)]);
    let competing = store.batches.values().filter(|stored| form::read(stored).1.is_none()).count();
    assert_eq!(competing, 2, "the others wait");
    assert_eq!(Tab::open(now(3000), 4, &store).values(&[0, 1]), [Some(600), Some(500)]);
}

/// Something that happens to one of two tabs.
#[derive(Clone, Debug)]
enum Happening {
    Write(u32, u32),
    WriteMany(u32),
    Hear(usize),
    SaveOne,
    Save,
    Crash,
    Close,
    TakeIn,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..6u32, 0..100u32).prop_map(|(place, value)| Happening::Write(place, value)),
        1 => (0..6u32).prop_map(Happening::WriteMany),
        4 => (0..64usize).prop_map(Happening::Hear),
        3 => Just(Happening::SaveOne),
        2 => Just(Happening::Save),
        1 => Just(Happening::Crash),
        1 => Just(Happening::Close),
        1 => Just(Happening::TakeIn),
    ]
}

/// Records and batches that do not contradict themselves.
fn consistent() -> Vec<Heard> {
    let contradicts =
        |heard: &Heard| matches!(heard, Heard::Batch(batch) if [4, 5].map(peer).contains(&batch.peer()));
    everything().into_iter().filter(|heard| !contradicts(heard)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever two tabs write, hear, save and lose, a tab that is opened then shows all that either called saved.
    #[test]
    fn stores_of_two_tabs_lose_nothing_saved(
        happenings in prop::collection::vec((0..2usize, happening()), 1..60),
    ) {
        let everything = consistent();
        let mut store = Store::default();
        let mut tabs = [1, 2].map(|instance| Tab::open(now(20_000), instance, &store));
        let (mut saved, mut next_instance) = (Vec::<SignedBatch>::new(), 3);
        for (step, (which, happening)) in (0..).zip(happenings) {
            let (at, tab) = (now(20_000 + step * 10), &mut tabs[which]);
            match happening {
                // A record that it heard may limit it.
                Happening::Write(place, value) => drop(tab.try_write(at, &[(place, value)])),
                Happening::WriteMany(place) => {
                    (0..FOLD_LEAST as u32).for_each(|value| drop(tab.try_write(at, &[(place, value)])));
                }
                Happening::Hear(number) => {
                    match &everything[number % everything.len()] {
                        Heard::Record(record) => tell(&mut tab.room, at, endpoint(9, 9), record),
                        Heard::Batch(batch) => hear(&mut tab.room, at, endpoint(9, 9), live(batch)),
                    }
                    tab.rest(at);
                }
                Happening::SaveOne => {
                    tab.save_one(at, &mut store);
                }
                Happening::Save => tab.save(at, &mut store),
                Happening::TakeIn => tab.take_in(at, &store),
                Happening::Crash | Happening::Close => {
                    if matches!(happening, Happening::Close) {
                        tab.save(at, &mut store);
                    }
                    saved.extend(tab.saved());
                    *tab = Tab::open(at, next_instance, &store);
                    next_instance += 1;
                }
            }
        }
        tabs.iter().for_each(|tab| saved.extend(tab.saved()));
        drop(tabs);
        let end = now(40_000);
        let again = Tab::open(end, next_instance, &store);
        let shown = state(&again.room);
        let mut told = again.room;
        for batch in &saved {
            hear(&mut told, end, endpoint(9, 9), live(batch));
        }
        let same = state(&told);
        prop_assert_eq!((shown.0, shown.1, shown.2), (same.0, same.1, same.2), "something was saved and is not there");
    }
}
