//! How long a settings file takes to be read, parsed and checked: `settings_check_time FILE VAULT`.
//!
//! Prints the median and the 99th percentile of 2,000 checks in microseconds: one right after the other; and each after something
//! else has filled the processor's own caches, as between two saves.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use changeover::Occasion;
use thoth::settings::{Environment, Vault, check};

/// More bytes than the caches of one core hold, and those that are fetched at once.
const CACHES: usize = 16 * 1024 * 1024;
const LINE: usize = 64;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, vault] = arguments.as_slice() else {
        anyhow::bail!("usage: settings_check_time FILE VAULT")
    };
    let vault = Vault::at(Path::new(vault))?;
    let content = std::fs::read(file)?;
    let environment = Environment::default();
    let mut outcome = String::new();
    let something_else = vec![1_u8; CACHES];
    let mut times = |between: &dyn Fn()| {
        let mut micros: Vec<f64> = (0..2_000)
            .map(|_| {
                between();
                let begin = Instant::now();
                let checked = check(&content, Occasion::Running, &environment, &vault);
                let micros = begin.elapsed().as_secs_f64() * 1e6;
                outcome = match checked {
                    Ok(accepted) => format!("accepted with {} warnings", accepted.warnings.len()),
                    Err(problems) => format!("refused with {} problems", problems.len()),
                };
                micros
            })
            .collect();
        micros.sort_by(f64::total_cmp);
        let at = |share: usize| micros.get(micros.len() * share / 100).copied().unwrap_or_default();
        format!("median {:.1} µs, p99 {:.1} µs", at(50), at(99))
    };
    let at_once = times(&|| {});
    let cold = times(&|| {
        black_box(something_else.iter().step_by(LINE).map(|byte| u64::from(*byte)).sum::<u64>());
    });
    println!("{} bytes, {outcome}: at once {at_once}; cold {cold}", content.len());
    Ok(())
}
