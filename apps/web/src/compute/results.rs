//! Results as numbers and as text. They are bytes of strangers' programs.

use meshwork_compute::job::Shape;
use meshwork_core::text::shown;

use crate::texts;

/// Most letters of a result in a table.
const LETTERS_MAX: usize = 160;

/// The number that a result is, if it is one.
pub fn number(shape: Shape, bytes: &[u8]) -> Option<f64> {
    let number = match shape {
        Shape::U32 => u32::from_le_bytes(bytes.try_into().ok()?).into(),
        Shape::F32 => f32::from_le_bytes(bytes.try_into().ok()?).into(),
        Shape::F64 => f64::from_le_bytes(bytes.try_into().ok()?),
        Shape::Json => serde_json::from_slice(bytes).ok()?,
        Shape::Bytes => return None,
    };
    Some(number)
}

/// A number for people: whole ones with their thousands apart.
pub fn number_text(number: f64) -> String {
    let is_whole = number.fract() == 0.0 && number.abs() < 9e15;
    if is_whole { texts::signed(number as i64) } else { format!("{number}") }
}

/// A result as a line of text.
pub fn text(shape: Shape, bytes: &[u8]) -> String {
    if let Some(number) = number(shape, bytes) {
        return number_text(number);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return texts::amount(bytes.len() as u64) };
    let mut letters = text.chars();
    let start: String = letters.by_ref().take(LETTERS_MAX).collect();
    let more = if letters.next().is_some() { "\u{2026}" } else { "" };
    format!("{}{more}", shown(&start))
}

/// Results as a JSON list, with `null` for those that are missing. Bytes that are no text are missing too.
pub fn json(shape: Shape, values: &[Option<Vec<u8>>]) -> String {
    let value = |bytes: &Option<Vec<u8>>| {
        let bytes = bytes.as_ref()?;
        match shape {
            Shape::Json => serde_json::from_slice(bytes).ok(),
            Shape::Bytes => std::str::from_utf8(bytes).ok().map(Into::into),
            Shape::U32 => Some(u32::from_le_bytes(bytes.as_slice().try_into().ok()?).into()),
            _ => serde_json::Number::from_f64(number(shape, bytes)?).map(Into::into),
        }
    };
    let list: Vec<serde_json::Value> = values.iter().map(|bytes| value(bytes).unwrap_or_default()).collect();
    serde_json::Value::Array(list).to_string()
}

/// The line of a plot as an SVG path in a box of this size, with a gap at each result that is missing, and the least and the
/// greatest number. `None` without numbers.
pub fn plot(numbers: &[Option<f64>], (width, height): (f64, f64)) -> Option<(String, (f64, f64))> {
    let finite = || numbers.iter().flatten().copied().filter(|number| number.is_finite());
    let least = finite().reduce(f64::min)?;
    let greatest = finite().reduce(f64::max)?;
    let range = if greatest > least { greatest - least } else { 1.0 };
    let last = numbers.len().saturating_sub(1).max(1) as f64;
    let mut path = String::new();
    let mut is_down = false;
    for (at, number) in numbers.iter().enumerate() {
        let Some(number) = number.filter(|number| number.is_finite()) else {
            is_down = false;
            continue;
        };
        let (x, y) = (at as f64 / last * width, height - (number - least) / range * height);
        // A single result between two gaps is a dot.
        path.push_str(&if is_down { format!("L{x:.1} {y:.1}") } else { format!("M{x:.1} {y:.1}h.1") });
        is_down = true;
    }
    Some((path, (least, greatest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_read_by_their_shape() {
        assert_eq!(number(Shape::U32, &1229u32.to_le_bytes()), Some(1229.0));
        assert_eq!(number(Shape::F64, &0.5f64.to_le_bytes()), Some(0.5));
        assert_eq!(number(Shape::Json, b"7"), Some(7.0));
        assert_eq!((number(Shape::Json, b"[7]"), number(Shape::U32, b"7")), (None, None));
        assert_eq!(text(Shape::U32, &12_290u32.to_le_bytes()), "12,290");
        assert_eq!(text(Shape::Json, b"{\"a\":1}"), "{\"a\":1}");
    }

    #[test]
    fn text_of_strangers_is_short_and_plain() {
        assert!(!text(Shape::Bytes, "a\u{202e}b\n".as_bytes()).contains('\u{202e}'));
        assert_eq!(text(Shape::Bytes, &[0xff; 3]), "3\u{2009}B");
        assert_eq!(text(Shape::Bytes, &[b'x'; 500]).chars().count(), LETTERS_MAX + 1);
    }

    #[test]
    fn lists_name_what_is_missing() {
        let values = [Some(3u32.to_le_bytes().to_vec()), None];
        assert_eq!(json(Shape::U32, &values), "[3,null]");
        assert_eq!(json(Shape::Json, &[Some(b"{\"a\": 1}".to_vec())]), "[{\"a\":1}]");
    }

    #[test]
    fn plots_have_gaps() {
        let numbers = [Some(0.0), Some(10.0), None, Some(5.0)];
        let (path, range) = plot(&numbers, (300.0, 100.0)).expect("there are numbers");
        assert_eq!((path.as_str(), range), ("M0.0 100.0h.1L100.0 0.0M300.0 50.0h.1", (0.0, 10.0)));
        assert_eq!(plot(&[None], (1.0, 1.0)), None);
    }
}
