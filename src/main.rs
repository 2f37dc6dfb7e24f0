//! Hands the arguments to the library and exits with the code it returns.

use std::process::ExitCode;

fn main() -> ExitCode {
    gitopsctl::cli::run(std::env::args_os())
}
