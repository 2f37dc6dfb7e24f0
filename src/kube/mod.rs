//! Facts of Kubernetes that several stages need: the syntax of names, quantities and image references.
//!
//! In: strings. Out: verdicts on them. Knows no files and no messages.

mod gvk;
mod image;
mod names;
mod quantity;
pub mod schema;

pub use gvk::{Gvk, cluster_scoped_since};
pub use image::{is_digest, is_repository, is_tag};
pub use names::{is_config_key, is_env_name, is_label, is_label_value, is_subdomain};
pub use quantity::{Quantity, quantity};
