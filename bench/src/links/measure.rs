//! What the operating system says a stretch of work has cost: memory, and a wait without a runtime.

use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// Socket buffers asked for, in bytes; the system grants what its limit allows.
static SOCKET_BUFFER: libc::c_int = 4 * 1024 * 1024;

/// Bytes that the C allocator has handed out and not got back, Rust's and those of linked C code alike.
pub fn heap_bytes() -> u64 {
    // SAFETY: takes no arguments and returns a plain structure.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}

/// How often threads of this process were put to sleep and woken again so far.
pub fn context_switches() -> u64 {
    // SAFETY: an all-zero `rusage` is valid, and the call fills it in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    usage.ru_nvcsw as u64
}

/// Asks for large socket buffers, so that bursts are not lost on the way between two programs.
pub fn widen_buffers(socket: &impl AsRawFd) {
    for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
        // SAFETY: the option takes one int, whose address and size are given.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const SOCKET_BUFFER).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            );
        }
    }
}

/// Waits until one of `fds` can be read, or for `timeout`.
pub fn wait_readable(fds: &[RawFd], timeout: Duration) {
    let mut polled: Vec<_> =
        fds.iter().map(|&fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 }).collect();
    let timeout = libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(timeout.subsec_nanos() as i32),
    };
    // SAFETY: the array and its length belong together, the time is valid, and no signal mask is given.
    unsafe { libc::ppoll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, &timeout, std::ptr::null()) };
}
