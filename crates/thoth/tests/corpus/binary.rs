//! The corpus through `thoth settings check`, as people have it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use changeover::Occasion;
use serde_json::Value;
use thoth::settings::render::json;
use thoth::settings::{Environment, PLACES};

use crate::{Home, corpus, home};

/// The longest line that is printed, whatever the lines of the file are.
const LINE_MAX: usize = 300;

fn check(home: &Home, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thoth"));
    command
        .env_clear()
        .env("HOME", home.folder.path())
        .env("THOTH_STATE_DIR", home.folder.path().join("state"));
    command.arg("--vault").arg(home.vault.root()).args(["settings", "check"]).args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_binary_judges_every_file_as_the_library_does() {
    let home = home();
    let file = home.folder.path().join("other.json");
    for sample in corpus() {
        std::fs::write(&file, &sample.content).unwrap();
        let output = check(&home, &["--json", file.to_str().unwrap()]);
        // Here an object without any setting is right: whether it may take the place of a live one is another question.
        let sets_nothing = sample.what.starts_with("refused/sets_nothing");
        assert_eq!(
            output.status.code(),
            Some(i32::from(sample.refused && !sets_nothing)),
            "{}: {}",
            sample.what,
            text(&output)
        );
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let environment = Environment::default();
        let review =
            thoth::settings::review(&sample.content, Occasion::RunningAllowEmpty, &environment, &home.vault);
        assert_eq!(said, json(&review.problems, &review.warnings), "{}", sample.what);
    }
}

/// One file of each kind as people see it: the place, and nothing that must not be seen.
#[test]
fn people_see_the_place_and_no_secret() {
    let home = home();
    let file = home.folder.path().join("other.json");
    let mut last = String::new();
    for sample in corpus() {
        let (kind, _) = sample.what.split_once(": ").unwrap();
        let is_minified = sample.content.len() > 4096 && !sample.content.contains(&b'\n');
        if kind == last && !is_minified {
            continue;
        }
        last = kind.to_owned();
        std::fs::write(&file, &sample.content).unwrap();
        let said = text(&check(&home, &[file.to_str().unwrap()]));
        let problem = home.check(&sample.content).problems.into_iter().next();
        if let Some(problem) = problem.filter(|_| kind != "refused/sets_nothing") {
            let place = match (problem.line, problem.column) {
                (Some(line), Some(column)) => format!("other.json:{line}:{column}"),
                _ => "in ".to_owned(),
            };
            assert!(said.contains(&place), "{}: no {place} in\n{said}", sample.what);
            assert!(said.contains("would be refused"), "{said}");
        }
        let longest = said.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        assert!(longest <= LINE_MAX, "{}: a line of {longest}\n{said}", sample.what);
        assert!(!said.contains("example-openrouter-key") && !said.contains("example-password"), "{said}");
    }
}

/// In each place of a vault; of several the first.
#[test]
fn the_file_is_found_in_every_layout_of_a_vault() {
    let home = home();
    for place in PLACES.iter().rev() {
        let file = home.vault.root().join(place);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::copy(Path::new(crate::FOLDER).join("long/docker.json"), &file).unwrap();
        let output = check(&home, &[]);
        assert!(output.status.success(), "{}", text(&output));
        assert!(text(&output).contains(&format!("{place} is valid")), "{place}: {}", text(&output));
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    let home = home();
    let named = |name: &str| home.folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(named("folder.json")).unwrap();
    std::os::unix::fs::symlink("gone.json", named("dangling.json")).unwrap();
    std::os::unix::fs::symlink("circle.json", named("circle.json")).unwrap();
    for (file, why) in [
        ("absent.json", "No such file"),
        ("folder.json", "directory"),
        ("dangling.json", "No such file"),
        ("circle.json", "symbolic links"),
    ] {
        let output = check(&home, &[&named(file)]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&named(file)) && said.contains(why), "{said}");
    }
    // Longer than anything that fits into memory; only the beginning is read.
    let endless = std::fs::File::create(named("endless.json")).unwrap();
    endless.set_len(1 << 40).unwrap();
    let said = text(&check(&home, &["--json", &named("endless.json")]));
    assert!(said.contains("too large: at most 10485760 bytes are read"), "{said}");
}

/// `thoth settings check <(jq … settings.json)`: a pipe is read to its end.
#[test]
fn a_pipe_is_read_to_its_end() {
    let home = home();
    let pipe = home.folder.path().join("pipe");
    if !Command::new("mkfifo").arg(&pipe).status().is_ok_and(|made| made.success()) {
        eprintln!("skipped: there is no `mkfifo`");
        return;
    }
    let content = std::fs::read(Path::new(crate::FOLDER).join("long/export.json")).unwrap();
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, content)
    });
    let output = check(&home, &[pipe.to_str().unwrap()]);
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}
