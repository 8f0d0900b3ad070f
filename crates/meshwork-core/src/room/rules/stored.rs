//! The stored form of a room's rules.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Rules;
use crate::clock::Stamp;
use crate::id::{Endpoint, Instance, PeerId, RoomId, Secret};
use crate::links::message::RENEWED_MAX;
use crate::room::message::RECORD_HASHES_MAX;
use crate::rulebook::WithList;
use crate::seam::config::Config;
use crate::signed::admission::SignedAdmission;
use crate::signed::list::{CUT_LIST_MAX, List, ListKind};
use crate::signed::record::{RECORD_MAX, Record};
use crate::wire::{self, Bounded, Bytes};

/// Bytes of the longest list.
const LIST_BYTES_MAX: usize = CUT_LIST_MAX * ListKind::Stays.item_len();

/// Records, their lists, admissions, and the known secrets, the latest first, in stored form.
type Stored = (
    Bounded<Bytes<RECORD_MAX>, RECORD_HASHES_MAX>,
    Bounded<Bytes<LIST_BYTES_MAX>, RECORD_HASHES_MAX>,
    Bounded<Bytes<{ SignedAdmission::LEN }>, 4096>,
    Bounded<[u8; 16], RENEWED_MAX>,
);

/// The shown name of a room, from the stored form of its records.
pub(crate) fn name_of(room: RoomId, owner: PeerId, stored: &[u8]) -> String {
    // These rules are only read, so any endpoint will do.
    let reader = Endpoint { peer: owner, instance: Instance(0) };
    let mut rules = Rules::new(reader, room, Some(owner), &Config::default());
    rules.restore(stored);
    rules.terms().name.to_string()
}

/// The union of two stored strings of a room's records: `present` is stored, and `ours` will be. Usually `ours`
/// contains everything of `present`, and no signature is checked.
pub(crate) fn merge_records(room: RoomId, owner: Option<PeerId>, present: &[u8], ours: &[u8]) -> Vec<u8> {
    if present.is_empty() || is_within(present, ours) {
        return ours.to_vec();
    }
    // These rules are only read, so any endpoint will do.
    let reader = Endpoint { peer: PeerId([0; 32]), instance: Instance(0) };
    let mut rules = Rules::new(reader, room, owner, &Config::default());
    rules.restore(present);
    rules.restore(ours);
    rules.stored().unwrap_or_else(|| ours.to_vec())
}

/// Whether a stored string contains another one. An unreadable one is empty.
fn is_within(part: &[u8], whole: &[u8]) -> bool {
    fn has<'a, T: 'a>(part: &'a [T], whole: &'a [T], bytes: impl Fn(&'a T) -> &'a [u8]) -> bool {
        let whole: BTreeSet<&[u8]> = whole.iter().map(&bytes).collect();
        part.iter().all(|one| whole.contains(bytes(one)))
    }
    let Ok((records, _, admissions, secrets)) = wire::decode::<Stored>(part) else { return true };
    let Ok((all_records, _, all_admissions, all_secrets)) = wire::decode::<Stored>(whole) else {
        return false;
    };
    has(&records, &all_records, |record| record)
        && has(&admissions, &all_admissions, |admission| admission)
        && has(&secrets, &all_secrets, |secret| secret)
}

impl Rules {
    /// Accepts stored records. Returns how many are not records of this room, and the stamps of those that count.
    pub(in crate::room) fn restore(&mut self, stored: &[u8]) -> (usize, Vec<(PeerId, Stamp)>) {
        let Ok((records, lists, admissions, secrets)) = wire::decode::<Stored>(stored) else {
            return (1, Vec::new());
        };
        // Lists are in the order of their records, so each is hashed once.
        let mut rest = &lists[..];
        let read = |bytes: &Bytes<RECORD_MAX>| -> Option<WithList> {
            let record = Record::decode(&self.room, bytes).ok()?;
            let list = record.body().list().and_then(|(kind, name)| {
                let read = |(place, bytes): (usize, &Bytes<LIST_BYTES_MAX>)| {
                    Some((place, List::decode(kind, bytes, &name).ok()?))
                };
                let (place, list) = rest.iter().enumerate().find_map(read)?;
                rest = &rest[place + 1..];
                Some(Arc::new(list))
            });
            Some((record, list))
        };
        let read: Vec<WithList> = records.iter().filter_map(read).collect();
        self.records.restore(&read);
        // One of them may name the secret of the LINK.
        self.handle_records();
        let counting = read.iter().filter(|(record, _)| self.records.holds(&record.hash()));
        let refused = records.len() - counting.count();
        let stamps =
            self.records.all().map(|(record, _)| (record.body().signer, record.body().stamp)).collect();
        for bytes in admissions.iter() {
            if let Ok(signed) = SignedAdmission::decode(&self.room, bytes) {
                self.take_admission(signed);
            }
        }
        secrets.iter().rev().for_each(|secret| self.hold_secret(Secret(*secret)));
        (refused, stamps)
    }

    /// The stored form of the records; `None` while there are none.
    pub(in crate::room) fn stored(&self) -> Option<Vec<u8>> {
        if self.records.is_empty() {
            return None;
        }
        fn all<const LEN: usize, const MAX: usize>(
            bytes: impl Iterator<Item = Vec<u8>>,
        ) -> Bounded<Bytes<LEN>, MAX> {
            let bytes = bytes.filter_map(|bytes| Bytes::new(bytes).ok()).take(MAX).collect();
            Bounded::new(bytes).expect("just cut to the limit")
        }
        let records = all(self.records.all().map(|(record, _)| record.bytes().to_vec()));
        let lists = all(self.records.all().filter_map(|(_, list)| Some(list.as_ref()?.bytes().to_vec())));
        let admissions = all(self.admissions.all().map(|signed| signed.to_bytes().to_vec()));
        let secrets = self.secrets().map(|secret| secret.0).take(RENEWED_MAX).collect();
        let secrets = Bounded::new(secrets).expect("just cut to the limit");
        let stored: Stored = (records, lists, admissions, secrets);
        Some(wire::encode(&stored))
    }
}
