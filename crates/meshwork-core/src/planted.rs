//! Faults on purpose, switched on at run time, so that the simulator can show that its checkers notice them.
//!
//! # Problem
//! A checker that never failed may be one that cannot fail.
//!
//! # How it works
//! `Config::planted` names a fault; a node that is called says so for its thread, and `planted!(Name)` is true at the
//! one place where that fault sits. Without the feature `planted-bugs` the macro is `false`, and nothing is left of it.
//!
//! # Invariants
//! - A node without a fault runs as if there were none, whatever others on its thread do.
//! - What an app does between calls has the fault of the node that was called last.

/// Whether a fault is planted in the node that runs. Always false without the feature `planted-bugs`, which a crate that
/// uses this has too.
#[macro_export]
macro_rules! planted {
    ($fault:ident) => {{
        #[cfg(feature = "planted-bugs")]
        let is_planted = $crate::planted::is_planted($crate::planted::PlantedBug::$fault);
        #[cfg(not(feature = "planted-bugs"))]
        let is_planted = false;
        is_planted
    }};
}

#[cfg(feature = "planted-bugs")]
pub(crate) use on::enter;
#[cfg(feature = "planted-bugs")]
pub use on::{PlantedBug, is_planted};

#[cfg(feature = "planted-bugs")]
mod on {
    extern crate std;

    use core::cell::Cell;

    std::thread_local! {
        /// What is planted in the node that runs on this thread.
        static PLANTED: Cell<Option<PlantedBug>> = const { Cell::new(None) };
    }

    /// A node with this fault, or with none, is called.
    pub(crate) fn enter(planted: Option<PlantedBug>) {
        PLANTED.set(planted);
    }

    /// Whether the node that runs has this fault. Asked for each entry that is written, by other crates too.
    #[inline]
    pub fn is_planted(fault: PlantedBug) -> bool {
        PLANTED.get() == Some(fault)
    }

    macro_rules! faults {
        ($($(#[doc = $doc:literal])* $variant:ident = $name:literal,)*) => {
            /// Faults that can be planted.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
            pub enum PlantedBug {
                $($(#[doc = $doc])* $variant,)*
            }

            impl PlantedBug {
                /// All of them.
                pub const ALL: &[PlantedBug] = &[$(PlantedBug::$variant,)*];

                /// Its name on a command line.
                pub fn name(self) -> &'static str {
                    match self {
                        $(PlantedBug::$variant => $name,)*
                    }
                }
            }
        };
    }

    faults! {
        /// Clocks do not merge what others stamped.
        ClockMerge = "clock-merge",
        /// Clocks follow civil time also when it goes back.
        ClockBack = "clock-back",
        /// Stamps are made from our own clock alone, though the servers' clocks are behind it.
        StampsAhead = "stamps-ahead",
        /// Of two entries with one stamp the one that arrives later wins.
        TieByArrival = "tie-by-arrival",
        /// A fold gives all entries that it repeats the stamp of the latest.
        FoldRestamps = "fold-restamps",
        /// The digest of a part leaves some of its entries out.
        DigestColumn = "digest-column",
        /// After a gap in an endpoint's sequence whatever is near it counts as delivered.
        WindowSwallows = "window-swallows",
        /// Batches are acknowledged as stored before they are.
        AcknowledgedEarly = "acknowledged-early",
        /// Folds are not stored, though the batches that they repeat are removed.
        FoldUnstored = "fold-unstored",
        /// Batches whose time has not come are applied.
        HeldApplied = "held-applied",
        /// As many batches are held back as arrive.
        HeldUnbounded = "held-unbounded",
        /// What nobody acknowledged is forgotten when a member is detached.
        OutboxCleared = "outbox-cleared",
        /// Signatures of batches are not checked.
        SignatureUnchecked = "signature-unchecked",
        /// Links that ended stay in the table.
        LinkLeaks = "link-leaks",
        /// What is cleared keeps what it showed.
        ClearedLoses = "cleared-loses",
        /// Nobody passes on batches to who has no link to their author.
        OverlaySilent = "overlay-silent",
        /// A resumed link begins with direct messages that were received before, and they are taken again.
        DirectTwice = "direct-twice",
        /// Direct messages that are not acknowledged when a link is resumed are forgotten without a word.
        DirectForgotten = "direct-forgotten",
        /// A session is tried to be resumed once and not again.
        ResumeOnce = "resume-once",
        /// Batches are taken in whatever the rules of their record say.
        RateRule = "rate-rule",
        /// Batches of the banned are taken in when they come after the ban.
        LateBan = "late-ban",
        /// The terms that hold are those of the record that came last.
        TermsByArrival = "terms-by-arrival",
        /// What had been beaten by what a record took does not compete again.
        BeatenForgotten = "beaten-forgotten",
        /// What a ban does not list stands all the same where its author had not heard of the ban.
        UnlistedStands = "unlisted-stands",
        /// Who is banned is not told so, and writes on.
        BanUntold = "ban-untold",
        /// Bans that were lifted hold.
        LiftIgnored = "lift-ignored",
        /// Who was admitted by an edit key is admitted by all that follow it.
        OldKeyAdmits = "old-key-admits",
        /// Who was dismissed, or taken off the list of writers, keeps the right.
        TakingIgnored = "taking-ignored",
        /// By what others are admitted is passed on to nobody.
        AdmissionUntold = "admission-untold",
        /// Our own admission is sent with our batches alone.
        OwnAdmissionUntold = "own-admission-untold",
        /// Another edit key cuts in the app that the room opened with, and in those that follow it, alone.
        KeyCutsFirst = "key-cuts-first",
        /// Who shows the secret of the genesis is let in, whatever records say.
        SecretIgnored = "secret-ignored",
        /// Direct messages that were sent and may have arrived end as not sent.
        UnknownNotSent = "unknown-not-sent",
        /// Who contradicts itself is not found out.
        Equivocation = "equivocation",
        /// Batches are passed on before their signatures are checked.
        PassUnverified = "pass-unverified",
        /// Parts that were asked of a neighbour which then left are never asked of another.
        LostParts = "lost-parts",
        /// Neighbours that are lost are not replaced.
        OverlayUnrepaired = "overlay-unrepaired",
        /// Links along which batches come twice go on to carry them in full.
        NeverPruned = "never-pruned",
        /// Nobody sends walks: members that are not linked do not come to know of each other.
        ShuffleOff = "shuffle-off",
        /// The oldest links are given up like any other.
        PinningOff = "pinning-off",
        /// Any neighbour may become a parent, descendants too.
        LoopGuardOff = "loop-guard-off",
        /// In a table any value wins over a removal.
        RemovalLoses = "removal-loses",
        /// Of two entries of a field with one stamp the one that arrives later holds it.
        FieldByArrival = "field-by-arrival",
        /// A fold of a row gives all entries that it repeats the stamp of the latest.
        RowRestamps = "row-restamps",
        /// The digest of an entry of a table says where it is, and not what it says.
        FieldDigest = "field-digest",
        /// Tables by time are not compared with neighbours.
        TableUncompared = "table-uncompared",
        /// Batches for a table by time are applied to the table by value of the same app.
        ReplicaMixed = "replica-mixed",
        /// Anybody may write the fields of moderators.
        ModeratorsIgnored = "moderators-ignored",
        /// Rows may carry a time that has not come.
        RowEarly = "row-early",
        /// Apps are not told of fields that are removed.
        RemovalUntold = "removal-untold",
        /// What is said to everybody is heard as often as it comes.
        SaidTwice = "said-twice",
        /// Nobody is told how much of what was said never came.
        GapUntold = "gap-untold",
        /// Datagrams are heard however late they come.
        DatagramLate = "datagram-late",
        /// What a member says of itself is not said again to those who come.
        PresenceUntold = "presence-untold",
        /// Whatever a peer writes in a table holds, however much it is.
        QuotaUnenforced = "quota-unenforced",
        /// All sessions of a peer write one share of a counter.
        ShareOfPeer = "share-of-peer",
        /// The value of a key is what was written there first of all that stands.
        ValueLeast = "value-least",
        /// Who writes on under a key writes over its latest write there.
        HistoryLatest = "history-latest",
        /// An edit of a post keeps its earlier text.
        EditKeepsText = "edit-keeps-text",
        /// What is said in causal order is handed on as it comes.
        CausalUnordered = "causal-unordered",
        /// All sessions of a peer write under one number in documents.
        ClientOfPeer = "client-of-peer",
        /// Two seeds of a document have one number, whatever they say.
        SeedByName = "seed-by-name",
        /// What waits in a document for what comes later is forgotten.
        WaitingForgotten = "waiting-forgotten",
        /// Of what became readable of a document at once programs are told the first part alone.
        AddedFirst = "added-first",
    }
}
