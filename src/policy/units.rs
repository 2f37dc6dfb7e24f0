//! The units of an object: the parts of it that a policy judges one by one.

use crate::policy::definition::Each;
use crate::policy::subject::Object;
use crate::yaml::data::Datum;

/// A unit and its container, where it has one.
pub(super) type Part<'a> = (&'a Datum, Option<&'a Datum>);

/// The units of an object.
pub(super) fn of<'a>(object: &Object<'a>, each: Each) -> Vec<Part<'a>> {
    let containers = |list: &mut dyn Iterator<Item = &'a Datum>| -> Vec<Part<'a>> {
        list.filter(|container| container.is_mapping()).map(|container| (container, Some(container))).collect()
    };
    let Some(pod) = object.pod else {
        return match each {
            Each::Object | Each::Application | Each::Kustomization => vec![(object.root, None)],
            Each::ImageEntry => items(object.root, &["images"]),
            Each::Patch => items(object.root, &["patches", "patchesStrategicMerge", "patchesJson6902"]),
            _ => Vec::new(),
        };
    };
    match each {
        Each::Object => vec![(object.root, None)],
        Each::Pod => vec![(pod.spec, None)],
        Each::Container => containers(&mut pod.containers().iter()),
        Each::InitContainer => containers(&mut pod.init_containers().iter()),
        Each::EveryContainer => containers(&mut pod.every_container()),
        Each::Port => {
            let ports = |container: &'a Datum| {
                let ports = container.get("ports").map_or(&[][..], Datum::items).iter();
                ports.map(move |port| (port, Some(container)))
            };
            pod.every_container().flat_map(ports).collect()
        }
        _ => Vec::new(),
    }
}

fn items<'a>(root: &'a Datum, fields: &[&str]) -> Vec<Part<'a>> {
    let lists = fields.iter().filter_map(|field| root.get(field));
    lists.flat_map(Datum::items).map(|item| (item, None)).collect()
}
