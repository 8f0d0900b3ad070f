//! Peers of LSNP beside our own programs: the handle for whoever writes to them.

use std::sync::Arc;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use meshwork_core::time::Time;
use tokio::sync::broadcast;

use super::clock::Clock;
use super::task::Shared;
use crate::lsnp::{self, Guest, GuestProfile, Lsnp, NoGuest, SendError, UserId};

/// The peers of LSNP on the network: readable for everybody, and proved by nobody. Clones share it.
#[derive(Clone, Debug)]
pub struct Guests {
    shared: Arc<Shared>,
    events: broadcast::Sender<lsnp::Event>,
}

impl Guests {
    pub(super) fn new(shared: Arc<Shared>, events: broadcast::Sender<lsnp::Event>) -> Guests {
        Guests { shared, events }
    }

    /// The guests, with the time since each was heard.
    pub fn list(&self) -> Vec<(Guest, Duration)> {
        let now = self.shared.clock.now();
        let Some(lsnp) = self.shared.lsnp() else { return Vec::new() };
        lsnp.guests().map(|guest| (guest.clone(), now.since(guest.heard))).collect()
    }

    /// Posts a text to each guest. Returns the number of receivers.
    ///
    /// # Errors
    /// [`SendError::Long`]: nothing is sent.
    pub fn post(&self, text: &str) -> Result<usize, SendError> {
        self.with(|lsnp, now| lsnp.post(now, Clock::wall(), text)).unwrap_or(Ok(0))
    }

    /// Writes to one guest. Returns the id of the message.
    ///
    /// # Errors
    /// [`SendError`]: nothing is sent.
    pub fn direct(&self, to: &UserId, text: &str) -> Result<String, SendError> {
        let sent = self.with(|lsnp, now| lsnp.direct(now, Clock::wall(), to, text));
        sent.unwrap_or_else(|| Err(SendError::NoGuest(to.clone())))
    }

    /// Replaces our profile, and sends it to all.
    pub fn set_profile(&self, profile: &GuestProfile) {
        self.with(|lsnp, now| lsnp.set_profile(now, Clock::wall(), profile));
    }

    /// Follows a guest, or no longer.
    ///
    /// # Errors
    /// [`NoGuest`]
    pub fn follow(&self, who: &UserId, follows: bool) -> Result<(), NoGuest> {
        let asked = self.with(|lsnp, now| lsnp.follow(now, Clock::wall(), who, follows));
        asked.unwrap_or_else(|| Err(NoGuest(who.clone())))
    }

    /// Changes from now on. A reader that is too slow loses the oldest.
    pub fn events(&self) -> broadcast::Receiver<lsnp::Event> {
        self.events.subscribe()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Lsnp, Time) -> T) -> Option<T> {
        let now = self.shared.clock.now();
        let done = self.shared.lsnp().map(|mut lsnp| act(&mut lsnp, now));
        self.shared.wake.notify_one();
        done
    }
}

impl Shared {
    /// The machine of LSNP, if it runs. The guard must not live across an `await`.
    pub(super) fn lsnp(&self) -> Option<MutexGuard<'_, Lsnp>> {
        Some(self.lsnp.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
