//! Making a file of the time-lapse: frame by frame, so that the page goes on meanwhile.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys;
use meshwork_place::picture::{ApngAssembler, Area, Film, GifEncoder, Timeline};
use meshwork_web::place::timelapse::{self, EXPORT_BYTES_MAX, FRAMES_PER_SECOND};
use meshwork_web::texts;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::super::super::browser;
use super::super::entry::PlaceSession as _;
use super::super::painter::put;
use super::{Export, Timelapse, page};

/// How a file is coded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// GIF: opened everywhere.
    Gif,
    /// Animated PNG: every colour, and nothing where nothing is painted.
    Png,
}

/// What a file is being made with.
enum Coder {
    Gif(Box<GifEncoder>),
    Png(ApngAssembler),
}

impl Timelapse {
    /// Begins to make a file.
    pub(super) fn save(self, form: Form) {
        if matches!(self.export.get_untracked(), Export::Running { .. }) {
            return;
        }
        self.is_playing.set(false);
        let length = self.length.get_untracked();
        let frames = timelapse::export_frames(length);
        self.export.set(Export::Running { frames: 0, of: frames });
        let film = Film { from: 0, to: length, frames, per_second: FRAMES_PER_SECOND };
        let opening = self.work().borrow().opening;
        spawn_local(async move {
            // Playing and saving move the same picture: afterwards it stands where it was.
            let before = self.moment.get_untracked();
            let made = self.make(form, film, opening).await;
            if !self.is_opening(opening) {
                return;
            }
            let words = match made {
                Ok(Some((words, bytes))) => {
                    let ending = if form == Form::Gif { "gif" } else { "png" };
                    let name = timelapse::file_name(&browser::iso_time(), ending);
                    match page::save_bytes(&name, &bytes) {
                        Some(()) => words,
                        None => texts::timelapse::NO_FILES.to_owned(),
                    }
                }
                Ok(None) => String::new(),
                Err(words) => words,
            };
            self.go_to(before);
            self.redraw();
            self.export.set(if words.is_empty() { Export::Idle } else { Export::Done(words) });
        });
    }

    /// Stops making a file.
    pub(super) fn cancel_save(self) {
        self.export.set(Export::Idle);
    }

    /// Makes the file: what to say of it, and its bytes. `None` when it was cancelled.
    async fn make(self, form: Form, film: Film, opening: u32) -> Result<Option<(String, Vec<u8>)>, String> {
        let scale = timelapse::export_scale(
            self.session.canvas().size.get_untracked().ok_or(texts::timelapse::NO_CANVAS)?,
        );
        let mut coder = match form {
            Form::Gif => {
                Coder::Gif(Box::new(self.with_timeline(|timeline| GifEncoder::new(timeline, scale))?))
            }
            Form::Png => Coder::Png(ApngAssembler::default()),
        };
        let easel = Easel::new()?;
        for frame in 0..film.frames {
            page::pause().await;
            if !self.is_opening(opening) || !matches!(self.export.get_untracked(), Export::Running { .. }) {
                return Ok(None);
            }
            let area = self.with_timeline(|timeline| turn_to(timeline, film, frame))?;
            let length = match &mut coder {
                Coder::Gif(encoder) => {
                    self.with_timeline(|timeline| encoder.push(timeline, area, film.hundredths(frame)))?;
                    encoder.len()
                }
                Coder::Png(assembler) => {
                    let pixels = self.with_timeline(|timeline| timeline.rgba(area, scale))?;
                    let still = easel.code(&pixels, u32::from(area.width) * scale as u32).await?;
                    let at = (u32::from(area.x) * scale as u32, u32::from(area.y) * scale as u32);
                    assembler
                        .push(&still, at, film.milliseconds(frame))
                        .map_err(|_| texts::timelapse::NO_ANIMATION.to_owned())?;
                    assembler.len()
                }
            };
            if length > EXPORT_BYTES_MAX {
                return Err(texts::timelapse::TOO_LARGE.to_owned());
            }
            self.export.set(Export::Running { frames: frame + 1, of: film.frames });
        }
        let (words, bytes) = match coder {
            Coder::Gif(encoder) if encoder.is_exact() => (texts::timelapse::SAVED_GIF, encoder.finish()),
            Coder::Gif(encoder) => (texts::timelapse::SAVED_GIF_NEAR, encoder.finish()),
            Coder::Png(assembler) => {
                (texts::timelapse::SAVED_APNG, assembler.finish().map_err(|error| error.to_string())?)
            }
        };
        let kilobytes = bytes.len().div_ceil(1000);
        Ok(Some((texts::timelapse::saved(words, kilobytes), bytes)))
    }

    fn with_timeline<R>(self, work: impl FnOnce(&mut Timeline) -> R) -> Result<R, String> {
        let held = self.work();
        let mut held = held.borrow_mut();
        held.timeline.as_mut().map(work).ok_or_else(|| texts::timelapse::CLOSED.to_owned())
    }
}

/// Moves on to a frame of a film. Returns what changed: at first everything, and never nothing.
fn turn_to(timeline: &mut Timeline, film: Film, frame: u32) -> Area {
    if frame == 0 {
        timeline.seek(film.from);
    }
    let moved = timeline.seek(film.moment(frame));
    match moved {
        _ if frame == 0 => timeline.whole(),
        Some(area) => area,
        None => Area { x: 0, y: 0, width: 1, height: 1 },
    }
}

/// A canvas that nobody sees, on which frames are coded.
struct Easel(web_sys::HtmlCanvasElement);

impl Easel {
    fn new() -> Result<Easel, String> {
        let document = web_sys::window().and_then(|window| window.document());
        let canvas = document.and_then(|document| document.create_element("canvas").ok()?.dyn_into().ok());
        canvas.map(Easel).ok_or_else(|| texts::timelapse::NO_EASEL.to_owned())
    }

    /// Pixels as a PNG.
    async fn code(&self, pixels: &[u8], width: u32) -> Result<Vec<u8>, String> {
        let failed = || texts::timelapse::NO_FRAME.to_owned();
        self.0.set_width(width);
        self.0.set_height((pixels.len() / 4) as u32 / width.max(1));
        put(&browser::paper(&self.0).ok_or_else(failed)?, pixels, width, (0, 0));
        let coded = js_sys::Promise::new(&mut |resolve, reject| {
            if self.0.to_blob(&resolve).is_err() {
                // What is thrown here is heard by whoever waits.
                let _ = reject.call0(&JsValue::NULL);
            }
        });
        let blob: web_sys::Blob =
            JsFuture::from(coded).await.ok().and_then(|blob| blob.dyn_into().ok()).ok_or_else(failed)?;
        browser::bytes_of(&blob).await.ok_or_else(failed)
    }
}
