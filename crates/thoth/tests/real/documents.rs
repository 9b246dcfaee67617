//! The commands of documents do what the documents say.

use std::path::Path;
use std::process::Command;

use crate::support::{installed, text};

#[test]
fn the_commands_of_the_hot_reload_page_work_here() {
    if !(installed("python3") && installed("bash") && installed("curl")) {
        return;
    }
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut run = Command::new("python3");
    run.arg(repository.join("scripts/document_commands.py")).args(["--world", "local"]);
    run.args(["--thoth", env!("CARGO_BIN_EXE_thoth")]).arg(repository.join("docs/docker-hot-reload.md"));
    let done = run.output().unwrap();
    eprint!("{}", text(&done));
    assert!(done.status.success());
}
