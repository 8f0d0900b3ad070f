//! A board as an SVG file.

use std::fmt::Write as _;

use meshwork_core::blobs::BlobId;
use meshwork_sync::whiteboard::{Shape, What};

use super::look::{self, Fill, LIGHT, Look, Measure};
use super::{Area, hit};

/// What stays free around the shapes, in units.
pub const MARGIN: f64 = 24.0;

/// The shapes as they look on white paper, with pictures as `picture` gives their addresses; without one a picture is an
/// empty frame. `None` for no shapes.
pub fn write<'a>(
    shapes: impl Iterator<Item = &'a Shape> + Clone,
    measure: Measure,
    picture: impl Fn(BlobId) -> Option<String>,
) -> Option<String> {
    let Area { x, y, width, height } = Area::around(shapes.clone().map(hit::area))?.grown(MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{x:.1} {y:.1} {width:.1} {height:.1}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"system-ui, sans-serif\"><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
         height=\"{height:.1}\" fill=\"#fff\"/>"
    );
    for shape in shapes {
        let look = look::of(shape, measure);
        write_shape(&mut svg, &look);
        if let What::Picture(held) = &shape.what {
            let Area { x, y, width, height } = Area::of(shape.bounds);
            let place = format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"");
            // Writing to a string cannot fail.
            let _ = match picture(held.blob()) {
                Some(address) => write!(
                    svg,
                    "<image {place} preserveAspectRatio=\"none\" href=\"{}\"/>",
                    escaped(&address)
                ),
                None => write!(svg, "<rect {place} fill=\"none\" stroke=\"{}\"/>", LIGHT[0]),
            };
        }
    }
    svg.push_str("</svg>");
    Some(svg)
}

fn write_shape(svg: &mut String, look: &Look) {
    let colour = LIGHT[usize::from(look.colour)];
    if !look.path.is_empty() {
        let fill = match look.fill {
            None => "fill=\"none\"".to_owned(),
            Some(Fill::Whole) => format!("fill=\"{colour}\""),
            Some(Fill::Tint) => format!("fill=\"{}\"", tint(colour)),
            Some(Fill::Marker) => format!("fill=\"{colour}\" fill-opacity=\"{MARKER_OPACITY}\""),
            Some(Fill::Sunken) => "fill=\"#E5EAE7\"".to_owned(),
        };
        let line = look.line.map(|line| {
            let dashes = if line.is_dashed { " stroke-dasharray=\"6 5\"" } else { "" };
            format!(
                " stroke=\"{colour}\" stroke-width=\"{}\" stroke-linecap=\"round\" stroke-linejoin=\"round\"{dashes}",
                line.width
            )
        });
        let _ = write!(svg, "<path d=\"{}\" {fill}{}/>", look.path, line.unwrap_or_default());
    }
    for line in &look.words.lines {
        let anchor = if look.words.is_centred { " text-anchor=\"middle\"" } else { "" };
        let way = if line.is_rtl { " direction=\"rtl\"" } else { "" };
        let weight = if line.is_strong { " font-weight=\"600\"" } else { "" };
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{}\" fill=\"{}\"{anchor}{way}{weight}>{}</text>",
            line.x,
            line.y,
            look.words.size,
            text_colour(look, &LIGHT),
            escaped(&line.text)
        );
    }
}

/// How much of a marker's colour is seen.
pub const MARKER_OPACITY: f64 = 0.35;

/// In which of the colours the words of a shape are: those in an area are in ink.
pub fn text_colour(look: &Look, colours: &[&'static str; 8]) -> &'static str {
    let is_apart = look.path.is_empty();
    colours[if is_apart { usize::from(look.colour) } else { 0 }]
}

/// 15 % of a colour over white paper.
fn tint(colour: &str) -> String {
    let part = |at: usize| {
        let part = u8::from_str_radix(&colour[at..at + 2], 16).unwrap_or(0);
        255.0 - (255.0 - f64::from(part)) * look::TINT
    };
    format!("rgb({:.0},{:.0},{:.0})", part(1), part(3), part(5))
}

/// A text as XML has it. Characters that XML 1.0 has no way to write (section 2.2) are left out: a file with one of them is none.
fn escaped(text: &str) -> String {
    let is_written = |letter: &char| !matches!(letter, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    let text: String = text.chars().filter(is_written).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use meshwork_sync::whiteboard::{Bounds, Order, Picture, Style};

    use super::*;

    fn shape(what: What, text: &str) -> Shape {
        Shape {
            what,
            bounds: Bounds { x: 0, y: 0, width: 800, height: 400 },
            style: Style { colour: 6, size: 0, is_filled: true },
            order: Order::between(None, None),
            text: text.to_owned(),
        }
    }

    #[test]
    fn letters_that_xml_lacks_are_left_out() {
        assert_eq!(
            escaped("a\u{1b}[2J\u{0}\u{b}<b>\t\u{fffe}\u{1f600}\u{7f}"),
            "a[2J&lt;b>\t\u{1f600}\u{7f}"
        );
    }

    #[test]
    fn a_file_shows_shapes_texts_and_pictures() {
        let blob = BlobId([1; 32]);
        let shapes = [
            shape(What::Rectangle, "Fish & <chips>"),
            shape(What::Picture(Picture::new(blob, 9)), ""),
            shape(What::Picture(Picture::new(BlobId([2; 32]), 9)), ""),
        ];
        let measure = |text: &str, size: f64, _: bool| text.len() as f64 * size / 4.0;
        let picture = |of: BlobId| (of == blob).then(|| "data:image/png;base64,AA".to_owned());
        let svg = write(shapes.iter(), &measure, picture).expect("there are shapes");
        assert!(svg.contains(">Fish &amp; &lt;chips></text>"), "{svg}");
        assert!(svg.contains("viewBox=\"-30.0 -30.0 160.0 110.0\""), "{svg}");
        assert_eq!((svg.matches("<image ").count(), svg.matches("fill=\"none\" stroke").count()), (1, 1));
        assert!(svg.contains("fill=\"rgb(244,225,230)\""), "a tint of rose: {svg}");
        assert_eq!(write([].iter(), &measure, picture), None);
    }
}
