//! Writer of SVG elements.

use super::style;
use std::fmt::Write as _;

/// Mean width of a character in units of the font's size.
const CHARACTER: f64 = 0.55;

/// An SVG document that is being written.
#[derive(Debug)]
pub(super) struct Svg {
    body: String,
    width: f64,
}

/// Alignment of a text to its coordinate.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(super) fn new(width: f64) -> Self {
        Self { body: String::new(), width }
    }

    pub(super) fn path(&mut self, class: &str, data: &str) {
        self.push(format_args!("<path class=\"{class}\" d=\"{data}\"/>"));
    }

    /// A path with a tooltip.
    pub(super) fn path_with_tip(&mut self, class: &str, data: &str, tip: &str) {
        let tip = escape(tip);
        self.push(format_args!("<path class=\"{class}\" d=\"{data}\"><title>{tip}</title></path>"));
    }

    pub(super) fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        self.path(class, &format!("M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}"));
    }

    pub(super) fn rect(
        &mut self,
        class: &str,
        [x, y]: [f64; 2],
        [width, height]: [f64; 2],
        tip: &str,
    ) {
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"2\"><title>{}</title></rect>",
            width.max(0.0),
            escape(tip)
        ));
    }

    pub(super) fn dot(&mut self, class: &str, [x, y]: [f64; 2], radius: f64, tip: &str) {
        self.push(format_args!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>{}</title></circle>",
            escape(tip)
        ));
    }

    pub(super) fn text(&mut self, class: &str, [x, y]: [f64; 2], anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            escape(text)
        ));
    }

    /// Text that is turned to read upwards, centred at a point.
    pub(super) fn upright(&mut self, [x, y]: [f64; 2], text: &str) {
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 {x:.1} {y:.1})\">{}</text>",
            escape(text)
        ));
    }

    /// The legend, in rows from `[x, y]` to the right edge. Returns its height.
    pub(super) fn legend(&mut self, [left, y]: [f64; 2], entries: &[(String, String)]) -> f64 {
        const ROW: f64 = 20.0;
        let (mut x, mut row) = (left, 0.0);
        for (class, name) in entries {
            let wide = 34.0 + text_width(name, 12.5) + 12.0;
            if x > left && x + wide > self.width {
                (x, row) = (left, row + ROW);
            }
            let middle = y + row;
            self.path(class, &format!("M{x:.1} {middle:.1}h22"));
            self.text("key", [x + 29.0, middle + 4.0], Anchor::Start, name);
            x += wide;
        }
        if entries.is_empty() { 0.0 } else { row + ROW }
    }

    /// The whole document; where `alone`, a file with colours and a background.
    pub(super) fn finish(self, height: f64, label: &str, alone: bool) -> String {
        let Self { body, width } = self;
        let style = if alone {
            format!("<style>{}{}</style>", style::STYLE, style::colours())
        } else {
            String::new()
        };
        let ground = if alone {
            format!("<rect class=\"ground\" width=\"{width}\" height=\"{height:.0}\" rx=\"8\"/>")
        } else {
            String::new()
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {width} {height:.0}\" role=\"img\" aria-label=\"{}\">{style}{ground}\n{body}</svg>\n",
            escape(label)
        )
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.body, "{element}");
    }
}

/// A text with the special characters of XML and HTML escaped.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML allows no other control characters.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Approximate width of a text in units of its font size.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * CHARACTER * size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_name_things_cannot_break_out() {
        assert_eq!(escape("<b a=\"1\">&'\u{1}"), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;\u{fffd}");
        let mut svg = Svg::new(100.0);
        svg.text("key", [0.0, 0.0], Anchor::Start, "</text><script>");
        let text = svg.finish(10.0, "\"><script>", false);
        assert!(!text.contains("<script"), "{text}");
    }

    #[test]
    fn a_legend_wraps_at_the_edge() {
        let entry = |name: &str| ("line s0".to_owned(), name.to_owned());
        let mut svg = Svg::new(200.0);
        assert_eq!(svg.legend([0.0, 0.0], &[entry("a"), entry("b")]), 20.0);
        assert_eq!(svg.legend([0.0, 0.0], &[entry("a long name of it"), entry("another")]), 40.0);
        assert_eq!(svg.legend([0.0, 0.0], &[]), 0.0);
    }
}
