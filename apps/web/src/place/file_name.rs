//! The name under which a picture of the canvas is saved.

/// `p2place_YYYY-MM-DD-HH-MM-SS.png`, in UTC, as the pages of P2Place name theirs, so that the pictures of both sort
/// together; `iso_time` is `YYYY-MM-DDTHH:MM:SS` and what may follow.
pub fn picture(iso_time: &str) -> String {
    let seconds = iso_time.split('.').next().unwrap_or(iso_time);
    let stamp: String =
        seconds.chars().map(|character| if character.is_ascii_digit() { character } else { '-' }).collect();
    format!("p2place_{}.png", stamp.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time() {
        assert_eq!(picture("2026-11-20T07:05:09.120Z"), "p2place_2026-11-20-07-05-09.png");
        assert_eq!(picture("2026-11-20T07:05:09Z"), "p2place_2026-11-20-07-05-09.png");
    }
}
