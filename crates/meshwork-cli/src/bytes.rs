//! Amounts of bytes as people type and read them: `64MiB`, `1GiB`.

/// Units and their bytes, the largest first.
const UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
    ("B", 1),
];

/// Reads a whole number and a unit; `0` and `none` are nothing.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    if text == "0" || text.eq_ignore_ascii_case("none") {
        return Ok(0);
    }
    let read = || {
        let digits = text.find(|character: char| !character.is_ascii_digit())?;
        let (number, unit) = (text[..digits].parse::<u64>().ok()?, text[digits..].trim());
        let (_, bytes) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
        number.checked_mul(*bytes)
    };
    read().ok_or_else(|| String::from("write a whole number and a unit, such as 64MiB or 1GiB, or none"))
}

/// A short text, with one decimal where it says more.
pub(crate) fn format(bytes: u64) -> String {
    let binary = UNITS.iter().filter(|(name, _)| name.ends_with("iB"));
    match binary.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) if bytes.is_multiple_of(*unit) => format!("{} {name}", bytes / unit),
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_number_and_a_unit() {
        for (text, bytes) in [
            ("1GiB", 1 << 30),
            ("64 mib", 64 << 20),
            ("5B", 5),
            ("2GB", 2_000_000_000),
            ("none", 0),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "1", "GiB", "1.5GiB", "-1GiB", "1 parsec", "99999999999TiB"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (1 << 20, "1 MiB"), (1_600_000, "1.5 MiB")] {
            assert_eq!(format(bytes), text);
        }
    }
}
