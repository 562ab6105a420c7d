//! Plots as SVG: lines with points over two axes.

pub(crate) mod scale;

use self::scale::{Kind, Scale, label};
use crate::svg::{Svg, colour};

/// Sizes in pixels.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 56.0;
const LINE: f64 = 18.0;

const STYLE: &str = ".grid{stroke:var(--faint);stroke-width:1}.axis{stroke:var(--ink)}\
.title{font-size:15px;font-weight:600}.line{fill:none;stroke-width:2}";

/// An axis.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// What it shows, with its unit.
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// A line.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// From left to right.
    pub(crate) points: Vec<(f64, f64)>,
}

/// A picture of some lines.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

impl Plot {
    /// Draws it.
    pub(crate) fn draw(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = Scale::fit(self.x.kind, points().map(|point| point.0));
        let y = Scale::fit(self.y.kind, points().map(|point| point.1));
        let mut svg = Svg::new(WIDTH, HEIGHT, &self.title, STYLE);
        svg.text(
            "text",
            &[("x", &LEFT), ("y", &24), ("class", &"title")],
            &self.title,
        );
        self.draw_x(&mut svg, &x);
        self.draw_y(&mut svg, &y);
        for (place, series) in self.series.iter().enumerate() {
            draw_series(&mut svg, place, series, (&x, &y));
        }
        svg.finish("")
    }

    fn draw_x(&self, svg: &mut Svg, scale: &Scale) {
        for tick in scale.ticks() {
            let x = across(scale, tick).unwrap_or(LEFT);
            line(svg, "grid", (x, TOP), (x, HEIGHT - BOTTOM));
            let y = HEIGHT - BOTTOM + LINE;
            let attributes: [(&str, &dyn std::fmt::Display); 3] =
                [("x", &x), ("y", &y), ("text-anchor", &"middle")];
            svg.text("text", &attributes, &label(tick));
        }
        line(
            svg,
            "axis",
            (LEFT, HEIGHT - BOTTOM),
            (WIDTH - RIGHT, HEIGHT - BOTTOM),
        );
        let (x, y) = (f64::midpoint(LEFT, WIDTH - RIGHT), HEIGHT - 14.0);
        svg.text(
            "text",
            &[("x", &x), ("y", &y), ("text-anchor", &"middle")],
            &self.x.name,
        );
    }

    fn draw_y(&self, svg: &mut Svg, scale: &Scale) {
        for tick in scale.ticks() {
            let y = up(scale, tick).unwrap_or(TOP);
            line(svg, "grid", (LEFT, y), (WIDTH - RIGHT, y));
            let (x, y) = (LEFT - 8.0, y + 4.0);
            svg.text(
                "text",
                &[("x", &x), ("y", &y), ("text-anchor", &"end")],
                &label(tick),
            );
        }
        line(svg, "axis", (LEFT, TOP), (LEFT, HEIGHT - BOTTOM));
        let y = f64::midpoint(TOP, HEIGHT - BOTTOM);
        let turned = format!("translate(16 {y}) rotate(-90)");
        svg.text(
            "text",
            &[("transform", &turned), ("text-anchor", &"middle")],
            &self.y.name,
        );
    }
}

/// The line, its points, and its name beside the plot.
fn draw_series(svg: &mut Svg, place: usize, series: &Series, (x, y): (&Scale, &Scale)) {
    let at = |point: &(f64, f64)| Some((across(x, point.0)?, up(y, point.1)?));
    let points: Vec<(f64, f64)> = series.points.iter().filter_map(at).collect();
    let pairs: Vec<_> = points
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let colour = colour(place);
    let line: [(&str, &dyn std::fmt::Display); 3] = [
        ("class", &"line"),
        ("stroke", &colour),
        ("points", &pairs.join(" ")),
    ];
    svg.shape("polyline", &line);
    for (x, y) in points {
        let point: [(&str, &dyn std::fmt::Display); 4] = [
            ("cx", &format!("{x:.1}")),
            ("cy", &format!("{y:.1}")),
            ("r", &3),
            ("fill", &colour),
        ];
        svg.shape("circle", &point);
    }
    let row = f64::from(u32::try_from(place).unwrap_or(0));
    let (left, top) = (WIDTH - RIGHT + 16.0, TOP + 8.0 + row * LINE);
    svg.shape(
        "circle",
        &[("cx", &left), ("cy", &top), ("r", &4), ("fill", &colour)],
    );
    svg.text(
        "text",
        &[("x", &(left + 10.0)), ("y", &(top + 4.0))],
        &series.name,
    );
}

fn across(scale: &Scale, value: f64) -> Option<f64> {
    Some(LEFT + scale.place(value)? * (WIDTH - LEFT - RIGHT))
}

fn up(scale: &Scale, value: f64) -> Option<f64> {
    Some(HEIGHT - BOTTOM - scale.place(value)? * (HEIGHT - TOP - BOTTOM))
}

fn line(svg: &mut Svg, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let attributes: [(&str, &dyn std::fmt::Display); 5] = [
        ("class", &class),
        ("x1", &x1),
        ("y1", &y1),
        ("x2", &x2),
        ("y2", &y2),
    ];
    svg.shape("line", &attributes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let axis = |name: &str, kind| Axis {
            name: name.to_owned(),
            kind,
        };
        Plot {
            title: "latency".to_owned(),
            x: axis("events/s", Kind::Log),
            y: axis("ms", Kind::Linear),
            series: vec![Series {
                name: "p50".to_owned(),
                points: vec![(10.0, 5.0), (100.0, 0.0), (1_000.0, 10.0), (0.0, 1.0)],
            }],
        }
    }

    #[test]
    fn points_stand_where_their_axes_say_and_those_without_a_place_are_left_out() {
        let picture = plot().draw();
        assert!(
            picture.contains("points=\"70.0,192.0 320.0,344.0 570.0,40.0\""),
            "{picture}"
        );
        assert_eq!(picture.matches("r=\"3\"").count(), 3);
    }

    #[test]
    fn axes_and_series_are_named() {
        let picture = plot().draw();
        for text in [
            ">latency<",
            ">events/s<",
            ">ms<",
            ">p50<",
            ">1,000<",
            ">10<",
        ] {
            assert!(picture.contains(text), "{text}");
        }
    }
}
