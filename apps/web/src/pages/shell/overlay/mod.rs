//! The picture of the room's overlay: a sheet over the whole page, drawn anew while it is looked at.

mod drawing;
mod panel;
mod table;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use meshwork_core::id::Endpoint;
use meshwork_core::overlay::{Kind, OverlayView};
use meshwork_core::room::rules::terms::Terms;
use meshwork_web::sketch::graph::Graph;
use meshwork_web::sketch::layout::{Layout, Spot};
use meshwork_web::texts;

use self::drawing::Drawing;
use self::panel::Panel;
use self::table::Table;
use super::super::session::Session;
use super::super::sheet::Sheet;
use super::super::{browser, icons};

/// How often the picture is drawn anew at most; the node asks others less often than that.
const REDRAW: Duration = Duration::from_secs(1);
/// Width and height of the picture in its own pixels: on a desk, and on a phone, where beads are to stay as large.
const WIDE: f64 = 720.0;
const NARROW: f64 = 366.0;
/// Width of a page below which it is a phone's.
const PHONE: f64 = 640.0;

/// What is drawn now.
#[derive(Clone, Debug, PartialEq)]
struct Scene {
    graph: Graph,
    spots: Vec<Spot>,
    side: f64,
    view: OverlayView,
}

/// The picture while it is open. Copies are the same one.
#[derive(Clone, Copy)]
struct Picture {
    session: Session,
    scene: RwSignal<Option<Scene>>,
    /// Whose strokes are followed.
    origin: RwSignal<Option<Endpoint>>,
    /// Whether the table is shown instead of the drawing.
    is_table: RwSignal<bool>,
    layout: StoredValue<Rc<RefCell<Layout>>, LocalStorage>,
}

impl Picture {
    fn new(session: Session) -> Picture {
        Picture {
            session,
            scene: RwSignal::new(None),
            origin: RwSignal::new(None),
            is_table: RwSignal::new(false),
            layout: StoredValue::new_local(Rc::default()),
        }
    }

    /// Asks everybody, and draws what is known by now.
    fn refresh(self) {
        let Some((sights, view)) = self.session.governing.look() else { return };
        let kind = view.kind;
        let origin = self.origin.get_untracked();
        let graph = self.session.people.rows.with_untracked(|rows| Graph::new(&sights, rows, kind, origin));
        let Some(graph) = graph else { return };
        let side = if browser::width() < PHONE { NARROW } else { WIDE };
        let spots = self.layout.with_value(|layout| layout.borrow_mut().place(&graph, side));
        let scene = Some(Scene { graph, spots, side, view });
        if self.scene.with_untracked(|before| *before != scene) {
            self.scene.set(scene);
        }
    }

    fn follow(self, origin: Option<Endpoint>) {
        self.origin.set(origin);
        self.refresh();
    }

    /// Something of the scene; its default while there is none.
    fn read<T: Default>(self, read: impl Fn(&Scene) -> T) -> T {
        self.scene.with(|scene| scene.as_ref().map(read).unwrap_or_default())
    }
}

/// The sheet; [`OpenOverlay`] opens it.
#[component]
pub(crate) fn OverlaySheet(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    view! {
        <style>{include_str!("overlay.css")}</style>
        <Sheet open=session.governing.is_overlay_open id="overlay-title" title=texts::CONNECTIONS is_wide=true>
            <Content session/>
        </Sheet>
    }
}

/// The button that opens the picture.
#[component]
pub(crate) fn OpenOverlay(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="icon-button open-overlay"
            data-testid="open-overlay"
            aria-label=texts::CONNECTIONS
            title=texts::CONNECTIONS
            on:click=move |_| session.governing.is_overlay_open.set(true)
        >
            {icons::overlay()}
        </button>
    }
}

#[component]
fn Content(session: Session) -> impl IntoView {
    let picture = Picture::new(session);
    picture.refresh();
    if let Ok(handle) = set_interval_with_handle(move || picture.refresh(), REDRAW) {
        on_cleanup(move || handle.clear());
    }
    let choose = move |is_table: bool, test_id: &'static str, words: &'static str| {
        view! {
            <button
                type="button"
                class="tab"
                data-testid=test_id
                aria-pressed=move || (picture.is_table.get() == is_table).to_string()
                on:click=move |_| picture.is_table.set(is_table)
            >
                {words}
            </button>
        }
    };
    let in_force = move || {
        let choice = session.governing.law.with(|law| law.as_ref().map(|law| choice_of(&law.rules)));
        picture.read(|scene| choice.map(|choice| texts::overlays::in_force(choice, &scene.view)))
    };
    view! {
        <div class="overlay" data-testid="overlay-view">
            <div class="overlay-head">
                <p class="overlay-title" data-testid="overlay-count">
                    {move || picture.read(|scene| texts::sketch::title(scene.view.size, &scene.graph))}
                </p>
                <div class="tabs" role="group" aria-label=texts::HOW_SHOWN>
                    {choose(false, "overlay-picture", texts::sketch::PICTURE)}
                    {choose(true, "overlay-table", texts::sketch::TABLE)}
                </div>
            </div>
            <div class="overlay-shown">
                <Table picture/>
                <Show when=move || !picture.is_table.get()>
                    <Drawing picture/>
                </Show>
            </div>
            <div class="overlay-side">
                <p class="sheet-words">
                    {move || picture.read(|scene| texts::sketch::beneath(scene.view.size, &scene.graph))}
                </p>
                <p class="sheet-words" data-testid="overlay-in-force">{in_force}</p>
                <Panel picture/>
            </div>
        </div>
    }
}

fn choice_of(rules: &Terms) -> meshwork_core::seam::choice::Choice {
    meshwork_core::seam::choice::Choice::of_record(rules.overlay.as_str())
}

/// What an overlay of this kind carries strokes along.
fn along(kind: Kind) -> &'static str {
    match kind {
        Kind::FullMesh => texts::sketch::STRAIGHT,
        Kind::KGossip(_) => texts::sketch::QUICKEST,
        Kind::Tree => texts::sketch::ONE_TREE,
        Kind::Emergent => texts::sketch::AUTHORS_TREE,
    }
}
