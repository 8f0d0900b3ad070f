//! The messages of Compute: reports of lenders, grants of stewards, and the presence of all.

use meshwork_core::blobs::BlobId;
use meshwork_core::id::Endpoint;
use meshwork_core::wire::{Bounded, BoundedText, Bytes};
use serde::{Deserialize, Serialize};

use crate::book::{EPOCH_MAX, Words};
use crate::form::{Form, FormatError, form, within};
use crate::job::{JobId, UNITS_MAX};
use crate::packet::PACKET_MAX;

/// The topic of reports.
pub const REPORT: &str = "report";
/// The topic of grants.
pub const GRANT: &str = "grant";
/// Most bytes of a message.
pub const MESSAGE_MAX: usize = 16 * 1024;
/// Most units of a span.
pub const SPAN_MAX: u16 = 256;
/// Most bytes of a packet inside a report.
pub const INLINE_MAX: usize = 2048;
/// Most spans that a lender has in hand, with 64 cores and more. See [`hand`].
pub const HAND_MAX: usize = 128;
/// Most packets of a lender that no book names yet.
pub const HELD_MAX: usize = 2 * HAND_MAX;
/// Most failures in a report.
pub const FAILED_MAX: usize = 16;

/// Most spans that a lender with so many cores has in hand: two for each, at least 16.
pub fn hand(cores: usize) -> usize {
    (2 * cores).clamp(16, HAND_MAX)
}

/// The first unit of a span, and the number of its units.
pub type Span = (u32, u16);

/// Eight bytes of a hash of an endpoint: its short name in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag8(pub [u8; 8]);

impl Tag8 {
    /// The short name of an endpoint.
    pub fn of(endpoint: &Endpoint) -> Tag8 {
        let hash = blake3::derive_key("meshwork compute endpoint v1", &endpoint.to_bytes());
        let mut tag = [0; 8];
        tag.copy_from_slice(&hash[..8]);
        Tag8(tag)
    }
}

/// A lender's whole state in one job, repeated until a grant names its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The job.
    pub job: JobId,
    /// Epoch and steward that the lender obeys.
    pub answers: (u32, Tag8),
    /// Grows while the endpoint lives, and never begins anew.
    pub number: u32,
    /// The last grant's number that was obeyed.
    pub seen: u32,
    /// More spans that it would take, at most [`HAND_MAX`].
    pub wants: u8,
    /// Spans in hand, so that a new steward lets them run on.
    pub runs: Bounded<Span, HAND_MAX>,
    /// Spans that were run.
    pub ran: Bounded<Ran, 32>,
    /// Spans of which a unit failed.
    pub failed: Bounded<(Span, u32, Failure), FAILED_MAX>,
}

/// A span that was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// The span.
    pub span: Span,
    /// Its results.
    pub packet: Packet,
    /// Microseconds that the lender needed for it.
    pub micros: u32,
}

/// Results, in the message or as a blob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Packet {
    /// The packet's bytes.
    Inline(Bytes<INLINE_MAX>),
    /// A blob, and its length in bytes, at most [`PACKET_MAX`].
    Blob(BlobId, u32),
}

/// The reason that a unit failed at a lender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Failure {
    /// The program ended itself, with its last words.
    #[error("it ends with: {}", .0.as_str())]
    Trapped(Words),
    /// It exceeded its time.
    #[error("it runs longer than its limit")]
    Time,
    /// It exceeded its memory.
    #[error("it needs more memory than its limit")]
    Memory,
    /// It returned too much, or in another form than its manifest states.
    #[error("its result is too long or in another form than stated")]
    Result,
    /// It could not be loaded.
    #[error("it cannot be loaded: {}", .0.as_str())]
    Load(Words),
}

/// Most bytes of [`News`].
pub const NEWS_MAX: usize = 256 * 1024;
/// Most news that grants name, and that a follower reads at a time.
pub const NEWS_NAMED: usize = 8;

/// The name of a blob with [`News`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fresh {
    /// Grows from 1 while a steward is in charge.
    pub number: u32,
    /// The blob.
    pub blob: BlobId,
    /// Its length in bytes, at most [`NEWS_MAX`].
    pub length: u32,
}

/// A blob for those who follow a job: changes since the news before. They are provisional until an index of the same steward covers them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct News {
    /// The number under which grants name it.
    pub number: u32,
    /// Units that are open again. They come before the results.
    pub opened: Bounded<Span, 1024>,
    /// Results that were accepted.
    pub results: Bounded<(Span, Packet), 1024>,
}

/// All that each named lender has to do in one job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grants {
    /// The job.
    pub job: JobId,
    /// The steward's epoch.
    pub epoch: u32,
    /// Accepted units.
    pub accepted: u32,
    /// The last news, by ascending number.
    pub fresh: Bounded<Fresh, NEWS_NAMED>,
    /// The lenders whose grants changed, or whose turn it is.
    pub lenders: Bounded<Grant, 512>,
}

/// All that one lender has to do. The lender frees each packet of a report up to `taken` that is in neither list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// The lender.
    pub to: Tag8,
    /// Grows over all grants of a steward.
    pub number: u32,
    /// The last report's number that the steward has taken.
    pub taken: u32,
    /// Spans to run.
    pub spans: Bounded<Span, HAND_MAX>,
    /// Reported spans whose packets must be held.
    pub hold: Bounded<Span, HELD_MAX>,
}

/// The presence of each endpoint that takes part, lending or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Units that it runs at once. 0 if it does not lend.
    pub cores: u8,
    /// Bit n is set if it runs programs of the [kind](crate::job::Kind::number) n.
    pub engines: u8,
    /// The graphics card, for people.
    pub card: BoundedText<64>,
    /// The names of offered programs.
    pub offers: Bounded<BoundedText<32>, 8>,
    /// Units that run now.
    pub runs: u8,
    /// It lends and is paused, as on battery.
    pub is_paused: bool,
}

fn check_span(span: Span) -> Result<(), FormatError> {
    within("the units of a span", span.1.into(), 1, SPAN_MAX.into())?;
    within("the end of a span", u64::from(span.0) + u64::from(span.1), 1, UNITS_MAX.into())
}

fn check_packet(packet: &Packet) -> Result<(), FormatError> {
    match packet {
        Packet::Blob(_, length) => within("the length of a packet", (*length).into(), 1, PACKET_MAX as u64),
        Packet::Inline(_) => Ok(()),
    }
}

impl Form for Report {
    const MOST: usize = MESSAGE_MAX;

    fn check(&self) -> Result<(), FormatError> {
        within("wants", self.wants.into(), 0, HAND_MAX as u64)?;
        self.runs.iter().try_for_each(|span| check_span(*span))?;
        for ran in self.ran.iter() {
            check_span(ran.span)?;
            check_packet(&ran.packet)?;
        }
        for (span, unit, _) in self.failed.iter() {
            check_span(*span)?;
            let (first, last) = (u64::from(span.0), u64::from(span.0) + u64::from(span.1) - 1);
            within("the failed unit", (*unit).into(), first, last)?;
        }
        Ok(())
    }
}

impl Form for Grants {
    const MOST: usize = MESSAGE_MAX;

    fn check(&self) -> Result<(), FormatError> {
        within("epoch", self.epoch.into(), 1, EPOCH_MAX.into())?;
        for fresh in self.fresh.iter() {
            within("the number of news", fresh.number.into(), 1, u32::MAX.into())?;
            within("the length of news", fresh.length.into(), 1, NEWS_MAX as u64)?;
        }
        let spans = self.lenders.iter().flat_map(|grant| grant.spans.iter().chain(grant.hold.iter()));
        spans.into_iter().try_for_each(|span| check_span(*span))
    }
}

impl Form for News {
    const MOST: usize = NEWS_MAX;

    fn check(&self) -> Result<(), FormatError> {
        self.opened.iter().try_for_each(|span| check_span(*span))?;
        self.results.iter().try_for_each(|(span, packet)| {
            check_packet(packet)?;
            check_span(*span)
        })
    }
}

impl Form for Offer {
    const MOST: usize = 1024;

    fn check(&self) -> Result<(), FormatError> {
        within("cores", self.cores.into(), 0, 128)
    }
}

form!(Report);
form!(Grants);
form!(News);
form!(Offer);
