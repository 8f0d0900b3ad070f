//! The page on which games are written: an editor, two players side by side, Publish.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::task::spawn_local;
use leptos::web_sys::{Element, File, PointerEvent};
use meshwork_play::session::Fault;
use meshwork_play::{Package, PackageError};
use meshwork_web::{rtt, texts};

use super::super::brand::Brand;
use super::super::code_editor::CodeEditor;
use super::super::copy_field::CopyField;
use super::super::icon_button::IconButton;
use super::super::key_sheet::KeySheet;
use super::super::notices::NoticeCard;
use super::super::session::Session;
use super::super::theme::ThemeToggle;
use super::super::{browser, icons};
use super::begin;
use super::drop::drops;
use super::hands::Reading;
use super::publish::{self, Draft, Files};
use super::sound;
use super::state::picture_address;
use super::trial::{SHOWN, Trial, Version};

/// How long after the last key the text is run.
const RUN_AFTER: Duration = Duration::from_millis(300);
/// The first game that people see.
const SAMPLE: &str = include_str!("sample.js");
/// The name of its file, and of the manifest.
const SCRIPT: &str = "game.js";
const MANIFEST: &str = "game.json";
/// Losses that can be chosen, of a hundred packets.
const LOSSES: [u8; 5] = [0, 1, 2, 5, 10];
/// The longest round trip that can be chosen, in ms.
const DELAY_MAX: u32 = 400;

/// The page's state. Copies are the same one.
#[derive(Clone, Copy)]
struct Studio {
    session: Session,
    files: RwSignal<Files>,
    /// The file in the editor.
    open: RwSignal<String>,
    trial: Trial,
    draft: Draft,
    editor: StoredValue<Rc<RefCell<Option<CodeEditor>>>, LocalStorage>,
    /// Counts changes, so that only the last one is run.
    change: StoredValue<u32>,
    /// The last version that could be packed.
    package: RwSignal<Option<About>>,
    problem: RwSignal<Option<String>>,
    /// Whether a party is asked for.
    is_beginning: RwSignal<bool>,
    is_publishing: RwSignal<bool>,
}

/// What friends see of the game.
#[derive(Clone, Debug, PartialEq)]
struct About {
    title: String,
    description: String,
    players: (u8, u8),
    entry: String,
}

/// The page.
#[component]
pub(super) fn StudioPage(session: Session) -> impl IntoView {
    browser::set_title(&texts::home::page_title(texts::play::NEW_GAME_TITLE));
    let studio = Studio {
        session,
        files: RwSignal::new(Files::new()),
        open: RwSignal::new(String::new()),
        trial: Trial::new(),
        draft: Draft::new(),
        editor: StoredValue::new_local(Rc::default()),
        change: StoredValue::new(0),
        package: RwSignal::new(None),
        problem: RwSignal::new(None),
        is_beginning: RwSignal::new(false),
        is_publishing: RwSignal::new(false),
    };
    let is_open = RwSignal::new(false);
    spawn_local(async move {
        let files = studio.draft.open().await.unwrap_or_else(sample);
        let first = files.keys().find(|path| path.ends_with(".js")).or(files.keys().next()).cloned();
        // The page may have gone meanwhile.
        if studio.files.try_set(files).is_none() && studio.open.try_set(first.unwrap_or_default()).is_none() {
            is_open.set(true);
            studio.run();
        }
    });
    studio.follow();
    let dropping = drops(async move |files| studio.add(files).await);
    view! {
        <div class="studio" data-testid="studio" {..dropping}>
            <Head studio/>
            <main>
                <h1 class="sr-only">{texts::play::NEW_GAME_TITLE}</h1>
                <Show when=move || is_open.get()>
                    <EditorPane studio/>
                    <TrialPane studio/>
                </Show>
            </main>
            <KeySheet session/>
        </div>
    }
}

fn sample() -> Files {
    [(SCRIPT, SAMPLE.to_owned()), (MANIFEST, texts::play::sample_manifest())]
        .map(|(path, text)| (path.to_owned(), text.into_bytes()))
        .into()
}

/// Whether a file is text that people edit.
fn is_text(path: &str) -> bool {
    ["js", "json", "html", "txt", "md", "css"].contains(&path.rsplit('.').next().unwrap_or_default())
}

impl Studio {
    /// The text of a file.
    fn text(self, path: &str) -> String {
        self.files.with_untracked(|files| {
            files.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        })
    }

    /// Somebody typed in the open file.
    fn change(self, text: &str) {
        let path = self.open.get_untracked();
        self.files.update(|files| _ = files.insert(path, text.as_bytes().to_vec()));
        self.run_soon();
    }

    /// Adds files that were chosen or dropped; a folder with a game takes the place of all.
    async fn add(self, files: Vec<(String, File)>) {
        let mut read = Files::new();
        for (path, file) in files {
            match browser::bytes_of(&file).await {
                Some(bytes) => _ = read.insert(path, bytes),
                None => self.problem.set(Some(texts::play::READ_FAILED.to_owned())),
            }
        }
        let is_game =
            read.contains_key(MANIFEST) || read.keys().any(|path| path == SCRIPT || path == "index.html");
        let shown = read.keys().find(|path| is_text(path) && path.ends_with(".js")).cloned();
        self.files.update(|files| {
            if is_game {
                files.clear();
            }
            files.extend(read);
        });
        let is_open = self.files.with_untracked(|files| files.contains_key(&self.open.get_untracked()));
        if let Some(shown) = shown.or_else(|| {
            (!is_open).then(|| self.files.with_untracked(|files| files.keys().next().cloned())).flatten()
        }) {
            self.open.set(shown);
        }
        self.show_text();
        self.run_soon();
    }

    /// Removes a file.
    fn remove(self, path: &str) {
        self.files.update(|files| _ = files.remove(path));
        let first = self.files.with_untracked(|files| files.keys().find(|path| is_text(path)).cloned());
        self.open.set(first.unwrap_or_default());
        self.show_text();
        self.run_soon();
    }

    /// Begins anew with the sample.
    fn begin_anew(self) {
        self.draft.forget();
        self.files.set(sample());
        self.open.set(SCRIPT.to_owned());
        self.show_text();
        self.run();
    }

    /// Runs the game a moment after the last change.
    fn run_soon(self) {
        let change = self.change.get_value().wrapping_add(1);
        self.change.set_value(change);
        let run = move || {
            if self.change.try_get_value() == Some(change) {
                self.run();
            }
        };
        set_timeout(run, RUN_AFTER);
    }

    /// Keeps the files in this profile, unless nobody has changed the first game yet.
    fn keep(self, files: &Files) {
        if !self.draft.is_empty() || *files != sample() || self.draft.is_published() {
            self.draft.keep(files);
        }
    }

    /// Runs the game.
    fn run(self) {
        let files = self.files.get_untracked();
        self.keep(&files);
        match Package::pack(&files) {
            Ok(package) => {
                let manifest = package.manifest();
                self.package.set(Some(About {
                    title: manifest.title.clone(),
                    description: manifest.description.clone(),
                    players: manifest.players,
                    entry: manifest.entry.clone(),
                }));
                self.trial.run(package);
            }
            Err(error) => {
                let place = if matches!(error, PackageError::Manifest(_)) { MANIFEST } else { "" };
                let message = texts::sentence(&error.to_string());
                self.trial.stop(Fault { message, place: place.to_owned(), ..Fault::default() });
            }
        }
    }

    /// Shows an error at its line, as long as the file with it is open.
    fn follow(self) {
        Effect::new(move || {
            let version = self.trial.version.get();
            let open = self.open.get();
            let entry = self.package.with(|about| about.as_ref().map(|about| about.entry.clone()));
            let editor = self.editor.get_value();
            let editor = editor.borrow();
            let Some(editor) = editor.as_ref() else { return };
            match version {
                Version::Stopped(fault) if entry.as_deref() == Some(open.as_str()) => {
                    let place = texts::play::fault_place(&fault.place);
                    editor.set_fault(fault.line.unwrap_or_default(), &fault.message, place);
                }
                _ => editor.set_fault(0, "", ""),
            }
        });
        on_cleanup(move || {
            if let Some(editor) = self.editor.try_get_value() {
                editor.borrow_mut().take();
            }
        });
    }

    /// Shows the open file in the editor.
    fn show_text(self) {
        let text = self.text(&self.open.get_untracked());
        if let Some(editor) = self.editor.get_value().borrow().as_ref() {
            editor.set_text(&text);
        }
    }

    /// Loads the editor into an element.
    async fn load_editor(self, parent: Element) -> Option<()> {
        let editor = CodeEditor::load(&parent, texts::play::EDITOR, move |text| self.change(&text)).await?;
        let kept = self.editor.try_get_value()?;
        *kept.borrow_mut() = Some(editor);
        self.show_text();
        Some(())
    }

    /// Makes a party of the version that runs.
    fn play_with_friends(self) {
        if let Some(package) = self.trial.good() {
            let made = begin::party(self.session, &package, true, None);
            self.is_beginning.set(made.is_ok());
            self.problem.set(made.err());
        }
    }

    /// Publishes the version that runs.
    fn publish(self) {
        let Some(package) = self.trial.good() else { return };
        self.is_publishing.set(true);
        self.problem.set(None);
        spawn_local(async move {
            let published = publish::publish(self.session, self.draft, &package).await;
            if let Some(files) = self.files.try_get_untracked() {
                self.keep(&files);
            }
            // The page may have gone meanwhile.
            self.is_publishing.try_set(false);
            self.problem.try_set(published.err());
        });
    }
}

/// Name, state, Publish.
#[component]
fn Head(studio: Studio) -> impl IntoView {
    let version = studio.trial.version;
    let is_off = move || version.get() != Version::Runs;
    let why = move || match version.get() {
        Version::Stopped(fault) => texts::play::has_error(fault.line.unwrap_or_default()),
        _ => String::new(),
    };
    view! {
        <header class="studio-bar">
            <Brand/>
            <strong>{texts::play::NEW_GAME_TITLE}</strong>
            <span class="studio-end">
                <ThemeToggle/>
                <span class="hint" data-testid="publish-hint">{why}</span>
                <button
                    type="button"
                    class="button secondary"
                    class:busy=studio.is_beginning
                    data-testid="play-with-friends"
                    disabled=is_off
                    on:click=move |_| studio.play_with_friends()
                >
                    {texts::play::PLAY_WITH_FRIENDS}
                </button>
                <button
                    type="button"
                    class="button primary"
                    class:busy=studio.is_publishing
                    data-testid="publish"
                    disabled=is_off
                    on:click=move |_| studio.publish()
                >
                    {texts::play::PUBLISH}
                </button>
            </span>
        </header>
    }
}

/// Tabs and the editor.
#[component]
fn EditorPane(studio: Studio) -> impl IntoView {
    let parent = NodeRef::<html::Div>::new();
    let is_missing = RwSignal::new(false);
    Effect::new(move || {
        if let Some(parent) = parent.get() {
            spawn_local(async move {
                let is_loaded = studio.load_editor(parent.into()).await.is_some();
                is_missing.try_set(!is_loaded);
            });
        }
    });
    let paths = Memo::new(move |_| studio.files.with(|files| files.keys().cloned().collect::<Vec<_>>()));
    let tab = move |path: String| {
        let (shown, named, removed) = (path.clone(), path.clone(), path.clone());
        let is_open = Memo::new(move |_| studio.open.with(|open| *open == shown));
        let may_go = move || is_open.get() && paths.with(Vec::len) > 1;
        view! {
            <span class="studio-tab" class:chosen=is_open>
                <button
                    type="button"
                    aria-current=move || is_open.get().then_some("true")
                    data-testid=format!("file-{named}")
                    on:click=move |_| {
                        studio.open.set(named.clone());
                        studio.show_text();
                    }
                >
                    {path.clone()}
                </button>
                {move || may_go().then(|| {
                    let path = removed.clone();
                    view! {
                        <button
                            type="button"
                            class="icon-button"
                            aria-label=texts::play::remove_file(&path)
                            title=texts::play::remove_file(&path)
                            on:click=move |_| studio.remove(&path)
                        >
                            {icons::cross()}
                        </button>
                    }
                })}
            </span>
        }
    };
    let add = move |()| {
        browser::choose_files(move |files| {
            let files = files.into_iter().map(|file| (file.name(), file)).collect();
            spawn_local(studio.add(files));
        });
    };
    let is_shown = move || studio.open.with(|open| is_text(open));
    let picture = move || {
        let open = studio.open.get();
        let address = studio.files.with(|files| picture_address(&open, files.get(&open)?))?;
        Some(view! { <img src=address alt=open/> })
    };
    view! {
        <section class="studio-editor" aria-label=texts::play::EDITOR>
            <div class="studio-tabs">
                {move || paths.get().into_iter().map(tab).collect_view()}
                <IconButton test_id="add-file" label=texts::play::ADD_FILE sign=icons::plus().into_any() act=add/>
            </div>
            <div class="studio-code" node_ref=parent hidden=move || !is_shown()></div>
            {move || (!is_shown()).then(|| view! { <div class="studio-picture">{picture}</div> })}
            {move || is_missing.get().then(|| view! { <NoticeCard notice=texts::notices::part_missing()/> })}
            <div class="studio-foot">
                <span>{texts::play::RUNS_AFTER}</span>
                <button type="button" data-testid="begin-anew" on:click=move |_| studio.begin_anew()>
                    {texts::play::BEGIN_ANEW}
                </button>
                <span>{texts::play::DROP_FILES}</span>
            </div>
        </section>
    }
}

/// The two players and what is between them.
#[component]
fn TrialPane(studio: Studio) -> impl IntoView {
    let trial = studio.trial;
    let check = NodeRef::<html::Div>::new();
    Effect::new(move || {
        if let Some(check) = check.get() {
            trial.mount_check(&check);
        }
    });
    let reading = Reading::begin(Signal::stored(true));
    trial.read_hands(reading);
    let is_muted = RwSignal::new(sound::is_muted());
    let state = move || {
        match trial.version.get() {
        Version::Trying => view! { <span class="studio-state trying">{texts::play::TRYING}</span> }.into_any(),
        Version::Runs => view! {
            <span class="studio-state runs">{icons::check()}<strong data-testid="runs">{texts::play::RUNS}</strong></span>
        }
        .into_any(),
        Version::Stopped(fault) => {
            let (title, words) = texts::play::stops(fault.line.unwrap_or_default(), &fault.message);
            view! {
                <span class="studio-state stopped">
                    {icons::cross()}
                    <span><strong data-testid="stopped">{title}</strong>" "{words}</span>
                </span>
            }
            .into_any()
        }
    }
    };
    let problem = move || {
        let notice = begin::notice(studio.session, studio.is_beginning, studio.problem)?;
        Some(view! { <NoticeCard notice/> })
    };
    let unkept = move || {
        let words = studio.draft.problem.get()?;
        Some(view! { <NoticeCard notice=texts::notices::unkept(&words)/> })
    };
    view! {
        <section class="studio-trial" aria-label=texts::play::TRIAL>
            <div class="studio-row" role="status">
                {state}
                <span class="studio-row-end">
                    <button type="button" class="button plain" data-testid="restart" on:click=move |_| trial.restart()>
                        {icons::undo()}
                        {texts::play::RESTART}
                    </button>
                    <button
                        type="button"
                        class="icon-button"
                        data-testid="mute"
                        aria-label=move || if is_muted.get() { texts::play::UNMUTE } else { texts::play::MUTE }
                        on:click=move |_| {
                            sound::set_muted(!is_muted.get_untracked());
                            is_muted.set(sound::is_muted());
                        }
                    >
                        {move || if is_muted.get() { icons::sound_off().into_any() } else { icons::sound().into_any() }}
                    </button>
                </span>
            </div>
            <div class="studio-scroll">
                <div role="alert" data-testid="studio-notice">{problem}{unkept}</div>
                <publish::Done draft=studio.draft session=studio.session/>
                <div class="studio-players">
                    {(0..SHOWN).map(|number| view! { <PlayerPane trial reading number/> }).collect_view()}
                </div>
                <Between trial/>
                <Figures trial/>
                <FriendsSee studio/>
            </div>
            <div class="studio-check" node_ref=check aria-hidden="true"></div>
        </section>
    }
}

/// One player.
#[component]
fn PlayerPane(trial: Trial, reading: Reading, number: usize) -> impl IntoView {
    let view = NodeRef::<html::Div>::new();
    Effect::new(move || {
        if let Some(view) = view.get() {
            trial.mount(number, &view);
        }
    });
    let is_steered = move || trial.steered.get() == number;
    let beside = move || match number {
        0 => texts::capital(texts::play::HOST),
        _ => texts::play::away_ms(trial.delay.get()),
    };
    let point = move |event: &PointerEvent| {
        if let Some(view) = view.get_untracked()
            && trial.steered.get_untracked() == number
        {
            reading.point(event, &view);
        }
    };
    let slot = u8::try_from(number).unwrap_or_default();
    view! {
        <article
            class="studio-player"
            class:steered=is_steered
            hidden=move || trial.shown.get() <= number
            data-testid=format!("trial-{}", number + 1)
            on:pointerdown=move |event: PointerEvent| {
                trial.steered.set(number);
                point(&event);
            }
            on:pointermove=move |event: PointerEvent| point(&event)
            on:pointerup=move |event: PointerEvent| point(&event)
        >
            <header>
                <span class=format!("trial-bead {}", if number == 0 { "you" } else { "them" })>{number + 1}</span>
                <strong>{texts::play::player(slot)}</strong>
                <small>{beside}</small>
                {move || match is_steered() {
                    true => view! { <small class="steers">{texts::play::YOU_STEER}</small> }.into_any(),
                    false => view! {
                        <button
                            type="button"
                            class="steer"
                            data-testid=format!("steer-{}", number + 1)
                            on:click=move |_| trial.steered.set(number)
                        >
                            {texts::play::STEER_THIS}
                        </button>
                    }
                    .into_any(),
                }}
            </header>
            <div class="trial-view" node_ref=view></div>
        </article>
    }
}

/// Delay and loss between the two.
#[component]
fn Between(trial: Trial) -> impl IntoView {
    let delay = trial.delay;
    let set = move |text: String| {
        if let Ok(wanted) = text.parse::<u32>() {
            delay.set(wanted.min(DELAY_MAX));
        }
    };
    let step = move || rtt::step(Duration::from_millis(delay.get().into()));
    let loss = move |percent: u8| {
        view! {
            <label class:chosen=move || trial.loss.get() == percent>
                <input
                    type="radio"
                    name="loss"
                    data-testid=format!("loss-{percent}")
                    prop:checked=move || trial.loss.get() == percent
                    on:change=move |_| trial.loss.set(percent)
                />
                {texts::play::percent(percent)}
            </label>
        }
    };
    view! {
        <section class="studio-card">
            <h2>{texts::play::BETWEEN}</h2>
            <div class="studio-delay" data-step=step>
                <input
                    type="range"
                    min="0"
                    max=DELAY_MAX.to_string()
                    step="5"
                    data-testid="delay"
                    aria-label=texts::play::DELAY
                    prop:value=move || delay.get().to_string()
                    on:input=move |event| set(event_target_value(&event))
                />
                <label class="studio-ms">
                    <input
                        type="text"
                        inputmode="numeric"
                        aria-label=texts::play::DELAY
                        prop:value=move || delay.get().to_string()
                        on:change=move |event| set(event_target_value(&event))
                    />
                    <span>{texts::play::MS}</span>
                </label>
            </div>
            <fieldset class="studio-loss">
                <legend>{texts::play::LOST}</legend>
                <span>{LOSSES.map(loss).collect_view()}</span>
                <small>{move || texts::play::way(delay.get(), trial.loss.get())}</small>
            </fieldset>
        </section>
    }
}

/// How it runs.
#[component]
fn Figures(trial: Trial) -> impl IntoView {
    let pace = trial.pace;
    let figure = |number: Signal<String>, words: &'static str, test_id: &'static str| {
        view! {
            <div>
                <strong data-testid=test_id>{move || number.get()}</strong>
                <span>{words}</span>
            </div>
        }
    };
    let rate = Signal::derive(move || pace.with(|pace| format!("{}\u{2009}Hz", pace.rate)));
    let states = Signal::derive(move || pace.with(|pace| format!("{}\u{2009}/s", pace.states)));
    let bytes = Signal::derive(move || pace.with(|pace| texts::amount(pace.bytes.into())));
    let stream = Signal::derive(move || {
        pace.with(|pace| format!("{}/s", texts::amount(u64::from(pace.bytes) * u64::from(pace.states))))
    });
    view! {
        <section class="studio-card studio-figures">
            {figure(rate, texts::play::HOST_RATE, "host-rate")}
            {figure(states, texts::play::STATES, "state-rate")}
            {figure(stream, texts::play::TO_PLAYER_2, "state-stream")}
            {figure(bytes, texts::play::STATE_BYTES, "state-bytes")}
        </section>
    }
}

/// Title and sentence as friends see them.
#[component]
fn FriendsSee(studio: Studio) -> impl IntoView {
    let about = studio.package;
    let edit = move |_| {
        if !studio.files.with_untracked(|files| files.contains_key(MANIFEST)) {
            let title = about.with_untracked(|about| about.as_ref().map(|about| about.title.clone()));
            let text = texts::play::manifest(&title.unwrap_or_default(), "");
            studio.files.update(|files| _ = files.insert(MANIFEST.to_owned(), text.into_bytes()));
        }
        studio.open.set(MANIFEST.to_owned());
        studio.show_text();
    };
    let words = move || {
        about.with(|about| {
            let about = about.as_ref()?;
            let players = texts::play::players(about.players.0, about.players.1);
            Some(format!("{} {players}.", about.description))
        })
    };
    view! {
        <section class="studio-card studio-friends">
            <div>
                <small>{texts::play::FRIENDS_SEE}</small>
                <strong data-testid="friends-title">{move || about.with(|about| about.as_ref().map(|about| about.title.clone()))}</strong>
                <p>{words}</p>
            </div>
            <button type="button" class="button secondary" data-testid="edit-about" on:click=edit>
                {texts::talk::EDIT}
            </button>
        </section>
    }
}

/// A link that can be copied; used by what was published.
pub(super) fn link_field(link: String) -> impl IntoView {
    view! {
        <CopyField value=Signal::stored(link) label=texts::play::GAME_LINK button=texts::play::COPY_LINK test_id="game-link"/>
    }
}
