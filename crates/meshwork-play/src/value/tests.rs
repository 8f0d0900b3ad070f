//! Values as JSON and as bytes, and their limits.

use super::*;

fn read(text: &str) -> Result<(Value, Keys), StateError> {
    let mut keys = Keys::new();
    Value::from_json(text.as_bytes(), &mut keys).map(|value| (value, keys))
}

fn refused(text: &str) -> (String, Broken) {
    let error = read(text).expect_err("beyond a limit");
    (error.path, error.broken)
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

#[test]
fn json_survives_bytes() {
    let text = r#"{"id":7,"balls":[{"id":"a","x":1.25,"y":-0.1},{"id":"b","x":1e300,"y":127}],"on":true,"off":false,"none":null,"say":"é\"\n","big":9007199254740992,"small":-65}"#;
    let (value, keys) = read(text).expect("within the limits");
    let bytes = encoded(&value);
    assert_eq!(bytes.len(), value.encoded_len());
    assert_eq!(Value::decode(&bytes, &Limits::of(&keys)), Ok(value.clone()));
    let json: serde_json::Value = serde_json::from_slice(&value.to_json(&keys)).expect("JSON");
    let expected: serde_json::Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(json["balls"][1]["x"].as_f64(), expected["balls"][1]["x"].as_f64());
    assert_eq!(json.as_object().map(serde_json::Map::len), Some(8));
    assert_eq!(
        read(str::from_utf8(&value.to_json(&keys)).expect("text")).expect("again").0.encoded_len(),
        bytes.len()
    );
}

#[test]
fn numbers_take_the_shortest_exact_form() {
    for (number, bytes) in [
        (0.0, vec![0x80]),
        (-0.0, vec![0x80]),
        (127.0, vec![0xff]),
        (-64.0, vec![0x40]),
        (128.0, vec![3, 0x80, 2]),
        (-65.0, vec![3, 0x81, 1]),
        (0.25, vec![4, 50]),
        (-12.34, vec![4, 0xa3, 0x13]),
        (0.375, vec![5, 0, 0, 0xc0, 0x3e]),
        (0.001, vec![6, 0xfc, 0xa9, 0xf1, 0xd2, 0x4d, 0x62, 0x50, 0x3f]),
    ] {
        assert_eq!(encoded(&Value::Number(number)), bytes, "{number}");
        assert_eq!(Value::decode(&bytes, &Limits::STATE), Ok(Value::Number(number)));
    }
    for other_form in [vec![3, 0], vec![4, 0xc8, 1], vec![5, 0, 0, 0x80, 0x3f], vec![3, 0x80, 0]] {
        assert_eq!(Value::decode(&other_form, &Limits::STATE), Err(DeltaError::Form), "{other_form:?}");
    }
    for not_finite in [f64::NAN, f64::INFINITY] {
        let bytes = [&[6][..], &not_finite.to_le_bytes()].concat();
        assert_eq!(Value::decode(&bytes, &Limits::STATE), Err(DeltaError::Form));
    }
}

#[test]
fn errors_name_the_path() {
    assert_eq!(refused(r#"{"balls":[{"x":1},{"x":1e999}]}"#), ("balls[1].x".into(), Broken::NotFinite));
    assert_eq!(refused("[[1,-1e999]]"), ("[0][1]".into(), Broken::NotFinite));
    let long = "x".repeat(4097);
    assert_eq!(refused(&format!(r#"{{"say":"{long}"}}"#)).1, Broken::Text { length: 4097, most: 4096 });
    assert_eq!(refused(r#"{"a":1,"a":2}"#).1, Broken::Twice("a".into()));
    let (path, broken) = refused(r#"{"a":[1,"#);
    assert!(path == "a[1]" && matches!(broken, Broken::Json(_)), "{path}");
    assert!(matches!(refused("[] []").1, Broken::Json(_)));
    let error = read(r#"{"a":{"b":1e999}}"#).expect_err("infinite");
    assert_eq!(error.to_string(), "a.b: this number is not finite");
}

#[test]
fn limits_of_states_hold() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read(&nested(32)).is_ok());
    assert_eq!(refused(&nested(33)).1, Broken::Depth(32));
    let list = |count: usize| format!("[{}]", vec!["0"; count].join(","));
    assert!(read(&list(19_999)).is_ok());
    assert_eq!(refused(&list(20_000)), ("[19999]".into(), Broken::Values(20_000)));
    let texts = |count: usize| format!("[{}]", vec![format!("{:?}", "x".repeat(4093)); count].join(","));
    assert!(read(&texts(11)).is_ok());
    assert_eq!(refused(&texts(12)).1, Broken::Bytes(49_152));
    let keys = |count: usize| {
        let keys: Vec<String> = (0..count).map(|number| format!("\"k{number}\":0")).collect();
        format!("{{{}}}", keys.join(","))
    };
    assert!(read(&keys(511)).is_ok());
    assert_eq!(refused(&keys(512)).1, Broken::Keys(KeysError::TooMany("k511".into())));
    let long = |length: usize| format!("{{\"{}\":0}}", "k".repeat(length));
    assert!(read(&long(64)).is_ok());
    assert_eq!(refused(&long(65)).1, Broken::Keys(KeysError::TooLong(65)));
    let many: Vec<String> = (0..128).map(|number| format!("\"{number:064}\":0")).collect();
    assert_eq!(refused(&format!("{{{}}}", many.join(","))).1, Broken::Keys(KeysError::Bytes));
}

#[test]
fn limits_of_bytes_hold() {
    let decode = |bytes: &[u8]| Value::decode(bytes, &Limits { keys: 2, ..Limits::STATE });
    let limit = |what, most| Err(DeltaError::Limit { what, most });
    assert_eq!(decode(&[8, 1].repeat(33)), limit("levels", 32));
    assert_eq!(decode(&[&[8, 0xa0, 0x9c, 1][..], &[0; 20_000]].concat()), limit("values", 20_000));
    assert_eq!(decode(&[&[7, 0x81, 0x20][..], &[b'x'; 4097]].concat()), limit("bytes of a text", 4096));
    let text = [&[7, 0xfd, 0x1f][..], &[b'x'; 4093]].concat();
    assert_eq!(decode(&[&[8, 12][..], &text.repeat(12)].concat()), limit("bytes", 49_152));
    assert_eq!(decode(&[9, 1, 2, 0]), Err(DeltaError::Key(2)));
    assert_eq!(decode(&[8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), Err(DeltaError::Form));
    assert_eq!(decode(&[7, 2, 0xff, 0xff]), Err(DeltaError::Form));
    assert_eq!(decode(&[0, 0]), Err(DeltaError::Trailing(1)));
    assert_eq!(
        [decode(&[0x10]), decode(&[0x0a])],
        [Err(DeltaError::Kind(0x10)), Err(DeltaError::Kind(0x0a))]
    );
}

#[test]
fn tables_of_keys_only_grow() {
    let mut host = Keys::new();
    assert_eq!((host.find("id"), host.len()), (Some(Key::ID), 1));
    assert!(Value::from_json(br#"{"x":1,"y":{"new":1e999}}"#, &mut host).is_err());
    assert_eq!(host, Keys::new(), "a refused state enters no keys");
    Value::from_json(br#"{"x":1,"y":2}"#, &mut host).expect("within the limits");
    let mut player = Keys::new();
    let mut bytes = Vec::new();
    host.write_from(1, &mut bytes);
    assert_eq!(bytes, b"\x02\x01x\x01y");
    let mut rest = &[&bytes[..], b"rest"].concat()[..];
    player.read_from(1, &mut rest).expect("they continue the table");
    assert_eq!((&player, rest), (&host, &b"rest"[..]));
    player.read_from(1, &mut &bytes[..]).expect("known names again");
    assert_eq!(player, host);
    for wrong in [&b"\x01\x01z"[..], b"\x03\x01x\x01y\x01x", b"\x02\x01x", b"\x01\x41", b"\x02\x01x\x01\xff"]
    {
        assert_eq!(player.read_from(1, &mut &wrong[..]), Err(KeysError::Received), "{wrong:?}");
        assert_eq!(player, host);
    }
    assert_eq!(player.read_from(4, &mut &b"\x01\x01z"[..]), Err(KeysError::Received));
}

#[test]
fn maps_have_keys_in_order_of_first_use() {
    let mut keys = Keys::new();
    let mut through = |text: &str| {
        let value = Value::from_json(text.as_bytes(), &mut keys).expect("a state");
        String::from_utf8(value.to_json(&keys)).expect("JSON")
    };
    let first = r#"{"scores":{"zeta":1,"beta":2,"alpha":3},"extra":{"beta":0,"alpha":0}}"#;
    assert_eq!(through(first), first);
    let back = r#"{"scores":{"zeta":1,"alpha":3,"beta":2},"extra":{"omega":{"scores":1}}}"#;
    assert_eq!(through(back), r#"{"scores":{"zeta":1,"beta":2,"alpha":3},"extra":{"omega":{"scores":1}}}"#);
    assert_eq!(keys.names().collect::<Vec<_>>(), ["id", "scores", "zeta", "beta", "alpha", "extra", "omega"]);
}
