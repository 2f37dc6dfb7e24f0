//! Facts of Kubernetes that several stages need: the syntax of names, quantities and image references.
//!
//! In: strings. Out: verdicts on them. Knows no files and no messages.

/// The names under which Kustomize finds a kustomization.
pub const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

mod gvk;
mod image;
mod immutable;
pub mod leak;
mod makers;
mod names;
mod quantity;
mod references;
pub mod schema;
mod selector;
mod workload;

pub use gvk::{Gvk, cluster_scoped_since, group_version, is_cluster_scoped, is_manifest};
pub use image::{Image, is_digest, is_repository, is_tag};
pub use immutable::{immutable_fields, keeps_data};
pub use makers::{Keys, Made, is_everywhere, is_operated, is_runtime_label, made_by, runs_pods_of};
pub use names::{is_config_key, is_env_name, is_label, is_label_value, is_subdomain};
pub use quantity::{Quantity, quantity};
pub use references::{PodReference, pod_references};
pub use selector::Selector;
pub use workload::{WORKLOADS, is_workload, pod_template};
