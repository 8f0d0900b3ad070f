//! The payload of canvas batches: positions, stamps and colours of cells, each in the cheapest of a few codings.
//!
//! docs/protocol/canvas.md has the format bit by bit. Choosing a coding is the writer's affair; the reader takes
//! any, so that a better writer needs no new format.

use super::bits::{BitReader, BitWriter, index_width, number_width};
use super::colour::Colour;
use super::predict;
use super::size::TILE_CELLS;
use super::strokes::{StrokesError, TileCell};
use meshwork_core::clock::Stamp;
use meshwork_core::signed::batch::StampWindow;

/// Width of tile numbers, indices, and counts less one.
const INDEX: u32 = 12;
/// Width of a position coding.
const POSITIONS: u32 = 4;
/// Position coding: all cells follow one another. The codings below it are Rice codes with that parameter.
const RUN: u32 = 12;
/// Width of a stamp or colour coding.
const CODING: u32 = 2;
/// Stamp and colour coding: the same for all cells.
const ONE: u64 = 0;
/// Stamp and colour coding: each cell names an entry of a palette.
const PALETTE: u64 = 1;
/// Stamp and colour coding: written out for each cell.
const EACH: u64 = 2;
/// Colour coding: one of two further ones, which the next bit tells.
const FURTHER: u64 = 3;
/// Further colour coding: written out for each cell, with a bit for cleared ones.
const EACH_OR_CLEARED: u64 = 0;
/// Further colour coding: as the difference from what the neighbours let expect.
const PREDICTED: u64 = 1;
/// Width of the field that says how wide the milliseconds of stamps are, and the widest they can be.
const MILLIS_WIDTH: (u32, u64) = (6, 48);
/// Width of the field that says how wide the counters of stamps are, and the widest they can be.
const COUNTER_WIDTH: (u32, u64) = (5, 16);
/// Width of a colour.
const RGB: u32 = 24;

/// Writes the payload. `cells` are not empty, and their indices rise.
pub(super) fn encode(tile: u32, cells: &[TileCell]) -> Vec<u8> {
    let mut writer = BitWriter::with_capacity(128 + cells.len() * 32);
    writer.put(u64::from(tile), INDEX);
    writer.put(cells.len() as u64 - 1, INDEX);
    write_positions(&mut writer, cells);
    write_stamps(&mut writer, cells);
    write_colours(&mut writer, cells);
    writer.finish()
}

/// Reads a payload: the tile's number, and the cells in the order of their indices.
///
/// # Errors
/// [`StrokesError`]. Whether the tile and the cells exist on the canvas is for the caller to check.
pub(super) fn decode(window: StampWindow, payload: &[u8]) -> Result<(u32, Vec<TileCell>), StrokesError> {
    let mut reader = BitReader::new(payload);
    let tile = field(&mut reader, INDEX)? as u32;
    let count = field(&mut reader, INDEX)? as usize + 1;
    let mut cells = read_positions(&mut reader, count)?;
    read_stamps(&mut reader, &mut cells, window)?;
    read_colours(&mut reader, &mut cells)?;
    if reader.is_at_end() { Ok((tile, cells)) } else { Err(StrokesError::Trailing(reader.left())) }
}

/// Reads the tile's number and the number of cells.
pub(super) fn outline(payload: &[u8]) -> Option<(u32, usize)> {
    let mut reader = BitReader::new(payload);
    let tile = reader.take(INDEX)? as u32;
    Some((tile, reader.take(INDEX)? as usize + 1))
}

fn field(reader: &mut BitReader<'_>, width: u32) -> Result<u64, StrokesError> {
    reader.take(width).ok_or(StrokesError::BreaksOff)
}

fn write_positions(writer: &mut BitWriter, cells: &[TileCell]) {
    let gaps = || cells.windows(2).map(|pair| u32::from(pair[1].index - pair[0].index) - 1);
    let rice_bits = |parameter: u32| gaps().map(|gap| (gap >> parameter) + 1 + parameter).sum::<u32>();
    let coding =
        if gaps().all(|gap| gap == 0) { RUN } else { (0..RUN).min_by_key(|&k| rice_bits(k)).unwrap_or(0) };
    writer.put(u64::from(coding), POSITIONS);
    writer.put(u64::from(cells[0].index), INDEX);
    if coding == RUN {
        return;
    }
    for gap in gaps() {
        writer.put_unary(gap >> coding);
        writer.put(u64::from(gap & ((1 << coding) - 1)), coding);
    }
}

fn read_positions(reader: &mut BitReader<'_>, count: usize) -> Result<Vec<TileCell>, StrokesError> {
    let coding = field(reader, POSITIONS)? as u32;
    let mut index = field(reader, INDEX)? as u32;
    let cell = |index: u32| TileCell { stamp: Stamp::NEVER, colour: Colour::CLEARED, index: index as u16 };
    let cells_max = TILE_CELLS as u32;
    if coding == RUN {
        let end = index + count as u32;
        return if end <= cells_max {
            Ok((index..end).map(cell).collect())
        } else {
            Err(StrokesError::Order(end - 1))
        };
    }
    if coding > RUN {
        return Err(StrokesError::Coding { what: "positions", coding: u64::from(coding) });
    }
    let mut cells = Vec::with_capacity(count);
    cells.push(cell(index));
    for _ in 1..count {
        let quotient = reader.take_unary(cells_max >> coding).ok_or(StrokesError::BreaksOff)?;
        let gap = (quotient << coding) + field(reader, coding)? as u32;
        index += gap + 1;
        if index >= cells_max {
            return Err(StrokesError::Order(index));
        }
        cells.push(cell(index));
    }
    Ok(cells)
}

/// How stamps are written out: milliseconds since the window's begin, and the counter.
#[derive(Clone, Copy)]
struct StampForm {
    least: Stamp,
    millis: u32,
    counter: u32,
}

impl StampForm {
    /// The narrowest form for these stamps, of which `least` is the least.
    fn of(least: Stamp, stamps: &[Stamp]) -> StampForm {
        let most = |number: fn(&Stamp) -> u64| stamps.iter().map(number).max().unwrap_or(0);
        let millis = most(|stamp| stamp.millis()) - least.millis();
        let counter = most(|stamp| u64::from(stamp.counter()));
        StampForm { least, millis: number_width(millis), counter: number_width(counter) }
    }

    fn bits(self) -> usize {
        (self.millis + self.counter) as usize
    }

    fn write_widths(self, writer: &mut BitWriter) {
        writer.put(u64::from(self.millis), MILLIS_WIDTH.0);
        writer.put(u64::from(self.counter), COUNTER_WIDTH.0);
    }

    fn read_widths(reader: &mut BitReader<'_>, least: Stamp) -> Result<StampForm, StrokesError> {
        let (millis, counter) = (field(reader, MILLIS_WIDTH.0)?, field(reader, COUNTER_WIDTH.0)?);
        if millis > MILLIS_WIDTH.1 || counter > COUNTER_WIDTH.1 {
            return Err(StrokesError::StampRange);
        }
        Ok(StampForm { least, millis: millis as u32, counter: counter as u32 })
    }

    fn write(self, writer: &mut BitWriter, stamp: Stamp) {
        writer.put(stamp.millis() - self.least.millis(), self.millis);
        writer.put(u64::from(stamp.counter()), self.counter);
    }

    fn read(self, reader: &mut BitReader<'_>) -> Result<Stamp, StrokesError> {
        let (millis, counter) = (field(reader, self.millis)?, field(reader, self.counter)?);
        Stamp::new(self.least.millis() + millis, counter as u16).ok_or(StrokesError::StampRange)
    }
}

fn write_stamps(writer: &mut BitWriter, cells: &[TileCell]) {
    if cells.iter().all(|cell| cell.stamp == cells[0].stamp) {
        return writer.put(ONE, CODING);
    }
    let mut palette: Vec<Stamp> = cells.iter().map(|cell| cell.stamp).collect();
    palette.sort();
    palette.dedup();
    let form = StampForm::of(palette[0], &palette);
    let width = index_width(palette.len());
    let palette_bits = INDEX as usize + (palette.len() - 1) * form.bits() + cells.len() * width as usize;
    if cells.len() * form.bits() <= palette_bits {
        writer.put(EACH, CODING);
        form.write_widths(writer);
        return cells.iter().for_each(|cell| form.write(writer, cell.stamp));
    }
    writer.put(PALETTE, CODING);
    form.write_widths(writer);
    writer.put(palette.len() as u64 - 1, INDEX);
    palette[1..].iter().for_each(|&stamp| form.write(writer, stamp));
    for cell in cells {
        let entry = palette.binary_search(&cell.stamp).expect("every stamp is in the palette");
        writer.put(entry as u64, width);
    }
}

fn read_stamps(
    reader: &mut BitReader<'_>,
    cells: &mut [TileCell],
    window: StampWindow,
) -> Result<(), StrokesError> {
    let StampWindow { least, most } = window;
    match field(reader, CODING)? {
        ONE => {
            cells.iter_mut().for_each(|cell| cell.stamp = least);
            let is_legal = Stamp::NEVER < least && least <= most;
            return is_legal.then_some(()).ok_or(StrokesError::Stamp { stamp: least, least, most });
        }
        PALETTE => {
            let form = StampForm::read_widths(reader, least)?;
            let entries = palette_entries(reader, "stamps", cells.len())?;
            let mut palette = Vec::with_capacity(entries);
            palette.push(least);
            for _ in 1..entries {
                palette.push(form.read(reader)?);
            }
            read_entries(reader, "stamps", &palette, cells, |cell, stamp| cell.stamp = stamp)?;
        }
        EACH => {
            let form = StampForm::read_widths(reader, least)?;
            for cell in cells.iter_mut() {
                cell.stamp = form.read(reader)?;
            }
        }
        coding => return Err(StrokesError::Coding { what: "stamps", coding }),
    }
    let stamps = || cells.iter().map(|cell| cell.stamp);
    let begin = stamps().min().unwrap_or(Stamp::NEVER);
    let begins_wrongly = begin != least || least == Stamp::NEVER;
    let wrong = stamps().find(|&stamp| stamp > most).or(begins_wrongly.then_some(begin));
    wrong.map_or(Ok(()), |stamp| Err(StrokesError::Stamp { stamp, least, most }))
}

fn write_colours(writer: &mut BitWriter, cells: &[TileCell]) {
    let mut palette: Vec<Colour> = cells.iter().map(|cell| cell.colour).collect();
    palette.sort();
    palette.dedup();
    if let [colour] = palette[..] {
        writer.put(ONE, CODING);
        return write_colour(writer, colour);
    }
    // The greatest colour stands last in the palette.
    let any_cleared = palette.last() == Some(&Colour::CLEARED);
    let cleared = cells.iter().filter(|cell| cell.colour == Colour::CLEARED).count();
    let width = index_width(palette.len());
    let rgb = RGB as usize;
    let palette_bits = INDEX as usize
        + palette.len()
        + (palette.len() - usize::from(any_cleared)) * rgb
        + cells.len() * width as usize;
    let each_bits = (cells.len() - cleared) * rgb + if any_cleared { 1 + cells.len() } else { 0 };
    // Few cells, or few colours, are never cheaper as differences: at best these take a bit for each component.
    let may_predict = !any_cleared && palette_bits.min(each_bits) > 3 * cells.len();
    let predicted_bits = if may_predict { predict::bits(cells) } else { None };
    if predicted_bits.is_some_and(|bits| 1 + bits < palette_bits.min(each_bits)) {
        writer.put(FURTHER, CODING);
        writer.put(PREDICTED, 1);
        predict::write(writer, cells);
    } else if palette_bits < each_bits {
        writer.put(PALETTE, CODING);
        writer.put(palette.len() as u64 - 1, INDEX);
        palette.iter().for_each(|&colour| write_colour(writer, colour));
        for cell in cells {
            let entry = palette.binary_search(&cell.colour).expect("every colour is in the palette");
            writer.put(entry as u64, width);
        }
    } else if any_cleared {
        writer.put(FURTHER, CODING);
        writer.put(EACH_OR_CLEARED, 1);
        cells.iter().for_each(|cell| write_colour(writer, cell.colour));
    } else {
        writer.put(EACH, CODING);
        cells.iter().for_each(|cell| writer.put(u64::from(cell.colour.bits()), RGB));
    }
}

fn read_colours(reader: &mut BitReader<'_>, cells: &mut [TileCell]) -> Result<(), StrokesError> {
    match field(reader, CODING)? {
        ONE => {
            let colour = read_colour(reader)?;
            cells.iter_mut().for_each(|cell| cell.colour = colour);
        }
        PALETTE => {
            let entries = palette_entries(reader, "colours", cells.len())?;
            let mut palette = Vec::with_capacity(entries);
            for _ in 0..entries {
                palette.push(read_colour(reader)?);
            }
            read_entries(reader, "colours", &palette, cells, |cell, colour| cell.colour = colour)?;
        }
        EACH => {
            for cell in cells.iter_mut() {
                cell.colour = read_rgb(reader)?;
            }
        }
        // Two bits say no more than four codings, and the last is two by the next bit.
        _ if field(reader, 1)? == PREDICTED => predict::read(reader, cells)?,
        _ => {
            for cell in cells.iter_mut() {
                cell.colour = read_colour(reader)?;
            }
        }
    }
    Ok(())
}

/// A bit that tells cleared from a colour, then the colour.
fn write_colour(writer: &mut BitWriter, colour: Colour) {
    if colour == Colour::CLEARED {
        return writer.put(1, 1);
    }
    writer.put(u64::from(colour.bits()) << 1, 1 + RGB);
}

fn read_colour(reader: &mut BitReader<'_>) -> Result<Colour, StrokesError> {
    if field(reader, 1)? == 1 { Ok(Colour::CLEARED) } else { read_rgb(reader) }
}

fn read_rgb(reader: &mut BitReader<'_>) -> Result<Colour, StrokesError> {
    let bits = field(reader, RGB)? as u32;
    Ok(Colour::from_bits(bits).expect("24 bits are a colour"))
}

fn palette_entries(
    reader: &mut BitReader<'_>,
    what: &'static str,
    cells: usize,
) -> Result<usize, StrokesError> {
    let entries = field(reader, INDEX)? as usize + 1;
    if entries > cells { Err(StrokesError::Palette { what, entries, cells }) } else { Ok(entries) }
}

/// Reads the entry of each cell, after checking that the palette rises.
fn read_entries<T: Copy + Ord>(
    reader: &mut BitReader<'_>,
    what: &'static str,
    palette: &[T],
    cells: &mut [TileCell],
    set: impl Fn(&mut TileCell, T),
) -> Result<(), StrokesError> {
    let entries = palette.len();
    if palette.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(StrokesError::Palette { what, entries, cells: cells.len() });
    }
    let width = index_width(entries);
    for cell in cells {
        let entry = field(reader, width)?;
        let value = palette.get(entry as usize).ok_or(StrokesError::PaletteEntry { entry, entries })?;
        set(cell, *value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use meshwork_core::rng::Rng;
    use meshwork_core::signed::batch::PAYLOAD_MAX;
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    /// Cells in every mixture of coding: dense or sparse, one or few or many stamps, one or few or many colours.
    pub(in super::super) fn cells() -> impl Strategy<Value = Vec<TileCell>> {
        let index = prop_oneof![0..4096u16, 100..180u16];
        let indices = prop_oneof![
            btree_set(index, 1..120).prop_map(|set| set.into_iter().collect::<Vec<u16>>()),
            (0..4000u16, 1..96u16).prop_map(|(first, count)| (first..first + count).collect()),
        ];
        let base = 1_790_000_000_000u64 << 16;
        let stamps = prop_oneof![
            Just(1..2u64),
            Just(base..base + 3),
            Just(base..base + (90_000 << 16)),
            Just(1..u64::MAX),
            Just(u64::MAX - 2..u64::MAX),
        ];
        let colours =
            prop_oneof![Just(7..8u32), Just(0..3), Just(0..0x0100_0000), Just(0x00ff_fff0..0x0100_0001)];
        (indices, stamps, colours).prop_flat_map(|(indices, stamps, colours)| {
            let count = indices.len();
            (Just(indices), vec(stamps, count), vec(colours, count)).prop_map(|(indices, stamps, colours)| {
                let cell = |((index, stamp), bits): ((u16, u64), u32)| TileCell {
                    stamp: Stamp(stamp),
                    colour: Colour::from_bits(bits).unwrap_or(Colour::CLEARED),
                    index,
                };
                indices.into_iter().zip(stamps).zip(colours).map(cell).collect()
            })
        })
    }

    /// Cells as of a picture: neighbours are alike, most but not all of a tile.
    fn picture() -> impl Strategy<Value = Vec<TileCell>> {
        (any::<[u8; 3]>(), 1..40i32, any::<u64>(), 1..9u64).prop_map(|(base, step, seed, holes)| {
            let mut rng = Rng::new([seed as u8; 32]);
            let slope = [0, 1, 2].map(|_| rng.below(7) as i32 - 3);
            let colour = |index: u16, rng: &mut Rng| {
                let along = i32::from(index % 64) + i32::from(index / 64);
                [0, 1, 2].into_iter().fold(0, |colour, plane: usize| {
                    let noise = rng.below(step as u64) as i32;
                    colour << 8
                        | (i32::from(base[plane]) + along * slope[plane] + noise).rem_euclid(256) as u32
                })
            };
            let there = |index: &u16| u64::from(*index) % (seed % 1000 + 2) >= holes / 2;
            (0..4096).filter(there).map(|index| cell(index, 1, colour(index, &mut rng))).collect()
        })
    }

    fn window(cells: &[TileCell]) -> StampWindow {
        let stamps = || cells.iter().map(|cell| cell.stamp);
        StampWindow { least: stamps().min().unwrap(), most: stamps().max().unwrap() }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn cell(index: u16, stamp: u64, colour: u32) -> TileCell {
        TileCell { stamp: Stamp(stamp), colour: Colour::from_bits(colour).unwrap(), index }
    }

    /// A stamp of 2026 plus some milliseconds and a count.
    fn at(millis: u64, counter: u16) -> u64 {
        Stamp::new(1_790_000_000_000 + millis, counter).unwrap().0
    }

    proptest! {
        #[test]
        fn cells_read_as_they_are_written(tile in 0..4096u32, cells in cells()) {
            let payload = encode(tile, &cells);
            prop_assert_eq!(decode(window(&cells), &payload), Ok((tile, cells)));
        }

        #[test]
        fn pictures_read_as_they_are_written(cells in picture()) {
            prop_assume!(!cells.is_empty());
            let payload = encode(3, &cells);
            prop_assert!(payload.len() <= 16 + cells.len() * 25 / 8 + cells.len() / 2);
            prop_assert_eq!(decode(window(&cells), &payload), Ok((3, cells)));
        }

        #[test]
        fn rubbish_gives_cells_or_an_error(least: u64, most: u64, payload in vec(any::<u8>(), 0..400)) {
            let window = StampWindow { least: Stamp(least), most: Stamp(most) };
            if let Ok((_, cells)) = decode(window, &payload) {
                prop_assert!(cells.len() <= TILE_CELLS);
                prop_assert!(cells.windows(2).all(|pair| pair[0].index < pair[1].index));
                prop_assert!(cells.iter().all(|cell| cell.stamp >= window.least && cell.stamp <= window.most));
            }
        }

        #[test]
        fn changed_payloads_give_cells_or_an_error(cells in cells(), place: prop::sample::Index, bit in 0..8, cut: prop::sample::Index) {
            let mut payload = encode(9, &cells);
            let place = place.index(payload.len());
            payload[place] ^= 1u8 << bit;
            payload.truncate(cut.index(payload.len() * 4).max(1));
            if let Ok((_, read)) = decode(window(&cells), &payload) {
                prop_assert!(read.windows(2).all(|pair| pair[0].index < pair[1].index));
                prop_assert!(read.iter().all(|cell| usize::from(cell.index) < TILE_CELLS));
            }
        }

        #[test]
        fn cut_payloads_are_refused(cells in cells()) {
            let payload = encode(9, &cells);
            let cut = decode(window(&cells), &payload[..payload.len() - 1]);
            prop_assert_eq!(cut, Err(StrokesError::BreaksOff));
        }
    }

    /// docs/protocol/canvas.md shows these. A failure prints what is written now.
    #[test]
    fn golden_payloads() {
        let lone = [cell(2105, at(0, 0), 0xe6_19_4b)];
        assert_eq!(hex(&encode(119, &lone)), "7700009c836029c31c", "run, one stamp, one colour");
        let colours = [0x00_00_00, 0xff_ff_ff, 0x0100_0000];
        let few = [0, 3, 9, 64, 65, 200]
            .map(|index| cell(index, at(u64::from(index) / 60 * 900, 0), colours[usize::from(index) % 3]));
        assert_eq!(
            hex(&encode(0, &few)),
            "0050000500c5a20da089010240388c0a940900000000ffffff8114",
            "rice, palettes of stamps and colours"
        );
        let each = [(10, 0xff_7f_00), (11, 0x00_80_ff), (13, 0x9c_10_e0)]
            .map(|(index, colour)| cell(index, at(u64::from(index), index), colour));
        assert_eq!(
            hex(&encode(4095, &each)),
            "ff2f00a0005520687b0bf0f7ff0f08000ec109",
            "each stamp, each colour"
        );
        let cleared = [cell(0, 1, 0x12_34_56), cell(1, 1, 0x0100_0000), cell(2, 1, 0xab_cd_ef)];
        assert_eq!(hex(&encode(1, &cleared)), "0120000c008c158d44efcdab", "each colour or cleared");
        let picture: Vec<_> = (0..68u32)
            .map(|index| {
                let (x, y) = (index % 64 * 2, index / 64 * 5);
                cell(
                    index as u16,
                    1,
                    (0x80 + x) << 16 | (0x40 + x + y * 3) << 8 | (0xf0 - y + index * index % 5),
                )
            })
            .collect();
        let golden = concat!(
            "0030040c001c000002020040400000f899080c92a048822385298595c248a1a4382966c6ca181925e3324cc666",
            "265399cb98cc66265399cb98cc66265399cb98cc4a4652d249465a69a4924e32d24a2395749291561aa9a44b4c",
            "326952a54b4c326952a54b4c326952a5030a000c6012932e15",
        );
        assert_eq!(hex(&encode(0, &picture)), golden, "predicted colours");
    }

    #[test]
    fn payloads_are_small() {
        let mut rng = Rng::new([4; 32]);
        let mut scattered = |count: usize, colour: &mut dyn FnMut(&mut Rng) -> u32| {
            let mut indices = BTreeSet::new();
            while indices.len() < count {
                indices.insert(rng.below(4096) as u16);
            }
            let cells: Vec<_> = indices.iter().map(|&index| cell(index, 1, colour(&mut rng))).collect();
            encode(0, &cells).len()
        };
        assert_eq!(scattered(1, &mut |_| 5), 9);
        assert!(scattered(64, &mut |_| 5) <= 80);
        assert!(scattered(64, &mut |rng| rng.below(1 << 24) as u32) <= 272);
        assert!(scattered(4096, &mut |rng| rng.below(12) as u32) <= 2100);
    }

    #[test]
    fn the_costliest_cells_fit_a_batch() {
        let mut rng = Rng::new([5; 32]);
        let costly = |index| {
            cell(index, rng.next_u64() | 1, if index % 2 == 0 { rng.below(1 << 24) as u32 } else { 1 << 24 })
        };
        let cells: Vec<_> = (0..TILE_CELLS as u16).map(costly).collect();
        let payload = encode(0, &cells);
        assert!(payload.len() <= PAYLOAD_MAX, "{}", payload.len());
        assert_eq!(decode(window(&cells), &payload), Ok((0, cells)));
    }

    /// A payload of tile 0 with these fields after the tile: (value, width).
    fn crafted(fields: &[(u64, u32)]) -> Result<(u32, Vec<TileCell>), StrokesError> {
        let mut writer = BitWriter::default();
        writer.put(0, INDEX);
        fields.iter().for_each(|&(value, width)| writer.put(value, width));
        decode(StampWindow { least: Stamp(5), most: Stamp(u64::MAX) }, &writer.finish())
    }

    #[test]
    fn positions_beyond_the_tile_are_refused() {
        assert_eq!(crafted(&[(1, 12), (12, 4), (4095, 12)]), Err(StrokesError::Order(4096)));
        assert_eq!(crafted(&[(1, 12), (11, 4), (4095, 12), (1, 1), (0, 11)]), Err(StrokesError::Order(4096)));
        let zeros = [(0, 50), (0, 46), (1, 1), (0, 6)];
        let far = [&[(1, 12), (0, 4), (4000, 12)], &zeros[..]].concat();
        assert_eq!(crafted(&far), Err(StrokesError::Order(4097)));
        let farther = [&[(1, 12), (0, 4), (4000, 12)], &[(0, 50); 83][..], &zeros[..]].concat();
        assert_eq!(crafted(&farther), Err(StrokesError::BreaksOff), "no gap is longer than a tile");
        for coding in 13..16 {
            let error = StrokesError::Coding { what: "positions", coding };
            assert_eq!(crafted(&[(1, 12), (coding, 4), (0, 12)]), Err(error));
        }
    }

    #[test]
    fn wrong_stamps_are_refused() {
        let two = [(1, 12), (12, 4), (0, 12)];
        let with = |fields: &[(u64, u32)]| crafted(&[&two[..], fields].concat());
        assert_eq!(with(&[(3, 2)]), Err(StrokesError::Coding { what: "stamps", coding: 3 }));
        assert_eq!(with(&[(EACH, 2), (49, 6), (0, 5)]), Err(StrokesError::StampRange));
        assert_eq!(with(&[(EACH, 2), (0, 6), (17, 5)]), Err(StrokesError::StampRange));
        let (least, most) = (Stamp(5), Stamp(u64::MAX));
        let late = with(&[(EACH, 2), (0, 6), (4, 5), (7, 4), (6, 4)]);
        assert_eq!(
            late,
            Err(StrokesError::Stamp { stamp: Stamp(6), least, most }),
            "nobody has the least stamp"
        );
        let three = StrokesError::Palette { what: "stamps", entries: 3, cells: 2 };
        assert_eq!(with(&[(PALETTE, 2), (0, 6), (4, 5), (2, 12)]), Err(three));
        let falling = StrokesError::Palette { what: "stamps", entries: 2, cells: 2 };
        assert_eq!(with(&[(PALETTE, 2), (0, 6), (4, 5), (1, 12), (5, 4), (0, 2)]), Err(falling));
        let never = decode(StampWindow::at(Stamp::NEVER), &encode(0, &[cell(0, 1, 0)]));
        assert!(matches!(never, Err(StrokesError::Stamp { .. })));
        let beyond =
            decode(StampWindow::at(Stamp(u64::MAX)), &encode(0, &[cell(0, 1, 0), cell(1, 1 << 20, 0)]));
        assert_eq!(beyond, Err(StrokesError::StampRange));
    }

    #[test]
    fn wrong_colours_are_refused() {
        let three = [(2, 12), (12, 4), (0, 12), (ONE, 2)];
        let with = |fields: &[(u64, u32)]| crafted(&[&three[..], fields].concat());
        let palette = |entries| StrokesError::Palette { what: "colours", entries, cells: 3 };
        assert_eq!(with(&[(PALETTE, 2), (3, 12)]), Err(palette(4)));
        assert_eq!(with(&[(PALETTE, 2), (1, 12), (1, 1), (1, 1), (0, 3)]), Err(palette(2)));
        let entry = StrokesError::PaletteEntry { entry: 3, entries: 3 };
        assert_eq!(with(&[(PALETTE, 2), (2, 12), (0, 25), (2, 25), (1, 1), (0b11, 6)]), Err(entry));
        assert_eq!(with(&[(ONE, 2), (1, 1), (0, 8)]), Err(StrokesError::Trailing(8 + 3)));
        assert_eq!(with(&[(ONE, 2), (1, 1), (1, 1)]), Err(StrokesError::Trailing(3)));
    }
}
