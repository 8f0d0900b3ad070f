//! What is painted on the canvas of the pictures: a harbour at dusk, and what people put beside it.

use image::{Rgba, RgbaImage};

/// Columns and rows of the canvas.
pub(crate) const SIZE: (u32, u32) = (144, 100);

const fn rgb(hex: u32) -> Rgba<u8> {
    Rgba([(hex >> 16) as u8, (hex >> 8) as u8, hex as u8, 255])
}

const BLACK: Rgba<u8> = rgb(0x000000);
const WHITE: Rgba<u8> = rgb(0xffffff);
const RED: Rgba<u8> = rgb(0xe6194b);
const ORANGE: Rgba<u8> = rgb(0xf58231);
const YELLOW: Rgba<u8> = rgb(0xffe119);
const LIME: Rgba<u8> = rgb(0xbfef45);
const GREEN: Rgba<u8> = rgb(0x3cb44b);
const CYAN: Rgba<u8> = rgb(0x42d4f4);
const BLUE: Rgba<u8> = rgb(0x4363d8);
const PURPLE: Rgba<u8> = rgb(0x911eb4);
const PINK: Rgba<u8> = rgb(0xf032e6);
const NIGHT: Rgba<u8> = rgb(0x1d2550);
const SAND: Rgba<u8> = rgb(0xf4c28a);
const BROWN: Rgba<u8> = rgb(0x7a5638);

/// Where the sea begins, and where the harbour ends on the right.
const HORIZON: u32 = 58;
const HARBOUR: u32 = 92;

/// Letters, five rows each.
const LETTERS: [(char, [&str; 5]); 9] = [
    ('M', ["#...#", "##.##", "#.#.#", "#...#", "#...#"]),
    ('E', ["###", "#..", "##.", "#..", "###"]),
    ('S', ["###", "#..", "###", "..#", "###"]),
    ('H', ["#.#", "#.#", "###", "#.#", "#.#"]),
    ('W', ["#...#", "#...#", "#.#.#", "##.##", "#...#"]),
    ('O', ["###", "#.#", "#.#", "#.#", "###"]),
    ('R', ["##.", "#.#", "##.", "#.#", "#.#"]),
    ('K', ["#.#", "#.#", "##.", "#.#", "#.#"]),
    ('!', ["#", "#", "#", ".", "#"]),
];

const BOAT: [&str; 9] = [
    ".....k......",
    "....wkr.....",
    "...wwkrr....",
    "..wwwkrrr...",
    ".wwwwkrrrr..",
    ".....k......",
    "bbbbbbbbbbbb",
    ".bssssssssb.",
    "..bbbbbbbb..",
];
const HOUSE: [&str; 10] = [
    "....r......",
    "...rrr...k.",
    "..rrrrr..k.",
    ".rrrrrrrrr.",
    "rrrrrrrrrrr",
    ".sssssssss.",
    ".scccsbbss.",
    ".scccsbbss.",
    ".sssssbbss.",
    ".sssssbbss.",
];
const CAT: [&str; 12] = [
    "oo........oo",
    "oko......oko",
    "okkooooookko",
    "oooooooooooo",
    "oowwoooowwoo",
    "oowkoooowkoo",
    "oooooooooooo",
    "okoooppoooko",
    "oooookkooooo",
    ".oookookooo.",
    "..oooooooo..",
    "...oooooo...",
];
const HEART: [&str; 8] =
    [".##...##.", "####.####", "#########", "#########", ".#######.", "..#####..", "...###...", "....#...."];
const DUCK: [&str; 10] = [
    "....yyyy....",
    "...yyyyyy...",
    "...yykyyy...",
    "oooyyyyyy...",
    ".ooyyyyyy..y",
    "...yyyyyyyyy",
    "..yyyyyyyyyy",
    ".yyyywwwyyyy",
    ".yyyyyyyyyy.",
    "..yyyyyyyy..",
];
const TREE: [&str; 9] = [
    "....g....",
    "...ggg...",
    "...ggg...",
    "..ggggg..",
    "..ggggg..",
    ".ggggggg.",
    "ggggggggg",
    "....b....",
    "....b....",
];

/// The picture of the harbour, which one person paints.
pub(crate) fn harbour() -> RgbaImage {
    let mut picture = RgbaImage::new(SIZE.0, SIZE.1);
    for y in 0..SIZE.1 {
        for x in 0..edge(y) {
            picture.put_pixel(x, y, if y < HORIZON { sky(x, y) } else { sea(x, y) });
        }
    }
    for (x, y) in [(6, 4), (19, 9), (35, 3), (48, 12), (61, 6), (73, 15), (84, 5), (10, 20), (57, 20)] {
        for (dx, dy) in [(1, 0), (0, 1), (1, 1), (2, 1), (1, 2)] {
            picture.put_pixel(x + dx, y + dy, if (x + y).is_multiple_of(3) { YELLOW } else { WHITE });
        }
    }
    disc(&mut picture, (24, 14), 7, SAND);
    disc(&mut picture, (27, 12), 6, NIGHT);
    sun(&mut picture);
    lighthouse(&mut picture);
    put(&mut picture, (36, 50), &BOAT, None);
    put(&mut picture, (66, 72), &HEART, Some(RED));
    picture
}

/// What others paint beside it.
pub(crate) fn meadow() -> RgbaImage {
    let mut picture = RgbaImage::new(SIZE.0, SIZE.1);
    word(&mut picture, (100, 6), "MESH", RED);
    word(&mut picture, (100, 14), "WORK!", BLUE);
    put(&mut picture, (130, 6), &HEART, Some(RED));
    rainbow(&mut picture);
    for x in HARBOUR + 4..SIZE.0 {
        let hill = 52 - hill(x);
        for y in hill..72 {
            let stripe = (x + y * 2).is_multiple_of(13);
            picture.put_pixel(x, y, if stripe { LIME } else { GREEN });
        }
    }
    put(&mut picture, (103, 46), &HOUSE, None);
    put(&mut picture, (124, 50), &HOUSE, None);
    put(&mut picture, (116, 56), &TREE, None);
    put(&mut picture, (98, 58), &TREE, None);
    fill(&mut picture, (96, 74, 24, 26), CYAN);
    put(&mut picture, (102, 81), &CAT, None);
    fill(&mut picture, (120, 74, 24, 26), LIME);
    fill(&mut picture, (120, 92, 24, 8), BLUE);
    put(&mut picture, (126, 83), &DUCK, None);
    picture
}

/// The harbour ends in a ragged edge: its painters are not done.
fn edge(y: u32) -> u32 {
    HARBOUR - (y * 7 + y * y / 5) % 6
}

fn hill(x: u32) -> u32 {
    let from = x.abs_diff(128);
    12u32.saturating_sub(from * from / 60)
}

/// Bands of colour, each dithered into the next.
fn sky(x: u32, y: u32) -> Rgba<u8> {
    let bands = [NIGHT, PURPLE, PINK, RED, ORANGE, YELLOW];
    let (band, within) = ((y / 11) as usize, y % 11);
    let next = bands[(band + 1).min(bands.len() - 1)];
    let is_next = match within {
        0..=6 => false,
        7 | 8 => (x + 2 * y).is_multiple_of(4),
        _ => (x + y).is_multiple_of(2),
    };
    if is_next { next } else { bands[band.min(bands.len() - 1)] }
}

fn sea(x: u32, y: u32) -> Rgba<u8> {
    let wave = (x + y * 5 + (y / 3) * 11) % 23;
    match wave {
        0..=3 if y.is_multiple_of(3) => CYAN,
        8..=10 if y % 4 == 1 => rgb(0x2b4bb0),
        _ if y < 74 && x.abs_diff(64) < 74 - y && (x * 3 + y * 5).is_multiple_of(7) => YELLOW,
        _ => BLUE,
    }
}

fn sun(picture: &mut RgbaImage) {
    for y in HORIZON - 13..HORIZON {
        for x in 50..79 {
            let (dx, dy) = (i64::from(x) - 64, i64::from(y) - i64::from(HORIZON));
            if dx * dx + dy * dy <= 169 {
                picture.put_pixel(x, y, if y % 4 == 3 { ORANGE } else { YELLOW });
            }
        }
    }
}

fn lighthouse(picture: &mut RgbaImage) {
    for y in 76..SIZE.1 {
        for x in 0..(y - 70) + 18 {
            picture.put_pixel(x, y, if (x + y).is_multiple_of(6) { rgb(0x7f7f7f) } else { rgb(0x3a4050) });
        }
    }
    for y in 38_u32..78 {
        let half = 3 + (y - 38) / 14;
        for x in 14 - half..=14 + half {
            let colour = if x == 14 - half || x == 14 + half {
                BLACK
            } else if (y / 7).is_multiple_of(2) {
                RED
            } else {
                WHITE
            };
            picture.put_pixel(x, y, colour);
        }
    }
    fill(picture, (11, 32, 7, 6), BLACK);
    fill(picture, (12, 33, 5, 4), YELLOW);
    fill(picture, (10, 31, 9, 1), BLACK);
}

fn rainbow(picture: &mut RgbaImage) {
    for (ring, colour) in [RED, ORANGE, YELLOW, GREEN, BLUE, PURPLE].into_iter().enumerate() {
        let radius = 24.0 - ring as f64;
        for step in 0..400 {
            let angle = std::f64::consts::PI * f64::from(step) / 400.0;
            let (x, y) = (120.0 + radius * angle.cos(), 48.0 - radius * angle.sin());
            if (0.0..f64::from(SIZE.0)).contains(&x) {
                picture.put_pixel(x as u32, y as u32, colour);
            }
        }
    }
}

fn disc(picture: &mut RgbaImage, centre: (i64, i64), radius: i64, colour: Rgba<u8>) {
    for y in -radius..=radius {
        for x in -radius..=radius {
            if x * x + y * y <= radius * radius {
                picture.put_pixel((centre.0 + x) as u32, (centre.1 + y) as u32, colour);
            }
        }
    }
}

fn fill(picture: &mut RgbaImage, (left, top, width, height): (u32, u32, u32, u32), colour: Rgba<u8>) {
    for y in top..top + height {
        for x in left..left + width {
            picture.put_pixel(x, y, colour);
        }
    }
}

fn word(picture: &mut RgbaImage, (mut left, top): (u32, u32), text: &str, colour: Rgba<u8>) {
    for letter in text.chars() {
        if let Some((_, rows)) = LETTERS.iter().find(|(known, _)| *known == letter) {
            put(picture, (left, top), rows, Some(colour));
            left += rows[0].len() as u32 + 1;
        }
    }
}

/// Puts a drawing down: `#` is the colour given, letters are colours of their own, dots are left as they are.
fn put(picture: &mut RgbaImage, (left, top): (u32, u32), rows: &[&str], colour: Option<Rgba<u8>>) {
    for (y, row) in rows.iter().enumerate() {
        for (x, sign) in row.chars().enumerate() {
            let own = match sign {
                '#' => colour,
                'k' => Some(BLACK),
                'w' => Some(WHITE),
                'r' => Some(RED),
                'b' => Some(BROWN),
                's' => Some(SAND),
                'c' => Some(CYAN),
                'o' => Some(ORANGE),
                'p' => Some(PINK),
                'y' => Some(YELLOW),
                'g' => Some(rgb(0x1f7a3a)),
                _ => None,
            };
            if let Some(own) = own {
                picture.put_pixel(left + x as u32, top + y as u32, own);
            }
        }
    }
}
