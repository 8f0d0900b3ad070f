//! Sorting by little code: one heap sort for all kinds of items, where the standard library brings kilobytes for each.

use core::cmp::Ordering;

/// Items that are put in order by their places.
trait Places {
    fn is_less(&self, one: usize, other: usize) -> bool;
    fn swap(&mut self, one: usize, other: usize);
}

struct Items<'a, T, F>(&'a mut [T], F);

impl<T, F: Fn(&T, &T) -> Ordering> Places for Items<'_, T, F> {
    fn is_less(&self, one: usize, other: usize) -> bool {
        (self.1)(&self.0[one], &self.0[other]) == Ordering::Less
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.0.swap(one, other);
    }
}

/// Sorts items, the least first. Which of two equal ones comes first is not said.
///
/// It takes n log n comparisons and no memory, and longer than the standard library's.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Sorts items by their keys, the least first. Which of two equal ones comes first is not said.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(items, |one, other| key(one).cmp(&key(other)));
}

/// Sorts items by what `compare` says of two of them. Which of two equal ones comes first is not said.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let length = items.len();
    heap_sort(&mut Items(items, compare), length);
}

fn heap_sort(items: &mut dyn Places, length: usize) {
    for root in (0..length / 2).rev() {
        sink(items, root, length);
    }
    // The greatest of what is left comes behind it.
    for left in (1..length).rev() {
        items.swap(0, left);
        sink(items, 0, left);
    }
}

/// Moves an item down until none below it is greater, in a heap of the first `length` items.
fn sink(items: &mut dyn Places, mut root: usize, length: usize) {
    loop {
        let mut greater = 2 * root + 1;
        if greater >= length {
            return;
        }
        if greater + 1 < length && items.is_less(greater, greater + 1) {
            greater += 1;
        }
        if !items.is_less(root, greater) {
            return;
        }
        items.swap(root, greater);
        root = greater;
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::cmp::Reverse;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn items_come_in_the_order_of_the_standard_library(
            items in proptest::collection::vec((0u8..40, any::<u16>()), 0..200),
        ) {
            let (mut ours, mut expected) = (items.clone(), items.clone());
            sort(&mut ours);
            expected.sort();
            prop_assert_eq!(&ours, &expected);
            sort_by_key(&mut ours, |&(least, most)| (Reverse(most), least));
            expected.sort_by_key(|&(least, most)| (Reverse(most), least));
            prop_assert_eq!(ours, expected);
        }

        #[test]
        fn equal_items_all_stay(mut items in proptest::collection::vec((0u8..4, any::<u64>()), 0..60)) {
            let mut expected = items.clone();
            sort_by_key(&mut items, |&(key, _)| key);
            prop_assert!(items.is_sorted_by_key(|&(key, _)| key));
            let sorted = |items: &mut Vec<(u8, u64)>| items.sort();
            sorted(&mut items);
            sorted(&mut expected);
            prop_assert_eq!(items, expected);
        }
    }
}
