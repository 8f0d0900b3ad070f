//! Pictures of cameras and damaged ones: heads are read, limits hold, and nothing but pixels and colours is left.

use crate::*;

/// A TIFF block as cameras write it: a maker, a serial number, a place, and this orientation.
fn camera(orientation: u8, is_big: bool) -> Vec<u8> {
    let short = |number: u16| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
    let long = |number: u32| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
    let mut tiff = if is_big { b"MM".to_vec() } else { b"II".to_vec() };
    tiff.extend(short(42));
    tiff.extend(long(8));
    let entries: [(u16, u16, u32, [u8; 4]); 4] = [
        (0x010f, 2, 10, long(62)),
        (0x0112, 3, 1, [short(u16::from(orientation)), [0, 0]].concat().try_into().expect("four bytes")),
        (0x8825, 4, 1, long(62)),
        (0xa431, 2, 12, long(72)),
    ];
    tiff.extend(short(4));
    for (tag, kind, count, value) in entries {
        tiff.extend([short(tag), short(kind)].concat());
        tiff.extend(long(count));
        tiff.extend(value);
    }
    tiff.extend(long(0));
    tiff.extend(b"CameraShop41.1579,-8.6291SERIAL-00417");
    tiff
}

/// Words of [`camera`] and of other metadata in these tests.
const SECRETS: [&[u8]; 4] = [b"CameraShop", b"41.1579", b"SERIAL-00417", b"Porto"];

fn has_secret(bytes: &[u8]) -> bool {
    SECRETS.iter().any(|secret| bytes.windows(secret.len()).any(|part| part == *secret))
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    [&[0xff, marker][..], &(content.len() as u16 + 2).to_be_bytes(), content].concat()
}

/// A JPEG of 32 x 16 stored pixels with these segments behind its start, and these bytes behind its end.
fn jpeg(segments: &[Vec<u8>], behind: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    bytes.extend(segments.concat());
    bytes.extend(segment(0xdb, &[1; 65]));
    bytes.extend(segment(0xc0, &[8, 0, 16, 0, 32, 1, 1, 0x11, 0]));
    bytes.extend(segment(0xc4, &[0; 20]));
    bytes.extend(segment(0xda, &[1, 1, 0, 0, 63, 0]));
    // Stuffed bytes and a restart are parts of the data.
    bytes.extend(*b"\x12\xff\x00\x34\xff\xd0\x56\xff\xd9");
    bytes.extend(behind);
    bytes
}

fn exif_segment(orientation: u8) -> Vec<u8> {
    segment(0xe1, &[b"Exif\0\0".to_vec(), camera(orientation, false)].concat())
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_be_bytes()[..], name, content, b"\x01\x02\x03\x04"].concat()
}

/// A PNG of these sides, with these chunks before its pixels.
fn png(width: u32, height: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let rest = [chunk(b"IDAT", &[7; 20]), chunk(b"IEND", b"")].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &head), chunks.concat(), rest].concat()
}

fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, content) in chunks {
        body.extend(*name);
        body.extend((content.len() as u32).to_le_bytes());
        body.extend(*content);
        body.extend(vec![0; content.len() % 2]);
    }
    [b"RIFF".to_vec(), (body.len() as u32).to_le_bytes().to_vec(), body].concat()
}

const LOSSY: &[u8] = b"\0\0\0\x9d\x01\x2a\x20\0\x10\0\x07";
const LOSSLESS: &[u8] = b"\x2f\x1f\xc0\x03\0\x07";

/// Contents of the head of an extended WebP of 32 x 16 pixels.
fn extended(flags: u8) -> Vec<u8> {
    vec![flags, 0, 0, 0, 31, 0, 0, 15, 0, 0]
}

const FRAME: &[u8] = b"\x2c\0\0\0\0\x20\0\x10\0\0\x02\x02\x44\x01\0";

/// A GIF of 32 x 16 pixels of these blocks.
fn gif(blocks: &[&[u8]]) -> Vec<u8> {
    [b"GIF89a\x20\0\x10\0\x80\0\0\x00\x00\x00\xff\xff\xff", &blocks.concat()[..], b"\x3b"].concat()
}

fn head(bytes: &[u8]) -> Option<(Kind, u32, u32, bool)> {
    Head::read(bytes).map(|head| (head.kind, head.width, head.height, head.is_animated))
}

#[test]
fn heads_of_pictures_are_read() {
    assert_eq!(head(&png(60_000, 3, &[])), Some((Kind::Png, 60_000, 3, false)));
    assert_eq!(head(&jpeg(&[], b"")), Some((Kind::Jpeg, 32, 16, false)));
    for (name, content) in [(b"VP8 ", LOSSY), (b"VP8L", LOSSLESS)] {
        assert_eq!(head(&riff(&[(name, content)])), Some((Kind::WebP, 32, 16, false)));
    }
    assert_eq!(head(&riff(&[(b"VP8X", &extended(2))])), Some((Kind::WebP, 32, 16, true)));
    assert_eq!(head(&gif(&[FRAME])), Some((Kind::Gif, 32, 16, false)));
    assert_eq!(head(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), None);
    assert_eq!(head(&png(0, 4, &[])), None, "no pixels");
    let far = vec![segment(0xe1, b"http://ns.adobe.com/xap/1.0/"); 1_000];
    assert_eq!(head(&jpeg(&far, b"")), Some((Kind::Jpeg, 32, 16, false)), "behind many segments");
}

#[test]
fn hidden_frames_and_larger_frames_count() {
    let many = vec![chunk(b"tEXt", b"a\0b"); 200];
    let moving = [many, vec![chunk(b"acTL", b"\0\0\0\x02\0\0\0\0")]].concat();
    assert_eq!(head(&png(8, 8, &moving)), Some((Kind::Png, 8, 8, true)));
    assert_eq!(head(&gif(&[FRAME, FRAME])), Some((Kind::Gif, 32, 16, true)));
    let frames = gif(&[FRAME, FRAME]);
    assert_eq!(head(&frames[..frames.len() - 4]), Some((Kind::Gif, 32, 16, true)), "cut off");
    let large = b"\x2c\0\0\x01\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0";
    assert_eq!(head(&gif(&[large])), Some((Kind::Gif, 0xffff, 0x1_0000, false)));
    let unsaid = riff(&[(b"VP8X", &extended(0)), (b"ANMF", &[0; 16])]);
    assert_eq!(head(&unsaid), Some((Kind::WebP, 32, 16, true)));
    let small = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let canvas = riff(&[(b"VP8X", &small), (b"VP8 ", LOSSY)]);
    assert_eq!(head(&canvas), Some((Kind::WebP, 32, 16, false)), "the frame is larger than the canvas");
}

#[test]
fn limits_of_cards_and_faces_hold() {
    let card = |bytes: &[u8]| CARD.check(bytes).map(|head| (head.width, head.height));
    assert_eq!(card(&png(2_048, 2_048, &[])), Ok((2_048, 2_048)));
    for (width, height) in [(2_049, 1), (1, 2_049), (20_000, 20_000), (u32::MAX, u32::MAX)] {
        assert!(matches!(card(&png(width, height, &[])), Err(PictureError::TooLarge { .. })));
    }
    assert_eq!(card(&png(8, 8, &[chunk(b"acTL", &[0; 8])])), Err(PictureError::Animated));
    assert_eq!(card(&gif(&[FRAME, FRAME])), Err(PictureError::Animated));
    assert_eq!(card(&riff(&[(b"VP8X", &extended(2))])), Err(PictureError::Animated));
    assert_eq!(card(&gif(&[FRAME])), Ok((32, 16)));
    let long = jpeg(&[], &[0; 512 * 1024]);
    let error = PictureError::TooLong { size: long.len(), max: 512 * 1024 };
    assert_eq!(card(&long), Err(error));
    assert_eq!(card(b"<svg/>"), Err(PictureError::NoPicture));
    assert_eq!(FACE.check(&gif(&[FRAME])), Err(PictureError::Kind(Kind::Gif)));
    assert!(FACE.check(&png(256, 256, &[])).is_ok() && FACE.check(&png(257, 1, &[])).is_err());
    assert!(POST.check(&png(8_000, 5_000, &[])).is_ok() && POST.check(&png(8_000, 5_001, &[])).is_err());
    assert!(BOARD.check(&gif(&[FRAME, FRAME])).is_ok() && POST.check(&gif(&[FRAME, FRAME])).is_err());
}

#[test]
fn camera_jpegs_keep_pixels_colours_and_orientation() {
    let profile = segment(0xe2, b"ICC_PROFILE\0\x01\x01colours");
    let adobe = segment(0xee, b"Adobe\0\x64\0\0\0\0\x01");
    let jfif = segment(0xe0, b"JFIF\0\x01\x02\x01\0\x48\0\x48\0\0");
    let preview = segment(0xe0, b"JFIF\0\x01\x02\x01\0\x48\0\x48\x01\x01Porto");
    let metadata = [
        exif_segment(6),
        segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0<exif:GPSLatitude>41.1579"),
        segment(0xe2, b"MPF\0Porto"),
        segment(0xed, b"Photoshop 3.0\08BIM Porto"),
        segment(0xfe, b"taken in Porto"),
        exif_segment(3),
    ];
    let picture = jpeg(
        &[&[preview][..], &metadata, &[profile.clone(), adobe.clone()]].concat(),
        &jpeg(&metadata, b"Porto"),
    );
    assert!(has_secret(&picture));
    let cleaned = clean(&picture).expect("a picture");
    let turned = segment(0xe1, &[&b"Exif\0\0"[..], &exif::only(6)].concat());
    assert_eq!(
        cleaned,
        jpeg(&[jfif, turned, profile, adobe], b""),
        "pixels, colours, orientation and no more"
    );
    assert!(!has_secret(&cleaned));
    let shown = Some((Kind::Jpeg, 16, 32, false));
    assert_eq!((head(&picture), head(&cleaned)), (shown, shown), "upright");
    let upright = jpeg(&[exif_segment(1)], b"");
    assert_eq!(clean(&upright), Ok(jpeg(&[], b"")));
    let endless = jpeg(&[exif_segment(1)], b"");
    assert_eq!(clean(&endless[..endless.len() - 2]), Ok(jpeg(&[], b"")), "a missing end is added");
}

#[test]
fn texts_of_pngs_are_left_out() {
    let colours = vec![chunk(b"gAMA", &[0, 1, 2, 3]), chunk(b"iCCP", b"a\0\0zip"), chunk(b"acTL", &[0; 8])];
    let metadata = vec![
        chunk(b"tEXt", b"Comment\0Porto"),
        chunk(b"zTXt", b"Comment\0\0Porto"),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0Porto"),
        chunk(b"tIME", b"Porto.."),
        chunk(b"prIv", b"Porto"),
        chunk(b"eXIf", &camera(8, true)),
    ];
    let picture = [png(32, 16, &[colours.clone(), metadata].concat()), b"Porto".to_vec()].concat();
    let cleaned = clean(&picture).expect("a picture");
    let turned = [&b"\0\0\0\x1aeXIf"[..], &exif::only(8), &0x8658_3034_u32.to_be_bytes()].concat();
    assert_eq!(cleaned, png(32, 16, &[colours, vec![turned]].concat()));
    assert_eq!((head(&picture), head(&cleaned)), (head(&cleaned), Some((Kind::Png, 16, 32, true))));
    assert_eq!(clean(&png(32, 16, &[chunk(b"CgBI", b"")])), Err(PictureError::Damaged(Kind::Png)));
}

#[test]
fn metadata_of_webps_is_left_out() {
    let (camera, frame) = (camera(6, true), riff(&[(b"ALPH", b"a"), (b"VP8 ", LOSSY)])[12..].to_vec());
    let noted = [frame.clone(), riff(&[(b"note", b"Porto")])[12..].to_vec()].concat();
    let [frame, noted] = [frame, noted].map(|frame| [vec![0; 16], frame].concat());
    let picture = riff(&[
        (b"VP8X", &extended(0x2e)),
        (b"ICCP", b"colours"),
        (b"ANIM", &[0; 6]),
        (b"ANMF", &noted),
        (b"EXIF", &camera),
        (b"XMP ", b"Porto"),
        (b"note", b"Porto"),
    ]);
    let cleaned = clean(&[&picture[..], b"Porto"].concat()).expect("a picture");
    let expected = riff(&[
        (b"VP8X", &extended(0x2a)),
        (b"ICCP", b"colours"),
        (b"ANIM", &[0; 6]),
        (b"ANMF", &frame),
        (b"EXIF", &exif::only(6)),
    ]);
    assert_eq!(cleaned, expected);
    assert_eq!(head(&cleaned), Some((Kind::WebP, 16, 32, true)));
    let simple = riff(&[(b"VP8 ", LOSSY), (b"EXIF", &camera)]);
    assert_eq!(clean(&simple), Ok(riff(&[(b"VP8 ", LOSSY)])));
    assert_eq!(clean(&simple[..simple.len() - 1]), Err(PictureError::Damaged(Kind::WebP)));
}

#[test]
fn comments_of_gifs_are_left_out() {
    let control = b"\x21\xf9\x04\x05\x0a\0\x02\0";
    let repeats = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x05\0\0";
    let colours = b"\x21\xff\x0bICCRGBG1012\x02ab\0";
    let picture = gif(&[
        repeats,
        b"\x21\xfe\x05Porto\0",
        b"\x21\xff\x0bXMP DataXMP\x05Porto\0",
        b"\x21\x01\x05Porto\0",
        b"\x21\xf9\x04\x05\x0a\0\x02\x05Porto\0",
        FRAME,
        colours,
    ]);
    let cleaned = clean(&[&picture[..], b"Porto"].concat());
    assert_eq!(cleaned, Ok(gif(&[repeats, control, FRAME, colours])));
    assert_eq!(clean(&picture[..picture.len() - 4]), Err(PictureError::Damaged(Kind::Gif)));
}

/// Pictures with metadata, of each kind.
fn pictures() -> [Vec<u8>; 4] {
    [
        jpeg(&[exif_segment(6), segment(0xfe, b"Porto")], b"Porto"),
        png(32, 16, &[chunk(b"eXIf", &camera(6, false)), chunk(b"tEXt", b"a\0Porto")]),
        gif(&[b"\x21\xfe\x05Porto\0", FRAME]),
        riff(&[
            (b"VP8X", &extended(0x0c)),
            (b"VP8L", LOSSLESS),
            (b"EXIF", &camera(6, true)),
            (b"XMP ", b"Porto"),
        ]),
    ]
}

#[test]
fn damaged_pictures_are_refused_or_clean() {
    // A generator of its own: xorshift, with a seed that never changes.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    for picture in pictures() {
        assert!(clean(&picture).is_ok_and(|cleaned| !has_secret(&cleaned)));
        for round in 0..20_000 {
            let mut mutated = picture.clone();
            for _ in 0..1 + round % 4 {
                let place = 4 + draw(mutated.len() - 4);
                match draw(4) {
                    0 => mutated[place] = draw(256) as u8,
                    1 => mutated[place] ^= 1 << draw(8),
                    2 if mutated.len() > 40 => drop(mutated.drain(place..(place + draw(8)).min(mutated.len()))),
                    _ => mutated.truncate(place + 1),
                }
            }
            let Ok(cleaned) = clean(&mutated) else { continue };
            assert!(cleaned.len() <= mutated.len() + 64, "round {round}");
            assert_eq!(clean(&cleaned).as_ref(), Ok(&cleaned), "round {round}: it is clean");
            assert_eq!(head(&cleaned), head(&mutated), "round {round}");
        }
    }
}
