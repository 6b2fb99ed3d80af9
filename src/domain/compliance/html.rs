//! A report as one HTML file: no script, no font, no picture from elsewhere, so that it opens on a machine without a network and
//! prints as it looks.
//!
//! Invariant: every text of people is escaped, and stands between tags or not at all; none stands inside one.

use super::{Report, columns, moment, plain};
use std::fmt::Write as _;

const STYLE: &str = "body{font:14px/1.4 sans-serif;margin:2em;color:#111}h1{font-size:1.4em}h2{font-size:1.15em;margin-top:2em}\
table{border-collapse:collapse;width:100%}th,td{border:1px solid #999;padding:.3em .5em;text-align:left;vertical-align:top;\
overflow-wrap:anywhere}th{background:#eee}dl{display:grid;grid-template-columns:12em 1fr;gap:.1em 1em}dt{color:#555}dd{margin:0;\
white-space:pre-wrap;overflow-wrap:anywhere}section{break-inside:avoid;border-top:1px solid #999;margin-top:1em;padding-top:.5em}\
.gap{font-weight:bold}@media print{body{margin:0}th{background:none}}";

/// The report as a page.
pub fn html(report: &Report) -> String {
    let mut out = String::new();
    let (since, until) = (moment(report.since), moment(report.until));
    let title = format!("Compliance of {}, {since} to {until}", escaped(&report.site));
    // Writing into a string cannot fail.
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<dl>\n"
    );
    let workspaces: Vec<&str> = report.workspaces.iter().map(|id| id.as_str()).collect();
    pair(&mut out, "workspaces", &workspaces.join(", "));
    if let Some(control) = &report.control {
        pair(&mut out, "control", control);
    }
    pair(&mut out, "made", &format!("{} for {}", moment(report.made), report.by));
    pair(&mut out, "record", &format!("{} events", report.events));
    pair(&mut out, "runs", &format!("{} proposed in the period", report.runs.len()));
    out.push_str("</dl>\n<h2>Controls</h2>\n");
    controls(&mut out, report);
    out.push_str("<h2>Runs</h2>\n");
    for row in &report.runs {
        let _ = writeln!(
            out,
            "<section id=\"run-{}\">\n<h3>{}</h3>\n<dl>",
            row.run.0,
            escaped(&format!("{} {} {} in {}", row.run, row.runbook, row.version, row.workspace))
        );
        for (name, value) in columns(row).into_iter().filter(|(_, value)| !value.is_empty()) {
            pair(&mut out, &name.replace('_', " "), &value);
        }
        out.push_str("</dl>\n</section>\n");
    }
    if report.runs.is_empty() {
        out.push_str("<p>No run was proposed in the period.</p>\n");
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn controls(out: &mut String, report: &Report) {
    if report.controls.is_empty() {
        out.push_str("<p>No runbook names a control.</p>\n");
        return;
    }
    out.push_str(
        "<table>\n<thead><tr><th>Control</th><th>Runbooks</th><th>Runs</th><th>Gaps</th></tr></thead>\n<tbody>\n",
    );
    for control in &report.controls {
        let runbooks: Vec<&str> = control.runbooks.iter().map(|id| id.as_str()).collect();
        let runs: Vec<String> =
            control.runs.iter().map(|run| format!("<a href=\"#run-{0}\">#{0}</a>", run.0)).collect();
        let missing = control.missing().into_iter();
        let gaps: Vec<String> =
            missing.map(|words| format!("<span class=\"gap\">{}</span>", escaped(&words))).collect();
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&control.id),
            escaped(&runbooks.join(", ")),
            runs.join(" "),
            if gaps.is_empty() { "none".to_owned() } else { gaps.join("<br>") },
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

fn pair(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
}

/// A text of people as it may stand between tags.
pub(in crate::domain) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
