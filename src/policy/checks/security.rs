//! What a container may do to its node and to itself. A container's own security context counts before its pod's.

use crate::policy::checks::{Check, Named};
use crate::policy::facts::fits;
use crate::policy::report::{Report, Unit};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("root-allowed", Check::Unit(root_allowed)),
    ("root-contradiction", Check::Unit(root_contradiction)),
    ("root-group", Check::Unit(root_group)),
    ("id-below", Check::Unit(id_below)),
    ("escalation-allowed", Check::Unit(escalation_allowed)),
    ("capability-added", Check::Unit(capability_added)),
    ("capability-kept", Check::Unit(capability_kept)),
    ("seccomp-missing", Check::Unit(seccomp_missing)),
    ("hardening-missing", Check::Unit(hardening_missing)),
    ("host-mount", Check::Unit(host_mount)),
    ("sysctl-unsafe", Check::Unit(sysctl_unsafe)),
];

/// A field that a container has, or else its pod.
fn effective<'a>(unit: &Unit<'a>, field: &str) -> Option<&'a Datum> {
    let of = |node: &'a Datum| node.at(["securityContext", field]).filter(|value| !value.is_null());
    of(unit.node).or_else(|| unit.pod().and_then(|pod| of(pod.spec)))
}

/// A field of the container alone.
fn own<'a>(unit: &Unit<'a>, field: &str) -> Option<&'a Datum> {
    unit.node.at(["securityContext", field]).filter(|value| !value.is_null())
}

/// A value and the node that says so, where one does.
type Said<'a, T> = Option<(T, &'a Datum)>;

/// The user that a container runs as, and whether Kubernetes refuses to run it as root.
fn user<'a>(unit: &Unit<'a>) -> (Said<'a, i64>, Said<'a, bool>) {
    let user = effective(unit, "runAsUser").and_then(|node| Some((node.int()?, node)));
    let refuses = effective(unit, "runAsNonRoot").and_then(|node| Some((node.flag()?, node)));
    (user, refuses)
}

/// A container that may run as root.
fn root_allowed<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (user, refuses) = user(unit);
    let is_refused = refuses.is_some_and(|(refuses, _)| refuses);
    if is_refused || user.is_some_and(|(id, _)| id > 0) {
        return;
    }
    match user.map(|(_, node)| node).or(refuses.map(|(_, node)| node)) {
        Some(node) => report.at(unit.object, node),
        None => report.missing(unit.object, unit.node, "securityContext/runAsNonRoot"),
    };
}

/// A container that is to run as root and must not: it never starts.
fn root_contradiction<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    if let (Some((0, node)), Some((true, refuses))) = user(unit) {
        report.at(unit.object, node).related(refuses, "and must not run as root");
    }
}

/// A container whose group is root's.
fn root_group<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    if let Some(node) = effective(unit, "runAsGroup").filter(|node| node.int() == Some(0)) {
        report.at(unit.object, node);
    }
}

/// A user or group that a user of the node may have too. Params: `minimum`.
fn id_below<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (field, what) in [("runAsUser", "user"), ("runAsGroup", "group")] {
        let name = unit.container_name();
        match effective(unit, field) {
            None => {
                let message = format!("container `{name}` does not say as which {what} it runs");
                report.missing(unit.object, unit.node, &format!("securityContext/{field}")).say(message);
            }
            Some(node) if node.int().is_some_and(|id| id < unit.params.integer("minimum")) => {
                let message = format!("container `{name}` runs as {what} {}", node.text());
                report.at(unit.object, node).say(message);
            }
            Some(_) => {}
        }
    }
}

fn capabilities<'a>(unit: &Unit<'a>, field: &str) -> &'a [Datum] {
    unit.node.at(["securityContext", "capabilities", field]).map_or(&[], Datum::items)
}

/// A capability without its prefix, in capitals.
fn capability(node: &Datum) -> String {
    let name = node.text().to_ascii_uppercase();
    name.strip_prefix("CAP_").map_or(name.clone(), str::to_owned)
}

/// A container whose processes may get more rights than it started with, said by any of three fields. One that says no and
/// is privileged contradicts itself, and does not reach the cluster.
fn escalation_allowed<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    if own(unit, "allowPrivilegeEscalation").is_some_and(|node| node.flag() == Some(false)) {
        return;
    }
    let is_true = |field: &str| own(unit, field).filter(|node| node.flag() == Some(true));
    let admin = || capabilities(unit, "add").iter().find(|name| capability(name) == "SYS_ADMIN");
    if let Some(node) = is_true("allowPrivilegeEscalation").or_else(|| is_true("privileged")).or_else(admin) {
        report.at(unit.object, node);
    }
}

/// A capability that is added. Params: `capabilities`, their names without prefix.
fn capability_added<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for node in capabilities(unit, "add").iter().filter(|node| unit.params.has("capabilities", &capability(node))) {
        report.at(unit.object, node);
    }
}

/// Capabilities that are not dropped, all at once or one by one. Params: `capabilities`, their names without prefix.
fn capability_kept<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let dropped: Vec<String> = capabilities(unit, "drop").iter().map(capability).collect();
    let is_dropped = |name: &&str| dropped.iter().any(|dropped| dropped == "ALL" || dropped == name);
    let wanted = unit.params.list("capabilities");
    let added = capabilities(unit, "add").iter().find(|node| {
        let name = capability(node);
        wanted.len() == 1 && (name == "ALL" || wanted.contains(&name.as_str()))
    });
    if let Some(node) = added {
        let message = format!("container `{}` adds the capability {}", unit.container_name(), node.text());
        report.at(unit.object, node).say(message);
    }
    if !wanted.iter().all(is_dropped) {
        report.missing(unit.object, unit.node, "securityContext/capabilities/drop");
    }
}

/// A container without a seccomp profile, or with none in effect.
fn seccomp_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    match effective(unit, "seccompProfile") {
        None => drop(report.missing(unit.object, unit.node, "securityContext/seccompProfile")),
        Some(profile) if profile.text_of("type") == "Unconfined" => {
            report.at(unit.object, profile.get("type").unwrap_or(profile));
        }
        Some(_) => {}
    }
}

/// A container with none of what confines processes on Linux: `AppArmor`, seccomp, `SELinux`, dropped capabilities.
fn hardening_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let confines = |field: &str| {
        let kind = |profile: &Datum| profile.text_of("type").to_owned();
        effective(unit, field).map(kind).is_some_and(|kind| !kind.is_empty() && kind != "Unconfined")
    };
    let annotation = format!("container.apparmor.security.beta.kubernetes.io/{}", unit.container_name());
    let annotation = unit.pod().and_then(|pod| pod.annotation(&annotation)).map_or("", Datum::text);
    let is_annotated = !matches!(annotation, "" | "unconfined");
    let drops = !capabilities(unit, "drop").is_empty()
        && !capabilities(unit, "add").iter().any(|node| capability(node) == "ALL");
    let has_selinux = effective(unit, "seLinuxOptions").is_some_and(|options| !options.is_empty());
    if !(is_annotated || confines("seccompProfile") || confines("appArmorProfile") || has_selinux || drops) {
        report.missing(unit.object, unit.node, "securityContext");
    }
}

/// A mount of a path of the node. Params: `paths`, patterns with `*` for anything, without a slash at the end; `writable`,
/// whether only mounts that can be written to are meant.
fn host_mount<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (Some(pod), paths) = (unit.pod(), unit.params.list("paths")) else { return };
    for mount in unit.node.get("volumeMounts").map_or(&[][..], Datum::items) {
        let name = mount.text_of("name");
        let volume = pod.volumes().iter().find(|volume| !name.is_empty() && volume.text_of("name") == name);
        let Some(path) = volume.and_then(|volume| volume.at(["hostPath", "path"])) else { continue };
        let is_read_only = mount.get("readOnly").and_then(Datum::flag) == Some(true);
        let place = match path.text().trim_end_matches('/') {
            "" => "/",
            place => place,
        };
        if paths.iter().any(|pattern| fits(pattern, place)) && !(unit.params.flag("writable") && is_read_only) {
            let message = format!("container `{}` mounts `{}` of the node", unit.container_name(), path.text());
            report.at(unit.object, mount).say(message).related(path, "the volume");
        }
    }
}

/// Kernel parameters that a kubelet sets without being told to allow them.
const SAFE_SYSCTLS: [&str; 14] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_notsent_lowat",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// A kernel parameter that a kubelet refuses unless its configuration allows it.
fn sysctl_unsafe<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for sysctl in unit.node.at(["securityContext", "sysctls"]).map_or(&[][..], Datum::items) {
        let name = sysctl.text_of("name").replace('/', ".");
        if let Some(node) = sysctl.get("name").filter(|_| !name.is_empty() && !SAFE_SYSCTLS.contains(&&*name)) {
            report.at(unit.object, node);
        }
    }
}
