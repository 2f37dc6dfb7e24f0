//! What no schema can tell: whether the parts of the catalog fit each other.

use std::collections::{HashMap, HashSet};

use crate::catalog::diags::{codes, duplicate, unknown};
use crate::catalog::platform::{Bounds, Map, Platform, Resources};
use crate::catalog::service::{Extra, Service};
use crate::catalog::{Catalog, Entry};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::kube;
use crate::source::{FileId, Span};
use crate::tree::Tree;
use crate::yaml::Spanned;

/// Checks the whole catalog and marks the files that have errors.
pub(super) fn check(catalog: &mut Catalog, tree: &Tree, diagnostics: &mut Diagnostics) {
    let mut found = Diagnostics::default();
    platform(catalog, &mut found);
    among_services(catalog, &mut found);
    for entry in &catalog.services {
        service(entry, catalog, tree, &mut found);
    }
    let to_edit = |item: &Diagnostic| item.labels.first().map(|label| label.span.file);
    let with_errors: HashSet<FileId> =
        found.iter().filter(|item| item.severity == Severity::Error).filter_map(to_edit).collect();
    for entry in &mut catalog.services {
        entry.broken |= with_errors.contains(&entry.file);
    }
    catalog.broken |= catalog.document.as_ref().is_some_and(|document| with_errors.contains(&document.file));
    diagnostics.append(found);
}

fn keys<T>(map: &Map<T>) -> impl Iterator<Item = &str> {
    map.keys().map(|key| key.value.as_str())
}

/// Names that files of Argo CD's folder have already: `gitops/argocd/<environment>/infrastructure.yaml` and the like.
fn reserved(name: &Spanned<String>, what: &str, taken: &[&str], found: &mut Diagnostics) {
    if taken.contains(&name.as_str()) {
        let message = format!("the {what} `{}` would take a name that gitopsctl needs itself", name.value);
        found.push(Diagnostic::error(&codes::INVALID_VALUE, message).at(name.span, "").help("choose another name"));
    }
}

fn platform(catalog: &Catalog, found: &mut Diagnostics) {
    let platform = &catalog.platform;
    for name in platform.domains.keys() {
        reserved(name, "domain", &["infrastructure", "applications", "root"], found);
    }
    platform
        .environments
        .keys()
        .for_each(|name| reserved(name, "environment", &["projects", "extra", "patches"], found));
    if let Some(name) = &platform.release.environment {
        known_environment(name, platform, found);
    }
    for freeze in &platform.release.freezes {
        freeze.environments.iter().for_each(|name| known_environment(name, platform, found));
        if let (Some(from), Some(to)) = (&freeze.from, &freeze.to)
            && from.value >= to.value
            && same_zone(from, to)
        {
            let message = format!("the freeze ends (`{}`) before it begins (`{}`)", to.value, from.value);
            found.push(Diagnostic::error(&codes::CONTRADICTION, message).at(to.span, "").at(from.span, "begins here"));
        }
    }
    for domain in platform.domains.values() {
        if let Some(owner) = &domain.owner {
            known_owner(owner, platform, found);
        }
    }
    environments(platform, found);
    for pair in platform.waves.ladder().windows(2) {
        let [(before, earlier, first), (after, later, second)] = pair else { continue };
        if let Some(place) = second.or(*first).filter(|_| earlier >= later) {
            let message = format!("wave {later} of {after} is not later than wave {earlier} of {before}");
            found.push(Diagnostic::error(&codes::WAVE_ORDER, message).at(place, ""));
        }
    }
    platform.profiles.values().for_each(|profile| requests_fit_limits(profile, found));
    if let Some(legacy) = platform.databases.as_ref().and_then(|databases| databases.legacy.as_ref()) {
        for client in &legacy.clients {
            if !catalog.has(client) {
                found.push(unknown(&codes::UNKNOWN_SERVICE, "service", client.span, client, catalog.names()));
            }
        }
    }
    missing_parts(catalog, found);
}

/// RFC 3339 texts compare as moments only where both are written in the same zone.
fn same_zone(a: &str, b: &str) -> bool {
    a.get(19..) == b.get(19..)
}

fn environments(platform: &Platform, found: &mut Diagnostics) {
    let mut seen: HashMap<(&str, &str), Span> = HashMap::new();
    for (name, environment) in &platform.environments {
        let (namespace, place) =
            environment.namespace.as_ref().map_or((name.value.as_str(), name.span), |own| (own.as_str(), own.span));
        if let Some(first) = seen.insert((&environment.cluster, namespace), place) {
            let message = format!("the namespace `{namespace}` of {} is two environments", environment.cluster);
            found.push(duplicate(&codes::DUPLICATE_NAMESPACE, message, place, first));
        }
        if let Some(profile) = &environment.profile {
            known_profile(profile, platform, found);
        }
        if let Some(bounds) = &environment.autoscaling {
            min_is_not_above_max(bounds, found);
        }
    }
}

/// What rendering services cannot do without.
fn missing_parts(catalog: &Catalog, found: &mut Diagnostics) {
    let platform = &catalog.platform;
    if catalog.services.is_empty() {
        return;
    }
    let place = platform.platform.as_ref().map(|name| name.span);
    let mut need = |is_there: bool, key: &str, why: &str| {
        if !is_there {
            let diagnostic = Diagnostic::error(&codes::MISSING_KEY, format!("missing key `{key}`: {why}"));
            let diagnostic = match place {
                Some(place) => diagnostic.at(place, ""),
                None => diagnostic,
            };
            found.push(diagnostic.help(format!("add `{key}:`")));
        }
    };
    need(platform.registry.is_some(), "registry", "services need a registry for their images");
    let url = platform.repository.as_ref().and_then(|repository| repository.url.as_ref());
    need(url.is_some(), "repository", "Applications need the URL of this repository");
    need(!platform.environments.is_empty(), "environments", "services need an environment to be deployed to");
    need(platform.profiles.contains_key("base"), "profiles.base", "containers need requests and limits");
    let uses_redis = platform.dapr.is_some();
    need(!uses_redis || platform.redis.is_some(), "redis", "Dapr's components need their broker");
}

fn known_environment(name: &Spanned<String>, platform: &Platform, found: &mut Diagnostics) {
    if !platform.environments.contains_key(name.as_str()) {
        let known = keys(&platform.environments);
        found.push(unknown(&codes::UNKNOWN_ENVIRONMENT, "environment", name.span, name, known));
    }
}

fn known_owner(owner: &Spanned<String>, platform: &Platform, found: &mut Diagnostics) {
    if !platform.owners.contains_key(owner.as_str()) {
        found.push(unknown(&codes::UNKNOWN_OWNER, "owner", owner.span, owner, keys(&platform.owners)));
    }
}

fn known_profile(profile: &Spanned<String>, platform: &Platform, found: &mut Diagnostics) {
    if !platform.profiles.contains_key(profile.as_str()) {
        found.push(unknown(&codes::UNKNOWN_PROFILE, "profile", profile.span, profile, keys(&platform.profiles)));
    }
}

fn min_is_not_above_max(bounds: &Bounds, found: &mut Diagnostics) {
    if let (Some(min), Some(max)) = (bounds.min, bounds.max)
        && min.value > max.value
    {
        let message = format!("min {} is more than max {}", min.value, max.value);
        found.push(Diagnostic::error(&codes::CONTRADICTION, message).at(min.span, "").at(max.span, ""));
    }
}

fn requests_fit_limits(resources: &Resources, found: &mut Diagnostics) {
    for (name, request) in &resources.requests {
        let Some(limit) = resources.limits.get(name.as_str()) else { continue };
        if kube::quantity(request) > kube::quantity(limit) {
            let message =
                format!("the request `{}` of {} is more than its limit `{}`", request.value, name.value, limit.value);
            found.push(
                Diagnostic::error(&codes::CONTRADICTION, message).at(request.span, "").at(limit.span, "the limit"),
            );
        }
    }
}

/// What only one service may have.
fn among_services(catalog: &Catalog, found: &mut Diagnostics) {
    let mut names: HashMap<&str, Span> = HashMap::new();
    let mut ports: HashMap<u16, (Span, &str)> = HashMap::new();
    let mut databases: HashMap<&str, (Span, &str)> = HashMap::new();
    // A name belongs to the file that is called so, wherever a copy of it comes in the order.
    let is_own = |entry: &&Entry| entry.service.name.as_ref().is_some_and(|name| name.value == entry.name);
    let (own, others): (Vec<&Entry>, Vec<&Entry>) = catalog.services.iter().partition(is_own);
    for entry in own.into_iter().chain(others) {
        let service = &entry.service;
        if let Some(name) = &service.name {
            if let Some(first) = names.get(name.as_str()) {
                let message = format!("the service `{}` is described twice", name.value);
                let diagnostic = duplicate(&codes::DUPLICATE_SERVICE, message, name.span, *first);
                found.push(if name.value == entry.name {
                    diagnostic
                } else {
                    diagnostic.help(format!("write `name: {}`, as the file is called", entry.name))
                });
            } else {
                names.insert(name, name.span);
            }
        }
        for port in [service.ports.http, service.ports.grpc].into_iter().flatten() {
            if let Some((first, owner)) = ports.get(&port.value) {
                let message = format!("port {} of `{}` is used by `{owner}`", port.value, entry.name);
                found.push(duplicate(&codes::DUPLICATE_PORT, message, port.span, *first));
            } else {
                ports.insert(port.value, (port.span, &entry.name));
            }
        }
        if let Some(database) = &service.store.database {
            if let Some((first, owner)) = databases.get(database.as_str()) {
                let message = format!("the database `{}` of `{}` belongs to `{owner}`", database.value, entry.name);
                found.push(duplicate(&codes::DUPLICATE_DATABASE, message, database.span, *first));
            } else {
                databases.insert(database, (database.span, &entry.name));
            }
        }
    }
}

fn service(entry: &Entry, catalog: &Catalog, tree: &Tree, found: &mut Diagnostics) {
    let (service, platform) = (&entry.service, &catalog.platform);
    if let Some(name) = &service.name {
        reserved(name, "service", &["infrastructure", "applications"], found);
    }
    // A copied file that still has the other one's name is told as a duplicate.
    if let Some(name) = service.name.as_ref().filter(|name| name.value != entry.name && !catalog.has(name)) {
        let message = format!("the file {} holds the service `{}`", entry.path, name.value);
        found.push(
            Diagnostic::error(&codes::NAME_MISMATCH, message)
                .at(name.span, format!("expected `{}`", entry.name))
                .help(format!("write `name: {}`, or rename the file to {}.yaml", entry.name, name.value)),
        );
    }
    if let Some(name) =
        service.name.as_ref().filter(|name| service.migrations.is_some() && name.len() > LONGEST_MIGRATED)
    {
        let message = format!("`{}` is too long: its migration Job would be called {}-migrate", name.value, name.value);
        let help = format!("use at most {LONGEST_MIGRATED} characters");
        found.push(Diagnostic::error(&codes::INVALID_VALUE, message).at(name.span, "").help(help));
    }
    if let Some(domain) = service.domain.as_ref().filter(|domain| !platform.domains.contains_key(domain.as_str())) {
        found.push(unknown(&codes::UNKNOWN_DOMAIN, "domain", domain.span, domain, keys(&platform.domains)));
    }
    if let Some(owner) = &service.owner {
        known_owner(owner, platform, found);
    }
    service.resources.keys().for_each(|profile| known_profile(profile, platform, found));
    service.resources.values().for_each(|resources| requests_fit_limits(resources, found));
    links(entry, catalog, found);
    stores(service, platform, found);
    variables(service, found);
    scaling(service, platform, found);
    probes(service, found);
    variations(entry, platform, tree, found);
}

/// Calls and events.
fn links(entry: &Entry, catalog: &Catalog, found: &mut Diagnostics) {
    let service = &entry.service;
    let mut seen = HashMap::new();
    for callee in &service.calls {
        if let Some(first) = seen.insert(callee.value.as_str(), callee.span) {
            let message = format!("`{}` is listed twice", callee.value);
            found.push(duplicate(&codes::DUPLICATE_ENTRY, message, callee.span, first));
        } else if callee.value == entry.name {
            let message = format!("`{}` calls itself", callee.value);
            found.push(Diagnostic::error(&codes::CONTRADICTION, message).at(callee.span, "").help("take it out"));
        } else if !catalog.has(callee) {
            found.push(unknown(&codes::UNKNOWN_SERVICE, "service", callee.span, callee, catalog.names()));
        }
    }
    let published: HashSet<_> =
        catalog.services.iter().flat_map(|entry| &entry.service.publishes).map(|event| event.value.as_str()).collect();
    let mut seen = HashMap::new();
    for consumed in &service.consumes {
        if let Some(first) = seen.insert(consumed.event.as_str(), consumed.span) {
            let message = format!("`{}` is listed twice", consumed.event);
            found.push(duplicate(&codes::DUPLICATE_ENTRY, message, consumed.span, first));
        } else if !published.contains(consumed.event.as_str()) && catalog.unreadable.is_empty() {
            let known = published.iter().copied();
            found.push(unknown(&codes::UNKNOWN_EVENT, "event", consumed.span, &consumed.event, known));
        }
    }
}

/// A pod carries the name of its Job as a label, which holds 63 characters: `<name>-migrate` must fit.
const LONGEST_MIGRATED: usize = 55;

/// What the platform must offer.
fn stores(service: &Service, platform: &Platform, found: &mut Diagnostics) {
    let mut need = |used_at: Option<Span>, is_there: bool, what: &str, key: &str| {
        if let Some(place) = used_at.filter(|_| !is_there) {
            let message = format!("the service uses {what}, which gitopsctl.yaml does not declare");
            found.push(
                Diagnostic::error(&codes::NOT_DECLARED, message)
                    .at(place, "")
                    .help(format!("add `{key}:` to gitopsctl.yaml")),
            );
        }
    };
    let store = &service.store;
    let set = |flag: &Option<Spanned<bool>>| flag.as_ref().filter(|flag| flag.value).map(|flag| flag.span);
    need(store.database.as_ref().map(|name| name.span), platform.databases.is_some(), "a database", "databases");
    need(set(&store.elasticsearch), platform.elasticsearch.is_some(), "the search index", "elasticsearch");
    let event = service.publishes.first().map(|event| event.span);
    let event = event.or_else(|| service.consumes.first().map(|event| event.span));
    need(set(&store.state).or(event), platform.dapr.is_some(), "Dapr", "dapr");
    for secret in service.secrets.iter().filter(|secret| !secret.external) {
        need(
            secret.name.as_ref().map(|name| name.span),
            platform.secrets.store.is_some(),
            "a secret store",
            "secrets.store",
        );
    }
    if let Some(migrations) = service.migrations.as_ref().filter(|_| store.database.is_none()) {
        let message = "migrations without a database";
        found.push(
            Diagnostic::error(&codes::CONTRADICTION, message).at(migrations.span, "").help("add `store.database`"),
        );
    }
}

/// Environment variables and Secrets that are set twice.
fn variables(service: &Service, found: &mut Diagnostics) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    let from_secrets = service.secrets.iter().flat_map(|secret| secret.keys.keys());
    for name in service.env.keys().chain(from_secrets) {
        if let Some(first) = seen.insert(name, name.span) {
            let message = format!("the environment variable `{}` is set twice", name.value);
            found.push(duplicate(&codes::DUPLICATE_ENTRY, message, name.span, first));
        }
    }
    let in_environments = service.environments.values().flat_map(|variation| variation.env.keys());
    for name in in_environments {
        let secret = service.secrets.iter().find_map(|secret| secret.keys.get_key_value(name.as_str()));
        if let Some((first, _)) = secret {
            let message = format!("the environment variable `{}` is set twice", name.value);
            found.push(duplicate(&codes::DUPLICATE_ENTRY, message, name.span, first.span));
        }
    }
    let mut secrets: HashMap<&str, Span> = HashMap::new();
    for name in service.secrets.iter().filter_map(|secret| secret.name.as_ref()) {
        if let Some(first) = secrets.insert(name, name.span) {
            let message = format!("the secret `{}` is listed twice", name.value);
            found.push(duplicate(&codes::DUPLICATE_ENTRY, message, name.span, first));
        }
    }
}

/// Fewest replicas of a critical service where its environment is highly available.
pub(crate) const CRITICAL_REPLICAS: u32 = 2;

fn scaling(service: &Service, platform: &Platform, found: &mut Diagnostics) {
    if let Some(autoscaling) = &service.autoscaling {
        min_is_not_above_max(&autoscaling.bounds(), found);
    }
    for (name, variation) in &service.environments {
        let fewest = variation.replicas.or(variation.autoscaling.as_ref().and_then(|bounds| bounds.min));
        let is_available = platform.environments.get(name.as_str()).is_some_and(|own| own.highly_available);
        if let Some(fewest) =
            fewest.filter(|fewest| service.critical && is_available && fewest.value < CRITICAL_REPLICAS)
        {
            let message = format!("a critical service needs at least {CRITICAL_REPLICAS} replicas in {}", name.value);
            found.push(Diagnostic::error(&codes::CONTRADICTION, message).at(fewest.span, ""));
        }
        if let Some(bounds) = &variation.autoscaling {
            min_is_not_above_max(bounds, found);
            if service.autoscaling.is_none() {
                let message = "bounds for a service that does not scale by itself";
                found.push(
                    Diagnostic::error(&codes::CONTRADICTION, message)
                        .at(bounds.span, "")
                        .help("add `autoscaling:` to the service, or set `replicas`"),
                );
            }
        }
        if let Some(replicas) = variation.replicas.filter(|_| service.autoscaling.is_some()) {
            let message = "replicas for a service that scales by itself";
            found.push(
                Diagnostic::error(&codes::CONTRADICTION, message)
                    .at(replicas.span, "")
                    .help("set the bounds instead: `autoscaling: {min: …, max: …}`"),
            );
        }
    }
}

fn probes(service: &Service, found: &mut Diagnostics) {
    let probes = [&service.probes.liveness, &service.probes.readiness, &service.probes.startup];
    for probe in probes {
        let Some(grpc) = probe.grpc.filter(|grpc| grpc.value) else { continue };
        if service.ports.grpc.is_none() {
            let message = "a gRPC probe for a service without a gRPC port";
            found.push(Diagnostic::error(&codes::CONTRADICTION, message).at(grpc.span, "").help("add `ports.grpc`"));
        } else if probe.path.is_some() {
            let message = "a probe asks gRPC or a path, not both";
            found.push(Diagnostic::error(&codes::CONTRADICTION, message).at(grpc.span, ""));
        }
    }
}

/// What differs by environment, and what a person adds.
fn variations(entry: &Entry, platform: &Platform, tree: &Tree, found: &mut Diagnostics) {
    let service = &entry.service;
    let hosts = service.ingress.iter().flat_map(|ingress| ingress.hosts.keys());
    service.environments.keys().chain(hosts).for_each(|name| known_environment(name, platform, found));
    let folder = format!("gitops/apps/{}", entry.name);
    extra(&service.extra, &format!("{folder}/base"), tree, found);
    for (name, variation) in &service.environments {
        if let Some(profile) = &variation.profile {
            known_profile(profile, platform, found);
        }
        extra(&variation.extra, &format!("{folder}/overlays/{}", name.value), tree, found);
    }
}

/// What `extra` names must be there, and where Kustomize loads it from.
fn extra(extra: &Extra, folder: &str, tree: &Tree, found: &mut Diagnostics) {
    let mut missing = |path: &Spanned<String>, what: &str| {
        found.push(Diagnostic::error(&codes::MISSING_PATH, format!("`{}` {what}", path.value)).at(path.span, ""));
    };
    for path in extra.resources.iter().chain(&extra.patches) {
        let outside = !path.starts_with(&format!("{folder}/"));
        if tree.has_file(path) && outside {
            missing(path, &format!("lies outside of {folder}, from where Kustomize reads no single file"));
        } else if !tree.has_file(path) && !tree.has_directory(path) {
            missing(path, "is not there");
        }
    }
    for path in extra.components.iter().filter(|path| !tree.has_directory(path)) {
        missing(path, if tree.has_file(path) { "is a file, not a folder with a Component" } else { "is not there" });
    }
}
