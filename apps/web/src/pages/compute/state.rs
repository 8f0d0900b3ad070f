//! The jobs and the lending of the room in front, as signals. They stay with the page while another app is in front.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Function, Promise, Reflect};
use leptos::prelude::*;
use leptos::reactive::owner::{LocalStorage, Owner};
use leptos::task::spawn_local;
use leptos::web_sys;
use meshwork::compute::{Compute, Job, JobId, JobView, Lend, Lending, NewJob, Offer, Run, SubmitError};
use meshwork_core::id::{Endpoint, PeerId, RoomId};
use meshwork_rtc::web;
use meshwork_web::compute::lending::Terms;
use meshwork_web::texts;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::super::browser;
use super::super::session::{Session, set_if_new};
use super::entry::Kept;
use super::gathered::Gathered;
use super::own::Own;
use super::pool::{self, Card, Frames};

/// Least time between two looks at the jobs.
const LOOK_EACH: Duration = Duration::from_millis(100);

/// The part beside the devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The ready jobs.
    New,
    /// Own code.
    Own,
    /// A job.
    Job(JobId),
}

/// The reason that this device lends and runs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Battery,
    Hidden,
}

/// The state, as signals. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Computing {
    pub(super) session: Session,
    /// All jobs, in the order in which this page met them.
    pub(super) jobs: RwSignal<Vec<(JobId, JobView)>>,
    /// The devices of others that take part.
    pub(super) offers: RwSignal<BTreeMap<Endpoint, Offer>>,
    /// The spans that run here.
    pub(super) runs: RwSignal<Vec<Run>>,
    pub(super) shown: RwSignal<Shown>,
    /// The tab in front on a phone.
    pub(super) tab: RwSignal<usize>,
    pub(super) is_lending: RwSignal<bool>,
    pub(super) is_starting: RwSignal<bool>,
    /// Why this device does not lend, in words.
    pub(super) lend_problem: RwSignal<Option<String>>,
    /// Why a job was not submitted, in words.
    pub(super) job_problem: RwSignal<Option<String>>,
    pub(super) is_terms_open: RwSignal<bool>,
    /// Whether a WebAssembly module that loops can be ended here, as far as it is known.
    pub(super) has_modules: RwSignal<bool>,
    /// Whether the device charges, in a browser that tells.
    pub(super) is_charging: RwSignal<Option<bool>>,
    /// The graphics card, once the browser was asked.
    pub(super) card: RwSignal<Option<Card>>,
    pub(super) is_hidden: RwSignal<bool>,
    pub(super) own: Own,
    /// The terms that somebody chose.
    chosen_terms: RwSignal<Option<Terms>>,
    work: StoredValue<Rc<RefCell<Work>>, LocalStorage>,
}

/// The objects of the room that the page is in.
#[derive(Default)]
struct Work {
    room: Option<RoomId>,
    compute: Option<Compute>,
    /// Dropped, it ends.
    lending: Option<Lending>,
    frames: Option<Rc<Frames>>,
    gathered: BTreeMap<JobId, Rc<Gathered>>,
    /// Counts rooms, so that what an earlier one began ends.
    opening: u32,
}

impl Computing {
    /// The state, which lives as long as the page.
    pub(super) fn of(session: Session) -> Computing {
        let kept = session.app::<Kept>();
        let known = kept.state().and_then(|state: Rc<dyn Any>| state.downcast_ref::<Computing>().copied());
        if let Some(computing) = known {
            return computing;
        }
        let owner = Owner::new_root(None);
        let computing = owner.with(|| Computing {
            session,
            jobs: RwSignal::new(Vec::new()),
            offers: RwSignal::new(BTreeMap::new()),
            runs: RwSignal::new(Vec::new()),
            shown: RwSignal::new(Shown::New),
            tab: RwSignal::new(0),
            is_lending: RwSignal::new(false),
            is_starting: RwSignal::new(false),
            lend_problem: RwSignal::new(None),
            job_problem: RwSignal::new(None),
            is_terms_open: RwSignal::new(false),
            has_modules: RwSignal::new(true),
            is_charging: RwSignal::new(None),
            card: RwSignal::new(None),
            is_hidden: RwSignal::new(browser::is_hidden()),
            own: Own::new(),
            chosen_terms: RwSignal::new(None),
            work: StoredValue::new_local(Rc::default()),
        });
        // Its signals live as long as the page.
        std::mem::forget(owner);
        kept.keep(Rc::new(computing), move || computing.begin(), move || computing.clear());
        computing.follow_visibility();
        spawn_local(computing.follow_battery());
        spawn_local(async move {
            let card = Card::find().await;
            // A shader may have lost it meanwhile.
            computing.card.update(|known| *known = known.take().or(card));
        });
        computing
    }

    fn work(self) -> Rc<RefCell<Work>> {
        self.work.get_value()
    }

    /// Begins with the open room, unless it has begun. A page that follows a link may be here before the rules that turn Compute on.
    pub(super) fn begin(self) {
        let Some(room) = self.session.node.room_id() else { return };
        let (is_known, has_begun) = {
            let work = self.work();
            let work = work.borrow();
            (work.room == Some(room), work.compute.is_some())
        };
        if is_known && has_begun {
            return;
        }
        if !is_known {
            self.clear();
            self.work().borrow_mut().room = Some(room);
        }
        spawn_local(self.open(self.opening()));
    }

    pub(super) fn opening(self) -> u32 {
        self.work().borrow().opening
    }

    pub(super) fn is_opening(self, opening: u32) -> bool {
        self.opening() == opening
    }

    /// Lets go of a room.
    fn clear(self) {
        let opening = self.opening().wrapping_add(1);
        // The dropped objects call the room.
        let before = self.work().replace(Work { opening, ..Work::default() });
        drop(before);
        self.jobs.set(Vec::new());
        self.offers.set(BTreeMap::new());
        self.runs.set(Vec::new());
        self.shown.set(Shown::New);
        self.tab.set(0);
        self.is_lending.set(false);
        self.is_starting.set(false);
        self.lend_problem.set(None);
        self.job_problem.set(None);
        self.is_terms_open.set(false);
        self.chosen_terms.set(None);
    }

    async fn open(self, opening: u32) {
        let Some(room) = self.session.room() else { return };
        let Ok(app) = room.app(meshwork_compute::APP).await else { return };
        if !self.is_opening(opening) || self.compute().is_some() {
            return;
        }
        let compute = app.compute();
        let mut changes = compute.changes();
        self.work().borrow_mut().compute = Some(compute);
        self.refresh();
        while changes.next().await.is_some() && self.is_opening(opening) {
            self.refresh();
            web::sleep(LOOK_EACH).await;
        }
    }

    pub(super) fn compute(self) -> Option<Compute> {
        self.work().borrow().compute.clone()
    }

    /// Reads again jobs, devices, and what runs here.
    fn refresh(self) {
        let Some(compute) = self.compute() else { return };
        let mut known: BTreeMap<JobId, JobView> = compute.jobs().into_iter().collect();
        let before = self.jobs.with_untracked(|jobs| jobs.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        let mut jobs: Vec<(JobId, JobView)> = before.iter().filter_map(|id| known.remove_entry(id)).collect();
        jobs.extend(known);
        let is_there = |id: &JobId| jobs.iter().any(|(known, _)| known == id);
        match self.shown.get_untracked() {
            Shown::Job(id) if !is_there(&id) => {
                self.shown.set(jobs.last().map_or(Shown::New, |(id, _)| Shown::Job(*id)));
            }
            // The first job comes to the front.
            Shown::New if before.is_empty() => {
                if let Some((id, _)) = jobs.last() {
                    self.shown.set(Shown::Job(*id));
                }
            }
            _ => (),
        }
        set_if_new(self.jobs, jobs);
        let me = self.session.node.endpoint();
        let others = compute.devices().into_iter().filter(|(endpoint, _)| *endpoint != me);
        set_if_new(self.offers, others.collect());
        set_if_new(self.runs, compute.runs());
    }

    /// The view of a job; tracked.
    pub(super) fn view(self, id: JobId) -> Option<JobView> {
        self.jobs.with(|jobs| jobs.iter().find(|(known, _)| *known == id).map(|(_, view)| view.clone()))
    }

    pub(super) fn job(self, id: JobId) -> Option<Job> {
        self.compute()?.job(id)
    }

    /// The results of a job so far.
    pub(super) fn gathered(self, id: JobId) -> Option<Rc<Gathered>> {
        let known = self.work().borrow().gathered.get(&id).cloned();
        known.or_else(|| {
            let gathered = Gathered::begin(self, self.job(id)?)?;
            self.work().borrow_mut().gathered.insert(id, Rc::clone(&gathered));
            Some(gathered)
        })
    }

    /// Submits a job, and shows it.
    pub(super) fn submit(self, new: NewJob) {
        let Some(compute) = self.compute() else {
            return self.job_problem.set(Some(texts::compute::NOT_ON.to_owned()));
        };
        self.job_problem.set(None);
        let is_private = untrack(move || self.is_private());
        // In a private room everybody has the link from somebody; in an open one, only this person's own devices are trusted.
        let trusted = self.session.people.rows.with_untracked(|rows| {
            rows.iter().map(|row| row.endpoint.peer).filter(|_| is_private).take(63).collect::<Vec<PeerId>>()
        });
        let opening = self.opening();
        spawn_local(async move {
            let submitted: Result<Job, SubmitError> = compute.submit(new.trust(trusted)).await;
            if !self.is_opening(opening) {
                return;
            }
            match submitted {
                Ok(job) => {
                    self.refresh();
                    self.shown.set(Shown::Job(job.id()));
                }
                Err(error) => {
                    self.job_problem.set(Some(texts::compute::not_submitted(&error.to_string())));
                }
            }
        });
    }

    /// Whether nobody gets into the room without its link; tracked.
    pub(super) fn is_private(self) -> bool {
        // A room that is not shared has one person.
        let address = self.session.address;
        address.is_private.get() != Some(false) || address.code.get().is_none()
    }

    /// Cores of this device.
    pub(super) fn all_cores(self) -> u8 {
        let cores = web_sys::window().map_or(1.0, |window| window.navigator().hardware_concurrency());
        cores.clamp(1.0, 128.0) as u8
    }

    /// The terms as they are; tracked.
    pub(super) fn terms(self) -> Terms {
        self.chosen_terms.get().unwrap_or_else(|| {
            let ticked = self.session.governing.law.with(|law| {
                let law = law.as_ref()?;
                Some(law.owner.into_iter().chain(law.rules.moderators.iter().copied()).collect::<Vec<_>>())
            });
            let me = self.session.node.peer();
            let ticked = ticked.unwrap_or_default().into_iter().filter(|peer| *peer != me);
            Terms::at_first(self.all_cores(), self.is_private(), ticked)
        })
    }

    /// The kinds of programs that run here when this device lends, as bits; tracked.
    pub(super) fn kinds(self) -> u8 {
        self.terms().kinds(self.is_private(), self.has_modules.get())
    }

    /// Chooses other terms. Spans that they allow go on.
    pub(super) fn choose(self, change: impl FnOnce(&mut Terms)) {
        let before = untrack(move || self.terms());
        let mut terms = before.clone();
        change(&mut terms);
        self.chosen_terms.set(Some(terms.clone()));
        let is_private = untrack(move || self.is_private());
        let kinds = |terms: &Terms| terms.kinds(is_private, self.has_modules.get_untracked());
        if !self.is_lending.get_untracked() {
            return;
        }
        if kinds(&before) != kinds(&terms) {
            // A pool runs the kinds with which it began.
            self.stop_lending();
            return self.lend();
        }
        let work = self.work();
        let mut work = work.borrow_mut();
        if let Some(frames) = &work.frames {
            frames.set_share(terms.share);
        }
        if let Some(lending) = &mut work.lending {
            if before.cores != terms.cores {
                lending.set_cores(terms.cores);
            }
            if before.trust() != terms.trust() {
                lending.set_trust(terms.trust());
            }
        }
        drop(work);
        self.heed_waiting();
    }

    /// The graphics card while this device lends it; tracked.
    pub(super) fn lent_card(self) -> Option<String> {
        match self.card.get() {
            Some(Card::Here(name)) if self.is_lending.get() && self.terms().has_card => Some(name),
            _ => None,
        }
    }

    /// Lends this device, on the terms as they are.
    pub(super) fn lend(self) {
        if self.is_lending.get_untracked() || self.is_starting.get_untracked() {
            return;
        }
        self.is_starting.set(true);
        self.lend_problem.set(None);
        let opening = self.opening();
        spawn_local(async move {
            let started =
                pool::start(move || self.refuse(opening), move |words| self.lose_card(opening, words)).await;
            if !self.is_opening(opening) {
                return;
            }
            self.is_starting.set(false);
            let Some((pool, frames)) = started else {
                return self.lend_problem.set(Some(texts::compute::POOL_MISSING.to_owned()));
            };
            let Some(compute) = self.compute() else {
                return self.lend_problem.set(Some(texts::compute::NOT_ON.to_owned()));
            };
            let terms = untrack(move || self.terms());
            self.has_modules.set(frames.has_modules());
            frames.set_share(terms.share);
            let is_private = untrack(move || self.is_private());
            let kinds = terms.kinds(is_private, frames.has_modules());
            let lend = Lend::new(pool.with_kinds(kinds)).cores(terms.cores).trust(terms.trust());
            let lend = match (terms.has_card, self.card.get_untracked()) {
                (true, Some(Card::Here(name))) => lend.card(&name),
                _ => lend,
            };
            let lending = compute.lend(lend);
            {
                let work = self.work();
                let mut work = work.borrow_mut();
                work.lending = Some(lending);
                work.frames = Some(frames);
            }
            self.is_lending.set(true);
            self.heed_waiting();
            self.refresh();
        });
    }

    /// Ends all that runs here, at once.
    pub(super) fn stop_lending(self) {
        let (lending, frames) = {
            let work = self.work();
            let mut work = work.borrow_mut();
            (work.lending.take(), work.frames.take())
        };
        drop(lending);
        if let Some(frames) = frames {
            frames.end();
        }
        self.is_lending.set(false);
        self.runs.set(Vec::new());
    }

    /// The browser runs no sealed frame.
    fn refuse(self, opening: u32) {
        if self.is_opening(opening) {
            self.lend_problem.set(Some(texts::compute::NO_POOL.to_owned()));
            // The frame tells so from within.
            set_timeout(move || self.stop_lending(), Duration::ZERO);
        }
    }

    /// The graphics card runs no shader any more: the device lends the rest.
    fn lose_card(self, opening: u32, words: String) {
        if !self.is_opening(opening) {
            return;
        }
        self.card.set(Some(Card::Gone(words)));
        // The pool tells so from within.
        set_timeout(
            move || {
                if self.is_opening(opening) {
                    self.choose(|terms| terms.has_card = false);
                }
            },
            Duration::ZERO,
        );
    }

    /// The reason that nothing runs here while this device lends; tracked.
    pub(super) fn waits(self) -> Option<Wait> {
        if self.is_hidden.get() && !browser::has_mouse() {
            return Some(Wait::Hidden);
        }
        (self.terms().pauses_on_battery && self.is_charging.get() == Some(false)).then_some(Wait::Battery)
    }

    fn heed_waiting(self) {
        let is_paused = untrack(move || self.waits()).is_some();
        if let Some(lending) = &mut self.work().borrow_mut().lending {
            lending.pause(is_paused);
        }
    }

    /// A phone lends while its page is seen.
    fn follow_visibility(self) {
        let seen = window_event_listener(leptos::ev::visibilitychange, move |_| {
            self.is_hidden.set(browser::is_hidden());
            self.heed_waiting();
        });
        std::mem::forget(seen);
    }

    /// Reads whether the device charges, in browsers that tell.
    async fn follow_battery(self) -> () {
        let Some(battery) = battery().await else { return };
        let read = move |battery: &JsValue| {
            let is_charging = Reflect::get(battery, &"charging".into()).ok().and_then(|is| is.as_bool());
            self.is_charging.set(is_charging);
            self.heed_waiting();
        };
        read(&battery);
        let target: web_sys::EventTarget = battery.clone().unchecked_into();
        let changed = Closure::<dyn Fn()>::new(move || read(&battery));
        // It is a name of an event.
        let _ = target.add_event_listener_with_callback("chargingchange", changed.as_ref().unchecked_ref());
        // It stays as long as the page.
        changed.forget();
    }

    /// A person's name within a sentence; tracked.
    pub(super) fn called(self, peer: PeerId) -> String {
        self.session.people.rows.track();
        self.session.people.called_by_peer(peer)
    }

    /// Whether this person may pause and cancel a job; tracked.
    pub(super) fn may_order(self, submitter: PeerId) -> bool {
        let moderates = self.session.governing.law.with(|law| law.as_ref().is_some_and(|law| law.moderates));
        moderates || submitter == self.session.node.peer()
    }
}

/// `BatteryManager` of browsers that have one.
async fn battery() -> Option<JsValue> {
    let navigator: JsValue = web_sys::window()?.navigator().into();
    let ask: Function = Reflect::get(&navigator, &"getBattery".into()).ok()?.dyn_into().ok()?;
    let asked: Promise = ask.call0(&navigator).ok()?.dyn_into().ok()?;
    JsFuture::from(asked).await.ok()
}
