//! Links between two native programs, ours and others', over a short path and a long one.

pub mod bare;
pub mod crate_webrtc;
pub mod delay;
pub mod measure;
pub mod ours;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use self::delay::Delay;

/// How datagrams of a pair travel.
#[derive(Clone)]
pub enum Path {
    /// Straight over the loopback interface.
    Short,
    /// Through something that takes its time.
    Long(Delay),
}

impl Path {
    /// The address that the other end is to be told instead of `own`.
    ///
    /// # Errors
    /// The system's, when it has no socket.
    pub fn told(&self, own: SocketAddr) -> io::Result<SocketAddr> {
        match self {
            Path::Short => Ok(own),
            Path::Long(delay) => delay.stand_in_for(own),
        }
    }

    /// CPU time that the path itself has used.
    pub fn cpu(&self) -> Duration {
        match self {
            Path::Short => Duration::ZERO,
            Path::Long(delay) => delay.cpu(),
        }
    }
}

/// A linked pair of one of the contestants.
pub enum Pair {
    /// Two of our nodes.
    Ours(Box<ours::Pair>),
    /// str0m alone.
    Bare(bare::Pair),
    /// The `webrtc` crate.
    Webrtc(crate_webrtc::Pair),
}

impl Pair {
    /// Sends `count` messages of `payload` bytes one way and waits until all have arrived.
    ///
    /// # Errors
    /// When an end failed.
    pub async fn transfer(&mut self, payload: usize, count: usize) -> anyhow::Result<()> {
        match self {
            Pair::Ours(pair) => pair.transfer(payload, count).await,
            Pair::Bare(pair) => pair.transfer(payload, count).await,
            Pair::Webrtc(pair) => pair.transfer(payload, count).await,
        }
    }
}
