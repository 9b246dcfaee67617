//! What a changeover costs as settings grow and as services grow.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use changeover::{
    Accepted, Blueprint, Decision, Engine, Files, Occasion, Preparation, Problem, Service, Tuning,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::latency::{self, Row, Save};
use crate::sample::micros;
use crate::server::Server;
use crate::settings;
use crate::verdicts::Verdicts;

/// Bytes of the settings file, and saves of each size.
const SIZES: [(usize, usize); 5] =
    [(1_000, 40), (10_000, 40), (100_000, 30), (1_000_000, 15), (10_000_000, 5)];

/// A byte more than is read.
const TOO_LARGE: usize = 10 * 1024 * 1024 + 1;

/// Services, and saves of each number.
const SERVICES: [usize; 4] = [1, 10, 100, 1_000];
const SAVES: usize = 30;

/// How long a verdict is waited for.
const VERDICT_MAX: Duration = Duration::from_secs(20);

/// One size of the settings file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Size {
    pub bytes: usize,
    /// Where it is notes that grow, which are passed over.
    pub notes: Row,
    /// Where it is a setting that grows: a list of names, each of which is checked and compared, and goes to a service.
    pub hosts: Row,
}

/// What becomes of files of all sizes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sizes {
    pub sizes: Vec<Size>,
    /// What is said of a file beyond the limit.
    pub beyond: String,
}

/// Files of growing size up to this, saved for the real binary and for the floor in turn.
pub fn sizes(binary: &Path, bytes_max: usize) -> anyhow::Result<Sizes> {
    let smallest = settings::of_notes(0, SIZES[0].0);
    let server = Server::start(binary, &smallest)?;
    let mut sizes = Vec::new();
    for (bytes, saves) in SIZES.into_iter().filter(|(bytes, _)| *bytes <= bytes_max) {
        let notes = latency::measure(&server, Save::Rename, saves, |round| settings::of_notes(round, bytes))?;
        let hosts = latency::measure(&server, Save::Rename, saves, |round| settings::of_hosts(round, bytes))?;
        sizes.push(Size { bytes, notes, hosts });
    }
    let mut verdicts = Verdicts::listen(&server)?;
    Save::Rename.save(&server.settings(), &(smallest + &" ".repeat(TOO_LARGE)))?;
    let (verdict, _) = verdicts.next()?;
    ensure!(verdict["verdict"] == "rejected", "{verdict}");
    let said = verdict["problems"][0]["message"].as_str().context("a refusal has a problem")?;
    // The file's name is one of this run.
    let beyond = said.rsplit(": ").next().unwrap_or(said).to_owned();
    Ok(Sizes { sizes, beyond })
}

/// Milliseconds with this many services.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Crowd {
    pub services: usize,
    /// Median microseconds when a save concerns one of them, and all of them.
    pub one: f64,
    pub all: f64,
}

/// The engine alone with one service that does nothing, beside the floor.
pub fn engine(runtime: &Runtime, saves: usize) -> anyhow::Result<Row> {
    let product = runtime.block_on(Product::start(1))?;
    let mut verdicts = product.engine.verdicts();
    let round_as_number = |round: usize| content(1, |_| round as u64);
    let row = latency::beside_the_floor(Save::Rename, saves, round_as_number, |content| {
        let begun = Save::Rename.save(&product.file, content)?;
        let verdict = verdicts.blocking_recv()?;
        ensure!(verdict.verdict == Decision::Applied, "{verdict}");
        Ok((micros(begun, verdict.at), verdict.stages_ms.clone()))
    });
    runtime.block_on(product.engine.shutdown());
    row
}

/// The engine alone, with services that do nothing.
pub async fn services() -> anyhow::Result<Vec<Crowd>> {
    let mut crowds = Vec::new();
    for services in SERVICES {
        let product = Product::start(services).await?;
        let (mut one, mut all) = (Vec::new(), Vec::new());
        for round in 1..=SAVES as u64 {
            let only_first = |service| if service == 0 { round } else { 0 };
            one.push(product.save(only_first).await?);
            // Back, so that the next save concerns all of them.
            product.save(|_| 0).await?;
            all.push(product.save(|_| round).await?);
            product.save(|_| 0).await?;
        }
        product.engine.shutdown().await;
        crowds.push(Crowd { services, one: median(one), all: median(all) });
    }
    Ok(crowds)
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

type Settings = BTreeMap<String, u64>;
type Services = Vec<Service<u64, u64>>;

/// An engine with services that do nothing: each has one number for its settings.
pub struct Product {
    pub engine: Engine<Settings, Services>,
    file: PathBuf,
    services: usize,
    _folder: TempDir,
}

impl Product {
    /// Starts with this many services.
    pub async fn start(services: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("settings.json");
        std::fs::write(&file, content(services, |_| 0))?;
        // Names of services are part of a program; these live as long as it.
        let names: Vec<&'static str> = (0..services).map(|service| &*name(service).leak()).collect();
        let engine = Engine::start(Blueprint {
            file: file.clone(),
            state_dir: folder.path().join("state"),
            key_file: None,
            watch: true,
            check: Box::new(check),
            prepare: Box::new(move |preparation| {
                let names = names.clone();
                Box::pin(async move { prepare(&preparation, &names).await })
            }),
            tuning: |_| Tuning::default(),
            on_trial: |_| Vec::new(),
            meaning: |settings| format!("{settings:?}").into_bytes(),
            version: "1".to_owned(),
            fallback: Box::new(Settings::default),
        })
        .await?;
        Ok(Self { engine, file, services, _folder: folder })
    }

    /// Saves numbers for all services, and gives the microseconds from the first sign of it to the verdict.
    async fn save(&self, number: impl Fn(usize) -> u64) -> anyhow::Result<f64> {
        let mut verdicts = self.engine.verdicts();
        Save::Rename.save(&self.file, &content(self.services, number))?;
        let verdict =
            tokio::time::timeout(VERDICT_MAX, verdicts.recv()).await.context("no verdict came")??;
        let millis = verdict.stages_ms.get("total").context("a verdict has a total")?;
        Ok(millis * 1e3)
    }
}

fn name(service: usize) -> String {
    format!("service-{service}")
}

fn content(services: usize, number: impl Fn(usize) -> u64) -> String {
    let all: BTreeMap<String, u64> = (0..services).map(|service| (name(service), number(service))).collect();
    serde_json::json!(all).to_string()
}

fn check(files: &Files<'_>, _: Occasion) -> Result<Accepted<Settings>, Vec<Problem>> {
    let value: Value = changeover::check::parse(files.main())?.value();
    let settings = serde_json::from_value(value);
    let settings = settings.map_err(|error| vec![Problem::new("", error.to_string())])?;
    Ok(Accepted { settings, ..Accepted::default() })
}

async fn prepare(
    preparation: &Preparation<Settings, Services>,
    names: &[&'static str],
) -> Result<Services, Vec<Problem>> {
    let mut services = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let live = preparation.live.as_ref().and_then(|live| live.services.get(index));
        let number = preparation.settings.get(*name).copied().unwrap_or_default();
        let service = preparation.service(name, live, number, &[], |number| {
            let number = *number;
            async move { Ok(number) }
        });
        services.push(service.await?);
    }
    Ok(services)
}
