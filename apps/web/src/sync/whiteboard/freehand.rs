//! The outline of a stroke by hand: thick where the pen goes slowly or is pressed, thin where it is quick, round at its ends.
//!
//! As perfect-freehand by Steve Ruiz has it: points are smoothed, a pressure is made up from the speed where the pen tells none,
//! and on both sides of the way lie the points of an outline.

use super::Place;

/// How far a point is drawn to the one before, so that a trembling hand is not seen.
const SMOOTHING: f64 = 0.5;
/// How much of the width follows the pressure.
const THINNING: f64 = 0.5;
/// How quickly a made-up pressure follows the speed.
const RATE: f64 = 0.275;
/// Steps in half a circle at an end.
const ROUND: usize = 6;

/// The outline of a stroke of this width as SVG path data; empty for no points.
pub fn outline(points: &[Place], pressures: &[u8], width: f64) -> String {
    let way = smoothed(points);
    let Some(&first) = way.first() else { return String::new() };
    let length: f64 = way.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
    if length < width / 4.0 {
        return dot(first, width * 0.6);
    }
    let radii = radii(&way, pressures, width);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (number, (&at, &radius)) in way.iter().zip(&radii).enumerate() {
        let (before, after) = (way[number.saturating_sub(1)], way[(number + 1).min(way.len() - 1)]);
        let (x, y) = direction(before, after);
        left.push((at.0 + y * radius, at.1 - x * radius));
        right.push((at.0 - y * radius, at.1 + x * radius));
    }
    let last = way.len() - 1;
    let mut around = left;
    around.extend(cap(way[last], direction(way[last - 1], way[last]), radii[last]));
    around.extend(right.into_iter().rev());
    let (x, y) = direction(way[0], way[1]);
    around.extend(cap(first, (-x, -y), radii[0]));
    closed(&around)
}

/// The points without those that lie upon the one before, each drawn to it a little.
fn smoothed(points: &[Place]) -> Vec<Place> {
    let mut way: Vec<Place> = Vec::with_capacity(points.len());
    for (number, &point) in points.iter().enumerate() {
        let is_end = number == 0 || number + 1 == points.len();
        let next = match way.last() {
            Some(&last) if !is_end => {
                let share = |from: f64, to: f64| from + (to - from) * (1.0 - SMOOTHING);
                (share(last.0, point.0), share(last.1, point.1))
            }
            _ => point,
        };
        if way.last().is_none_or(|&last| distance(last, next) > 0.1) {
            way.push(next);
        }
    }
    way
}

fn radii(way: &[Place], pressures: &[u8], width: f64) -> Vec<f64> {
    let mut pressure = 0.5;
    let mut radii = Vec::with_capacity(way.len());
    for (number, &at) in way.iter().enumerate() {
        if pressures.is_empty() {
            let step = distance(way[number.saturating_sub(1)], at);
            let speed = (step / width).min(1.0);
            pressure = (pressure + (1.0 - speed - pressure) * speed * RATE).clamp(0.0, 1.0);
        } else {
            let told = pressures[number * (pressures.len() - 1) / (way.len() - 1).max(1)];
            pressure = f64::from(told) / 255.0;
        }
        radii.push(width * (0.5 - THINNING * (0.5 - pressure)).max(0.1));
    }
    radii
}

/// The way around an end, from its left side to its right.
fn cap((x, y): Place, (along, across): Place, radius: f64) -> impl Iterator<Item = Place> {
    (1..ROUND).map(move |step| {
        let turn = std::f64::consts::PI * step as f64 / ROUND as f64;
        let (sine, cosine) = turn.sin_cos();
        (x + radius * (across * cosine + along * sine), y + radius * (across * sine - along * cosine))
    })
}

/// A closed line that is round through the middles between its points.
fn closed(points: &[Place]) -> String {
    let middle = |one: Place, other: Place| ((one.0 + other.0) / 2.0, (one.1 + other.1) / 2.0);
    let mut path = String::with_capacity(points.len() * 24);
    let start = middle(points[points.len() - 1], points[0]);
    put(&mut path, 'M', start);
    for (number, &point) in points.iter().enumerate() {
        put(&mut path, 'Q', point);
        put(&mut path, ' ', middle(point, points[(number + 1) % points.len()]));
    }
    path.push('z');
    path
}

/// Adds a place to a path, to a tenth of a pixel. A board has millions of them, and to format floats was half of the work.
fn put(path: &mut String, before: char, (x, y): Place) {
    for (before, number) in [(before, x), (' ', y)] {
        path.push(before);
        // A float becomes an integer by saturation.
        let tenths = (number * 10.0).round() as i64;
        if tenths < 0 {
            path.push('-');
        }
        let digit = |of: u64| char::from(b'0' + (of % 10) as u8);
        let (whole, tenth) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
        let length = whole.checked_ilog10().unwrap_or(0);
        path.extend((0..=length).rev().map(|place| digit(whole / 10_u64.pow(place))));
        if tenth > 0 {
            path.extend(['.', digit(tenth)]);
        }
    }
}

fn dot((x, y): Place, radius: f64) -> String {
    let (left, across) = (x - radius, 2.0 * radius);
    format!(
        "M{left:.1} {y:.1}a{radius:.1} {radius:.1} 0 1 0 {across:.1} 0a{radius:.1} {radius:.1} 0 1 0 -{across:.1} 0z"
    )
}

fn distance(one: Place, other: Place) -> f64 {
    (other.0 - one.0).hypot(other.1 - one.1)
}

fn direction(from: Place, to: Place) -> Place {
    let length = distance(from, to);
    if length == 0.0 { (1.0, 0.0) } else { ((to.0 - from.0) / length, (to.1 - from.1) / length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(path: &str) -> Vec<f64> {
        let apart = |sign: char| !(sign.is_ascii_digit() || sign == '.' || sign == '-');
        path.split(apart)
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().expect("a number"))
            .collect()
    }

    #[test]
    fn an_outline_lies_around_its_way() {
        let points: Vec<Place> = (0..40).map(|at| (f64::from(at) * 5.0, 100.0)).collect();
        let path = outline(&points, &[], 8.0);
        let ys: Vec<f64> = numbers(&path).into_iter().skip(1).step_by(2).collect();
        assert!(ys.iter().all(|y| (92.0..=108.0).contains(y)), "{path}");
        assert!(ys.iter().any(|y| *y < 99.0) && ys.iter().any(|y| *y > 101.0), "{path}");
        assert!(path.starts_with('M') && path.ends_with('z'));
    }

    #[test]
    fn a_pressed_pen_draws_thicker() {
        let points: Vec<Place> = (0..40).map(|at| (f64::from(at) * 5.0, 100.0)).collect();
        let height = |pressure: u8| {
            let path = outline(&points, &[pressure; 40], 8.0);
            let ys: Vec<f64> = numbers(&path).into_iter().skip(1).step_by(2).collect();
            ys.iter().copied().fold(0.0, f64::max) - ys.iter().copied().fold(1e9, f64::min)
        };
        assert!(height(250) > height(60) + 2.0);
    }

    #[test]
    fn numbers_have_a_tenth() {
        let mut path = String::new();
        put(&mut path, 'M', (0.0, -0.04));
        put(&mut path, 'Q', (-0.06, 1234567.89));
        put(&mut path, ' ', (-70.0, 109.96));
        put(&mut path, ' ', (f64::NAN, f64::INFINITY));
        assert_eq!(path, "M0 0Q-0.1 1234567.9 -70 110 0 922337203685477580.7");
    }

    #[test]
    fn taps_are_dots_and_nothing_is_nothing() {
        assert!(outline(&[(3.0, 4.0)], &[], 4.0).contains('a'));
        assert!(outline(&[(3.0, 4.0); 9], &[7; 9], 4.0).contains('a'));
        assert_eq!(outline(&[], &[], 4.0), "");
    }
}
