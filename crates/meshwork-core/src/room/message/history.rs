//! Messages about a room's history: kinds 60 to 66. docs/protocol/history.md has the bytes.

use serde::{Deserialize, Serialize};

use crate::signed::batch::BATCH_MAX;
use crate::wire::{Bytes, kinds};

/// A message about the history of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryMessage {
    /// Asks how far back the receiver's history reaches.
    Ask,
    /// How far back the sender's history reaches.
    Span(HistorySpan),
    /// Requests one part of the receiver's history.
    Want(WantHistory),
    /// An entry of a wanted part: a batch.
    Batch(PastEntry),
    /// An entry of a wanted part: batches are missing here.
    Gap(PastGap),
    /// All entries of a wanted part were sent.
    PartEnd(HistoryPartEnd),
    /// The sender withdraws all its requests.
    Unwant,
}

/// Body of [`HistoryMessage::Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistorySpan {
    /// The number of its oldest entry; 0 if the log is complete.
    pub first: u64,
    /// Approximate bytes of the whole log, to show the length of a fetch; 0 without a log.
    pub bytes: u64,
    /// The time of its oldest entry, in milliseconds since 1970-01-01 UTC; 0 without one.
    pub since_ms: u64,
}

/// Body of [`HistoryMessage::Want`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantHistory {
    /// The number of the first requested entry. Entries before the oldest one no longer exist.
    pub from: u64,
    /// Most bytes of batches in the part, which always has at least one entry. At most
    /// [`PART_BYTES_MAX`](crate::room::history::PART_BYTES_MAX), also if the number is greater.
    pub bytes: u32,
}

/// Body of [`HistoryMessage::Batch`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastEntry {
    /// Its number.
    pub number: u64,
    /// The time at which it was accepted, by the sender's clock, in milliseconds since 1970-01-01 UTC; 0 if unknown.
    pub at_ms: u64,
    /// The signed batch.
    pub batch: Bytes<BATCH_MAX>,
}

/// Body of [`HistoryMessage::Gap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastGap {
    /// Its number.
    pub number: u64,
    /// The time at which that was noticed, as in [`PastEntry`].
    pub at_ms: u64,
    /// Number of missing batches.
    pub missed: u64,
}

/// Body of [`HistoryMessage::PartEnd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPartEnd {
    /// The number of the next entry.
    pub next: u64,
    /// The rest after this part.
    pub outcome: PartOutcome,
}

/// The rest after a part of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartOutcome {
    /// There is more.
    More,
    /// The history ends here, for now.
    End,
    /// The history cannot be read: ask another member.
    Failed,
    /// The part was not read, since too many were requested at a time.
    Refused,
}

kinds!(HistoryMessage {
    60 => Ask,
    61 => Span(body),
    62 => Want(body),
    63 => Batch(body),
    64 => Gap(body),
    65 => PartEnd(body),
    66 => Unwant,
});

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn messages_read_as_written_unless_they_are_cut() {
        let batch = Bytes::new(vec![1, 2]).expect("short");
        let span = HistorySpan { first: 300, bytes: 70_000, since_ms: 1_790_000 };
        let messages = [
            HistoryMessage::Ask,
            HistoryMessage::Span(span),
            HistoryMessage::Want(WantHistory { from: 300, bytes: 131_072 }),
            HistoryMessage::Batch(PastEntry { number: 300, at_ms: 1_790_000, batch }),
            HistoryMessage::Gap(PastGap { number: 301, at_ms: 0, missed: 7 }),
            HistoryMessage::PartEnd(HistoryPartEnd { next: 302, outcome: PartOutcome::Failed }),
            HistoryMessage::Unwant,
        ];
        for message in messages {
            let (kind, body) = message.encode(3);
            assert!((60..=66).contains(&kind));
            assert_eq!(HistoryMessage::decode(kind, &body), Ok(Some((3, message))));
            assert!(HistoryMessage::decode(kind, &body[..body.len() - 1]).is_err());
        }
        assert_eq!(HistoryMessage::decode(67, &[3]), Ok(None));
    }
}
