//! Changeovers under load: every answer is counted, and every answer is checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::ensure;
use serde_json::Value;

use crate::latency::Save;
use crate::server::{Resources, Server};
use crate::settings;
use crate::verdicts::Verdicts;

/// Clients that keep their connection, and clients that open one for each request.
const CLIENTS: usize = 2;

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Answers {
    pub right: AtomicU64,
    /// Not 200, or a body that no settings file ever said.
    pub wrong: AtomicU64,
    /// No answer.
    pub lost: AtomicU64,
    /// A model of one save with the temperature of another.
    pub mixed: AtomicU64,
}

/// A run of changeovers under load.
pub struct Outcome {
    pub answers: Arc<Answers>,
    pub applied: usize,
    pub before: Resources,
    pub after: Resources,
}

/// Saves `changeovers` times, by rename and in place in turn, while clients ask.
pub async fn measure(server: &Server, changeovers: usize) -> anyhow::Result<Outcome> {
    let (answers, stop) = (Arc::new(Answers::default()), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..2 * CLIENTS)
        .map(|index| {
            let pooled = if index < CLIENTS { 1 } else { 0 };
            let url = server.url("/api/v1/settings");
            tokio::spawn(ask(url, pooled, Arc::clone(&answers), Arc::clone(&stop)))
        })
        .collect();
    let mut verdicts = Verdicts::listen(server).await?;
    // The first hundred fill caches and pools; what grows after them would grow for ever.
    save(server, &mut verdicts, 0..100).await?;
    let before = server.resources().await?;
    let applied = save(server, &mut verdicts, 100..100 + changeovers).await?;
    let after = server.resources().await?;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await??;
    }
    Ok(Outcome { answers, applied, before, after })
}

async fn save(
    server: &Server,
    verdicts: &mut Verdicts,
    rounds: std::ops::Range<usize>,
) -> anyhow::Result<usize> {
    let mut applied = 0;
    for round in rounds {
        let how = if round % 2 == 0 { Save::Rename } else { Save::InPlace };
        how.save(&server.settings(), &settings::content(round))?;
        let (verdict, _) = verdicts.next().await?;
        ensure!(verdict["verdict"] == "applied", "{verdict}");
        applied += 1;
    }
    Ok(applied)
}

async fn ask(url: String, pooled: usize, answers: Arc<Answers>, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().pool_max_idle_per_host(pooled).build()?;
    while !stop.load(Ordering::Relaxed) {
        let counter = match client.get(&url).send().await {
            Ok(response) if response.status() == 200 => match response.json::<Value>().await {
                Ok(body) => judge(&answers, &body),
                Err(_) => &answers.lost,
            },
            Ok(_) => &answers.wrong,
            Err(_) => &answers.lost,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn judge<'a>(answers: &'a Answers, body: &Value) -> &'a AtomicU64 {
    let said = &body["settings"]["llm"]["default"];
    let round = said["model"].as_str().and_then(|model| model.strip_prefix("m-")?.parse().ok());
    match (round, said["temperature"].as_f64()) {
        (Some(round), Some(temperature)) if (settings::temperature(round) - temperature).abs() < 1e-9 => {
            &answers.right
        }
        (Some(_), Some(_)) => &answers.mixed,
        _ => &answers.wrong,
    }
}
