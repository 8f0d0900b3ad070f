//! Ordered maps beside the trees of the standard library.

use alloc::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What is done to a map, with a key.
fn step() -> impl Strategy<Value = (u8, u16)> {
    (0..10u8, 0..400u16)
}

/// Both do the same; the wide value makes runs short.
fn apply(map: &mut OrderedMap<u16, [u64; 40]>, model: &mut BTreeMap<u16, [u64; 40]>, (step, key): (u8, u16)) {
    let value = [u64::from(key) + u64::from(step); 40];
    match step {
        0..4 => assert_eq!(map.insert(key, value), model.insert(key, value)),
        4 | 5 => assert_eq!(map.remove(&key), model.remove(&key)),
        6 => assert_eq!(map.entry(key).or_insert(value), model.entry(key).or_insert(value)),
        7 => assert_eq!(map.pop_first(), model.pop_first()),
        8 => assert_eq!(map.pop_last(), model.pop_last()),
        _ if key < 10 => {
            map.retain(|known, _| known % 3 == key % 3);
            model.retain(|known, _| known % 3 == key % 3);
        }
        _ => assert_eq!(map.get_mut(&key), model.get_mut(&key)),
    }
}

proptest! {
    #[test]
    fn a_map_does_what_a_tree_does(steps in vec(step(), 0..600), from in 0..400u16, to in 0..400u16) {
        let (mut map, mut model) = (OrderedMap::new(), BTreeMap::new());
        for step in steps {
            apply(&mut map, &mut model, step);
            prop_assert_eq!(map.len(), model.len());
        }
        prop_assert!(map.iter().eq(&model));
        prop_assert!(map.iter().rev().eq(model.iter().rev()));
        prop_assert!(map.keys().eq(model.keys()) && map.keys().len() == model.len());
        prop_assert_eq!(map.first_key_value(), model.first_key_value());
        prop_assert_eq!(map.last_key_value(), model.last_key_value());
        let (from, to) = (from.min(to), from.max(to));
        prop_assert!(map.range(from..to).eq(model.range(from..to)));
        prop_assert!(map.range(from..=to).rev().eq(model.range(from..=to).rev()));
        let behind = (Bound::Excluded(from), Bound::Unbounded);
        prop_assert!(map.range(behind).eq(model.range(behind)));
        prop_assert_eq!(&model.iter().map(|(key, value)| (*key, *value)).collect::<OrderedMap<_, _>>(), &map);
        prop_assert!(map.runs.iter().all(|run| !run.is_empty() && run.len() <= OrderedMap::<u16, [u64; 40]>::FULL));
        prop_assert!(map.into_iter().eq(model));
    }
}

#[test]
fn many_entries_in_any_order_stay_in_full_runs() {
    let upwards: OrderedMap<u32, u32> = (0..100_000).map(|key| (key, key)).collect();
    assert_eq!(upwards.runs.len(), 100_000usize.div_ceil(RUN_MAX));
    let scattered: OrderedMap<u32, u32> =
        (0..100_000u32).map(|key| (key.wrapping_mul(2_654_435_761), key)).collect();
    assert!(scattered.runs.len() < 2 * 100_000 / (RUN_MAX / 2), "{} runs", scattered.runs.len());
    let mut emptied = upwards.clone();
    for key in (0..100_000).filter(|key| key % 64 != 0) {
        emptied.remove(&key);
    }
    assert!(emptied.runs.len() < 200, "{} runs for {} entries", emptied.runs.len(), emptied.len());
}

#[test]
fn bounds_in_the_wrong_order_have_nothing_between_them() {
    let map: OrderedMap<u8, ()> = (0..20).map(|key| (key, ())).collect();
    assert_eq!(map.range((Bound::Included(9), Bound::Excluded(3))).count(), 0);
}

#[test]
fn a_set_has_each_key_once() {
    let mut set: OrderedSet<u8> = [3, 1, 2, 3].into();
    assert!(!set.insert(2) && set.insert(9) && set.remove(&1) && !set.remove(&1));
    assert!(set.iter().eq(&[2, 3, 9]) && set.range(3..).eq(&[3, 9]));
    assert_eq!((set.first(), set.last(), set.len()), (Some(&2), Some(&9), 3));
    let other: OrderedSet<u8> = [3, 4].into();
    assert!(set.difference(&other).eq(&[2, 9]));
    set.append(&mut OrderedSet::from([4]));
    assert!(set.clone().into_iter().eq([2, 3, 4, 9]));
    set.retain(|key| key % 2 == 0);
    assert_eq!((set.pop_first(), set.pop_last(), set.is_empty()), (Some(2), Some(4), true));
}
