//! Differences rebuild exactly, stay short, and are refused within limits.

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
