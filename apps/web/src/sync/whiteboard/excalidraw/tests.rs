//! Files of ours and of Excalidraw's own, and damaged ones.

use super::*;

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// As Excalidraw saves it.
const FILE: &str = r##"{
  "type": "excalidraw",
  "version": 2,
  "source": "https://excalidraw.com",
  "elements": [
    {"id": "box", "type": "rectangle", "x": 100.5, "y": 200, "width": 240, "height": 120, "angle": 0,
     "strokeColor": "#1971c2", "backgroundColor": "#a5d8ff", "fillStyle": "solid", "strokeWidth": 2,
     "strokeStyle": "solid", "roughness": 1, "opacity": 100, "groupIds": [], "frameId": null, "index": "a0",
     "roundness": {"type": 3}, "seed": 1150084233, "version": 24, "versionNonce": 1014066025, "isDeleted": false,
     "boundElements": [{"type": "text", "id": "words"}, {"id": "way", "type": "arrow"}],
     "updated": 1716981000000, "link": null, "locked": false},
    {"id": "words", "type": "text", "x": 150, "y": 235, "width": 140, "height": 50, "angle": 0,
     "strokeColor": "#1e1e1e", "backgroundColor": "transparent", "strokeWidth": 2, "groupIds": [], "index": "a1",
     "roundness": null, "isDeleted": false, "boundElements": null, "text": "Ferry to\nPorto", "fontSize": 20,
     "fontFamily": 5, "textAlign": "center", "verticalAlign": "middle", "containerId": "box",
     "originalText": "Ferry to Porto", "autoResize": true, "lineHeight": 1.25},
    {"id": "way", "type": "arrow", "x": 340, "y": 260, "width": 100, "height": 40, "angle": 0,
     "strokeColor": "#e03131", "backgroundColor": "transparent", "strokeWidth": 4, "isDeleted": false,
     "points": [[0, 0], [100, -40]], "lastCommittedPoint": null, "elbowed": false,
     "startBinding": {"elementId": "box", "focus": 0.1, "gap": 1}, "endBinding": null,
     "startArrowhead": null, "endArrowhead": "arrow"},
    {"id": "pen", "type": "freedraw", "x": 10, "y": 20, "width": 8, "height": 4, "angle": 0,
     "strokeColor": "#2f9e44", "backgroundColor": "#ffec99", "strokeWidth": 1, "opacity": 100, "isDeleted": false,
     "points": [[0, 0], [4.25, -2], [8, 2]], "pressures": [0, 0.5, 1], "simulatePressure": false},
    {"id": "photo", "type": "image", "x": 0, "y": 0, "width": 64, "height": 32, "angle": 0, "isDeleted": false,
     "strokeColor": "transparent", "backgroundColor": "transparent", "strokeWidth": 2,
     "fileId": "f00d", "status": "saved", "scale": [1, 1], "crop": null},
    {"id": "choice", "type": "diamond", "x": 1, "y": 2, "width": 3, "height": 4, "angle": 0.5,
     "strokeColor": "#1e1e1e", "backgroundColor": "transparent", "strokeWidth": 2, "isDeleted": false},
    {"id": "gone", "type": "ellipse", "x": 1, "y": 2, "width": 3, "height": 4, "isDeleted": true},
    {"id": "page", "type": "frame", "x": 0, "y": 0, "width": 900, "height": 600, "name": null, "isDeleted": false}
  ],
  "appState": {"gridSize": 20, "viewBackgroundColor": "#ffffff"},
  "files": {"f00d": {"mimeType": "image/png", "id": "f00d", "dataURL": "data:image/png;base64,PNG", "created": 1716981000000}}
}"##;

fn file() -> String {
    FILE.replace("PNG", PNG)
}

fn png() -> Vec<u8> {
    STANDARD.decode(PNG).expect("it is base64")
}

/// A file with these elements.
fn with(elements: &Value) -> String {
    let address = |kind: &str, body: &str| json!({ "dataURL": format!("data:{kind};base64,{body}") });
    let files = json!({
        "png": address("image/png", PNG), "svg": address("image/svg+xml", "PHN2Zy8+"),
        "damaged": address("image/png", "iVBORw0K*"), "page": address("text/html", PNG), "number": 7,
    });
    json!({ "type": "excalidraw", "elements": elements, "files": files }).to_string()
}

fn shapes(elements: &Value) -> Vec<Shape> {
    read(&with(elements)).expect("a file").into_iter().map(|drawn| drawn.shape).collect()
}

fn points(places: &[(i32, i32)]) -> Vec<Point> {
    places.iter().map(|(x, y)| Point { x: *x, y: *y }).collect()
}

fn stroke(places: &[(i32, i32)], pressures: &[u8]) -> What {
    What::Stroke(Piece { points: points(places), pressures: pressures.to_vec() })
}

fn picture() -> Picture {
    Picture::new(Outline::of(&png()).id(), png().len() as u64)
}

/// One of each kind, in rising orders.
fn all() -> Vec<Shape> {
    let style = |colour, size, is_filled| Style { colour, size, is_filled };
    let kinds = [
        (What::Rectangle, style(1, 2, true), "Ferry"),
        (What::Rectangle, style(0, 0, true), ""),
        (What::Ellipse, style(5, 0, false), "A long text that breaks in a narrow ellipse"),
        (What::Line, style(2, 1, false), ""),
        (What::Arrow, style(7, 2, false), ""),
        (stroke(&[(0, 0), (83, -40), (160, 8)], &[]), style(3, 0, false), ""),
        (stroke(&[(0, 0), (83, -40), (160, 8)], &[0, 77, 255]), style(4, 1, false), ""),
        (stroke(&[(0, 0), (800, 8)], &[]), style(6, 2, true), ""),
        (What::Text, style(4, 2, false), "Porto\n12 to 15 June"),
        (What::Note, style(6, 1, true), "Tent \"2\"\n\nLamp"),
        (What::Note, style(0, 1, true), ""),
        (What::Picture(picture()), style(0, 1, false), ""),
        (What::Unknown("hologram".to_owned()), style(2, 1, true), ""),
        (What::Diamond, style(2, 1, true), "Or not"),
    ];
    let mut top = None;
    let shape = |(what, style, text): (What, Style, &str)| {
        let around = what.piece().and_then(|piece| Bounds::around(piece.points.iter().copied()));
        let sign = if what.has_ends() { -1 } else { 1 };
        let bounds = around.unwrap_or(Bounds { x: -81, y: 17, width: 803 * sign, height: 400 });
        let order = Order::between(top.as_ref(), None);
        top = Some(order.clone());
        Shape { what, bounds, style, order, text: text.to_owned() }
    };
    kinds.into_iter().map(shape).collect()
}

fn written(shapes: &[Shape]) -> String {
    let shapes: Vec<_> =
        shapes.iter().enumerate().map(|(at, shape)| (ShapeId([at as u8; 8]), shape)).collect();
    write(&shapes, |blob| (blob == picture().blob()).then(png))
}

#[test]
fn shapes_come_back_as_they_were() {
    let all = all();
    let read = read(&written(&all)).expect("it is ours");
    let pictures: Vec<_> = read.iter().filter_map(|drawn| drawn.picture.clone()).collect();
    assert_eq!(read.into_iter().map(|drawn| drawn.shape).collect::<Vec<_>>(), all);
    assert_eq!(pictures, [png()]);
}

#[test]
fn a_file_of_excalidraws_own_is_read() {
    let list = read(&file()).expect("it is Excalidraw's");
    let kinds: Vec<&What> = list.iter().map(|drawn| &drawn.shape.what).collect();
    let pen = stroke(&[(80, 160), (114, 144), (144, 176)], &[0, 128, 255]);
    assert_eq!(kinds, [&What::Rectangle, &What::Arrow, &pen, &What::Picture(picture()), &What::Diamond]);
    let [square, arrow, pen, photo, _] = &list[..] else { panic!("{list:?}") };
    assert_eq!(square.shape.text, "Ferry to Porto");
    assert_eq!(square.shape.bounds, Bounds { x: 804, y: 1600, width: 1920, height: 960 });
    assert_eq!(square.shape.style, Style { colour: 1, size: 1, is_filled: true });
    assert_eq!(arrow.shape.bounds, Bounds { x: 2720, y: 2080, width: 800, height: -320 });
    assert_eq!(arrow.shape.style, Style { colour: 7, size: 2, is_filled: false });
    assert_eq!(pen.shape.style, Style { colour: 3, size: 0, is_filled: false });
    assert_eq!(photo.picture, Some(png()));
    assert!(list.is_sorted_by(|below, above| below.shape.order < above.shape.order));
    let copied = file().replacen("\"excalidraw\"", "\"excalidraw/clipboard\"", 1);
    assert_eq!(read(&copied), Ok(list));
}

#[test]
fn excalidraw_finds_what_it_needs() {
    let file: Value = serde_json::from_str(&written(&all())).expect("JSON");
    assert_eq!((&file["type"], &file["version"]), (&json!("excalidraw"), &json!(2)));
    let elements = file["elements"].as_array().expect("a list");
    let kinds: Vec<&str> = elements.iter().filter_map(|element| element["type"].as_str()).collect();
    let known = ["rectangle", "text", "ellipse", "line", "arrow", "freedraw", "image", "diamond"];
    assert!(kinds.iter().all(|kind| known.contains(kind)), "{kinds:?}");
    assert_eq!(elements[0]["boundElements"], json!([{ "type": "text", "id": "0000000000000000-text" }]));
    assert_eq!(
        (&elements[1]["containerId"], &elements[1]["textAlign"]),
        (&elements[0]["id"], &json!("center"))
    );
    let name = picture().blob().to_string();
    assert_eq!(file["files"][&name]["dataURL"], json!(format!("data:image/png;base64,{PNG}")));
    for element in elements {
        let length = |name: &str| element[name].as_f64().expect("a number");
        assert!(length("width") >= 0.0 && length("height") >= 0.0, "{element}");
        let ids = elements.iter().filter(|other| other["id"] == element["id"]);
        assert_eq!(ids.count(), 1, "{element}");
    }
    let narrow =
        elements.iter().find(|element| element["text"].as_str().is_some_and(|text| text.contains("long")));
    assert_eq!(
        narrow.map(|text| &text["text"]),
        Some(&json!("A long\ntext that\nbreaks in\na narrow\nellipse"))
    );
}

#[test]
fn strokes_are_written_where_they_are_shown() {
    let mut shape = all().swap_remove(5);
    shape.bounds = Bounds { x: 800, y: 80, width: -320, height: 96 };
    let read = read(&written(&[shape])).expect("it is ours").swap_remove(0).shape;
    assert_eq!(read.what, stroke(&[(800, 160), (634, 80), (480, 176)], &[]));
    let dot = Shape { what: stroke(&[(8, 8)], &[9]), bounds: Bounds::default(), ..read };
    let file: Value = serde_json::from_str(&written(&[dot])).expect("JSON");
    assert_eq!(file["elements"][0]["points"].as_array().map(Vec::len), Some(2), "one point is nothing there");
}

#[test]
fn lines_turn_and_have_their_heads() {
    let line = |kind: &str, more: Value| {
        let mut element = json!({ "type": kind, "x": 0, "y": 0, "points": [[0, 0], [10, 0]] });
        more.as_object().expect("fields").iter().for_each(|(name, value)| element[name] = value.clone());
        let shape = shapes(&json!([element])).swap_remove(0);
        let Bounds { x, y, width, height } = shape.bounds;
        (shape.what, [x, y, width, height])
    };
    let quarter = std::f64::consts::FRAC_PI_2;
    assert_eq!(line("line", json!({ "angle": quarter })), (What::Line, [40, -40, 0, 80]));
    assert_eq!(line("arrow", json!({})), (What::Arrow, [0, 0, 80, 0]));
    assert_eq!(line("arrow", json!({ "endArrowhead": null })), (What::Line, [0, 0, 80, 0]));
    let backwards = json!({ "startArrowhead": "dot", "endArrowhead": null });
    assert_eq!(line("arrow", backwards), (What::Arrow, [80, 0, -80, 0]));
    let old = json!({ "points": null, "width": 5, "height": 2 });
    assert_eq!(line("draw", old), (What::Line, [0, 0, 40, 16]));
    let bent = json!({ "points": [[0, 0], [2, 0], [2, 2]], "angle": quarter, "pressures": [1, 1, 1] });
    assert_eq!(line("arrow", bent), (stroke(&[(16, 0), (16, 16), (0, 16)], &[]), [0, 0, 16, 16]));
}

#[test]
fn texts_without_a_box_stand_alone() {
    let place =
        |kind: &str, id: &str| json!({ "type": kind, "id": id, "x": 0, "y": 0, "width": 9, "height": 9 });
    let text = |holder: &str, words: &str| json!({ "type": "text", "x": 0, "y": 0, "width": 9, "height": 9, "containerId": holder, "text": words });
    let elements = json!([
        text("box", "before its box"),
        place("rectangle", "box"),
        text("box", "second"),
        place("arrow", "way"),
        text("way", "on an arrow"),
        text("choice", "in a diamond"),
        place("diamond", "choice"),
        text("none", "lost"),
        text("none", ""),
    ]);
    let texts: Vec<(String, String)> =
        shapes(&elements).into_iter().map(|shape| (shape.what.name().to_owned(), shape.text)).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(kind, text)| (&kind[..], &text[..])).collect();
    assert_eq!(
        texts,
        [
            ("rectangle", "before its box"),
            ("text", "second"),
            ("arrow", ""),
            ("text", "on an arrow"),
            ("diamond", "in a diamond"),
            ("text", "lost"),
        ]
    );
}

#[test]
fn pictures_that_pages_cannot_show_are_named() {
    let image =
        |file: &str| json!({ "type": "image", "x": 0, "y": 0, "width": 9, "height": 9, "fileId": file });
    let files = ["svg", "damaged", "page", "number", "none", "long", "png", "png"];
    let long = format!("{PNG}{}", "A".repeat(PICTURE_MAX / 3 * 4));
    let long = json!({ "dataURL": format!("data:image/png;base64,{long}") }).to_string();
    let file = with(&files.iter().map(|file| image(file)).collect());
    let list = read(&file.replace("\"number\":7", &format!("\"number\":7,\"long\":{long}"))).expect("a file");
    let (unknown, known) = list.split_at(6);
    assert!(unknown.iter().all(|drawn| drawn.shape.what == What::Unknown("image".to_owned())), "{unknown:?}");
    assert!(known.iter().all(|drawn| drawn.shape.what == What::Picture(picture())), "{known:?}");
    assert_eq!((&known[0].picture, &known[1].picture), (&Some(png()), &None), "bytes come once");
}

#[test]
fn colours_and_sizes_are_the_nearest() {
    let colours = [
        ("#000000", 0),
        ("#fff", 0),
        ("#868e96", 0),
        ("#1e1e1e", 0),
        ("red", 0),
        ("#1971c2", 1),
        ("#0c8599", 2),
        ("#2f9e44", 3),
        ("#6741d9", 4),
        ("#9c36b5", 5),
        ("#c2255c", 6),
        ("#e03131", 7),
        ("#f08c00", 7),
        // Areas.
        ("#a5d8ff", 1),
        ("#b2f2bb", 3),
        ("#ffc9c9", 7),
        ("#ffec99", 7),
        ("#00f8", 0),
        ("#2563b880", 1),
    ];
    for (name, number) in colours {
        assert_eq!(colour(name), Some(number), "{name}");
    }
    assert_eq!(["transparent", "", "#2563b800"].map(colour), [None; 3]);
    assert_eq!([0.5, 1.0, 1.4, 2.0, 2.9, 4.0, 9.0].map(|width| size(width, LINES)), [0, 0, 0, 1, 1, 2, 2]);
    assert_eq!([10.0, 16.0, 19.0, 20.0, 28.0, 36.0].map(|height| size(height, LETTERS)), [0, 0, 1, 1, 2, 2]);
    let filled = json!([{ "type": "ellipse", "x": 0, "y": 0, "width": 9, "height": 9, "strokeColor": "#1e1e1e",
        "backgroundColor": "#b2f2bb" }]);
    assert_eq!(shapes(&filled)[0].style, Style { colour: 3, size: 1, is_filled: true });
}

#[test]
fn what_is_too_long_is_cut() {
    let most = POINTS_MAX * PIECES_MAX;
    let elements = json!([
        { "type": "freedraw", "x": 1e300, "y": 0, "points": vec![[1e308, 0.5]; most + 5], "pressures": vec![1; most + 5] },
        { "type": "text", "x": -1e300, "y": 0, "width": -1e300, "height": 9, "text": format!("a{}", "é".repeat(TEXT_MAX)) },
        { "type": "abcdefghijklmnoé", "x": 0, "y": 0, "width": -9, "height": 9 },
    ]);
    let list = shapes(&elements);
    let piece = list[0].what.piece().expect("a stroke");
    assert_eq!((piece.points.len(), piece.pressures.len()), (most, most));
    assert_eq!(piece.points[0], Point::at(f64::MAX, 0.5));
    assert_eq!(list[1].text.len(), TEXT_MAX - 1);
    assert_eq!(list[2].what, What::Unknown("abcdefghijklmno".to_owned()));
    for shape in list {
        assert_eq!(Shape::read(&shape.fields()), Some(shape), "a board keeps it");
    }
}

#[test]
fn pressures_count_where_all_points_have_one() {
    for more in [json!([1]), json!([1, null]), json!("1"), json!(null)] {
        let pen =
            json!({ "type": "freedraw", "x": 0, "y": 0, "points": [[0, 0], [1, 1]], "pressures": more });
        assert_eq!(shapes(&json!([pen]))[0].what, stroke(&[(0, 0), (8, 8)], &[]), "{pen}");
    }
}

#[test]
fn endless_elements_are_left_out() {
    let text = |length: usize| json!({ "type": "text", "x": 0, "y": 0, "width": 9, "height": 9, "text": "a".repeat(length) });
    let list = shapes(&json!([text(ELEMENT_MAX), text(ELEMENT_MAX - 99)]));
    assert_eq!(list.iter().map(|shape| shape.text.len()).collect::<Vec<_>>(), [TEXT_MAX]);
}

#[test]
fn what_is_no_drawing_is_refused() {
    assert_eq!(read("{\n\"type\": }"), Err(ReadError::NotJson { line: 2 }));
    for other in ["[1]", "7", "{}", r#"{"type":"excalidrawlib"}"#, r#"{"type":"excalidraw","elements":7}"#] {
        assert_eq!(read(other), Err(ReadError::NotExcalidraw), "{other}");
    }
    assert_eq!(read(r#"{"type":"excalidraw","elements":null,"files":[]}"#), Ok(Vec::new()));
    let many = with(&json!(vec![0; ELEMENTS_MAX + 1]));
    assert_eq!(read(&many), Err(ReadError::TooMany { count: ELEMENTS_MAX + 1 }));
    assert_eq!(read(&" ".repeat(FILE_MAX + 1)), Err(ReadError::TooLong { length: FILE_MAX + 1 }));
}

#[test]
fn a_bad_element_loses_no_other() {
    let whole: Value = serde_json::from_str(&file()).expect("JSON");
    let elements = whole["elements"].as_array().expect("a list");
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for element in elements {
        for name in element.as_object().expect("fields").keys() {
            for bad in
                ["null", "-1e308", "1e999", "\"\"", "[]", "[[]]", "[[1e308,-1e308],[null]]", "{}", &deep]
            {
                let mut damaged = element.clone();
                damaged[name] = json!("BAD");
                let damaged = damaged.to_string().replace("\"BAD\"", bad);
                let good = r#"{"type":"ellipse","x":0,"y":0,"width":9,"height":9}"#;
                let file = format!(r#"{{"type":"excalidraw","elements":[{damaged},{good}]}}"#);
                let list = read(&file).expect("a file");
                assert_eq!(list.last().map(|drawn| &drawn.shape.what), Some(&What::Ellipse), "{file}");
                for Drawn { shape, .. } in &list {
                    assert!(Shape::read(&shape.fields()).is_some(), "{file}");
                }
            }
        }
    }
}

#[test]
fn damaged_files_are_survived() {
    let mut seed = 7_u64;
    let mut random = |most: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % most
    };
    let whole = file().into_bytes();
    let mut read_well = 0;
    for _ in 0..3_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random(3) {
            let (at, from) = (random(bytes.len()), random(bytes.len()));
            bytes[at] = if random(2) == 0 { bytes[from] } else { random(256) as u8 };
        }
        read_well += usize::from(read(&String::from_utf8_lossy(&bytes)).is_ok());
    }
    assert!(read_well > 100, "{read_well} of them went past the first look");
}
