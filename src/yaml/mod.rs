//! YAML as Kubernetes' tools read it: text → arena of nodes with byte spans → typed values that keep their place.
//!
//! In: one text. Out: [`Document`]s, decoded values, or text for a scalar that reads back as the same string.
//! The only module that knows the parser crate. Knows nothing of Kubernetes or Kustomize.

pub mod data;
mod decode;
mod emit;
mod everyday;
pub mod json;
mod keys;
pub mod load;
mod node;
mod parse;
pub mod plain;
pub mod print;
mod scalar;
mod typing;

pub use decode::{Spanned, decode};
pub use emit::{block, double_quoted, scalar};
pub use node::{Document, Kind, Node, NodeId, Style};
pub use parse::{codes, parse};
pub use scalar::{Value, resolve, tag as plain_tag};
