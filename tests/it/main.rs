//! The program as its users meet it. One binary, so that it links once.

mod applicationsets;
mod build;
mod compat;
mod docs;
mod errors;
mod fuzz;
mod git_store;
mod golden;
mod init;
mod lint;
mod lint_command;
mod lint_fix;
mod lint_gate;
mod lint_hostile;
mod lint_policies;
mod lint_since;
mod lint_suppress;
mod overrides;
mod policies;
mod render;
mod scaffold;
mod support;
mod tidy;
mod waves;
