//! Where the card stands that says who painted a cell, and what it says.

use crate::place::view::View;

/// The card, in CSS pixels; people.css knows the same width.
const WIDTH: f64 = 248.0;
const HEIGHT: f64 = 60.0;
/// Space between cell and card, and between card and stage.
const GAP: f64 = 8.0;

/// How long a pointer rests on a cell before the card comes, in ms.
pub const HOVER_MS: u64 = 400;
/// How long a finger rests, in ms: longer, since it may be about to paint.
pub const PRESS_MS: u64 = 500;
/// How far a resting finger trembles, in CSS pixels.
pub const TREMBLE: f64 = 6.0;

/// Where the card's top left corner stands: below the cell and to its right, or where there is space.
pub fn place(view: &View, (x, y): (u16, u16), stage: (f64, f64), is_touch: bool) -> (f64, f64) {
    let left = view.x + f64::from(x) * view.scale;
    let top = view.y + f64::from(y) * view.scale;
    // Under a finger nobody sees anything.
    let gap = if is_touch { 5.0 * GAP } else { GAP };
    let below = top + view.scale + gap;
    let above = top - gap - HEIGHT;
    let fits = below + HEIGHT + GAP <= stage.1;
    let y = if (is_touch && above >= GAP) || !fits { above } else { below };
    let limit = |at: f64, length: f64, space: f64| at.min(space - length - GAP).max(GAP).round();
    (limit(left + view.scale / 2.0, WIDTH, stage.0), limit(y, HEIGHT, stage.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::view::{Insets, Stage};
    use meshwork_place::canvas::CanvasSize;

    #[test]
    fn the_card_stays_on_stage_off_its_cell() {
        for (width, height) in [(1000.0, 800.0), (390.0, 500.0), (320.0, 300.0)] {
            let insets = Insets { side: 0.0, top: 0.0, bottom: 0.0 };
            let stage = Stage { width, height, insets, pixel_ratio: 1.0 };
            let view = View::new(CanvasSize { width: 100, height: 100 }, stage);
            for cell in [(0, 0), (99, 0), (0, 99), (99, 99), (50, 50)] {
                for is_touch in [false, true] {
                    let (x, y) = place(&view, cell, (width, height), is_touch);
                    assert!(x >= GAP && x + WIDTH + GAP <= width.max(WIDTH + 2.0 * GAP), "{x}");
                    assert!(y >= GAP && y + HEIGHT + GAP <= height, "{y}");
                    let top = view.y + f64::from(cell.1) * view.scale;
                    assert!(y + HEIGHT <= top || y >= top + view.scale, "it covers {cell:?}");
                }
            }
        }
    }
}
