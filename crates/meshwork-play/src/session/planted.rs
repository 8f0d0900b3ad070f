//! Faults on purpose, so that tests can show that their checkers notice them.

use std::cell::Cell;

/// A fault that can be planted in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A player that is merely cut off from the host takes over.
    CutOffTakesOver,
    /// A side with fewer than half of the seats goes on.
    FewGoOn,
    /// The next host counts inputs from nothing.
    CountsForgotten,
    /// The input of another seat is accepted.
    OthersInput,
    /// A lower term is followed.
    LowerTerm,
    /// Removals are left out of differences.
    RemovalsForgotten,
    /// A returning person gets another seat.
    SeatForgotten,
}

impl Planted {
    /// All faults.
    pub const ALL: [Planted; 7] = [
        Planted::CutOffTakesOver,
        Planted::FewGoOn,
        Planted::CountsForgotten,
        Planted::OthersInput,
        Planted::LowerTerm,
        Planted::RemovalsForgotten,
        Planted::SeatForgotten,
    ];
}

std::thread_local! {
    static FIRST_TICK: Cell<u64> = const { Cell::new(0) };
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// Plants a fault in all sessions of this thread, or removes it.
pub fn plant(fault: Option<Planted>) {
    PLANTED.set(fault);
}

/// Whether this fault is planted.
pub(crate) fn is(fault: Planted) -> bool {
    PLANTED.get() == Some(fault)
}

/// Begins matches of this thread with this tick, as if they had run for years.
pub fn begin_at(tick: u64) {
    FIRST_TICK.set(tick);
}

/// The first tick of a match.
pub(crate) fn first_tick() -> u64 {
    FIRST_TICK.get()
}
