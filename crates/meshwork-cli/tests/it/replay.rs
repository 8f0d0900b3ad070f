//! `place replay`: what a canvas was like, as files that others can open, from a live room and from a keeper's folder.

use std::fs::File;
use std::io::BufReader;

use crate::support::Home;
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::{AnimationDecoder as _, Rgba, RgbaImage};

const RED: Rgba<u8> = Rgba([255, 0, 0, 255]);
const BLUE: Rgba<u8> = Rgba([0, 0, 255, 255]);

fn frames(home: &Home, name: &str) -> Vec<RgbaImage> {
    let file = BufReader::new(File::open(home.path(name)).unwrap());
    let frames = match name.ends_with(".gif") {
        true => GifDecoder::new(file).unwrap().into_frames().collect_frames(),
        false => PngDecoder::new(file).unwrap().apng().unwrap().into_frames().collect_frames(),
    };
    frames.unwrap().into_iter().map(image::Frame::into_buffer).collect()
}

/// Fails unless a film begins empty, shows in between what was painted over, and ends with the present.
fn check(home: &Home, name: &str, scale: u32, blank: Rgba<u8>) {
    let frames = frames(home, name);
    assert_eq!(frames.len(), 20);
    let side = 32 * scale;
    assert!(frames.iter().all(|frame| frame.dimensions() == (side, side)), "{:?}", frames[0].dimensions());
    assert!(frames[0].pixels().all(|pixel| *pixel == blank));
    let (first, last) = (Rgba([9, 9, 9, 255]), &frames[19]);
    let cell = |frame: &RgbaImage, x: u32, y: u32| *frame.get_pixel(x * scale, y * scale + scale - 1);
    assert!(
        frames.iter().any(|frame| cell(frame, 1, 1) == RED && cell(frame, 5, 5) == first),
        "before it was painted over"
    );
    assert_eq!((cell(last, 1, 1), cell(last, 5, 5), cell(last, 20, 20)), (BLUE, first, blank));
}

#[test]
fn a_canvas_replays_from_room_or_keepers_folder() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--size", "32x32"]);
    let mut keeper = home.start(["place", "keep", &link, "--data", "kept", "--json", "--history", "64MiB"]);
    keeper.event("ready", |_| true);
    let paint = |pixel: &str| drop(home.run(["place", "paint", &link, "--pixel", pixel]).expect_code(0));
    paint("1,1,#ff0000");
    paint("5,5,#090909");
    paint("1,1,#0000ff");
    let film = ["--fps", "10", "--seconds", "2", "--scale", "3", "--json"];
    let replay =
        |out: &str, rest: &[&str]| home.run([&["place", "replay", "--out", out], rest, &film[..]].concat());
    for (out, blank) in [("film.gif", Rgba([255; 4])), ("film.apng", Rgba([0; 4]))] {
        let told = replay(out, &[&link]).expect_code(0).json();
        assert_eq!(
            (&told["frames"], &told["whole"], &told["source"]),
            (&20.into(), &true.into(), &"log".into())
        );
        assert_eq!((&told["cells"], &told["exact"]), (&3.into(), &true.into()), "{told}");
        check(&home, out, 3, blank);
    }
    // A keeper that runs holds its folder; afterwards that is enough.
    let busy = replay("no.gif", &["--data", "kept"]).expect_code(5);
    busy.expect_words(&["Another keeper uses"]);
    keeper.interrupt();
    keeper.end().expect_code(0);
    let told = replay("off.gif", &["--data", "kept"]).expect_code(0).json();
    assert_eq!((&told["whole"], &told["cells"]), (&true.into(), &3.into()));
    check(&home, "off.gif", 3, Rgba([255; 4]));
    // From the second stroke on: the film begins with the first one on the canvas.
    let second = told["to_ms"].as_u64().unwrap();
    let since =
        humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + std::time::Duration::from_millis(second));
    let told = replay("end.gif", &["--data", "kept", "--from", &since.to_string()]).expect_code(0).json();
    assert_eq!(told["cells"], 1);
    let frames = frames(&home, "end.gif");
    assert_eq!((*frames[0].get_pixel(3, 3), *frames[19].get_pixel(3, 3)), (RED, BLUE));
    replay("no.gif", &["--data", "kept", "--to", "5years"])
        .expect_code(2)
        .expect_words(&["Nobody painted between"]);
    assert!(!home.path("no.gif").exists(), "nothing is written");
}

#[test]
fn a_replay_without_history_says_what_is_missing() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--size", "32x32"]);
    let _keeper = home.keep(&link, "kept");
    for pixel in ["1,1,#ff0000", "1,1,#0000ff"] {
        home.run(["place", "paint", &link, "--pixel", pixel]).expect_code(0);
    }
    let arguments = ["place", "replay", &link, "--out", "film.gif", "--seconds", "1"];
    let said = home.run(arguments).expect_code(0).stdout;
    assert!(
        said.contains("Nobody there has a history") && said.contains("What was painted over is missing"),
        "{said}"
    );
    let frames = frames(&home, "film.gif");
    assert!(frames.iter().all(|frame| frame.pixels().all(|pixel| *pixel != RED)));
    home.run(["place", "replay", &link, "--out", "film.mov"])
        .expect_code(2)
        .expect_words(&["neither with .gif"]);
}
