//! Workloads in the words of a table: versions, replicas, requests and limits.

use crate::kube::{Image, group_version, pod_template, quantity};
use crate::view::report::{Container, Resources, Workload};
use crate::yaml::data::Datum;

/// The workloads among objects: what runs on and on before what ends, the service's own first.
pub(super) fn workloads(objects: &[&Datum], service: &str) -> Vec<Workload> {
    let mut found: Vec<(usize, bool, Workload)> = objects
        .iter()
        .filter_map(|root| {
            let workload = workload(root, objects, service)?;
            let is_own = workload.name == service || workload.containers.iter().any(|one| is_of(one, service));
            let rank = match &*workload.kind {
                "Job" | "CronJob" | "Pod" => 1,
                _ => 0,
            };
            Some((rank, !is_own, workload))
        })
        .collect();
    found.sort_by(|one, other| (one.0, one.1, &one.2.name).cmp(&(other.0, other.1, &other.2.name)));
    found.into_iter().map(|(_, _, workload)| workload).collect()
}

fn is_of(container: &Container, service: &str) -> bool {
    container.name == service || container.repository.rsplit('/').next() == Some(service)
}

fn workload(root: &Datum, objects: &[&Datum], service: &str) -> Option<Workload> {
    let kind = root.text_of("kind");
    let template = pod_template(group_version(root.text_of("apiVersion")).0, kind, root)?;
    let spec = template.get("spec").filter(|spec| spec.is_mapping())?;
    let of = |key: &str, is_init: bool| {
        let items = spec.get(key).map_or(&[][..], Datum::items);
        items.iter().map(move |item| container(item, is_init)).collect::<Vec<_>>()
    };
    let mut containers = of("containers", false);
    let total = total(&containers);
    containers.sort_by_key(|one| !is_of(one, service));
    containers.extend(of("initContainers", true));
    let name = root.get("metadata").map_or("", |meta| meta.text_of("name"));
    Some(Workload {
        kind: kind.to_owned(),
        name: name.to_owned(),
        replicas: replicas(root, kind, name, objects),
        total,
        containers,
    })
}

fn container(item: &Datum, is_init: bool) -> Container {
    let image = Image::of(item.text_of("image"));
    let digest = image.digest.map(|digest| digest.chars().take("sha256:".len() + 12).collect::<String>());
    let resource =
        |list: &str, name: &str| item.at(["resources", list]).map_or("", |list| list.text_of(name)).to_owned();
    Container {
        name: item.text_of("name").to_owned(),
        is_init,
        repository: image.repository.to_owned(),
        version: image.tag.map(str::to_owned).or(digest).unwrap_or_default(),
        resources: Resources {
            cpu: resource("requests", "cpu"),
            cpu_limit: resource("limits", "cpu"),
            memory: resource("requests", "memory"),
            memory_limit: resource("limits", "memory"),
        },
    }
}

/// How many pods: what an autoscaler may make of it, else what the object says.
fn replicas(root: &Datum, kind: &str, name: &str, objects: &[&Datum]) -> String {
    let text = |key: &str, default: &str| {
        let found = root.get("spec").map_or("", |spec| spec.text_of(key));
        if found.is_empty() { default.to_owned() } else { found.to_owned() }
    };
    match kind {
        "DaemonSet" => return "per node".to_owned(),
        "CronJob" => return text("schedule", ""),
        "Job" => return text("parallelism", "1"),
        "Pod" => return "1".to_owned(),
        _ => {}
    }
    let scaler = objects.iter().find_map(|scaler| {
        let (low, high, default) = match scaler.text_of("kind") {
            "HorizontalPodAutoscaler" => ("minReplicas", "maxReplicas", ("1", "?")),
            "ScaledObject" => ("minReplicaCount", "maxReplicaCount", ("0", "100")),
            _ => return None,
        };
        let spec = scaler.get("spec")?;
        let target = spec.get("scaleTargetRef")?;
        let is_kind = matches!(target.text_of("kind"), "" | "Rollout") || target.text_of("kind") == kind;
        let or = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
        let (low, high) = (or(spec.text_of(low), default.0), or(spec.text_of(high), default.1));
        (is_kind && target.text_of("name") == name).then(|| if low == high { low } else { format!("{low}–{high}") })
    });
    scaler.unwrap_or_else(|| text("replicas", "1"))
}

/// Of all containers together. Without a limit of each of them the pod has none.
fn total(containers: &[Container]) -> Resources {
    if let [one] = containers {
        return one.resources.clone();
    }
    let sum = |of: fn(&Resources) -> &String, needs_all: bool, write: fn(i128) -> String| {
        let texts: Vec<&str> = containers.iter().map(|one| of(&one.resources).as_str()).collect();
        let amounts: Option<Vec<i128>> =
            texts.iter().filter(|text| !text.is_empty()).map(|text| quantity(text)).collect();
        let amounts = amounts.unwrap_or_default();
        let is_whole = !amounts.is_empty() && (!needs_all || amounts.len() == texts.len());
        if is_whole { write(amounts.iter().sum()) } else { String::new() }
    };
    Resources {
        cpu: sum(|of| &of.cpu, false, cores),
        cpu_limit: sum(|of| &of.cpu_limit, true, cores),
        memory: sum(|of| &of.memory, false, bytes),
        memory_limit: sum(|of| &of.memory_limit, true, bytes),
    }
}

/// Thousandths of a core.
fn cores(amount: i128) -> String {
    if amount % 1000 == 0 { (amount / 1000).to_string() } else { format!("{amount}m") }
}

/// Thousandths of a byte.
fn bytes(amount: i128) -> String {
    let bytes = amount / 1000;
    let units = [("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];
    let unit = units.into_iter().find(|(_, size)| bytes > 0 && bytes % size == 0);
    unit.map_or_else(|| bytes.to_string(), |(unit, size)| format!("{}{unit}", bytes / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_the_sum_of_its_containers() {
        let container = |cpu: &str, cpu_limit: &str, memory: &str| Container {
            resources: Resources {
                cpu: cpu.to_owned(),
                cpu_limit: cpu_limit.to_owned(),
                memory: memory.to_owned(),
                memory_limit: "1Gi".to_owned(),
            },
            ..Container::default()
        };
        let resources = total(&[container("500m", "1", "256Mi"), container("0.5", "", "768Mi")]);
        let expected = ["1", "", "1Gi", "2Gi"].map(str::to_owned);
        assert_eq!([resources.cpu, resources.cpu_limit, resources.memory, resources.memory_limit], expected);
        assert_eq!((cores(1500), bytes(1_500_000)), ("1500m".to_owned(), "1500".to_owned()));
    }
}
