//! Taking connections in: what is wrong with one concerns no other, and what is wrong with all is told once a minute.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Pause after the system refused to hand out a connection, mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes that the system keeps of what is to be sent on a connection, beside those under way: with what is under way it
/// fills a line of 10 Mbit/s for 100 ms.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT_MAX: u32 = 128 * 1024;
/// Pause between two lines of the log on the same.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// A listener's connections, one after the other.
pub(crate) struct Accepting {
    /// Whose they are, in words.
    whose: &'static str,
    told: Option<Instant>,
    /// Failures since then.
    untold: u64,
}

impl Accepting {
    pub(crate) fn new(whose: &'static str) -> Accepting {
        Accepting { whose, told: None, untold: 0 }
    }

    /// The next connection, and where it comes from.
    pub(crate) async fn next(&mut self, listener: &TcpListener) -> (TcpStream, SocketAddr) {
        loop {
            match listener.accept().await {
                Ok((stream, address)) => {
                    prepare(&stream);
                    return (stream, address);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if let Some(times) = self.tells(Instant::now()) {
                        tracing::warn!(%error, times, "{} cannot accept connections", self.whose);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Counts one failure; how many there were since the last line, where it is time for the next.
    fn tells(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| now.duration_since(told) < TOLD_EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

/// What is sent is small and waited for, so it is not held back to be sent together; and of what somebody does not read
/// the system keeps little. A system that knows no such bound keeps up to some megabytes.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_MAX);
}

/// Of one connection that is gone already; the others are not concerned.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_failure_is_told_once_a_minute() {
        let (mut accepting, begun) = (Accepting::new("the server"), Instant::now());
        let told: Vec<u64> =
            (0..1_300).filter_map(|tenths| accepting.tells(begun + PAUSE * tenths)).collect();
        assert_eq!(told, [1, 600, 600]);
    }
}
