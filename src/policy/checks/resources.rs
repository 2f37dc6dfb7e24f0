//! Requests and limits.

use crate::kube::quantity;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[("limit-below-request", Check::Unit(limit_below_request))];

/// A request above its limit: the API server refuses the pod.
fn limit_below_request<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let list = |field: &str| unit.node.at(["resources", field]).map_or(&[][..], Datum::pairs);
    for (name, request) in list("requests") {
        let limit = list("limits").iter().find(|(limited, _)| limited.text() == name.text());
        let Some((_, limit)) = limit else { continue };
        if let (Some(least), Some(most)) = (quantity(request.text()), quantity(limit.text()))
            && least > most
        {
            let message = format!(
                "container `{}` requests {} {}, more than its limit {}",
                unit.container_name(),
                request.text(),
                name.text(),
                limit.text()
            );
            report.at(unit.object, limit).say(message).related(request, "the request");
        }
    }
}
