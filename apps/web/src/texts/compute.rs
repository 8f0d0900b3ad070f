//! Texts of Compute.
#![expect(missing_docs, reason = "a text says itself what it says")]

use std::time::Duration;

use meshwork_compute::Standstill;
use meshwork_compute::book::Ended;
use meshwork_compute::job::{Check, Kind};
use meshwork_compute::message::Failure;
use meshwork_core::id::PeerId;
use meshwork_core::text::shown;

use super::{capital, count, grouped};
use crate::compute::lending::Refusal;

pub const SHOWN: &str = "Parts of Compute";
pub const JOBS: &str = "Jobs";
pub const DEVICES: &str = "Devices";
pub const LEND: &str = "Lend";
pub const NEW_JOB: &str = "New job";
pub const OWN_CODE: &str = "Your own code";
pub const NOBODY_LENDS: &str = "Nobody lends yet. Lend this device, or share the link.";
pub const NO_JOBS: &str = "Split a big job";
pub const NO_JOBS_HINT: &str =
    "It runs in parts on the devices that lend here. Everybody sees the result grow.";
pub const LEND_THIS: &str = "Lend this device";
pub const LEND_HINT: &str = "Programs of this room then run here until you stop. Nothing runs before.";
pub const STOP_LENDING: &str = "Stop lending";
pub const STOP_HINT: &str = "Units in work go back and run elsewhere.";
pub const CHANGE: &str = "Change";
pub const THIS_DEVICE: &str = "This device lends";
pub const THIS_PHONE: &str = "This phone lends";
pub const RUNS_NOTHING: &str = "Nothing runs here now.";
pub const CORES: &str = "Cores";
pub const SHARE: &str = "Share of time";
pub const FEWER: &str = "Fewer cores";
pub const MORE_CORES: &str = "More cores";
pub const LESS: &str = "Less time";
pub const MORE_TIME: &str = "More time";
pub const BATTERY: &str = "Pause on battery";
pub const CHARGING: &str = "Charging now, so it works";
pub const ON_BATTERY: &str = "On battery now, so it waits";
pub const ON_BATTERY_WORKS: &str = "On battery now, and it works";
pub const CARD: &str = "Graphics card";
pub const CARD_ASKED: &str = "Asking the browser for it";
pub const CARD_INSECURE: &str = "Browsers give it to secure addresses alone. Open this page by https.";
pub const CARD_MISSING: &str = "This browser has no WebGPU. Try a newer one, or another.";
pub const CARD_NONE: &str = "This browser gives no graphics card. Its driver may be missing or blocked, or the browser does not use it.";
pub const NO_CARDS: &str =
    "Nobody lends a graphics card. Allow yours where you lend this device, or ask somebody who has one.";
pub const PROGRAMS_OF: &str = "Run programs of";
pub const ONLY_ME: &str = "Only me";
pub const ALLOWED: &str = "People I allow";
pub const EVERYBODY_HERE: &str = "Everybody here";
pub const LATER_TOO: &str = "And people who come later";
pub const NOBODY_TICKED: &str = "Nobody is ticked yet";
pub const SCRIPTS: &str = "JavaScript of everybody too";
pub const SCRIPTS_HINT: &str = "Nothing bounds its memory. A careless program can end this page.";
pub const CLOSED_BOX: &str =
    "Programs run in a closed box. They see no files, no network, no camera and nothing of this page.";
pub const HIDDEN: &str = "Waits while this page is hidden.";
pub const NO_POOL: &str = "This browser cannot run programs in a closed box. Try another browser.";
pub const POOL_MISSING: &str =
    "The part that runs programs cannot be loaded. Check the network and try again.";
pub const NOT_ON: &str = "The rules of this room are not here yet. Try again in a moment.";
pub const NO_MODULES: &str = "This browser cannot end a WebAssembly program that loops, so here such programs run of people you allow only.";
pub const LENDS_NOTHING: &str = "Lends nothing";
pub const PAUSED_LENDER: &str = "Paused";
pub const CAUGHT: &str = "Caught, gets no work";
pub const IDLE: &str = "Waits for work";
pub const LARGER: &str = "larger: lends more";
pub const YOU_BRACKETS: &str = "(you)";
pub const PAUSE_JOB: &str = "Pause job";
pub const GO_ON: &str = "Go on";
pub const CANCEL_JOB: &str = "Cancel job";
pub const REMOVE_JOB: &str = "Remove job";
pub const SURE: &str = "Cancel for good?";
pub const SAVE_RESULT: &str = "Save the result";
pub const UNITS_A_SECOND: &str = "units a second";
pub const LEFT: &str = "left, estimated";
pub const IN_WORK: &str = "units in work";
pub const TILES_IN_WORK: &str = "In work";
pub const STILL_TO_DO: &str = "Still to do";
pub const WHO_DID: &str = "Units that each person did";
pub const CHECKED: &str = "Checked twice";
pub const NONE_CHECKED: &str = "Nothing was checked yet.";
pub const UNIT: &str = "Unit";
pub const RESULT: &str = "Result";
pub const SIZE: &str = "Size";
pub const TIME: &str = "Time";
pub const SUM: &str = "Sum";
pub const NO_RESULTS: &str = "No results yet.";
pub const RESULT_IS_FILE: &str = "The result is a file. Save it once the job is done.";
pub const PICTURE: &str = "Picture of the results so far";
pub const DONE: &str = "Done";
pub const DONE_PHRASE: &str = "done";
pub const PAUSED: &str = "paused";
pub const FAILED: &str = "stopped";
pub const CANCELLED: &str = "cancelled";
pub const DRAFT: &str = "draft";
pub const RUN: &str = "Run";
pub const MANDELBROT: &str = "Mandelbrot";
pub const MANDELBROT_HINT: &str = "A picture in tiles of 64 by 64 pixels, made by a WebAssembly program.";
pub const MANDELBROT_ABOUT: &str = "The Mandelbrot set in tiles of 64 by 64 pixels.";
pub const JULIA: &str = "Julia";
pub const JULIA_HINT: &str = "A picture in tiles, made by a shader on graphics cards that people lend.";
pub const JULIA_ABOUT: &str = "A Julia set in tiles of 64 by 64 pixels.";
pub const PRIMES: &str = "Primes";
pub const PRIMES_HINT: &str =
    "How many primes are in each stretch of numbers, counted by a JavaScript function.";
pub const PRIMES_ABOUT: &str = "Counts the primes from n * step to (n + 1) * step.";
pub const OWN_HINT: &str = "Write a JavaScript function, try it here, and run it in the room.";
pub const WRITE_IT: &str = "Write it";
pub const PICTURE_SIZE: &str = "Size of the picture";
pub const UP_TO: &str = "Numbers up to";
pub const JAVASCRIPT: &str = "JavaScript";
pub const SIGNATURE: &str = "function unit(n, params, input)";
pub const OPEN_FILE: &str = "Open a file";
pub const NAME: &str = "Name";
pub const UNITS: &str = "Units";
pub const REDUCE: &str = "Reduce to";
pub const REDUCE_LIST: &str = "List";
pub const REDUCE_SUM: &str = "Sum";
pub const REDUCE_MIN: &str = "Smallest";
pub const REDUCE_MAX: &str = "Largest";
pub const PARAMETERS: &str = "Parameters";
pub const PARAMETERS_HINT: &str = "JSON, such as {\"width\": 4096}";
pub const INPUT: &str = "Input";
pub const NO_INPUT: &str = "No file. Each unit gets the same bytes.";
pub const CHECK: &str = "Check results";
pub const CHECK_NONE: &str = "None";
pub const CHECK_SOME: &str = "Some, twice";
pub const CHECK_ALL: &str = "All, twice";
pub const TRIAL: &str = "Trial on this device";
pub const TRY: &str = "Try";
pub const TRY_KEYS: &str = "Ctrl Enter";
pub const NOT_TRIED: &str = "Try the code first. Three units run here, each twice.";
pub const CHANGED: &str = "The code changed since the trial. Try it again.";
pub const SAME_TWICE: &str = "the same in a second run";
pub const DIFFERS: &str = "another result in a second run";
pub const NO_RESULT: &str = "none";
pub const RUN_IN_ROOM: &str = "Run in the room";
pub const EDITOR: &str = "Code of the program";
pub const FIRST_NAME: &str = "Collatz steps";
pub const FIRST_CODE: &str = "// The longest Collatz sequence that begins in stretch n\n\
function unit(n, params, input) {\n  const size = params?.size ?? 10000\n  let longest = 0\n  \
for (let start = Math.max(1, n * size); start < (n + 1) * size; start++) {\n    \
let steps = 0\n    for (let x = start; x !== 1; steps++) x = x % 2 ? 3 * x + 1 : x / 2\n    \
longest = Math.max(longest, steps)\n  }\n  return longest\n}\n";
pub const FIRST_PARAMETERS: &str = "{ \"size\": 10000 }";
pub const NEEDS_NAME: &str = "Give the job a name.";
pub const NEEDS_UNITS: &str = "Units are a whole number from 1 to 1,000,000.";
pub const NO_JSON: &str = "The parameters are no JSON.";
pub const FILE_TOO_LONG: &str = "An input has at most 64 MB.";

/// The ticked people on the sheet.
pub fn people(names: &[String]) -> String {
    if names.is_empty() { NOBODY_TICKED.to_owned() } else { super::list(names, NOBODY_TICKED) }
}

pub fn here_and_lend(here: usize, lend: usize) -> String {
    match lend {
        1 => format!("{} here, 1 lends", grouped(here)),
        _ => format!("{} here, {} lend", grouped(here), grouped(lend)),
    }
}

pub fn cores(cores: usize) -> String {
    count(cores, "core")
}

pub fn cores_of(lent: u8, all: u8) -> String {
    format!("{lent} of {all}")
}

pub fn you_lend(lent: u8, all: u8) -> String {
    format!("You lend {}", cores_lent(lent, all))
}

fn cores_lent(lent: u8, all: u8) -> String {
    format!("{lent} of {}", cores(all.into()))
}

pub fn others_stay(others: u8) -> String {
    match others {
        0 => "All of them work".to_owned(),
        1 => "The other one stays yours".to_owned(),
        others => format!("The other {others} stay yours"),
    }
}

pub fn share(percent: u8) -> String {
    format!("{percent}\u{2009}%")
}

pub fn works(percent: u8) -> String {
    match percent {
        100 => "Works all the time".to_owned(),
        percent => format!("Works {}\u{2009}s of every 10\u{2009}s", percent / 10),
    }
}

/// The terms of lending in one line: the time, and the people.
pub fn terms(percent: u8, whose: &str) -> String {
    let time = match percent {
        100 => "All the time".to_owned(),
        50 => "Half the time".to_owned(),
        percent => format!("{percent}\u{2009}% of the time"),
    };
    format!("{time}, {whose}")
}

pub const TO_ME: &str = "for your programs only";
pub const TO_ALLOWED: &str = "to people you allow";
pub const TO_EVERYBODY: &str = "to everybody here";

/// Units that run here for somebody.
pub fn runs_for(who: &str, units: usize) -> String {
    format!("For {who}, {}", count(units, "unit"))
}

/// The spans of a job that a device has in hand: the first unit of each, and the number of its units.
pub fn has_in_hand(job: &str, who: &str, spans: &[(u32, u32)]) -> String {
    let units: u32 = spans.iter().map(|(_, units)| units).sum();
    match spans {
        [(first, units)] if *units > 1 => {
            let last = first.saturating_add(*units) - 1;
            format!("{job} for {who}, units {} to {}", grouped(*first as usize), grouped(last as usize))
        }
        [(first, _)] => format!("{job} for {who}, unit {}", grouped(*first as usize)),
        _ => format!("{job} for {who}, {}", self::units(units)),
    }
}

pub fn runs_now(units: u8) -> String {
    match units {
        0 => IDLE.to_owned(),
        units => format!("Runs {} now", count(units.into(), "unit")),
    }
}

pub fn lends(cores: u8, is_paused: bool) -> String {
    match (cores, is_paused) {
        (0, _) => LENDS_NOTHING.to_owned(),
        (cores, true) => format!("{}, paused", self::cores(cores.into())),
        (cores, false) => self::cores(cores.into()),
    }
}

pub fn units(units: u32) -> String {
    count(units as usize, "unit")
}

pub fn done_of(accepted: u32, units: u32) -> String {
    format!("{} of {}", grouped(accepted as usize), count(units as usize, "unit"))
}

pub fn percent(percent: u32) -> String {
    format!("{percent}\u{2009}%")
}

/// A job's title with what is known of its size.
pub fn title(name: &str, size: Option<(u32, u32)>) -> String {
    match size {
        Some((width, height)) => format!("{name}, {width}\u{a0}\u{d7}\u{a0}{height}"),
        None => name.to_owned(),
    }
}

/// The submitter of a job, and the person who keeps its books if the submitter leaves.
pub fn made_by(submitter: &str, steward: Option<&str>, next: Option<&str>) -> String {
    let (leave, made) = match submitter {
        super::YOU_IN_SENTENCE => ("you leave".to_owned(), "you"),
        name => (format!("{name} leaves"), name),
    };
    match (steward, next) {
        (_, Some(super::YOU_IN_SENTENCE)) => format!("Made by {made}. If {leave}, you take over."),
        (_, Some(next)) => format!("Made by {made}. If {leave}, {next} takes over."),
        (Some(steward), None) if steward != submitter => format!("Made by {made}. Kept by {steward}."),
        _ => format!("Made by {made}."),
    }
}

/// A time that is left.
pub fn left(left: Duration) -> String {
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    match seconds {
        0..=90 => format!("{seconds}\u{2009}s"),
        91..=5400 => format!("{}\u{2009}min", seconds.div_ceil(60)),
        5401..=172_800 => format!("{}\u{2009}h", seconds.div_ceil(3600)),
        _ => format!("{} days", grouped(usize::try_from(seconds.div_ceil(86_400)).unwrap_or(usize::MAX))),
    }
}

/// Units a second.
pub fn speed(per_second: f64) -> String {
    match per_second {
        fast if fast >= 10.0 => format!("{}\u{2009}/s", grouped(fast.round() as usize)),
        slow if slow >= 0.05 => format!("{slow:.1}\u{2009}/s"),
        _ => "0\u{2009}/s".to_owned(),
    }
}

/// The cost of checking.
pub fn checked(checked: u32, accepted: u32) -> String {
    let more = u64::from(checked) * 100 / u64::from(accepted.max(1));
    format!("{} of {}, {more}\u{2009}% more work", grouped(checked as usize), units(accepted))
}

/// How results are checked.
pub fn check(check: Check, trusted: &[String]) -> String {
    let again = |which: &str| {
        let is_one = matches!(trusted, [one] if one != super::YOU_IN_SENTENCE);
        let verb = if is_one { "runs" } else { "run" };
        format!("{} {verb} {which} units again.", capital(&super::list(trusted, super::NOBODY)))
    };
    match check {
        Check::None => "Results are taken as they come.".to_owned(),
        Check::Sample => again("drawn"),
        Check::All => again("all"),
    }
}

pub fn wrong_result(who: &str) -> String {
    format!("{} sent a wrong result", capital(who))
}

pub fn wrong_result_means(who: &str) -> String {
    format!(
        "A trusted device ran a unit again and got something else. {} gets no more work from this job.",
        capital(who)
    )
}

pub fn let_again(who: &str) -> String {
    format!("Let {who} lend again")
}

/// The reason that a job does not go on, with people by name.
pub fn standstill(why: &Standstill, called: impl Fn(PeerId) -> String) -> String {
    match why {
        Standstill::Paused => "Paused. Submitter and moderators must all let it run.".to_owned(),
        Standstill::NobodyLends => NOBODY_LENDS.to_owned(),
        Standstill::NobodyRuns(kind) => {
            let kind = if *kind == Kind::Js { "JavaScript of this person" } else { "WebAssembly" };
            format!("Those who lend run no {kind}. Allow it where a device lends, or lend this one.")
        }
        Standstill::NoCard => NO_CARDS.to_owned(),
        Standstill::NobodyOffers(name) => {
            format!("Nobody offers \u{201c}{}\u{201d}. Start a lender with this program.", super::name(name))
        }
        Standstill::NobodyTrusted(peer) => {
            format!(
                "It waits for somebody whom the job trusts. {} has to open the room.",
                capital(&called(*peer))
            )
        }
        Standstill::NobodyChecks { results } => format!(
            "{} wait for a check. A device that the job trusts has to lend.",
            count(*results as usize, "result")
        ),
        Standstill::UnitFails { unit, reason } => format!(
            "Unit {} fails: {}. A device that the job trusts has to lend to try it.",
            grouped(*unit as usize),
            failure(reason)
        ),
        Standstill::NobodyReduces { submitter, steward } => format!(
            "All units are done, and nobody puts them together. {} has to open the room, or {} has to run programs of theirs.",
            capital(&called(*submitter)),
            called(steward.peer)
        ),
        Standstill::OutcomeAway(peer) => {
            format!(
                "It is done, and its outcome is not here. {} has to open the room.",
                capital(&called(*peer))
            )
        }
        Standstill::TakingOver => "Another device takes over.".to_owned(),
        Standstill::BookRefused => {
            "The room does not take the job's book. It may be full, or the device in charge may not write."
                .to_owned()
        }
        Standstill::Slow { unit, lender, .. } => format!(
            "Nothing came for a minute. {} has unit {}.",
            capital(&called(lender.peer)),
            grouped(*unit as usize)
        ),
        Standstill::NobodyTakes => {
            "Nobody takes units. The devices that lend are busy, or do not run programs of this person."
                .to_owned()
        }
        other => super::sentence(&other.to_string()),
    }
}

/// The reason that this device lends and runs nothing of a job; `called` gives the name of a person.
pub fn not_for_this(refusal: Refusal, called: impl Fn(PeerId) -> String) -> String {
    match refusal {
        Refusal::Person(peer) => format!("This device lends, but not to {}.", called(peer)),
        Refusal::Kind(Kind::Js) => {
            "This device lends, but runs no JavaScript of people you did not allow.".to_owned()
        }
        Refusal::Kind(Kind::Wasm) => NO_MODULES.to_owned(),
        Refusal::Kind(Kind::Offered) => {
            "Browsers offer no programs of their own. Programs do, from the command line.".to_owned()
        }
        Refusal::Kind(Kind::Wgsl(_)) => "This device lends no graphics card.".to_owned(),
    }
}

/// The reason that a unit failed, in words for people.
pub fn failure(failure: &Failure) -> String {
    match failure {
        Failure::Trapped(_) => "the program stops",
        Failure::Time => "it runs longer than it may",
        Failure::Memory => "it needs more memory than it may",
        Failure::Result => "its result is too long or of another kind",
        Failure::Load(_) => "the program cannot be loaded",
    }
    .to_owned()
}

/// The graphics card of this device.
pub fn card(name: &str) -> String {
    format!("{}. Shaders of others may slow this screen down", shown(name))
}

/// The graphics card that a device lends.
pub fn lends_card(name: &str) -> String {
    format!("Lends its graphics card, {}", shown(name))
}

/// A graphics card that runs no shader any more.
pub fn card_gone(words: &str) -> String {
    format!("Not lent any more: {words}.")
}

/// The engine's own words about a failure.
pub fn engine_words(failure: &Failure) -> &str {
    match failure {
        Failure::Trapped(words) | Failure::Load(words) => words.as_str(),
        _ => "",
    }
}

/// The reason that a job failed, and the engine's own words.
pub fn ended(unit: u32, reason: &Ended) -> (String, String) {
    let unit = grouped(unit as usize);
    match reason {
        Ended::Fails(reason) => {
            let words = shown(engine_words(reason));
            (format!("Stopped at unit {unit}: {}.", failure(reason)), words)
        }
        Ended::Differs => (
            format!("Devices differ at unit {unit}. This program does not give the same result everywhere."),
            String::new(),
        ),
        Ended::TooMuch(most) => (
            format!(
                "All results together are longer than {}. Let the program return less.",
                super::amount(*most)
            ),
            String::new(),
        ),
    }
}

/// The name of a tried unit.
pub fn tried_unit(unit: u32, units: u32) -> String {
    let number = grouped(unit as usize);
    match unit {
        0 => format!("{number}, the first"),
        unit if unit + 1 == units => format!("{number}, the last"),
        _ => number,
    }
}

pub fn ran(ran: usize, tried: usize) -> String {
    format!("{ran} of {} ran", count(tried, "unit"))
}

pub fn stopped_at(line: Option<u32>) -> String {
    line.map_or_else(|| "stopped".to_owned(), |line| format!("stopped at line {line}"))
}

/// Why a trial forbids the job.
pub fn stops(unit: u32, line: Option<u32>) -> String {
    let mend = line.map_or_else(|| "mend it".to_owned(), |line| format!("mend line {line}"));
    format!(
        "Unit {} stops. A unit that stops would end the job, so {mend} and try again.",
        grouped(unit as usize)
    )
}

pub fn differs(unit: u32) -> String {
    format!(
        "Unit {} gives another result each time. No device could check it, so let it depend on n and the parameters alone.",
        grouped(unit as usize)
    )
}

/// A failure at its line of the code.
pub fn fault(unit: u32, reason: &str) -> String {
    format!("Unit {}: {reason}.", grouped(unit as usize))
}

pub fn devices_lend(devices: usize, cores: usize) -> String {
    match devices {
        0 => "Nobody lends yet".to_owned(),
        1 => format!("1 device lends {}", self::cores(cores)),
        devices => format!("{} devices lend {}", grouped(devices), self::cores(cores)),
    }
}

/// How long a job takes, as its trial says.
pub fn estimate(one_core: Duration, cores: usize) -> String {
    let together = one_core.div_f64(cores.max(1) as f64);
    match cores {
        0 => format!("About {} on one core", left(one_core)),
        _ => format!("About {} here together, {} on one core", left(together), left(one_core)),
    }
}

pub fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{ms:.1}\u{2009}ms")
    } else {
        format!("{}\u{2009}ms", grouped(ms.round() as usize))
    }
}

/// The parts of the room's submit errors that a form shows.
pub fn not_submitted(error: &str) -> String {
    format!("The job was not submitted. {}", super::sentence(error))
}

pub fn more_rows(more: usize) -> String {
    format!("and {} more", grouped(more))
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::{Endpoint, Instance};
    use meshwork_core::time::Time;

    use super::*;

    fn called(peer: PeerId) -> String {
        if peer == PeerId([1; 32]) { "Lin".to_owned() } else { "you".to_owned() }
    }

    #[test]
    fn standstills_name_people() {
        let lender = Endpoint { peer: PeerId([1; 32]), instance: Instance(0) };
        let slow = Standstill::Slow { unit: 1234, lender, since: Time(0) };
        assert_eq!(standstill(&slow, called), "Nothing came for a minute. Lin has unit 1,234.");
        let waits = Standstill::NobodyTrusted(PeerId([1; 32]));
        assert!(standstill(&waits, called).ends_with("Lin has to open the room."));
        let away = Standstill::OutcomeAway(PeerId([1; 32]));
        assert!(standstill(&away, called).ends_with("not here. Lin has to open the room."));
        assert_eq!(standstill(&Standstill::NobodyLends, called), NOBODY_LENDS);
    }

    #[test]
    fn spans_in_hand_are_one_line() {
        assert_eq!(has_in_hand("Primes", "Lin", &[(7, 1)]), "Primes for Lin, unit 7");
        assert_eq!(has_in_hand("Primes", "Lin", &[(8, 8)]), "Primes for Lin, units 8 to 15");
        assert_eq!(has_in_hand("Primes", "Lin", &[(8, 8), (32, 4)]), "Primes for Lin, 12 units");
    }

    #[test]
    fn time_left_is_short() {
        let words = |seconds| left(Duration::from_secs(seconds));
        assert_eq!(
            [0, 75, 91, 5400, 7200, 259_200].map(words),
            ["0\u{2009}s", "75\u{2009}s", "2\u{2009}min", "90\u{2009}min", "2\u{2009}h", "3 days"]
        );
        assert_eq!(left(Duration::from_millis(20)), "1\u{2009}s");
    }

    #[test]
    fn submitters_and_stewards_are_named_once() {
        assert_eq!(made_by("you", Some("you"), None), "Made by you.");
        assert_eq!(
            made_by("you", Some("you"), Some("Kaveh")),
            "Made by you. If you leave, Kaveh takes over."
        );
        assert_eq!(made_by("Lin", Some("Lin"), Some("you")), "Made by Lin. If Lin leaves, you take over.");
        assert_eq!(made_by("Lin", Some("Kaveh"), None), "Made by Lin. Kept by Kaveh.");
    }

    #[test]
    fn speeds_have_few_figures() {
        assert_eq!(
            [0.0, 0.31, 3.04, 1234.4].map(speed),
            ["0\u{2009}/s", "0.3\u{2009}/s", "3.0\u{2009}/s", "1,234\u{2009}/s"]
        );
    }
}
