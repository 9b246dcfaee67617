//! `make dist`: an archive with everything in it, whose sum is right, and which comes out the same twice.

use std::path::Path;
use std::process::Command;

use crate::support::{Place, installed, text};

#[test]
fn the_archive_is_whole_and_comes_out_the_same_twice() {
    if !(installed("bash") && installed("tar") && installed("gzip") && installed("sha256sum")) {
        return;
    }
    let place = Place::new();
    let pack = |name: &str| -> (std::path::PathBuf, String) {
        let folder = place.folder.path().join(name);
        let mut dist = Command::new("bash");
        dist.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/dist.sh"));
        dist.env("DIST", &folder).env("THOTH_BINARY", env!("CARGO_BIN_EXE_thoth"));
        let done = dist.output().unwrap();
        assert!(done.status.success(), "{}", text(&done));
        let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
        (folder, sums)
    };
    let (folder, sums) = pack("one");
    assert_eq!(pack("two").1, sums);
    let run = |program: &str, arguments: &[&str]| {
        let done = Command::new(program).args(arguments).current_dir(&folder).output().unwrap();
        assert!(done.status.success(), "{program}: {}", text(&done));
        String::from_utf8(done.stdout).unwrap()
    };
    run("sha256sum", &["--check", "SHA256SUMS"]);
    let archive = sums.split_whitespace().nth(1).unwrap();
    let name = format!("thoth-{}-linux-{}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    assert_eq!(archive, format!("{name}.tar.gz"));
    let files = run("tar", &["--extract", "--verbose", "--file", archive]);
    for file in [
        "thoth",
        "LICENSE",
        "README.md",
        "completions/thoth.bash",
        "completions/_thoth",
        "completions/thoth.fish",
        "man/man1/thoth.1",
        "man/man1/thoth-serve.1",
        "systemd/thoth.service",
        "kubernetes/thoth.yaml",
        "docs/docker-hot-reload.md",
    ] {
        assert!(files.lines().any(|line| line == format!("{name}/{file}")), "{file}: {files}");
    }
    let binary = Path::new(".").join(&name).join("thoth");
    assert_eq!(
        run(binary.to_str().unwrap(), &["--version"]).trim(),
        concat!("thoth ", env!("CARGO_PKG_VERSION"))
    );
}
