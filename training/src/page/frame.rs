//! The frame of a chart: axes with round ticks and their names, and what places a value in the drawing.

use std::fmt::Write;

use super::text::{count, escape};

/// A direction of a chart.
pub(crate) enum Axis {
    /// In even steps.
    Linear { from: f64, to: f64, ticks: Vec<(f64, String)> },
    /// In doublings, between two numbers above zero.
    Doublings { from: f64, to: f64 },
    /// In powers of ten, from one of them to another.
    Powers { from: i32, to: i32 },
    /// Counts in powers of ten, with zero half a power below one, so that a single thing is seen.
    Counts { most: u64 },
}

impl Axis {
    /// From zero, or what lies below it, to a round number at or above `most`.
    pub(crate) fn up_to(most: f64, text: impl Fn(f64) -> String) -> Self {
        Self::between(0.0, most, text)
    }

    /// The same with numbers that all have the decimals that the step between them needs.
    pub(crate) fn numbers(least: f64, most: f64) -> Self {
        let step = step_between(least, most);
        let fits = |decimals: &usize| {
            let scaled = step * 10_f64.powi(*decimals as i32);
            (scaled - scaled.round()).abs() < 1e-6
        };
        let decimals = (0..6).find(fits).unwrap_or(6);
        Self::between(least, most, |value| format!("{value:.decimals$}"))
    }

    /// From a round number at or below `least` to one at or above `most`.
    pub(crate) fn between(least: f64, most: f64, text: impl Fn(f64) -> String) -> Self {
        let step = step_between(least, most);
        let first = (least / step + 1e-9).floor();
        let last = (most / step - 1e-9).ceil().max(first + 1.0);
        let ticks = (0..=(last - first) as u32).map(|tick| (first + f64::from(tick)) * step);
        Self::Linear { from: first * step, to: last * step, ticks: ticks.map(|value| (value, text(value))).collect() }
    }

    /// All shares, in percent.
    pub(crate) fn shares() -> Self {
        Self::between(0.0, 1.0, share)
    }

    /// Places of one width, some of which have a name.
    pub(crate) fn places(places: usize, ticks: Vec<(f64, String)>) -> Self {
        Self::Linear { from: 0.0, to: places as f64, ticks }
    }

    /// From one number above zero to another, each doubling as wide as the next.
    pub(crate) fn doublings(from: f64, to: f64) -> Self {
        Self::Doublings { from, to: to.max(from * 1.01) }
    }

    /// How far along a value is, from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        match self {
            Self::Linear { from, to, .. } => (value - from) / (to - from),
            Self::Doublings { from, to } => (value / from).ln() / (to / from).ln(),
            Self::Powers { from, to } => {
                let from = f64::from(*from);
                if value > 0.0 { ((value.log10() - from) / (f64::from(*to) - from)).max(0.0) } else { 0.0 }
            }
            Self::Counts { most } => match value < 1.0 {
                true => 0.0,
                false => (value.log10() + 0.5) / (decades(*most) + 0.5),
            },
        }
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        match self {
            Self::Linear { ticks, .. } => ticks.clone(),
            Self::Doublings { from, to } => round_between(*from, *to).into_iter().map(|value| (value, plain(value))).collect(),
            Self::Powers { from, to } => {
                (*from..=*to).map(|power| 10_f64.powi(power)).map(|value| (value, share(value))).collect()
            }
            Self::Counts { most } => {
                let powers = (0..=decades(*most) as u32).map(|power| 10_u64.pow(power));
                std::iter::once(0).chain(powers).map(|value| (value as f64, short(value))).collect()
            }
        }
    }
}

/// Round numbers between two above zero, at most some seven: 1, 2, 5 of each power of ten, or powers of ten alone.
fn round_between(from: f64, to: f64) -> Vec<f64> {
    let (first, last) = (from.log10().floor() as i32, to.log10().ceil() as i32);
    let of = |leading: &[f64]| -> Vec<f64> {
        let all = (first..=last).flat_map(|power| leading.iter().map(move |digit| digit * 10_f64.powi(power)));
        all.filter(|value| *value >= from * (1.0 - 1e-9) && *value <= to * (1.0 + 1e-9)).collect()
    };
    let fine = of(&[1.0, 2.0, 5.0]);
    if fine.len() <= 7 { fine } else { of(&[1.0]) }
}

/// A number without more digits than it has: 0.05, 200, 1e-6.
pub(crate) fn plain(value: f64) -> String {
    let text = format!("{value:.3e}");
    let short: f64 = text.parse().expect("a number that was just written");
    match short.abs() {
        small if small > 0.0 && small < 1e-4 => format!("{short:e}"),
        large if large >= 10_000.0 && short.fract() == 0.0 => count(short as u64),
        _ => short.to_string(),
    }
}

fn decades(most: u64) -> f64 {
    (most.max(10) as f64).log10()
}

/// A share as a tick: 20 %, 0.5 %.
pub(crate) fn share(value: f64) -> String {
    let text = format!("{:.4}", value * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn short(value: u64) -> String {
    match value {
        0..10_000 => count(value),
        10_000..1_000_000 => format!("{} k", value / 1000),
        _ => format!("{} M", count(value / 1_000_000)),
    }
}

/// A round step, some four of which lie between two numbers.
fn step_between(least: f64, most: f64) -> f64 {
    let rough = (most - least).max(1e-6) / 4.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|step| step * decade >= rough * (1.0 - 1e-9));
    step.unwrap_or(10.0) * decade
}

/// A chart's size, in the units of its drawing, and its axes.
pub(crate) struct Frame<'a> {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// What the axes stand for, and their units.
    pub(crate) names: [&'a str; 2],
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

const SMALL: [f64; 2] = [410.0, 290.0];
const WIDE: [f64; 2] = [640.0, 240.0];

const LEFT: f64 = 50.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 44.0;

impl<'a> Frame<'a> {
    /// Of a chart of which three stand side by side.
    pub(crate) const fn small(names: [&'a str; 2], x: Axis, y: Axis) -> Self {
        Self { width: SMALL[0], height: SMALL[1], names, x, y }
    }

    /// Of a chart of which two stand side by side.
    pub(crate) const fn wide(names: [&'a str; 2], x: Axis, y: Axis) -> Self {
        Self { width: WIDE[0], height: WIDE[1], names, x, y }
    }

    pub(crate) fn x(&self, value: f64) -> f64 {
        LEFT + self.x.at(value) * (self.width - LEFT - RIGHT)
    }

    pub(crate) fn y(&self, value: f64) -> f64 {
        self.height - BOTTOM - self.y.at(value) * (self.height - TOP - BOTTOM)
    }

    /// Where the plot ends below.
    pub(crate) const fn floor(&self) -> f64 {
        self.height - BOTTOM
    }

    /// A line through points.
    pub(crate) fn line(&self, class: &str, points: impl Iterator<Item = (f64, f64)>) -> String {
        let path = points.map(|(x, y)| format!("{:.1},{:.1}", self.x(x), self.y(y))).collect::<Vec<_>>().join(" ");
        format!("<polyline class=\"line {class}\" points=\"{path}\"/>")
    }

    /// A line that keeps its height until the next point.
    pub(crate) fn stairs(&self, class: &str, points: &[(f64, f64)]) -> String {
        let corners = points.windows(2).flat_map(|pair| [pair[0], (pair[1].0, pair[0].1)]);
        self.line(class, corners.chain(points.last().copied()))
    }

    pub(crate) fn dot(&self, class: &str, x: f64, y: f64) -> String {
        format!("<circle class=\"dot {class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>", self.x(x), self.y(y))
    }

    /// An interval upright through a point.
    pub(crate) fn whisker(&self, class: &str, x: f64, (lower, upper): (f64, f64)) -> String {
        let (x, lower, upper) = (self.x(x), self.y(lower), self.y(upper));
        format!("<line class=\"whisker {class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{lower:.1}\" y2=\"{upper:.1}\"/>")
    }

    /// A bar from the floor.
    pub(crate) fn bar(&self, class: &str, (from, to): (f64, f64), value: f64) -> String {
        let (left, right, top) = (self.x(from), self.x(to), self.y(value));
        let (width, height) = ((right - left).max(0.0), (self.floor() - top).max(0.0));
        format!("<rect class=\"bar {class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>")
    }

    /// A text beside a point and a little above or below it: to its left where there is no room to its right.
    pub(crate) fn note(&self, (x, y): (f64, f64), down: f64, text: &str) -> String {
        let (x, y) = (self.x(x), self.y(y) + 4.0 + down);
        let (x, anchor) = if x > self.width - 90.0 { (x - 8.0, "end") } else { (x + 8.0, "start") };
        format!("<text class=\"note\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", escape(text))
    }

    /// The whole drawing; `label` says in words what it shows.
    pub(crate) fn draw(&self, label: &str, inside: &str) -> String {
        let Self { width, height, names, .. } = self;
        let mut svg = format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">", escape(label));
        let (right, floor) = (width - RIGHT, self.floor());
        // Writing to a String cannot fail.
        for (value, text) in self.y.ticks() {
            let y = self.y(value);
            let _ = write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
            let _ = write!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>", LEFT - 7.0, y + 4.0);
        }
        for (value, text) in self.x.ticks() {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                self.x(value),
                floor + 18.0,
                escape(&text)
            );
        }
        svg.push_str(inside);
        let _ = write!(svg, "<line class=\"base\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{floor}\" y2=\"{floor}\"/>");
        let _ = write!(svg, "<text class=\"axis\" x=\"0\" y=\"11\">{}</text>", escape(names[1]));
        let _ = write!(
            svg,
            "<text class=\"axis\" x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text></svg>",
            height - 6.0,
            escape(names[0])
        );
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let check = |axis: Axis, expect: &[&str]| {
            assert_eq!(axis.ticks().iter().map(|tick| tick.1.as_str()).collect::<Vec<_>>(), expect);
        };
        check(Axis::shares(), &["0 %", "25 %", "50 %", "75 %", "100 %"]);
        check(Axis::up_to(7.3, |value| value.to_string()), &["0", "2", "4", "6", "8"]);
        check(Axis::numbers(0.83, 0.91), &["0.82", "0.84", "0.86", "0.88", "0.90", "0.92"]);
        check(Axis::doublings(0.02, 0.3), &["0.02", "0.05", "0.1", "0.2"]);
        check(Axis::doublings(5.0, 800.0), &["5", "10", "20", "50", "100", "200", "500"]);
        check(Axis::doublings(1e-6, 10.0), &["1e-6", "1e-5", "0.0001", "0.001", "0.01", "0.1", "1", "10"]);
        check(Axis::Powers { from: -3, to: 0 }, &["0.1 %", "1 %", "10 %", "100 %"]);
        check(Axis::Counts { most: 25_000 }, &["0", "1", "10", "100", "1,000", "10 k"]);
    }
}
