//! Overlays: which endpoints of a room keep links to which, and along which links a batch travels.
//!
//! # Problem
//! Everybody must hear everything, with few links and few copies, although some pairs cannot link.
//!
//! # Driving it
//! The room tells an overlay who is attached and what they say of their own links; the overlay answers whom to
//! link to, whom to admit and to whom a batch is passed. It sends nothing itself.

pub mod choice;
pub mod full_mesh;
pub mod size;

use alloc::vec::Vec;
use core::fmt;

use crate::id::Endpoint;

/// The shape of a room's network, as one of its endpoints sees it.
pub trait Overlay: fmt::Debug + Send {
    /// Whether there is a place in the room for `endpoint`; always true for one that is attached.
    fn admits(&self, endpoint: Endpoint) -> bool;
    /// Whether this endpoint should have a link to `endpoint`.
    fn wants_link(&self, endpoint: Endpoint) -> bool;
    /// `endpoint` is attached to the room over a link of ours.
    fn handle_attached(&mut self, endpoint: Endpoint);
    /// `endpoint` is no longer attached over a link of ours.
    fn handle_detached(&mut self, endpoint: Endpoint);
    /// `from` says to whom it is attached.
    fn handle_links(&mut self, from: Endpoint, links: Vec<Endpoint>);
    /// To whom to pass a new batch written by `origin` and heard from `from`; `None` when it is our own.
    fn targets(&self, origin: Endpoint, from: Option<Endpoint>) -> Vec<Endpoint>;
    /// To whom this endpoint is attached.
    fn neighbours(&self) -> Vec<Endpoint>;
}
