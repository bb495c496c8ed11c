//! The program `nightlatch`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nightlatch::cli::main()
}
