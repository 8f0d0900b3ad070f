//! Values: what somebody wrote last under a key, and what stood there before.
//!
//! # How it works
//! The key is a row. Each author has up to [`HISTORY_MAX`] fields in it, which it writes in turn, so they hold the last
//! of what that author wrote. Of all authors' fields the one with the greatest (stamp, PeerId) is the value; the others are its
//! history. So a write is one field of one batch, and history costs nothing beside what it keeps.
//!
//! Whoever deletes a key writes there that it has no value, which is a write like any other.
//!
//! # Invariants
//! - What an author wrote goes when that author writes on, and by nobody else's doing.
//!
//! # Limits
//! A key has at most [`NAME_MAX`](crate::NAME_MAX) bytes, a value at most [`VALUE_MAX`](meshwork_core::table::VALUE_MAX). Where the author's
//! [`Quota`](meshwork_core::table::Quota) has no place for one more field, its oldest in the row goes for the new one.

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::planted;
use meshwork_core::replica::part_named;
use meshwork_core::table::{Change, Entry, Table, Write, Writer};

use crate::Kind;

/// Most writes of one key that its history has, and that each author keeps of its own.
pub const HISTORY_MAX: usize = 20;

/// The value of a key; `None` where it has none.
pub fn get<'a>(table: &'a Table, key: &str) -> Option<&'a Entry> {
    latest(table, key).filter(|entry| is_value(entry))
}

/// What was written last at a key, which may be that it has no value.
pub fn latest<'a>(table: &'a Table, key: &str) -> Option<&'a Entry> {
    let writes = writes(table, key).into_iter();
    if planted!(ValueLeast) {
        return writes.min_by_key(|entry| rank(entry));
    }
    writes.max_by_key(|entry| rank(entry))
}

/// What was written last at each key that begins with `prefix`, by key: that a key has no value among it.
pub fn all_latest<'a>(table: &'a Table, prefix: &str) -> Vec<(&'a str, &'a Entry)> {
    let row = Kind::Value.row(prefix);
    let mut all: Vec<(&str, &Entry)> = Vec::new();
    for entry in table.entries(&row) {
        let Some(key) = key(entry) else { continue };
        match all.last_mut() {
            Some((last, latest)) if *last == key => {
                if rank(latest) < rank(entry) {
                    *latest = entry;
                }
            }
            _ => all.push((key, entry)),
        }
    }
    all
}

/// The last writes of a key, the latest first; see [`is_value`] for those that deleted it.
pub fn history<'a>(table: &'a Table, key: &str) -> Vec<&'a Entry> {
    let mut writes = writes(table, key);
    writes.sort_unstable_by_key(|entry| std::cmp::Reverse(rank(entry)));
    writes.truncate(HISTORY_MAX);
    writes
}

/// What gives a key a value when `me` writes it; `None` for the value deletes the key.
pub fn set(table: &Table, me: PeerId, key: &str, value: Option<&[u8]>) -> Write {
    let row = Kind::Value.row(key);
    let field = |number: u8| Writer::Peer(me).field(&[number]);
    let write = |number| Write::value(&row, field(number), value.unwrap_or_default());
    let own = (0..HISTORY_MAX as u8).map(|number| (number, table.get(&row, &field(number))));
    let (free, used): (Vec<_>, Vec<_>) = own.partition(|(_, entry)| entry.is_none());
    let free = free.first().map(|(number, _)| write(*number));
    let used = used.iter().filter_map(|(number, entry)| Some((rank((*entry)?), *number)));
    let oldest = if planted!(HistoryLatest) { used.max() } else { used.min() };
    match (free, oldest) {
        (Some(free), Some(_)) if !table.is_full_for(me, &free) => free,
        (_, Some((_, number))) => write(number),
        (free, None) => free.unwrap_or_else(|| write(0)),
    }
}

/// The key to which a change of a table belongs; `None` where that is no write of a value.
pub fn key_of(change: &Change) -> Option<&str> {
    key(change.after.as_ref().or(change.before.as_ref())?)
}

/// The part in which all is that is written at a key: see [`Replica::outline`](meshwork_core::replica::Replica::outline).
pub fn part(key: &str) -> u32 {
    part_named(&Kind::Value.row(key))
}

/// Whether a write gave its key a value, and did not delete it.
pub fn is_value(entry: &Entry) -> bool {
    entry.value().is_some_and(|value| !value.is_empty())
}

/// By what of two writes the later one is told.
pub fn rank(entry: &Entry) -> (Stamp, PeerId) {
    (entry.stamp(), entry.author())
}

/// All writes that are kept of a key.
fn writes<'a>(table: &'a Table, of: &str) -> Vec<&'a Entry> {
    table.row(&Kind::Value.row(of)).filter(|entry| key(entry).is_some()).collect()
}

/// The key of a write; `None` for what this version cannot read.
fn key(entry: &Entry) -> Option<&str> {
    match entry.field() {
        (Writer::Peer(_), [number]) if usize::from(*number) < HISTORY_MAX => Kind::Value.name(entry.row()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::replica::Replica as _;
    use meshwork_core::table::Quota;

    use super::*;
    use crate::testing::{Person, exchange};

    fn say(person: &mut Person, key: &str, value: &str) {
        person.write(|table, me| Ok::<_, ()>(set(table, me.peer, key, Some(value.as_bytes()))));
    }

    fn delete(person: &mut Person, key: &str) {
        person.write(|table, me| Ok::<_, ()>(set(table, me.peer, key, None)));
    }

    fn read<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
        get(table, key).map(|entry| str::from_utf8(entry.value().unwrap()).unwrap())
    }

    #[test]
    fn the_last_write_is_the_value() {
        let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
        say(&mut ann, "title", "one");
        exchange(&mut ann, &mut bo);
        say(&mut bo, "title", "two");
        say(&mut ann, "titles", "other");
        exchange(&mut ann, &mut bo);
        assert_eq!(read(&ann.table, "title"), Some("two"));
        assert_eq!(ann.table.digest(), bo.table.digest());
        delete(&mut ann, "title");
        exchange(&mut ann, &mut bo);
        assert_eq!(read(&bo.table, "title"), None);
        let keys: Vec<(&str, bool)> =
            all_latest(&bo.table, "t").into_iter().map(|(key, entry)| (key, is_value(entry))).collect();
        assert_eq!(keys, [("title", false), ("titles", true)]);
    }

    #[test]
    fn history_has_the_last_twenty_writes() {
        let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
        for turn in 0..70 {
            let (one, other) = if turn % 3 == 0 { (&mut bo, &mut ann) } else { (&mut ann, &mut bo) };
            match turn {
                68 => delete(one, "title"),
                turn => say(one, "title", &turn.to_string()),
            }
            exchange(one, other);
        }
        let past = history(&bo.table, "title");
        let shown: Vec<(String, PeerId)> = past
            .iter()
            .map(|entry| (String::from_utf8_lossy(entry.value().unwrap()).into_owned(), entry.author()))
            .collect();
        let expected: Vec<(String, PeerId)> = (50..70)
            .rev()
            .map(|turn| {
                let author = if turn % 3 == 0 { bo.me.peer } else { ann.me.peer };
                (if turn == 68 { String::new() } else { turn.to_string() }, author)
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_full_author_forgets_its_oldest_write() {
        let quota = Quota { values: 3, ..Quota::default() };
        let mut ann = Person::with_table(1, 1, quota);
        // Beyond what every table gives nobody writes here; a small table shows the same.
        ann.fill(quota.values - 2);
        say(&mut ann, "title", "one");
        for turn in 0..4 {
            say(&mut ann, "title", &turn.to_string());
        }
        let past = history(&ann.table, "title");
        assert_eq!(past.len(), 2);
        assert_eq!(read(&ann.table, "title"), Some("3"));
        assert!(ann.is_filled(quota.values - 2), "nothing else fell out");
    }

    #[test]
    fn rows_are_as_documented() {
        let mut ann = Person::new(1, 1);
        let field = |number| [&[1], &ann.me.peer.0[..], &[number]].concat();
        let (first, second) = (field(0), field(1));
        let write = set(&ann.table, ann.me.peer, "title", Some(b"\"one\""));
        assert_eq!(write, Write::value(b"\xff\x76title", first, "\"one\""));
        say(&mut ann, "title", "\"one\"");
        assert_eq!(set(&ann.table, ann.me.peer, "title", None), Write::value(b"\xff\x76title", second, ""));
    }

    #[test]
    fn shapes_of_other_builds_are_skipped() {
        let mut ann = Person::new(1, 1);
        say(&mut ann, "title", "one");
        let row = Kind::Value.row("title");
        for field in [
            Writer::Anybody.field(&[0]),
            Writer::Peer(ann.me.peer).field(&[HISTORY_MAX as u8]),
            Writer::Peer(ann.me.peer).field(b"new"),
        ] {
            ann.write(|_, _| Ok::<_, ()>(Write::value(&row, field.clone(), "later")));
        }
        assert_eq!(read(&ann.table, "title"), Some("one"));
        assert_eq!(history(&ann.table, "title").len(), 1);
        assert_eq!(ann.table.batch_count(), 4, "what is not read is kept");
    }
}
