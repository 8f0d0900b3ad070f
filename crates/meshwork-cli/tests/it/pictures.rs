//! Pictures fitted, dithered and held against others, and what a room is made of, between real processes.

use std::collections::BTreeSet;

use crate::support::Home;
use image::{Rgba, RgbaImage};

const TWELVE: [[u8; 3]; 12] = [
    [0x00, 0x00, 0x00],
    [0x7f, 0x7f, 0x7f],
    [0xff, 0xff, 0xff],
    [0xe6, 0x19, 0x4b],
    [0xf5, 0x82, 0x31],
    [0xff, 0xe1, 0x19],
    [0xbf, 0xef, 0x45],
    [0x3c, 0xb4, 0x4b],
    [0x42, 0xd4, 0xf4],
    [0x43, 0x63, 0xd8],
    [0x91, 0x1e, 0xb4],
    [0xf0, 0x32, 0xe6],
];

/// The box of what is painted, and its colours.
fn painted(picture: &RgbaImage) -> ([u32; 4], BTreeSet<[u8; 3]>) {
    let shows = || picture.enumerate_pixels().filter(|(_, _, pixel)| pixel[3] > 0);
    let across = || shows().map(|(x, _, _)| x);
    let down = || shows().map(|(_, y, _)| y);
    let colours = shows().map(|(_, _, pixel)| [pixel[0], pixel[1], pixel[2]]).collect();
    let extent = [across().min(), down().min(), across().max(), down().max()];
    (extent.map(|side| side.expect("something is painted")), colours)
}

#[test]
fn photographs_are_fitted_and_dithered_to_a_palette() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--size", "40x30"]);
    let _keeper = home.keep(&link, "kept");
    home.draw("photo.png", &RgbaImage::from_fn(200, 100, |x, y| Rgba([x as u8, 2 * y as u8, 90, 255])));
    let export = || {
        home.run(["place", "export", &link, "--out", "out.png"]).expect_code(0);
        home.pixels("out.png")
    };
    // As it is it sticks out, and the words say what helps.
    home.run(["place", "paint", &link, "--image", "photo.png"])
        .expect_code(2)
        .expect_words(&["--fit contain"]);

    let contain = [
        "place",
        "paint",
        &link,
        "--image",
        "photo.png",
        "--fit",
        "contain",
        "--dither",
        "diffusion",
        "--json",
    ];
    assert_eq!(home.run(contain).expect_code(0).json()["cells"], 40 * 20);
    let (extent, colours) = painted(&export());
    assert_eq!(extent, [0, 5, 39, 24], "all of it, in the middle");
    assert!(colours.len() > 3 && colours.iter().all(|colour| TWELVE.contains(colour)), "{colours:?}");

    std::fs::write(home.path("two.gpl"), "GIMP Palette\n255 0 0 red\n0 0 255 blue\n").unwrap();
    let cover = [
        "place",
        "paint",
        &link,
        "--image",
        "photo.png",
        "--fit",
        "cover",
        "--dither",
        "ordered",
        "--palette",
        "two.gpl",
    ];
    home.run(cover).expect_code(0);
    let (extent, colours) = painted(&export());
    assert_eq!((extent, colours), ([0, 0, 39, 29], [[255, 0, 0], [0, 0, 255]].into()));

    let sized = [
        "place",
        "paint",
        &link,
        "--image",
        "photo.png",
        "--fit",
        "3x2",
        "--at",
        "37,28",
        "--palette",
        "#123456",
    ];
    home.run(sized).expect_code(0);
    let out = export();
    assert_eq!(out.pixels().filter(|pixel| pixel.0 == [0x12, 0x34, 0x56, 255]).count(), 6);
    assert_eq!(out.get_pixel(37, 28).0, [0x12, 0x34, 0x56, 255]);
}

#[test]
fn a_loop_lawfully_repaints_what_vandals_paint_over() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let mut create =
        home.start(["place", "create", "--server", &url, "--size", "20x20", "--cooldown", "1s", "--json"]);
    let link: serde_json::Value = serde_json::from_str(&create.line("the LINK", |_| true)).unwrap();
    let link = link["link"].as_str().unwrap().to_owned();
    let _keeper = home.keep(&link, "kept");
    create.end().expect_code(0);
    home.draw(
        "flag.png",
        &RgbaImage::from_fn(
            2,
            1,
            |x, _| if x == 0 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 0, 255, 255]) },
        ),
    );

    let mut held = home.start([
        "place",
        "paint",
        &link,
        "--image",
        "flag.png",
        "--at",
        "5,5",
        "--loop",
        "--json",
        "--timeout",
        "20s",
    ]);
    held.event("painted", |line| line["cells"] == 2);
    let mut watch = home.start(["place", "watch", &link]);
    watch.event("in-step", |_| true);
    // One cell of the flag, and one that is anybody's.
    for pixel in ["5,5,#00ff00", "9,9,#00ff00"] {
        home.run(["place", "paint", &link, "--pixel", pixel, "--identity", "vandal"]).expect_code(0);
    }
    held.event("repainted", |line| line["cells"] == 1);
    home.run(["place", "paint", &link, "--pixel", "6,5,#000000", "--identity", "vandal"]).expect_code(0);
    held.event("repainted", |line| line["cells"] == 1);
    held.interrupt();
    let ended = held.end().expect_code(0).json();
    assert_eq!(
        (&ended["event"], &ended["cells"], &ended["repainted"]),
        (&"ended".into(), &2.into(), &2.into())
    );

    // Nothing that it said was against the rules, and the room has the flag.
    home.run(["place", "export", &link, "--out", "out.png"]).expect_code(0);
    let out = home.pixels("out.png");
    assert_eq!((out.get_pixel(5, 5).0, out.get_pixel(6, 5).0), ([255, 0, 0, 255], [0, 0, 255, 255]));
    assert_eq!(out.get_pixel(9, 9).0, [0, 255, 0, 255]);
    watch.interrupt();
    let told = watch.end().expect_code(0);
    assert!(!told.stdout.contains("\"refused\""), "{told:?}");
}

#[test]
fn statistics_say_who_painted_and_who_is_there() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--size", "20x10"]);
    let _keeper = home.keep(&link, "kept");
    home.run(["place", "paint", &link, "--pixel", "1,1,#e6194b", "2,1,#e6194b", "3,1,#4363d8"])
        .expect_code(0);
    home.run(["place", "paint", &link, "--pixel", "3,1,#e6194b", "--identity", "friend"]).expect_code(0);

    let stats = home.run(["place", "stats", &link, "--json"]).expect_code(0).json();
    for (name, value) in
        [("width", 20), ("height", 10), ("cells", 200), ("painted", 3), ("strokes", 2), ("author_count", 2)]
    {
        assert_eq!(stats[name], value, "{name}: {stats}");
    }
    let authors = stats["authors"].as_array().unwrap();
    assert_eq!(
        (&authors[0]["cells"], &authors[0]["name"], &authors[1]["cells"]),
        (&2.into(), &"you".into(), &1.into())
    );
    assert_eq!(stats["colours"], serde_json::json!([{ "colour": "#e6194b", "cells": 3, "share": 1.0 }]));
    assert!(stats["newest_ms"].as_u64() > stats["oldest_ms"].as_u64());
    assert!(stats["strokes_per_minute"].as_f64() > Some(0.0) && stats["memory_bytes"].as_u64() > Some(0));
    let keeper = &stats["peers"].as_array().unwrap()[0];
    assert_eq!(
        (&keeper["name"], &keeper["state"], &keeper["in_step"]),
        (&"Keeper".into(), &"direct".into(), &true.into())
    );
    assert!(keeper["bytes_received"].as_u64() > Some(0));

    let words = home.run(["place", "stats", &link]).expect_code(0).stdout;
    for part in [
        "20x10 cells",
        "3 of 200 cells (1.5 %)",
        "2 that still show",
        "you",
        "red",
        "100.0 %",
        "Keeper",
        "direct",
    ] {
        assert!(words.contains(part), "{part:?} is missing:\n{words}");
    }
}
