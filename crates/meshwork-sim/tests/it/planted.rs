//! Faults planted in nodes, each of which the checker that is named for it must notice.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use meshwork_core::seam::config::PlantedBug;
use meshwork_sim::check::Violation;
use meshwork_sim::path::PathModel;
use meshwork_sim::scenario;

use crate::{joins, overlays, records, resume, room, tables, visits};

/// A scenario, with a fault in its nodes or without.
type Trial = fn(u64, Option<PlantedBug>) -> Result<(), Violation>;

/// How a fault is shown to be noticed.
struct Proof {
    /// The checker that is named for it: what any other one sees does not count.
    checker: &'static str,
    trial: Trial,
    /// What the scenario may be drawn from; the first with which it is noticed is tried without the fault as well.
    seeds: &'static [u64],
}

/// A room drawn from a seed.
fn random_room(seed: u64, planted: Option<PlantedBug>) -> Result<(), Violation> {
    scenario::run(seed, planted).map(drop)
}

/// Seeds of random rooms, the first hundreds.
const RANDOM: &[u64] = &{
    let (mut seeds, mut seed) = ([0; 300], 0);
    while seed < seeds.len() {
        seeds[seed] = seed as u64;
        seed += 1;
    }
    seeds
};

/// Which checker is named for each fault, and where it is to notice it. A fault that is added has to be entered here.
fn proof(fault: PlantedBug) -> Proof {
    use PlantedBug as P;
    let random = |checker| Proof { checker, trial: random_room, seeds: RANDOM };
    let once = |checker, trial: Trial| Proof { checker, trial, seeds: &[0] };
    let cut = |checker| Proof {
        checker,
        trial: |seconds, planted| resume::live_through(Duration::from_secs(seconds), PathModel::WAN, planted),
        seeds: &[20, 5, 6, 7, 8, 9],
    };
    let crowd = |checker| Proof {
        checker,
        trial: |seed, planted| overlays::lives_through(seed, "emergent", 60, 10, planted).map(drop),
        seeds: &[7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    };
    match fault {
        P::ClockMerge | P::ClockBack | P::ClearedLoses => random("write-wins"),
        P::StampsAhead => once("clock-sanity", |_, planted| room::stamps_by_the_server(planted)),
        P::TieByArrival | P::WindowSwallows => random("acknowledged"),
        P::FoldRestamps | P::SignatureUnchecked => random("only-written"),
        P::DigestColumn => random("equal-replicas"),
        P::AcknowledgedEarly | P::FoldUnstored => random("stored"),
        P::HeldApplied => random("clock-sanity"),
        P::HeldUnbounded => random("bounded-memory"),
        P::OutboxCleared => random("writes-acknowledged"),
        P::LinkLeaks => random("no-leak"),
        P::OverlaySilent => random("live-delivery"),
        P::DirectTwice | P::DirectForgotten => cut("direct-messages"),
        P::ResumeOnce => cut("resumed-in-time"),
        P::RateRule => once("equal-replicas", |_, planted| records::keeps_rules(planted)),
        P::LateBan => once("equal-replicas", |_, planted| records::keeps_bans(planted)),
        P::TermsByArrival => once("equal-replicas", |_, planted| records::forks_alike(planted)),
        P::BeatenForgotten => random("acknowledged"),
        P::UnlistedStands => random("silenced"),
        P::BanUntold | P::OldKeyAdmits | P::TakingIgnored => random("refused"),
        P::AdmissionUntold => random("equal-replicas"),
        P::KeyCutsFirst => random("cuts"),
        P::LiftIgnored => random("rights"),
        P::SecretIgnored => random("let-in"),
        P::UnknownNotSent => once("visits", |_, planted| visits::ends_unknown(planted)),
        P::Equivocation => once("found-out", |_, planted| records::finds_out(planted)),
        P::PassUnverified => once("no-honest-refusal", |_, planted| joins::passes_on_what_holds(planted)),
        P::LostParts => once("equal-replicas", |_, planted| joins::survives_a_leave(planted)),
        P::RemovalLoses | P::ReplicaMixed => random("write-wins"),
        P::FieldByArrival | P::FieldDigest | P::TableUncompared => random("equal-replicas"),
        P::RowRestamps => random("only-written"),
        P::ModeratorsIgnored => random("allowed-writers"),
        P::RemovalUntold => random("told"),
        P::RowEarly => random("rows-in-time"),
        P::SaidTwice | P::GapUntold => random("said"),
        P::DatagramLate => random("newest"),
        P::PresenceUntold | P::OwnAdmissionUntold => random("present"),
        P::ShareOfPeer => random("counted"),
        P::ValueLeast => random("latest"),
        P::CausalUnordered => random("causal"),
        P::HistoryLatest => random("history"),
        P::EditKeepsText => random("posts"),
        P::ClientOfPeer => random("letters"),
        P::SeedByName => random("seeded"),
        P::WaitingForgotten => random("one-text"),
        P::AddedFirst => random("opened"),
        P::QuotaUnenforced => once("within-quota", |_, planted| tables::keeps_quota(planted)),
        P::OverlayUnrepaired | P::ShuffleOff => crowd("degree"),
        P::NeverPruned => {
            let trial: Trial = |seed, planted| overlays::copies(seed, "emergent", planted).map(drop);
            Proof { checker: "payload-copies", trial, seeds: &[3] }
        }
        P::PinningOff => once("oldest-kept", |_, planted| overlays::keeps_the_oldest(planted)),
        P::LoopGuardOff => {
            Proof { checker: "loop-free", trial: overlays::has_no_loops, seeds: &[20, 21, 22, 23] }
        }
    }
}

/// With which of its seeds a fault was noticed before, which the test prints: the rooms before it take minutes in all.
fn noticed_at(fault: PlantedBug) -> Option<u64> {
    use PlantedBug as P;
    Some(match fault {
        P::RemovalLoses | P::TableUncompared | P::RemovalUntold | P::CausalUnordered => 1,
        P::DatagramLate => 2,
        P::EditKeepsText => 4,
        P::TieByArrival | P::FoldRestamps | P::AcknowledgedEarly | P::FoldUnstored | P::SeedByName => 5,
        P::ClockMerge | P::ClockBack => 7,
        P::ShuffleOff => 10,
        P::RowRestamps | P::HistoryLatest | P::AddedFirst => 12,
        P::WaitingForgotten => 15,
        P::ClientOfPeer => 16,
        P::ShareOfPeer => 17,
        P::FieldByArrival => 18,
        P::BeatenForgotten | P::BanUntold | P::OldKeyAdmits | P::TakingIgnored | P::AdmissionUntold => 19,
        P::DigestColumn => 24,
        P::OutboxCleared => 34,
        P::HeldApplied => 37,
        P::UnlistedStands => 50,
        P::SignatureUnchecked => 52,
        P::HeldUnbounded => 60,
        P::SecretIgnored => 83,
        P::LiftIgnored => 90,
        P::FieldDigest => 101,
        P::GapUntold => 150,
        P::KeyCutsFirst => 623,
        P::PresenceUntold => 2221,
        // With the first.
        _ => return None,
    })
}

/// Looks for a seed with which a fault is noticed by the checker that is named for it, and by nothing without it.
fn notice(fault: PlantedBug) -> Result<(), String> {
    let Proof { checker, trial, seeds } = proof(fault);
    let caught = |seed: u64| trial(seed, Some(fault)).err().filter(|seen| seen.checker == checker);
    let mut seeds = noticed_at(fault).into_iter().chain(seeds.iter().copied());
    let Some((seed, violation)) = seeds.find_map(|seed| Some((seed, caught(seed)?))) else {
        return Err(format!("{fault:?} is not noticed by {checker}"));
    };
    println!("{:<22} seed {seed:>3}: {violation}", fault.name());
    trial(seed, None).map_err(|clean| format!("seed {seed} of {fault:?} fails without it: {clean}"))
}

#[test]
fn every_planted_fault_is_caught() {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    // Those that take longest stand last.
    let share = |thread: usize| {
        let faults = PlantedBug::ALL.iter().rev().skip(thread).step_by(threads);
        faults.filter_map(|&fault| notice(fault).err()).collect::<Vec<_>>()
    };
    let missed: Vec<String> = thread::scope(|scope| {
        let shares: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        shares.into_iter().flat_map(|share| share.join().expect("a trial does not panic")).collect()
    });
    assert_eq!(missed, Vec::<String>::new());
}
