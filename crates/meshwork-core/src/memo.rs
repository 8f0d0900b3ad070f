//! Signatures that were checked on this thread, so that a simulator of a thousand nodes checks each once.
//!
//! A node of a real program checks each signature once anyway. What is remembered is the outcome for exactly these
//! bytes, so nothing changes but the time that it takes. It is off until [`remember`] is called on a thread.

extern crate std;

use alloc::collections::{BTreeMap, VecDeque};
use core::cell::RefCell;

/// Outcomes that are kept: those of a room of thousands that is being built.
const KEPT_MAX: usize = 65_536;

#[derive(Default)]
struct Memo {
    outcomes: BTreeMap<[u8; 32], bool>,
    order: VecDeque<[u8; 32]>,
}

std::thread_local! {
    static MEMO: RefCell<Option<Memo>> = const { RefCell::new(None) };
}

/// From here on outcomes are remembered on this thread.
pub fn remember() {
    MEMO.with_borrow_mut(|memo| {
        memo.get_or_insert_default();
    });
}

/// What `check` says of these bytes, or said before.
pub(crate) fn remembered(parts: &[&[u8]], check: impl FnOnce() -> bool) -> bool {
    MEMO.with_borrow_mut(|memo| {
        let Some(memo) = memo else { return check() };
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(part);
        }
        let name = *hasher.finalize().as_bytes();
        if let Some(outcome) = memo.outcomes.get(&name) {
            return *outcome;
        }
        let outcome = check();
        if memo.order.len() == KEPT_MAX
            && let Some(oldest) = memo.order.pop_front()
        {
            memo.outcomes.remove(&oldest);
        }
        memo.order.push_back(name);
        memo.outcomes.insert(name, outcome);
        outcome
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_checked_is_remembered_for_exactly_these_bytes() {
        let mut checks = 0;
        let mut check = |byte: u8| {
            remembered(&[&[7; 32], &[byte; 64], b"message"], || {
                checks += 1;
                byte == 1
            })
        };
        assert_eq!([check(1), check(1)], [true; 2]);
        remember();
        assert_eq!([check(1), check(1), check(2), check(2)], [true, true, false, false]);
        assert_eq!(checks, 4);
    }
}
