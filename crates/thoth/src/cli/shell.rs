//! `thoth completions` and `thoth man`: what a shell and `man` want to know, made from the arguments themselves.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::{Generator, Shell};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::Arguments;

/// Shells whose completion is tested.
pub(super) const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// Variables that decide what a command works on, for the manual's page of `thoth` itself.
const VARIABLES: [(&str, &str); 6] = [
    ("OBSIDIAN_VAULT_PATH", "The vault, where --vault does not name one."),
    ("THOTH_SETTINGS_FILE", "The settings file, in place of the one in the vault."),
    ("THOTH_STATE_DIR", "The folder for index, history and token; never in the vault."),
    ("THOTH_HOT_RELOAD", "With 0 the settings file is not watched; thoth reload still reads it."),
    (
        "THOTH_API_TOKEN",
        "The token of the API, in place of the one in the state directory; 16 characters at least.",
    ),
    ("THOTH_LOG_LEVEL", "The level of the log, in place of the setting logging.level."),
];

/// Prints a shell's completion script.
pub(super) fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut command = Arguments::command();
    command.set_bin_name("thoth");
    command.build();
    let mut script = Vec::new();
    shell.try_generate(&command, &mut script).context("writing the completion script")?;
    print(&script)
}

/// Prints the manual's page of `thoth`, or writes every page into a folder.
pub(super) fn man(folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = folder else {
        return print(&page(command)?);
    };
    std::fs::create_dir_all(folder).with_context(|| format!("making `{}`", folder.display()))?;
    write_pages(command, folder)?;
    Ok(ExitCode::SUCCESS)
}

fn write_pages(command: clap::Command, folder: &Path) -> anyhow::Result<()> {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        write_pages(command.clone(), folder)?;
    }
    let file = folder.join(Man::new(command.clone()).get_filename());
    std::fs::write(&file, page(command)?).with_context(|| format!("writing `{}`", file.display()))
}

/// A page; that of `thoth` itself also says which variables and files there are.
fn page(command: clap::Command) -> anyhow::Result<Vec<u8>> {
    let is_root = command.get_name() == "thoth";
    let man = Man::new(command).manual("Thoth");
    let mut page = Vec::new();
    man.render(&mut page)?;
    if is_root {
        let mut more = Roff::new();
        more.control("SH", ["ENVIRONMENT"]);
        for (name, what) in VARIABLES {
            more.control("TP", []).text([bold(name)]).text([roman(what)]);
        }
        more.control("SH", ["FILES"]);
        for place in crate::settings::PLACES {
            more.control("TP", []).text([bold(format!("<vault>/{place}"))]);
            more.text([roman(
                "The settings; the first of these that exists is read, and read again at every save.",
            )]);
        }
        more.to_writer(&mut page)?;
    }
    Ok(page)
}

/// All at once, so that a reader who stops early is an error here and no panic elsewhere.
fn print(bytes: &[u8]) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
