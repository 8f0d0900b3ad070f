//! A narrow path: a box between a machine and its router in which packets take time, wait for their turn and are lost.
//!
//! The machine's only way out leads into a TUN device, and so does the router's way in. A thread for each direction
//! carries packets from one device to the other as its [`Path`] says. Sockets, programs and browsers notice nothing but
//! the path.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::ioctl;

use crate::namespace::Namespace;

/// What one direction does to packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// How long every packet is under way. A round trip takes the delays of both directions.
    pub delay: Duration,
    /// Up to so much more, drawn for each packet. No packet overtakes another.
    pub jitter: Duration,
    /// The share of packets that is lost, 0 to 1, each drawn by itself.
    pub loss: f64,
    /// What losses and jitter are drawn from.
    pub seed: u64,
    /// How many bytes of packets pass in a second, their IP headers included; at least 1.
    pub bytes_per_second: u64,
    /// Bytes that may wait for their turn. A packet for which no room is left is lost.
    pub queue: u64,
}

impl Default for Path {
    /// A cable: a gigabit in a second, and nothing is lost.
    fn default() -> Path {
        let (delay, jitter) = (Duration::ZERO, Duration::ZERO);
        Path { delay, jitter, loss: 0.0, seed: 0, bytes_per_second: 125_000_000, queue: 1 << 20 }
    }
}

/// A narrow path between a machine and its router, for as long as it is kept: the machine has no other.
#[must_use = "a machine whose path is dropped has none"]
pub struct Narrow {
    /// Its end is the threads' end.
    _held: [UnixStream; 2],
}

impl Narrow {
    /// Carries packets between two devices of this name, one in each namespace.
    pub(crate) fn between(
        device: &'static str,
        (one, there): (&Namespace, Path),
        (other, back): (&Namespace, Path),
        set_up: impl FnOnce() -> Result<()>,
    ) -> Result<Narrow> {
        for path in [there, back] {
            ensure!(path.bytes_per_second > 0 && (0.0..=1.0).contains(&path.loss), "no path is {path:?}");
        }
        let (one, other) = (Arc::new(tun(one, device)?), Arc::new(tun(other, device)?));
        set_up()?;
        let start = |from: &Arc<File>, to: &Arc<File>, path| {
            let (from, to, line) = (Arc::clone(from), Arc::clone(to), Line::new(path));
            let (held, end) = UnixStream::pair()?;
            // A device that is gone has no packets left.
            thread::spawn(move || carry(&from, &to, line, &end).err());
            io::Result::Ok(held)
        };
        Ok(Narrow { _held: [start(&one, &other, there)?, start(&other, &one, back)?] })
    }
}

/// Carries packets until the other end of `end` is gone.
fn carry(mut from: &File, mut to: &File, mut line: Line, end: &UnixStream) -> io::Result<()> {
    let begun = Instant::now();
    let mut packet = vec![0; 1 << 16];
    loop {
        while let Some(due) = line.poll_packet(begun.elapsed()) {
            // What a device does not take is lost, as on a wire.
            let _ = to.write(&due);
        }
        let wait = line.poll_timeout().map(|at| at.saturating_sub(begun.elapsed()));
        let wait =
            wait.map(|wait| Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() });
        let mut looked = [PollFd::new(from, PollFlags::IN), PollFd::new(end, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut looked, wait.as_ref()))?;
        if !looked[1].revents().is_empty() {
            return Ok(());
        }
        if looked[0].revents().is_empty() {
            continue;
        }
        match from.read(&mut packet) {
            Ok(length) => line.handle_packet(begun.elapsed(), &packet[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// One direction, without devices or a clock: times count from its begin.
struct Line {
    path: Path,
    random: fastrand::Rng,
    /// When the last byte that waits will have been sent on.
    idle_at: Duration,
    /// Packets under way, each with the time at which it arrives, in order.
    packets: VecDeque<(Duration, Vec<u8>)>,
}

impl Line {
    fn new(path: Path) -> Line {
        let random = fastrand::Rng::with_seed(path.seed);
        Line { path, random, idle_at: Duration::ZERO, packets: VecDeque::new() }
    }

    fn handle_packet(&mut self, now: Duration, packet: &[u8]) {
        // Drawn for each packet, whatever becomes of it, so that a seed loses the same ones.
        let (fate, late) = (self.random.f64(), self.random.f64());
        let second = self.path.bytes_per_second as f64;
        let waiting = self.idle_at.saturating_sub(now).as_secs_f64() * second;
        if fate < self.path.loss || waiting + packet.len() as f64 > self.path.queue as f64 {
            return;
        }
        self.idle_at = self.idle_at.max(now) + Duration::from_secs_f64(packet.len() as f64 / second);
        let arrives = self.idle_at + self.path.delay + self.path.jitter.mul_f64(late);
        let arrives = self.packets.back().map_or(arrives, |(last, _)| arrives.max(*last));
        self.packets.push_back((arrives, packet.to_vec()));
    }

    fn poll_packet(&mut self, now: Duration) -> Option<Vec<u8>> {
        let is_due = self.poll_timeout().is_some_and(|at| at <= now);
        if is_due { self.packets.pop_front().map(|(_, packet)| packet) } else { None }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.packets.front().map(|(at, _)| *at)
    }
}

/// A device that hands packets to whoever holds it, and takes packets for its namespace.
fn tun(namespace: &Namespace, name: &str) -> Result<File> {
    let mut request = Request { name: [0; 16], flags: IFF_TUN | IFF_NO_PI, _rest: [0; 22] };
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    let open = move || -> io::Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let device = rustix::fs::open("/dev/net/tun", flags, Mode::empty())?;
        // SAFETY: TUNSETIFF reads a `struct ifreq`, which a request is laid out as.
        unsafe { ioctl::ioctl(&device, ioctl::Setter::<TUNSETIFF, Request>::new(request))? };
        Ok(device)
    };
    let device = namespace.open(open).context(
        "no TUN device can be made: /dev/net/tun must be there (type: sudo modprobe tun) and writable (type: sudo chmod \
         666 /dev/net/tun)",
    )?;
    Ok(File::from(device))
}

/// `TUNSETIFF`, `IFF_TUN` and `IFF_NO_PI` of Linux's if_tun.h.
const TUNSETIFF: ioctl::Opcode = ioctl::opcode::write::<i32>(b'T', 202);
const IFF_TUN: i16 = 1;
const IFF_NO_PI: i16 = 0x1000;

/// Linux's `struct ifreq`, as far as `TUNSETIFF` reads it.
#[repr(C)]
#[derive(Clone, Copy)]
struct Request {
    name: [u8; 16],
    flags: i16,
    _rest: [u8; 22],
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends packets of so many bytes at once, and says when each one that is not lost arrives.
    fn arrivals(path: Path, count: usize, length: usize) -> Vec<Duration> {
        let mut line = Line::new(path);
        (0..count).for_each(|_| line.handle_packet(Duration::ZERO, &vec![0; length]));
        let mut arrivals = Vec::new();
        while let Some(at) = line.poll_timeout() {
            assert!(line.poll_packet(at - Duration::from_nanos(1)).is_none(), "early");
            assert_eq!(line.poll_packet(at).map(|packet| packet.len()), Some(length));
            arrivals.push(at);
        }
        arrivals
    }

    #[test]
    fn packets_wait_their_turn_and_then_the_delay() {
        let path = Path { delay: Duration::from_millis(100), bytes_per_second: 10_000, ..Path::default() };
        let expected = [200, 300, 400].map(Duration::from_millis);
        assert_eq!(arrivals(path, 3, 1000), expected);
    }

    #[test]
    fn packets_beyond_the_queue_are_lost() {
        let path = Path { bytes_per_second: 10_000, queue: 2500, ..Path::default() };
        assert_eq!(arrivals(path, 10, 1000).len(), 2);
    }

    #[test]
    fn seed_loses_its_share_and_the_same_packets() {
        let path = Path { loss: 0.02, seed: 7, queue: u64::MAX, ..Path::default() };
        let arrived = arrivals(path, 100_000, 10);
        assert!((97_800..98_200).contains(&arrived.len()), "{}", arrived.len());
        assert_eq!(arrivals(path, 100_000, 10), arrived);
        assert_ne!(arrivals(Path { seed: 8, ..path }, 100_000, 10), arrived);
    }

    #[test]
    fn jitter_stays_in_its_bounds_and_nothing_overtakes() {
        let (delay, jitter) = (Duration::from_millis(50), Duration::from_millis(20));
        let arrived = arrivals(Path { delay, jitter, ..Path::default() }, 1000, 1);
        assert!(arrived.is_sorted() && arrived[0] >= delay);
        let last = arrived[999];
        assert!(last > delay + jitter / 2 && last <= delay + jitter + Duration::from_micros(10), "{last:?}");
    }
}
