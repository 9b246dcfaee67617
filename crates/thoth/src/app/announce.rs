//! What the log says of changeovers: the sentences that people and scripts look for.

use std::sync::Arc;
use std::time::Duration;

use changeover::{Action, Decision, Engine, Outcome, Problem, Verdict};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Wiring;
use crate::cli::Place;
use crate::instances::Roles;
use crate::instances::record::Instance;
use crate::services::Services;
use crate::settings::{Settings, better_ranked};

/// Says what was started, and from now on everything that happens.
pub(super) fn begin(wiring: &Wiring<'_>, instance: &Arc<Instance>, started: jiff::Timestamp) {
    let Wiring { place, roles, engine, tasks, shutdown, .. } = *wiring;
    start(place, roles, engine);
    tasks.spawn(better_files(place.clone(), shutdown.clone()));
    tasks.spawn(verdicts(engine.clone(), started, shutdown.clone()));
    tasks.spawn(outcomes(engine.clone(), shutdown.clone()));
    // Before anybody is told an address: what a record says has been so at some time.
    record(engine, instance);
    tasks.spawn(self::instance(engine.clone(), Arc::clone(instance), shutdown.clone()));
}

/// Says what was started, and where.
fn start(place: &Place, roles: Roles, engine: &Engine<Settings, Services>) {
    let status = engine.status();
    let file = place.settings_file.display();
    let (vault, state) = (place.vault.root().display(), place.state_dir.display());
    tracing::info!(%roles, %vault, %state, "Thoth {}", env!("CARGO_PKG_VERSION"));
    let live = engine.live().load();
    for reserved in &live.services.http.reserved {
        tracing::info!("serving http://{}", reserved.address());
    }
    for reserved in &live.services.mcp.reserved {
        tracing::info!("serving MCP at http://{}/mcp", reserved.address());
    }
    if status.safe_mode {
        tracing::error!(
            "safe mode: no usable settings; only health and the settings API answer until `{file}` is mended"
        );
    } else if status.drift {
        tracing::error!("`{file}` is refused; the newest settings that were applied are in effect");
    }
    if let Some(problem) = &status.history_problem {
        tracing::warn!("the history of the settings: {problem}");
    }
    match status.watch_enabled {
        true => tracing::info!("Settings hot-reload enabled for `{file}`"),
        false => tracing::info!(
            "Settings hot-reload disabled (`THOTH_HOT_RELOAD=0`); `thoth reload` still reads `{file}`"
        ),
    }
}

/// How often a settings file in a better place is looked for.
const BETTER_LOOK: Duration = Duration::from_secs(10);

/// Says once of each settings file that would rank before the chosen one that it is not read. The choice that was made
/// at the start stands. One look waits for the one before: a vault that does not answer keeps one thread.
async fn better_files(place: Place, shutdown: CancellationToken) {
    let mut known = Vec::new();
    let mut looks = tokio::time::interval(BETTER_LOOK);
    while shutdown.run_until_cancelled(looks.tick()).await.is_some() {
        let (chosen, vault) = (place.settings_file.clone(), place.vault.clone());
        let look = tokio::task::spawn_blocking(move || better_ranked(&chosen, &vault));
        let Some(Ok(better)) = shutdown.run_until_cancelled(look).await else { return };
        for new in better.iter().filter(|file| !known.contains(*file)) {
            let (new, chosen) = (new.display(), place.settings_file.display());
            tracing::warn!("`{new}` would rank before `{chosen}`; it is not read until the next start");
        }
        known = better;
    }
}

fn record(engine: &Engine<Settings, Services>, instance: &Instance) {
    if let Err(error) = instance.stands(&engine.status()) {
        tracing::warn!(%error, "`{}` cannot be written", instance.path().display());
    }
}

/// Keeps the record of this instance, until the engine or the process ends: after the start, and after each verdict.
async fn instance(engine: Engine<Settings, Services>, instance: Arc<Instance>, shutdown: CancellationToken) {
    let mut verdicts = engine.verdicts();
    loop {
        let (now, kept) = (engine.clone(), Arc::clone(&instance));
        // Waited for, even at the end: nobody writes a record after it was removed.
        if let Err(error) = tokio::task::spawn_blocking(move || record(&now, &kept)).await {
            tracing::error!(%error, "the record of this instance is not kept any more");
            return;
        }
        let verdict = tokio::select! {
            () = shutdown.cancelled() => return,
            verdict = verdicts.recv() => verdict,
        };
        if let Err(RecvError::Closed) = verdict {
            return;
        }
        // What was missed does not matter, nor does what is already behind: the status is the newest.
        while verdicts.try_recv().is_ok() {}
    }
}

/// Says every verdict, until the engine or the process ends; also those since `started`.
async fn verdicts(engine: Engine<Settings, Services>, started: jiff::Timestamp, shutdown: CancellationToken) {
    let mut verdicts = engine.verdicts();
    let mut last = 0;
    let since_start = engine.history(16).into_iter().filter(|verdict| verdict.at >= started);
    for verdict in since_start.collect::<Vec<_>>().iter().rev() {
        last = verdict.id;
        say(verdict);
    }
    loop {
        let verdict = tokio::select! {
            () = shutdown.cancelled() => return,
            verdict = verdicts.recv() => verdict,
        };
        match verdict {
            Ok(verdict) if verdict.id > last => {
                say(&verdict);
                if let Some(waiting) = engine.status().waiting.filter(|_| !verdict.problems.is_empty()) {
                    let (attempts, next_at) = (waiting.attempts, waiting.next_at);
                    tracing::info!(attempts, %next_at, "Settings are tried again while the file stays as it is");
                }
            }
            Ok(_) => {}
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "verdicts were not logged; the history has them")
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Says every outcome, until the engine or the process ends.
async fn outcomes(engine: Engine<Settings, Services>, shutdown: CancellationToken) {
    let mut outcomes = engine.outcomes();
    loop {
        let verdict = tokio::select! {
            () = shutdown.cancelled() => return,
            verdict = outcomes.recv() => verdict,
        };
        match verdict {
            Ok(verdict) => say_outcome(&verdict),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "outcomes were not logged; the history has them")
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn say_outcome(verdict: &Verdict) {
    let (id, generation) = (verdict.id, verdict.generation);
    match verdict.outcome {
        Some(Outcome::Kept) => tracing::info!(id, generation, outcome = "kept", "Settings kept: they work"),
        Some(Outcome::KeptUnproven) => {
            tracing::info!(
                id,
                generation,
                outcome = "kept unproven",
                "Settings kept unproven: nobody used them"
            )
        }
        Some(Outcome::Reverted) => tracing::error!(
            id,
            generation,
            outcome = "reverted",
            "Settings reverted: they fail where the ones before them work; `thoth reload --retry` tries them again"
        ),
        None => {}
    }
}

fn say(verdict: &Verdict) {
    let (id, generation) = (verdict.id, verdict.generation);
    let ms = verdict.stages_ms.get("total").copied().unwrap_or_default();
    let changed: Vec<&str> = verdict
        .services
        .iter()
        .filter(|service| !matches!(service.action, Action::Kept))
        .map(|service| service.name.as_str())
        .collect();
    let services = changed.join(",");
    match verdict.verdict {
        Decision::Applied => {
            tracing::info!(
                id,
                generation,
                ms,
                verdict = "applied",
                services,
                "Settings reloaded successfully"
            );
        }
        Decision::Unchanged => {
            tracing::info!(id, generation, ms, verdict = "unchanged", "Settings reloaded successfully");
        }
        Decision::Superseded => {
            tracing::info!(id, generation, ms, verdict = "superseded", "Settings superseded by a newer save");
        }
        Decision::Rejected => {
            tracing::error!(
                id,
                generation,
                ms,
                verdict = "rejected",
                "Settings validation failed - skipping reload"
            );
        }
    }
    for problem in &verdict.problems {
        tracing::error!(id, "settings: {problem}");
    }
    warn(id, &verdict.warnings);
    for service in verdict.services.iter().filter(|service| service.action != Action::Kept) {
        let name = shown(&service.name);
        match service.action {
            Action::Degraded => {
                tracing::error!(id, "{name}: configuration reload incomplete: {}", service.reason)
            }
            Action::Built => tracing::info!(id, "{name}: configuration loaded"),
            _ => tracing::info!(id, "{name}: configuration reloaded: {}", service.reason),
        }
    }
}

fn warn(id: u64, warnings: &[Problem]) {
    for warning in warnings {
        tracing::warn!(id, "settings: {warning}");
    }
}

/// Names by which scripts look for services in the log.
fn shown(service: &str) -> &str {
    match service {
        "llm" => "LLMService",
        "rag" => "RAGManager",
        "letta" => "LettaService",
        "citations" => "CitationService",
        "pdf" => "PDFMonitor",
        "http" | "ports" => "APIServer",
        "mcp" => "MCPServer",
        "log" => "Logging",
        other => other,
    }
}
