//! Faults on purpose, so that tests can show that their checkers notice them.

use std::cell::Cell;

use meshwork_core::id::Endpoint;

/// A fault that can be planted in a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Of all members, the newcomer alone restores.
    OnlyNewcomerRestores,
    /// The member applies inputs one tick late.
    LateInputs,
    /// A member that takes over repeats a tick.
    RepeatedTick,
    /// A member that takes over forgets which inputs were ordered.
    InputsForgotten,
    /// A lesser line is followed.
    LesserLine,
}

impl Planted {
    /// All faults.
    pub const ALL: [Planted; 5] = [
        Planted::OnlyNewcomerRestores,
        Planted::LateInputs,
        Planted::RepeatedTick,
        Planted::InputsForgotten,
        Planted::LesserLine,
    ];
}

std::thread_local! {
    static PLANTED: Cell<Option<(Planted, Option<Endpoint>)>> = const { Cell::new(None) };
}

/// Plants a fault in one member, or in all members of this thread, or removes it.
pub fn plant(fault: Option<(Planted, Option<Endpoint>)>) {
    PLANTED.set(fault);
}

/// Whether this fault is planted in this member.
pub(crate) fn is(fault: Planted, member: Endpoint) -> bool {
    PLANTED.get().is_some_and(|(planted, at)| planted == fault && at.is_none_or(|at| at == member))
}
