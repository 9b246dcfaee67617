//! The `thoth` command.

use std::process::ExitCode;

use clap::Parser;
use thoth::cli::{Arguments, run};

fn main() -> ExitCode {
    run(Arguments::parse())
}
