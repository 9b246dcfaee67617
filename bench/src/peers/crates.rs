//! Crates of the same kind, each behind a server of a few lines: `bench/peers`.

use std::process::Command;

use anyhow::ensure;

use super::Tools;
use super::contender::{Contender, Ground, Plan, Told, free_address};
use crate::settings;

pub fn dynamic_config(tools: &Tools) -> anyhow::Result<Contender> {
    start(tools, "dynamic-config, 250 ms", "0.10.0", "dynamic-config")
}

pub fn dynamic_config_short(tools: &Tools) -> anyhow::Result<Contender> {
    start(tools, "dynamic-config, 1 ms", "0.10.0", "dynamic-config-short")
}

pub fn rtb_config(tools: &Tools) -> anyhow::Result<Contender> {
    start(tools, "rtb-config", "0.6.5", "rtb-config")
}

fn start(
    tools: &Tools,
    name: &'static str,
    version: &'static str,
    argument: &str,
) -> anyhow::Result<Contender> {
    ensure!(tools.crates.is_file(), "there is no `{}`", tools.crates.display());
    let (ground, address) = (Ground::new("settings.json")?, free_address()?);
    let plan = Plan {
        name,
        version: version.to_owned(),
        content: Box::new(settings::values),
        // No step of theirs could refuse it.
        impossible: None,
        told: Told::Watches,
        address,
        path: "/",
    };
    let mut command = Command::new(&tools.crates);
    command.arg(argument).arg(ground.file()).arg(address.to_string());
    Contender::start(plan, ground, &mut command)
}
