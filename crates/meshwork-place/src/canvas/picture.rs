//! What a canvas shows, as pixels.

use super::{Canvas, Colour, TILE_SIDE};

impl Canvas {
    /// Row by row, four bytes a cell: red, green, blue, alpha (0 where nothing shows).
    pub fn to_rgba(&self) -> Vec<u8> {
        let mut rgba = vec![0; usize::from(self.size().width) * usize::from(self.size().height) * 4];
        self.draw((0, 0), self.size().width, &mut rgba);
        rgba
    }

    /// Writes a part of the picture, in the form of [`Canvas::to_rgba`]: `width` columns from the cell `origin` on, and
    /// as many rows as `rgba` has room for. What lies beyond the canvas shows nothing.
    pub fn draw(&self, (left, top): (u16, u16), width: u16, rgba: &mut [u8]) {
        if width == 0 {
            return;
        }
        let side = usize::from(TILE_SIDE);
        let (columns, height) = (self.size().tile_columns() as usize, usize::from(self.size().height));
        let (left, top) = (usize::from(left), usize::from(top));
        for (row, line) in rgba.chunks_exact_mut(usize::from(width) * 4).enumerate() {
            line.fill(0);
            let y = top + row;
            let mut x = left;
            let mut rest = line;
            while !rest.is_empty() {
                let within = x % side;
                let cells = (side - within).min(rest.len() / 4);
                let (pixels, after) = rest.split_at_mut(cells * 4);
                let is_inside = x / side < columns && y < height;
                let number = (y / side * columns + x / side) as u32;
                let tile = is_inside.then(|| self.tile(number)).flatten();
                if let Some(tile) = tile {
                    let colours = &tile.row(y % side)[within..within + cells];
                    for (pixel, colour) in pixels.chunks_exact_mut(4).zip(colours) {
                        pixel.copy_from_slice(&pixel_of(*colour));
                    }
                }
                (x, rest) = (x + cells, after);
            }
        }
    }
}

/// Without a branch, since a canvas has a million of them.
fn pixel_of(colour: Colour) -> [u8; 4] {
    let bits = colour.bits();
    let shows = u32::from(colour != Colour::CLEARED).wrapping_neg();
    let opaque = (bits >> 16 & 0xff) | (bits & 0xff00) | (bits & 0xff) << 16 | 0xff00_0000;
    (opaque & shows).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::{CanvasSize, cells_to_strokes};
    use meshwork_core::clock::Stamp;
    use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
    use meshwork_core::signed::batch::{Header, SignedBatch};

    fn painted(size: CanvasSize, cells: &[(u16, u16, Colour)]) -> Canvas {
        let mut canvas = Canvas::new(size).unwrap();
        let identity = Identity::from_secret([1; 32]);
        let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
        for (sequence, strokes) in cells_to_strokes(size, cells, Stamp(9)).unwrap().iter().enumerate() {
            let header = Header::new(author, sequence as u64 + 1, strokes.window(), 0);
            let batch = SignedBatch::sign(&identity, &RoomId([1; 32]), &header, &strokes.encode()).unwrap();
            canvas.apply(batch, strokes);
        }
        canvas
    }

    #[test]
    fn parts_show_what_the_cells_show() {
        let size = CanvasSize { width: 150, height: 70 };
        let blue = Colour::rgb(4, 5, 6);
        let cells = [(0, 0, Colour::rgb(1, 2, 3)), (63, 5, blue), (64, 5, Colour::CLEARED), (65, 5, blue)];
        let canvas = painted(size, &[&cells[..], &[(149, 69, Colour::rgb(255, 0, 9))]].concat());
        for (origin, width, height) in
            [((0, 0), 150, 70), ((60, 3), 40, 9), ((140, 60), 20, 20), ((64, 5), 1, 1)]
        {
            let mut rgba = vec![9; usize::from(width) * height * 4];
            canvas.draw(origin, width, &mut rgba);
            for (index, pixel) in rgba.chunks_exact(4).enumerate() {
                let (x, y) = (index % usize::from(width), index / usize::from(width));
                let (x, y) = (origin.0 + x as u16, origin.1 + y as u16);
                let shown = canvas.colour(x, y).and_then(Colour::components);
                let wanted = shown.map_or([0; 4], |[red, green, blue]| [red, green, blue, 255]);
                assert_eq!(pixel, wanted, "({x}, {y})");
            }
        }
        canvas.draw((0, 0), 0, &mut [1, 2, 3]);
    }
}
