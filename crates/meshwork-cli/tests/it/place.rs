//! Rooms from the command line: a meeting point, painters, keepers, exporters and watchers, all real.

use crate::support::Home;
use image::{Rgba, RgbaImage};

/// A picture whose every pixel tells its place, with some transparent ones.
fn picture(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_fn(width, height, |x, y| {
        let opaque = (x + 2 * y) % 7 != 0;
        if opaque { Rgba([(x * 5) as u8, (y * 3) as u8, (x ^ y) as u8, 255]) } else { Rgba([0; 4]) }
    })
}

#[test]
fn what_one_paints_another_exports_from_a_keeper() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--size", "64x48"]);
    let _keeper = home.keep(&link, "kept");
    let drawn = picture(64, 48);
    let opaque = drawn.pixels().filter(|pixel| pixel[3] == 255).count();
    home.draw("in.png", &drawn);

    let painted = home.run(["place", "paint", &link, "--image", "in.png", "--json"]).expect_code(0).json();
    assert_eq!(painted["cells"], opaque);
    assert_eq!((&painted["applied_by"], &painted["stored_by"]), (&1.into(), &1.into()));
    assert!(painted["batches"].as_u64().unwrap() >= 1);

    // The painter has left; only the keeper has the cells.
    let exported = home.run(["place", "export", &link, "--out", "out.png", "--json"]).expect_code(0).json();
    assert_eq!(exported["cells"], opaque);
    assert_eq!((&exported["width"], &exported["height"]), (&64.into(), &48.into()));
    assert!(home.pixels("out.png") == drawn, "pixel for pixel");
}

#[test]
fn a_picture_goes_only_where_it_is_told() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--size", "9x9"]);
    let _keeper = home.keep(&link, "kept");
    home.draw("in.png", &RgbaImage::from_pixel(2, 2, Rgba([10, 20, 30, 255])));

    let outside = ["place", "paint", &link, "--image", "in.png", "--at", "8,0"];
    home.run(outside).expect_code(2).expect_words(&["2x2 pixels at 8,0 on 9x9 cells", "Nothing was painted"]);
    let outside = ["place", "paint", &link, "--pixel", "0,0,#ffffff", "9,0,#ffffff"];
    home.run(outside).expect_code(2).expect_words(&["Cell 9,0 is outside the canvas of 9x9"]);

    home.run(["place", "paint", &link, "--image", "in.png", "--at", "3,4"]).expect_code(0);
    home.run(["place", "paint", &link, "--pixel", "4,5,#ff0000", "--pixel", "0,0,#FFFFFF"]).expect_code(0);
    home.run(["place", "export", &link, "--out", "out.png"]).expect_code(0);
    let out = home.pixels("out.png");
    for (x, y, pixel) in out.enumerate_pixels() {
        let wanted = match (x, y) {
            (4, 5) => [255, 0, 0, 255],
            (0, 0) => [255; 4],
            (3..=4, 4..=5) => [10, 20, 30, 255],
            _ => [0; 4],
        };
        assert_eq!(pixel.0, wanted, "{x},{y}");
    }
}

#[test]
fn a_keeper_restores_everything_after_stop_and_crash() {
    let home = Home::new();
    let (server, url) = home.serve();
    let link = home.create(&url, &["--size", "20x20"]);
    let drawn = picture(20, 20);
    home.draw("in.png", &drawn);

    let keeper = home.keep(&link, "kept");
    home.run(["place", "paint", &link, "--image", "in.png"]).expect_code(0);
    keeper.terminate();
    keeper.end().expect_code(0);

    let keeper = home.keep(&link, "kept");
    home.run(["place", "paint", &link, "--pixel", "0,0,#123456"]).expect_code(0);
    keeper.kill();

    // The meeting point forgets everything too; the keeper starts without it.
    server.kill();
    let mut keeper = home.start(["place", "keep", &link, "--data", "kept", "--json"]);
    let cells = drawn.pixels().filter(|pixel| pixel[3] == 255).count() + 1;
    assert_eq!(keeper.event("ready", |_| true)["cells"], cells);
    keeper.interrupt();
    keeper.end().expect_code(0);
}

#[test]
fn keeper_reports_ready_once_its_store_is_verified() {
    let home = Home::new();
    let (_server, url) = home.serve();
    // More strokes than are verified before a room opens.
    let link = home.create(&url, &["--size", "1280x1280"]);
    let drawn = RgbaImage::from_fn(1280, 1280, |x, y| match (x % 64, y % 64) {
        (0, 0) => Rgba([(x / 8) as u8, (y / 8) as u8, 9, 255]),
        _ => Rgba([0; 4]),
    });
    home.draw("in.png", &drawn);
    let keeper = home.keep(&link, "kept");
    let painted = home.run(["place", "paint", &link, "--image", "in.png", "--json"]).expect_code(0).json();
    assert_eq!(painted["stored_by"], 1);
    assert_eq!(painted["batches"], 400, "one for each tile");
    keeper.kill();
    let mut keeper = home.start(["place", "keep", &link, "--data", "kept", "--json"]);
    assert_eq!(keeper.event("ready", |_| true)["cells"], 400);
}

#[test]
fn a_restarted_keeper_hands_out_what_it_kept() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--size", "20x20"]);
    let drawn = picture(20, 20);
    home.draw("in.png", &drawn);
    let keeper = home.keep(&link, "kept");
    home.run(["place", "paint", &link, "--image", "in.png"]).expect_code(0);
    keeper.kill();

    // By its bare address: the keeper remembers which room that is.
    let bare = link.split('#').next().unwrap();
    let _keeper = home.keep(bare, "kept");
    home.run(["place", "export", &link, "--out", "out.png"]).expect_code(0);
    assert!(home.pixels("out.png") == drawn);
}

#[test]
fn a_private_room_opens_with_its_secret_only() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--private"]);
    let _keeper = home.keep(&link, "kept");
    let (address, fragment) = link.split_once('#').unwrap();
    let (room, _) = fragment.split_once('.').unwrap();
    let missing = [address.to_owned(), format!("{address}#{room}")];
    let wrong = format!("{address}#{room}.AAAAAAAAAAAAAAAAAAAAAA");

    for link in &missing {
        let ended = home.run(["place", "export", link, "--out", "a.png", "--json"]).expect_code(4);
        assert_eq!(ended.expect_words(&["private"]).json()["reason"], "secret-missing");
    }
    let ended = home.run(["place", "paint", &wrong, "--pixel", "1,1,#000000", "--json"]).expect_code(4);
    assert_eq!(ended.json()["reason"], "secret-wrong");
    assert!(!home.path("a.png").exists());
    home.run(["place", "paint", &link, "--pixel", "1,1,#000000"]).expect_code(0);
}

#[test]
fn an_unknown_code_is_awaited_until_the_timeout() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = format!("{url}/place/AAAAAA");
    let mut watch = home.start(["place", "watch", &link]);
    watch.event("room", |line| line["state"] == "waiting");
    watch.interrupt();
    watch.end().expect_code(0);
    let ended =
        home.run(["place", "export", &link, "--out", "a.png", "--timeout", "2s", "--json"]).expect_code(3);
    assert_eq!(ended.expect_words(&["AAAAAA"]).json()["reason"], "unreachable");
}

#[test]
fn unkept_strokes_and_missing_canvases_are_exit_3() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &[]);
    let paint = ["place", "paint", &link, "--pixel", "1,1,#000000", "--timeout", "2s"];
    home.run(paint).expect_code(3).expect_words(&["Nobody else was in the room"]);
    let export = ["place", "export", &link, "--out", "a.png", "--timeout", "2s"];
    home.run(export).expect_code(3);
    assert!(!home.path("a.png").exists());

    // One that only watches does not count as one that stays.
    let mut watch = home.start(["place", "watch", &link]);
    watch.event("room", |line| line["state"] == "opened");
    let paint = ["place", "paint", &link, "--pixel", "1,1,#000000", "--timeout", "5s"];
    home.run(paint).expect_code(3);
    watch.interrupt();
    watch.end().expect_code(0);
}

#[test]
fn a_watcher_hears_links_and_strokes() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &[]);
    let keeper = home.keep(&link, "kept");
    let mut watch = home.start(["place", "watch", &link, "--identity", "watcher"]);
    watch.event("server", |line| line["state"] == "connected");
    watch.event("room", |line| line["state"] == "opened");
    let linked = watch.event("linked", |_| true);
    let kept_by = linked["peer"].as_str().unwrap().to_owned();
    assert_eq!(linked["instance"].as_str().unwrap().len(), 16);
    watch.event("state", |line| line["state"] == "direct" && line["peer"] == kept_by.as_str());
    watch.event("in-step", |line| line["peer"] == kept_by.as_str());

    let pixels = ["1,1,#000000", "2,1,#000000", "3,1,#000000"];
    home.run(["place", "paint", &link, "--pixel", pixels[0], pixels[1], pixels[2]]).expect_code(0);
    let stroke = watch.event("stroke", |line| line["count"] == 3);
    let painter = stroke["peer"].as_str().unwrap();
    assert_ne!(painter, kept_by);
    keeper.interrupt();
    watch.event("left", |line| line["peer"] == kept_by.as_str());
    watch.event("state", |line| line["state"] == "gone" && line["peer"] == kept_by.as_str());
    watch.interrupt();
    watch.end().expect_code(0);
}

#[test]
fn one_folder_has_one_keeper() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &[]);
    let first = home.keep(&link, "kept");
    let second = ["place", "keep", &link, "--data", "kept"];
    home.run(second).expect_code(5).expect_words(&["Another keeper uses kept", "--data"]);
    first.interrupt();
    first.end().expect_code(0);
    home.keep(&link, "kept");
}

#[test]
fn the_owner_is_the_default_identity() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let plain = home.run(["place", "create", "--server", &url]).expect_code(0);
    assert!(plain.stdout.starts_with(&format!("{url}/place/")), "{plain:?}");
    assert_eq!(plain.stdout.lines().count(), 1, "the LINK and nothing else");
    assert!(home.path("data/meshwork/identity").exists());
}
