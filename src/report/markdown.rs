//! What `lint` found as Markdown, for a comment of a pull request: a table that sums up, then one a file.
//!
//! Nothing from a file is taken for Markdown or HTML. Only code spans are, as messages quote names so.

use std::cmp::Reverse;
use std::collections::HashSet;

use indexmap::IndexMap;

use crate::diag::{Excused, Finding, Outcome, Severity};
use crate::report::place::{Place, Places};
use crate::report::{Options, visible, words};
use crate::source::SourceMap;

/// What GitHub takes in one comment, in characters; counted in bytes, which are no fewer.
const LIMIT: usize = 65_536;

/// Room for the line that tells how much is left out.
const REST: usize = 200;

/// What goes in or is left out as a whole.
struct Row {
    /// The heading and the head of the table in which it stands.
    group: String,
    text: String,
    /// What counts comes first, the worst of it foremost; `None` where it is no finding.
    rank: Option<(bool, Severity)>,
}

pub(super) fn render(outcome: &Outcome, sources: &SourceMap, options: Options) -> String {
    let places = Places::new(sources);
    let shown = outcome.findings.iter().filter(|finding| finding.is_open() || options.verbose);
    let rows: Vec<_> = shown.map(|finding| finding_row(finding, &places, options)).collect();
    let excused = outcome.excused.iter().map(excused_row);
    let mut groups: IndexMap<String, Vec<Row>> = IndexMap::new();
    for row in rows.into_iter().chain(excused) {
        groups.entry(row.group.clone()).or_default().push(row);
    }
    let rows: Vec<_> = groups.into_values().flatten().collect();

    let mut out = head(outcome);
    let kept = fitting(&rows, LIMIT - REST - out.len());
    let mut group = None;
    for (row, _) in rows.iter().zip(&kept).filter(|(_, kept)| **kept) {
        if group.replace(&row.group) != Some(&row.group) {
            out += &row.group;
        }
        out += &row.text;
    }
    let left =
        |finding: bool| rows.iter().zip(&kept).filter(|(row, kept)| !**kept && row.rank.is_some() == finding).count();
    let left = [(left(true), "finding"), (left(false), "excused overlay")];
    let left: Vec<_> =
        left.iter().filter(|(count, _)| *count > 0).map(|(count, name)| words::counted(*count, name)).collect();
    if !left.is_empty() {
        out += &format!("\nLeft out, as a comment holds no more: {}.\n", left.join(" and "));
    }
    out
}

/// Which rows fit into some bytes, by their rank; the first of a group brings its heading along.
fn fitting(rows: &[Row], mut room: usize) -> Vec<bool> {
    let mut order: Vec<_> = (0..rows.len()).collect();
    order.sort_by_key(|index| Reverse(rows[*index].rank));
    let mut kept = vec![false; rows.len()];
    let mut headings = HashSet::new();
    for index in order {
        let Row { group, text, .. } = &rows[index];
        let heading = if headings.contains(group) { 0 } else { group.len() };
        if let Some(rest) = room.checked_sub(heading + text.len()) {
            room = rest;
            headings.insert(group);
            kept[index] = true;
        }
    }
    kept
}

fn head(outcome: &Outcome) -> String {
    let counts = [Severity::Error, Severity::Warning, Severity::Info].map(|severity| outcome.count(severity));
    let [errors, warnings, infos] = counts;
    let (suppressed, objects, overlays) = (outcome.suppressed(), outcome.objects, outcome.overlays);
    let totals = words::totals(outcome);
    format!(
        "## gitopsctl lint: {totals}\n\n\
         | errors | warnings | infos | suppressed | objects | overlays |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n\
         | {errors} | {warnings} | {infos} | {suppressed} | {objects} | {overlays} |\n"
    )
}

fn finding_row(finding: &Finding, places: &Places, options: Options) -> Row {
    let place = places.primary(finding);
    let heading = place.map_or("Without a file".to_owned(), |Place { file, .. }| code(&visible::line(file)));
    let line = place.map_or(String::new(), |place| place.start.line.to_string());
    let severity = finding.severity.name();
    let severity = match words::suppression(finding) {
        Some(why) => format!("suppressed {severity} ({})", escaped(&why)),
        None => severity.to_owned(),
    };
    let help = finding.help.as_ref().map(|help| format!("<br>{}", escaped(help))).unwrap_or_default();
    let place = words::shows_in(finding, options.verbose).map(|place| escaped(&place)).unwrap_or_default();
    Row {
        group: format!(
            "\n### {heading}\n\n| line | severity | finding | where | policy |\n| ---: | --- | --- | --- | --- |\n"
        ),
        text: format!(
            "| {line} | {severity} | {}{help} | {place} | {} |\n",
            escaped(&finding.message),
            code(&visible::line(&finding.rule.id))
        ),
        rank: Some((finding.is_open(), finding.severity)),
    }
}

fn excused_row(excused: &Excused) -> Row {
    Row {
        group: "\n### Excused overlays\n\n| overlay | reason |\n| --- | --- |\n".to_owned(),
        text: format!("| {} | {} |\n", code(&visible::line(&excused.overlay)), escaped(&excused.reason)),
        rank: None,
    }
}

/// On one line, with code spans where backticks are, and nothing else of Markdown or HTML.
pub fn escaped(text: &str) -> String {
    let text = visible::line(text);
    let parts: Vec<_> = text.split('`').collect();
    let mut out = String::with_capacity(text.len() + 16);
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        match index % 2 {
            0 => out += &plain(part),
            // The last backtick has no partner.
            _ if is_last => out += &format!("\\`{}", plain(part)),
            _ => out += &code(part),
        }
    }
    out
}

/// A code span of a text on one line. A table ends a cell at a bar even there, and a span cannot hold a backtick or be
/// empty.
pub fn code(text: &str) -> String {
    if text.trim().is_empty() || text.contains(['`', '|']) {
        return format!("<code>{}</code>", plain(text));
    }
    format!("`{text}`")
}

fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '|' => out += "&#124;",
            // Nobody is notified, and no issue linked: both look for a word beside the sign.
            '@' | '#' => out.extend([&char.to_string(), "<!-- -->"]),
            '\\' | '*' | '_' | '[' | ']' | '~' | '$' | '`' => out.extend(['\\', char]),
            _ => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_table_sums_up_and_each_file_has_one() {
        let (outcome, sources) = sample::every_kind();
        let expected = "\
## gitopsctl lint: 1 error, 1 warning, 1 info

| errors | warnings | infos | suppressed | objects | overlays |
| ---: | ---: | ---: | ---: | ---: | ---: |
| 1 | 1 | 1 | 2 | 126 | 42 |

### `gitops/apps/order-service/overlays/production/kustomization.yaml`

| line | severity | finding | where | policy |
| ---: | --- | --- | --- | --- |
| 3 | error | container `order-service` uses the tag `latest`<br>release a version: `gitopsctl bump order-service v1.2.3` \
| in production | `images/tag-mutable` |

### `services/日本.yaml`

| line | severity | finding | where | policy |
| ---: | --- | --- | --- | --- |
| 1 | warning | container `日本` uses the tag `latest` | in a/overlays/x, a/overlays/y | `images/tag-mutable` |

### Without a file

| line | severity | finding | where | policy |
| ---: | --- | --- | --- | --- |
|  | info | nobody owns `inventory` |  | `platform/no-owner` |

### Excused overlays

| overlay | reason |
| --- | --- |
| `legacy/overlays/old` | is switched off in May |
";
        assert_eq!(render(&outcome, &sources, Options::default()), expected);
        let verbose = render(&outcome, &sources, Options { verbose: true, ..Options::default() });
        assert!(
            verbose.contains("| 8 | suppressed warning (annotation: batch job) | container `a` has no"),
            "{verbose}"
        );
    }

    #[test]
    fn nothing_found_is_a_table() {
        let text = render(&Outcome::default(), &SourceMap::default(), Options::default());
        let expected = "\
## gitopsctl lint: no findings

| errors | warnings | infos | suppressed | objects | overlays |
| ---: | ---: | ---: | ---: | ---: | ---: |
| 0 | 0 | 0 | 0 | 0 | 0 |
";
        assert_eq!(text, expected);
    }

    #[test]
    fn only_code_spans_mean_something() {
        let cases = [
            ("`a` b `c`", "`a` b `c`"),
            ("`a` b `c", "`a` b \\`c"),
            ("`a|b` ``", "<code>a&#124;b</code> <code></code>"),
            ("`<b>` <b>&amp;", "`<b>` &lt;b&gt;&amp;amp;"),
            ("a|b\nc\\|d", "a&#124;b␊c\\\\&#124;d"),
            ("**x** _y_ ~z~ $m$", "\\*\\*x\\*\\* \\_y\\_ \\~z\\~ \\$m\\$"),
            ("![i](u) [l](u)", "!\\[i\\](u) \\[l\\](u)"),
            ("@team #12", "@<!-- -->team #<!-- -->12"),
        ];
        for (text, expected) in cases {
            assert_eq!(escaped(text), expected, "{text}");
        }
    }

    #[test]
    fn hostile_texts_stay_within_their_cell() {
        let (outcome, sources) = sample::hostile();
        let text = render(&outcome, &sources, Options { verbose: true, ..Options::default() });
        let bars = |line: &str| line.matches('|').count();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let is_row = [3, 6, 7].contains(&bars(line)) && line.starts_with("| ") && line.ends_with(" |");
            assert!(is_row || line.starts_with("## ") || line.starts_with("### ") && bars(line) == 0, "{line}");
            assert!(
                !line.contains("<img") && !line.replace("\\]", "").contains("](") && !line.contains("@team"),
                "{line}"
            );
            assert!(!line.contains(visible::is_hidden), "{line:?}");
        }
    }

    #[test]
    fn the_worst_stay_where_not_all_fit() {
        let (mut outcome, sources) = sample::many(3_000);
        let text = render(&outcome, &sources, Options::default());
        assert!(text.len() < LIMIT && text.len() > LIMIT - 2 * REST, "{}", text.len());
        let rows = |severity: &str| text.matches(&format!(" | {severity} | ")).count();
        let (errors, warnings) = (rows("error"), rows("warning"));
        assert_eq!((errors > 700, warnings, rows("info")), (true, 0, 0), "{errors} errors");
        let left = format!("\nLeft out, as a comment holds no more: {} findings.\n", 3_000 - errors);
        assert!(text.ends_with(&left), "{}", &text[text.len() - REST..]);

        // One that is too long by itself is left out as a whole; the others stay.
        outcome.findings.truncate(3);
        outcome.findings[1].message = "é".repeat(LIMIT);
        let text = render(&outcome, &sources, Options::default());
        assert!(!text.contains('é') && text.contains("container `0`") && text.contains("container `2`"));
        assert!(text.ends_with("\nLeft out, as a comment holds no more: 1 finding.\n"));
    }
}
