//! Finding the vault, the settings file and the state.

use std::fs::create_dir_all;
use std::path::{Path, PathBuf};

use super::super::{NoVault, Vault, better_ranked, find_vault, settings_file, state_dir};
use super::home;

fn variables<'a>(pairs: &'a [(&'a str, String)]) -> impl Fn(&str) -> Option<String> + 'a {
    |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
}

#[test]
fn the_vault_is_found_in_order() {
    let home = home();
    let root = home.folder.path().canonicalize().expect("it exists");
    let folder = |name: &str| {
        let folder = root.join(name);
        create_dir_all(&folder).expect("a folder");
        folder
    };
    let named = folder("named");
    let first = folder("first");
    let second = folder("second");
    folder("obsidian/.obsidian");
    let deep = folder("obsidian/a/b");
    folder("dotted/.thoth");
    let dotted = folder("dotted/papers");
    folder("user/.thoth");
    let user = folder("user/elsewhere");
    folder("user/Documents/thoth");
    let plain = folder("plain");
    let text = |path: &Path| path.display().to_string();
    let all = [
        ("OBSIDIAN_VAULT_PATH", text(&first)),
        ("OBSIDIAN_VAULT", text(&second)),
        ("THOTH_VAULT_PATH", text(&named)),
    ];
    let with_home = [("HOME", text(&root.join("user")))];
    type Case<'a> = (Option<&'a Path>, &'a [(&'a str, String)], &'a Path, PathBuf);
    let cases: [Case<'_>; 8] = [
        (Some(&named), &all, &deep, named.clone()),
        (None, &all, &deep, first),
        (None, &all[1..], &deep, second),
        (None, &all[2..], &deep, named.clone()),
        (None, &[], &deep, root.join("obsidian")),
        (None, &[], &dotted, root.join("dotted")),
        (None, &with_home, &user, root.join("user/Documents/thoth")),
        (
            None,
            &[("OBSIDIAN_VAULT", String::new()), ("HOME", text(&root.join("user")))],
            &plain,
            root.join("user/Documents/thoth"),
        ),
    ];
    for (argument, pairs, working_dir, expected) in cases {
        let vault = find_vault(argument, variables(pairs), working_dir).expect("a vault");
        assert_eq!(vault.root(), expected);
    }
}

#[test]
fn without_a_vault_everything_tried_is_named() {
    let home = home();
    let nowhere = home.folder.path().join("nowhere");
    let error = find_vault(Some(&nowhere), |_| None, Path::new("/")).expect_err("no folder");
    assert!(matches!(&error, NoVault::Unusable { by: "`--vault`", .. }), "{error}");
    let error = find_vault(None, variables(&[("OBSIDIAN_VAULT", "/nowhere".to_owned())]), Path::new("/"))
        .expect_err("no folder");
    assert!(
        error.to_string().contains("/nowhere") && error.to_string().contains("OBSIDIAN_VAULT"),
        "{error}"
    );
    let error = find_vault(None, variables(&[("HOME", "/nowhere".to_owned())]), home.folder.path())
        .expect_err("no vault")
        .to_string();
    for part in [
        "--vault",
        "OBSIDIAN_VAULT_PATH",
        "OBSIDIAN_VAULT",
        "THOTH_VAULT_PATH",
        ".obsidian",
        "/nowhere/Documents/thoth",
    ] {
        assert!(error.contains(part), "{part} in: {error}");
    }
    std::fs::write(&nowhere, "").expect("a file");
    assert!(Vault::at(&nowhere).is_err(), "a file is no vault");
}

#[test]
fn the_settings_file_is_found_in_order() {
    let home = home();
    let root = home.vault.root();
    let find =
        |pairs: &[(&str, String)]| settings_file(&home.vault, variables(pairs), Path::new("/elsewhere"));
    assert_eq!(find(&[]), root.join(".thoth/settings.json"), "absent: the one to wait for");
    for place in ["_thoth/settings.json", "thoth/_thoth/settings.json", ".thoth/settings.json"] {
        let file = root.join(place);
        create_dir_all(file.parent().expect("a parent")).expect("a folder");
        std::fs::write(&file, "{}").expect("a file");
        assert_eq!(find(&[]), file);
    }
    assert_eq!(find(&[("THOTH_SETTINGS_FILE", "/x/s.json".to_owned())]), Path::new("/x/s.json"));
    assert_eq!(find(&[("THOTH_SETTINGS_FILE", "s.json".to_owned())]), Path::new("/elsewhere/s.json"));
    assert_eq!(find(&[("THOTH_SETTINGS_FILE", String::new())]), root.join(".thoth/settings.json"));
    let lowest = root.join("_thoth/settings.json");
    assert_eq!(
        better_ranked(&lowest, &home.vault),
        [root.join(".thoth/settings.json"), root.join("thoth/_thoth/settings.json")]
    );
    assert_eq!(better_ranked(&root.join(".thoth/settings.json"), &home.vault), [] as [PathBuf; 0]);
    assert_eq!(better_ranked(Path::new("/x/s.json"), &home.vault), [] as [PathBuf; 0]);
}

#[test]
fn the_state_never_lies_in_the_vault_by_itself() {
    let home = home();
    let find = |pairs: &[(&str, &str)]| {
        let pairs: Vec<(&str, String)> =
            pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        state_dir(&home.vault, variables(&pairs), Path::new("/elsewhere"))
    };
    assert_eq!(find(&[("THOTH_STATE_DIR", "/s"), ("THOTH_DOCKER", "1")]), Ok(PathBuf::from("/s")));
    assert_eq!(find(&[("THOTH_DOCKER", "1"), ("HOME", "/h")]), Ok(PathBuf::from("/state")));
    let by_home =
        find(&[("HOME", "/h"), ("XDG_STATE_HOME", "relative")]).expect("a place").display().to_string();
    assert!(by_home.starts_with("/h/.local/state/thoth/my-vault-"), "{by_home}");
    let by_xdg = find(&[("HOME", "/h"), ("XDG_STATE_HOME", "/x")]).expect("a place").display().to_string();
    assert_eq!(by_xdg, by_home.replace("/h/.local/state", "/x"));
    let inside = home.vault.root().join("deep/state").display().to_string();
    let error = find(&[("THOTH_STATE_DIR", &inside)]).expect_err("in the vault").to_string();
    assert!(error.contains("cannot lie in the vault"), "{error}");
    let error = find(&[]).expect_err("no place").to_string();
    assert!(error.contains("THOTH_STATE_DIR"), "{error}");
}
