//! Makes a document what it was, with few changes: what is equal stays, and what others write meanwhile in it as well.
//!
//! # How it works
//! A type of Yjs has values under keys, and a sequence beside them, of letters or of values. Most kinds of types have one of the
//! two; an element of XML has both. Each is made equal by itself. A type that was there already, under its key or as the very
//! same item of a sequence, is kept and made equal within. One that is missing is made empty, and filled likewise.
//!
//! # Limits
//! Types lie at most [`DEPTH_MAX`] deep in each other, since each takes a place on the stack. Documents within documents
//! are refused.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::mem::discriminant;

use similar::{Algorithm, DiffOp, capture_diff_slices};
use yrs::branch::{Branch, BranchPtr};
use yrs::types::text::{DeltaPrelim, YChange};
use yrs::types::xml::XmlDeltaPrelim;
use yrs::types::{AsPrelim as _, Attrs, Delta, TypeRef};
use yrs::{
    Any, Array as _, ArrayPrelim, ArrayRef, BranchID, ID, In, Map as _, MapPrelim, MapRef, Out, ReadTxn,
    Text as _, TextRef, Transaction, TransactionMut, WriteTxn as _, XmlElementPrelim, XmlFragmentPrelim,
};

use crate::error::WriteError;
use crate::sync::places::utf16;
use crate::sync::text::{caught, replace};

/// Types that lie within each other, at most.
const DEPTH_MAX: usize = 64;
/// What stands for a value within a text while letters are compared. A letter that is this one is told from such a value
/// afterwards.
const OBJECT: &str = "\u{fffc}";

/// Makes `now` read as `then` does.
///
/// # Errors
/// [`WriteError::Invalid`]; `now` is to be thrown away then.
pub(crate) fn restore(now: &mut TransactionMut<'_>, then: &Transaction<'_>) -> Result<(), WriteError> {
    caught(|| {
        check(now, false)?;
        check(then, true)?;
        Restoring { now, then }.roots()
    })
}

/// Refuses what lies too deep, and documents within documents where they would have to be made.
fn check(reading: &impl ReadTxn, refuses_documents: bool) -> Result<(), String> {
    let mut within: Vec<(BranchPtr, usize)> =
        roots(reading).into_values().map(|branch| (branch, 1)).collect();
    while let Some((branch, depth)) = within.pop() {
        if depth > DEPTH_MAX {
            return Err(format!("types lie more than {DEPTH_MAX} deep in each other"));
        }
        let is_text = matches!(branch.type_ref(), TypeRef::Text | TypeRef::XmlText);
        let mut values: Vec<Out> = MapRef::from(branch).iter(reading).map(|(_, value)| value).collect();
        match (has_letters(branch, reading), branch.id()) {
            // The library goes through a list of letters for ever.
            (Some(true), BranchID::Nested(_)) if !is_text => {
                return Err("a list has letters in it, which lie in texts alone".into());
            }
            (Some(true), _) => {
                let parts = TextRef::from(branch).diff(reading, YChange::identity);
                values.extend(parts.into_iter().map(|part| part.insert));
            }
            _ => values.extend(ArrayRef::from(branch).iter(reading)),
        }
        if refuses_documents && values.iter().any(|value| matches!(value, Out::YDoc(_))) {
            return Err("a document that has documents within it is not restored".into());
        }
        within.extend(values.iter().filter_map(nested).map(|branch| (branch, depth + 1)));
    }
    Ok(())
}

/// The types of a document that have names.
fn roots(reading: &impl ReadTxn) -> BTreeMap<String, BranchPtr> {
    reading.root_refs().filter_map(|(name, root)| Some((name.to_owned(), nested(&root)?))).collect()
}

/// The type that a value is, where it is one.
fn nested(value: &Out) -> Option<BranchPtr> {
    value.try_branch().map(BranchPtr::from)
}

/// The item that a value is, where it is a type.
fn item(value: &Out) -> Option<ID> {
    match value.try_branch()?.id() {
        BranchID::Nested(id) => Some(id),
        BranchID::Root(_) => None,
    }
}

/// A value of the same kind, without anything in it.
fn empty(like: &Out) -> In {
    match like {
        Out::Any(value) => In::Any(value.clone()),
        Out::YText(_) => In::Text(DeltaPrelim::default()),
        Out::YArray(_) => In::Array(ArrayPrelim::from(Vec::<In>::new())),
        Out::YXmlElement(element) => In::XmlElement(XmlElementPrelim::empty(element.tag().clone())),
        Out::YXmlFragment(_) => In::XmlFragment(XmlFragmentPrelim::new::<_, ()>(Vec::new())),
        Out::YXmlText(_) => In::XmlText(XmlDeltaPrelim::default()),
        Out::YMap(_) | Out::YDoc(_) | Out::UndefinedRef(_) => In::Map(MapPrelim::default()),
    }
}

/// Whether two values are types of one kind.
fn are_alike(one: &Out, other: &Out) -> bool {
    let kind = |value: &Out| value.try_branch().map(|branch| branch.type_ref().clone());
    kind(one).is_some_and(|one| Some(one) == kind(other))
}

/// Whether the sequence of a type has letters, or values as texts have them; `None` where it is empty.
fn has_letters(branch: BranchPtr, reading: &impl ReadTxn) -> Option<bool> {
    if ArrayRef::from(branch).len(reading) == 0 {
        return None;
    }
    let parts = TextRef::from(branch).diff(reading, YChange::identity);
    Some(parts.iter().any(|part| matches!(part.insert, Out::Any(_))))
}

/// A document that is being made what it was.
struct Restoring<'a, 'n, 't> {
    now: &'a mut TransactionMut<'n>,
    then: &'a Transaction<'t>,
}

impl Restoring<'_, '_, '_> {
    fn roots(&mut self) -> Result<(), String> {
        let (now, then) = (roots(self.now), roots(self.then));
        for (name, branch) in &now {
            self.within(*branch, then.get(name).copied())?;
        }
        for (name, branch) in then {
            if !now.contains_key(&name) {
                let made = self.root_like(&name, branch);
                self.within(made, Some(branch))?;
            }
        }
        Ok(())
    }

    /// A type with a name, of the kind that what lies in another one speaks for.
    fn root_like(&mut self, name: &str, like: BranchPtr) -> BranchPtr {
        let has_keys = MapRef::from(like).len(self.then) > 0;
        match (has_letters(like, self.then), has_keys) {
            (Some(true), _) => pointer(&self.now.get_or_insert_text(name)),
            (Some(false), false) => pointer(&self.now.get_or_insert_array(name)),
            (None, _) => pointer(&self.now.get_or_insert_map(name)),
            (Some(false), true) => pointer(&self.now.get_or_insert_xml_fragment(name)),
        }
    }

    /// Makes a type equal to another one; to an empty one where there is none.
    fn within(&mut self, now: BranchPtr, then: Option<BranchPtr>) -> Result<(), String> {
        self.keys(&MapRef::from(now), then.map(MapRef::from))?;
        let had = then.and_then(|then| has_letters(then, self.then));
        match (has_letters(now, self.now), had) {
            (None, None) => Ok(()),
            (Some(true), _) | (_, Some(true)) => self.letters(&TextRef::from(now), then.map(TextRef::from)),
            _ => self.values(&ArrayRef::from(now), then.map(ArrayRef::from)),
        }
    }

    fn same(&mut self, now: &Out, then: &Out) -> Result<(), String> {
        match (nested(now), nested(then)) {
            (Some(now), Some(then)) => self.within(now, Some(then)),
            _ => Ok(()),
        }
    }

    fn keys(&mut self, now: &MapRef, then: Option<MapRef>) -> Result<(), String> {
        let wanted: BTreeMap<String, Out> = match &then {
            Some(then) => then.iter(self.then).map(|(key, value)| (key.to_owned(), value)).collect(),
            None => BTreeMap::new(),
        };
        let present: BTreeSet<String> = now.keys(self.now).map(str::to_owned).collect();
        for key in present.iter().filter(|key| !wanted.contains_key(*key)) {
            now.remove(self.now, key);
        }
        for (key, value) in wanted {
            let made = match now.get(self.now, &key) {
                Some(old) if old == value => continue,
                Some(old) if are_alike(&old, &value) => old,
                _ => now.insert(self.now, key, empty(&value)),
            };
            self.same(&made, &value)?;
        }
        Ok(())
    }

    fn values(&mut self, now: &ArrayRef, then: Option<ArrayRef>) -> Result<(), String> {
        let old: Vec<Out> = now.iter(self.now).collect();
        let new: Vec<Out> = then.map_or_else(Vec::new, |then| then.iter(self.then).collect());
        let items = |values: &[Out]| values.iter().filter_map(item).collect::<HashSet<ID>>();
        let shared: HashSet<ID> = items(&old).intersection(&items(&new)).copied().collect();
        let shared = |value: &Out| item(value).filter(|id| shared.contains(id));
        let element = |value: &Out, copy: In| Element { shared: shared(value), copy };
        let before: Vec<Element> =
            old.iter().map(|value| element(value, value.as_prelim(self.now))).collect();
        let after: Vec<Element> =
            new.iter().map(|value| element(value, value.as_prelim(self.then))).collect();
        // From the end, so that places before stay what they are.
        for operation in capture_diff_slices(Algorithm::Myers, &before, &after).into_iter().rev() {
            let (_, of_old, of_new) = operation.as_tag_tuple();
            if matches!(operation, DiffOp::Equal { .. }) {
                for (old, new) in old[of_old].iter().zip(&new[of_new]) {
                    self.same(old, new)?;
                }
                continue;
            }
            let (at, length) = (of_old.start as u32, of_old.len() as u32);
            if length > 0 {
                now.remove_range(self.now, at, length);
            }
            for (place, value) in (at..).zip(&new[of_new]) {
                let made = now.insert(self.now, place, empty(value));
                self.same(&made, value)?;
            }
        }
        Ok(())
    }

    fn letters(&mut self, now: &TextRef, then: Option<TextRef>) -> Result<(), String> {
        let new = then.map_or(Ok(Vec::new()), |then| spans(&then, self.then))?;
        let old = spans(now, self.now)?;
        replace(now, self.now, &plain(&old), &plain(&new));
        // The same letters stand in both, so what is left are marks, and values among the letters.
        let old = spans(now, self.now)?;
        if old != new {
            now.apply_delta(self.now, marks(&old, &new));
        }
        Ok(())
    }
}

fn pointer(shared: &impl AsRef<Branch>) -> BranchPtr {
    BranchPtr::from(shared.as_ref())
}

/// A value of a sequence, as it is looked for in another one.
struct Element {
    /// The item that it is, where both sequences have it: no other is the same then.
    shared: Option<ID>,
    copy: In,
}

impl PartialEq for Element {
    fn eq(&self, other: &Element) -> bool {
        self.shared == other.shared && (self.shared.is_some() || self.copy == other.copy)
    }
}

impl Eq for Element {}

impl Hash for Element {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match (self.shared, &self.copy) {
            (Some(id), _) => id.hash(state),
            // Maps have no order: their length is the same in any.
            (None, In::Any(value @ (Any::Array(_) | Any::Map(_)))) => value.to_string().len().hash(state),
            (None, In::Any(value)) => value.to_string().hash(state),
            (None, copy) => discriminant(copy).hash(state),
        }
    }
}

/// A part of a text that has the same marks: letters, or one value.
#[derive(PartialEq)]
struct Span {
    content: In,
    marks: Attrs,
}

impl Span {
    fn words(&self) -> Option<&str> {
        match &self.content {
            In::Any(Any::String(words)) => Some(words),
            _ => None,
        }
    }

    /// How many places it has, in UTF-16.
    fn length(&self) -> u32 {
        self.words().map_or(1, utf16)
    }
}

fn spans(text: &TextRef, reading: &impl ReadTxn) -> Result<Vec<Span>, String> {
    let mut spans: Vec<Span> = Vec::new();
    for part in text.diff(reading, YChange::identity) {
        let marks = part.attributes.map(|marks| *marks).unwrap_or_default();
        let span = Span { content: part.insert.as_prelim(reading), marks };
        if let Some(last) = spans.last_mut()
            && last.marks == span.marks
            && let (Some(one), Some(other)) = (last.words(), span.words())
        {
            last.content = In::from(format!("{one}{other}"));
        } else {
            spans.push(span);
        }
    }
    // Places are counted below, so nothing else may lie in it.
    match spans.iter().map(Span::length).sum::<u32>() == text.len(reading) {
        true => Ok(spans),
        false => Err("a text has something else in it than letters, values and types".into()),
    }
}

fn plain(spans: &[Span]) -> String {
    spans.iter().map(|span| span.words().unwrap_or(OBJECT)).collect()
}

/// What gives a text the marks and values of another one that has the same letters.
fn marks(old: &[Span], new: &[Span]) -> Vec<Delta<In>> {
    let (mut old, mut new) = (old.iter(), new.iter());
    // What is left of a span of each.
    let (mut before, mut after) = (None, None);
    let mut delta = Vec::new();
    loop {
        before = before.or_else(|| old.next().map(|span| (span, span.length())));
        after = after.or_else(|| new.next().map(|span| (span, span.length())));
        let (Some((from, left)), Some((to, right))) = (before, after) else { return delta };
        let length = left.min(right);
        let is_same = match (from.words(), to.words()) {
            (Some(_), Some(_)) => true,
            _ => from.content == to.content,
        };
        if is_same {
            delta.push(Delta::Retain(length, Some(Box::new(changes(&from.marks, &to.marks)))));
        } else {
            let content = to.words().map_or_else(|| to.content.clone(), |_| In::from(OBJECT));
            delta
                .extend([Delta::Deleted(length), Delta::Inserted(content, Some(Box::new(to.marks.clone())))]);
        }
        before = (left > length).then_some((from, left - length));
        after = (right > length).then_some((to, right - length));
    }
}

/// What turns some marks into others.
fn changes(from: &Attrs, to: &Attrs) -> Attrs {
    let gone = from.keys().filter(|mark| !to.contains_key(*mark)).map(|mark| (mark.clone(), Any::Null));
    let set = to.iter().filter(|(mark, value)| from.get(*mark) != Some(*value));
    gone.chain(set.map(|(mark, value)| (mark.clone(), value.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use yrs::types::ToJson as _;
    use yrs::updates::decoder::Decode as _;
    use yrs::{Doc, OffsetKind, Options, StateVector, Transact as _, Update, XmlFragment as _, any};

    use super::*;

    fn document(client: u64, whole: &[u8]) -> Doc {
        let client_id = yrs::ClientID::new(client);
        let options =
            Options { client_id, skip_gc: true, offset_kind: OffsetKind::Utf16, ..Options::default() };
        let document = Doc::with_options(options);
        let update = Update::decode_v1(whole).expect("an update");
        document.transact_mut().apply_update(update).expect("applied");
        document
    }

    fn whole(document: &Doc) -> Vec<u8> {
        document.transact().encode_state_as_update_v1(&StateVector::default())
    }

    /// A document with something of every kind.
    fn first() -> Doc {
        let document = document(1, &[0, 0]);
        let mut writing = document.transact_mut();
        writing.get_or_insert_text("text").push(&mut writing, "The ferry 🦉 leaves at nine.");
        let size = writing.get_or_insert_map("size");
        size.insert(&mut writing, "columns", 3);
        size.insert(&mut writing, "named", MapPrelim::from([("short", "S"), ("long", "Size")]));
        let cards = writing.get_or_insert_array("cards");
        for name in ["bread", "milk", "salt", "eggs"] {
            cards.push_back(
                &mut writing,
                MapPrelim::from([("text", In::from(name)), ("done", In::from(false))]),
            );
        }
        cards.push_back(&mut writing, any!({ "one": 1, "two": [2, null] }));
        cards.push_back(&mut writing, 4.5);
        let rich = writing.get_or_insert_text("rich");
        let bold = || Attrs::from([("bold".into(), Any::from(true))]);
        rich.insert_with_attributes(&mut writing, 0, "bold", bold());
        rich.insert_with_attributes(&mut writing, 4, " and plain", Attrs::from([("bold".into(), Any::Null)]));
        rich.insert_embed(&mut writing, 9, any!({ "image": "owl.png" }));
        let page = writing.get_or_insert_xml_fragment("page");
        let heading = page.push_back(&mut writing, XmlElementPrelim::empty("heading"));
        yrs::Xml::insert_attribute(&heading, &mut writing, "level", 2);
        heading.push_back(&mut writing, yrs::XmlTextPrelim::new("A title"));
        drop(writing);
        document
    }

    /// What somebody else makes of it.
    fn change(document: &Doc) {
        let mut writing = document.transact_mut();
        let text = writing.get_or_insert_text("text");
        text.remove_range(&mut writing, 0, 4);
        text.push(&mut writing, " Sharp.");
        let size = writing.get_or_insert_map("size");
        size.insert(&mut writing, "columns", 4);
        size.insert(&mut writing, "rows", 9);
        size.remove(&mut writing, "named");
        let cards = writing.get_or_insert_array("cards");
        let Some(Out::YMap(milk)) = cards.get(&writing, 1) else { panic!("a card") };
        milk.insert(&mut writing, "done", true);
        cards.remove(&mut writing, 2);
        cards.insert(&mut writing, 0, "first");
        let rich = writing.get_or_insert_text("rich");
        rich.format(&mut writing, 2, 6, Attrs::from([("italic".into(), Any::from(true))]));
        rich.remove_range(&mut writing, 9, 1);
        rich.insert_embed(&mut writing, 1, any!({ "image": "cat.png" }));
        let page = writing.get_or_insert_xml_fragment("page");
        page.remove_range(&mut writing, 0, 1);
        page.push_back(&mut writing, XmlElementPrelim::empty("line"));
        writing.get_or_insert_map("new").insert(&mut writing, "key", true);
    }

    /// All that a document shows.
    fn shown(document: &Doc) -> Vec<serde_json::Value> {
        let mut writing = document.transact_mut();
        let (text, rich) = (writing.get_or_insert_text("text"), writing.get_or_insert_text("rich"));
        let (size, cards) = (writing.get_or_insert_map("size"), writing.get_or_insert_array("cards"));
        let (page, new) = (writing.get_or_insert_xml_fragment("page"), writing.get_or_insert_map("new"));
        let json = |any: Any| serde_json::to_value(any).expect("a value");
        let marks = |span: Span| {
            let marks: BTreeMap<_, _> =
                span.marks.iter().map(|(mark, value)| (mark, value.to_string())).collect();
            format!("{:?} {marks:?}", span.content)
        };
        let rich: Vec<String> = spans(&rich, &writing).expect("spans").into_iter().map(marks).collect();
        vec![
            yrs::GetString::get_string(&text, &writing).into(),
            json(size.to_json(&writing)),
            json(cards.to_json(&writing)),
            rich.join(", ").into(),
            yrs::GetString::get_string(&page, &writing).into(),
            json(new.to_json(&writing)),
        ]
    }

    /// Restores, and returns the update that does it.
    fn restored(now: &Doc, then: &[u8]) -> Vec<u8> {
        let then = document(9, then);
        let mut writing = now.transact_mut();
        restore(&mut writing, &then.transact()).expect("restored");
        writing.encode_update_v1()
    }

    #[test]
    fn every_kind_reads_as_it_did() {
        let old = first();
        let (saved, before) = (whole(&old), shown(&old));
        let now = document(2, &saved);
        change(&now);
        assert_ne!(shown(&now), before);
        let others = document(3, &whole(&now));
        let update = restored(&now, &saved);
        assert_eq!(shown(&now), before);
        others.transact_mut().apply_update(Update::decode_v1(&update).expect("an update")).expect("applied");
        assert_eq!(shown(&others), before, "the change alone does it");
        assert_eq!(restored(&now, &saved), [0, 0], "nothing is left to do");
        // And the other way round, into a document that has nothing.
        let empty = document(4, &[0, 0]);
        restored(&empty, &saved);
        assert_eq!(shown(&empty), before);
        restored(&empty, &[0, 0]);
        assert_eq!(shown(&empty), shown(&document(5, &[0, 0])));
    }

    #[test]
    fn what_is_equal_is_left_alone() {
        let old = first();
        let saved = whole(&old);
        let now = document(2, &saved);
        change(&now);
        let others = document(3, &whole(&now));
        let update = restored(&now, &saved);
        // Meanwhile somebody ticks off what was there all the time.
        let cards = others.transact_mut().get_or_insert_array("cards");
        let Some(Out::YMap(eggs)) = cards.get(&others.transact(), 3) else { panic!("a card") };
        eggs.insert(&mut others.transact_mut(), "done", true);
        others.transact_mut().apply_update(Update::decode_v1(&update).expect("an update")).expect("applied");
        let read = serde_json::to_value(cards.to_json(&others.transact())).expect("a value");
        let texts: Vec<_> = read.as_array().expect("a list")[..4].iter().map(|card| &card["text"]).collect();
        assert_eq!(texts, ["bread", "milk", "salt", "eggs"]);
        assert_eq!((&read[1]["done"], &read[3]["done"]), (&false.into(), &true.into()));
    }

    #[test]
    fn what_lies_too_deep_is_refused() {
        let deep = document(1, &[0, 0]);
        let mut writing = deep.transact_mut();
        let mut map = writing.get_or_insert_map("map");
        for _ in 0..DEPTH_MAX {
            map = map.insert(&mut writing, "within", MapPrelim::default());
        }
        drop(writing);
        let now = document(2, &[0, 0]);
        let refused = restore(&mut now.transact_mut(), &deep.transact());
        assert!(matches!(refused, Err(WriteError::Invalid(_))), "{refused:?}");
        let within = document(3, &[0, 0]);
        let list = within.transact_mut().get_or_insert_array("list");
        list.push_back(&mut within.transact_mut(), Doc::new());
        assert!(restore(&mut now.transact_mut(), &within.transact()).is_err());
    }
}
