//! Notes on a real disk: found again, never written over, and read back by a YAML reader that is not ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::shelf::Shelf;
use super::works::Manner;
use super::write::{Order, Written, write};
use crate::paper::{Field, Metadata, Paper, Source};

struct Vault(TempDir);

impl Vault {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes the note of a paper with this title.
    fn write(&self, title: &str, last: Option<&Path>, create: bool) -> Written {
        let (folder, pdf) = (self.at("notes"), self.at("a.pdf"));
        let citations = crate::citations::sample("IEEE", "uri");
        let order = Order {
            vault: self.0.path(),
            folder: &folder,
            last,
            id: "0123456789ab",
            former_id: None,
            pdf: &pdf,
            paper: &paper(title),
            manner: Manner { citations: &citations, shelf: &Shelf::default() },
            template: None,
            create,
        };
        write(&order).unwrap()
    }
}

fn paper(title: &str) -> Paper {
    let title = Some(Field { value: title.to_owned(), source: Source::Xmp });
    Paper { metadata: Metadata { title, ..Metadata::default() }, ..Paper::default() }
}

#[test]
fn a_note_is_written_once_and_then_brought_up_to_date() {
    let vault = Vault::new();
    let note = vault.at("notes/One.md");
    assert_eq!(vault.write("One", None, false), Written::Absent);
    assert_eq!(vault.write("One", None, true), Written::Created(note.clone()));
    assert_eq!(vault.write("One", None, true), Written::Unchanged(fs::canonicalize(&note).unwrap()));
    assert_eq!(vault.write("Two", Some(&note), true), Written::Updated(fs::canonicalize(&note).unwrap()));
    assert!(fs::read_to_string(&note).unwrap().contains("title: \"Two\""));
    let names: Vec<_> =
        fs::read_dir(vault.at("notes")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["One.md"], "nothing is left aside");
}

#[test]
fn a_note_is_found_wherever_it_was_moved_in_the_vault() {
    let vault = Vault::new();
    vault.write("One", None, true);
    let last = vault.at("notes/One.md");
    for place in ["notes/sub/renamed.md", "reading/list/One.md"] {
        let place = vault.at(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let before = fs::canonicalize(match vault.write("One", Some(&last), false) {
            Written::Unchanged(path) => path,
            other => panic!("{other:?}"),
        });
        fs::rename(before.unwrap(), &place).unwrap();
        assert_eq!(
            vault.write("One", Some(&last), true),
            Written::Unchanged(fs::canonicalize(&place).unwrap())
        );
    }
}

#[cfg(unix)]
#[test]
fn mode_line_ends_and_the_users_text_stay() {
    use std::os::unix::fs::PermissionsExt;
    let vault = Vault::new();
    vault.write("One", None, true);
    let note = vault.at("notes/One.md");
    let text = fs::read_to_string(&note).unwrap().replace('\n', "\r\n") + "mine\nmixed\r\n\u{0}";
    fs::write(&note, text.replacen("title", "rating: 5\r\ntitle", 1)).unwrap();
    fs::set_permissions(&note, fs::Permissions::from_mode(0o640)).unwrap();
    vault.write("Two", Some(&note), true);
    assert_eq!(fs::metadata(&note).unwrap().permissions().mode() & 0o777, 0o640);
    let next = fs::read_to_string(&note).unwrap();
    assert_eq!(
        next,
        text.replacen("title", "rating: 5\r\ntitle", 1).replace("One", "Two").replace("{one", "{two")
    );
}

#[test]
fn what_is_not_ours_is_never_touched() {
    let vault = Vault::new();
    vault.write("One", None, true);
    let note = vault.at("notes/One.md");
    let ours = fs::read(&note).unwrap();
    let cases: [(&str, Vec<u8>); 4] = [
        ("no frontmatter", b"%% thoth:begin %%\n%% thoth:end %%\n".to_vec()),
        ("not UTF-8", [ours.as_slice(), b"\xff\xfe"].concat()),
        ("a marker twice", [ours.as_slice(), b"\n%% thoth:end %%\n"].concat()),
        ("no markers", String::from_utf8(ours).unwrap().replace("%% thoth", "%% other").into_bytes()),
    ];
    for (what, bytes) in cases {
        fs::write(&note, &bytes).unwrap();
        assert!(matches!(vault.write("Two", Some(&note), true), Written::LeftAlone(_, _)), "{what}");
        assert_eq!(fs::read(&note).unwrap(), bytes, "{what}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_but_not_out_of_the_vault() {
    let (vault, outside) = (Vault::new(), tempfile::tempdir().unwrap());
    vault.write("One", None, true);
    let note = vault.at("notes/One.md");
    for (target, inside) in [(vault.at("real.md"), true), (outside.path().join("real.md"), false)] {
        fs::rename(&note, &target).unwrap();
        std::os::unix::fs::symlink(&target, &note).unwrap();
        let title = if inside { "Two" } else { "Three" };
        let written = vault.write(title, Some(&note), true);
        assert_eq!(matches!(written, Written::Updated(_)), inside, "{written:?}");
        assert!(fs::symlink_metadata(&note).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap().contains(title), inside);
        fs::rename(&target, &note).unwrap();
    }
}

#[test]
fn a_yaml_reader_gets_back_what_was_written() {
    let titles = [
        "plain",
        "a: b # c",
        "\"quoted\" and 'quoted' \\ back",
        "2015-01-01",
        "no",
        "- [x] {y} *z &w !v %u @t `s",
        "Über ∑ 量子 \u{1f9ea} \u{202e}x\u{2028}y\u{85}z\u{feff}",
    ];
    let program = "import sys, yaml, json\nprint(json.dumps(yaml.safe_load(sys.stdin.read())))";
    for title in titles {
        let metadata = Metadata {
            title: Some(Field { value: title.to_owned(), source: Source::Xmp }),
            authors: Some(Field {
                value: vec![title.to_owned(), "O'Neil, \"X\"".to_owned()],
                source: Source::Xmp,
            }),
            year: Some(Field { value: 2015, source: Source::Xmp }),
            ..Metadata::default()
        };
        let pdf = super::link::Target::new(Path::new("/v"), Path::new("/v/p/a: #1.pdf"));
        let front = super::frontmatter::fresh(&super::render::entries("012345678901", &metadata, &pdf), "\n");
        let Some(read) = python(program, &front) else {
            eprintln!("skipped: python3 with PyYAML is not installed");
            return;
        };
        let folded = title.split_whitespace().collect::<Vec<_>>().join(" ");
        let read: serde_json::Value = serde_json::from_str(&read).unwrap();
        assert_eq!(read["title"], folded, "{front}");
        assert_eq!(read["authors"], serde_json::json!([folded, "O'Neil, \"X\""]));
        assert_eq!((&read["year"], &read["tags"]), (&serde_json::json!(2015), &serde_json::json!(["paper"])));
        assert_eq!(read["pdf"], "p/a: #1.pdf");
        assert_eq!(read["thoth-id"], "012345678901", "a string, though it is all digits");
    }
}

fn python(program: &str, input: &str) -> Option<String> {
    use std::io::Write;
    let has_yaml = Command::new("python3").args(["-c", "import yaml"]).output().ok()?.status.success();
    if !has_yaml {
        return None;
    }
    let mut child = Command::new("python3")
        .args(["-c", program])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "PyYAML refuses {input}");
    Some(String::from_utf8(output.stdout).unwrap())
}
