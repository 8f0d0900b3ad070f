//! A cell as somebody writes it: "12, 40".

use meshwork_place::canvas::CanvasSize;

use crate::texts::canvas;

/// Reads a column and a row, in that order, whatever stands between them.
///
/// # Errors
/// In words, what a cell of this canvas looks like.
pub fn read(text: &str, size: CanvasSize) -> Result<(u16, u16), String> {
    let mut numbers =
        text.split(|character: char| !character.is_ascii_digit()).filter(|part| !part.is_empty());
    let (x, y, rest) = (numbers.next(), numbers.next(), numbers.next());
    let (Some(x), Some(y), None) = (x, y, rest) else {
        return Err(canvas::WRITE_CELL.to_owned());
    };
    let cell = x.parse::<u16>().ok().zip(y.parse::<u16>().ok());
    match cell.filter(|(x, y)| size.contains(*x, *y) && !text.contains('-')) {
        Some(cell) => Ok(cell),
        None => Err(canvas::no_cell(x, y, size)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: CanvasSize = CanvasSize { width: 144, height: 100 };

    #[test]
    fn cells_are_read_in_many_forms() {
        for text in ["12, 40", "12 40", " 12,40 ", "x 12, y 40", "(12; 40)"] {
            assert_eq!(read(text, SIZE), Ok((12, 40)), "{text}");
        }
        assert_eq!(read("143,99", SIZE), Ok((143, 99)));
    }

    #[test]
    fn what_is_no_cell_is_said() {
        assert!(read("12", SIZE).is_err_and(|words| words.starts_with("Write a column")));
        assert!(read("1,2,3", SIZE).is_err());
        assert!(read("-3, 4", SIZE).is_err());
        assert_eq!(
            read("144, 0", SIZE),
            Err("There is no cell 144, 0. Columns go from 0 to 143, rows from 0 to 99.".to_owned())
        );
        assert!(read("99999999999, 0", SIZE).is_err());
    }
}
