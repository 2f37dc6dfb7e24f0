//! Complete Kubernetes Probes out of what a service says of them.

use serde_json::json;

use crate::catalog::Probe;
use crate::render::context::service::PortFacts;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Startup,
    Liveness,
    Readiness,
}

/// A complete Kubernetes Probe. Liveness asks gRPC; without gRPC, and without a path of its own, it only opens the port,
/// since asking what readiness asks would restart pods that are merely busy. Startup asks what liveness asks, which
/// `like` says, unless it says otherwise itself.
pub(super) fn probe(own: &Probe, kind: Kind, ports: PortFacts, like: &Probe) -> serde_json::Value {
    let says = if own.grpc.is_some() || own.path.is_some() { own } else { like };
    let wants_grpc = says.grpc.map_or(kind != Kind::Readiness && says.path.is_none(), |grpc| grpc.value);
    let path = says.path.as_deref().or((kind == Kind::Readiness).then_some("/health"));
    let mut probe = match (ports.grpc.filter(|_| wants_grpc), path) {
        (Some(port), _) => json!({"grpc": {"port": port}}),
        (None, Some(path)) => json!({"httpGet": {"path": path, "port": "http"}}),
        (None, None) if says.grpc.is_some() => json!({"httpGet": {"path": "/health", "port": "http"}}),
        (None, None) => json!({"tcpSocket": {"port": "http"}}),
    };
    // A startup probe tells a slow start from a dead one: two and a half minutes.
    let (delay, period, failures) = match kind {
        Kind::Startup => (0, 5, 30),
        Kind::Liveness => (10, 30, 3),
        Kind::Readiness => (5, 10, 3),
    };
    for (key, value) in [
        ("initialDelaySeconds", own.initial_delay_seconds.unwrap_or(delay)),
        ("periodSeconds", own.period_seconds.unwrap_or(period)),
        ("timeoutSeconds", own.timeout_seconds.unwrap_or(3)),
        ("failureThreshold", own.failure_threshold.unwrap_or(failures)),
    ] {
        if value > 0 {
            probe[key] = value.into();
        }
    }
    probe
}
