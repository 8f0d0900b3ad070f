//! Own code: an editor, the parts of the job, a trial on this device, and the way into the room.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use leptos::html;
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::task::spawn_local;
use leptos::web_sys::KeyboardEvent;
use meshwork::compute::{Check, NewJob, Program, Reduce, Shape};
use meshwork_web::compute::results;
use meshwork_web::compute::trial::{self as trial, Problem, Tried};
use meshwork_web::texts;

use super::super::bead::PersonBead;
use super::super::code_editor::CodeEditor;
use super::super::notices::NoticeCard;
use super::super::{browser, icons};
use super::job::REDUCTIONS;
use super::state::Computing;
use super::trial::try_here;

/// Most bytes of an input.
const INPUT_MAX: usize = 64 << 20;
/// Beads of devices beside the button.
const BEADS: usize = 6;

/// The ways of checking.
const CHECKS: [(Check, &str, &str); 3] = [
    (Check::None, "none", texts::compute::CHECK_NONE),
    (Check::Sample, "some", texts::compute::CHECK_SOME),
    (Check::All, "all", texts::compute::CHECK_ALL),
];

/// The draft of a job, as signals. It stays with the page. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Own {
    pub(super) name: RwSignal<String>,
    code: RwSignal<String>,
    units: RwSignal<String>,
    params: RwSignal<String>,
    reduce: RwSignal<Reduce>,
    check: RwSignal<Check>,
    input: RwSignal<Option<Input>>,
    problem: RwSignal<Option<String>>,
    pub(super) is_trying: RwSignal<bool>,
    /// The trial of a draft as it was.
    trial: RwSignal<Option<Trial>>,
}

/// A chosen file.
#[derive(Clone, Debug, PartialEq)]
struct Input {
    name: String,
    bytes: Arc<Vec<u8>>,
}

/// A draft that can be run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    pub(super) units: u32,
    name: String,
    code: String,
    params: serde_json::Value,
    reduce: Reduce,
    check: Check,
    input: Option<Input>,
}

impl Draft {
    /// The job; `None` if its parameters are no JSON after all.
    pub(super) fn job(&self) -> Option<NewJob> {
        let program = Program::js(&self.name, &self.code).result(shape_of(self.reduce));
        let new = NewJob::new(program, self.units).params(&self.params).ok()?;
        let new = new.check(self.check).reduce(self.reduce);
        Some(match &self.input {
            Some(input) => new.input(input.bytes.to_vec()),
            None => new,
        })
    }
}

/// The form of results that can be reduced so.
fn shape_of(reduce: Reduce) -> Shape {
    match reduce {
        Reduce::Sum | Reduce::Min | Reduce::Max => Shape::F64,
        _ => Shape::Json,
    }
}

/// A trial and its draft.
#[derive(Clone, Debug, PartialEq)]
struct Trial {
    draft: Draft,
    tried: Vec<Tried>,
}

impl Own {
    pub(super) fn new() -> Own {
        Own {
            name: RwSignal::new(texts::compute::FIRST_NAME.to_owned()),
            code: RwSignal::new(texts::compute::FIRST_CODE.to_owned()),
            units: RwSignal::new("200".to_owned()),
            params: RwSignal::new(texts::compute::FIRST_PARAMETERS.to_owned()),
            reduce: RwSignal::new(Reduce::List),
            check: RwSignal::new(Check::Sample),
            input: RwSignal::new(None),
            problem: RwSignal::new(None),
            is_trying: RwSignal::new(false),
            trial: RwSignal::new(None),
        }
    }

    /// The draft; tracked.
    ///
    /// # Errors
    /// In words, why it is none.
    fn draft(self) -> Result<Draft, &'static str> {
        let name = self.name.get();
        if name.trim().is_empty() || name.len() > 64 {
            return Err(texts::compute::NEEDS_NAME);
        }
        let digits: String = self.units.get().chars().filter(|letter| !matches!(letter, ',' | ' ')).collect();
        let units = digits.parse().ok().filter(|units| (1..=1_000_000).contains(units));
        let units: u32 = units.ok_or(texts::compute::NEEDS_UNITS)?;
        let params = self.params.get();
        let params = if params.trim().is_empty() { "null" } else { params.trim() };
        Ok(Draft {
            units,
            name: name.trim().to_owned(),
            code: self.code.get(),
            params: serde_json::from_str(params).map_err(|_| texts::compute::NO_JSON)?,
            reduce: self.reduce.get(),
            check: self.check.get(),
            input: self.input.get(),
        })
    }

    /// Why the job does not run in the room; `None` if it does. Tracked.
    fn why_not(self) -> Option<String> {
        let draft = match self.draft() {
            Ok(draft) => draft,
            Err(why) => return Some(why.to_owned()),
        };
        let Some(trial) = self.trial.get() else { return Some(texts::compute::NOT_TRIED.to_owned()) };
        if trial.draft != draft {
            return Some(texts::compute::CHANGED.to_owned());
        }
        trial.tried.iter().find_map(|tried| match &tried.ran {
            Ok(_) => None,
            Err(Problem::Fails(failed)) => Some(texts::compute::stops(tried.unit, failed.line)),
            Err(Problem::Differs) => Some(texts::compute::differs(tried.unit)),
        })
    }

    /// Tries the draft on this device.
    fn try_it(self, computing: Computing) {
        if self.is_trying.get_untracked() {
            return;
        }
        self.problem.set(None);
        self.trial.set(None);
        let draft = match untrack(move || self.draft()) {
            Ok(draft) => draft,
            Err(why) => return self.problem.set(Some(why.to_owned())),
        };
        self.is_trying.set(true);
        let me = computing.session.node.peer();
        spawn_local(async move {
            match try_here(&draft, me).await {
                Ok(tried) => self.trial.set(Some(Trial { draft, tried })),
                Err(why) => self.problem.set(Some(why)),
            }
            self.is_trying.set(false);
        });
    }

    /// Submits the draft.
    fn run(self, computing: Computing) {
        if untrack(move || self.why_not()).is_some() {
            return;
        }
        if let Some(job) = untrack(move || self.draft()).ok().and_then(|draft| draft.job()) {
            computing.submit(job);
        }
    }
}

/// The page of own code.
#[component]
pub(super) fn OwnCode(computing: Computing) -> impl IntoView {
    let own = computing.own;
    let on_key = move |event: KeyboardEvent| {
        if (event.ctrl_key() || event.meta_key()) && browser::key(&event) == "Enter" {
            event.prevent_default();
            own.try_it(computing);
        }
    };
    view! {
        <div class="own" on:keydown=on_key>
            <section class="own-editor" aria-labelledby="own-title">
                <div class="own-bar">
                    <h2 id="own-title" class="own-kind">{texts::compute::JAVASCRIPT}</h2>
                    <code>{texts::compute::SIGNATURE}</code>
                    <button type="button" class="button plain" on:click=move |_| open_file(own)>
                        {icons::page()}
                        {texts::compute::OPEN_FILE}
                    </button>
                </div>
                <Editor own/>
                <TrialPane computing/>
            </section>
            <aside class="own-side" aria-label=texts::compute::PARAMETERS>
                <Parts own/>
                <RunInRoom computing/>
            </aside>
        </div>
    }
}

/// Takes a file in place of the code.
fn open_file(own: Own) {
    browser::choose_file(".js,text/javascript", move |file| {
        spawn_local(async move {
            let name = file.name();
            match browser::bytes_of(&file).await.map(String::from_utf8) {
                Some(Ok(text)) => {
                    own.code.set(text);
                    own.name.set(name.trim_end_matches(".js").to_owned());
                }
                _ => own.problem.set(Some(texts::file_unreadable(&name))),
            }
        });
    });
}

/// The editor, with a failure at its line.
#[component]
fn Editor(own: Own) -> impl IntoView {
    let parent = NodeRef::<html::Div>::new();
    let is_missing = RwSignal::new(false);
    let kept = StoredValue::<_, LocalStorage>::new_local(Rc::new(RefCell::new(None::<CodeEditor>)));
    // The text that the editor shows, so that what somebody types is not set again.
    let shown = StoredValue::new(String::new());
    let is_there = RwSignal::new(false);
    Effect::new(move || {
        let Some(parent) = parent.get() else { return };
        spawn_local(async move {
            let changed = move |text: String| {
                shown.set_value(text.clone());
                own.code.set(text);
            };
            let editor = CodeEditor::load(&parent.into(), texts::compute::EDITOR, changed).await;
            is_missing.try_set(editor.is_none());
            if let Some(kept) = kept.try_get_value() {
                *kept.borrow_mut() = editor;
                is_there.try_set(true);
            }
        });
    });
    Effect::new(move || {
        let code = own.code.get();
        if is_there.get() && shown.with_value(|shown| *shown != code) {
            if let Some(editor) = kept.get_value().borrow().as_ref() {
                editor.set_text(&code);
            }
            shown.set_value(code);
        }
    });
    Effect::new(move || {
        let trial = own.trial.get();
        if !is_there.get() {
            return;
        }
        let kept = kept.get_value();
        let kept = kept.borrow();
        let Some(editor) = kept.as_ref() else { return };
        let failed = trial.iter().flat_map(|trial| &trial.tried).find_map(|tried| match &tried.ran {
            Err(Problem::Fails(failed)) => Some((tried.unit, failed.clone())),
            _ => None,
        });
        match failed {
            Some((unit, failed)) => {
                let message = texts::compute::fault(unit, &failed.reason);
                editor.set_fault(failed.line.unwrap_or_default(), &message, &failed.words);
            }
            None => editor.set_fault(0, "", ""),
        }
    });
    view! {
        <div class="studio-code own-code" data-testid="own-code" node_ref=parent></div>
        {move || is_missing.get().then(|| view! { <NoticeCard notice=texts::notices::part_missing()/> })}
    }
}

/// The units that were tried.
#[component]
fn TrialPane(computing: Computing) -> impl IntoView {
    let own = computing.own;
    let ran = move || {
        own.trial.with(|trial| {
            let tried = &trial.as_ref()?.tried;
            Some(texts::compute::ran(tried.iter().filter(|tried| tried.ran.is_ok()).count(), tried.len()))
        })
    };
    let rows = move || {
        let trial = own.trial.get()?;
        let shape = shape_of(trial.draft.reduce);
        let units = trial.draft.units;
        let rows = trial.tried.into_iter().map(|tried| row(tried, units, shape)).collect_view();
        Some(view! {
            <table class="results trial" data-testid="own-trial">
                <thead>
                    <tr>
                        <th scope="col">{texts::compute::UNIT}</th>
                        <th scope="col">{texts::compute::RESULT}</th>
                        <th scope="col">{texts::compute::SIZE}</th>
                        <th scope="col">{texts::compute::TIME}</th>
                        <th scope="col"><span class="sr-only">{texts::compute::CHECK}</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        })
    };
    let words = move || if own.trial.with(Option::is_some) { texts::TRY_AGAIN } else { texts::compute::TRY };
    view! {
        <section class="own-trial" aria-labelledby="own-trial-title">
            <div class="own-trial-head">
                <h2 id="own-trial-title">{texts::compute::TRIAL}</h2>
                <span class="hint" role="status">{ran}</span>
                <kbd class="hint">{texts::compute::TRY_KEYS}</kbd>
                <button
                    type="button"
                    class="button primary"
                    class:busy=own.is_trying
                    data-testid="own-try"
                    on:click=move |_| own.try_it(computing)
                >
                    {icons::play()}
                    {words}
                </button>
            </div>
            <p class="complaint" role="alert">{move || own.problem.get()}</p>
            {rows}
        </section>
    }
}

fn row(tried: Tried, units: u32, shape: Shape) -> impl IntoView {
    let unit = texts::compute::tried_unit(tried.unit, units);
    match tried.ran {
        Ok((bytes, time)) => view! {
            <tr>
                <td>{unit}</td>
                <td><strong>{results::text(shape, &bytes)}</strong></td>
                <td>{texts::amount(bytes.len() as u64)}</td>
                <td>{texts::compute::milliseconds(time)}</td>
                <td class="good">{icons::check()}{texts::compute::SAME_TWICE}</td>
            </tr>
        }
        .into_any(),
        Err(problem) => {
            let (words, engine) = match problem {
                Problem::Fails(failed) => {
                    (format!("{}: {}", texts::compute::stopped_at(failed.line), failed.reason), failed.words)
                }
                Problem::Differs => (texts::compute::DIFFERS.to_owned(), String::new()),
            };
            view! {
                <tr>
                    <td>{unit}</td>
                    <td class="none">{texts::compute::NO_RESULT}</td>
                    <td></td>
                    <td></td>
                    <td class="bad">{icons::cross()}<span>{words}<small>{engine}</small></span></td>
                </tr>
            }
            .into_any()
        }
    }
}

/// Name, units, reduction, parameters, input, checks.
#[component]
fn Parts(own: Own) -> impl IntoView {
    let reduction = move |(reduce, word, label): (Reduce, &'static str, &'static str)| {
        view! { <option value=word selected=own.reduce.get_untracked() == reduce>{label}</option> }
    };
    let choose = move |event| {
        let word = event_target_value(&event);
        let chosen = REDUCTIONS.iter().find(|(_, known, _)| *known == word);
        own.reduce.set(chosen.map_or(Reduce::List, |(reduce, ..)| *reduce));
    };
    let check = move |(check, word, label): (Check, &'static str, &'static str)| {
        view! {
            <label class:chosen=move || own.check.get() == check>
                <input
                    type="radio"
                    name="own-check"
                    data-testid=format!("own-check-{word}")
                    prop:checked=move || own.check.get() == check
                    on:change=move |_| own.check.set(check)
                />
                {label}
            </label>
        }
    };
    let input = move || {
        match own.input.get() {
        Some(input) => view! {
            <span class="own-file">
                {icons::page()}
                <span>{texts::name(&input.name)}</span>
                <small>{texts::amount(input.bytes.len() as u64)}</small>
                <button
                    type="button"
                    class="icon-button"
                    aria-label=texts::delete(&texts::name(&input.name))
                    on:click=move |_| own.input.set(None)
                >
                    {icons::cross()}
                </button>
            </span>
        }
        .into_any(),
        None => view! {
            <button type="button" class="button secondary" data-testid="own-input" on:click=move |_| choose_input(own)>
                {icons::plus()}
                {texts::compute::OPEN_FILE}
            </button>
            <span class="hint">{texts::compute::NO_INPUT}</span>
        }
        .into_any(),
    }
    };
    view! {
        <div class="own-parts">
            <label class="own-field">
                <span>{texts::compute::NAME}</span>
                <input
                    type="text"
                    class="line-field"
                    data-testid="own-name"
                    maxlength="64"
                    prop:value=move || own.name.get()
                    on:input=move |event| own.name.set(event_target_value(&event))
                />
            </label>
            <div class="own-pair">
                <label class="own-field">
                    <span>{texts::compute::UNITS}</span>
                    <input
                        type="text"
                        inputmode="numeric"
                        class="line-field"
                        data-testid="own-units"
                        prop:value=move || own.units.get()
                        on:input=move |event| own.units.set(event_target_value(&event))
                    />
                </label>
                <label class="own-field">
                    <span>{texts::compute::REDUCE}</span>
                    <select class="small-select" data-testid="own-reduce" on:change=choose>
                        {REDUCTIONS.into_iter().map(reduction).collect_view()}
                    </select>
                </label>
            </div>
            <label class="own-field">
                <span>{texts::compute::PARAMETERS}</span>
                <textarea
                    class="text-area"
                    data-testid="own-params"
                    rows="3"
                    spellcheck="false"
                    placeholder=texts::compute::PARAMETERS_HINT
                    prop:value=move || own.params.get()
                    on:input=move |event| own.params.set(event_target_value(&event))
                ></textarea>
            </label>
            <div class="own-field" role="group" aria-labelledby="own-input-title">
                <span id="own-input-title">{texts::compute::INPUT}</span>
                {input}
            </div>
            <fieldset class="own-checks">
                <legend>{texts::compute::CHECK}</legend>
                <span>{CHECKS.into_iter().map(check).collect_view()}</span>
            </fieldset>
        </div>
    }
}

fn choose_input(own: Own) {
    browser::choose_file("", move |file| {
        spawn_local(async move {
            let name = file.name();
            match browser::bytes_of(&file).await {
                Some(bytes) if bytes.len() > INPUT_MAX => {
                    own.problem.set(Some(texts::compute::FILE_TOO_LONG.to_owned()));
                }
                Some(bytes) => own.input.set(Some(Input { name, bytes: Arc::new(bytes) })),
                None => own.problem.set(Some(texts::file_unreadable(&name))),
            }
        });
    });
}

/// The devices, how long it takes, and the button with the reason why it is off.
#[component]
fn RunInRoom(computing: Computing) -> impl IntoView {
    let own = computing.own;
    let lenders = Memo::new(move |_| {
        let mut lenders: Vec<_> = computing.offers.with(|offers| {
            let lend = offers.iter().filter(|(_, offer)| offer.cores > 0 && !offer.is_paused);
            lend.map(|(endpoint, offer)| (endpoint.peer, usize::from(offer.cores))).collect()
        });
        if computing.is_lending.get() {
            lenders.insert(0, (computing.session.node.peer(), computing.terms().cores.into()));
        }
        lenders
    });
    let cores = move || lenders.with(|lenders| lenders.iter().map(|(_, cores)| cores).sum::<usize>());
    let estimate = move || {
        let trial = own.trial.get()?;
        let one_core = trial::on_one_core(&trial.tried, trial.draft.units)?;
        Some(texts::compute::estimate(one_core, cores()))
    };
    let why_not = Memo::new(move |_| own.why_not());
    let beads = move || {
        let peers = lenders.get().into_iter().take(BEADS);
        peers.map(|(peer, _)| view! { <PersonBead session=computing.session peer/> }).collect_view()
    };
    view! {
        <div class="own-run">
            <p class="own-lenders">
                <strong>{move || texts::compute::devices_lend(lenders.with(Vec::len), cores())}</strong>
                <span class="own-beads" aria-hidden="true">{beads}</span>
            </p>
            <p class="hint">{estimate}</p>
            <button
                type="button"
                class="button primary large"
                data-testid="own-run"
                aria-describedby="own-why"
                disabled=move || why_not.with(Option::is_some)
                on:click=move |_| own.run(computing)
            >
                {texts::compute::RUN_IN_ROOM}
            </button>
            <p class="hint" id="own-why" data-testid="own-why">{move || why_not.get()}</p>
            <p class="complaint" role="alert">{move || computing.job_problem.get()}</p>
        </div>
    }
}
