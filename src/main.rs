//! Hands the arguments to the library and exits with the code it returns.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    gitopsctl::cli::run(std::env::args_os())
}
