//! The ready jobs: one press submits each with sensible units.

use leptos::prelude::*;
use meshwork::compute::{NewJob as Form, Program, Reduce, Shape};
use meshwork_web::texts;

use super::super::icons;
use super::state::{Computing, Shown};

/// The module that draws the Mandelbrot set.
const MANDELBROT: &[u8] = include_bytes!("../../../../../examples/programs/mandelbrot/mandelbrot.wasm");
/// Side of its tiles, in pixels.
const TILE: u16 = 64;
/// Sizes of its picture, in tiles.
const SIZES: [(u16, u16); 3] = [(16, 10), (32, 20), (48, 30)];
/// The shader that draws a Julia set, in tiles of the same size.
const JULIA: &str = include_str!("../../../../../examples/programs/julia.wgsl");
/// Its workgroups: each draws 8 by 8 pixels.
const JULIA_GROUPS: [u16; 3] = [TILE / 8, TILE / 8, 1];
/// Time of one of its units in ms: some browsers compute shaders on the processor.
const JULIA_MS: u32 = 30_000;
/// The script that counts primes.
const PRIMES: &str = include_str!("../../../../../examples/programs/primes.js");
/// Numbers of one of its units.
const STEP: u32 = 100_000;
/// Its numbers of units.
const STRETCHES: [u32; 3] = [100, 1000, 10_000];

/// The cards.
#[component]
pub(super) fn NewJob(computing: Computing) -> impl IntoView {
    let sizes = SIZES.map(|(columns, rows)| {
        let side = |tiles: u16| u32::from(tiles) * u32::from(TILE);
        format!("{} \u{d7} {}", side(columns), side(rows))
    });
    let up_to = STRETCHES.map(|units| texts::grouped(units as usize * STEP as usize));
    let draw = {
        let sizes = sizes.clone();
        Ready {
            name: "mandelbrot",
            words: (texts::compute::MANDELBROT, texts::compute::MANDELBROT_HINT),
            sign: icons::picture().into_any(),
            sizes: (texts::compute::PICTURE_SIZE, sizes),
            job: |size| mandelbrot(SIZES[size]),
        }
    };
    let shade = Ready {
        name: "julia",
        words: (texts::compute::JULIA, texts::compute::JULIA_HINT),
        sign: icons::picture().into_any(),
        sizes: (texts::compute::PICTURE_SIZE, sizes),
        job: |size| julia(SIZES[size]),
    };
    let count = Ready {
        name: "primes",
        words: (texts::compute::PRIMES, texts::compute::PRIMES_HINT),
        sign: icons::grid().into_any(),
        sizes: (texts::compute::UP_TO, up_to),
        job: |stretch| primes(STRETCHES[stretch]),
    };
    let is_first = move || computing.jobs.with(Vec::is_empty);
    view! {
        <div class="new-job">
            <div class="new-job-words">
                <h2>{move || if is_first() { texts::compute::NO_JOBS } else { texts::compute::NEW_JOB }}</h2>
                <p class="hint">{texts::compute::NO_JOBS_HINT}</p>
            </div>
            <NobodyLends computing/>
            <p class="complaint" role="alert">{move || computing.job_problem.get()}</p>
            <div class="ready-jobs">
                {draw.card(computing)}
                {shade.card(computing)}
                {count.card(computing)}
                <section class="compute-card ready" aria-labelledby="ready-own">
                    <span class="ready-sign" aria-hidden="true">{icons::page()}</span>
                    <h3 id="ready-own">{texts::compute::OWN_CODE}</h3>
                    <p class="hint">{texts::compute::OWN_HINT}</p>
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="write-own"
                        on:click=move |_| computing.shown.set(Shown::Own)
                    >
                        {icons::pencil()}
                        {texts::compute::WRITE_IT}
                    </button>
                </section>
            </div>
        </div>
    }
}

/// The words while nobody lends, with the way to share the link.
#[component]
fn NobodyLends(computing: Computing) -> impl IntoView {
    move || {
        let lends = computing.is_lending.get()
            || computing.offers.with(|offers| offers.values().any(|offer| offer.cores > 0));
        (!lends).then(|| {
            view! {
                <p class="nobody-lends" data-testid="nobody-lends">
                    {icons::info()}
                    <span>{texts::compute::NOBODY_LENDS}</span>
                    <button
                        type="button"
                        class="button plain"
                        on:click=move |_| computing.session.is_share_open.set(true)
                    >
                        {icons::share()}
                        {texts::bar::SHARE}
                    </button>
                </p>
            }
        })
    }
}

/// A ready job.
struct Ready {
    /// Its name in the tests.
    name: &'static str,
    /// Title and description.
    words: (&'static str, &'static str),
    sign: AnyView,
    /// The choice of its size.
    sizes: (&'static str, [String; 3]),
    job: fn(usize) -> Option<Form>,
}

impl Ready {
    fn card(self, computing: Computing) -> impl IntoView {
        let Ready { name, words: (title, hint), sign, sizes: (label, options), job } = self;
        let size = RwSignal::new(0_usize);
        let submit = move |_| {
            if let Some(job) = job(size.get_untracked()) {
                computing.submit(job);
            }
        };
        view! {
            <section class="compute-card ready" aria-labelledby=format!("ready-{name}")>
                <span class=format!("ready-sign {name}") aria-hidden="true">{sign}</span>
                <h3 id=format!("ready-{name}")>{title}</h3>
                <p class="hint">{hint}</p>
                {choice(label, format!("{name}-size"), options, size)}
                <button type="button" class="button secondary" data-testid=format!("run-{name}") on:click=submit>
                    {icons::play()}
                    {texts::compute::RUN}
                </button>
            </section>
        }
    }
}

fn choice<const N: usize>(
    label: &'static str,
    test_id: String,
    options: [String; N],
    chosen: RwSignal<usize>,
) -> impl IntoView {
    let option = move |(place, words): (usize, String)| {
        view! { <option value=place.to_string() selected=place == chosen.get_untracked()>{words}</option> }
    };
    let choose = move |event| chosen.set(event_target_value(&event).parse().unwrap_or_default());
    view! {
        <label class="ready-choice">
            <span>{label}</span>
            <select class="small-select" data-testid=test_id on:change=choose>
                {options.into_iter().enumerate().map(option).collect_view()}
            </select>
        </label>
    }
}

/// A picture of these columns and rows of tiles, of a part of the set with many spirals.
fn mandelbrot((columns, rows): (u16, u16)) -> Option<Form> {
    let program = Program::wasm(texts::compute::MANDELBROT, MANDELBROT.to_vec())
        .about(texts::compute::MANDELBROT_ABOUT)
        .memory_mib(16)
        .result_max(u32::from(TILE) * u32::from(TILE) * 4)
        .tiles(columns, TILE, TILE);
    let params = serde_json::json!({
        "columns": columns, "rows": rows, "x": -0.7453, "y": 0.1127, "width": 0.0065, "iterations": 3000,
    });
    Form::new(program, u32::from(columns) * u32::from(rows)).params(&params).ok()
}

/// A picture of these columns and rows of tiles, of the whole set.
fn julia((columns, rows): (u16, u16)) -> Option<Form> {
    let output = u32::from(TILE) * u32::from(TILE) * 4;
    let program = Program::wgsl(texts::compute::JULIA, JULIA, JULIA_GROUPS, output)
        .about(texts::compute::JULIA_ABOUT)
        .memory_mib(16)
        .unit_ms(JULIA_MS)
        .result_max(output)
        .tiles(columns, TILE, TILE);
    let params = serde_json::json!({
        "columns": columns, "rows": rows, "re": -0.8, "im": 0.156, "width": 3.2, "iterations": 600,
    });
    Form::new(program, u32::from(columns) * u32::from(rows)).params(&params).ok()
}

fn primes(units: u32) -> Option<Form> {
    let program =
        Program::js(texts::compute::PRIMES, PRIMES).about(texts::compute::PRIMES_ABOUT).result(Shape::U32);
    let params = serde_json::json!({ "step": STEP });
    // The page adds up what is listed.
    Some(Form::new(program, units).params(&params).ok()?.reduce(Reduce::List))
}
