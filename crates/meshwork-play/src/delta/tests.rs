//! Differences rebuild exactly, stay short, and are refused within limits.

use meshwork_core::rng::Rng;
use proptest::prelude::*;

use super::*;
use crate::value::Keys;

fn states(base: &str, to: &str) -> (Value, Value, Keys) {
    let mut keys = Keys::new();
    let mut read = |text: &str| Value::from_json(text.as_bytes(), &mut keys).expect("within the limits");
    let (base, to) = (read(base), read(to));
    (base, to, keys)
}

/// The difference, which rebuilds.
fn delta(base: &str, to: &str) -> Vec<u8> {
    let (base, to, keys) = states(base, to);
    let mut delta = Vec::new();
    difference(&base, &to, &mut delta);
    assert_eq!(apply(&base, &delta, &Limits::of(&keys)), Ok(to), "{delta:?}");
    delta
}

#[test]
fn differences_are_as_short_as_the_change() {
    let state = r#"{"a":"a long text that stays","b":[1,2,3],"c":5}"#;
    assert_eq!(delta(state, state), [SAME]);
    assert_eq!(delta(state, &state.replace("5}", "6}")), [MAP, 2, 3, 0x86]);
    assert_eq!(delta(state, r#"{"a":"a long text that stays","b":[1,2,3]}"#), [MAP, 1, 1, 3]);
    assert_eq!(delta("5", "6"), [0x86]);
    assert_eq!(delta("[1,2,3,4,5,6]", "[1,2,9,4,5,6]"), [LIST, CHANGED, 1, 2, 0x89]);
    assert_eq!(delta("[1,2,3,4,5,6]", "[1,2,3,4,5,6,7]"), [LIST, ADDED, 1, 0x87]);
    assert_eq!(delta("[1,2,3,4,5,6]", "[1,2]"), [8, 2, 0x81, 0x82], "the value itself is shorter");
    assert_eq!(delta("[1,2,3,4,5,6,7,8]", "[2,3,4,5,6,7,8,9]"), [LIST, REMOVED | ADDED, 1, 0, 0, 1, 0x89]);
}

#[test]
fn entries_are_recognised_by_their_id() {
    let entry = |id: u32| format!(r#"{{"id":{id},"name":"entry number {id}","x":{id}}}"#);
    let list = |ids: &[u32]| format!("[{}]", ids.iter().map(|id| entry(*id)).collect::<Vec<_>>().join(","));
    assert_eq!(delta(&list(&[1, 2, 3, 4]), &list(&[1, 3, 4])), [LIST, REMOVED, 1, 1, 0]);
    assert_eq!(delta(&list(&[1, 2, 3]), &list(&[3, 1, 2])), [LIST, ORDER, 2, 0, 1]);
    let moved = list(&[1, 3, 4]).replace("\"x\":3", "\"x\":9");
    assert_eq!(
        delta(&list(&[1, 2, 3, 4]), &moved),
        [LIST, REMOVED | CHANGED, 1, 1, 0, 1, 1, MAP, 2, 2, 0x89]
    );
    assert!(delta(&list(&[1, 2, 3, 4]), &list(&[5, 1, 2, 3, 4])).len() < 40);
    // Two entries of one id are recognised by place.
    delta(&list(&[1, 1, 2]), &list(&[1, 2, 1]));
}

#[test]
fn a_difference_to_another_base_is_refused() {
    let (base, _, keys) = states(r#"{"a":[1,2,3],"b":1}"#, "0");
    let apply = |delta: &[u8]| apply(&base, delta, &Limits::of(&keys));
    assert_eq!(apply(&[LIST, 0]), Err(DeltaError::Base));
    assert_eq!(apply(&[MAP, 2, 2, MAP, 0]), Err(DeltaError::Base));
    assert_eq!(apply(&[MAP, 1, 1, 0]), Err(DeltaError::Key(0)), "it is not there");
    assert_eq!(apply(&[MAP, 3, 2, 0, 1, 2]), Err(DeltaError::Key(2)), "it is changed and removed");
    assert_eq!(apply(&[MAP, 2, 1, LIST, CHANGED, 1, 3, 0]), Err(DeltaError::Place(3)));
    assert_eq!(apply(&[MAP, 2, 1, LIST, REMOVED, 1, 1, 2]), Err(DeltaError::Place(4)));
    assert_eq!(apply(&[MAP, 2, 1, LIST, ORDER, 0, 0, 1]), Err(DeltaError::Place(0)));
    assert_eq!(apply(&[MAP, 2, 1, LIST, 16]), Err(DeltaError::Form));
    assert_eq!(apply(&[SAME, 0]), Err(DeltaError::Trailing(1)));
    assert_eq!(apply(&[]), Err(DeltaError::Form));
}

/// The keys of random values: `id` first, since entries are recognised by it.
const NAMES: [&str; 6] = ["id", "x", "y", "balls", "name", "on"];

fn table() -> Keys {
    let mut keys = Keys::new();
    for name in NAMES {
        keys.enter(name).expect("few");
    }
    keys
}

fn any_leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-4i32..200).prop_map(|number| Value::Number(number.into())),
        (-90_000i32..90_000).prop_map(|number| Value::Number(f64::from(number) / 100.0)),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| Value::Number(number + 0.0)),
        any::<f32>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| Value::Number(f64::from(number) + 0.0)),
        "[a-zé]{0,9}".prop_map(|text| Value::Text(text.into())),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    any_leaf().prop_recursive(5, 120, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::List),
            // A list of entries with ids, of which some may be there twice.
            prop::collection::vec((0u16..12, inner.clone()), 0..8).prop_map(|entries| {
                let entry =
                    |(id, value)| Value::map([(Key::ID, Value::Number(f64::from(id))), (Key(1), value)]);
                Value::List(entries.into_iter().map(entry).collect())
            }),
            prop::collection::vec((0u16..6, inner), 0..6)
                .prop_map(|entries| Value::map(entries.into_iter().map(|(key, value)| (Key(key), value)))),
        ]
    })
}

/// An edit: a way into a value, and a change there.
#[derive(Clone, Debug)]
struct Edit {
    way: Vec<usize>,
    change: u8,
    new: Value,
}

fn any_edit() -> impl Strategy<Value = Edit> {
    (prop::collection::vec(0usize..12, 0..5), any::<u8>(), any_value()).prop_map(|(way, change, new)| Edit {
        way,
        change,
        new,
    })
}

fn edit(value: &mut Value, edit: &Edit, depth: usize) {
    let place = edit.way.get(depth).copied();
    match (value, place) {
        (Value::List(list), Some(place)) if !list.is_empty() => {
            let at = place % list.len();
            match edit.change % 7 {
                0 => _ = list.remove(at),
                1 => list.insert(at, edit.new.clone()),
                2 => list.rotate_left(at),
                3 => list.truncate(at),
                4 => list.push(edit.new.clone()),
                5 => _ = list.drain(..at),
                _ => self::edit(&mut list[at], edit, depth + 1),
            }
        }
        (Value::Map(entries), Some(place)) if !entries.is_empty() => {
            let at = place % entries.len();
            match edit.change % 5 {
                0 => _ = entries.remove(at),
                1 => {
                    let more = entries.drain(..).chain([(Key(u16::from(edit.change) % 6), edit.new.clone())]);
                    if let Value::Map(map) = Value::map(more.collect::<Vec<_>>()) {
                        *entries = map;
                    }
                }
                _ => self::edit(&mut entries[at].1, edit, depth + 1),
            }
        }
        (value, _) => *value = edit.new.clone(),
    }
}

fn check(base: &Value, to: &Value) {
    let (mut delta, mut whole) = (Vec::new(), Vec::new());
    difference(base, to, &mut delta);
    to.encode(&mut whole);
    assert!(delta.len() <= whole.len(), "never longer than the value");
    assert_eq!(to.encoded_len(), whole.len());
    let limits = Limits::of(&table());
    assert_eq!(apply(base, &delta, &limits).as_ref(), Ok(to), "{delta:?}");
    assert_eq!(Value::decode(&whole, &limits).as_ref(), Ok(to));
    let mut keys = table();
    assert_eq!(Value::from_json(&to.to_json(&table()), &mut keys).as_ref(), Ok(to));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_value_is_rebuilt_from_any_other(base in any_value(), to in any_value()) {
        check(&base, &to);
    }

    #[test]
    fn any_edits_are_rebuilt(base in any_value(), edits in prop::collection::vec(any_edit(), 1..6)) {
        let mut to = base.clone();
        edits.iter().for_each(|change| edit(&mut to, change, 0));
        check(&base, &to);
    }
}

/// Lists and maps inside each other, and all values.
fn measured(value: &Value) -> (usize, usize) {
    let inner: Vec<(usize, usize)> = match value {
        Value::List(list) => list.iter().map(measured).collect(),
        Value::Map(entries) => entries.iter().map(|(_, value)| measured(value)).collect(),
        _ => return (0, 1),
    };
    (
        1 + inner.iter().map(|(depth, _)| *depth).max().unwrap_or(0),
        1 + inner.iter().map(|(_, values)| values).sum::<usize>(),
    )
}

#[test]
fn mutated_differences_stay_within_limits() {
    let mut rng = Rng::new([5; 32]);
    let (base, to, keys) = states(
        r#"{"disc":240,"balls":[{"id":1,"x":1.25,"y":3.5,"say":"hop"},{"id":2,"x":8,"y":-3},{"id":3,"x":0.1,"y":0}],"trail":[1,2,3,4,5],"end":null}"#,
        r#"{"disc":239.5,"balls":[{"id":3,"x":0.2,"y":0},{"id":1,"x":1.5,"y":3.5,"say":"hop"},{"id":4,"x":8,"y":[1,[2,[3]]]}],"trail":[2,3,4,5,6]}"#,
    );
    let mut delta = Vec::new();
    difference(&base, &to, &mut delta);
    assert_eq!(apply(&base, &delta, &Limits::of(&keys)), Ok(to.clone()));
    let mut whole = Vec::new();
    to.encode(&mut whole);
    let limits = Limits { bytes: 200, depth: 7, values: 40, text: 8, keys: keys.len() };
    let mut accepted = 0;
    for _ in 0..1_000_000 {
        let mut bytes = if rng.below(2) == 0 { delta.clone() } else { whole.clone() };
        for _ in 0..1 + rng.below(3) {
            let at = rng.below(bytes.len() as u64 + 1) as usize;
            match rng.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, rng.next_u64() as u8),
                2 => bytes
                    .splice(at..at, whole[at % whole.len()..].iter().copied().take(9).collect::<Vec<_>>())
                    .for_each(drop),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.next_u64() as u8),
            }
        }
        let Ok(value) = apply(&base, &bytes, &limits) else { continue };
        accepted += 1;
        let (depth, values) = measured(&value);
        assert!(depth <= limits.depth && values <= limits.values, "{bytes:?}");
        assert!(value.encoded_len() <= limits.bytes, "{bytes:?}");
        check_again(&value, &limits);
    }
    assert!(accepted > 10_000, "{accepted} were accepted");
}

/// An accepted value is written as it would be read.
fn check_again(value: &Value, limits: &Limits) {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    assert_eq!(Value::decode(&bytes, limits).as_ref(), Ok(value));
}
