//! Counters: numbers that many people raise at once, and that lose no step.
//!
//! # Problem
//! Whoever keeps one number and lets the later write win loses what others counted meanwhile. Whoever sends steps
//! loses those that do not arrive, and counts those twice that arrive twice.
//!
//! # How it works
//! A counter is a row of *shares*. A share is a field that one endpoint writes and nobody else ever does: what that
//! endpoint added in all. The counter stands at the sum of its shares (a grow-only counter by replica, Shapiro et al.,
//! "A comprehensive study of Convergent and Commutative Replicated Data Types", 2011, section 3.1.1, whose replicas are
//! endpoints, and whose shares have a sign).
//!
//! # Invariants
//! - A share is named by an instance, which is drawn when a tab or process starts and never stored. So no two programs
//!   write one share: a reloaded tab, a copied profile and a store that lost its tail all begin shares of their own,
//!   and nothing is counted twice or lost.
//!
//! # Limits
//! A name has at most [`NAME_MAX`] bytes; a share and the sum lie within [`i64`]. Each session that
//! counts takes a field for ever, of some 20 bytes.

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::replica::part_named;
use meshwork_core::table::{Change, Entry, Table, Write, Writer};
use meshwork_core::{planted, wire};

use crate::{Kind, NAME_MAX};

/// Why a counter was not raised. It stands where it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CounterError {
    /// Its name is longer than [`NAME_MAX`].
    #[error("a counter's name of {0} bytes is above {NAME_MAX}")]
    Name(usize),
    /// What one program adds in all has to lie within [`i64`]; it is at the first number, and the second was to be added.
    #[error("this program added {0} so far, and {1} more is beyond what can be counted")]
    Range(i64, i64),
}

/// Somebody raised a counter, or lowered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which counter.
    pub name: String,
    /// Who.
    pub author: PeerId,
    /// By how much; several steps of one endpoint may be told as one.
    pub by: i64,
    /// When, by the room's time; `None` where what somebody had counted counts no more, as after a ban.
    pub at: Option<Stamp>,
}

/// Where a counter stands; 0 for one that nobody raised.
pub fn value(table: &Table, name: &str) -> i64 {
    sum(shares(table, name).into_iter().map(|(_, total)| total))
}

/// What each endpoint that raised a counter added in all.
pub fn shares(table: &Table, name: &str) -> Vec<(Endpoint, i64)> {
    table.row(&Kind::Counter.row(name)).filter_map(share).collect()
}

/// All counters whose names begin with `prefix`, by name, and where they stand.
pub fn all(table: &Table, prefix: &str) -> Vec<(String, i64)> {
    let row = Kind::Counter.row(prefix);
    let shares = table.entries(&row).filter_map(|entry| {
        let name = Kind::Counter.name(entry.row())?;
        Some((name, share(entry)?.1))
    });
    let shares: Vec<(&str, i64)> = shares.collect();
    // The shares of one counter lie side by side.
    let counters = shares.chunk_by(|(one, _), (other, _)| one == other);
    counters.map(|shares| (shares[0].0.to_owned(), sum(shares.iter().map(|(_, total)| *total)))).collect()
}

/// What raises a counter by so much, or lowers it, when `me` writes it.
///
/// # Errors
/// [`CounterError`].
pub fn add(table: &Table, me: Endpoint, name: &str, by: i64) -> Result<Write, CounterError> {
    if name.len() > NAME_MAX {
        return Err(CounterError::Name(name.len()));
    }
    let instance = if planted!(ShareOfPeer) { 0 } else { me.instance.0 };
    let (row, field) = (Kind::Counter.row(name), Writer::Peer(me.peer).field(&instance.to_le_bytes()));
    let before = table.get(&row, &field).and_then(share).map_or(0, |(_, total)| total);
    let total = before.checked_add(by).ok_or(CounterError::Range(before, by))?;
    Ok(Write::value(row, field, wire::encode(&total)))
}

/// What a change of a table says of a counter; `None` where it says nothing of any.
pub fn step(change: &Change) -> Option<Step> {
    let name = Kind::Counter.name(change.row())?;
    let total = |entry: &Option<Entry>| entry.as_ref().and_then(share);
    let (before, after) = (total(&change.before), total(&change.after));
    let (author, _) = after.or(before)?;
    let by = after.map_or(0, |(_, total)| total).saturating_sub(before.map_or(0, |(_, total)| total));
    let at = change.after.as_ref().map(Entry::stamp);
    (by != 0).then(|| Step { name: name.to_owned(), author: author.peer, by, at })
}

/// Whose share an entry is, and what that endpoint added; `None` for what this version cannot read.
fn share(entry: &Entry) -> Option<(Endpoint, i64)> {
    let (Writer::Peer(peer), name) = entry.field() else { return None };
    let instance = Instance(u64::from_le_bytes(name.try_into().ok()?));
    Some((Endpoint { peer, instance }, wire::decode(entry.value()?).ok()?))
}

/// The sum, or the nearest number to it within [`i64`]: the same whatever the order.
fn sum(shares: impl Iterator<Item = i64>) -> i64 {
    let sum: i128 = shares.map(i128::from).sum();
    sum.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

/// The part in which all is that is counted under a name: see [`Replica::outline`](meshwork_core::replica::Replica::outline).
pub fn part(name: &str) -> u32 {
    part_named(&Kind::Counter.row(name))
}

#[cfg(test)]
mod tests {
    use meshwork_core::replica::Replica as _;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Person, exchange};

    #[test]
    fn steps_on_both_sides_all_count() {
        let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
        ann.write(|table, me| add(table, me, "likes", 8));
        exchange(&mut ann, &mut bo);
        // Apart: each counts on.
        bo.write(|table, me| add(table, me, "likes", 1));
        bo.write(|table, me| add(table, me, "likes", 2));
        ann.write(|table, me| add(table, me, "likes", -1));
        exchange(&mut ann, &mut bo);
        assert_eq!((value(&ann.table, "likes"), value(&bo.table, "likes")), (10, 10));
        assert_eq!(value(&ann.table, "like"), 0, "another counter");
    }

    #[test]
    fn reloads_and_copied_profiles_count_for_themselves() {
        let mut tab = Person::new(1, 1);
        tab.write(|table, me| add(table, me, "likes", 5));
        let mut copies = [tab.reloaded(2), tab.reloaded(3)];
        for copy in &mut copies {
            copy.write(|table, me| add(table, me, "likes", 1));
        }
        let [one, other] = &mut copies;
        exchange(one, other);
        exchange(one, &mut tab);
        assert_eq!((value(&one.table, "likes"), value(&tab.table, "likes")), (7, 7));
    }

    #[test]
    fn counters_are_listed_by_name() {
        let mut ann = Person::new(1, 1);
        for (name, by) in [("votes/ferry", 2), ("votes/train", 3), ("votes/ferry", 1), ("other", 9)] {
            ann.write(|table, me| add(table, me, name, by));
        }
        let expected = [("votes/ferry", 3), ("votes/train", 3)].map(|(name, at)| (name.to_owned(), at));
        assert_eq!(all(&ann.table, "votes/"), expected);
        assert_eq!(all(&ann.table, "").len(), 3);
    }

    #[test]
    fn a_step_is_told_with_its_author() {
        let mut ann = Person::new(1, 1);
        ann.write(|table, me| add(table, me, "likes", 2));
        let changes = ann.write(|table, me| add(table, me, "likes", 40));
        let steps: Vec<Step> = changes.iter().filter_map(step).collect();
        let [step] = &*steps else { panic!("{steps:?}") };
        assert_eq!((&*step.name, step.author, step.by), ("likes", ann.me.peer, 40));
        assert!(step.at.is_some());
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let mut ann = Person::new(1, 1);
        ann.write(|table, me| add(table, me, "likes", i64::MAX));
        assert_eq!(add(&ann.table, ann.me, "likes", 1), Err(CounterError::Range(i64::MAX, 1)));
        let long = "x".repeat(NAME_MAX + 1);
        assert_eq!(add(&ann.table, ann.me, &long, 1), Err(CounterError::Name(NAME_MAX + 1)));
        let mut bo = Person::new(2, 1);
        bo.write(|table, me| add(table, me, "likes", 1));
        exchange(&mut ann, &mut bo);
        assert_eq!(value(&ann.table, "likes"), i64::MAX, "the nearest number");
    }

    #[test]
    fn rows_are_as_documented() {
        let ann = Person::new(1, 7);
        let write = add(&ann.table, ann.me, "likes", 300).unwrap();
        assert_eq!(write.row, b"\xff\x63likes");
        assert_eq!(write.field, [&[1], &ann.me.peer.0[..], &[7, 0, 0, 0, 0, 0, 0, 0]].concat());
        assert_eq!(write.value.as_deref(), Some(&[0xd8, 0x04][..]));
    }

    /// Bytes that are kept of a counter that so many people raised 10,000 times in each of their sessions, which fold at their
    /// first step, as rooms do.
    fn kept(people: u8, sessions: u64) -> usize {
        let mut counted = Person::new(0, 0);
        for secret in 1..=people {
            let mut person = Person::new(secret, 1);
            for session in 1..=sessions {
                person = person.reloaded(session);
                person.write(|table, me| add(table, me, "likes", 4999));
                person.fold();
                person.write(|table, me| add(table, me, "likes", 5001));
            }
            exchange(&mut counted, &mut person);
        }
        assert_eq!(value(&counted.table, "likes"), i64::from(people) * sessions as i64 * 10_000);
        assert_eq!(shares(&counted.table, "likes").len(), usize::from(people) * sessions as usize);
        counted.table.batches().map(|batch| batch.bytes().len()).sum()
    }

    #[test]
    fn a_million_steps_take_twenty_kilobytes() {
        let all = kept(100, 1);
        assert!(all <= 20_000, "{all} bytes");
        println!("100 people: {all} bytes");
    }

    #[test]
    fn a_reload_leaves_few_bytes() {
        let [one, two, ten] = [1, 2, 10].map(|sessions| kept(10, sessions));
        println!("{} bytes a person, {} with two sessions, {} with ten", one / 10, two / 10, ten / 10);
        assert!(ten - two <= 80 * 30, "{} bytes a further session", (ten - two) / 80);
    }

    #[test]
    fn shapes_of_other_builds_are_skipped() {
        let mut ann = Person::new(1, 1);
        ann.write(|table, me| add(table, me, "likes", 3));
        let row = Kind::Counter.row("likes");
        let own = Writer::Peer(ann.me.peer);
        let odd = [
            Write::value(&row, Writer::Anybody.field(&[0; 8]), [2]),
            Write::value(&row, own.field(b"short"), [2]),
            Write::value(&row, own.field(&[9; 8]), b"a new shape"),
            Write::value([&row[..], &[0xfe]].concat(), own.field(&[9; 8]), [2]),
        ];
        for write in odd {
            ann.write(|_, _| Ok::<_, CounterError>(write.clone()));
        }
        assert_eq!(value(&ann.table, "likes"), 3);
        assert_eq!(all(&ann.table, ""), [("likes".to_owned(), 3)]);
        assert_eq!(ann.table.batch_count(), 5, "what is not read is kept");
    }

    proptest! {
        /// Whatever is added by whom, and whoever meets whom: nothing is lost and nothing counts twice.
        #[test]
        fn sums_are_exact_in_every_order(
            acts in prop::collection::vec((0..4usize, 0..4usize, -9..10i64), 1..60),
        ) {
            let mut people: Vec<Person> = (0..4).map(|n| Person::new(1 + n % 2, n.into())).collect();
            let mut total = 0;
            for (who, other, by) in acts {
                match by {
                    0 if who != other => {
                        let [one, another] = people.get_disjoint_mut([who, other]).expect("two people");
                        exchange(one, another);
                    }
                    by => {
                        people[who].write(|table, me| add(table, me, "n", by));
                        total += by;
                    }
                }
            }
            for _ in 0..2 {
                for who in 1..4 {
                    let [first, one] = people.get_disjoint_mut([0, who]).expect("two people");
                    exchange(first, one);
                }
            }
            for person in &people {
                prop_assert_eq!(value(&person.table, "n"), total);
                prop_assert_eq!(person.table.digest(), people[0].table.digest());
            }
        }
    }
}
