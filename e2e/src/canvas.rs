//! The shared canvas of the page: its cells as a person clicks and sees them.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::tab::Tab;

const CANVAS: &str = "place-canvas";

/// The colour of one cell as the page draws it: red, green, blue and alpha.
pub type Cell = [u8; 4];

/// The middle of each cell of a grid over the whole canvas, as hexadecimal digits.
const READ_CELLS: &str = r#"
    const [width, height] = arguments;
    const canvas = document.querySelector('[data-testid="place-canvas"]');
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let cells = '';
    for (let y = 0; y < height; y++) {
        const row = Math.floor((y + 0.5) / height * canvas.height);
        for (let x = 0; x < width; x++) {
            const column = Math.floor((x + 0.5) / width * canvas.width);
            const at = (row * canvas.width + column) * 4;
            for (let part = 0; part < 4; part++) {
                cells += pixels[at + part].toString(16).padStart(2, '0');
            }
        }
    }
    return cells;
"#;

const CANVAS_BOX: &str = r#"
    const canvas = document.querySelector('[data-testid="place-canvas"]');
    canvas.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: 'instant' });
    const box = canvas.getBoundingClientRect();
    return [box.left, box.top, box.width, box.height];
"#;

impl Tab {
    /// All cells of a canvas of this size, row by row, as drawn at `zoom-reset`.
    pub async fn cells(&self, size: (usize, usize)) -> Result<Vec<Cell>> {
        let read = self.eval(READ_CELLS, vec![size.0.into(), size.1.into()]).await?;
        let digits = read.as_str().context("the cells are text")?.as_bytes();
        ensure!(digits.len() == size.0 * size.1 * 8, "there are {} digits", digits.len());
        digits.chunks_exact(8).map(cell).collect()
    }

    /// One cell of a canvas of this size.
    pub async fn cell(&self, size: (usize, usize), at: (usize, usize)) -> Result<Cell> {
        let cells = self.cells(size).await?;
        cells.get(at.1 * size.0 + at.0).copied().context("the cell lies on the canvas")
    }

    /// Clicks the middle of a cell of a canvas of this size, at `zoom-reset`.
    pub async fn click_cell(&self, size: (usize, usize), at: (usize, usize)) -> Result<()> {
        self.drag_cells(size, &[at]).await
    }

    /// Presses on the first cell, moves over the middles of the others and lets go on the last.
    pub async fn drag_cells(&self, size: (usize, usize), cells: &[(usize, usize)]) -> Result<()> {
        self.wait_laid_out().await?;
        let parts = self.eval(CANVAS_BOX, Vec::new()).await?;
        let parts: Vec<f64> = parts.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        let &[left, top, width, height] = parts.as_slice() else {
            anyhow::bail!("the {CANVAS} has no box: {parts:?}");
        };
        let middle = |cell: usize, cells: usize, start: f64, length: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "a place on a screen is a small number")]
            let place = (start + (cell as f64 + 0.5) / cells as f64 * length) as i64;
            place
        };
        let points: Vec<(i64, i64)> = cells
            .iter()
            .map(|cell| (middle(cell.0, size.0, left, width), middle(cell.1, size.1, top, height)))
            .collect();
        self.press_and_move(&points).await
    }
}

fn cell(digits: &[u8]) -> Result<Cell> {
    let text = std::str::from_utf8(digits).context("digits are text")?;
    let number = u32::from_str_radix(text, 16).with_context(|| format!("`{text}` is no colour"))?;
    Ok(number.to_be_bytes())
}
