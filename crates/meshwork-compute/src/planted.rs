//! Faults that tests plant in the machines of a thread, to show that their checks can fail.

/// A fault that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Strangers run probes too.
    AnybodyProbes,
    /// A conviction opens no unit again.
    ConvictionOpensNothing,
    /// Late spans are never given to another lender.
    LateNeverAgain,
    /// A new steward does not read the books before it.
    WithoutIndex,
    /// A span whose result went away has no check for the next result.
    CheckStaysWithSpan,
    /// Lenders obey grants of a lower epoch.
    StaleObeyed,
    /// Convictions are not written into the table.
    ConvictionUnwritten,
    /// `All` repeats one unit of a span.
    AllIsSample,
    /// A lender goes on after a cancel.
    CancelIgnored,
    /// No trusted endpoint takes over.
    NoTakeover,
    /// A span whose runs all ended wants no other: runs are counted when they begin alone.
    RunsCounted,
    /// The last peer that reports a unit gets the credit, whether its result is accepted or not.
    CreditByClaim,
}

impl Planted {
    /// All faults.
    pub const ALL: [Planted; 12] = [
        Planted::AnybodyProbes,
        Planted::ConvictionOpensNothing,
        Planted::LateNeverAgain,
        Planted::WithoutIndex,
        Planted::CheckStaysWithSpan,
        Planted::StaleObeyed,
        Planted::ConvictionUnwritten,
        Planted::AllIsSample,
        Planted::CancelIgnored,
        Planted::NoTakeover,
        Planted::RunsCounted,
        Planted::CreditByClaim,
    ];
}

#[cfg(feature = "planted-bugs")]
std::thread_local! {
    static PLANTED: std::cell::Cell<Option<Planted>> = const { std::cell::Cell::new(None) };
}

/// Plants a fault in all machines of this thread, or removes it.
#[cfg(feature = "planted-bugs")]
pub fn plant(fault: Option<Planted>) {
    PLANTED.set(fault);
}

/// Whether this fault is planted.
#[cfg(feature = "planted-bugs")]
pub(crate) fn is(fault: Planted) -> bool {
    PLANTED.get() == Some(fault)
}

/// Without the feature no fault is planted.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) fn is(_: Planted) -> bool {
    false
}
