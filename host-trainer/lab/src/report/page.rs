//! An analysis as one HTML page without scripts, other files or network access.

use super::analysis::Analysis;
use super::pictures::Picture;
use super::text::{reading, tables};
use crate::plot::{escape, style};

/// An additional section of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Heading.
    pub heading: String,
    /// HTML text, in which names are escaped.
    pub html: String,
}

const STYLE: &str = "
*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif}
main{max-width:1240px;margin:0 auto;padding:40px 28px 72px}
h1{font-size:28px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}h2{font-size:19px;margin:44px 0 14px;letter-spacing:-.005em}
.sub{color:var(--soft);margin:0 0 18px}p{max-width:78ch}nav{display:flex;flex-wrap:wrap;gap:6px 18px;margin:18px 0 0;font-size:14px}
a{color:var(--c0);text-decoration:none}a:hover{text-decoration:underline}
.intro{border-left:3px solid var(--c0);padding:2px 0 2px 16px;margin:18px 0}.intro p{margin:6px 0}
.notes{border:1px solid var(--rule);border-radius:8px;padding:10px 16px;margin:18px 0;color:var(--soft);font-size:14px;overflow-wrap:anywhere}.notes p{margin:4px 0;max-width:none}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(520px,100%),1fr));gap:18px}
.card{background:var(--raised);border:1px solid var(--rule);border-radius:10px;padding:10px 8px 6px;margin:0;min-width:0}
.card svg{display:block;width:100%;height:auto;max-width:860px;margin:0 auto}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:6px 14px 6px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid)}
th{color:var(--soft);font-weight:600;border-bottom-color:var(--rule);vertical-align:bottom}td{white-space:nowrap}
.n{text-align:right;padding:6px 0 6px 18px}b{font-weight:650}
details{margin:14px 0}summary{cursor:pointer;color:var(--soft)}details table{margin-top:8px}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:18px}
figure{margin:0}figure img{width:100%;border-radius:8px;display:block;border:1px solid var(--rule)}figcaption{font-size:13px;color:var(--soft);margin-top:6px}
footer{margin-top:48px;color:var(--soft);font-size:14px;border-top:1px solid var(--rule);padding-top:16px}footer p{margin:8px 0}
@media print{main{padding:0;max-width:none}nav{display:none}.card{break-inside:avoid}}
";

impl Analysis {
    /// The page.
    #[must_use]
    pub fn html(&self, pictures: &[Picture], more: &[Section]) -> String {
        let mut page = Page::default();
        let mut curves = String::from("<div class=\"grid\">\n");
        let mut rest = Vec::new();
        for (name, chart) in self.charts() {
            let card = format!("<figure class=\"card\">{}</figure>\n", chart.svg(false));
            if name.starts_with("learning-curve-") {
                curves.push_str(&card)
            } else {
                rest.push((name, card))
            }
        }
        curves.push_str("</div>\n");
        let charts = |names: &[&str]| -> String {
            let cards: String = rest
                .iter()
                .filter(|(n, _)| names.contains(&n.as_str()))
                .map(|(_, c)| c.as_str())
                .collect();
            if cards.is_empty() { cards } else { format!("<div class=\"grid\">\n{cards}</div>\n") }
        };
        for section in more {
            page.add(&section.heading, &section.html);
        }
        page.add("Learning curves", &curves);
        for (heading, table) in tables(self) {
            let html = table.html();
            match heading {
                "Final scores" => page
                    .add(heading, &format!("{html}<br>{}", charts(&["final-scores", "profile"]))),
                "Final scores in detail" => page.fold(heading, &html),
                "Probability of improvement" => {
                    page.add(heading, &format!("{html}<br>{}", charts(&["improvement"])))
                }
                "Seconds of 1000 decisions" => {
                    page.add("Time", &charts(&["time"]));
                    page.fold(heading, &html);
                }
                "Differences of configuration" => {
                    page.add("Configuration", &html);
                }
                _ => page.add(heading, &html),
            }
            // The configuration follows the differences, or replaces them where there are none.
            if heading == "Runs" {
                page.fold("What all runs have in common", &self.common_table().html());
            }
        }
        if !pictures.is_empty() {
            let figure = |picture: &Picture| {
                let caption = escape(&picture.caption);
                format!(
                    "<figure><img src=\"{}\" alt=\"{caption}\"><figcaption>{caption}</figcaption></figure>\n",
                    picture.address
                )
            };
            let figures: String = pictures.iter().map(figure).collect();
            page.add("Policies at work", &format!("<div class=\"pictures\">\n{figures}</div>\n"));
        }
        self.put_together(page)
    }

    fn put_together(&self, page: Page) -> String {
        let title = escape(&self.options.title);
        let seeds: usize = self.results.iter().flatten().flatten().map(|o| o.seeds.len()).sum();
        let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        let sub = [
            count(self.study.tasks.len(), "task"),
            count(self.study.arms.len(), "method"),
            count(seeds, "trained policy").replace("policys", "policies"),
        ];
        let paragraphs = |lines: &[String]| -> String {
            lines.iter().map(|line| format!("<p>{}</p>\n", escape(line))).collect()
        };
        let boxed = |class: &str, lines: &[String]| match lines {
            [] => String::new(),
            lines => format!("<div class=\"{class}\">\n{}</div>\n", paragraphs(lines)),
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{title}</title>\n<style>{}{}{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p class=\"sub\">{}</p>\n{}{}<nav>{}</nav>\n{}<footer>\n{}<p>host-trainer {}</p>\n</footer>\n</main>\n</body>\n</html>\n",
            style::STYLE,
            style::colours(),
            sub.join(" · "),
            boxed("intro", &self.options.intro),
            boxed("notes", &self.study.notes),
            page.links,
            page.body,
            paragraphs(&reading(self)),
            env!("CARGO_PKG_VERSION"),
        )
    }
}

/// Sections and links to them.
#[derive(Default)]
struct Page {
    body: String,
    links: String,
    count: usize,
}

impl Page {
    fn add(&mut self, heading: &str, html: &str) {
        self.count += 1;
        let (heading, place) = (escape(heading), self.count);
        self.links.push_str(&format!("<a href=\"#s{place}\">{heading}</a> "));
        self.body.push_str(&format!(
            "<section>\n<h2 id=\"s{place}\">{heading}</h2>\n{html}</section>\n"
        ));
    }

    /// A part of the last section that readers can open.
    fn fold(&mut self, summary: &str, html: &str) {
        self.body.push_str(&format!(
            "<details><summary>{}</summary>\n{html}</details>\n",
            escape(summary)
        ));
    }
}
