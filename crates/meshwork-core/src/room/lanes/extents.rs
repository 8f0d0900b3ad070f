//! Members that store at least as much as this one, and the one to compare with beside neighbours.
//!
//! # Problem
//! In a sparse overlay, members between two that store much may store less: they do not know an app's own replica, keep
//! a table from a later day on, or evicted something. They forward new batches, but comparison does not pass through
//! them.
//!
//! # How it works
//! A member whose extent keeps differing from a neighbour's broadcasts its extent, then
//! every minute. A member that receives a different extent does the same. A member with data that another
//! lacks visits the next holder by endpoint, the first after the last, among those that store at least as much, and
//! compares with it as with a neighbour. So all such holders are connected, over links or by
//! this ring.
//!
//! # Limits
//! Those of [`Present`], which keeps the extents of members. If all extents are equal, nobody sends one.

use alloc::vec::Vec;
use core::time::Duration;

use super::Talking;
use crate::id::{Endpoint, Identity};
use crate::lanes::{Present, REPEATED_EVERY};
use crate::room::blobs::Sharing;
use crate::room::comparison::Holding;
use crate::room::delivery::Checked;
use crate::room::kept::Kept;
use crate::room::membership::Membership;
use crate::room::message::Holds;
use crate::room::outputs::RoomOutput;
use crate::seam::lane::Slot;
use crate::signed::batch::Batch;
use crate::signed::header::Family;
use crate::time::{Now, Time};
use crate::wire;

/// Interval of checks while extents differ. A difference that lasts two checks is no newcomer without
/// the room's records.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The extents of members.
#[derive(Debug, Default)]
pub(in crate::room) struct Ring {
    said: Present,
    /// Our last broadcast extent, and its time.
    told: Option<(Holding, Time)>,
    /// Whether it must be broadcast now.
    is_due: bool,
    /// Neighbours whose extent differed at the last check.
    differed: Vec<Endpoint>,
    /// The member to compare with beside neighbours.
    next: Option<Endpoint>,
    look_at: Option<Time>,
}

impl Ring {
    /// Whether this is newer than the last extent of its author.
    pub(in crate::room) fn is_news(&self, batch: &Batch) -> bool {
        let header = batch.header();
        self.said.is_news(header.author, Slot::CONVERSATION, header.window.most)
    }

    /// An extent differs, or arrived.
    fn look_soon(&mut self, now: Time) {
        self.look_at.get_or_insert(now + LOOK_EVERY);
    }

    /// The extents of others.
    pub(in crate::room) fn said(&self) -> &Present {
        &self.said
    }

    /// A neighbour left the room.
    pub(in crate::room) fn handle_left(&mut self, endpoint: Endpoint) {
        self.said.handle_left(endpoint);
    }

    /// Whether others lack our extent, or must receive it again.
    fn is_to_be_told(&self, now: Time, holding: &Holding) -> bool {
        let told = self.told.as_ref().filter(|(told, _)| told == holding);
        told.is_none_or(|(_, at)| *at + REPEATED_EVERY <= now)
    }

    /// The time when [`handle_timeout`] has work.
    pub(in crate::room) fn poll_timeout(&self) -> Option<Time> {
        self.look_at
    }
}

impl Talking<'_> {
    /// Accepts an extent, and forwards it.
    pub(in crate::room) fn accept_holding(&mut self, now: Now, from: Endpoint, checked: &Checked) {
        let batch = &checked.batch;
        let ring = &mut self.kept.ring;
        if !ring.is_news(batch) || !ring.said.take(now.time, Slot::CONVERSATION, batch.clone()) {
            return self.membership.overlay_mut().handle_known(now, batch);
        }
        ring.look_soon(now.time);
        self.send_along(now, batch, Some(from));
    }

    /// Broadcasts our extent, if it is due.
    pub(in crate::room) fn say_holding(&mut self, now: Now, identity: &Identity) {
        if !core::mem::take(&mut self.kept.ring.is_due) || self.kept.records().is_banned(identity.peer()) {
            return;
        }
        let holding = Holding::of(&self.kept.replicas);
        let payload = wire::encode(&holding.as_said());
        self.kept.ring.told = Some((holding, now.time));
        let batch = self.sign_unkept(now, identity, Slot::CONVERSATION, Family::Holding, &payload);
        self.send_unkept(now, &batch);
    }
}

impl Kept {
    /// A neighbour sends its extent.
    pub(in crate::room) fn handle_holds(&mut self, now: Now, holds: &Holds) {
        if Holding::said(holds) != Holding::of(&self.replicas) {
            self.ring.look_soon(now.time);
        }
    }
}

/// Broadcasts our extent if others differ, and picks a member to compare with.
pub(in crate::room) fn handle_timeout(kept: &mut Kept, membership: &Membership, now: Now) {
    if kept.ring.look_at.is_none_or(|at| at > now.time) {
        return;
    }
    kept.ring.look_at = None;
    let holding = Holding::of(&kept.replicas);
    let mut others = others(kept, now.time, &holding);
    if membership.is_full_mesh() {
        others.clear();
    }
    if !others.is_empty() && kept.ring.is_to_be_told(now.time, &holding) {
        kept.ring.is_due = true;
        kept.outputs.sign(now);
    }
    // If no member lacks our data, neighbours deliver everything.
    let is_lacked = others.iter().any(|theirs| !theirs.has_all_of(&holding));
    let next = if is_lacked { next_of(kept, &holding) } else { None };
    let next = next.filter(|next| membership.member(*next).is_none());
    let before = core::mem::replace(&mut kept.ring.next, next);
    if let Some(before) = before.filter(|before| next != Some(*before)) {
        end(kept, membership, before);
    }
    // Without a visit, it is tried again.
    if next != before || next.is_some_and(|next| !kept.comparison.compares_with(next)) {
        kept.outputs.push_back(RoomOutput::Compare(next));
    }
}

impl Sharing<'_> {
    /// Compares with the picked member, once it `hears` us, and stops comparing and sharing blobs with
    /// former ones.
    pub fn handle_guests(&mut self, now: Now, hears: &dyn Fn(Endpoint) -> bool) {
        let is_over = |guest: &Endpoint| self.membership.member(*guest).is_none() && !hears(*guest);
        let over: Vec<Endpoint> = self.kept.comparison.endpoints().filter(is_over).collect();
        over.into_iter().for_each(|guest| end(self.kept, self.membership, guest));
        if let Some(next) = self.kept.ring.next.filter(|next| hears(*next)) {
            begin(self.kept, now, next);
        }
        let is_linked = |one: Endpoint| self.membership.member(one).is_some() || hears(one);
        self.kept.rules.retain_linked(is_linked);
        self.have(|blobs| blobs.end_guests(now.time, hears));
    }
}

/// Starts a comparison with a member that is no neighbour, unless one is under way.
pub(in crate::room) fn begin(kept: &mut Kept, now: Now, guest: Endpoint) {
    if !kept.comparison.compares_with(guest) {
        kept.comparison.handle_attached(now.time, guest, &kept.replicas);
    }
}

/// Ends a comparison with a member, unless it is a neighbour.
fn end(kept: &mut Kept, membership: &Membership, guest: Endpoint) {
    if membership.member(guest).is_none() {
        kept.comparison.handle_detached(guest);
        let dropped = kept.delivery.handle_detached(guest);
        kept.tell_dropped_of(guest, dropped);
    }
}

/// The extents that differ from ours, and have for a while. If there may be some, schedules the next check.
fn others(kept: &mut Kept, now: Time, holding: &Holding) -> Vec<Holding> {
    kept.ring.said.end_silent(now);
    let (mut differing, mut others) = (Vec::new(), Vec::new());
    for (endpoint, theirs) in kept.comparison.holdings().filter(|(_, theirs)| *theirs != holding) {
        differing.push(endpoint);
        if kept.ring.differed.contains(&endpoint) {
            others.push(theirs.clone());
        }
    }
    let said = said(kept);
    kept.ring.look_at = (!differing.is_empty() || !said.is_empty()).then_some(now + LOOK_EVERY);
    kept.ring.differed = differing;
    others.extend(said.into_iter().map(|(_, theirs)| theirs).filter(|theirs| theirs != holding));
    others
}

/// The extents of others.
fn said(kept: &Kept) -> Vec<(Endpoint, Holding)> {
    let read = |payload| Some(Holding::said(&wire::decode(payload).ok()?));
    kept.ring.said.all().filter_map(|(endpoint, payload)| Some((endpoint, read(payload)?))).collect()
}

/// The next of the members that store at least as much.
fn next_of(kept: &Kept, holding: &Holding) -> Option<Endpoint> {
    let is_candidate = |endpoint: &Endpoint, theirs: &Holding| {
        theirs.has_all_of(holding) && *endpoint != kept.me && !kept.records().is_banned(endpoint.peer)
    };
    let mut holders = said(kept);
    holders.retain(|(endpoint, theirs)| is_candidate(endpoint, theirs));
    let neighbours = kept.comparison.holdings().filter(|(endpoint, theirs)| is_candidate(endpoint, theirs));
    let holders =
        holders.iter().map(|(endpoint, _)| *endpoint).chain(neighbours.map(|(endpoint, _)| endpoint));
    // Members after this one come first.
    holders.min_by_key(|holder| (*holder < kept.me, *holder))
}
