//! Drawings: the mark and the icons, in lines of the text's colour.

use leptos::prelude::*;
use meshwork_web::apps::App;

use super::entries;

fn icon(path: &'static str) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
            <path d=path></path>
        </svg>
    }
}

macro_rules! icons {
    ($($(#[$doc:meta])* $name:ident = $path:literal;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name() -> impl IntoView {
            icon($path)
        }
    )*};
}

icons! {
    /// Three dots.
    more = "M4.4 9.2a.8.8 0 1 0 0 1.6a.8.8 0 0 0 0-1.6zM10 9.2a.8.8 0 1 0 0 1.6a.8.8 0 0 0 0-1.6zM15.6 9.2a.8.8 0 1 0 0 1.6a.8.8 0 0 0 0-1.6z";
    /// A clock.
    clock = "M10 3a7 7 0 1 0 0 14a7 7 0 0 0 0-14zM10 5.8v4.4l3 1.8";
    /// A half moon.
    moon = "M15.8 12.6A6.6 6.6 0 0 1 7.4 4.2a6.6 6.6 0 1 0 8.4 8.4z";
    /// A sun.
    sun = "M10 6.6a3.4 3.4 0 1 0 0 6.8a3.4 3.4 0 0 0 0-6.8zM10 1.8v1.6M10 16.6v1.6M1.8 10h1.6M16.6 10h1.6\
           M4.2 4.2l1.1 1.1M14.7 14.7l1.1 1.1M4.2 15.8l1.1-1.1M14.7 5.3l1.1-1.1";
    /// An arrow into a tray.
    download = "M10 3v9.2M6.2 8.6L10 12.4l3.8-3.8M3.4 16.4h13.2";
    /// Two beads and a thread between them.
    share = "M5 11.2a2.3 2.3 0 1 0 0 4.6a2.3 2.3 0 0 0 0-4.6zM15 4.2a2.3 2.3 0 1 0 0 4.6a2.3 2.3 0 0 0 0-4.6z\
             M7.2 13C11.5 12.6 9 7.8 12.8 6.9";
    /// A strip of film.
    film = "M3.6 4.6h12.8v10.8H3.6zM6.6 4.6v10.8M13.4 4.6v10.8M3.6 8.2h3M3.6 11.8h3M13.4 8.2h3M13.4 11.8h3";
    /// A triangle to the right.
    play = "M6.4 4.2v11.6L15.6 10z";
    /// Two bars.
    pause = "M7 4.6v10.8M13 4.6v10.8";
    /// A closed lock.
    lock = "M5 9.2h10v7.4H5zM7 9.2V6.8a3 3 0 0 1 6 0v2.4";
    /// A key.
    key = "M12.6 3.4a4 4 0 1 0 0 8a4 4 0 0 0 0-8zM9.6 10.2L3.6 16.4v.2h3v-2h2v-2M13.4 6.6v.2";
    /// A globe.
    globe = "M10 3a7 7 0 1 0 0 14a7 7 0 0 0 0-14zM3 10h14M10 3c2.2 2 3.2 4.4 3.2 7s-1 5-3.2 7c-2.2-2-3.2-4.4-3.2-7\
             s1-5 3.2-7z";
    /// A page with a folded corner.
    page = "M5 2.8h6.2L15 6.6v10.6H5zM11.2 2.8v3.8H15";
    /// Two people.
    people = "M7.6 4a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 0 0 0-5.6zM2.4 16.2c0-2.8 2.2-4.4 5.2-4.4s5.2 1.6 5.2 4.4M12.8 4.4a2.6 2.6 0 0 1 0 \
              4.8M14.6 12.2c2 .5 3.2 1.9 3.2 4";
    /// A bin.
    bin = "M3.8 5.6h12.4M7.6 5.6V3.4h4.8v2.2M5.4 5.6l.8 11h7.6l.8-11M8.4 8.6v5M11.6 8.6v5";
    /// A pencil.
    pencil = "M4 16l.8-3.4L13.4 4a1.6 1.6 0 0 1 2.3 0l.3.3a1.6 1.6 0 0 1 0 2.3L7.4 15.2zM11.8 5.6l2.6 2.6";
    /// A pipette.
    dropper = "M12.2 4.6l3.2 3.2M10.4 6.2l3.4 3.4M13.4 3.4a1.9 1.9 0 0 1 2.8 2.8l-2 2l-2.8-2.8zM11.2 7L5 13.2L4 16l2.8-1L13 8.8";
    /// A bucket that is poured out.
    bucket = "M8.6 3.2l7 7l-5.8 5.8a1.4 1.4 0 0 1-2 0l-5-5a1.4 1.4 0 0 1 0-2zM2.6 10.4h12.8M17 13.2c1 1.4 1.4 2.2 1.4 2.8a1.4 1.4 0 0 1-2.8 0c0-.6.4-1.4 1.4-2.8z";
    /// An arrow back.
    undo = "M7 4L3.4 7.6L7 11.2M3.6 7.6h8a4.4 4.4 0 0 1 0 8.8H8";
    /// An arrow forth.
    redo = "M13 4l3.6 3.6L13 11.2M16.4 7.6h-8a4.4 4.4 0 0 0 0 8.8H12";
    /// A keyboard.
    keyboard = "M2.6 5.4h14.8v9.2H2.6zM5.4 8.2h.2M8.4 8.2h.2M11.4 8.2h.2M14.4 8.2h.2M6.4 11.8h7.2";
    /// A picture of hills.
    picture = "M3 4h14v12H3zM3 13l4-4l4 4l2.4-2.4L17 14M13 7.4v.2";
    /// A pin.
    pin = "M7 3.4h6M8 3.4v5L5.6 11.6h8.8L12 8.4v-5M10 11.6v5";
    /// An open hand.
    hand = "M6.4 11.4V5.2a1.2 1.2 0 0 1 2.4 0v4.2M8.8 9.2V3.8a1.2 1.2 0 0 1 2.4 0v5.4M11.2 9.4V5a1.2 1.2 0 0 1 \
            2.4 0v5M13.6 9.6V7.4a1.2 1.2 0 0 1 2.4 0v4.4c0 3.4-2 5.4-5 5.4c-2.6 0-4-1.2-5-3.2l-1.8-3.4a1.2 1.2 0 0 \
            1 2-1.2z";
    /// A speech bubble with lines in it.
    note = "M3.6 4.4h12.8v9H9.2L5.6 16.6v-3.2h-2zM6.8 7.6h6.4M6.8 10.2h4";
    /// An arrow that is sent off.
    send = "M3.4 9.6L16.6 3.6l-4.4 13l-2.8-5.4zM9.4 11.2l3.4-3.6";
    /// An eye that does not see.
    eye_shut = "M3 10c2-3.4 4.4-5 7-5s5 1.6 7 5c-2 3.4-4.4 5-7 5s-5-1.6-7-5zM10 8a2 2 0 1 0 0 4a2 2 0 0 0 0-4zM4.4 16L15.6 4";
    /// An arrow that points.
    pointer = "M4.4 3.6l11.2 4.6-4.8 1.9-1.9 4.8z";
    /// A rectangle.
    rectangle = "M4.6 5h10.8a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H4.6a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1z";
    /// An ellipse.
    ellipse = "M10 4.6a6.8 5.4 0 1 0 0 10.8a6.8 5.4 0 0 0 0-10.8z";
    /// An arrow to the upper right.
    arrow = "M4 16L15.6 4.4M8.2 4.4h7.4v7.4";
    /// A line to the upper right.
    line = "M4 16L16 4";
    /// A line by hand.
    squiggle = "M2.8 12.6c1.6-4.4 3.6-6.6 4.8-5.8c1.6 1-2.2 6.6-.4 7.2c1.8.6 3.6-6 5.2-5.4c1.4.6-.8 4.4.8 5c1 .4 2.4-1 4-3";
    /// A capital T.
    letter = "M4 6V4h12v2M10 4v12M7.8 16h4.4";
    /// A sheet with a bent corner.
    sticky = "M3.6 3.6h12.8v8l-4.8 4.8h-8zM11.6 16.4v-4.8h4.8";
    /// An eraser.
    eraser = "M8.4 16L3.6 11.2a1.2 1.2 0 0 1 0-1.7l5.9-5.9a1.2 1.2 0 0 1 1.7 0l5.2 5.2a1.2 1.2 0 0 1 0 1.7L10.9 16zM6.6 6.6l6.8 6.8M8.4 16h8";
    /// A beam that shines.
    laser = "M3.6 16.4l8-8M13.6 3.4v2.2M13.6 9.2v2.2M16.6 6.4h-2.2M11 6.4h-.2M16.4 3.6l-1.4 1.4M16 9.6l-1.2-1.2";
    /// A shape over another one.
    front = "M3.6 3.6h8v8h-8zM14 8.4h2.4v8h-8V14";
    /// A shape below another one.
    to_back = "M8.4 8.4h8v8h-8zM6 11.6H3.6v-8h8V6";
    /// A paper clip.
    clip = "M13.4 6.2L7.6 12a1.6 1.6 0 0 0 2.3 2.3l6-6a3.2 3.2 0 0 0-4.5-4.5l-6.2 6.2a4.8 4.8 0 0 0 6.8 6.8l5-5";
    /// A person's head and shoulders.
    face = "M10 3.4a3.4 3.4 0 1 0 0 6.8a3.4 3.4 0 0 0 0-6.8zM3.6 16.8c.4-3 2.8-4.8 6.4-4.8s6 1.8 6.4 4.8";
    /// A face that smiles.
    smile = "M10 3a7 7 0 1 0 0 14a7 7 0 0 0 0-14zM7.4 7.8v.4M12.6 7.8v.4M6.8 11.4c.8 1.4 1.8 2 3.2 2s2.4-.6 3.2-2";
    /// An arrow that turns back.
    reply = "M8 4.4L3.6 8.6L8 12.8M3.8 8.6h7.4c3.4 0 5.2 2 5.2 5.4v1.4";
    /// A magnifying glass.
    search = "M8.8 3.4a5.4 5.4 0 1 0 0 10.8a5.4 5.4 0 0 0 0-10.8zM12.8 12.8l4 4";
    /// A plus.
    plus = "M10 4.4v11.2M4.4 10h11.2";
    /// A minus.
    minus = "M4.4 10h11.2";
    /// Four corners.
    whole = "M3.6 7.4V3.6h3.8M12.6 3.6h3.8v3.8M16.4 12.6v3.8h-3.8M7.4 16.4H3.6v-3.8";
    /// A loudspeaker with a wave.
    sound = "M3 8v4h3l4 3.4V4.6L6 8zM13 7.2a4 4 0 0 1 0 5.6M15.4 4.8a7.4 7.4 0 0 1 0 10.4";
    /// A loudspeaker with a cross.
    sound_off = "M3 8v4h3l4 3.4V4.6L6 8zM13 7.6l4.4 4.8M17.4 7.6L13 12.4";
    /// A check.
    check = "M4 10.6l4 4L16 6";
    /// A cross.
    cross = "M5 5l10 10M15 5L5 15";
    /// A triangle with an exclamation mark.
    warn = "M10 3.4l7.2 12.8H2.8zM10 8.2v3.8M10 14.2v.2";
    /// Three dots.
    dots = "M5 10h.2M9.9 10h.2M14.8 10h.2";
    /// Two sheets.
    copy = "M7 7h9v9.4H7zM13 7V3.6H4V13h3";
    /// Three lines with their knobs.
    rules = "M3.4 6h6.2M14 6h2.6M3.4 14H6M10.4 14h6.2M11.8 3.8a2.2 2.2 0 1 0 0 4.4a2.2 2.2 0 0 0 0-4.4z\
             M8.2 11.8a2.2 2.2 0 1 0 0 4.4a2.2 2.2 0 0 0 0-4.4z";
    /// Four beads and the threads between them.
    overlay = "M5.6 5.6l8.8 8.8M14.4 5.6l-8.8 8.8M4.4 2.8a1.6 1.6 0 1 0 0 3.2a1.6 1.6 0 0 0 0-3.2zM15.6 2.8a1.6 1.6 0 1 0 0 3.2\
               a1.6 1.6 0 0 0 0-3.2zM4.4 14a1.6 1.6 0 1 0 0 3.2a1.6 1.6 0 0 0 0-3.2zM15.6 14a1.6 1.6 0 1 0 0 3.2a1.6 1.6 0 0 0 0-3.2z\
               M10 8a2 2 0 1 0 0 4a2 2 0 0 0 0-4z";
    /// A grid.
    grid = "M3.6 3.6h12.8v12.8H3.6zM3.6 7.9h12.8M3.6 12.1h12.8M7.9 3.6v12.8M12.1 3.6v12.8";
    /// An angle downwards.
    down = "M5 7.6l5 5l5-5";
    /// A strand that is cut.
    cut = "M2.8 10h4.6M12.6 10h4.6M8.2 15l3.6-10";
    /// An angle to the left.
    back = "M12.4 4.6L7 10l5.4 5.4";
    /// A circle with an i.
    info = "M10 3a7 7 0 1 0 0 14a7 7 0 0 0 0-14zM10 9.2v4.4M10 6.4v.2";
}

/// The mark: an m of one thread from you to someone else.
pub(crate) fn mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 28 28" aria-hidden="true">
            <path class="mark-thread" d="M5.2 21.5V13.6a4.4 4.4 0 0 1 8.8 0v4.2M14 17.8v-4.2a4.4 4.4 0 0 1 8.8 0v7.9"></path>
            <circle class="mark-you" cx="5.2" cy="21.8" r="4.1"></circle>
            <rect class="mark-them" x="18.8" y="17.8" width="8" height="8" rx="2.2"></rect>
        </svg>
    }
}

/// The sign of an app.
pub(crate) fn app_sign(app: &App) -> AnyView {
    view! {
        <svg viewBox="0 0 36 36" aria-hidden="true">
            <path d=entries::of(app).sign()></path>
        </svg>
    }
    .into_any()
}
