//! The program as its users meet it. One binary, so that it links once.

mod applicationsets;
mod build;
mod compat;
mod docs;
mod errors;
mod fuzz;
mod golden;
mod init;
mod lint;
mod overrides;
mod policies;
mod render;
mod scaffold;
mod support;
mod tidy;
mod waves;
