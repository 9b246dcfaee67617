//! `thoth watch` and `thoth health`: a running server, seen from outside.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anstream::{eprintln, println};
use anyhow::bail;
use changeover::Verdict;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Value;

use super::output::{BAD, GOOD, QUIET};
use super::schedules::Shown;
use super::{Place, output};
use crate::http::client::{Client, ClientError};
use crate::instances::agreement::Agreement;

/// How long a server that moves or restarts is waited for.
const GONE_MAX: Duration = Duration::from_secs(30);
/// How often it is looked for meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Prints one line for each verdict, one when instances begin to differ or agree again, and one for each scheduled or
/// temporary change that ends, over every move of the port.
pub(super) fn watch(vault: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    super::serve::wait(async {
        let mut client = place.client()?;
        eprintln!("{QUIET}watching {}; stop with Ctrl-C{QUIET:#}", place.settings_file.display());
        let mut last = None;
        loop {
            follow(&client, &mut last, json).await?;
            client = found_again(&place).await?;
        }
    })
}

/// Prints until the stream ends, which it does when its port is left.
async fn follow(client: &Client, last: &mut Option<u64>, json: bool) -> anyhow::Result<()> {
    let events = match client.events(*last).await {
        Ok(events) => events,
        Err(ClientError::Silent(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        let Ok((name, data)) = event else { return Ok(()) };
        match name.as_str() {
            "verdict" => {
                let verdict: Verdict = serde_json::from_value(data)?;
                *last = Some(verdict.id);
                if json {
                    println!("{}", serde_json::to_string(&verdict)?);
                } else {
                    output::verdict(&verdict);
                }
            }
            "instances" => {
                let agreement: Agreement = serde_json::from_value(data)?;
                match json {
                    true => println!("{}", serde_json::to_string(&agreement)?),
                    false => output::instances(&agreement),
                }
            }
            "outcome" => {
                let verdict: Verdict = serde_json::from_value(data)?;
                if json {
                    println!("{}", serde_json::to_string(&verdict)?);
                } else {
                    output::outcome(&verdict);
                }
            }
            "schedule" => {
                if json {
                    println!("{data}");
                } else {
                    println!("{}", Shown::deserialize(&data)?.in_words());
                }
            }
            "lagged" => eprintln!("{BAD}{} verdicts were missed{BAD:#}", data["missed"]),
            _ => {}
        }
    }
    Ok(())
}

async fn found_again(place: &Place) -> anyhow::Result<Client> {
    let looked = tokio::time::timeout(GONE_MAX, async {
        loop {
            if let Ok(client) = place.client()
                && client.look::<Value>("/health").await.is_ok()
            {
                return client;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    });
    looked.await.map_err(|_| anyhow::anyhow!("the server has been gone for {} s", GONE_MAX.as_secs()))
}

/// Judges Thoth, not the last save: a refused save is healthy, a watch that should run and does not is not.
pub(super) fn health(vault: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let (health, watch) = super::serve::wait(async {
        let client = place.client()?;
        let (_, health) = client.look::<Value>("/health").await?;
        let (_, watch) = client.look::<Value>("/health/hot-reload").await?;
        Ok((health, watch))
    })?;
    let ills = ills(&health, &watch);
    if json {
        output::json(
            &serde_json::json!({ "healthy": ills.is_empty(), "ills": ills, "health": health, "watch": watch }),
        )?;
    } else if ills.is_empty() {
        println!("{GOOD}healthy{GOOD:#}, generation {}", health["generation"]);
        if let Some(why) = watch["watch"]["without_events"].as_str() {
            println!("{QUIET}the settings watch: {why}{QUIET:#}");
        }
    }
    if ills.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("{}", ills.join("; "))
}

/// Everything that an orchestrator should act on.
fn ills(health: &Value, watch: &Value) -> Vec<String> {
    let mut ills = Vec::new();
    if watch["safe_mode"] == true {
        ills.push("safe mode: no usable settings; `thoth settings check` says why".to_owned());
    }
    let finding = watch["watch"]["finding"].as_str();
    if watch["enabled"] == true && watch["running"] == false {
        let why = finding.map(|finding| format!(": {finding}")).unwrap_or_default();
        ills.push(format!("the settings watch should run and does not{why}"));
    } else if let Some(finding) = finding {
        ills.push(format!("the settings watch: {finding}"));
    }
    let services = health["services"].as_object().into_iter().flatten();
    for (name, service) in services.filter(|(_, service)| service["status"] == "down") {
        ills.push(format!("{name} is down: {}", service["reason"].as_str().unwrap_or("no reason is known")));
    }
    ills
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refused_save_is_healthy_and_a_dead_watch_is_not() {
        let well = json!({ "services": { "llm": { "status": "off" }, "rag": { "status": "degraded" } } });
        let check = |health: &Value, watch: Value, healthy: bool| {
            assert_eq!(ills(health, &watch).is_empty(), healthy, "{watch}");
        };
        let refused = json!({ "verdict": "rejected" });
        check(&well, json!({ "enabled": true, "running": true, "last_verdict": refused }), true);
        check(&well, json!({ "enabled": false, "running": false }), true);
        check(&well, json!({ "enabled": true, "running": false }), false);
        check(&well, json!({ "enabled": true, "running": true, "safe_mode": true }), false);
        let detached = json!({ "mode": "inotify+poll", "finding": "a mount of its own" });
        check(&well, json!({ "enabled": true, "running": true, "watch": detached }), false);
        let slower = json!({ "mode": "poll", "finding": null, "without_events": "no inotify instance" });
        check(&well, json!({ "enabled": true, "running": true, "watch": slower }), true);
        let down = json!({ "services": { "pdf": { "status": "down", "reason": "x" } } });
        check(&down, json!({ "enabled": true, "running": true }), false);
    }
}
