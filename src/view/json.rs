//! A change as one JSON object. Its shape is a promise: fields are added, never renamed.

use serde_json::{Value, json};

use crate::view::changes::{self, Changes, Finding, Object, Overlay, Place, What};

pub(super) fn render(changes: &Changes) -> String {
    let [added, changed, removed] = changes.counts().map(|(_, count)| count);
    let whole = json!({
        "version": 1,
        "base": changes.base,
        "head": changes.head,
        "overlays": changes.overlays.iter().map(overlay).collect::<Vec<_>>(),
        "findings": {
            "new": changes.new.iter().map(finding).collect::<Vec<_>>(),
            "fixed": changes.fixed.iter().map(finding).collect::<Vec<_>>(),
        },
        "summary": {
            "compared": changes.compared,
            "overlays": changes.overlays.len(),
            "added": added,
            "changed": changed,
            "removed": removed,
            "unbuilt": changes.overlays.iter().filter(|overlay| overlay.what == What::Unbuilt).count(),
        },
        "notes": changes.notes,
    });
    format!("{whole:#}\n")
}

fn at(place: &Place) -> Value {
    json!({"file": place.file, "line": place.line, "column": place.column})
}

fn overlay(overlay: &Overlay) -> Value {
    json!({
        "change": overlay.what.name(),
        "overlay": overlay.path,
        "applications": overlay.applications,
        "service": overlay.service,
        "environment": overlay.environment,
        "objects": overlay.objects.iter().map(object).collect::<Vec<_>>(),
        "notes": overlay.notes,
    })
}

fn object(object: &Object) -> Value {
    json!({
        "change": object.what.name(),
        "object": {
            "apiVersion": object.api_version,
            "kind": object.kind,
            "namespace": object.namespace,
            "name": object.name,
        },
        "was": object.was,
        "location": object.place.as_ref().map(at),
        "fields": object.fields.iter().map(field).collect::<Vec<_>>(),
        "dangers": object.dangers,
        "text": object.text,
    })
}

fn field(field: &changes::Field) -> Value {
    let text = |value: &Option<changes::Value>| value.as_ref().map(|value| value.text.clone());
    let is_secret = [&field.old, &field.new].into_iter().flatten().any(|value| value.is_masked);
    json!({
        "field": field.pointer,
        "path": field.path,
        "change": field.what.name(),
        "old": text(&field.old),
        "new": text(&field.new),
        "secret": is_secret,
        "follows": field.follows,
        "location": field.cause.as_ref().map(at),
        "step": field.step,
        "before": field.is_before,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "policy": finding.id,
        "severity": finding.severity,
        "message": finding.message,
        "location": finding.place.as_ref().map(at),
        "environments": finding.environments,
    })
}
