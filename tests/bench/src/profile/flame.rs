//! A flame graph: functions as bars, those that they call above them, as wide as their share of the
//! samples. In a browser a click on a bar spreads it over the whole width, and one on the lowest bar
//! shows everything again.

use super::origin::Function;
use super::stacks::Stacks;
use crate::svg::Svg;

/// Sizes in pixels.
const WIDTH: f64 = 1_200.0;
const ROW: f64 = 17.0;
const HEAD: f64 = 34.0;
/// Narrower bars are left out: nobody could see or click them.
const NARROWEST: f64 = 0.3;
/// A character's width, about, to see what fits.
const CHARACTER: f64 = 6.6;

/// A function within its callers.
#[derive(Debug, Clone, PartialEq)]
struct Bar<'a> {
    /// `None` = the process as a whole.
    function: Option<&'a Function>,
    /// Calls below it.
    depth: usize,
    /// Where it begins, and how much of the whole it takes, from 0 to 1.
    from: f64,
    share: f64,
}

/// Draws the stacks of a process.
pub(crate) fn draw(name: &str, stacks: &Stacks) -> String {
    let bars = bars(stacks);
    let bars: Vec<_> = bars
        .iter()
        .filter(|bar| bar.share * WIDTH >= NARROWEST)
        .collect();
    let rows = bars.iter().map(|bar| bar.depth).max().unwrap_or(0) + 1;
    let height = HEAD + number(rows) * ROW + ROW;
    let title = format!("{name}: {} samples", stacks.samples());
    let mut svg = Svg::new(WIDTH, height, &title, STYLE);
    svg.text(
        "text",
        &[("x", &8), ("y", &22), ("class", &"title")],
        &title,
    );
    for bar in bars {
        let y = height - ROW * number(bar.depth + 2);
        draw_bar(&mut svg, bar, y, name);
    }
    svg.finish(ZOOM)
}

fn draw_bar(svg: &mut Svg, bar: &Bar<'_>, y: f64, process: &str) {
    let (name, origin) = match bar.function {
        Some(function) => (function.symbol.as_str(), function.origin.as_str()),
        None => (process, ""),
    };
    let (from, share) = (rounded(bar.from), rounded(bar.share));
    svg.open(&[
        ("class", &"bar"),
        ("data-x", &from),
        ("data-w", &share),
        ("data-y", &y),
        (
            "transform",
            &format!("translate({:.1} {y})", bar.from * WIDTH),
        ),
    ]);
    let hint = format!("{name} [{origin}] {:.2} %", bar.share * 100.0);
    svg.text("title", &[], &hint);
    let width = format!("{:.2}", bar.share * WIDTH);
    svg.shape(
        "rect",
        &[
            ("width", &width),
            ("height", &(ROW - 1.0)),
            ("fill", &fill(origin)),
        ],
    );
    svg.text(
        "text",
        &[("x", &3), ("y", &12), ("data-name", &name)],
        &fitting(name, bar.share * WIDTH),
    );
    svg.close();
}

/// All bars, in the order of stacks: equal beginnings of neighbours are one bar.
fn bars(stacks: &Stacks) -> Vec<Bar<'_>> {
    let all = float(stacks.samples()).max(1.0);
    let mut bars = vec![Bar {
        function: None,
        depth: 0,
        from: 0.0,
        share: 1.0,
    }];
    // The bars of the stack before, by depth.
    let mut open: Vec<usize> = Vec::new();
    let mut before: &[Function] = &[];
    let mut from = 0.0;
    for (stack, samples) in &stacks.0 {
        let share = float(*samples) / all;
        let same = stack.iter().zip(before).take_while(|(a, b)| a == b).count();
        open.truncate(same);
        for bar in &open {
            bars[*bar].share += share;
        }
        for (depth, function) in stack.iter().enumerate().skip(same) {
            open.push(bars.len());
            bars.push(Bar {
                function: Some(function),
                depth: depth + 1,
                from,
                share,
            });
        }
        before = stack;
        from += share;
    }
    bars
}

/// A colour by where a function comes from: ours, the kernel and C stand out.
fn fill(origin: &str) -> String {
    let hue = match origin {
        "" => return "var(--faint)".to_owned(),
        "kernel" => 25,
        "libc" | "C and assembler" | "aws-lc" => 50,
        ours if ours.starts_with("posthorn") => 210,
        // Not the blue of ours.
        other => {
            80 + other
                .bytes()
                .fold(7_u32, |sum, byte| sum * 31 % 997 + u32::from(byte))
                % 100
        }
    };
    format!("hsl({hue} 70% var(--light))")
}

fn fitting(name: &str, width: f64) -> String {
    let fits = name
        .chars()
        .enumerate()
        .take_while(|(place, _)| number(place + 2) * CHARACTER < width);
    let short: String = fits.map(|(_, character)| character).collect();
    if short.chars().count() < 3 {
        return String::new();
    }
    short
}

/// Shares to a millionth: a picture has thousands of them.
fn rounded(share: f64) -> String {
    format!("{share:.6}")
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn float(samples: u64) -> f64 {
    f64::from(u32::try_from(samples).unwrap_or(u32::MAX))
}

const STYLE: &str = ":root{--light:72%}@media(prefers-color-scheme:dark){:root{--light:32%}}\
.bar{cursor:pointer}.bar text{font:11px ui-monospace,monospace}.title{font-weight:600}";

/// Lays all bars out anew around the one that was clicked.
const ZOOM: &str = r#"const bars=[...document.querySelectorAll(".bar")],width=1200;
const at=(bar,key)=>Number(bar.dataset[key]);
function show(chosen){
  const x=at(chosen,"x"),w=at(chosen,"w"),y=at(chosen,"y");
  for(const bar of bars){
    const below=at(bar,"y")>y,end=at(bar,"x")+at(bar,"w"),slack=2e-6;
    const within=at(bar,"x")>=x-slack&&end<=x+w+slack;
    const around=below&&at(bar,"x")<=x+slack&&end>=x+w-slack;
    bar.style.display=around||within&&!below?"":"none";
    const left=around?0:(at(bar,"x")-x)/w*width,size=around?width:at(bar,"w")/w*width;
    bar.setAttribute("transform",`translate(${left} ${at(bar,"y")})`);
    bar.querySelector("rect").setAttribute("width",size);
    const text=bar.querySelector("text"),fits=Math.floor(size/6.6)-1;
    text.textContent=fits<3?"":text.dataset.name.slice(0,fits);
  }
}
for(const bar of bars)bar.addEventListener("click",()=>show(bar));
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn stacks() -> Stacks {
        let stack = |names: &str| {
            names
                .split(' ')
                .map(|name| Function::new(name, "x"))
                .collect()
        };
        let all = [("a b", 1), ("a b c", 2), ("a d", 1), ("e", 4)];
        Stacks(all.map(|(names, samples)| (stack(names), samples)).into())
    }

    #[test]
    fn a_bar_spans_all_stacks_that_begin_with_it() {
        let stacks = stacks();
        let found: Vec<_> = bars(&stacks)
            .into_iter()
            .map(|bar| {
                let name = bar.function.map_or("all", |function| &function.symbol);
                (name.to_owned(), bar.depth, bar.from, bar.share)
            })
            .collect();
        let bar = |name: &str, depth, from, share| (name.to_owned(), depth, from, share);
        let expected = [
            bar("all", 0, 0.0, 1.0),
            bar("a", 1, 0.0, 0.5),
            bar("b", 2, 0.0, 0.375),
            bar("c", 3, 0.125, 0.25),
            bar("d", 2, 0.375, 0.125),
            bar("e", 1, 0.5, 0.5),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_name_is_cut_to_its_bar() {
        assert_eq!(fitting("tokio::poll", 200.0), "tokio::poll");
        assert_eq!(fitting("tokio::poll", 40.0), "tokio");
        assert_eq!(fitting("tokio::poll", 20.0), "");
    }

    #[test]
    fn a_flame_graph_has_a_bar_for_everything_that_can_be_seen() {
        let picture = draw("sender", &stacks());
        assert_eq!(picture.matches("class=\"bar\"").count(), 6);
        assert!(picture.contains("<title>sender: 8 samples</title>"));
    }
}
