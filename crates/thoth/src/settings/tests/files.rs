//! Files beside the settings file: the one of this machine, secrets, templates.

use std::path::Path;

use changeover::{Accepted, Files, Occasion, Problem};

use super::super::{Layers, Origin, Settings, effective::says, local_file, render};
use super::{Expected, Home, compare, environment, home, lines};

const MAIN: &str =
    "{\n  \"rag\": { \"chunkSize\": 500, \"chunkOverlap\": 50 },\n  \"paths\": {}, \"servers\": {}\n}\n";

/// The place of a file in the vault.
fn put(home: &Home, file: &str, content: impl AsRef<[u8]>) -> std::path::PathBuf {
    let file = home.vault.root().join(file);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, content).unwrap();
    file
}

fn checked(
    home: &Home,
    main: &str,
    occasion: Occasion,
    pairs: &[(&str, &str)],
) -> Result<Accepted<Settings>, Vec<Problem>> {
    let local = home.vault.root().join(".thoth/settings.local.json");
    Layers { local, temporary: None, environment: environment(pairs), vault: home.vault.clone() }
        .check(&Files::around(main.as_bytes()), occasion)
}

fn running(home: &Home, pairs: &[(&str, &str)]) -> Result<Accepted<Settings>, Vec<Problem>> {
    checked(home, MAIN, Occasion::Running, pairs)
}

fn accepted(home: &Home, pairs: &[(&str, &str)]) -> Accepted<Settings> {
    running(home, pairs).unwrap_or_else(|problems| panic!("{}", lines(&problems)))
}

#[test]
fn its_name_is_the_one_of_the_settings_file_with_local() {
    for (file, local) in [
        ("/v/.thoth/settings.json", "/v/.thoth/settings.local.json"),
        ("/etc/thoth.jsonc", "/etc/thoth.local.jsonc"),
        ("/etc/thoth", "/etc/thoth.local"),
    ] {
        assert_eq!(local_file(Path::new(file)), Path::new(local));
    }
}

#[test]
fn what_the_local_file_says_wins_key_by_key() {
    let home = home();
    assert_eq!(accepted(&home, &[]).settings.rag.chunk_size, 500);
    let local = "{\n  // this machine\n  \"rag\": { \"chunk_size\": 600 }, \"apiKeys\": { \"openaiKey\": \"sk-of-this-machine\" }\n}";
    put(&home, ".thoth/settings.local.json", local);
    let accepted = accepted(&home, &[("THOTH_LOG_LEVEL", "DEBUG")]);
    let settings = &accepted.settings;
    assert_eq!((settings.rag.chunk_size, settings.rag.chunk_overlap), (600, 50));
    assert_eq!(settings.api_keys.openai_key.expose(), "sk-of-this-machine");
    assert!(accepted.secrets.is_empty(), "secrets are cut out of the settings file alone");
    let file = |file: &str, line| Origin::File { file: file.to_owned(), line };
    assert_eq!(settings.origins.of("rag.chunkSize"), file("settings.local.json", 3));
    assert_eq!(settings.origins.of("rag.chunkOverlap"), file("settings.json", 2));
    let told: Vec<String> = accepted.warnings.iter().map(Problem::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with(".thoth/settings.local.json:3:12: `rag.chunk_size`: an older spelling"),
        "{told:?}"
    );
    let said = says(MAIN.as_bytes(), Some(local.as_bytes()), Path::new("settings.local.json")).unwrap();
    assert_eq!(
        (said["rag.chunkSize"].line, said["rag.chunkSize"].file.as_deref()),
        (Some(3), Some("settings.local.json"))
    );
    assert_eq!((said["rag.chunkOverlap"].line, &said["rag.chunkOverlap"].file), (Some(2), &None));
}

#[test]
fn the_local_file_is_checked_as_strictly_and_named_with_its_place() {
    let home = home();
    let check = |local: &str, expected: &[Expected]| {
        put(&home, ".thoth/settings.local.json", local);
        for occasion in [Occasion::Running, Occasion::Start] {
            let problems = checked(&home, MAIN, occasion, &[]).expect_err(local);
            compare(local, &problems, expected);
            let file = Some(".thoth/settings.local.json");
            assert!(problems.iter().all(|problem| problem.file.as_deref() == file), "{}", lines(&problems));
        }
    };
    check("{ \"rag\": { \"chunkSize\": \"600\" } }", &[("rag.chunkSize", 1, 25, "without quotes")]);
    check("{ \"rag\": { \"chunkSise\": 600 } }", &[("rag.chunkSise", 1, 12, "did you mean")]);
    // Too small for what the settings file says of the overlap: the file that says so last is to blame.
    check(
        "{\n \"rag\": { \"chunkOverlap\": 500 } }",
        &[("rag.chunkOverlap", 2, 27, "cannot overlap by 500")],
    );
    check("{ \"rag\": ", &[("", 1, 9, "the file ends within an object")]);
    check("", &[("", 1, 1, "")]);
    // Both are told, each with its file.
    put(&home, ".thoth/settings.local.json", "{ \"llm\": 1 }");
    let problems = checked(&home, "{ \"rag\": 1, \"paths\": {} }", Occasion::Running, &[]).unwrap_err();
    let files: Vec<Option<&str>> = problems.iter().map(|problem| problem.file.as_deref()).collect();
    assert_eq!(files, [None, Some(".thoth/settings.local.json")], "{}", lines(&problems));
    let mut report = String::new();
    let style = render::Style { colors: false, width: 100 };
    let open = |name: &str| super::super::named(&home.vault, name);
    render::write_report(&mut report, ("settings.json", b"{ \"rag\": 1 }"), &open, &problems, &[], style)
        .unwrap();
    assert!(
        report.contains("[.thoth/settings.local.json:1:10]") && report.contains("[settings.json:1:10]"),
        "{report}"
    );
}

#[test]
fn a_settings_file_that_says_nothing_is_told_so_whatever_stands_above_it() {
    let home = home();
    put(&home, ".thoth/settings.local.json", "{ \"rag\": { \"chunkSize\": 600 } }");
    let problems = checked(&home, "{}", Occasion::Running, &[]).unwrap_err();
    assert!(problems[0].message.contains("sets nothing"), "{}", lines(&problems));
    assert_eq!(checked(&home, "{}", Occasion::Start, &[]).unwrap().settings.rag.chunk_size, 600);
}

#[test]
fn a_file_with_a_key_that_cannot_be_used_is_refused_without_showing_it() {
    let home = home();
    let file = home.vault.root().join("secret");
    let named = file.display().to_string();
    let pairs = [("OPENAI_API_KEY_FILE", named.as_str())];
    let told = |problems: &[Problem], part: &str| {
        let found = problems
            .iter()
            .any(|problem| problem.path == "apiKeys.openaiKey" && problem.message.contains(part));
        assert!(found && !lines(problems).contains("sk-"), "{part}: {}", lines(problems));
    };
    let key = |accepted: &Accepted<Settings>| accepted.settings.api_keys.openai_key.expose().to_owned();
    for (content, expected) in
        [("sk-one", "sk-one"), ("\u{feff}sk-two\r\n", "sk-two"), ("  sk three \n\n", "sk three")]
    {
        std::fs::write(&file, content).unwrap();
        assert_eq!(key(&accepted(&home, &pairs)), expected);
    }
    let huge = "sk-".repeat(40_000).into_bytes();
    for (content, part) in [
        (b"sk-one\nsk-two\n".to_vec(), "more than one line"),
        (b"sk-\xff\xfe".to_vec(), "not UTF-8"),
        (huge, "at most 65536"),
    ] {
        std::fs::write(&file, content).unwrap();
        told(&running(&home, &pairs).unwrap_err(), part);
        let started = checked(&home, MAIN, Occasion::Start, &pairs).unwrap();
        told(&started.warnings, part);
        assert_eq!(key(&started), "");
    }
    for (make, part) in [(true, "is empty"), (false, "is missing")] {
        std::fs::remove_file(&file).unwrap_or_default();
        if make {
            std::fs::write(&file, " \n").unwrap();
        }
        let accepted = accepted(&home, &pairs);
        told(&accepted.warnings, part);
        assert_eq!(key(&accepted), "");
    }
    std::fs::create_dir(&file).unwrap();
    told(&running(&home, &pairs).unwrap_err(), "not a regular file");
    // Who writes the key elsewhere needs no file.
    put(&home, ".thoth/settings.local.json", "{ \"apiKeys\": { \"openaiKey\": \"sk-mine\" } }");
    assert_eq!(key(&accepted(&home, &pairs)), "sk-mine");
}

#[test]
fn templates_are_checked_with_the_settings() {
    let home = home();
    let template =
        |settings: &Settings| settings.note_template.as_ref().map(|template| template.name().to_owned());
    assert_eq!(template(&accepted(&home, &[]).settings), None);
    let note = put(&home, "thoth/_thoth/templates/note.md", "# {{ title }}\n");
    assert_eq!(template(&accepted(&home, &[]).settings).as_deref(), Some("thoth/_thoth/templates/note.md"));
    put(&home, "thoth/_thoth/prompts/answer.md", "Be kind.\n{{ rules }}\n");
    let instructions = accepted(&home, &[]).settings.rag.qa.instructions.unwrap();
    assert!(instructions.starts_with("Be kind.\n- After every statement"), "{instructions}");

    std::fs::write(&note, "one\n  {{ titel }}\n").unwrap();
    put(&home, "thoth/_thoth/prompts/answer.md", "Be kind.\n");
    let problems = running(&home, &[]).unwrap_err();
    let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        told,
        [
            "thoth/_thoth/prompts/answer.md:1:1: `paths.prompts`: the instructions leave out `{{ rules }}`: no answer \
             could be checked (write `{{ rules }}` where the rules for citations shall stand)",
            "thoth/_thoth/templates/note.md:2:6: `paths.templates`: `titel` is not known here (did you mean `title`?)",
        ]
    );
    let started = checked(&home, MAIN, Occasion::Start, &[]).unwrap();
    assert_eq!((template(&started.settings), started.settings.rag.qa.instructions), (None, None));
    let built_in =
        |warning: &&Problem| warning.message.starts_with("what is built in takes the place of this template");
    assert_eq!(started.warnings.iter().filter(built_in).count(), 2, "{}", lines(&started.warnings));
}

#[cfg(unix)]
#[test]
fn a_template_stays_in_the_vault() {
    let home = home();
    let outside = home.folder.path().join("outside.md");
    std::fs::write(&outside, "{{ title }}").unwrap();
    let folder = home.vault.root().join("mine");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(&outside, folder.join("note.md")).unwrap();
    let with = |paths: &str| MAIN.replace("\"paths\": {}", &format!("\"paths\": {paths}"));
    let check = |paths: &str, part: &str| {
        let problems = checked(&home, &with(paths), Occasion::Running, &[]).expect_err(paths);
        assert!(
            problems[0].path == "paths.templates" && problems[0].message.contains(part),
            "{}",
            lines(&problems)
        );
    };
    check("{\"templates\": \"../\"}", "outside the vault");
    check("{\"templates\": \"mine\"}", "leads out of the vault by a link");
    let permitted = with("{\"templates\": \"mine\", \"allowOutside\": true}");
    assert!(checked(&home, &permitted, Occasion::Running, &[]).unwrap().settings.note_template.is_some());
}

#[test]
fn the_examples_of_templates_are_accepted_without_a_word() {
    let home = home();
    let before = accepted(&home, &[]).warnings;
    let example = |file: &str| {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../settings").join(file)).unwrap()
    };
    put(&home, "thoth/_thoth/templates/note.md", example("templates/note.md"));
    put(&home, "thoth/_thoth/prompts/answer.md", example("prompts/answer.md"));
    let with = accepted(&home, &[]);
    assert_eq!(with.warnings, before);
    assert!(with.settings.note_template.is_some() && with.settings.rag.qa.instructions.is_some());
}

#[test]
fn the_page_of_templates_names_everything() {
    let page = include_str!("../../../../../docs/templates.md");
    let names = crate::notes::template::NAMES.iter().chain(&crate::template::FILTERS);
    for name in names.chain(&["rules", "model", "passages"]) {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}
