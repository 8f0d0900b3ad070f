//! What the room's rules leave somebody to paint, in words.

use meshwork::{Allowance, WriteError};

use crate::place::counted;
use crate::progress::span;

/// "60 cells every 60 s, 12 left"; nothing where one may paint as fast as one can.
pub(super) fn words(left: &Result<Option<Allowance>, WriteError>) -> Option<String> {
    let Allowance { left, cost, window, wait } = match left {
        Ok(left) => (*left)?,
        Err(WriteError::NotWriter) => return Some(String::from("you can watch")),
        Err(WriteError::Banned) => return Some(String::from("you are banned")),
        Err(_) => return None,
    };
    let rule = format!("{} every {}", counted(cost as usize, "cell"), span(window));
    Some(match left {
        0 => format!("{rule}, again in {}", span(wait)),
        left => format!("{rule}, {left} left"),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_allowance_tells_cells_left_and_the_wait() {
        let (window, wait) = (Duration::from_secs(60), Duration::from_millis(9_500));
        let told = |left| words(&Ok(Some(Allowance { left, cost: 60, window, wait })));
        assert_eq!(told(12).as_deref(), Some("60 cells every 60 s, 12 left"));
        assert_eq!(told(0).as_deref(), Some("60 cells every 60 s, again in 10 s"));
        assert_eq!(words(&Ok(None)), None);
        assert_eq!(words(&Err(WriteError::NotWriter)).as_deref(), Some("you can watch"));
    }
}
