//! The board as this page has it: what is drawn, what one's own hand does, and what others show before they keep it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use leptos::html;
use leptos::prelude::{Track as _, *};
use leptos::reactive::owner::LocalStorage;
use leptos::web_sys;
use meshwork_core::blobs::BlobId;
use meshwork_core::id::Endpoint;
use meshwork_core::node::Event;
use meshwork_core::table::{Change, Table, Write};
use meshwork_sync::whiteboard::{
    Field, Renewed, Run, Shape, ShapeId, Sketch, Step, Steps, Style, Way, What, deletion, drafts,
};
use meshwork_web::cursors::Track;
use meshwork_web::gestures::Gestures;
use meshwork_web::sync::whiteboard::camera::Camera;
use meshwork_web::sync::whiteboard::hand::{self, Done, Hand, Tool};
use meshwork_web::sync::whiteboard::{Area, Place, hit, look};
use meshwork_web::texts;

use super::super::super::session::set_if_new;
use super::super::super::{browser, theme};
use super::super::state::{Sync, Tab};
use super::frame::Colours;
use super::painter::Painter;
use super::people::Others;
use super::pictures::{self, Pictures};
use super::reading;
use super::text::Editing;

/// How far a copy lies beside what it is a copy of.
const ASIDE: f64 = 16.0;

/// What is chosen, as the bar over the tools shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Chosen {
    pub(super) count: usize,
    /// What it is called.
    pub(super) name: String,
    pub(super) style: Style,
    /// Whether it is one stroke.
    pub(super) is_stroke: bool,
    /// Whether any of it has an area that can be tinted, or is a stroke.
    pub(super) can_be_filled: bool,
    /// Whether any of it can be coloured and sized.
    pub(super) has_look: bool,
}

/// What a board is made of.
pub(super) struct Work {
    pub(super) hand: Hand,
    pub(super) sketch: Sketch,
    /// Shapes that are still to be read.
    pub(super) unread: BTreeSet<ShapeId>,
    pub(super) steps: Steps,
    /// What a hand does until it is lifted is one step.
    pub(super) run: Option<Run>,
    pub(super) gestures: Gestures,
    pub(super) painter: Painter,
    pub(super) pictures: Pictures,
    pub(super) others: Others,
    /// When others were shown a draft last, and its bytes; none while they see no draft.
    pub(super) drafted: (f64, Option<Vec<u8>>),
    pub(super) is_frame_asked: bool,
    /// A frame that is asked for at a later time.
    pub(super) later: Option<TimeoutHandle>,
    /// What one's own laser leaves behind.
    pub(super) laser: Option<Track>,
    /// The colours of the theme in which something was drawn last: to ask for them costs a layout.
    pub(super) colours: Option<Rc<Colours>>,
}

/// The board. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Easel {
    pub(super) sync: Sync,
    pub(super) camera: RwSignal<Camera>,
    pub(super) tool: RwSignal<Tool>,
    /// How what one draws next will look.
    pub(super) style: RwSignal<Style>,
    pub(super) chosen: RwSignal<Chosen>,
    /// How many steps lie back and forth.
    pub(super) steps: RwSignal<(usize, usize)>,
    pub(super) count: RwSignal<usize>,
    pub(super) editing: RwSignal<Option<Editing>>,
    /// Who else is on the board.
    pub(super) others: RwSignal<Vec<Endpoint>>,
    pub(super) following: RwSignal<Option<Endpoint>>,
    pub(super) is_panning: RwSignal<bool>,
    pub(super) is_menu_open: RwSignal<bool>,
    pub(super) is_keys_open: RwSignal<bool>,
    /// Whether letters are keys of the board.
    pub(super) are_letters_on: RwSignal<bool>,
    /// What a screen reader is told.
    pub(super) spoken: RwSignal<String>,
    /// How the dots of the paper lie.
    pub(super) grid: RwSignal<String>,
    pub(super) is_shut: Memo<bool>,
    pub(super) stage: NodeRef<html::Div>,
    pub(super) paper: NodeRef<html::Canvas>,
    work: StoredValue<Rc<RefCell<Work>>, LocalStorage>,
}

impl Easel {
    pub(super) fn new(sync: Sync) -> Easel {
        let work = Work {
            hand: Hand::default(),
            sketch: Sketch::default(),
            unread: BTreeSet::new(),
            steps: Steps::default(),
            run: None,
            gestures: Gestures::default(),
            painter: Painter::new(),
            pictures: Pictures::default(),
            others: Others::default(),
            drafted: (0.0, None),
            is_frame_asked: false,
            later: None,
            laser: None,
            colours: None,
        };
        let easel = Easel {
            sync,
            camera: RwSignal::new(Camera::new((0.0, 0.0))),
            tool: RwSignal::new(Tool::Select),
            style: RwSignal::new(Style { colour: 0, size: 0, is_filled: false }),
            chosen: RwSignal::new(Chosen::default()),
            steps: RwSignal::new((0, 0)),
            count: RwSignal::new(0),
            editing: RwSignal::new(None),
            others: RwSignal::new(Vec::new()),
            following: RwSignal::new(None),
            is_panning: RwSignal::new(false),
            is_menu_open: RwSignal::new(false),
            is_keys_open: RwSignal::new(false),
            are_letters_on: RwSignal::new(browser::are_letters_on()),
            spoken: RwSignal::new(String::new()),
            grid: RwSignal::new(String::new()),
            is_shut: sync.is_shut,
            stage: NodeRef::new(),
            paper: NodeRef::new(),
            work: StoredValue::new_local(Rc::new(RefCell::new(work))),
        };
        sync.on_event(move |event| easel.hear(event));
        reading::read(easel);
        easel.follow_state();
        easel
    }

    /// Keeps what is drawn, said and seen in step with the page.
    fn follow_state(self) {
        let is_dark = theme::followed();
        Effect::new(move || {
            self.camera.track();
            self.sync.session.people.rows.track();
            is_dark.track();
            self.ask_frame();
        });
        Effect::new(move || {
            // Who looks at another tab is not on the board.
            if self.sync.tab.get() == Tab::Whiteboard {
                self.ask_frame();
            } else {
                self.say_presence(None);
            }
        });
        Effect::new(move || {
            if self.is_shut.get() && !self.tool.get_untracked().only_looks() {
                self.cancel();
                self.choose([]);
                self.take(Tool::Hand);
            }
        });
        on_cleanup(move || self.say_presence(None));
    }

    /// Works with the parts of the board; `None` where the page shows it no longer, or is doing so already.
    pub(super) fn with<R>(self, work: impl FnOnce(&mut Work) -> R) -> Option<R> {
        let parts = self.work.try_get_value()?;
        let mut parts = parts.try_borrow_mut().ok()?;
        Some(work(&mut parts))
    }

    pub(super) fn fresh_id(self) -> ShapeId {
        ShapeId(browser::random().to_le_bytes())
    }

    fn hear(self, event: Option<&Event>) {
        if self.camera.is_disposed() {
            return;
        }
        match event {
            None => reading::read(self),
            Some(Event::Changed { replica: changed, batch, changes, .. })
                if *changed == self.sync.replica() =>
            {
                let ids: BTreeSet<ShapeId> =
                    changes.of::<Change>().iter().filter_map(|change| ShapeId::of(change.row())).collect();
                self.renew(&ids, batch.as_ref().map(|batch| batch.author));
            }
            Some(Event::Presence { endpoint, slot, state, .. }) if *slot == self.sync.slot => {
                self.hear_presence(*endpoint, state.as_deref());
            }
            Some(Event::Datagram { from, slot, topic, bytes, .. })
                if *slot == self.sync.slot && **topic == *drafts::TOPIC =>
            {
                self.hear_draft(*from, bytes);
            }
            Some(Event::BlobsWaiting { .. }) => self.follow_pictures(),
            // Whoever comes may have what nobody had.
            Some(Event::MemberAttached { .. }) => self.want_pictures(),
            Some(Event::MemberDetached { endpoint, distant: false, .. }) => {
                self.hear_presence(*endpoint, None)
            }
            _ => {}
        }
    }

    pub(super) fn want_pictures(self) {
        let pictures = self.with(|work| {
            let shapes = work.sketch.shapes().map(|(_, shape)| shape);
            let pictures: BTreeSet<BlobId> = shapes.filter_map(pictures::of).collect();
            work.pictures.keep_only(&pictures);
            pictures
        });
        pictures.unwrap_or_default().into_iter().for_each(|blob| self.want_picture(blob));
    }

    /// Reads shapes again that may be others, which somebody has kept now.
    fn renew(self, ids: &BTreeSet<ShapeId>, author: Option<Endpoint>) {
        if ids.is_empty() {
            return;
        }
        let mut fresh = Vec::new();
        self.with(|work| {
            let renewed = self.sync.look(|table| {
                let renew = |id: &ShapeId| Some((*id, work.sketch.renew(table, *id)?));
                ids.iter().filter_map(renew).collect::<Vec<_>>()
            });
            for (id, Renewed { before, after }) in renewed.unwrap_or_default() {
                let is_on_top =
                    after.as_ref().is_some_and(|shape| hit::is_uncovered(&work.sketch, id, shape));
                work.painter.renew(id, before.as_ref(), after.as_ref(), is_on_top);
                fresh.extend(after.as_ref().and_then(pictures::of));
            }
            if let Some(author) = author {
                work.others.keep(author, ids);
            }
        });
        fresh.into_iter().for_each(|blob| self.want_picture(blob));
        self.heed_changed();
    }

    /// What is chosen may be gone, or look different.
    pub(super) fn heed_changed(self) {
        self.with(|work| {
            let sketch = &work.sketch;
            work.hand.chosen.retain(|id| sketch.get(*id).is_some());
            set_if_new(self.count, sketch.len());
            set_if_new(self.steps, work.steps.count());
        });
        self.show_chosen();
        self.ask_frame();
    }

    fn show_chosen(self) {
        let chosen = self.with(|work| {
            let shapes: Vec<&Shape> = work.hand.chosen.iter().filter_map(|id| work.sketch.get(*id)).collect();
            let Some(first) = shapes.first() else { return Chosen::default() };
            let name = match shapes.len() {
                1 => texts::capital(called(&first.what)),
                count => texts::board::shapes(count),
            };
            let can_be_filled = |shape: &&Shape| {
                matches!(shape.what, What::Rectangle | What::Ellipse | What::Diamond | What::Stroke(_))
            };
            let has_look = |shape: &&Shape| !matches!(shape.what, What::Picture(_) | What::Unknown(_));
            Chosen {
                count: shapes.len(),
                name,
                style: first.style,
                is_stroke: shapes.len() == 1 && matches!(first.what, What::Stroke(_)),
                can_be_filled: shapes.iter().any(can_be_filled),
                has_look: shapes.iter().any(has_look),
            }
        });
        set_if_new(self.chosen, chosen.unwrap_or_default());
    }

    /// Chooses these shapes and no others.
    pub(super) fn choose(self, ids: impl IntoIterator<Item = ShapeId>) {
        self.with(|work| work.hand.chosen = ids.into_iter().collect());
        self.heed_changed();
    }

    /// Takes a tool in hand.
    pub(super) fn take(self, tool: Tool) {
        if self.is_shut.get_untracked() && !tool.only_looks() {
            return self.tell_why_shut();
        }
        self.cancel();
        self.with(|work| work.hand.tool = tool);
        self.tool.set(tool);
        if tool != Tool::Select {
            self.choose([]);
        }
    }

    /// Whether nothing may be changed here; whoever tries is told why.
    pub(super) fn is_shut(self) -> bool {
        let is_shut = self.is_shut.get_untracked();
        if is_shut {
            self.tell_why_shut();
        }
        is_shut
    }

    fn tell_why_shut(self) {
        if let Some(why) = self.sync.why_shut() {
            self.sync.session.voice.told(why);
        }
    }

    /// One of the colours, as the page's theme has it.
    pub(super) fn colour(self, colour: u8) -> &'static str {
        let colours = if theme::is_dark() { look::DARK } else { look::LIGHT };
        colours[usize::from(colour)]
    }

    /// Lets letters be keys of the board, or not.
    pub(super) fn set_letters(self, are_on: bool) {
        self.are_letters_on.set(are_on);
        browser::set_letters(are_on);
    }

    /// Brings the keys back to the board.
    pub(super) fn focus(self) {
        if let Some(stage) = self.stage.try_get_untracked().flatten() {
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            // It is in the page.
            let _ = stage.focus_with_options(&options);
        }
    }

    /// Says something in passing.
    pub(super) fn tell(self, sentence: String) {
        self.sync.session.voice.told(sentence);
    }

    /// Says something to those who listen.
    pub(super) fn speak(self, sentence: String) {
        self.spoken.set(sentence);
    }

    /// Writes, as one step or as a part of the one that is open. Returns whether that was taken.
    pub(super) fn write(self, writes: Vec<Write>) -> bool {
        self.write_with(self.open_run(), |_| writes)
    }

    /// The same as a part of this step.
    pub(super) fn write_in(self, run: Option<Run>, writes: Vec<Write>) -> bool {
        self.write_with(run, |_| writes)
    }

    /// The step that is open.
    fn open_run(self) -> Option<Run> {
        self.with(|work| work.run).flatten()
    }

    fn write_with(self, run: Option<Run>, make: impl FnOnce(&Table) -> Vec<Write>) -> bool {
        let (mut touched, mut step) = (BTreeSet::new(), Step::default());
        let is_written = self.sync.write_all(|table, _| {
            let writes = make(table);
            touched.extend(writes.iter().filter_map(|write| ShapeId::of(&write.row)));
            step = Step::look(table, &writes);
            Ok(writes)
        });
        if is_written {
            self.with(|work| work.steps.add(step, run));
        }
        if let Some(id) = touched.first() {
            self.sync.look_at_shape(*id);
        }
        if !is_written && let Some(why) = self.sync.problem.get_untracked() {
            self.tell(why);
        }
        // It is told as what others write is, but later than the eye expects it.
        self.renew(&touched, None);
        is_written
    }

    /// Takes shapes away.
    pub(super) fn erase(self, ids: &[ShapeId]) {
        self.erase_in(self.open_run(), ids);
    }

    /// The same as a part of this step.
    pub(super) fn erase_in(self, run: Option<Run>, ids: &[ShapeId]) {
        if !ids.is_empty() && !self.is_shut() {
            self.write_with(run, |table| ids.iter().flat_map(|id| deletion(table, *id)).collect());
        }
    }

    /// Goes a step back or forth.
    pub(super) fn go(self, way: Way) {
        if self.is_shut() {
            return;
        }
        self.cancel();
        let (mut touched, mut count) = (BTreeSet::new(), 0);
        let is_gone = self.sync.write_all(|table, _| {
            let writes = self.with(|work| work.steps.next(table, way)).unwrap_or_default();
            touched.extend(writes.iter().filter_map(|write| ShapeId::of(&write.row)));
            count = writes.len();
            Ok(writes)
        });
        if is_gone {
            self.with(|work| work.steps.gone(way, count));
        }
        self.renew(&touched, None);
        self.heed_changed();
    }

    /// What a hand has done is kept.
    pub(super) fn finish(self, done: Done) {
        let Done { writes, erased, opens, text_at, is_tool_done } = done;
        if !writes.is_empty() {
            self.write(writes);
        }
        self.erase(&erased);
        self.with(|work| work.run = None);
        if is_tool_done {
            self.with(|work| work.hand.tool = Tool::Select);
            self.tool.set(Tool::Select);
        }
        self.heed_changed();
        if let Some(id) = opens {
            self.edit(id);
        }
        if let Some(at) = text_at {
            self.edit_new(at);
        }
    }

    /// What the hand had begun is left alone.
    pub(super) fn cancel(self) {
        let begun = self.with(|work| work.hand.cancel()).flatten();
        if let Some(id) = begun {
            self.erase(&[id]);
        }
        self.with(|work| work.run = None);
        self.ask_frame();
    }

    /// What is chosen.
    pub(super) fn chosen_ids(self) -> BTreeSet<ShapeId> {
        self.with(|work| work.hand.chosen.clone()).unwrap_or_default()
    }

    /// Changes how what is chosen looks, and what is drawn from now on.
    pub(super) fn restyle(self, change: impl Fn(&mut Style)) {
        self.style.update(&change);
        let style = self.style.get_untracked();
        let writes = self.with(|work| {
            work.hand.style = style;
            let chosen = work.hand.chosen.iter().filter_map(|id| Some((*id, work.sketch.get(*id)?)));
            let write = |(id, shape): (ShapeId, &Shape)| {
                let mut style = shape.style;
                change(&mut style);
                id.write(Field::Style, Some(style.bytes()))
            };
            chosen.map(write).collect::<Vec<_>>()
        });
        let writes = writes.unwrap_or_default();
        if !writes.is_empty() && !self.is_shut() {
            self.write(writes);
        }
        self.heed_changed();
    }

    /// Does something to what is chosen.
    pub(super) fn change_chosen(self, make: impl FnOnce(&Hand, &Sketch) -> Vec<Write>) {
        let writes = self.with(|work| make(&work.hand, &work.sketch)).unwrap_or_default();
        if !writes.is_empty() && !self.is_shut() {
            self.write(writes);
            self.heed_changed();
        }
    }

    /// Takes away what is chosen.
    pub(super) fn erase_chosen(self) {
        self.erase(&self.chosen_ids().into_iter().collect::<Vec<_>>());
    }

    /// Brings what is chosen up or down: by one place, or to the end.
    pub(super) fn reorder(self, is_up: bool, is_to_the_end: bool) {
        let order = if is_to_the_end { hand::to_the_end } else { hand::one_place };
        self.change_chosen(|hand, sketch| order(sketch, &hand.chosen, is_up));
    }

    /// Puts a copy of what is chosen beside it.
    pub(super) fn duplicate(self) {
        let copies = self
            .with(|work| hand::copies(&work.sketch, &work.hand.chosen, (ASIDE, ASIDE), || self.fresh_id()));
        self.put(copies.unwrap_or_default());
    }

    /// Puts shapes down and chooses them.
    pub(super) fn put(self, shapes: Vec<(ShapeId, Shape)>) {
        if !shapes.is_empty() && !self.is_shut() && self.write(hand::creation(&shapes)) {
            self.choose(shapes.into_iter().map(|(id, _)| id));
        }
    }

    /// The middle of what is seen.
    pub(super) fn middle(self) -> Place {
        self.camera.with_untracked(|camera| camera.seen().middle())
    }

    /// Shows all shapes, or what is chosen.
    pub(super) fn show_all(self) {
        let area = self.with(|work| {
            work.hand
                .chosen_area(&work.sketch)
                .filter(|_| work.hand.chosen.len() > 1)
                .or_else(|| Area::around(work.sketch.shapes().map(|(_, shape)| Area::of(shape.bounds))))
        });
        match area.flatten() {
            Some(area) => self.look(|camera| camera.show(area)),
            None => self.look(|camera| *camera = Camera::new(camera.stage)),
        }
    }

    /// Looks elsewhere; whoever was followed is followed no longer.
    pub(super) fn look(self, change: impl FnOnce(&mut Camera)) {
        set_if_new(self.following, None);
        self.camera.update(change);
    }

    /// Chooses the shape after the one that is chosen, or before it, in their order, and says what it is.
    pub(super) fn choose_next(self, is_forth: bool) {
        let next = self.with(|work| {
            let ids: Vec<ShapeId> = work.sketch.shapes().map(|(id, _)| id).collect();
            let at = work.hand.chosen.first().and_then(|chosen| ids.iter().position(|id| id == chosen));
            let next = match (at, is_forth) {
                (None, true) => 0,
                (None, false) => ids.len().checked_sub(1)?,
                (Some(at), true) => (at + 1) % ids.len(),
                (Some(at), false) => at.checked_sub(1).unwrap_or(ids.len() - 1),
            };
            let id = *ids.get(next)?;
            let shape = work.sketch.get(id)?;
            Some((id, Area::of(shape.bounds), spoken(shape), next + 1, ids.len()))
        });
        let Some((id, area, what, number, count)) = next.flatten() else {
            return self.speak(texts::board::EMPTY.to_owned());
        };
        self.choose([id]);
        self.look(|camera| camera.reveal(area));
        self.speak(texts::board::shape_of(&what, number, count));
    }
}

/// What a shape is called.
pub(super) fn called(what: &What) -> &'static str {
    match what {
        What::Stroke(_) => texts::board::STROKE,
        What::Line => texts::board::LINE,
        What::Arrow => texts::board::ARROW,
        What::Rectangle => texts::board::RECTANGLE,
        What::Ellipse => texts::board::ELLIPSE,
        What::Diamond => texts::board::DIAMOND,
        What::Text => texts::board::TEXT,
        What::Note => texts::board::NOTE,
        What::Picture(_) => texts::board::PICTURE,
        What::Unknown(_) => texts::board::NEWER_SHAPE,
    }
}

fn spoken(shape: &Shape) -> String {
    let colour = texts::board::COLOUR_NAMES[usize::from(shape.style.colour)];
    let what = texts::capital(&format!("{colour} {}", called(&shape.what)));
    if shape.text.is_empty() { what } else { format!("{what}: {}", shape.text.replace('\n', ", ")) }
}

/// Shapes that others or oneself have under their hands, by id.
pub(super) type Drafted = BTreeMap<ShapeId, Shape>;

/// The canvas of the page.
pub(super) fn paper_context(
    easel: Easel,
) -> Option<(web_sys::HtmlCanvasElement, web_sys::CanvasRenderingContext2d)> {
    let paper = easel.paper.try_get_untracked().flatten()?;
    let context = browser::paper(&paper)?;
    Some((paper, context))
}
