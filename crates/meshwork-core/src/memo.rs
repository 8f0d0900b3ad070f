//! Signatures and shared secrets that were computed on this thread, so that a simulator of thousands of nodes computes
//! each once.
//!
//! A node of a real program checks each signature once anyway, and of two ends each computes their secret for itself.
//! What is remembered is the outcome for exactly these bytes, so nothing changes but the time that it takes: a signature
//! that was made here holds, any other one is checked. It is off until [`remember`] is called on a thread, and built for
//! the simulator alone.

extern crate std;

use alloc::collections::{BTreeMap, VecDeque};
use core::cell::RefCell;

/// Outcomes that are kept: those of a room of thousands that is being built.
const KEPT_MAX: usize = 65_536;

/// Outcomes by the hash of what they follow from, the oldest given up first.
#[derive(Default)]
struct Memo {
    outcomes: BTreeMap<[u8; 32], [u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl Memo {
    fn insert(&mut self, name: [u8; 32], outcome: [u8; 32]) {
        if self.outcomes.insert(name, outcome).is_some() {
            return;
        }
        if self.order.len() == KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.outcomes.remove(&oldest);
        }
        self.order.push_back(name);
    }
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

/// Whether a signature holds: what `check` says, or said before.
pub(crate) fn verified(parts: [&[u8]; 3], check: impl FnOnce() -> bool) -> bool {
    remembered(b"signature", parts, || [u8::from(check()); 32])[0] == 1
}

/// A signature was made here: it holds.
pub(crate) fn signed(parts: [&[u8]; 3]) {
    remembered(b"signature", parts, || [1; 32]);
}

/// The secret that two keys share: what `agree` computes, or computed before.
pub(crate) fn shared(keys: [&[u8]; 2], agree: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
    remembered(b"secret", [keys[0], keys[1], &[]], agree)
}

fn remembered(kind: &[u8], parts: [&[u8]; 3], compute: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
    MEMO.with_borrow_mut(|memo| {
        let Some(memo) = memo else { return compute() };
        let mut hasher = blake3::Hasher::new();
        for part in [kind].into_iter().chain(parts) {
            hasher.update(&part.len().to_le_bytes()).update(part);
        }
        let name = *hasher.finalize().as_bytes();
        if let Some(outcome) = memo.outcomes.get(&name) {
            return *outcome;
        }
        let outcome = compute();
        memo.insert(name, outcome);
        outcome
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_remembered_for_exactly_its_bytes() {
        let mut checks = 0;
        let mut check = |byte: u8| {
            verified([&[7; 32], &[byte; 64], b"message"], || {
                checks += 1;
                byte == 1
            })
        };
        assert_eq!([check(1), check(1)], [true; 2]);
        remember();
        assert_eq!([check(1), check(1), check(2), check(2)], [true, true, false, false]);
        assert_eq!(checks, 4);
        signed([&[7; 32], &[3; 64], b"message"]);
        assert!(verified([&[7; 32], &[3; 64], b"message"], || false), "made here");
        assert!(!verified([&[7; 32], &[3; 64], b"messag"], || false), "and not for other bytes");
        assert_eq!([shared([&[1], &[2]], || [5; 32]), shared([&[1], &[2]], || [6; 32])], [[5; 32]; 2]);
        assert_eq!(shared([&[2], &[1]], || [6; 32]), [6; 32]);
    }
}
