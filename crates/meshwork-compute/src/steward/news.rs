//! News: accepted results and opened units that readers get before the next book.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use meshwork_core::blobs::BlobId;
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, Bytes};

use super::{Kept, Out, Steward};
use crate::message::{Fresh, INLINE_MAX, NEWS_MAX, NEWS_NAMED, News, Packet, Span};

/// Least time between two news of a job.
const NEWS_EVERY: Duration = Duration::from_secs(1);
/// Most spans, and most results, of news.
const LINES: usize = 1024;

/// The changes of a job that no book names yet.
#[derive(Debug, Default)]
pub(super) struct Headlines {
    /// Accepted results that no news name.
    accepted: BTreeSet<u32>,
    opened: Vec<Span>,
    named: VecDeque<Fresh>,
    number: u32,
    told_at: Option<Time>,
}

impl Headlines {
    pub(super) fn accept(&mut self, number: u32) {
        self.accepted.insert(number);
    }

    pub(super) fn reopen(&mut self, number: u32, span: Span) {
        // Readers learn of the others by the next book.
        if !self.accepted.remove(&number) && self.opened.len() < LINES {
            self.opened.push(span);
        }
    }

    /// Whether news must be written.
    pub(super) fn is_due(&self, now: Time) -> bool {
        let is_old = self.told_at.is_none_or(|at| now.since(at) >= NEWS_EVERY);
        is_old && !(self.accepted.is_empty() && self.opened.is_empty())
    }

    /// The last news.
    pub(super) fn named(&self) -> Bounded<Fresh, NEWS_NAMED> {
        Bounded::new(self.named.iter().copied().collect()).unwrap_or_default()
    }

    /// A book names all that is accepted. Returns the number of the last news before it.
    pub(super) fn cover(&mut self) -> u32 {
        self.accepted.clear();
        self.opened.clear();
        self.number
    }
}

/// A result as news name it; `None` for a part of a packet that is too long to travel in them.
fn line(kept: &Kept) -> Option<Packet> {
    match kept.place {
        Some((blob, 0, length)) => Some(Packet::Blob(blob, length)),
        _ => Bytes::<INLINE_MAX>::new(kept.packet.clone()).ok().map(Packet::Inline),
    }
}

impl Steward {
    /// Offers news if they are due. Results that do not fit wait for the next.
    pub(super) fn write_news(&mut self, now: Time) {
        if !self.news.is_due(now) {
            return;
        }
        let opened = std::mem::take(&mut self.news.opened);
        let mut bytes = 64 + 8 * opened.len();
        let mut results = Vec::new();
        while let Some(number) = self.news.accepted.first().copied() {
            if let Some(kept) = self.kept.get(&number)
                && let Some(packet) = line(kept)
            {
                bytes += 48 + if let Packet::Inline(packet) = &packet { packet.len() } else { 0 };
                if bytes > NEWS_MAX || results.len() == LINES {
                    break;
                }
                results.push(((kept.first, kept.units), packet));
            }
            self.news.accepted.remove(&number);
        }
        self.news.told_at = Some(now);
        if opened.is_empty() && results.is_empty() {
            return;
        }
        let number = self.news.number.saturating_add(1);
        let news = News {
            number,
            opened: Bounded::new(opened).unwrap_or_default(),
            results: Bounded::new(results).unwrap_or_default(),
        };
        let bytes = news.encode();
        let blob = BlobId(*blake3::hash(&bytes).as_bytes());
        if self.news.named.len() == NEWS_NAMED {
            self.news.named.pop_front();
        }
        self.news.named.push_back(Fresh { number, blob, length: bytes.len() as u32 });
        self.news.number = number;
        self.out.push(Out::News(bytes));
    }
}
