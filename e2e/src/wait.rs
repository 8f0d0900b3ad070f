//! Waiting for conditions instead of for time.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// How long a test waits for what should happen soon: far more than it takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at a condition: a tenth of the time that was waited, within these bounds. Each look costs a browser
/// milliseconds of its processor, which all tests share.
const PAUSE_LEAST: Duration = Duration::from_millis(10);
const PAUSE_MOST: Duration = Duration::from_millis(200);

/// Looks until `look` gives a value, or fails with `what` and what the last look said.
///
/// A look fails while the condition does not hold yet, with an error that says what it saw instead.
pub async fn wait_until<T>(
    deadline: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let started = Instant::now();
    let mut last = anyhow!("the first look did not come back");
    loop {
        let left = deadline.saturating_sub(started.elapsed());
        match tokio::time::timeout(left, look()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
        let waited = started.elapsed();
        if waited >= deadline {
            return Err(anyhow!("waited {deadline:?} in vain for: {what}; last seen: {last:#}"));
        }
        tokio::time::sleep((waited / 10).clamp(PAUSE_LEAST, PAUSE_MOST)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use anyhow::bail;

    use super::*;

    #[tokio::test]
    async fn looks_again_until_it_holds() {
        let mut looks = 0;
        let seen = wait_until(PATIENCE, "three looks", async || {
            looks += 1;
            if looks < 3 { bail!("{looks} looks") } else { Ok(looks) }
        });
        assert_eq!(seen.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn says_what_it_saw_when_it_gives_up() {
        let nothing = wait_until::<()>(Duration::from_millis(60), "red", async || bail!("blue"));
        let said = nothing.await.unwrap_err().to_string();
        assert!(said.ends_with("in vain for: red; last seen: blue"), "{said}");
    }

    #[tokio::test]
    async fn a_look_that_hangs_is_given_up_too() {
        let never = wait_until::<()>(Duration::from_millis(30), "an end", async || future::pending().await);
        assert!(never.await.is_err());
    }
}
