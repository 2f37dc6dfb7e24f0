//! The built-in policies, as the build script embeds them.

include!(concat!(env!("OUT_DIR"), "/policies.rs"));
