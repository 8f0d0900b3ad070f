//! Members that hold as much as this one, and the one to compare with beside neighbours.
//!
//! # Problem
//! Where members keep some links each, those between two that hold much may hold less: they do not know an app's own
//! replica, keep a table from a later day on, or gave something up. What is new they pass on, but in comparison nothing comes
//! through them.
//!
//! # How it works
//! Who sees for a while that a neighbour holds something else than it does says along the overlay what it holds, and
//! again every minute. Whoever hears that of somebody who holds something else does so too. Who holds something that somebody
//! else lacks visits the next one by endpoint, with the first behind the last, of those that hold at least as much, and
//! compares with it like with a neighbour. So all that hold at least as much as somebody are reached from it, over links or by
//! this ring.
//!
//! # Limits
//! Those of [`Present`], which keeps what members say. A room in which all hold the same says nothing.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::time::Duration;

use super::comparison::Holding;
use super::delivery::Checked;
use super::message::Holds;
use super::talking::Talking;
use super::{Kept, Membership, RoomOutput, Sharing};
use crate::id::{Endpoint, Identity};
use crate::lanes::{Present, REPEATED_EVERY};
use crate::replica::{Content, ContentError};
use crate::seam::lane::Slot;
use crate::signed::batch::Batch;
use crate::signed::header::Family;
use crate::time::{Now, Time};
use crate::wire;

/// How often it is looked who holds what, while somebody holds something else: what differs twice is no newcomer that has
/// not heard the room's records yet.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Who holds what.
#[derive(Debug, Default)]
pub(super) struct Ring {
    said: Present,
    /// What one said that one holds, and when.
    told: Option<(Holding, Time)>,
    /// Whether that is to be said now.
    is_due: bool,
    /// Neighbours that held something else when it was looked last.
    differed: Vec<Endpoint>,
    /// With whom to compare beside neighbours.
    next: Option<Endpoint>,
    look_at: Option<Time>,
}

impl Ring {
    /// Whether this is newer than what an endpoint said last of what it holds.
    pub(super) fn is_news(&self, batch: &Batch) -> bool {
        let header = batch.header();
        self.said.is_news(header.author, Slot::CONVERSATION, header.window.most)
    }

    /// Somebody holds something else, or said what it holds.
    fn look_soon(&mut self, now: Time) {
        self.look_at.get_or_insert(now + LOOK_EVERY);
    }

    /// What others said that they hold.
    pub(super) fn said(&self) -> &Present {
        &self.said
    }

    /// A neighbour left the room.
    pub(super) fn handle_left(&mut self, endpoint: Endpoint) {
        self.said.handle_left(endpoint);
    }

    /// Whether others do not know what one holds, or are to hear it again.
    fn is_to_be_told(&self, now: Time, holding: &Holding) -> bool {
        let told = self.told.as_ref().filter(|(told, _)| told == holding);
        told.is_none_or(|(_, at)| *at + REPEATED_EVERY <= now)
    }

    /// When [`handle_timeout`] has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.look_at
    }
}

/// Reads what an endpoint says that it holds.
///
/// # Errors
/// [`ContentError`]; it is none.
pub(super) fn check(payload: &[u8]) -> Result<Content, ContentError> {
    let read = wire::decode::<Holds>(payload);
    read.map(|holds| Content::new(holds, 0)).map_err(|error| ContentError(error.to_string()))
}

impl Talking<'_> {
    /// Takes in what an endpoint says that it holds, and passes it on.
    pub(super) fn accept_holding(&mut self, now: Now, from: Endpoint, checked: &Checked) {
        let batch = &checked.batch;
        let ring = &mut self.kept.ring;
        if !ring.is_news(batch) || !ring.said.take(now.time, Slot::CONVERSATION, batch.clone()) {
            return self.membership.overlay_mut().handle_known(now, batch);
        }
        ring.look_soon(now.time);
        self.send_along(now, batch, Some(from));
    }

    /// Says what one holds, if that is due.
    pub(super) fn say_holding(&mut self, now: Now, identity: &Identity) {
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
    /// A neighbour says what it holds.
    pub(super) fn handle_holds(&mut self, now: Now, holds: &Holds) {
        if Holding::said(holds) != Holding::of(&self.replicas) {
            self.ring.look_soon(now.time);
        }
    }
}

/// Looks who holds what: says what one holds oneself where others hold something else, and chooses with whom to compare.
pub(super) fn handle_timeout(kept: &mut Kept, membership: &Membership, now: Now) {
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
        kept.outputs.push_back(RoomOutput::Sign);
    }
    // Where all have what this one holds, neighbours bring it.
    let is_lacked = others.iter().any(|theirs| !theirs.has_all_of(&holding));
    let next = if is_lacked { next_of(kept, &holding) } else { None };
    let next = next.filter(|next| membership.member(*next).is_none());
    let before = core::mem::replace(&mut kept.ring.next, next);
    if let Some(before) = before.filter(|before| next != Some(*before)) {
        end(kept, membership, before);
    }
    // Where no visit came of it, it is tried again.
    if next != before || next.is_some_and(|next| !kept.comparison.compares_with(next)) {
        kept.outputs.push_back(RoomOutput::Compare(next));
    }
}

impl Sharing<'_> {
    /// Compares with whom it is to be compared with that is no neighbour, once it `hears` us, and no longer with others; nor
    /// shares blobs with these.
    pub fn handle_guests(&mut self, now: Now, hears: &dyn Fn(Endpoint) -> bool) {
        let is_over = |guest: &Endpoint| self.membership.member(*guest).is_none() && !hears(*guest);
        let over: Vec<Endpoint> = self.kept.comparison.endpoints().filter(is_over).collect();
        over.into_iter().for_each(|guest| end(self.kept, self.membership, guest));
        if let Some(next) = self.kept.ring.next.filter(|next| hears(*next)) {
            begin(self.kept, now, next);
        }
        self.have(|blobs| blobs.end_guests(now.time, hears));
    }
}

/// Compares with somebody who is no neighbour, unless that is so already.
pub(super) fn begin(kept: &mut Kept, now: Now, guest: Endpoint) {
    if !kept.comparison.compares_with(guest) {
        kept.comparison.handle_attached(now.time, guest, &kept.replicas);
    }
}

/// Compares with somebody no longer, unless it is a neighbour.
fn end(kept: &mut Kept, membership: &Membership, guest: Endpoint) {
    if membership.member(guest).is_none() {
        kept.comparison.handle_detached(guest);
        let dropped = kept.delivery.handle_detached(guest);
        kept.tell_dropped_of(guest, dropped);
    }
}

/// What others hold that is something else, and has been for a while. While that may be it is looked again.
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

/// What others said that they hold.
fn said(kept: &Kept) -> Vec<(Endpoint, Holding)> {
    let read = |payload| Some(Holding::said(&wire::decode(payload).ok()?));
    kept.ring.said.all().filter_map(|(endpoint, payload)| Some((endpoint, read(payload)?))).collect()
}

/// Who comes next of those that hold at least as much.
fn next_of(kept: &Kept, holding: &Holding) -> Option<Endpoint> {
    let is_candidate = |endpoint: &Endpoint, theirs: &Holding| {
        theirs.has_all_of(holding) && *endpoint != kept.me && !kept.records().is_banned(endpoint.peer)
    };
    let mut holders = said(kept);
    holders.retain(|(endpoint, theirs)| is_candidate(endpoint, theirs));
    let neighbours = kept.comparison.holdings().filter(|(endpoint, theirs)| is_candidate(endpoint, theirs));
    let holders =
        holders.iter().map(|(endpoint, _)| *endpoint).chain(neighbours.map(|(endpoint, _)| endpoint));
    // Those behind this one come first.
    holders.min_by_key(|holder| (*holder < kept.me, *holder))
}
