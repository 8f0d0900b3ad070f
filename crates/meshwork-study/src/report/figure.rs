//! Charts, drawn by plotters as SVG and as pixels.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::raster::{Raster, png};
use crate::outcome::{Axis, Figure, Form, Series};

/// Pixels of a figure as SVG; as PNG it has twice as many each way.
const WIDTH: u32 = 640;
const PLOT_HEIGHT: u32 = 392;
/// A row of the legend.
const ROW: i32 = 22;
/// Pixels from one entry of the legend to the next.
const COLUMN: i32 = 304;
const TITLE: i32 = 34;

pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub(super) const INK: RGBColor = RGBColor(0x14, 0x21, 0x1d);
pub(super) const HAIR: RGBColor = RGBColor(0xd3, 0xdb, 0xd7);
/// A colour for each series, with the one that stands for it on dark paper: apart by lightness as well, and every
/// series has a mark of its own besides.
pub(super) const COLOURS: [(RGBColor, &str); 8] = [
    (RGBColor(0x25, 0x63, 0xb8), "#7fb0f5"),
    (RGBColor(0xb5, 0x48, 0x2a), "#f09a7a"),
    (RGBColor(0x0e, 0x7c, 0x73), "#4fc4b8"),
    (RGBColor(0x9a, 0x3a, 0x8c), "#e08fd3"),
    (RGBColor(0x6c, 0x73, 0x18), "#c3cb5e"),
    (RGBColor(0x4c, 0x62, 0x72), "#a3bacb"),
    (RGBColor(0xb9, 0x3a, 0x5b), "#f28ca6"),
    (RGBColor(0x6a, 0x4b, 0xb8), "#b49df2"),
];

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// The figure as SVG.
pub(super) fn svg(figure: &Figure) -> String {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (WIDTH, height(figure))).into_drawing_area();
    draw(figure, &area, 1).expect("a string takes what is written");
    drop(area);
    text
}

/// The figure as a PNG file.
pub(super) fn pixels(figure: &Figure) -> Vec<u8> {
    let (width, height) = (2 * WIDTH, 2 * height(figure));
    let mut pixels = vec![0xff; 3 * (width * height) as usize];
    let area = Raster { width, pixels: &mut pixels }.into_drawing_area();
    draw(figure, &area, 2).expect("memory takes what is drawn");
    drop(area);
    png(width, &pixels)
}

fn rows(figure: &Figure) -> i32 {
    (figure.series.len() as i32 + 1) / 2
}

fn height(figure: &Figure) -> u32 {
    PLOT_HEIGHT + (TITLE + ROW * rows(figure)) as u32
}

fn draw<B: DrawingBackend>(figure: &Figure, area: &DrawingArea<B, Shift>, scale: i32) -> Drawn<B> {
    area.fill(&PAPER)?;
    legend(figure, area, scale)?;
    let below = area.clone().margin(scale * (TITLE + ROW * rows(figure)), 0, 0, 0);
    let points = || figure.series.iter().flat_map(|series| &series.points);
    let x = span(points().map(|point| point.0), &figure.x, figure.form == Form::Bars);
    let y = span(points().map(|point| point.1), &figure.y, false);
    match (figure.x.is_logarithmic, figure.y.is_logarithmic) {
        (false, false) => plot(figure, &below, scale, x.0..x.1, y.0..y.1),
        (true, false) => plot(figure, &below, scale, (x.0..x.1).log_scale(), y.0..y.1),
        (false, true) => plot(figure, &below, scale, x.0..x.1, (y.0..y.1).log_scale()),
        (true, true) => plot(figure, &below, scale, (x.0..x.1).log_scale(), (y.0..y.1).log_scale()),
    }
}

/// From where to where an axis goes.
fn span(values: impl Iterator<Item = f64>, axis: &Axis, is_wide: bool) -> (f64, f64) {
    let legal = |value: &f64| value.is_finite() && (!axis.is_logarithmic || *value > 0.0);
    let (least, most) = values
        .filter(legal)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    match (axis.is_logarithmic, least <= most) {
        (_, false) => (1.0, 10.0),
        (true, true) => (least / 1.3, most * 1.3),
        (false, true) => {
            let most = if most > 0.0 { most * 1.08 } else { 1.0 };
            (if is_wide { -most / 24.0 } else { least.min(0.0) }, most)
        }
    }
}

fn words(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

fn legend<B: DrawingBackend>(figure: &Figure, area: &DrawingArea<B, Shift>, scale: i32) -> Drawn<B> {
    let left = Pos::new(HPos::Left, VPos::Center);
    let title = format!("{} ({})", figure.title, figure.y.label);
    let at = (12 * scale, TITLE * scale / 2 + 2 * scale);
    area.draw(&Text::new(title, at, words(20 * scale).pos(left)))?;
    for (place, series) in figure.series.iter().enumerate() {
        let (column, row) = (place as i32 % 2, place as i32 / 2);
        let at = (scale * (12 + COLUMN * column), scale * (TITLE + ROW * row + ROW / 2));
        let colour = COLOURS[place % COLOURS.len()].0;
        let end = (at.0 + 22 * scale, at.1);
        area.draw(&PathElement::new(vec![at, end], colour.stroke_width(2 * scale as u32)))?;
        mark(area, place, (at.0 + 11 * scale, at.1), scale)?;
        let at = (end.0 + 8 * scale, at.1);
        area.draw(&Text::new(series.label.clone(), at, words(16 * scale).pos(left)))?;
    }
    Ok(())
}

/// The mark of a series: what tells it apart where colours do not.
fn mark<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    place: usize,
    at: (i32, i32),
    scale: i32,
) -> Drawn<B> {
    let colour = COLOURS[place % COLOURS.len()].0;
    let size = 4 * scale;
    match place % 4 {
        0 => area.draw(&Circle::new(at, size, colour.filled())),
        1 => area.draw(&TriangleMarker::new(at, size + scale, colour.filled())),
        2 => area.draw(&Cross::new(at, size, colour.stroke_width(2 * scale as u32))),
        _ => area
            .draw(&Rectangle::new([(at.0 - size, at.1 - size), (at.0 + size, at.1 + size)], colour.filled())),
    }
}

fn plot<B, X, Y>(figure: &Figure, area: &DrawingArea<B, Shift>, scale: i32, x: X, y: Y) -> Drawn<B>
where
    B: DrawingBackend,
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64> + Ranged<ValueType = f64>,
    Y::CoordDescType: ValueFormatter<f64> + Ranged<ValueType = f64>,
{
    let mut chart = ChartBuilder::on(area)
        .margin(8 * scale)
        .margin_right(20 * scale)
        .x_label_area_size(58 * scale)
        .y_label_area_size(64 * scale)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(HAIR)
        .axis_style(INK)
        .label_style(words(15 * scale))
        .axis_desc_style(words(15 * scale))
        .x_desc(figure.x.label)
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .draw()?;
    for (place, series) in figure.series.iter().enumerate() {
        match figure.form {
            Form::Lines => {
                let colour = COLOURS[place % COLOURS.len()].0.stroke_width(2 * scale as u32);
                let points: Vec<(f64, f64)> = visible(figure, series).collect();
                chart.draw_series(LineSeries::new(points.iter().copied(), colour))?;
                for point in points {
                    mark(area, place, below(area, chart.backend_coord(&point)), scale)?;
                }
            }
            Form::Bars => bars(figure, place, series, area, &chart, scale)?,
        }
    }
    Ok(())
}

/// Points that have a place on the axes.
fn visible<'a>(figure: &Figure, series: &'a Series) -> impl Iterator<Item = (f64, f64)> + 'a {
    let (x, y) = (figure.x.is_logarithmic, figure.y.is_logarithmic);
    let points = series.points.iter().copied();
    points.filter(move |point| (!x || point.0 > 0.0) && (!y || point.1 > 0.0))
}

/// A place of the whole picture as one of this part of it.
fn below<B: DrawingBackend>(area: &DrawingArea<B, Shift>, at: (i32, i32)) -> (i32, i32) {
    let (x, y) = area.get_pixel_range();
    (at.0 - x.start, at.1 - y.start)
}

fn bars<B, X, Y>(
    figure: &Figure,
    place: usize,
    series: &Series,
    area: &DrawingArea<B, Shift>,
    chart: &ChartContext<'_, B, Cartesian2d<X, Y>>,
    scale: i32,
) -> Drawn<B>
where
    B: DrawingBackend,
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let colour = COLOURS[place % COLOURS.len()].0.mix(0.85).filled();
    let width = 6 * scale;
    let floor = below(area, chart.backend_coord(&(0.0, 0.0))).1;
    for point in visible(figure, series) {
        let (x, top) = below(area, chart.backend_coord(&point));
        let left = x - width * figure.series.len() as i32 / 2 + width * place as i32;
        // A bar of one peer among thousands is to be seen.
        let top = top.min(floor - 2 * scale);
        area.draw(&Rectangle::new([(left, top), (left + width, floor)], colour))?;
    }
    Ok(())
}

/// A number as an axis has it: 50k, 0.25, 3M.
fn short(value: f64) -> String {
    let plain = |value: f64| {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match value.abs() {
        size if size >= 999_500.0 => format!("{}M", plain(value / 1e6)),
        size if size >= 9_999.5 => format!("{}k", plain(value / 1e3)),
        size if size >= 0.001 || size == 0.0 => plain(value),
        _ => format!("{value:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 0.25, 999.0, 5000.0, 50_000.0, 3e6, 1e-5].map(short),
            ["0", "0.25", "999", "5000", "50k", "3M", "1e-5"]
        );
    }

    #[test]
    fn figure_of_any_points_draws_without_panic() {
        let figure = |points: Vec<(f64, f64)>, is_logarithmic, form| Figure {
            name: "f",
            title: "F",
            x: Axis { label: "x", is_logarithmic },
            y: Axis { label: "y", is_logarithmic },
            form,
            series: vec![Series { label: "one <b>".into(), points }],
        };
        for form in [Form::Lines, Form::Bars] {
            for points in [vec![], vec![(0.0, 0.0)], vec![(5.0, 1.0), (7.0, f64::NAN)]] {
                for is_logarithmic in [false, true] {
                    let figure = figure(points.clone(), is_logarithmic, form);
                    assert!(svg(&figure).contains("one &lt;b&gt;"));
                    assert!(pixels(&figure).starts_with(b"\x89PNG"));
                }
            }
        }
    }
}
