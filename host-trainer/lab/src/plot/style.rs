//! Colours for light and dark backgrounds. A chart uses classes only, so that its page selects the colours.

/// Number of colours; further series use the colours again, with dashed lines.
pub const COLOURS: usize = 8;

/// The custom properties of both appearances and the classes that charts use.
pub const STYLE: &str = "
:root{color-scheme:light dark;--ground:#ffffff;--raised:#ffffff;--ink:#17202b;--soft:#5a6675;--faint:#8a95a3;--grid:#e6eaef;--rule:#d3d9e0;
--c0:#2166b0;--c1:#d2691e;--c2:#1b8a5a;--c3:#b03a8c;--c4:#6b4fc4;--c5:#0f8a9d;--c6:#c43c39;--c7:#80693a}
@media(prefers-color-scheme:dark){:root{--ground:#11161d;--raised:#171e27;--ink:#e4e9ef;--soft:#a0acba;--faint:#74808e;--grid:#26303b;--rule:#354150;
--c0:#6cacf4;--c1:#ff9d52;--c2:#4fcf96;--c3:#f285c9;--c4:#ad97ff;--c5:#4ecfe0;--c6:#ff7d78;--c7:#d6bd84}}
.chart{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;font-size:12.5px;fill:var(--soft)}
.chart .title{font-size:15px;font-weight:600;fill:var(--ink)}.chart .key{fill:var(--ink)}.chart .value{fill:var(--ink);font-size:11.5px}
.chart .note{font-size:11px;fill:var(--faint)}.chart .grid{stroke:var(--grid);stroke-width:1;fill:none}.chart .axis{stroke:var(--rule);stroke-width:1;fill:none}
.chart .mark{stroke:var(--faint);stroke-width:1;stroke-dasharray:2 4;fill:none}.chart .line{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.chart .swatch{stroke-width:10;fill:none}.chart .dashed{stroke-dasharray:9 4}.chart .thin{stroke-dasharray:2 5;stroke-width:1.8}.chart .band{opacity:.16;stroke:none}.chart .whisker{stroke:var(--ink);stroke-width:1.4;fill:none;opacity:.75}
.chart .bar{opacity:.88}.chart .ground{fill:var(--raised)}.chart .edge{stroke:var(--raised);stroke-width:1}
";

/// The classes of the colours.
#[must_use]
pub fn colours() -> String {
    (0..COLOURS)
        .map(|n| format!(".chart .s{n}{{stroke:var(--c{n})}}.chart .f{n}{{fill:var(--c{n})}}\n"))
        .collect()
}
