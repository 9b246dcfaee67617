//! `kill -9` at any moment of thousands of changeovers. Whatever it interrupts, the next start serves the newest good
//! settings, its numbers go on, and its journal tells the truth.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::{RecursiveMode, Watcher};
use serde_json::{Value, json};

use crate::chance::{Chance, count};
use crate::contents::{BAD, bad, good, number};
use crate::journal::Journal;
use crate::remains::{Moment, age, asides, scratch, unfinished};
use crate::support::{PATIENCE, Place, Save, Thoth};
use crate::verdicts::Verdicts;

/// Lives of a server that end by a kill.
const KILLS: usize = 400;
/// Verdicts that a life gives before it may be killed, at least; up to as many again come by chance.
const VERDICTS_MIN: u64 = 12;
/// The kill comes up to so many microseconds after the last of them.
const DELAY_US_MAX: u64 = 3_000;
/// Or after so many more steps on the disk.
const STEPS_MAX: u64 = 12;
/// The longest pause between two saves.
const PAUSE_US_MAX: u64 = 2_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "400 lives of a server: make prove"]
async fn whatever_a_kill_interrupts_the_next_start_serves_the_newest_good_settings() {
    let mut lives = Lives::begin().await;
    let kills = count("PROVE_KILLS", KILLS);
    for _ in 0..kills {
        lives.live_and_be_killed().await;
    }
    lives.end(kills).await;
}

/// What is known over all lives.
struct Lives {
    place: Place,
    chance: Chance,
    /// The number of the newest content.
    newest: Arc<AtomicU64>,
    /// What the next start has to serve, and what it must say of the journal.
    expected: String,
    torn: bool,
    /// The highest generation that anybody has seen.
    generation: u64,
    aged: Vec<PathBuf>,
    moments: BTreeMap<Moment, usize>,
    starts: Vec<Duration>,
    told: usize,
    cuts: usize,
    fell_back: usize,
}

impl Lives {
    async fn begin() -> Self {
        let place = Place::new();
        std::fs::write(place.settings(), good(0)).unwrap();
        Self {
            place,
            chance: Chance::new(),
            newest: Arc::default(),
            expected: good(0),
            torn: false,
            generation: 0,
            aged: Vec::new(),
            moments: BTreeMap::new(),
            starts: Vec::new(),
            told: 0,
            cuts: 0,
            fell_back: 0,
        }
    }

    fn journal(&self) -> Journal {
        Journal::read(&self.place.state().join("history"))
    }

    /// Starts, and holds the start to what must be.
    async fn start(&mut self) -> Thoth {
        let began = Instant::now();
        let thoth = Thoth::start_in(self.place.clone(), &["--listen", "127.0.0.1:0"]).await;
        self.starts.push(began.elapsed());
        let shown = thoth.get("/api/v1/settings").await;
        let model = shown["settings"]["llm"]["default"]["model"].as_str().unwrap();
        let wanted = number(&self.expected).unwrap();
        assert_eq!(model, format!("m-{wanted}"), "{}", thoth.log());
        let state = thoth.get("/health/hot-reload").await;
        assert_eq!(state["safe_mode"], false, "{state}");
        let generation = state["generation"].as_u64().unwrap();
        assert!(generation > self.generation, "{generation} after {}", self.generation);
        self.generation = generation;
        let damage = state["history_problem"].as_str().unwrap_or_default();
        let wanted = if self.torn { "the journal ended in the middle of a line" } else { "" };
        assert!(damage.starts_with(wanted) && damage.is_empty() == wanted.is_empty(), "{damage:?}: {wanted}");
        assert_eq!(unfinished(&self.place), Vec::<PathBuf>::new());
        assert_eq!(scratch(&self.place), Vec::<PathBuf>::new());
        let left = asides(&self.place);
        assert!(self.aged.iter().all(|aside| !left.contains(aside)), "{left:?}");
        thoth
    }

    async fn live_and_be_killed(&mut self) {
        let thoth = self.start().await;
        let begun = self.journal();
        let mut verdicts = Verdicts::listen(&thoth).await;
        let ways = self.chance.one_of(&[(true, false), (true, false), (false, true), (true, true)]);
        let stop = Arc::new(AtomicBool::new(false));
        let saver = ways.0.then(|| self.saver(&stop));
        let editor = ways.1.then(|| {
            let url = thoth.url("/api/v1/settings");
            tokio::spawn(edit(url, thoth.token(), Arc::clone(&self.newest)))
        });
        let mut answered = Vec::new();
        for _ in 0..VERDICTS_MIN + self.chance.below(VERDICTS_MIN) {
            answered.push(verdicts.next().await.1);
        }
        self.let_chance_pass();
        let saved = self.newest.load(Ordering::SeqCst);
        thoth.kill();
        stop.store(true, Ordering::SeqCst);
        if let Some(saver) = saver {
            saver.join().unwrap();
        }
        answered.extend(verdicts.rest().await);
        if let Some(editor) = editor {
            answered.extend(editor.await.unwrap());
        }
        self.judge(&begun, &answered, saved);
        self.prepare_next();
    }

    /// Until the moment of the kill: some time later, or as soon as some more steps of a changeover are seen on the disk.
    /// By time alone most kills would come between them.
    fn let_chance_pass(&mut self) {
        if self.chance.one_in(3) {
            return std::thread::sleep(Duration::from_micros(self.chance.below(DELAY_US_MAX)));
        }
        let (sender, steps) = channel();
        let seen = move |event: notify::Result<notify::Event>| {
            let reads = event.is_ok_and(|event| event.kind.is_access());
            if !reads {
                // Whoever counted may have enough.
                sender.send(()).ok();
            }
        };
        let mut watcher = notify::recommended_watcher(seen).unwrap();
        for folder in [self.place.state().join("history").as_path(), self.place.settings().parent().unwrap()]
        {
            watcher.watch(folder, RecursiveMode::NonRecursive).unwrap();
        }
        for _ in 0..=self.chance.below(STEPS_MAX) {
            steps.recv_timeout(PATIENCE).expect("changeovers go on");
        }
    }

    /// The journal tells the truth of the life that has ended.
    fn judge(&mut self, begun: &Journal, answered: &[Value], saved: u64) {
        let journal = self.journal();
        let ids: Vec<u64> = journal.verdicts().map(|verdict| verdict["id"].as_u64().unwrap()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        for told in answered {
            let written = journal.verdicts().find(|verdict| verdict["id"] == told["id"]);
            let written = written.unwrap_or_else(|| panic!("told, and not in the journal: {told}"));
            let same = |key: &str| assert_eq!(written[key], told[key], "{key}: {written} {told}");
            ["verdict", "generation", "cause", "content", "problems", "services"].into_iter().for_each(same);
        }
        let known = begun.verdicts().last().map_or(0, |verdict| verdict["id"].as_u64().unwrap());
        let newest = self.newest.load(Ordering::SeqCst);
        for verdict in journal.verdicts().filter(|verdict| verdict["id"].as_u64() > Some(known)) {
            happened(&journal, verdict, newest);
        }
        if journal.inode == begun.inode {
            every_intent_has_its_verdict(&journal.lines[begun.lines.len()..]);
        }
        let heard = answered.iter().filter_map(|verdict| verdict["id"].as_u64()).max().unwrap_or(0);
        *self.moments.entry(Moment::of(&self.place, &journal, saved, heard)).or_default() += 1;
        self.told += answered.len();
    }

    /// What the next start finds: sometimes a bad file, sometimes a journal that a power cut has torn.
    fn prepare_next(&mut self) {
        if self.chance.one_in(4) {
            let number = self.newest.fetch_add(1, Ordering::SeqCst) + 1;
            Save::Rename.save(&self.place.settings(), &bad(number));
        }
        // A kill may cut a write where a page of the file ends.
        self.torn = self.journal().torn > 0;
        if !self.torn && self.chance.one_in(5) {
            self.journal().cut(&mut self.chance);
            (self.torn, self.cuts) = (true, self.cuts + 1);
        }
        let journal = self.journal();
        let file = std::fs::read_to_string(self.place.settings()).unwrap();
        let number = number(&file).unwrap();
        self.generation = self.generation.max(journal.last_generation());
        self.expected = if file == good(number) {
            file
        } else {
            assert_eq!(file, bad(number), "the file is whole");
            self.fell_back += 1;
            journal.last_known_good().expect("something was good").to_owned()
        };
        self.aged = asides(&self.place);
        age(&self.aged);
    }

    /// A thread that saves without waiting for verdicts.
    fn saver(&mut self, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
        let (stop, newest) = (Arc::clone(stop), Arc::clone(&self.newest));
        let (file, mut chance) = (self.place.settings(), self.chance.split());
        std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let number = newest.fetch_add(1, Ordering::SeqCst) + 1;
                let content = if chance.one_in(8) { bad(number) } else { good(number) };
                chance.one_of(&Save::BOTH).save(&file, &content);
                // Each pause leaves the server at another stage when the next save comes.
                std::thread::sleep(Duration::from_micros(chance.below(PAUSE_US_MAX)));
            }
        })
    }

    async fn end(mut self, kills: usize) {
        let thoth = self.start().await;
        assert!(thoth.place.run(&["instances"]).status.success());
        let (place, _) = thoth.terminate();
        assert_eq!(asides(&place), Vec::<PathBuf>::new());
        self.starts.sort();
        println!(
            "{kills} kills, {} verdicts told before them, {} contents saved",
            self.told,
            self.newest.load(Ordering::SeqCst)
        );
        println!("{} journals torn as by a power cut, {} starts from a bad file", self.cuts, self.fell_back);
        println!(
            "a start: median {:?}, slowest {:?}",
            self.starts[self.starts.len() / 2],
            self.starts.last().unwrap()
        );
        for moment in Moment::ALL {
            println!("{:>5}  {}", self.moments.get(&moment).unwrap_or(&0), moment.words());
        }
        let answered = usize::try_from(VERDICTS_MIN).unwrap() * kills;
        assert!(self.told >= answered, "{} of {answered}", self.told);
    }
}

/// A verdict is of a content that was saved, and what is applied is that content to the byte.
fn happened(journal: &Journal, verdict: &Value, newest: u64) {
    match verdict["verdict"].as_str().unwrap() {
        "rejected" => {
            let problems = verdict["problems"].as_array().unwrap();
            let overtaken = |problem: &Value| {
                let message = problem["message"].as_str().unwrap();
                message.contains("meanwhile") && verdict["cause"] == "edit"
            };
            let refused = |problem: &Value| problem["path"] == BAD || overtaken(problem);
            assert!(!problems.is_empty() && problems.iter().all(refused), "nobody saved this: {verdict}");
        }
        "applied" => {
            let content =
                journal.content(verdict).unwrap_or_else(|| panic!("its content is lost: {verdict}"));
            let number = number(content).unwrap();
            assert!(number <= newest && content == good(number), "{verdict}: {content}");
        }
        _ => {}
    }
}

/// Nothing is intended and then forgotten: but for the last line of a life, a verdict of the same content follows.
fn every_intent_has_its_verdict(lines: &[Value]) {
    for (at, intent) in lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.get("intent")?))) {
        let later = lines[at + 1..].iter().filter_map(|line| line.get("verdict"));
        let mut decided = later.clone().filter(|verdict| verdict["content"] == intent["content"]);
        let next = later.clone().find(|verdict| verdict["verdict"] == "applied");
        assert!(decided.next().is_some() || next.is_none(), "{intent}: {lines:?}");
    }
}

/// Puts one content after another by the API, until the server is gone; the verdicts that were answered.
async fn edit(url: String, token: String, newest: Arc<AtomicU64>) -> Vec<Value> {
    let client = crate::support::client(1);
    let mut answered = Vec::new();
    loop {
        let number = newest.fetch_add(1, Ordering::SeqCst) + 1;
        let request = client.put(&url).bearer_auth(&token).header("if-match", "*").body(good(number));
        let Ok(answer) = request.send().await else { break };
        let status = answer.status().as_u16();
        let Ok(verdict) = answer.json::<Value>().await else { break };
        assert!([200, 409, 412, 422].contains(&status), "{status}: {verdict}");
        if verdict.get("verdict").is_some() {
            assert_ne!(verdict["problems"][0]["path"], json!(BAD), "{verdict}");
            answered.push(verdict);
        }
    }
    answered
}
