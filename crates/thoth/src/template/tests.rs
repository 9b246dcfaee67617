//! What a template may say, where what is wrong stands, and that none hurts.

use minijinja::Value;

use super::{Context, Shown, Template};

fn context() -> Context {
    let reference = |title: &str| [("title", title)].into_iter().collect::<Value>();
    Context::from([
        ("title", "On *stars* %% thoth:end %%".into()),
        ("authors", Value::from(vec!["A", "B"])),
        ("year", 2020.into()),
        ("venue", ().into()),
        ("link", Value::from_safe_string("[[x]]".to_owned())),
        ("references", (0..300).map(|_| reference("<b>")).collect::<Vec<_>>().into()),
    ])
}

fn rendered(source: &str, shown: Shown) -> Result<String, super::Fault> {
    let context = context();
    let known: Vec<&str> = context.keys().copied().collect();
    Template::new("t.md", source, shown, &known)?.render(&context)
}

#[test]
fn values_are_shown_as_markdown_shows_them() {
    let check = |source: &str, expected: &str| {
        assert_eq!(rendered(source, Shown::Markdown).as_deref(), Ok(expected), "{source}");
    };
    check("{{ title }}", "On \\*stars\\* &#37;% thoth:end &#37;%");
    check("{{ title|safe }}", "On *stars* %% thoth:end %%");
    check("{{ link }}|{{ venue }}|{{ year }}|{{ authors }}", "[[x]]||2020|A, B");
    check("{{ venue or \"?\" }} {{ authors[0] }} {{ authors[:1]|length }}", "? A 1");
    check("{% if venue %}\nyes\n{% else %}\nno\n{% endif %}\nend\n", "no\nend\n");
    check("{%- set all = authors|join(\" & \") -%}{{ all|upper }}\n", "A & B\n");
    check("{# a [comment] ~ #}{{ \"{{ ~ }}\" }}", "{{ ~ }}");
    check("{% for one in references[:2] %}{{ loop.index }}{{ one.title }} {% endfor %}", "1\\<b> 2\\<b> ");
    assert_eq!(rendered("{{ title }}", Shown::Plain).as_deref(), Ok("On *stars* %% thoth:end %%"));
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_the_way_out() {
    let check = |source: &str, (line, column): (u32, u32), message: &str, hint: &str| {
        let fault = rendered(source, Shown::Markdown).expect_err(source);
        // The place within the line is told where it is ours to say.
        let found = (fault.line, if column == 0 { 0 } else { fault.column });
        assert_eq!(found, (line, column), "{source}: {fault:?}");
        assert!(fault.message.contains(message), "{source}: {fault:?}");
        assert!(fault.hint.clone().unwrap_or_default().contains(hint), "{source}: {fault:?}");
    };
    check("one\n  {{ titel }}", (2, 6), "`titel` is not known here", "did you mean `title`?");
    check("{% if venue %}\n{{ colour }}{% endif %}", (2, 4), "`colour` is not known", "docs/templates.md");
    check("{% for one in references %}\n{{ one.nothing }}{% endfor %}", (2, 4), "`one.nothing` is not", "");
    check("a\n{% if venue %}", (2, 0), "unexpected end of input", "");
    check("{{ title | shout }}", (1, 0), "filter shout is unknown", "");
    check("é {{ references }}", (1, 0), "this has parts", "");
    check(" \n", (1, 1), "the template is empty", "remove the file");
    check("x\n{{ title ~ title }}", (2, 10), "`~` is not known", "side by side");
    check("{{ year * 2 }}{{ 1", (1, 0), "unexpected end of input", "");
    check("{% macro x() %}{% endmacro %}", (1, 0), "unknown statement macro", "");
    check("{% include \"x\" %}", (1, 0), "unknown statement include", "");
    check("{% raw %}{% endraw %}", (1, 1), "unknown statement `raw`", "`for`");
    check("{% set x %}y{% endset %}", (1, 1), "a block cannot be set", "");
}

#[test]
fn nothing_grows_and_nothing_runs_for_long() {
    let long = "x".repeat(super::SOURCE_BYTES_MAX + 1);
    let loops = "{% for a in references %}".repeat(3) + "{{ a.title }}" + &"{% endfor %}".repeat(3);
    let padded = "{% for a in references %}{% for b in references %}".to_owned()
        + &" ".repeat(60_000)
        + "{% endfor %}{% endfor %}";
    for (source, message) in [
        (long.as_str(), "at most"),
        (&loops, "takes more than"),
        (&padded, "gives more than"),
        ("{{ [1] }}", "`[…]`"),
        ("{% for a in [title, title] %}{% endfor %}", "`[…]`"),
        ("{% set x = (title, title) %}", "`,`"),
        ("{% set x = title, title %}", "`,`"),
        ("{{ {\"a\": 1} }}", "`{`"),
        ("{{ \"x\" * 1000000000 }}", "`*`"),
        ("{{ 2 ** 60 }}", "`*`"),
        ("{{ title + title }}", "`+`"),
        ("{{ references|join(\"x\") }}", "only texts"),
        ("{{ range(100) }}", "`range` is not known"),
    ] {
        let fault = rendered(source, Shown::Markdown).expect_err(message);
        assert!(fault.message.contains(message), "{message}: {fault:?}");
    }
}
