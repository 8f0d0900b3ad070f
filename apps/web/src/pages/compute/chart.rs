//! Results that are numbers or texts: a plot and a table.

use leptos::prelude::*;
use meshwork::compute::{JobId, Shape};
use meshwork_web::compute::results;
use meshwork_web::texts;

use super::state::Computing;

/// Rows that are shown.
const ROWS: usize = 200;
/// Size of the plot's box.
const BOX: (f64, f64) = (600.0, 200.0);

/// The plot, if the results are numbers, and the first rows.
#[component]
pub(super) fn Chart(computing: Computing, id: JobId, shape: Shape) -> impl IntoView {
    let Some(gathered) = computing.gathered(id) else { return ().into_any() };
    let version = gathered.version.clone();
    let gathered = StoredValue::new_local(gathered);
    let content = move || {
        version.track();
        let gathered = gathered.get_value();
        let values = gathered.values.borrow();
        let numbers: Vec<Option<f64>> = values
            .iter()
            .map(|value| value.as_deref().and_then(|bytes| results::number(shape, bytes)))
            .collect();
        let here = values.iter().enumerate().filter_map(|(unit, value)| Some((unit, value.as_deref()?)));
        let count = here.clone().count();
        let row = |(unit, bytes): (usize, &[u8])| {
            view! {
                <tr>
                    <td>{texts::grouped(unit)}</td>
                    <td>{results::text(shape, bytes)}</td>
                </tr>
            }
        };
        let more = count.saturating_sub(ROWS);
        let sum: f64 = numbers.iter().flatten().sum();
        let plot =
            results::plot(&numbers, BOX).map(|(path, (least, greatest))| plot(path, least, greatest, sum));
        view! {
            {plot}
            <table class="results" data-testid="job-result">
                <thead><tr><th scope="col">{texts::compute::UNIT}</th><th scope="col">{texts::compute::RESULT}</th></tr></thead>
                <tbody>{here.take(ROWS).map(row).collect_view()}</tbody>
            </table>
            {(count == 0).then(|| view! { <p class="hint">{texts::compute::NO_RESULTS}</p> })}
            {(more > 0).then(|| view! { <p class="hint">{texts::compute::more_rows(more)}</p> })}
        }
    };
    view! { <div class="chart" tabindex="0" role="group" aria-label=texts::compute::RESULT>{content}</div> }
        .into_any()
}

fn plot(path: String, least: f64, greatest: f64, sum: f64) -> impl IntoView {
    let (width, height) = BOX;
    view! {
        <p class="chart-sum">
            {texts::compute::SUM}" "<strong data-testid="job-sum">{results::number_text(sum)}</strong>
        </p>
        <div class="plot" aria-hidden="true">
            <span class="plot-most">{results::number_text(greatest)}</span>
            <svg viewBox=format!("-2 -6 {} {}", width + 4.0, height + 12.0) preserveAspectRatio="none">
                <path d=path vector-effect="non-scaling-stroke"></path>
            </svg>
            <span class="plot-least">{results::number_text(least)}</span>
        </div>
    }
}
