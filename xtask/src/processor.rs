//! Processor time of the commands that a thread here runs, and of the thread itself.

use std::cell::Cell;
use std::io;
use std::process::{Child, ExitStatus};
use std::time::Duration;

thread_local! {
    static OF_COMMANDS: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// User and system time of this thread, of its commands that ended, and of all processes that those waited for. Browsers
/// leave some processes behind, which are not counted. Zero where the system is not Linux.
pub(crate) fn spent() -> Duration {
    system::of_thread() + OF_COMMANDS.get()
}

/// Adds the time of another thread, which worked for this one.
pub(crate) fn add(time: Duration) {
    OF_COMMANDS.set(OF_COMMANDS.get() + time);
}

/// Waits for a command to end, and counts its time.
///
/// # Errors
/// The system cannot wait for it.
pub(crate) fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    add(system::of_command(child));
    child.wait()
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;
    use std::process::Child;
    use std::time::Duration;

    use rustix::io::retry_on_intr;
    use rustix::param::clock_ticks_per_second;
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn of_thread() -> Duration {
        clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
    }

    /// A process keeps its times from its end until its parent asks how it ended.
    pub(super) fn of_command(child: &Child) -> Duration {
        let id = Pid::from_child(child);
        let has_ended =
            retry_on_intr(|| waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
        let stat = has_ended.ok().and_then(|_| fs::read_to_string(format!("/proc/{}/stat", child.id())).ok());
        let ticks = stat.as_deref().and_then(ticks).unwrap_or_default();
        Duration::from_millis(ticks * 1000 / clock_ticks_per_second().max(1))
    }

    /// The sum of utime, stime, cutime and cstime, fields 14 to 17 of proc_pid_stat(5). Field 2 is a name in brackets, which
    /// may have brackets and spaces in it.
    fn ticks(stat: &str) -> Option<u64> {
        let (_, fields) = stat.rsplit_once(") ")?;
        let times: Vec<u64> =
            fields.split(' ').skip(11).take(4).map(str::parse).collect::<Result<_, _>>().ok()?;
        (times.len() == 4).then(|| times.iter().sum())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn times_stand_behind_the_last_bracket() {
            let stat = "7 (a) b) Z 1 7 7 0 -1 4 9 9 0 0 1 20 300 4000 20 0 1 0 5 0 0";
            assert_eq!(ticks(stat), Some(4321));
            assert_eq!(ticks("7 (a) Z 1 7"), None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::process::Child;
    use std::time::Duration;

    pub(super) fn of_thread() -> Duration {
        Duration::ZERO
    }

    pub(super) fn of_command(_child: &Child) -> Duration {
        Duration::ZERO
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn commands_count_with_processes_they_waited_for() {
        let before = spent();
        // The shell waits for another one, which counts.
        let script = "sh -c 'n=0; while [ $n -lt 300000 ]; do n=$((n + 1)); done'; exit 3";
        let mut child = Command::new("sh").args(["-c", script]).spawn().expect("sh starts");
        assert_eq!(wait(&mut child).expect("it ends").code(), Some(3));
        let taken = spent() - before;
        assert!(taken >= Duration::from_millis(20), "{taken:?}");
    }
}
