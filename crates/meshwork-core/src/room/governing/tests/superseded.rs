//! Superseded batches wait, over restarts, in case their winner is cut.

use alloc::collections::BTreeMap;

use super::*;
use crate::room::rules::ledger::BEATEN_DAYS;
use crate::room::storage::form;
use crate::signed::change::Lifted;

const DAY: u64 = 24 * 60 * 60 * 1000;
const HONEST: u8 = 2;
const VANDAL: u8 = 3;

/// A member's program with a disk.
struct Keeper {
    room: Room,
    disk: BTreeMap<BatchKey, Vec<u8>>,
    records: Vec<u8>,
}

impl Keeper {
    fn new(at: Now, disk: BTreeMap<BatchKey, Vec<u8>>, records: Vec<u8>) -> Keeper {
        let (genesis, bytes, id) = Genesis::of_test(&identity(0));
        let config = Config { stores: true, ..Config::default() };
        let mut room = Room::new(
            RoomHandle(1),
            id,
            genesis,
            bytes,
            crate::room::Makers::new(toy::make),
            endpoint(4, 99),
            &config,
        );
        room.kept_mut().restore_records(&records);
        room.restore(at, disk.values().cloned().collect());
        let mut keeper = Keeper { room, disk, records };
        keeper.rest(at);
        keeper
    }

    /// Killed, and started again.
    fn restart(mut self, at: Now) -> Keeper {
        self.rest(at);
        Keeper::new(at, self.disk, self.records)
    }

    fn hear(&mut self, at: Now, batch: &SignedBatch) {
        hear(&mut self.room, at, endpoint(9, 9), live(batch));
        self.rest(at);
    }

    fn tell(&mut self, at: Now, record: &WithList) {
        tell(&mut self.room, at, endpoint(9, 9), record);
        self.rest(at);
    }

    /// Lets everything happen that is due.
    fn rest(&mut self, at: Now) {
        while self.room.verify(at, 64) > 0 {}
        self.room.handle_timeout(at);
        while let Some(output) = self.room.poll_output() {
            if let RoomOutput::Persist { token, change } = output {
                change.remove.iter().for_each(|key| drop(self.disk.remove(key)));
                self.disk.extend(change.insert);
                self.records = change.records.unwrap_or(core::mem::take(&mut self.records));
                self.room.handle_persisted(at, token, Ok(()));
            }
        }
    }

    fn value(&self) -> Option<u32> {
        board(&self.room).value(1)
    }

    /// Batches on the disk, and how many of them wait.
    fn stored(&self) -> (usize, usize) {
        (self.disk.len(), self.disk.values().filter(|stored| form::read(stored).1.is_some()).count())
    }
}

/// A keeper that heard somebody honest write, and somebody write over it.
fn spoilt() -> Keeper {
    let mut keeper = Keeper::new(now(0), BTreeMap::new(), vec![]);
    keeper.hear(now(10), &free((HONEST, 1, 1), 5, &[(1, 10)]));
    keeper.hear(now(20), &free((VANDAL, 1, 1), 15, &[(1, 66)]));
    assert_eq!((keeper.value(), keeper.stored()), (Some(66), (2, 1)));
    keeper
}

/// A ban of the vandal by somebody who saw nothing of what it wrote.
fn banned() -> WithList {
    ban(0, 30, &[], VANDAL, vec![])
}

#[test]
fn beaten_batches_return_after_restarts() {
    for days in [1, BEATEN_DAYS - 1, BEATEN_DAYS, BEATEN_DAYS + 1] {
        let mut keeper = spoilt();
        // More than once, and with something else to do meanwhile.
        for day in 1..=u64::from(days) {
            keeper = keeper.restart(now(day * DAY));
            keeper.hear(now(day * DAY), &free((5, day, 1), day * DAY, &[(2, day as u32)]));
            assert_eq!(keeper.value(), Some(66));
        }
        let at = now(u64::from(days) * DAY + 100);
        keeper.tell(at, &banned());
        let is_back = days <= BEATEN_DAYS;
        assert_eq!(keeper.value(), is_back.then_some(10), "{days} days later");
        keeper = keeper.restart(at);
        assert_eq!(keeper.value(), is_back.then_some(10));
        let forms = keeper.disk.iter().filter(|(key, _)| key.author.peer == peer(HONEST));
        let forms: Vec<bool> = forms.map(|(_, stored)| form::read(stored).1.is_some()).collect();
        assert_eq!(forms, vec![false; usize::from(is_back)], "it is stored as what wins");
    }
}

#[test]
fn beaten_batches_wait_for_seven_days() {
    for (days, expected) in [(7, Some(10)), (8, None)] {
        let mut keeper = spoilt();
        let due = keeper.room.poll_timeout(now(50));
        assert!(due.is_some_and(|due| due <= now(8 * DAY).time), "it wakes up for it");
        let at = now(days * DAY);
        keeper.rest(at);
        assert_eq!(keeper.stored(), if days == 7 { (2, 1) } else { (1, 0) });
        keeper.tell(at, &banned());
        assert_eq!(keeper.value(), expected);
    }
}

#[test]
fn cut_batches_wait_no_more() {
    let mut keeper = spoilt();
    keeper.hear(now(40), &free((5, 1, 1), 35, &[(1, 50)]));
    assert_eq!(keeper.stored(), (3, 2));
    keeper.tell(now(50), &banned());
    assert_eq!((keeper.value(), keeper.stored()), (Some(50), (2, 1)), "what the banned wrote is gone");
    let mut keeper = keeper.restart(now(60));
    keeper.tell(now(80), &ban(0, 75, &[&banned()], 5, vec![]));
    assert_eq!((keeper.value(), keeper.stored()), (Some(10), (1, 0)));
}

#[test]
fn bans_taken_back_give_everything_back() {
    const MODERATOR: u8 = 6;
    let appointed = record(0, 21, &[], vec![Change::Appoint(peers(&[MODERATOR]))], None);
    let bans = [HONEST, VANDAL].map(|who| ban(MODERATOR, 30, &[&appointed], who, vec![]));
    let lifted = [HONEST, VANDAL].into_iter().zip(&bans);
    let lifted = lifted.map(|(who, ban)| Lifted { record: ban.0.id(), peer: Some(peer(who)) });
    let lifted = Change::Lift(Bounded::new(sorted(lifted.collect())).unwrap());
    let lift = record(0, 40, &[&appointed], vec![lifted], None);
    let fall = ban(0, 40, &[&appointed], MODERATOR, vec![]);
    for (days, back) in
        [1, BEATEN_DAYS, BEATEN_DAYS + 1].into_iter().flat_map(|days| [(days, &lift), (days, &fall)])
    {
        let mut keeper = spoilt();
        keeper.tell(now(25), &appointed);
        bans.iter().for_each(|ban| keeper.tell(now(30), ban));
        assert_eq!((keeper.value(), keeper.stored()), (None, (2, 2)), "both wait");
        let at = now(u64::from(days) * DAY);
        keeper = keeper.restart(at);
        assert_eq!(keeper.value(), None, "nobody is shown what was taken");
        keeper.tell(at, back);
        let is_back = days <= BEATEN_DAYS;
        let expected = if is_back { (Some(66), (2, 1)) } else { (None, (0, 0)) };
        assert_eq!((keeper.value(), keeper.stored()), expected, "{days} days later");
        let keeper = keeper.restart(at);
        assert_eq!((keeper.value(), keeper.stored()), expected);
    }
}

#[test]
fn bans_of_the_owner_give_nothing_back() {
    let mut keeper = spoilt();
    let appointed = record(0, 21, &[], vec![Change::Appoint(peers(&[6]))], None);
    keeper.tell(now(25), &appointed);
    keeper.tell(now(30), &ban(6, 30, &[&appointed], VANDAL, vec![]));
    assert_eq!((keeper.value(), keeper.stored()), (Some(10), (2, 1)), "what it had beaten shows");
    let by_owner = ban(0, 35, &[&appointed], VANDAL, vec![]);
    keeper.tell(now(35), &by_owner);
    assert_eq!(keeper.stored(), (1, 0), "no moderator's ban has to fall for it");
    keeper.tell(now(40), &ban(0, 40, &[&by_owner], 6, vec![]));
    assert_eq!((keeper.value(), keeper.stored()), (Some(10), (1, 0)));
}
