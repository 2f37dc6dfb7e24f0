//! Roles, and who gets them: what a binding grants is looked up in the role that it names.

use crate::kube::Selector;
use crate::policy::checks::hosts::look_up;
use crate::policy::checks::{Check, Named};
use crate::policy::definition::Params;
use crate::policy::facts::fits;
use crate::policy::report::{Report, Unit};
use crate::policy::subject::{Object, Subject};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("binding-grants", Check::Unit(binding_grants)),
    ("binding-role-missing", Check::Unit(role_missing)),
    ("role-grants", Check::Unit(role_grants)),
];

const GROUP: &str = "rbac.authorization.k8s.io";

/// Roles that every cluster has, beside those whose names begin with `system:`.
const BUILT_IN: [&str; 4] = ["cluster-admin", "admin", "edit", "view"];

fn texts<'a>(rule: &'a Datum, field: &str) -> impl Iterator<Item = &'a str> {
    rule.get(field).map_or(&[][..], Datum::items).iter().map(Datum::text)
}

/// Whether a rule grants what params name: one of `resources` in one of `groups` (any group where that list is empty),
/// by one of `verbs`, or by all of them where `everyVerb` is set. A star in the rule stands for anything.
fn grants(rule: &Datum, params: &Params) -> bool {
    let has = |field: &str, wanted: &str| texts(rule, field).any(|text| text == "*" || fits_resource(text, wanted));
    let any = |field: &str, wanted: &[&str]| wanted.iter().any(|wanted| has(field, wanted));
    let (groups, verbs) = (params.list("groups"), params.list("verbs"));
    (groups.is_empty() || any("apiGroups", &groups))
        && any("resources", &params.list("resources"))
        && if params.flag("everyVerb") { verbs.iter().all(|verb| has("verbs", verb)) } else { any("verbs", &verbs) }
}

/// `*/exec` stands for that subresource of everything.
fn fits_resource(text: &str, wanted: &str) -> bool {
    text == wanted
        || text.strip_prefix("*/").is_some_and(|part| wanted.split_once('/').is_some_and(|(_, rest)| rest == part))
}

/// The rules of a role; of an aggregated one also those that it gathers.
fn rules<'a>(subject: &'a Subject<'a>, role: &'a Object<'a>) -> Vec<&'a Datum> {
    let own = |role: &'a Object<'a>| role.root.get("rules").map_or(&[][..], Datum::items);
    let mut found: Vec<&Datum> = own(role).iter().collect();
    let selectors = role.at(&["aggregationRule", "clusterRoleSelectors"]).map_or(&[][..], Datum::items);
    if !selectors.is_empty() {
        for other in subject.of_kind(role, "ClusterRole") {
            let labels = other.at(&["metadata", "labels"]);
            if selectors.iter().any(|selector| Selector::Full(selector).matches(labels)) {
                found.extend(own(other));
            }
        }
    }
    found
}

/// The role that a binding names, where it is in sight.
fn bound<'a>(unit: &Unit<'a>, kind: &str, name: &str) -> Option<&'a Object<'a>> {
    let namespace = if kind == "Role" { unit.object.namespace.as_str() } else { "" };
    unit.subject.named(unit.object, kind, namespace, name).find(|role| role.group == GROUP)
}

/// A binding to a role that grants something. Params: `role`, the kind of role; `names` of roles that count whatever their
/// rules are; `exempt`, patterns of bindings' names; and those of [`grants`].
fn binding_grants<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(reference) = unit.node.get("roleRef") else { return };
    let (kind, Some(name)) = (reference.text_of("kind"), reference.get("name")) else { return };
    let is_exempt = unit.params.list("exempt").iter().any(|pattern| fits(pattern, unit.object.name));
    if kind != unit.params.text("role") && !unit.params.text("role").is_empty()
        || is_exempt
        || is_for_masters(unit.node)
    {
        return;
    }
    if unit.params.has("names", name.text()) {
        report.at(unit.object, name);
    } else if let Some(role) = bound(unit, kind, name.text())
        && let Some(rule) = rules(unit.subject, role).into_iter().find(|rule| grants(rule, unit.params))
    {
        report.at(unit.object, name).related(rule, "the rule that grants it");
    }
}

/// Members of `system:masters` may do anything already.
fn is_for_masters(binding: &Datum) -> bool {
    let subjects = binding.get("subjects").map_or(&[][..], Datum::items);
    let is_masters =
        |subject: &Datum| subject.text_of("kind") == "Group" && subject.text_of("name") == "system:masters";
    !subjects.is_empty() && subjects.iter().all(is_masters)
}

/// Rules that grant something. Params: `exempt`, patterns of roles' names, and those of [`grants`].
fn role_grants<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    if unit.params.list("exempt").iter().any(|pattern| fits(pattern, unit.object.name)) {
        return;
    }
    for rule in unit.node.get("rules").map_or(&[][..], Datum::items) {
        if grants(rule, unit.params) {
            report.at(unit.object, rule);
        }
    }
}

/// A binding to a Role of its namespace that is nowhere. ClusterRoles often come with what others install.
fn role_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(reference) = unit.node.get("roleRef") else { return };
    let (kind, Some(name)) = (reference.text_of("kind"), reference.get("name")) else { return };
    let is_known = BUILT_IN.contains(&name.text()) || name.text().starts_with("system:") || name.text().is_empty();
    if kind != "Role" || is_known || bound(unit, kind, name.text()).is_some() {
        return;
    }
    let namespace = &unit.object.namespace;
    let is_seen = unit.subject.of_kind(unit.object, "Role").any(|role| role.namespace == *namespace)
        || unit.subject.workloads(unit.object, namespace).next().is_some();
    if is_seen && look_up(unit, GROUP, "Role", namespace, name.text()).is_missing() {
        report.at(unit.object, name);
    }
}
