//! Offered commands: their surroundings, their failures, and the end of all their children.

use std::sync::Arc;
use std::time::{Duration, Instant};

use meshwork_compute::Job;
use meshwork_compute::job::{Input, Kind, Shape};
use meshwork_compute::message::Failure;
use meshwork_compute::packet;
use meshwork_core::blobs::BlobId;
use meshwork_engines::{Command, Threads, trial};

use crate::bench::{Bench, brief, job, params};
use crate::hostile::Fails;

fn run(job: &Job, command: &str, item: Option<&[u8]>) -> Result<Vec<u8>, Failure> {
    let mut bench = Bench::new(Threads::new().offer("echo", command).unwrap());
    let mut items = vec![item.unwrap_or_default()];
    items.resize(8, b"");
    let packet = packet::write(&items);
    let input = if item.is_some() { Input::Items(BlobId([4; 32]), packet.len() as u64) } else { Input::None };
    let id = bench.load(&Job { input, ..job.clone() }, b"", item.map(|_| &packet[..]));
    bench.results(id, 1).remove(0)
}

fn bytes(command: &str, item: Option<&[u8]>) -> Result<Vec<u8>, Failure> {
    run(&job(Kind::Offered, Shape::Bytes), command, item)
}

fn text(command: &str) -> String {
    String::from_utf8(bytes(command, None).unwrap()).unwrap()
}

/// Whether a process with this argument lives.
fn lives(argument: &str) -> bool {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes()))
}

#[test]
fn command_reads_item_and_surroundings() {
    let command = r#"sh -c 'cat; printf " %s %s %s" $MESHWORK_UNIT $MESHWORK_UNITS "$MESHWORK_PARAMS"'"#;
    let job = params(job(Kind::Offered, Shape::Bytes), "{\"a\": 1}");
    assert_eq!(run(&job, command, Some(b"the item")).unwrap(), b"the item 0 8 {\"a\": 1}");
    assert_eq!(run(&job, "cat", None), Ok(Vec::new()));
}

#[test]
fn no_shell_reads_the_line() {
    assert_eq!(text(r#"printf '%s|' 'a b' "c $HOME" * d\ e '`id`'"#), "a b|c $HOME|*|d e|`id`|");
}

#[test]
fn large_items_pass_both_ways() {
    let mut job = job(Kind::Offered, Shape::Bytes);
    job.program.limits.result = 1 << 20;
    let item: Vec<u8> = (0..1_000_000u32).map(|at| (at * 7) as u8).collect();
    assert_eq!(run(&job, "cat", Some(&item)), Ok(item));
}

#[test]
fn line_end_of_json_is_trimmed() {
    let json = job(Kind::Offered, Shape::Json);
    assert_eq!(run(&json, "echo '[1]'", None), Ok(b"[1]".to_vec()));
    assert_eq!(bytes("echo '[1]'", None), Ok(b"[1]\n".to_vec()));
}

#[test]
fn hostile_commands_fail_by_kind() {
    let rows = [
        ("sleep 41.01", Fails::Time),
        ("sh -c 'kill -STOP $$'", Fails::Time),
        ("sh -c 'trap \"\" TERM INT HUP; exec >&- 2>&- 0<&-; sleep 41.02'", Fails::Time),
        ("sh -c 'yes error >&2'", Fails::Time),
        ("yes", Fails::Result),
        ("head -c 1100 /dev/zero", Fails::Result),
        ("false", Fails::Trapped("exit code 1")),
        ("sh -c 'printf \"%300s\" \"last words\" >&2; exit 3'", Fails::Trapped("last words")),
        ("sh -c 'kill -9 $$'", Fails::Trapped("signal 9")),
        ("no-such-program-here a b", Fails::Load("`no-such-program-here` does not start")),
        ("/dev/null", Fails::Load("does not start")),
    ];
    for (command, fails) in rows {
        let start = Instant::now();
        let job = job(Kind::Offered, Shape::Bytes);
        let job = if matches!(fails, Fails::Time) { brief(job) } else { job };
        fails.check(command, run(&job, command, None));
        assert!(start.elapsed() < Duration::from_secs(6), "{command} took {:?}", start.elapsed());
    }
    Fails::Result.check("silence", run(&job(Kind::Offered, Shape::Json), "true", None));
}

#[test]
fn commands_may_ignore_their_input() {
    let item = vec![7; 1 << 20];
    assert_eq!(bytes("sh -c 'exec 0<&-; echo done'", Some(&item)), Ok(b"done\n".to_vec()));
    assert_eq!(bytes("true", Some(&item)), Ok(Vec::new()));
}

#[test]
fn missing_offer_is_named() {
    let mut bench = Bench::new(Threads::new());
    let id = bench.load(&job(Kind::Offered, Shape::Bytes), b"", None);
    Fails::Load("nothing is offered here under the name echo").check("none", bench.results(id, 1).remove(0));
}

#[cfg(target_os = "linux")]
#[test]
fn children_end_with_their_command() {
    let rows = [
        ("sh -c 'sleep 42.01 & sleep 42.01'", "42.01", false),
        ("sh -c 'setsid sleep 42.02 & setsid sleep 42.02 & sleep 42.02'", "42.02", false),
        ("sh -c 'setsid sh -c \"setsid sleep 42.03 & sleep 42.03\" & echo done'", "42.03", true),
        (
            "sh -c 'for i in 1 2 3 4 5 6; do setsid sh -c \"while :; do sleep 42.04; done\" & done; wait'",
            "42.04",
            false,
        ),
    ];
    for (command, argument, ends) in rows {
        let job = job(Kind::Offered, Shape::Bytes);
        let result = run(&if ends { job } else { brief(job) }, command, None);
        if ends {
            assert_eq!(result, Ok(b"done\n".to_vec()), "{command}");
        } else {
            Fails::Time.check(command, result);
        }
        assert!(!lives(argument), "{command} left a child");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn dropped_pool_ends_its_commands() {
    let mut bench =
        Bench::new(Threads::new().offer("echo", "sh -c 'setsid sleep 43.01 & sleep 43.01'").unwrap());
    let id = bench.load(&job(Kind::Offered, Shape::Bytes), b"", None);
    bench.run(1, id, 0, 1);
    let start = Instant::now();
    while !lives("43.01") {
        assert!(start.elapsed() < Duration::from_secs(10), "the command does not start");
        std::thread::yield_now();
    }
    drop(bench);
    assert!(!lives("43.01"));
}

#[cfg(target_os = "linux")]
#[test]
fn command_gets_pipes_alone() {
    let file = std::fs::File::open("/dev/null").unwrap();
    // A copy without the mark that closes it in other programs.
    let open = rustix::io::dup(&file).unwrap();
    // The fourth is the folder that `ls` reads.
    assert_eq!(text("ls /proc/self/fd"), "0\n1\n2\n3\n");
    drop(open);
}

#[cfg(target_os = "linux")]
#[test]
fn commands_have_low_priority() {
    assert_eq!(text("nice"), "10\n");
}

#[test]
fn trial_notices_differing_runs() {
    let job = Arc::new(job(Kind::Offered, Shape::Bytes));
    let units = |command| {
        trial(job.clone(), None, None, Some(Command::parse(command).unwrap()), None, [0]).next().unwrap()
    };
    assert!(!units("sh -c 'echo $$'").agrees);
    let steady = units("echo one");
    assert!(steady.agrees && steady.memory.is_none(), "{steady:?}");
}
