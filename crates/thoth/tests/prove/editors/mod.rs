//! Real editors and tools, each without a person, on every kind of place that a settings file lies in: every save has the
//! right verdict, and no half of one has any.

mod document;
mod mounts;
mod nano;
mod observer;
mod text;
mod ways;
mod writers;

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Place, Save, Thoth, installed};
use crate::verdicts::Verdicts;
use document::{Row, Table};
use mounts::World;
use observer::Observer;
use text::text;
use ways::{WAYS, Way};

/// One save that a way is asked to make.
pub struct Task<'a> {
    /// The settings file, as whoever saves names it.
    pub file: &'a Path,
    /// A folder for whatever the way needs beside it.
    pub beside: &'a Path,
    /// The token that stands in the file, and the one that shall.
    pub old: &'a str,
    pub new: &'a str,
    /// The whole of the new content, and a file that has it.
    pub text: &'a str,
    pub text_file: &'a Path,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "real editors on real mounts: make prove"]
async fn every_editor_s_save_arrives_whole_and_with_the_right_verdict() {
    let mut table = Table::default();
    for world in World::ALL {
        if let Some(stage) = Stage::set(world).await {
            stage.play(&mut table).await;
        }
    }
    table.write_or_check();
}

/// A server over one kind of place, and everything that tells of it.
struct Stage {
    world: World,
    ground: mounts::Ground,
    thoth: Thoth,
    verdicts: Verdicts,
    observer: Observer,
    /// The number of the newest good content, and the token of the live one.
    round: u32,
    live: String,
}

impl Stage {
    /// `None`: such a place cannot be had here, which is said.
    async fn set(world: World) -> Option<Self> {
        let place = Place::new();
        let ground = world.lay(&place)?;
        std::fs::write(ground.file(), text(&token(0))).unwrap();
        let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
        let verdicts = Verdicts::listen(&thoth).await;
        let observer = Observer::of(&ground.watched());
        Some(Self { world, ground, thoth, verdicts, observer, round: 0, live: token(0) })
    }

    async fn play(mut self, table: &mut Table) {
        for way in WAYS {
            if !installed(way.needs) {
                continue;
            }
            let mut row = Row { name: way.name, how: None, times: Vec::new() };
            for bad in self.rounds(way) {
                self.prepare(way).await;
                let (how, took) = self.save(way, bad).await;
                if bad.is_none() {
                    row.how.get_or_insert(how);
                    row.times.push(took);
                }
            }
            // The next way begins with a file that is good, and as it should be.
            self.lay_anew().await;
            table.add(self.world, row);
        }
    }

    /// Good contents (`None`) and bad ones in turn, the last one good; more of them where the times are what people have.
    fn rounds(&self, way: &Way) -> Vec<Option<&'static str>> {
        let goods = if self.world == World::Folder { 3 } else { 1 };
        let mut rounds = vec![None; goods];
        for bad in way.bad {
            rounds.push(Some(*bad));
            rounds.extend(vec![None; goods]);
        }
        rounds
    }

    /// A way that only appends wants a whole content each time.
    async fn prepare(&mut self, way: &Way) {
        if way.appends {
            self.lay_anew().await;
        }
    }

    /// Puts the content of the newest round in place, by whatever name the place has, and lets it come to rest.
    async fn lay_anew(&mut self) {
        self.ground.lay_link();
        self.live = token(self.round);
        Save::Rename.save(&self.ground.real_file(), &text(&self.live));
        let reloaded = self.reload().await;
        self.until(&reloaded).await;
    }

    /// One save, and everything that must be so after it; how it was made, and how long it took until it was served.
    async fn save(&mut self, way: &Way, bad: Option<&str>) -> (&'static str, Duration) {
        let place = format!("{} in {}", way.name, self.world.words());
        let (file, beside) = (self.ground.file(), self.ground.beside());
        let before = std::fs::read_to_string(&file).unwrap();
        self.round += u32::from(bad.is_none());
        let new = bad.map_or_else(|| token(self.round), str::to_owned);
        let (old, new_text) = (text::token_of(&before), text(&new));
        let text_file = beside.join("settings.json");
        std::fs::write(&text_file, &new_text).unwrap();
        let task =
            Task { file: &file, beside: &beside, old, new: &new, text: &new_text, text_file: &text_file };
        self.observer.forget();
        let found = self.found().await;
        let held = way.how.save(way.name, &task);
        let ended = Instant::now();
        let (heard, verdict) = self.verdicts.next().await;
        let wanted = if bad.is_some() { "rejected" } else { way.good };
        assert_eq!(verdict["verdict"], wanted, "{place}: {verdict}");
        if bad.is_none() && !way.appends {
            self.live.clone_from(&new);
        }
        self.judge(&place, bad, &verdict).await;
        if way.exact {
            assert_eq!(std::fs::read_to_string(&file).unwrap(), new_text, "{place} saved something else");
        }
        let (how, last) = self.observer.seen();
        if let Some(held) = held {
            // Nothing has told of it but the poll.
            assert_eq!(self.found().await, (found.0, found.1 + 1), "{place}");
            self.let_go(held).await;
        }
        (how, heard.saturating_duration_since(last.unwrap_or(ended)))
    }

    /// Saves that an event told of, and those that the poll alone found.
    async fn found(&self) -> (u64, u64) {
        let watch = self.thoth.get("/health/hot-reload").await["watch"].take();
        (watch["seen_by_event"].as_u64().unwrap(), watch["seen_by_poll"].as_u64().unwrap())
    }

    /// Its end is an event, and may have a verdict.
    async fn let_go(&mut self, mut held: Child) {
        drop(held.stdin.take());
        assert!(held.wait().unwrap().success());
        let reloaded = self.reload().await;
        self.until(&reloaded).await;
    }

    /// What is live is what the file says to the byte (or was before a bad one), and nothing but that had a verdict.
    async fn judge(&mut self, place: &str, bad: Option<&str>, verdict: &Value) {
        let reloaded = self.reload().await;
        let again = if bad.is_some() { "rejected" } else { "unchanged" };
        assert_eq!(reloaded["verdict"], again, "{place}: {reloaded}");
        assert_eq!(
            reloaded["content"], verdict["content"],
            "{place}: the verdict is of half a file: {verdict}"
        );
        for other in self.until(&reloaded).await {
            // A tool may touch what it has saved once more.
            assert_eq!(
                (&other["verdict"], &other["content"]),
                (&json!(again), &verdict["content"]),
                "{place}: {other}"
            );
        }
        let model = self.thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"].clone();
        assert_eq!(model, format!("m-{}", self.live), "{place}");
    }

    async fn reload(&self) -> Value {
        self.thoth.post("/api/v1/reloads", &json!({})).await
    }

    /// The verdicts before this one.
    async fn until(&mut self, last: &Value) -> Vec<Value> {
        let mut before = Vec::new();
        loop {
            let (_, verdict) = self.verdicts.next().await;
            if verdict["id"] == last["id"] {
                return before;
            }
            before.push(verdict);
        }
    }
}

fn token(round: u32) -> String {
    format!("{round:04}")
}
