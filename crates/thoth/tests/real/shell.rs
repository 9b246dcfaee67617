//! Completions in real shells, and manual pages that real readers take.

use std::path::Path;
use std::process::Command;

use crate::support::{Place, installed, text};

/// The binary's folder first, so that a shell finds `thoth`.
fn path() -> String {
    let folder = Path::new(env!("CARGO_BIN_EXE_thoth")).parent().unwrap().to_str().unwrap();
    format!("{folder}:{}", std::env::var("PATH").unwrap())
}

fn script(place: &Place, shell: &str) -> String {
    let output = place.run(&["completions", shell]);
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What a shell prints that is given this program.
fn said(place: &Place, shell: &str, arguments: &[&str], program: &str) -> String {
    let mut command = Command::new(shell);
    command.env("PATH", path()).env("HOME", place.folder.path()).current_dir(place.folder.path());
    let output = command.args(arguments).args(["-c", program]).output().unwrap();
    assert!(output.status.success(), "{shell}: {}", text(&output));
    text(&output)
}

#[test]
fn bash_completes_commands_options_and_values() {
    if !installed("bash") {
        return;
    }
    let place = Place::new();
    std::fs::write(place.folder.path().join("_thoth"), script(&place, "bash")).unwrap();
    let complete = |words: &[&str]| {
        let program = format!(
            "source ./_thoth; COMP_WORDS=({}); COMP_CWORD={}; _thoth thoth '{}' '{}'; echo \"${{COMPREPLY[@]}}\"",
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        said(&place, "bash", &["--norc"], &program)
    };
    assert_eq!(complete(&["thoth", "rep"]).trim(), "report");
    let commands = complete(&["thoth", ""]);
    for command in ["serve", "reload", "watch", "settings", "report", "man", "completions"] {
        assert!(commands.split_whitespace().any(|word| word == command), "{command}: {commands}");
    }
    assert_eq!(complete(&["thoth", "settings", "hist"]).trim(), "history");
    assert_eq!(complete(&["thoth", "report", "--si"]).trim(), "--since");
    assert_eq!(complete(&["thoth", "completions", "f"]).trim(), "fish");
    let wired = said(&place, "bash", &["--norc"], "source ./_thoth; complete -p thoth");
    assert!(wired.contains("-F _thoth"), "{wired}");
}

#[test]
fn zsh_takes_the_script() {
    if !installed("zsh") {
        return;
    }
    let place = Place::new();
    std::fs::write(place.folder.path().join("_thoth"), script(&place, "zsh")).unwrap();
    let wired = said(
        &place,
        "zsh",
        &["-f"],
        "fpath=($PWD $fpath); autoload -Uz compinit; compinit -D -u; echo ${_comps[thoth]}",
    );
    assert_eq!(wired.trim(), "_thoth");
}

#[test]
fn fish_completes_commands_and_options() {
    if !installed("fish") {
        return;
    }
    let place = Place::new();
    std::fs::write(place.folder.path().join("thoth.fish"), script(&place, "fish")).unwrap();
    let complete = |line: &str| {
        said(&place, "fish", &["--no-config"], &format!("source thoth.fish; complete -C '{line}'"))
    };
    assert!(complete("thoth rep").starts_with("report\t"), "{}", complete("thoth rep"));
    assert!(complete("thoth report --si").starts_with("--since"), "{}", complete("thoth report --si"));
}

#[test]
fn an_unknown_shell_is_refused_with_those_that_are_known() {
    let output = Place::new().run(&["completions", "tcsh"]);
    assert!(!output.status.success() && text(&output).contains("bash, zsh, fish"), "{}", text(&output));
}

#[test]
fn every_command_has_a_page_and_readers_find_nothing_wrong_with_it() {
    let place = Place::new();
    let folder = place.folder.path().join("man/man1");
    let written = place.run(&["man", "--dir", folder.to_str().unwrap()]);
    assert!(written.status.success(), "{}", text(&written));
    let mut pages: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    let names: Vec<&str> = pages.iter().map(|page| page.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["thoth.1", "thoth-serve.1", "thoth-report.1", "thoth-settings.1", "thoth-settings-check.1"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let one = place.run(&["man"]);
    assert_eq!(one.stdout, std::fs::read(folder.join("thoth.1")).unwrap());
    if installed("mandoc") {
        for page in &pages {
            let lint = Command::new("mandoc").args(["-T", "lint", "-W", "error"]).arg(page).output().unwrap();
            assert!(lint.status.success() && lint.stdout.is_empty(), "{}: {}", page.display(), text(&lint));
        }
    }
    if installed("man") {
        let shown = Command::new("man").arg("-l").arg(folder.join("thoth.1")).env("MANPAGER", "cat").output();
        let shown = text(&shown.unwrap());
        for part in ["OBSIDIAN_VAULT_PATH", ".thoth/settings.json", "thoth-report(1)"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}
