//! The page around it all.

use crate::report::counted;
use crate::view::html::{prose, push, text};
use crate::view::report::{Finding, Report, data, matrix, plain, waves};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Nothing is fetched, whatever a manifest says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

pub(super) fn render(report: &Report) -> String {
    let mut out = String::with_capacity(1 << 20);
    let title = text(&report.title);
    out.push_str(&format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"{POLICY}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"{}\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n\
         <script>document.documentElement.className = \"js\"</script>\n<style>\n{STYLE}",
        text(&report.program),
    ));
    for at in 0..report.environments.len() {
        out.push_str(&format!(".h{at} .e{at}{{display:none!important}}\n"));
    }
    out.push_str("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#content\">Skip to the content</a>\n");
    header(&mut out, report);
    out.push_str("<main id=\"content\" tabindex=\"-1\">\n");
    for note in &report.notes {
        out.push_str("<p class=\"note\">");
        push(&mut out, note);
        out.push_str("</p>\n");
    }
    out.push_str("<section class=\"view on\" id=\"services\"><h2 class=\"sr\">Services</h2>\n");
    matrix::render(&mut out, report);
    out.push_str("<p class=\"empty\" hidden>No service fits the filter.</p></section>\n");
    findings(&mut out, report);
    out.push_str(
        "<section class=\"view\" id=\"waves\"><h2>Waves</h2>\n<p class=\"lead\">The order in which Argo CD applies, phase by \
         phase and wave by wave; each waits for the health of what came before, as far as Argo CD can tell it. Every \
         Application goes its own way.</p>\n",
    );
    waves::render(&mut out, report);
    out.push_str("</section>\n<section class=\"view\" id=\"service\" hidden></section>\n");
    plain::render(&mut out, report);
    out.push_str("</main>\n");
    data::blocks(&mut out, report);
    out.push_str("<script>\n");
    out.push_str(SCRIPT);
    out.push_str("</script>\n</body>\n</html>\n");
    out
}

fn header(out: &mut String, report: &Report) {
    let services = report.rows.iter().filter(|row| row.is_service).count();
    let open = report.findings.iter().filter(|finding| finding.suppressed.is_empty()).count();
    out.push_str(&format!(
        "<header>\n<div class=\"bar\"><h1><a href=\"#services\">{}</a></h1>\n<p class=\"facts\">",
        text(&report.title)
    ));
    let facts = [
        counted(services, "service"),
        counted(report.environments.iter().filter(|name| !name.is_empty()).count(), "environment"),
        report.revision.clone(),
        report.made.clone(),
    ];
    for fact in facts.iter().filter(|fact| !fact.is_empty()) {
        out.push_str(&format!("<span>{}</span> ", text(fact)));
    }
    out.push_str(&format!(
        "</p></div>\n<div class=\"bar\"><nav aria-label=\"Views\"><a href=\"#services\">Services</a> \
         <a href=\"#findings\">Findings <small>{open}</small></a> <a href=\"#waves\">Waves</a></nav>\n\
         <form role=\"search\" hidden><label class=\"sr\" for=\"q\">Search</label><input id=\"q\" type=\"search\" \
         placeholder=\"Search  /\" autocomplete=\"off\" spellcheck=\"false\">"
    ));
    if report.columns().count() > 1 {
        out.push_str("<fieldset id=\"envs\"><legend class=\"sr\">Environments</legend>");
        for (at, name) in report.columns() {
            out.push_str(&format!("<label><input type=\"checkbox\" value=\"{at}\" checked> {}</label>", text(name)));
        }
        out.push_str("</fieldset>");
    }
    out.push_str(
        "<label class=\"sr\" for=\"sev\">Findings</label><select id=\"sev\"><option value=\"\">Any finding or none</option>\
         <option value=\"error\">With errors</option><option value=\"warning\">With errors or warnings</option>\
         <option value=\"info\">With findings</option></select>\
         <label class=\"check\" id=\"differs-label\"><input type=\"checkbox\" id=\"differs\"> versions differ</label>\
         <output id=\"count\" aria-live=\"polite\"></output></form></div>\n</header>\n",
    );
}

fn findings(out: &mut String, report: &Report) {
    out.push_str("<section class=\"view\" id=\"findings\"><h2>Findings</h2>\n");
    let (open, suppressed): (Vec<_>, Vec<_>) =
        report.findings.iter().enumerate().partition(|(_, finding)| finding.suppressed.is_empty());
    if open.is_empty() {
        out.push_str("<p class=\"lead\">Nothing was found.</p>\n");
    }
    list(out, report, &open);
    if !suppressed.is_empty() {
        out.push_str(&format!("<h3>Suppressed <small>{}</small></h3>\n", suppressed.len()));
        list(out, report, &suppressed);
    }
    out.push_str("<p class=\"empty\" hidden>No finding fits the filter.</p></section>\n");
}

fn list(out: &mut String, report: &Report, findings: &[(usize, &Finding)]) {
    if findings.is_empty() {
        return;
    }
    out.push_str("<ol class=\"findings\">\n");
    for (at, one) in findings {
        finding(out, report, *at, one);
    }
    out.push_str("</ol>\n");
}

fn finding(out: &mut String, report: &Report, at: usize, finding: &Finding) {
    let environments: Vec<String> = finding
        .environments
        .iter()
        .filter_map(|name| report.environments.iter().position(|known| known == name))
        .map(|at| at.to_string())
        .collect();
    let severity = if finding.suppressed.is_empty() { finding.severity } else { "off" };
    out.push_str(&format!(
        "<li id=\"f{at}\" class=\"{severity}\" data-e=\"{}\"><p><b class=\"{severity}\">{}</b> ",
        environments.join(" "),
        finding.severity
    ));
    out.push_str(&prose(&finding.message));
    out.push_str("</p>\n<p class=\"where\"><code>");
    push(out, &finding.id);
    out.push_str("</code> ");
    for row in finding.rows.iter().take(8).filter_map(|row| report.rows.get(*row)) {
        out.push_str(&format!("<a href=\"#{}\">{}</a> ", row.anchor(), text(&row.name)));
    }
    if finding.rows.len() > 8 {
        out.push_str(&format!("<span>and {} more</span> ", finding.rows.len() - 8));
    }
    if !finding.environments.is_empty() {
        out.push_str(&format!("<span>{}</span> ", text(&finding.environments.join(", "))));
    }
    if !finding.object.is_empty() {
        out.push_str(&format!("<span>{}</span>", text(&finding.object)));
    }
    out.push_str("</p>\n");
    if !finding.file.is_empty() {
        out.push_str("<figure><figcaption>");
        push(out, &format!("{}:{}", finding.file, finding.line));
        out.push_str("</figcaption><pre>");
        // How deep it stands in the file takes room that the line needs.
        let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let depth =
            finding.excerpt.iter().filter(|(_, line)| !line.trim().is_empty()).map(|(_, line)| blanks(line)).min();
        for (number, line) in &finding.excerpt {
            let line = line.get(depth.unwrap_or(0)..).unwrap_or_default();
            let tag = if *number == finding.line { "mark" } else { "span" };
            out.push_str(&format!("<{tag}><i>{number}</i>{}</{tag}>\n", text(line)));
        }
        out.push_str("</pre></figure>\n");
    }
    let said = [(&finding.help, "help"), (&finding.suppressed, "suppressed")];
    for (said, class) in said.into_iter().filter(|(said, _)| !said.is_empty()) {
        out.push_str(&format!("<p class=\"{class}\">{}</p>\n", prose(said)));
    }
    out.push_str("</li>\n");
}
