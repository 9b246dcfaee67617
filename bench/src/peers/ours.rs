//! Thoth, and the floor.

use std::process::Command;

use super::Tools;
use super::contender::{Contender, Ground, Plan, Told, free_address};
use crate::settings;

pub fn floor(tools: &Tools) -> anyhow::Result<Contender> {
    let (ground, address) = (Ground::new("settings.json")?, free_address()?);
    let plan = Plan {
        name: "the floor",
        version: String::new(),
        content: Box::new(settings::pair),
        impossible: None,
        told: Told::Watches,
        address,
        path: "/",
    };
    let mut command = Command::new(&tools.bench);
    command.arg("--floor").arg(ground.file()).arg(address.to_string());
    Contender::start(plan, ground, &mut command)
}

pub fn thoth(tools: &Tools) -> anyhow::Result<Contender> {
    let (ground, address) = (Ground::new("vault/.thoth/settings.json")?, free_address()?);
    let vault = ground.folder().join("vault");
    std::fs::create_dir_all(vault.join(".thoth"))?;
    let plan = Plan {
        name: "Thoth",
        version: env!("CARGO_PKG_VERSION").to_owned(),
        content: Box::new(settings::pair),
        impossible: Some(Box::new(settings::pair_with_port)),
        told: Told::Watches,
        address,
        path: "/api/v1/settings",
    };
    let mut command = Command::new(&tools.thoth);
    command
        .args(["serve", "--listen", &address.to_string(), "--vault"])
        .arg(vault)
        .env("THOTH_STATE_DIR", ground.folder().join("state"))
        .env("THOTH_LOG_LEVEL", "WARNING");
    Contender::start(plan, ground, &mut command)
}
