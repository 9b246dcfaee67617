//! What is risky about a change of settings: one table of rules, each a function of both sides.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Difference, KEYS, Level, Origin, Settings, difference};
use crate::llm::{LlmInputs, ProviderKey};

/// Something that should be known before a change is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// The rule that says it.
    pub kind: Cow<'static, str>,
    /// The key that it is about.
    pub path: String,
    /// What happens, in words.
    pub message: String,
}

/// What is known of the process that the settings are for, beside them.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Whether it runs in a container.
    pub container: bool,
    /// The port that is always served there.
    pub published: Option<u16>,
    /// Whether a save is noticed; `None` where no server runs.
    pub watch: Option<bool>,
    /// What would have to be built for the index; `None` where nobody knows.
    pub index: Option<Rebuild>,
}

/// The size of an index that would be built anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuild {
    /// Papers in the library.
    pub papers: i64,
    /// Those of them that have their chunks already.
    pub done: i64,
    /// Chunks that the present index has.
    pub chunks: i64,
}

/// Both sides of a change.
struct Sides<'a> {
    from: &'a Settings,
    to: &'a Settings,
    differences: Vec<Difference>,
    around: &'a Around,
}

/// A key, and what is said of it.
type Said = (String, String);

/// What looks at both sides.
type Rule = fn(&Sides<'_>) -> Vec<Said>;

/// Every rule: its name, and what it finds.
const RULES: &[(&str, Rule)] = &[
    ("taken-back", trial_is_off),
    ("key-removed", keys_removed),
    ("secret", secrets),
    ("provider", provider),
    ("agent", agent),
    ("look-ups", look_ups),
    ("port", ports),
    ("unpublished-port", unpublished_port),
    ("beyond-loopback", beyond_loopback),
    ("allowed-hosts", allowed_hosts),
    ("index", index),
    ("notes", notes),
    ("pdf-folder", pdf_folder),
    ("outside", outside),
    ("quiet-log", quiet_log),
    ("history", history),
    ("watch-off", watch_off),
];

/// Everything that should be known before `to` takes the place of `from`.
pub fn risks(from: &Settings, to: &Settings, around: &Around) -> Vec<Risk> {
    let sides = Sides { from, to, differences: difference(from, to), around };
    let found = RULES.iter().flat_map(|(kind, rule)| {
        rule(&sides).into_iter().map(move |(path, message)| Risk {
            kind: Cow::Borrowed(*kind),
            path,
            message,
        })
    });
    found.collect()
}

fn one(path: &str, holds: bool, message: impl FnOnce() -> String) -> Vec<Said> {
    if holds { vec![(path.to_owned(), message())] } else { Vec::new() }
}

fn trial_is_off(sides: &Sides<'_>) -> Vec<Said> {
    let (from, to) = (LlmInputs::of(sides.from), LlmInputs::of(sides.to));
    one("reload.probationMs", sides.to.reload.probation_ms == 0 && from != to, || {
        "it is 0: a model or a key that does not work is not taken back".to_owned()
    })
}

fn keys_removed(sides: &Sides<'_>) -> Vec<Said> {
    let in_file = |settings: &Settings, path: &str| matches!(settings.origins.of(path), Origin::File { .. });
    let left = sides.differences.iter().filter(|Difference { path, .. }| {
        let is_secret = KEYS.iter().any(|key| key.path == path && key.secret);
        !is_secret && in_file(sides.from, path) && sides.to.origins.of(path) == Origin::Default
    });
    left.map(|Difference { path, to, .. }| {
        (path.clone(), format!("it leaves the file: the default {to} applies"))
    })
    .collect()
}

fn secrets(sides: &Sides<'_>) -> Vec<Said> {
    let secret = |difference: &&Difference| KEYS.iter().any(|key| key.secret && key.path == difference.path);
    let told = sides.differences.iter().filter(secret).map(|Difference { path, from, to }| {
        let said = match (from.as_str().unwrap_or_default(), to.as_str().unwrap_or_default()) {
            (_, "") => "the key is removed: whoever asked with it asks without one",
            ("", _) => "a key is set that was not there",
            _ => "another key takes its place",
        };
        (path.clone(), said.to_owned())
    });
    told.collect()
}

fn provider(sides: &Sides<'_>) -> Vec<Said> {
    let host = |settings: &Settings| settings.llm.default.base_url.host_str().unwrap_or_default().to_owned();
    let key = |settings: &Settings| ProviderKey::choose(&settings.llm.default.base_url, &settings.api_keys);
    let (from, to, chosen) = (host(sides.from), host(sides.to), key(sides.to));
    one("llm.default.baseUrl", from != to, || {
        let with = match (chosen.secret.is_empty(), chosen.required) {
            (false, _) => format!("with `{}`", chosen.setting()),
            (true, true) => {
                format!("which answers nobody without a key, and `{}` is not set", chosen.setting())
            }
            (true, false) => "without a key".to_owned(),
        };
        format!("questions, and passages of your papers, go to `{to}` instead of `{from}`, {with}")
    })
}

fn agent(sides: &Sides<'_>) -> Vec<Said> {
    let (from, to) = (&sides.from.memory.letta, &sides.to.memory.letta);
    let is_another =
        (from.mode, &from.server_url, &from.agent_name) != (to.mode, &to.server_url, &to.agent_name);
    one("memory.letta", is_another && from.server_url.is_some(), || {
        "messages go to another agent, which does not remember what this one does".to_owned()
    })
}

fn look_ups(sides: &Sides<'_>) -> Vec<Said> {
    let (from, to) = (&sides.from.citation.apis, &sides.to.citation.apis);
    let asked = |on: bool, was: bool, path: &str, host: &url::Url| {
        let host = host.host_str().unwrap_or_default().to_owned();
        one(path, on && !was, || format!("titles and authors of your papers are sent to `{host}`"))
    };
    let mut said = asked(to.use_crossref, from.use_crossref, "citation.apis.useCrossref", &to.crossref_url);
    said.extend(asked(to.use_openalex, from.use_openalex, "citation.apis.useOpenalex", &to.openalex_url));
    said
}

fn ports(sides: &Sides<'_>) -> Vec<Said> {
    let (from, to, handover) = (&sides.from.servers, &sides.to.servers, sides.to.reload.handover_ms);
    let left = |what: &str, host: &str, port: u16| match handover {
        0 => format!("{what} leaves {host}:{port} without a hand-over: whoever uses it may be cut off"),
        _ => {
            format!("{what} leaves {host}:{port}: whoever uses it has at least {handover} ms to go elsewhere")
        }
    };
    let api = (&from.api.host, from.api.port) != (&to.api.host, to.api.port) && !sides.around.container;
    let mut said = one("servers.api.port", api, || left("the API", &from.api.host, from.api.port));
    let goes = (to.mcp.enabled, &to.mcp.host, to.mcp.port) != (true, &from.mcp.host, from.mcp.port);
    said.extend(one("servers.mcp.port", from.mcp.enabled && goes, || {
        left("MCP", &from.mcp.host, from.mcp.port)
    }));
    said
}

fn unpublished_port(sides: &Sides<'_>) -> Vec<Said> {
    let (from, to) = (sides.from.servers.api.port, sides.to.servers.api.port);
    match sides.around.published.filter(|_| sides.around.container) {
        Some(published) => one("servers.api.port", from != to && to != published, || {
            format!(
                "the machine around the container does not reach {to} unless that port is published too; {published} \
                 stays served"
            )
        }),
        None => Vec::new(),
    }
}

fn beyond_loopback(sides: &Sides<'_>) -> Vec<Said> {
    let is_wide = |host: &str| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        !host.eq_ignore_ascii_case("localhost")
            && !host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    };
    let (from, to) = (&sides.from.servers, &sides.to.servers);
    let said = |host: &str| format!("other machines reach it at {host}; they need the token");
    let mut all =
        one("servers.api.host", !is_wide(&from.api.host) && is_wide(&to.api.host), || said(&to.api.host));
    let was_wide = from.mcp.enabled && is_wide(&from.mcp.host);
    all.extend(one("servers.mcp.host", !was_wide && to.mcp.enabled && is_wide(&to.mcp.host), || {
        said(&to.mcp.host)
    }));
    all
}

fn allowed_hosts(sides: &Sides<'_>) -> Vec<Said> {
    let (from, to) = (&sides.from.servers, &sides.to.servers);
    let widened = |path: &str, from: &[String], to: &[String]| {
        let new: Vec<String> =
            to.iter().filter(|name| !from.contains(name)).map(|name| format!("`{name}`")).collect();
        one(path, !new.is_empty(), || format!("requests that name {} are let in too", new.join(", ")))
    };
    let mut all = widened("servers.api.allowedHosts", &from.api.allowed_hosts, &to.api.allowed_hosts);
    all.extend(widened("servers.mcp.allowedHosts", &from.mcp.allowed_hosts, &to.mcp.allowed_hosts));
    all
}

fn index(sides: &Sides<'_>) -> Vec<Said> {
    let sizes = |settings: &Settings| (settings.rag.chunk_size, settings.rag.chunk_overlap);
    let Some(Rebuild { papers, done, chunks }) = sides.around.index.filter(|index| index.done < index.papers)
    else {
        return Vec::new();
    };
    one("rag.chunkSize", sizes(sides.from) != sizes(sides.to), || {
        let begun = if done > 0 { format!(", {done} of which are done already") } else { String::new() };
        format!(
            "the index is built anew in the background, for {papers} papers{begun}; until it is complete the present \
             one, of {chunks} chunks, answers"
        )
    })
}

fn notes(sides: &Sides<'_>) -> Vec<Said> {
    let (from, to) = (&sides.from.paths.notes, &sides.to.paths.notes);
    one("paths.notes", from != to, || {
        format!("notes that were written stay in `{}`: nothing is moved", sides.from.vault.relative(from))
    })
}

fn pdf_folder(sides: &Sides<'_>) -> Vec<Said> {
    let (from, to) = (&sides.from.paths.pdf, &sides.to.paths.pdf);
    one("paths.pdf", from != to, || {
        format!(
            "PDFs that come into `{}` are not seen any more; nothing is moved",
            sides.from.vault.relative(from)
        )
    })
}

fn outside(sides: &Sides<'_>) -> Vec<Said> {
    let (from, to, root) = (&sides.from.paths, &sides.to.paths, sides.to.vault.root());
    let leaves = |path: &str, from: &std::path::Path, to: &std::path::Path| {
        one(path, from != to && !to.starts_with(root), || {
            format!("`{}` lies outside the vault", to.display())
        })
    };
    let mut all = leaves("paths.pdf", &from.pdf, &to.pdf);
    all.extend(leaves("paths.notes", &from.notes, &to.notes));
    all.extend(leaves("paths.workspace", &from.workspace, &to.workspace));
    all.extend(one("paths.allowOutside", !from.allow_outside && to.allow_outside, || {
        "whoever writes the settings may name any folder of this machine from now on".to_owned()
    }));
    all
}

fn quiet_log(sides: &Sides<'_>) -> Vec<Said> {
    let is_quiet = |level: Level| matches!(level, Level::Error | Level::Critical);
    let (from, to) = (sides.from.logging.level, sides.to.logging.level);
    one("logging.level", !is_quiet(from) && is_quiet(to), || {
        "what is applied, and what is doubtful, is not logged any more".to_owned()
    })
}

fn history(sides: &Sides<'_>) -> Vec<Said> {
    let (from, to) = (&sides.from.reload, &sides.to.reload);
    let mut said = one("reload.historyMax", to.history_max < from.history_max, || {
        format!("verdicts beyond the newest {} are forgotten", to.history_max)
    });
    said.extend(one("reload.historyDays", to.history_days < from.history_days, || {
        format!("verdicts that are older than {} days are forgotten", to.history_days)
    }));
    said
}

fn watch_off(sides: &Sides<'_>) -> Vec<Said> {
    one("", sides.around.watch == Some(false), || {
        "the watch is off: a save takes effect when `thoth reload` is run".to_owned()
    })
}
