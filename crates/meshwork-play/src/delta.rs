//! Differences between two values, and their application.
//!
//! # Problem
//! Of a state that changes 60 times a second most stays as it was. A packet has 1,041 bytes, so it carries the difference to a
//! state that the receiver has.
//!
//! # How it works
//! [`difference`] writes, level by level, the shorter one of the new value and a change of the old one. A change of a map has its
//! changed and its removed keys. A change of a list removes runs of entries, changes entries, appends new ones and, if the order
//! differs, gives the order. Entries with different `id` are recognised by it, all others by their place; a list that loses its
//! first entries is recognised too. The bytes name entries by place, so a reader need not know ids.
//!
//! # Invariants
//! `apply(base, difference(base, to))` is `to`. [`apply`] never panics, and reserves no more than its [`Limits`] and the length
//! of the bytes allow.

use std::collections::BTreeMap;

use crate::bytes::write_varint;
use crate::value::{Decoder, DeltaError, Key, Limits, Value};

/// Nothing changed.
pub(crate) const SAME: u8 = 0x10;
const MAP: u8 = 0x11;
const LIST: u8 = 0x12;

const REMOVED: u8 = 1;
const CHANGED: u8 = 2;
const ADDED: u8 = 4;
const ORDER: u8 = 8;

/// Most entries that a list loses at its beginning in one difference and is still recognised: a longer gap is rare, and each
/// costs a comparison.
const SLIDE_MAX: usize = 16;

/// Appends the difference that makes `to` of `base`.
pub fn difference(base: &Value, to: &Value, out: &mut Vec<u8>) {
    if base == to { out.push(SAME) } else { change(base, to, out) }
}

/// The difference of two values that are not equal.
fn change(base: &Value, to: &Value, out: &mut Vec<u8>) {
    let begin = out.len();
    match (base, to) {
        (Value::Map(base), Value::Map(to)) => map_difference(base, to, out),
        (Value::List(base), Value::List(to)) => list_difference(base, to, out),
        _ => return to.encode(out),
    }
    let length = out.len() - begin;
    if to.encoded_len_up_to(length) < length {
        out.truncate(begin);
        to.encode(out);
    }
}

/// Makes the value of a base and a difference to it.
///
/// # Errors
/// [`DeltaError`] if the bytes are no difference to this base, or the result exceeds a limit.
pub fn apply(base: &Value, delta: &[u8], limits: &Limits) -> Result<Value, DeltaError> {
    let mut decoder = Decoder::new(delta, limits);
    let value = applied(base, &mut decoder, 0)?;
    match decoder.reader.len() {
        0 if value.encoded_len_up_to(limits.bytes) > limits.bytes => {
            Err(DeltaError::Limit { what: "bytes", most: limits.bytes })
        }
        0 => Ok(value),
        rest => Err(DeltaError::Trailing(rest)),
    }
}

/// Ascending numbers, each as the gap to the one before.
#[derive(Default)]
struct Ascending(usize);

impl Ascending {
    fn write(&mut self, number: usize, out: &mut Vec<u8>) {
        write_varint(out, (number - self.0) as u64);
        self.0 = number + 1;
    }

    fn read(&mut self, decoder: &mut Decoder<'_>, below: usize) -> Result<usize, DeltaError> {
        let gap = decoder.reader.count(usize::from(u16::MAX)).ok_or(DeltaError::Form)?;
        let number = self.0 + gap;
        self.0 = number + 1;
        if number < below { Ok(number) } else { Err(DeltaError::Place(number)) }
    }
}

fn map_difference(base: &[(Key, Value)], to: &[(Key, Value)], out: &mut Vec<u8>) {
    let find = |entries: &[(Key, Value)], key: Key| entries.binary_search_by_key(&key, |(key, _)| *key).ok();
    let changed = |(key, value): &&(Key, Value)| find(base, *key).is_none_or(|place| base[place].1 != *value);
    let changed: Vec<&(Key, Value)> = to.iter().filter(changed).collect();
    let removed: Vec<Key> = base.iter().map(|(key, _)| *key).filter(|key| find(to, *key).is_none()).collect();
    out.push(MAP);
    write_varint(out, (changed.len() as u64) << 1 | u64::from(!removed.is_empty()));
    let mut keys = Ascending::default();
    for (key, value) in changed {
        keys.write(usize::from(key.0), out);
        match find(base, *key) {
            Some(place) => change(&base[place].1, value, out),
            None => value.encode(out),
        }
    }
    if !removed.is_empty() {
        write_varint(out, removed.len() as u64);
        let mut keys = Ascending::default();
        removed.iter().for_each(|key| keys.write(usize::from(key.0), out));
    }
}

/// For each entry of `to` the place of the entry of `base` that it continues, each at most once.
fn continued(base: &[Value], to: &[Value]) -> Vec<Option<usize>> {
    if let (Some(before), Some(_)) = (ids(base), ids(to)) {
        return to.iter().map(|entry| before.get(&id(entry)?).copied()).collect();
    }
    let slides = |lost: &usize| *lost < base.len() && to.starts_with(&base[*lost..]);
    let lost = (1..=SLIDE_MAX).find(slides).unwrap_or(0);
    (0..to.len()).map(|place| Some(place + lost).filter(|place| *place < base.len())).collect()
}

/// An `id` that entries of a list are recognised by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Id<'a> {
    Number(u64),
    Text(&'a str),
}

fn id(entry: &Value) -> Option<Id<'_>> {
    match entry.get(Key::ID)? {
        Value::Number(number) => Some(Id::Number(number.to_bits())),
        Value::Text(text) => Some(Id::Text(text)),
        _ => None,
    }
}

/// The places of ids, if all entries have different ones.
fn ids(list: &[Value]) -> Option<BTreeMap<Id<'_>, usize>> {
    let ids: Option<BTreeMap<Id<'_>, usize>> =
        list.iter().enumerate().map(|(place, entry)| Some((id(entry)?, place))).collect();
    ids.filter(|ids| ids.len() == list.len())
}

fn list_difference(base: &[Value], to: &[Value], out: &mut Vec<u8>) {
    let continued = continued(base, to);
    let mut kept: Vec<usize> = continued.iter().flatten().copied().collect();
    kept.sort_unstable();
    let removed = runs(base.len(), &kept);
    // Where an entry of `to` lies after removals and additions, before they are put in order.
    let mut behind = kept.len();
    let mut place = |from: &Option<usize>| match from {
        Some(from) => kept.binary_search(from).expect("it is kept"),
        None => {
            behind += 1;
            behind - 1
        }
    };
    let order: Vec<usize> = continued.iter().map(&mut place).collect();
    let mut changed: Vec<(usize, usize)> = continued
        .iter()
        .enumerate()
        .filter_map(|(new, old)| {
            Some((order[new], new)).filter(|_| old.is_some_and(|old| base[old] != to[new]))
        })
        .collect();
    changed.sort_unstable();
    let added: Vec<&Value> =
        to.iter().zip(&continued).filter(|(_, old)| old.is_none()).map(|(value, _)| value).collect();
    let is_ordered = order.iter().enumerate().all(|(place, from)| place == *from);
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    out.push(LIST);
    out.push(
        flag(!removed.is_empty(), REMOVED)
            | flag(!changed.is_empty(), CHANGED)
            | flag(!added.is_empty(), ADDED)
            | flag(!is_ordered, ORDER),
    );
    if !removed.is_empty() {
        write_varint(out, removed.len() as u64);
        let mut places = Ascending::default();
        for (begin, length) in removed {
            places.write(begin, out);
            write_varint(out, length as u64 - 1);
            places.0 = begin + length;
        }
    }
    if !changed.is_empty() {
        write_varint(out, changed.len() as u64);
        let mut places = Ascending::default();
        for (place, new) in changed {
            places.write(place, out);
            change(&base[kept[place]], &to[new], out);
        }
    }
    if !added.is_empty() {
        write_varint(out, added.len() as u64);
        added.iter().for_each(|value| value.encode(out));
    }
    if !is_ordered {
        order.iter().for_each(|from| write_varint(out, *from as u64));
    }
}

/// The stretches below `length` that ascending numbers leave out, as beginning and length.
fn runs(length: usize, kept: &[usize]) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut next = 0;
    for place in kept.iter().copied().chain([length]) {
        if place > next {
            runs.push((next, place - next));
        }
        next = place + 1;
    }
    runs
}

/// Reads a difference and makes the value inside `depth` lists and maps.
fn applied(base: &Value, decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, DeltaError> {
    match (decoder.byte()?, base) {
        (SAME, _) => copied(base, decoder, depth),
        (MAP, Value::Map(entries)) => {
            decoder.enter(depth)?;
            decoder.spend(1)?;
            applied_map(entries, decoder, depth + 1).map(Value::Map)
        }
        (LIST, Value::List(entries)) => {
            decoder.enter(depth)?;
            decoder.spend(1)?;
            applied_list(entries, decoder, depth + 1).map(Value::List)
        }
        (MAP | LIST, _) => Err(DeltaError::Base),
        (first, _) => decoder.value(first, depth),
    }
}

/// A value that stays, counted.
fn copied(value: &Value, decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, DeltaError> {
    count(value, decoder, depth)?;
    Ok(value.clone())
}

fn count(value: &Value, decoder: &mut Decoder<'_>, depth: usize) -> Result<(), DeltaError> {
    decoder.spend(1)?;
    match value {
        Value::List(list) => {
            decoder.enter(depth)?;
            list.iter().try_for_each(|value| count(value, decoder, depth + 1))
        }
        Value::Map(entries) => {
            decoder.enter(depth)?;
            entries.iter().try_for_each(|(_, value)| count(value, decoder, depth + 1))
        }
        _ => Ok(()),
    }
}

fn applied_map(
    base: &[(Key, Value)],
    decoder: &mut Decoder<'_>,
    depth: usize,
) -> Result<Vec<(Key, Value)>, DeltaError> {
    let header = decoder.reader.varint().ok_or(DeltaError::Form)?;
    let changes = usize::try_from(header >> 1).unwrap_or(usize::MAX);
    if changes > decoder.reader.len() {
        return Err(DeltaError::Form);
    }
    let find = |key: Key| base.binary_search_by_key(&key, |(key, _)| *key).ok();
    let mut changed: Vec<(Key, Value)> = Vec::with_capacity(changes.min(decoder.values_left));
    let mut next = 0;
    for _ in 0..changes {
        let key = decoder.key(&mut next)?;
        let value = match find(key) {
            Some(place) => applied(&base[place].1, decoder, depth)?,
            None => {
                let first = decoder.byte()?;
                decoder.value(first, depth)?
            }
        };
        changed.push((key, value));
    }
    let mut removed: Vec<Key> = Vec::new();
    if header & 1 == 1 {
        let count = decoder.count()?;
        let mut next = 0;
        for _ in 0..count {
            let key = decoder.key(&mut next)?;
            let is_there =
                find(key).is_some() && changed.binary_search_by_key(&key, |(key, _)| *key).is_err();
            if !is_there {
                return Err(DeltaError::Key(key.0.into()));
            }
            removed.push(key);
        }
    }
    merged(base, changed, &removed, decoder, depth)
}

/// The entries of the base without the removed ones, and the changed ones in their places.
fn merged(
    base: &[(Key, Value)],
    changed: Vec<(Key, Value)>,
    removed: &[Key],
    decoder: &mut Decoder<'_>,
    depth: usize,
) -> Result<Vec<(Key, Value)>, DeltaError> {
    let mut entries = Vec::with_capacity(base.len() + changed.len());
    let mut changed = changed.into_iter().peekable();
    for (key, value) in base {
        while let Some(entry) = changed.next_if(|(new, _)| new < key) {
            entries.push(entry);
        }
        if let Some(entry) = changed.next_if(|(new, _)| new == key) {
            entries.push(entry);
        } else if removed.binary_search(key).is_err() {
            entries.push((*key, copied(value, decoder, depth)?));
        }
    }
    entries.extend(changed);
    Ok(entries)
}

fn applied_list(base: &[Value], decoder: &mut Decoder<'_>, depth: usize) -> Result<Vec<Value>, DeltaError> {
    let flags = decoder.byte()?;
    if flags & !(REMOVED | CHANGED | ADDED | ORDER) != 0 {
        return Err(DeltaError::Form);
    }
    let kept = kept_places(base.len(), flags, decoder)?;
    let mut list: Vec<Value> = Vec::with_capacity(kept.len());
    // What stays between two changed entries is copied.
    let copy = |list: &mut Vec<Value>, end: usize, decoder: &mut Decoder<'_>| {
        for place in list.len()..end {
            let value = copied(&base[kept[place]], decoder, depth)?;
            list.push(value);
        }
        Ok::<(), DeltaError>(())
    };
    if flags & CHANGED != 0 {
        let count = decoder.count()?;
        let mut places = Ascending::default();
        for _ in 0..count {
            let place = places.read(decoder, kept.len())?;
            copy(&mut list, place, decoder)?;
            list.push(applied(&base[kept[place]], decoder, depth)?);
        }
    }
    copy(&mut list, kept.len(), decoder)?;
    if flags & ADDED != 0 {
        let count = decoder.count()?;
        list.reserve(count.min(decoder.values_left));
        for _ in 0..count {
            let first = decoder.byte()?;
            list.push(decoder.value(first, depth)?);
        }
    }
    if flags & ORDER == 0 { Ok(list) } else { ordered(list, decoder) }
}

/// The places of the base that are not removed.
fn kept_places(length: usize, flags: u8, decoder: &mut Decoder<'_>) -> Result<Vec<usize>, DeltaError> {
    let mut kept = Vec::with_capacity(length);
    let mut places = Ascending::default();
    if flags & REMOVED != 0 {
        let count = decoder.count()?;
        for _ in 0..count {
            let before = places.0;
            let begin = places.read(decoder, length)?;
            let more = decoder.reader.count(length).ok_or(DeltaError::Form)?;
            kept.extend(before..begin);
            places.0 = begin + more + 1;
            if places.0 > length {
                return Err(DeltaError::Place(places.0));
            }
        }
    }
    kept.extend(places.0..length);
    Ok(kept)
}

/// The entries in the order that is read: each of them once.
fn ordered(list: Vec<Value>, decoder: &mut Decoder<'_>) -> Result<Vec<Value>, DeltaError> {
    let mut left: Vec<Option<Value>> = list.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(left.len());
    for _ in 0..left.len() {
        let place = decoder.reader.count(usize::from(u16::MAX)).ok_or(DeltaError::Form)?;
        let value = left.get_mut(place).and_then(Option::take).ok_or(DeltaError::Place(place))?;
        ordered.push(value);
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests;
