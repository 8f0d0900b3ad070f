//! The name under which a picture of the canvas is saved.

/// `meshwork-CODE-YYYY-MM-DD-HH-MM-SS.png`, in UTC; `iso_time` is `YYYY-MM-DDTHH:MM:SS` and what may follow.
pub fn picture(code: &str, iso_time: &str) -> String {
    let seconds = iso_time.split('.').next().unwrap_or(iso_time);
    let stamp: String =
        seconds.chars().map(|character| if character.is_ascii_digit() { character } else { '-' }).collect();
    format!("meshwork-{code}-{}.png", stamp.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time() {
        assert_eq!(picture("K7M4QX", "2026-11-20T07:05:09.120Z"), "meshwork-K7M4QX-2026-11-20-07-05-09.png");
        assert_eq!(picture("K7M4QX", "2026-11-20T07:05:09Z"), "meshwork-K7M4QX-2026-11-20-07-05-09.png");
    }
}
