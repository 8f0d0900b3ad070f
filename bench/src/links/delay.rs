//! A long path on one machine: passes datagrams on after a fixed time, from a thread whose own CPU time is known.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};

use super::measure;
use crate::clock;

/// Bytes of one receive buffer: the most that one coalesced run of datagrams has.
const BUFFER_LEN: usize = 64 * 1024;
/// Bytes that a path may hold: far above what any window in the race allows.
const HELD_MAX: usize = 64 * 1024 * 1024;

/// Stands between two ends, which are told its addresses instead of each other's.
///
/// Each own address has one socket here. What arrives there goes to the own address, and comes from the socket that
/// stands for its sender, so that both ends see one address of the other.
#[derive(Clone)]
pub struct Delay(Arc<Shared>);

struct Shared {
    one_way: Duration,
    /// Own address and the socket that stands for it.
    places: Mutex<Vec<Arc<Place>>>,
    stop: AtomicBool,
    /// CPU time of the thread, in microseconds.
    cpu_us: AtomicU64,
}

struct Place {
    own: SocketAddr,
    address: SocketAddr,
    socket: UdpSocket,
    state: UdpSocketState,
}

/// A run of equal datagrams on its way.
struct Held {
    due: Instant,
    through: usize,
    to: SocketAddr,
    stride: usize,
    bytes: Vec<u8>,
}

impl Delay {
    /// A path on which everything takes `rtt / 2` each way.
    pub fn start(rtt: Duration) -> Delay {
        let shared = Arc::new(Shared {
            one_way: rtt / 2,
            places: Mutex::default(),
            stop: AtomicBool::new(false),
            cpu_us: AtomicU64::new(0),
        });
        let running = Arc::clone(&shared);
        thread::spawn(move || running.run());
        Delay(shared)
    }

    /// The address that the other end is to be told instead of `own`.
    ///
    /// # Errors
    /// The system's, when it has no socket.
    pub fn stand_in_for(&self, own: SocketAddr) -> io::Result<SocketAddr> {
        let mut places = self.0.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.iter().find(|place| place.own == own) {
            return Ok(place.address);
        }
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        measure::widen_buffers(&socket);
        let address = socket.local_addr()?;
        places.push(Arc::new(Place { own, address, socket, state }));
        Ok(address)
    }

    /// CPU time that the path itself has used.
    pub fn cpu(&self) -> Duration {
        Duration::from_micros(self.0.cpu_us.load(Ordering::Relaxed))
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        // The thread holds one.
        if Arc::strong_count(&self.0) == 2 {
            self.0.stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut buffer = vec![0; BUFFER_LEN];
        let mut held: VecDeque<Held> = VecDeque::new();
        let mut held_bytes = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let places: Vec<_> = self.places.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let by_own: BTreeMap<SocketAddr, usize> =
                places.iter().enumerate().map(|(index, place)| (place.own, index)).collect();
            for place in &places {
                while let Some((meta, bytes)) = place.receive(&mut buffer) {
                    let Some(&through) = by_own.get(&meta.addr) else { continue };
                    if held_bytes + bytes.len() > HELD_MAX {
                        continue;
                    }
                    held_bytes += bytes.len();
                    let due = Instant::now() + self.one_way;
                    held.push_back(Held {
                        due,
                        through,
                        to: place.own,
                        stride: meta.stride,
                        bytes: bytes.to_vec(),
                    });
                }
            }
            while held.front().is_some_and(|first| first.due <= Instant::now()) {
                let Some(run) = held.pop_front() else { break };
                held_bytes -= run.bytes.len();
                places[run.through].send(&run);
            }
            self.cpu_us.store(clock::thread_cpu_so_far().as_micros() as u64, Ordering::Relaxed);
            let wait = held.front().map_or(Duration::from_millis(20), |first| {
                first.due.saturating_duration_since(Instant::now())
            });
            let fds: Vec<_> = places.iter().map(|place| place.socket.as_raw_fd()).collect();
            measure::wait_readable(&fds, wait.min(Duration::from_millis(20)));
        }
    }
}

impl Place {
    fn receive<'a>(&self, buffer: &'a mut [u8]) -> Option<(RecvMeta, &'a [u8])> {
        let mut metas = [RecvMeta::default()];
        let mut slices = [IoSliceMut::new(buffer)];
        let count = self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas).ok()?;
        (count == 1).then(|| (metas[0], &buffer[..metas[0].len]))
    }

    fn send(&self, run: &Held) {
        let segment_size = (run.stride < run.bytes.len()).then_some(run.stride);
        let transmit =
            Transmit { destination: run.to, ecn: None, contents: &run.bytes, segment_size, src_ip: None };
        // What the system does not take is lost, as on any network.
        let _ = self.state.try_send(UdpSockRef::from(&self.socket), &transmit);
    }
}
