//! What settings mean is what is done with them, and nothing else.

use super::{accepted, environment, home};
use crate::settings::{KEYS, Settings, check};
use changeover::Occasion;

const PLAIN: &str = r#"{ "rag": { "chunkSize": 500 } }"#;

#[test]
fn comments_order_and_where_a_value_comes_from_mean_nothing() {
    let home = home();
    let meaning = |text: &str| accepted(text, &home).settings.meaning();
    let plain = meaning(PLAIN);
    for text in [
        r#"{"rag": {"chunkSize": 500}} // said"#,
        r#"{ "rag": { "chunk_size": 500 }, "unknown": 1 }"#,
        r#"{ "logging": { "level": "INFO" }, "rag": { "chunkSize": 500 } }"#,
    ] {
        assert_eq!(meaning(text), plain, "{text}");
    }
    assert_ne!(meaning(r#"{ "rag": { "chunkSize": 501 } }"#), plain);
    let checked = |variables: &[(&str, &str)]| -> Settings {
        check(PLAIN.as_bytes(), Occasion::Running, &environment(variables), &home.vault).unwrap().settings
    };
    assert_eq!(checked(&[]).meaning(), plain);
    assert_ne!(
        checked(&[("OPENROUTER_API_KEY", "sk-or-1")]).meaning(),
        plain,
        "a mended variable is another try"
    );
}

#[test]
fn every_secret_that_is_used_is_in_it() {
    let home = home();
    let of = |path: &str, value: &str| {
        let text =
            path.rsplit('.').fold(format!("{value:?}"), |inner, name| format!("{{{name:?}: {inner}}}"));
        accepted(&text, &home).settings.meaning()
    };
    let used: Vec<_> = KEYS.iter().filter(|key| key.secret && key.service.is_some()).collect();
    assert!(used.len() >= 7, "{}", used.len());
    for key in used {
        assert_ne!(of(key.path, "sk-first-value"), of(key.path, "sk-other-value"), "{}", key.path);
    }
}
