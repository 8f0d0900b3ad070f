//! From a click in one Chromium page to the pixel in another's canvas: our page, and a stand-in for the original's.

use anyhow::Result;
use meshwork_e2e::{Browser, Server};
use tokio::runtime::Builder;

use crate::paint::{Pages, Series, serve_stand_in};
use crate::race::{Needs, Plan, Race, Row, Samples};

/// Clicks of one turn.
const CLICKS: usize = 60;
/// The least rounds: a hundredth of the clicks must be more than one.
const ROUNDS_LEAST: usize = 5;
const STAND_IN: &str = "stand-in for the original";

/// The race.
pub(super) const RACE: Race = Race {
    name: "paint-latency",
    about: "Two headless browsers, each with a window of ours and one of the stand-in, which sends JSON over one \
            ordered channel and draws within click and message. Both draw the other's cursor, which glides. Clicks are the page's own events; both pages' clocks \
            are compared with the machine's first, and read to 0.1 ms. Each number is of all \
            clicks of five turns or more, 60 clicks a turn.",
    needs: Needs::Browser,
    run,
};

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (ours, other) = runtime.block_on(clicks(plan))?;
    let row = |what: &str, part: f64, pick: fn(&Series) -> &Vec<f64>| {
        Row::stated(format!("paint-latency/{what}"), at(pick(&ours), part), "ms", false)
            .against(STAND_IN, at(pick(&other), part))
    };
    let drawn =
        "Until the pixel is in the canvas. Ours signs and checks each stroke, about 0.1 ms each in Chromium.";
    let shown = "Until the first frame that has the pixel begins: what an eye may see. While a cursor glides frames come \
                 one after the other, so a pixel waits for the next one: half of one, on average.";
    Ok(vec![
        row("p50", 0.5, |series| &series.drawn).want("1.2x").note(drawn),
        row("p99", 0.99, |series| &series.drawn).want("50 ms").note(drawn),
        row("p50 to the frame", 0.5, |series| &series.framed).want("2 ms more").note(shown),
        row("p99 to the frame", 0.99, |series| &series.framed).want("20 ms").note(shown),
    ])
}

/// All clicks of both, in turns.
async fn clicks(plan: &Plan) -> Result<(Series, Series)> {
    let server = Server::start().await?;
    let stand_in = serve_stand_in().await?;
    let (first, second) = tokio::try_join!(Browser::start_whole(), Browser::start_whole())?;
    let browsers = [&first, &second];
    let mut ours = Pages::ours(&server, browsers).await?;
    let mut other = Pages::stand_in(&stand_in, browsers).await?;
    let (mut our_series, mut other_series) = (Series::default(), Series::default());
    let (count, least) = (plan.size(CLICKS, 2), plan.size(ROUNDS_LEAST, 1));
    for round in 0..=plan.rounds.max(least) as u64 {
        // One after the other: there is a pointer, and a person, only once.
        let (our_turn, other_turn) = if round % 2 == 0 {
            let our_turn = ours.click(count, round).await?;
            (our_turn, other.click(count, round).await?)
        } else {
            let other_turn = other.click(count, round).await?;
            (ours.click(count, round).await?, other_turn)
        };
        // The first turn warms up.
        if round > 0 {
            our_series.append(our_turn);
            other_series.append(other_turn);
        }
    }
    Ok((our_series, other_series))
}

/// The number that such a part of all is not above.
pub(super) fn at(numbers: &[f64], part: f64) -> Samples {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = ((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    Samples::exact(sorted.get(index).copied().unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hundredth_that_is_slowest_counts() {
        let numbers: Vec<f64> = (1..=200).map(f64::from).rev().collect();
        assert_eq!((at(&numbers, 0.5).median(), at(&numbers, 0.99).median()), (100.0, 198.0));
        assert_eq!(at(&[7.0], 0.99).median(), 7.0);
    }
}
