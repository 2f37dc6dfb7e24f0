//! What mends a finding, as an edit of the open text.

use std::collections::HashMap;

use lsp_types::{CodeAction, CodeActionKind, CodeActionOrCommand, Range, TextEdit, Uri, WorkspaceEdit};

use crate::lsp::asked::Asked;
use crate::lsp::show::Show;
use crate::policy;
use crate::render::RENDERED;

/// The edits for the findings that touch a range of the text.
#[allow(clippy::mutable_key_type)] // an address is compared by its text
pub(super) fn actions(asked: &Asked<'_>, range: Range) -> Vec<CodeActionOrCommand> {
    let Some(whole) = &asked.repository.whole else { return Vec::new() };
    let Some(uri) = asked.documents.open.get(&asked.path).map(|document| document.uri.clone()) else {
        return Vec::new();
    };
    let plain = asked.text.replace("\r\n", "\n");
    if plain.starts_with(RENDERED) {
        // Its template is to be mended.
        return Vec::new();
    }
    let mut show = Show::new(asked.repository, asked.documents, asked.units);
    let mut found: Vec<CodeActionOrCommand> = Vec::new();
    let mut known: Vec<policy::Edit> = Vec::new();
    for (side, finding) in whole.shown(asked.repository.part.as_ref()) {
        let Some(fix) = whole.setup.book.get(&finding.rule.id).and_then(|policy| policy.fix.as_ref()) else { continue };
        let Some((sources, label)) = asked.repository.sources(side).zip(finding.labels.first()) else { continue };
        let source = sources.file(label.span.file);
        // Only where the finding is about the text as it is.
        if *source.path != *asked.below || *source.text != plain {
            continue;
        }
        let (_, diagnostic) = show.diagnostic(finding, sources);
        let is_touched = diagnostic.range.start.line <= range.end.line && range.start.line <= diagnostic.range.end.line;
        if !is_touched {
            continue;
        }
        let Ok(edit) = policy::edit(&source.text, label.span.start as usize, &finding.field, fix) else { continue };
        if known.contains(&edit) {
            continue;
        }
        let edits = vec![TextEdit {
            range: Range {
                start: asked.units.position(&plain, edit.start),
                end: asked.units.position(&plain, edit.end),
            },
            new_text: if asked.text.contains("\r\n") { edit.text.replace('\n', "\r\n") } else { edit.text.clone() },
        }];
        known.push(edit);
        let changes: HashMap<Uri, Vec<TextEdit>> = HashMap::from([(uri.clone(), edits)]);
        found.push(CodeActionOrCommand::CodeAction(CodeAction {
            title: format!("fix {}: {}", finding.rule.id, finding.help.as_deref().unwrap_or(&finding.message)),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![diagnostic]),
            edit: Some(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }),
            is_preferred: Some(true),
            ..CodeAction::default()
        }));
    }
    found
}
