//! Straight lines of cells between two samples of a pointer.

/// The cells from `from` to `to`, without `from`, by Bresenham's algorithm (IBM Systems Journal 4(1), 1965).
pub fn cells(from: (i32, i32), to: (i32, i32)) -> impl Iterator<Item = (i32, i32)> {
    let (width, height) = ((to.0 - from.0).abs(), -(to.1 - from.1).abs());
    let (step_x, step_y) = ((to.0 - from.0).signum(), (to.1 - from.1).signum());
    let mut error = width + height;
    let mut at = from;
    std::iter::from_fn(move || {
        if at == to {
            return None;
        }
        let twice = 2 * error;
        if twice >= height {
            error += height;
            at.0 += step_x;
        }
        if twice <= width {
            error += width;
            at.1 += step_y;
        }
        Some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: (i32, i32), to: (i32, i32)) -> Vec<(i32, i32)> {
        cells(from, to).collect()
    }

    #[test]
    fn lines_are_gapless_and_end_at_their_target() {
        for to in [(7, 3), (3, 7), (-7, 3), (-3, -7), (5, 5), (0, 9), (-9, 0)] {
            let cells = line((0, 0), to);
            assert_eq!(cells.last(), Some(&to));
            assert_eq!(cells.len(), to.0.abs().max(to.1.abs()) as usize);
            let mut before = (0, 0);
            for cell in cells {
                assert!((cell.0 - before.0).abs() <= 1 && (cell.1 - before.1).abs() <= 1);
                before = cell;
            }
        }
    }

    #[test]
    fn a_line_to_its_own_start_is_empty() {
        assert_eq!(line((4, 4), (4, 4)), []);
        assert_eq!(line((4, 4), (5, 4)), [(5, 4)]);
    }
}
