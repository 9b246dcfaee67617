//! How long a settings file takes to be read, parsed and checked: `settings_check_time FILE VAULT`.
//!
//! Prints the median and the 99th percentile of 2,000 checks in microseconds.

use std::path::Path;
use std::time::Instant;

use changeover::Occasion;
use thoth::settings::{Environment, Vault, check};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, vault] = arguments.as_slice() else {
        anyhow::bail!("usage: settings_check_time FILE VAULT")
    };
    let vault = Vault::at(Path::new(vault))?;
    let content = std::fs::read(file)?;
    let environment = Environment::default();
    let mut micros = Vec::new();
    let mut outcome = String::new();
    for _ in 0..2_000 {
        let begin = Instant::now();
        let checked = check(&content, Occasion::Running, &environment, &vault);
        micros.push(begin.elapsed().as_secs_f64() * 1e6);
        outcome = match checked {
            Ok(accepted) => format!("accepted with {} warnings", accepted.warnings.len()),
            Err(problems) => format!("refused with {} problems", problems.len()),
        };
    }
    micros.sort_by(f64::total_cmp);
    let at = |share: usize| micros.get(micros.len() * share / 100).copied().unwrap_or_default();
    println!("{} bytes, {outcome}: median {:.1} µs, p99 {:.1} µs", content.len(), at(50), at(99));
    Ok(())
}
