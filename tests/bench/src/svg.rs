//! Writes SVG by hand: elements with escaped text, and colours that suit a light and a dark page.
//!
//! Two kinds of pictures need less than what crates for plots bring along (fonts, bitmaps), and those for
//! flame graphs come under a licence that is not among ours.

use std::fmt::{Display, Write};

/// Colours of text, lines and series; a reader's system chooses between light and dark.
const COLOURS: &str = "\
:root{--paper:#ffffff;--ink:#1f2328;--faint:#d0d7de;--s0:#0969da;--s1:#bc4c00;--s2:#1a7f37;\
--s3:#8250df;--s4:#bf3989;--s5:#57606a;--s6:#9a6700;--s7:#0a7f86}\
@media(prefers-color-scheme:dark){:root{--paper:#0d1117;--ink:#e6edf3;--faint:#30363d;\
--s0:#58a6ff;--s1:#f0883e;--s2:#3fb950;--s3:#bc8cff;--s4:#f778ba;--s5:#8b949e;--s6:#d29922;--s7:#39c5cf}}\
svg{background:var(--paper)}text{fill:var(--ink);font:12px system-ui,sans-serif}";

/// Colours that series take in turn: one for each process of a fleet, and one for all together.
const SERIES_COLOURS: usize = 8;

/// The colour of a series, by its place.
pub(crate) fn colour(series: usize) -> String {
    format!("var(--s{})", series % SERIES_COLOURS)
}

/// A picture that is being written.
pub(crate) struct Svg {
    text: String,
}

impl Svg {
    /// Begins a picture of this size, in pixels, with further rules of style.
    pub(crate) fn new(width: f64, height: f64, title: &str, style: &str) -> Self {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n\
             <style>{COLOURS}{style}</style>\n<rect width=\"100%\" height=\"100%\" \
             fill=\"var(--paper)\"/>\n",
            escaped(title)
        );
        Self { text }
    }

    /// Adds an element without content.
    pub(crate) fn shape(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.begin(name, attributes);
        self.text.push_str("/>\n");
    }

    /// Adds an element that contains text.
    pub(crate) fn text(&mut self, name: &str, attributes: &[(&str, &dyn Display)], text: &str) {
        self.begin(name, attributes);
        let text = escaped(text);
        self.push(format_args!(">{text}</{name}>\n"));
    }

    /// Opens a group; [`Svg::close`] ends it.
    pub(crate) fn open(&mut self, attributes: &[(&str, &dyn Display)]) {
        self.begin("g", attributes);
        self.text.push_str(">\n");
    }

    /// Ends a group.
    pub(crate) fn close(&mut self) {
        self.text.push_str("</g>\n");
    }

    /// The whole picture, with a script that runs where it is opened by itself.
    pub(crate) fn finish(mut self, script: &str) -> String {
        if !script.is_empty() {
            self.push(format_args!("<script><![CDATA[\n{script}]]></script>\n"));
        }
        self.text.push_str("</svg>\n");
        self.text
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.push(format_args!("<{name}"));
        for (key, value) in attributes {
            let value = escaped(&value.to_string());
            self.push(format_args!(" {key}=\"{value}\""));
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("a String takes any text");
    }
}

/// Text as XML may carry it.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // XML has no other control characters, not even escaped.
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_text_holds_the_picture_is_xml() {
        let mut svg = Svg::new(10.0, 20.0, "a < b", "");
        svg.open(&[]);
        svg.text("text", &[("class", &"\"x\"")], "<T as &U>\u{7}");
        svg.shape("path", &[("d", &1.5)]);
        svg.close();
        let text = svg.finish("");
        assert!(text.contains("<title>a &lt; b</title>"));
        assert!(text.contains("<text class=\"&quot;x&quot;\">&lt;T as &amp;U&gt; </text>"));
        assert!(text.contains("<path d=\"1.5\"/>"));
        assert_eq!(text.matches("<g>").count(), text.matches("</g>").count());
        assert!(text.ends_with("</svg>\n") && !text.contains("<script>"));
    }
}
