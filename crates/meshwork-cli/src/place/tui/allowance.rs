//! What the room's rules leave somebody to paint, in words.

use std::time::Duration;

use meshwork_core::node::{CommandError, WriteError, WritingLeft};

use crate::place::counted;
use crate::progress::span;

/// "60 cells every 60 s, 12 left"; nothing where one may paint as fast as one can.
pub(super) fn words(left: &Result<Option<WritingLeft>, CommandError>) -> Option<String> {
    let WritingLeft { left, limit, wait_ms } = match left {
        Ok(left) => (*left)?,
        Err(CommandError::Write(WriteError::NotWriter)) => return Some(String::from("you can watch")),
        Err(CommandError::Write(WriteError::Banned)) => return Some(String::from("you are banned")),
        Err(_) => return None,
    };
    let window = span(Duration::from_millis(limit.window_ms.into()));
    let rule = format!("{} every {window}", counted(limit.cost as usize, "cell"));
    Some(match left {
        0 => format!("{rule}, again in {}", span(Duration::from_millis(wait_ms))),
        left => format!("{rule}, {left} left"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_core::signed::change::Limit;

    #[test]
    fn it_says_what_is_left_and_when_there_is_more() {
        let limit = Limit { cost: 60, window_ms: 60_000 };
        let told = |left| words(&Ok(Some(WritingLeft { left, limit, wait_ms: 9_500 })));
        assert_eq!(told(12).as_deref(), Some("60 cells every 60 s, 12 left"));
        assert_eq!(told(0).as_deref(), Some("60 cells every 60 s, again in 10 s"));
        assert_eq!(words(&Ok(None)), None);
        assert_eq!(words(&Err(CommandError::Write(WriteError::NotWriter))).as_deref(), Some("you can watch"));
    }
}
