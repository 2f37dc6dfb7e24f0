//! The rules of a platform that has a catalog: which wave a role has, whose database a service may reach, where its image
//! lies, what it may call. In a repository without a catalog they find nothing.

use crate::argo;
use crate::catalog::{Catalog, Entry};
use crate::kube::{Image, pod_references};
use crate::policy::checks::images::new_name;
use crate::policy::checks::{Check, Named};
use crate::policy::facts::fits;
use crate::policy::report::{Report, Unit, Whole};
use crate::policy::subject::{Object, Subject};
use crate::source::Origin;
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("wave-of-role", Check::Unit(wave_of_role)),
    ("cross-domain-database", Check::Unit(cross_domain_database)),
    ("registry-path", Check::Unit(registry_path)),
    ("event-consumer-calls-producer", Check::Unit(event_consumer_calls_producer)),
    ("service-not-deployed", Check::Whole(service_not_deployed)),
    ("application-shared", Check::Unit(application_shared)),
    ("app-id-of-another", Check::Unit(app_id_of_another)),
    ("tag-outside-overlay", Check::Unit(tag_outside_overlay)),
    ("database-open-to-strangers", Check::Unit(database_open)),
];

/// The service of the overlay that a unit is part of.
fn service<'a>(unit: &Unit<'a>) -> Option<(&'a Catalog, &'a Entry)> {
    let catalog = unit.subject.catalog?;
    Some((catalog, catalog.service(unit.overlay().service.as_deref()?)?))
}

/// Whether a role of the params means an object: a `group/Kind`, and optionally `label=value` behind a space.
fn has_role(object: &Object<'_>, pattern: &str) -> bool {
    let (kind, label) = pattern.split_once(' ').map_or((pattern, None), |(kind, label)| (kind, Some(label)));
    let (group, kind) = kind.rsplit_once('/').unwrap_or(("", kind));
    let has_label = |label: &str| {
        let (key, value) = label.split_once('=').unwrap_or((label, "*"));
        object.label(key).is_some_and(|found| fits(value, found.text()))
    };
    fits(group, object.group) && fits(kind, object.kind) && label.is_none_or(has_label)
}

/// The role of an object, by the params, else by the service whose overlay it is in.
fn role(unit: &Unit<'_>) -> Option<&'static str> {
    let object = unit.object;
    for (role, param) in [("databases", "databases"), ("dapr", "dapr"), ("gateway", "gateway")] {
        if unit.params.list(param).iter().any(|pattern| has_role(object, pattern)) {
            return Some(role);
        }
    }
    let is_workload =
        object.pod.is_some() || unit.params.list("services").iter().any(|pattern| has_role(object, pattern));
    let (_, entry) = service(unit).filter(|_| is_workload)?;
    let archetype = entry.service.archetype.as_ref().map(|archetype| archetype.value.as_str());
    Some(if archetype == Some("gateway") { "gateway" } else { "services" })
}

/// An object whose wave is not that of its role. Params: `databases`, `dapr`, `services`, `gateway`, lists of
/// `group/Kind label=value`.
fn wave_of_role<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let object = unit.object;
    let Some(catalog) = unit.subject.catalog else { return };
    // Hooks have phases of their own.
    if object.annotation(argo::HOOK).is_some() || object.annotation("helm.sh/hook").is_some() {
        return;
    }
    let Some(role) = role(unit) else { return };
    let own = service(unit).filter(|_| role == "services").and_then(|(_, entry)| entry.service.wave);
    let Some(wanted) = own.or_else(|| catalog.platform.waves.of(role)) else { return };
    let wave = object.annotation(argo::WAVE);
    let is = wave.map_or(0, |wave| argo::wave(wave.text()).unwrap_or(0));
    if is == i64::from(wanted) {
        return;
    }
    let message = format!("{} is in wave {is}, and the role `{role}` has wave {wanted}", object.title());
    let found = match wave {
        Some(wave) => report.at(object, wave),
        None => report.lacks(object, object.root, &["metadata", "annotations", argo::WAVE]),
    };
    found.say(message).help(format!("set `argocd.argoproj.io/sync-wave: \"{wanted}\"`"));
}

/// A text that names a host, alone, with a namespace behind it, or in an address.
fn names_host(text: &str, host: &str) -> bool {
    text.match_indices(host).any(|(at, _)| {
        let is_part = |char: char| char.is_ascii_alphanumeric() || char == '-';
        let before = text[..at].chars().next_back();
        let after = text[at + host.len()..].chars().next();
        !before.is_some_and(|char| is_part(char) || char == '.') && !after.is_some_and(is_part)
    })
}

/// The values that a container gets, each with its name, its node and the object that it stands in.
fn values<'a>(unit: &Unit<'a>, container: &'a Datum) -> Vec<(&'a str, &'a Datum, &'a Object<'a>)> {
    let (subject, object) = (unit.subject, unit.object);
    let mut found: Vec<(&str, &Datum, &Object<'_>)> = Vec::new();
    let entries = |name: &str| {
        let map = subject.find(object, "ConfigMap", &object.namespace, name)?;
        Some((map, map.root.get("data")?.pairs()))
    };
    for variable in container.get("env").map_or(&[][..], Datum::items) {
        if let Some(value) = variable.get("value") {
            found.push((variable.text_of("name"), value, object));
        }
        let reference = variable.at(["valueFrom", "configMapKeyRef"]);
        if let Some((map, pairs)) = reference.and_then(|reference| entries(reference.text_of("name"))) {
            let key = reference.map_or("", |reference| reference.text_of("key"));
            let pair = pairs.iter().find(|(name, _)| name.text() == key);
            found.extend(pair.map(|(_, value)| (variable.text_of("name"), value, map)));
        }
    }
    for source in container.get("envFrom").map_or(&[][..], Datum::items) {
        if let Some((map, pairs)) = source.get("configMapRef").and_then(|map| entries(map.text_of("name"))) {
            found.extend(pairs.iter().map(|(key, value)| (key.text(), value, map)));
        }
    }
    // Files of settings, where the container mounts them.
    let mounts = container.get("volumeMounts").map_or(&[][..], Datum::items);
    let volumes = object.pod.and_then(|pod| pod.spec.get("volumes")).map_or(&[][..], Datum::items);
    for volume in
        volumes.iter().filter(|volume| mounts.iter().any(|mount| mount.text_of("name") == volume.text_of("name")))
    {
        let projected = volume.at(["projected", "sources"]).map_or(&[][..], Datum::items).iter();
        let maps = projected.filter_map(|source| source.get("configMap")).chain(volume.get("configMap"));
        for (map, pairs) in maps.filter_map(|map| entries(map.get("name")?.text())) {
            found.extend(pairs.iter().map(|(key, value)| (key.text(), value, map)));
        }
    }
    for argument in ["args", "command"].into_iter().filter_map(|field| container.get(field)).flat_map(Datum::items) {
        found.push(("an argument", argument, object));
    }
    found
}

/// The databases that a text names on a host: in addresses, and in the `key=value` form of libpq and ADO.NET.
fn databases_of<'t>(text: &'t str, host: &str) -> Vec<&'t str> {
    let is_end = |char: char| char.is_whitespace() || matches!(char, '?' | '"' | '\'' | '#' | '&' | ';' | ',' | '}');
    let mut found = Vec::new();
    for (at, _) in text.match_indices(host) {
        let rest = &text[at + host.len()..];
        // The path begins where the authority ends, before anything else does.
        if let Some((_, path)) = rest.split_once('/').filter(|(authority, _)| !authority.contains(is_end)) {
            found.extend(path.split(is_end).next());
        }
    }
    if !found.iter().any(|name| !name.is_empty()) && text.contains(host) {
        let words = text.split(|char: char| char.is_whitespace() || matches!(char, ';' | '"' | '\''));
        let pairs = words.filter_map(|word| word.split_once('='));
        let names = pairs.filter(|(key, _)| ["dbname", "database"].iter().any(|name| key.eq_ignore_ascii_case(name)));
        found.extend(names.map(|(_, name)| name));
    }
    found.retain(|name| !name.is_empty());
    found
}

/// A service that reaches another's database: by its name, its credential, or the server without a database of its own.
fn cross_domain_database<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((catalog, entry)) = service(unit) else { return };
    let Some(server) = &catalog.platform.databases else { return };
    let own = entry.service.store.database.as_ref().map(|name| name.value.as_str());
    let others: Vec<(&str, &str)> = catalog
        .services
        .iter()
        .filter(|other| other.name != entry.name)
        .filter_map(|other| Some((other.service.store.database.as_ref()?.value.as_str(), other.name.as_str())))
        .collect();
    let owner = |name: &str| others.iter().find(|(database, _)| *database == name).map(|(_, owner)| *owner);
    let container = unit.node;
    for (name, value, holder) in values(unit, container) {
        let text = value.text();
        let upper = name.to_ascii_uppercase();
        let is_name = ["DB_NAME", "DATABASE", "PGDATABASE", "DB_DATABASE"].iter().any(|word| upper.ends_with(word));
        let mut names = if is_name { vec![text] } else { Vec::new() };
        names.extend(databases_of(text, &server.host));
        if let Some(owner) = names.into_iter().filter(|name| Some(*name) != own).find_map(owner) {
            let message = format!("`{}` reaches the database of `{owner}` (`{name}`)", entry.name);
            report.at(holder, value).say(message);
        } else if own.is_none() && names_host(text, &server.host) {
            let message = format!("`{}` reaches the database server, and has no database there (`{name}`)", entry.name);
            report.at(holder, value).say(message);
        }
        let legacy = server.legacy.as_ref().filter(|legacy| names_host(text, &legacy.alias));
        if legacy.is_some_and(|legacy| !legacy.clients.iter().any(|client| client.value == entry.name)) {
            let message =
                format!("`{}` reaches the legacy database, and is not among its clients (`{name}`)", entry.name);
            report.at(holder, value).say(message);
        }
    }
    let Some(pod) = unit.object.pod else { return };
    for reference in pod_references(pod.spec) {
        let is_mine = reference.container.is_none_or(|other| std::ptr::eq(other, container));
        let owner = reference.name.text().strip_suffix("-db").and_then(owner);
        if let Some(owner) = owner.filter(|_| reference.kind == "Secret" && is_mine) {
            let message = format!("`{}` has the credential of the database of `{owner}`", entry.name);
            report.at(unit.object, reference.name).say(message);
        }
    }
}

/// An image of a service that does not lie at its path of the registry. Sidecars from elsewhere are not meant: a container is
/// the service's own where it is called like it, or where its image is.
fn registry_path<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((catalog, entry)) = service(unit) else { return };
    let (Some(registry), Some(domain)) = (&catalog.platform.registry, &entry.service.domain) else { return };
    let Some(image) = unit.node.get("image") else { return };
    let repository = Image::of(image.text()).repository;
    let wanted = format!("{}/{}/{}", registry.value, domain.value, entry.name);
    let other = catalog.services.iter().find(|other| {
        other.name != entry.name
            && repository.starts_with(&*registry.value)
            && repository.rsplit('/').next() == Some(&*other.name)
    });
    let is_own = unit.container_name() == entry.name || repository.rsplit('/').next() == Some(&*entry.name);
    let message = match other {
        Some(other) => format!("`{}` runs the image of `{}`", entry.name, other.name),
        None if is_own && repository != wanted => {
            format!("the image `{repository}` of `{}` does not lie at `{wanted}`", entry.name)
        }
        None => return,
    };
    let found = report.at(unit.object, image).say(message);
    if let Some(new_name) = new_name(unit, image) {
        found.edit(new_name);
    }
}

/// A service that calls the producer of an event it consumes: the producer waits for what waits for it.
fn event_consumer_calls_producer<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((catalog, entry)) = service(unit) else { return };
    let publishes = |other: &Entry, event: &str| other.service.publishes.iter().any(|known| known.value == event);
    for consumed in &entry.service.consumes {
        let producers = catalog.services.iter().filter(|other| other.name != entry.name);
        for producer in producers.filter(|other| publishes(other, &consumed.value.event)) {
            let call = entry.service.calls.iter().find(|call| call.value == producer.name);
            for (name, value, holder) in values(unit, unit.node) {
                if names_host(value.text(), &producer.name) {
                    let message = format!(
                        "`{}` consumes `{}` and calls its producer `{}` (`{name}`)",
                        entry.name, consumed.value.event, producer.name
                    );
                    report.at(holder, value).say(message);
                }
            }
            if let Some(call) = call.filter(|_| unit.container_name() == entry.name) {
                let message = format!(
                    "`{}` consumes `{}` and calls its producer `{}`",
                    entry.name, consumed.value.event, producer.name
                );
                let overlays = [unit.object.overlay];
                report.elsewhere(Origin::at(call.span.file, call.span.start), &overlays).say(message);
            }
        }
    }
}

/// A service of the catalog that an environment does not have.
fn service_not_deployed<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    let Some(catalog) = subject.catalog else { return };
    // Where nothing is built of the catalog at all, it is not yet rendered, or the tree lies elsewhere.
    let has_overlay = |name: &str| subject.overlays.iter().any(|overlay| overlay.service.as_deref() == Some(name));
    if !catalog.services.iter().any(|entry| has_overlay(&entry.name)) {
        return;
    }
    for entry in &catalog.services {
        let Some(name) = &entry.service.name else { continue };
        for environment in catalog.platform.environments.keys() {
            let variation = entry.service.environments.iter().find(|(known, _)| known.value == environment.value);
            let is_deployed = subject.overlays.iter().any(|overlay| {
                overlay.service.as_ref() == Some(&entry.name)
                    && overlay.environment.as_ref() == Some(&environment.value)
            });
            if variation.is_none_or(|(_, variation)| variation.enabled) && !is_deployed {
                let message = format!("`{}` is not deployed in {}", entry.name, environment.value);
                report.elsewhere(Origin::at(name.span.file, name.span.start), &[]).say(message);
            }
        }
    }
}

/// An Application that deploys more than one service: a mistake in one holds back the other.
fn application_shared<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(catalog) = unit.subject.catalog else { return };
    let Some(at) = unit.subject.applications.element_offset(unit.object) else { return };
    let overlays = unit.subject.overlays.iter().enumerate().filter(|(_, overlay)| overlay.applications.contains(&at));
    let mut services: Vec<&str> = Vec::new();
    for (overlay, _) in overlays {
        let names =
            unit.subject.objects_of(overlay).iter().filter(|object| object.pod.is_some()).filter_map(|object| {
                let label = object.label("app.kubernetes.io/name").map(Datum::text);
                catalog
                    .services
                    .iter()
                    .map(|entry| entry.name.as_str())
                    .find(|name| Some(*name) == label || *name == object.name)
            });
        services.extend(names);
    }
    services.sort_unstable();
    services.dedup();
    if services.len() > 1 {
        let message =
            format!("Application `{}` deploys {} services: {}", unit.object.name, services.len(), services.join(", "));
        report.at(unit.object, unit.object.root).say(message);
    }
}

/// A sidecar whose app id is not the service's name, so that calls and scopes miss it.
fn app_id_of_another<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((_, entry)) = service(unit) else { return };
    let Some(id) = unit.object.pod.and_then(|pod| pod.annotation("dapr.io/app-id")) else { return };
    if id.text() != entry.name {
        let message = format!("`{}` has the app id `{}`", entry.name, id.text());
        report.at(unit.object, id).say(message);
    }
}

/// The tag of a service's own image that no `images` entry of the overlay sets, so that a release changes another file, or
/// all environments at once.
fn tag_outside_overlay<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((_, entry)) = service(unit) else { return };
    let Some(image) = unit.node.get("image") else { return };
    let parts = Image::of(image.text());
    if parts.repository.rsplit('/').next() != Some(&*entry.name) || parts.tag.is_none() && parts.digest.is_none() {
        return;
    }
    let overlay = unit.overlay();
    let subject: &Subject<'_> = unit.subject;
    let change = subject.origins.change(image.origin);
    let mut place = change.filter(|change| change.step == crate::kustomize::Step::Images).map(|change| change.place);
    while let Some(change) = place.and_then(|place| subject.origins.change(place)) {
        place = Some(change.place);
    }
    let file = place.and_then(Origin::place).map(|(file, _)| &*subject.sources.file(file).path);
    let is_in_overlay =
        file.is_some_and(|file| file.rsplit_once('/').map(|(folder, _)| folder) == Some(&*overlay.path));
    // What an Application overrides is told by a policy of its own.
    let is_argo = file.is_some_and(|file| !file.contains("kustomization") && !file.contains("Kustomization"));
    if overlay.is_built && !is_in_overlay && !is_argo {
        let message = format!("the tag of `{}` is not set by `images` of the overlay", entry.name);
        report.at(unit.object, image).say(message);
    }
}

/// A NetworkPolicy of the database server that lets in a service without a database there. Params: `labels`, patterns of
/// labels that the server's pods have.
fn database_open<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(catalog) = subject.catalog else { return };
    let Some(server) = &catalog.platform.databases else { return };
    let selected = object.at(&["spec", "podSelector", "matchLabels"]).map_or(&[][..], Datum::pairs);
    let labels = unit.params.list("labels");
    let is_server = selected.iter().any(|(key, value)| labels.contains(&key.text()) && value.text() == server.host);
    if !is_server {
        return;
    }
    for rule in object.at(&["spec", "ingress"]).map_or(&[][..], Datum::items) {
        let peers = rule.get("from").map_or(&[][..], Datum::items);
        if peers.is_empty() {
            report.at(object, rule).say(format!("everybody may reach the database server `{}`", server.host));
        }
        for peer in peers.iter().filter(|peer| peer.get("namespaceSelector").is_none()) {
            let Some(selector) = peer.get("podSelector") else { continue };
            let selector = crate::kube::Selector::Full(selector);
            for pod in subject.selected(object, &object.namespace, selector) {
                let name = pod.label("app.kubernetes.io/name").map_or(pod.name, Datum::text);
                let Some(entry) = catalog.service(name) else { continue };
                let is_waived = entry.service.secrets.iter().any(|secret| {
                    secret.external && secret.name.as_ref().is_some_and(|name| name.value.ends_with("-db"))
                });
                if entry.service.store.database.is_none() && !is_waived {
                    let message = format!("`{name}` may reach the database server, and has no database there");
                    report.at(object, peer).say(message).related(pod.root, "is let in");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_whole_names() {
        for text in
            ["platform-db", "platform-db:5432", "postgres://u@platform-db.production.svc/x", "tcp://platform-db"]
        {
            assert!(names_host(text, "platform-db"), "{text}");
        }
        for text in ["my-platform-db", "platform-db2", "platform-db-replica", "x.platform-db", ""] {
            assert!(!names_host(text, "platform-db"), "{text}");
        }
    }

    #[test]
    fn databases_are_named_in_addresses_and_in_pairs() {
        let of = |text| databases_of(text, "platform-db");
        assert_eq!(of("postgres://u:p@platform-db:5432/order?sslmode=off"), ["order"]);
        assert_eq!(
            of("a: jdbc:postgresql://platform-db:5432/order\nb: postgres://platform-db/stock\n"),
            ["order", "stock"]
        );
        assert_eq!(of("host=platform-db port=5432 dbname=order user=x"), ["order"]);
        assert_eq!(of("Server=platform-db;Database=order;User Id=x"), ["order"]);
        for text in ["platform-db:5432", "platform-db and /tmp/order", "dbname=order"] {
            assert!(of(text).is_empty(), "{text}");
        }
    }
}
