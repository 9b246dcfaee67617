//! Changes that wait for their time: each goes through the one way in, once, and only if the settings still are what they
//! were.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use changeover::edit::Change;
use changeover::schedule::{
    Declined, Entry, Fate, Request, SCHEDULES_FILE, Schedules, Swept, TEMPORARY_FILE, Temporary, Terms, When,
    sweep,
};
use changeover::{Cause, Content, Decision, Files, Problem, check};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::support::{PATIENCE, Services, Settings, World};

/// Noon of a day.
const NOON: i64 = 1_800_000_000;

/// An engine with changes that wait, and a wall's clock that only the test moves.
struct Times {
    world: World,
    schedules: Schedules<Settings, Services>,
    ends: broadcast::Receiver<Arc<Entry>>,
    wall: Arc<AtomicI64>,
    keeper: JoinHandle<()>,
}

fn value(content: &[u8], path: &str) -> Option<Value> {
    check::parse(content).ok()?.value().get(path).cloned()
}

fn change(path: &str, value: impl Into<Value>) -> Vec<Change> {
    vec![Change { path: path.to_owned(), value: Some(value.into()) }]
}

fn at(seconds: i64) -> When {
    When::At(Timestamp::from_second(NOON + seconds).unwrap())
}

fn lasting(seconds: i64) -> When {
    When::For(SignedDuration::from_secs(seconds))
}

/// The folder of the files of what waits.
fn folder(world: &Path) -> PathBuf {
    world.join("state/schedules")
}

/// The settings file of a world with its temporary changes; `None` where there are none.
pub fn on_top(files: &Files<'_>, world: &Path) -> Result<Option<Vec<u8>>, Vec<Problem>> {
    let Content::Bytes(bytes) = files.read(&folder(world).join(TEMPORARY_FILE)) else { return Ok(None) };
    let temporary = Temporary::parse(&bytes).map_err(|problem| vec![problem])?;
    let changes: Vec<Change> = temporary.changes().into_iter().map(|(change, _)| change.clone()).collect();
    changeover::edit::edit(files.main(), &changes).map(Some).map_err(|problem| vec![problem])
}

impl Times {
    async fn start(content: &str) -> Self {
        Self::of(World::start(Some(content)).await, Arc::new(AtomicI64::new(NOON)), Swept::default())
    }

    fn of(world: World, wall: Arc<AtomicI64>, swept: Swept) -> Self {
        let (times, damage) = Self::open(world, wall, swept);
        assert_eq!(damage, Vec::<String>::new());
        times
    }

    /// The second value is what is damaged.
    fn open(mut world: World, wall: Arc<AtomicI64>, swept: Swept) -> (Self, Vec<String>) {
        let clock = Arc::clone(&wall);
        let terms = Terms {
            folder: folder(world.folder.path()),
            edit: changeover::edit::edit,
            value,
            hidden: Box::new(|_, _| None),
            clock: Box::new(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap()),
        };
        let (schedules, damage) = Schedules::open(world.engine.clone(), terms, swept).unwrap();
        world.verdicts = world.engine.verdicts();
        let ends = schedules.ends();
        let keeper = tokio::spawn(schedules.clone().run());
        (Self { world, schedules, ends, wall, keeper }, damage)
    }

    /// Ends everything; `seconds` later it starts again.
    async fn restart_after(self, seconds: i64) -> Self {
        let Self { world, wall, keeper, .. } = self;
        keeper.abort();
        world.engine.shutdown().await;
        wall.fetch_add(seconds, Ordering::SeqCst);
        let now = Timestamp::from_second(wall.load(Ordering::SeqCst)).unwrap();
        let swept = sweep(&folder(world.folder.path()), now).unwrap();
        let World { folder, .. } = world;
        Self::of(World::start_in(folder).await, wall, swept)
    }

    async fn set(&self, changes: Vec<Change>, when: When) -> Result<Entry, Declined> {
        let request = Request { changes, when, actor: Some("the test".to_owned()) };
        self.schedules.set(request).await.map(|told| told.entry)
    }

    /// Lets so many seconds pass on the wall's clock.
    fn pass(&self, seconds: i64) {
        self.wall.fetch_add(seconds, Ordering::SeqCst);
        self.schedules.look();
    }

    /// What became of the next entry that ends.
    async fn end(&mut self) -> (u64, Fate, String) {
        let entry = tokio::time::timeout(PATIENCE, self.ends.recv()).await.expect("an end").unwrap();
        let end = entry.end.clone().unwrap();
        (entry.id, end.fate, end.reason.unwrap_or_default())
    }

    /// Waits until a change whose time has come is put off.
    async fn put_off(&self, id: u64) {
        crate::support::until(|| self.schedules.problem(id).is_some()).await;
    }

    fn fate(&self, id: u64) -> Option<Fate> {
        let entry = self.schedules.list().into_iter().find(|entry| entry.id == id).unwrap();
        entry.end.map(|end| end.fate)
    }

    /// Where the next state of the file of what is scheduled is written.
    fn next(&self) -> PathBuf {
        folder(self.world.folder.path()).join(SCHEDULES_FILE).with_extension("new")
    }

    fn file(&self) -> String {
        fs::read_to_string(&self.world.file).unwrap()
    }

    /// How many verdicts there are, after the watch has had its turns: none of them may be of our own writes.
    async fn verdicts(&self) -> usize {
        let polls = self.world.engine.status().watch.polls_seen;
        crate::support::until(|| self.world.engine.status().watch.polls_seen > polls + 1).await;
        self.world.engine.history(100).len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_change_takes_place_once_and_keeps_the_file_as_it_was_written() {
    let mut times = Times::start("{\n  // mine\n  \"pair\": 1, \"pollMs\": 20\n}").await;
    let entry = times.set(change("pair", 2), at(60)).await.unwrap();
    assert_eq!((times.world.pair(), times.schedules.list()), (1, vec![entry.clone()]));
    times.pass(59);
    assert_eq!(times.verdicts().await, 1, "not yet");
    times.pass(1);
    assert_eq!(times.end().await, (entry.id, Fate::Done, String::new()));
    let verdict = times.world.verdict().await;
    assert_eq!((verdict.verdict, &verdict.cause), (Decision::Applied, &Cause::Schedule), "{verdict}");
    assert_eq!(verdict.actor.as_deref(), Some("the test"));
    assert_eq!(times.schedules.list()[0].end.as_ref().unwrap().verdict, Some(verdict.id));
    assert_eq!(
        (times.world.pair(), times.file().as_str()),
        (2, "{\n  // mine\n  \"pair\": 2, \"pollMs\": 20\n}")
    );
    times.pass(-3_600);
    times.pass(7_200);
    assert_eq!(
        times.verdicts().await,
        2,
        "our own write is no save, and a clock that is set back repeats nothing"
    );
    assert!(!times.world.engine.status().drift);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_void_when_somebody_changed_its_key() {
    let mut times = Times::start(r#"{"pair": 1, "rag": 1, "pollMs": 20}"#).await;
    let void = times.set(change("pair", 2), at(60)).await.unwrap();
    let done = times.set(change("rag", 2), at(61)).await.unwrap();
    times.world.expect(r#"{"pair": 5, "rag": 1, "pollMs": 20}"#, Decision::Applied).await;
    times.pass(100);
    let (id, fate, reason) = times.end().await;
    assert_eq!((id, fate), (void.id, Fate::Void), "{reason}");
    assert!(reason.contains("`pair` changed"), "{reason}");
    assert_eq!(times.end().await.1, Fate::Done, "another key's change says nothing of this one: {}", done.id);
    assert_eq!(times.file(), r#"{"pair": 5, "rag": 2, "pollMs": 20}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_file_a_scheduled_change_makes_one() {
    let wall = Arc::new(AtomicI64::new(NOON));
    let mut times = Times::of(World::start(None).await, wall, Swept::default());
    let entry = times.set(change("pair", 2), at(60)).await.unwrap();
    times.pass(60);
    assert_eq!(times.end().await, (entry.id, Fate::Done, String::new()));
    let written: Value = serde_json::from_str(&times.file()).unwrap();
    assert_eq!((times.world.pair(), written), (2, json!({ "pair": 2 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_scheduled_for_one_key_follows_on_each_other() {
    let mut times = Times::start(r#"{"llm": "day"}"#).await;
    times.set(change("llm", "day"), at(200)).await.unwrap();
    times.set(change("llm", "night"), at(100)).await.unwrap();
    for model in ["night", "day"] {
        times.pass(100);
        assert_eq!(times.end().await.1, Fate::Done);
        assert_eq!(times.world.engine.live().load().services.llm.0, model);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_now_is_declined_and_what_is_refused_then_is_told() {
    let mut times = Times::start(r#"{"pair": 1, "fault": "ask the world", "pollMs": 20}"#).await;
    let declined = times.set(change("pair", "two"), at(60)).await.unwrap_err();
    assert!(matches!(&declined, Declined::Check(problems) if problems[0].path == "pair"), "{declined}");
    let past = times.set(change("pair", 2), at(-1)).await.unwrap_err();
    assert!(matches!(past, Declined::Time(_)), "{past}");
    assert_eq!((times.schedules.list(), times.verdicts().await), (vec![], 1));

    times.set(change("pair", 2), at(60)).await.unwrap();
    *times.world.probes.refusal.lock().unwrap() = Some("the port is taken");
    times.pass(60);
    let (_, fate, reason) = times.end().await;
    assert_eq!(fate, Fate::Failed);
    assert!(reason.contains("the port is taken"), "{reason}");
    assert_eq!(times.file(), r#"{"pair": 1, "fault": "ask the world", "pollMs": 20}"#);
    assert_eq!((times.world.pair(), times.verdicts().await), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_change_applies_at_once_ends_by_itself_and_stands_in_no_settings_file() {
    let content = r#"{"pair": 1, "pollMs": 20}"#;
    let mut times = Times::start(content).await;
    let entry = times.set(change("pair", 7), lasting(1_800)).await.unwrap();
    let verdict = times.world.verdict().await;
    assert_eq!((verdict.verdict, &verdict.cause), (Decision::Applied, &Cause::Edit), "{verdict}");
    assert_eq!((times.world.pair(), times.file().as_str()), (7, content));
    times.world.expect(r#"{"pair": 2, "pollMs": 20}"#, Decision::Unchanged).await;
    assert_eq!(times.world.pair(), 7, "a save below it is taken, and stays below it");
    times.pass(1_800);
    assert_eq!(times.end().await.0, entry.id);
    let verdict = times.world.verdict().await;
    assert_eq!((verdict.verdict, &verdict.cause), (Decision::Applied, &Cause::Expiry), "{verdict}");
    assert_eq!((times.world.pair(), times.verdicts().await), (2, 4), "no loop with our own writes");
    assert!(!times.world.engine.status().drift);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_called_off() {
    let mut times = Times::start(r#"{"pair": 1, "pollMs": 20}"#).await;
    let scheduled = times.set(change("pair", 2), at(60)).await.unwrap().id;
    let temporary = times.set(change("pair", 7), lasting(60)).await.unwrap().id;
    assert_eq!(times.world.verdict().await.verdict, Decision::Applied);
    let told = times.schedules.cancel(temporary, None).await.unwrap();
    assert_eq!(told.verdict.unwrap().verdict, Decision::Applied);
    assert_eq!(times.world.pair(), 1);
    times.schedules.cancel(scheduled, None).await.unwrap();
    assert_eq!((times.end().await.1, times.end().await.1), (Fate::Cancelled, Fate::Cancelled));
    let twice = times.schedules.cancel(scheduled, None).await.unwrap_err();
    assert!(matches!(twice, Declined::Ended(_)), "{twice}");
    times.pass(100);
    assert_eq!((times.verdicts().await, times.world.pair()), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_survive_a_restart_and_what_was_missed_is_made_up_for() {
    let times = Times::start(r#"{"pair": 1, "rag": 1, "llm": "a", "pollMs": 20}"#).await;
    times.set(change("pair", 2), at(60)).await.unwrap();
    times.set(change("rag", 9), at(7_200)).await.unwrap();
    times.set(change("llm", "b"), lasting(1_800)).await.unwrap();
    times.set(change("pair", 7), lasting(7_200)).await.unwrap();

    let mut times = times.restart_after(3_600).await;
    assert_eq!(times.world.engine.live().load().services.llm.0, "a", "it ended while nothing ran");
    assert_eq!(times.world.pair(), 7, "and this one has not");
    let (_, fate, reason) = times.end().await;
    assert_eq!(fate, Fate::Done);
    assert!(reason.contains("comes late"), "{reason}");
    assert_eq!(value(times.file().as_bytes(), "pair"), Some(json!(2)));
    let fates: Vec<_> =
        times.schedules.list().iter().map(|entry| entry.end.as_ref().map(|end| end.fate)).collect();
    assert_eq!(fates.iter().filter(|fate| fate.is_none()).count(), 2, "{fates:?}");
    times.pass(3_600);
    let ended = [times.end().await.1, times.end().await.1];
    assert!(ended.contains(&Fate::Done) && ended.contains(&Fate::Expired), "{ended:?}");
    let live = times.world.engine.live().load();
    assert_eq!((live.settings.pair, live.settings.rag), (2, 9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_waits_stands_in_private_files_alone() {
    let mut times = Times::start(r#"{"llm": "sk-old", "pollMs": 20}"#).await;
    times.set(change("llm", "sk-scheduled"), at(60)).await.unwrap();
    let temporary = times.set(change("llm", "sk-temporary"), lasting(60)).await.unwrap();
    let told = times.world.verdict().await;
    assert!(!told.to_string().contains("sk-"), "{told}");
    let state = times.world.folder.path().join("state");
    let mut holders = Vec::new();
    let files = fs::read_dir(&state).unwrap().chain(fs::read_dir(state.join("schedules")).unwrap());
    for file in files.map(|file| file.unwrap().path()) {
        use std::os::unix::fs::PermissionsExt;
        if file.is_file() && String::from_utf8_lossy(&fs::read(&file).unwrap()).contains("sk-") {
            assert_eq!(
                fs::metadata(&file).unwrap().permissions().mode() & 0o777,
                0o600,
                "{}",
                file.display()
            );
            holders.push(file.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    holders.sort();
    assert_eq!(holders, [SCHEDULES_FILE, "secrets.json", TEMPORARY_FILE]);
    times.schedules.cancel(temporary.id, None).await.unwrap();
    assert_eq!(times.end().await.1, Fate::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_room_for_so_many() {
    let times = Times::start(r#"{"pair": 1}"#).await;
    for second in 1..=64 {
        times.set(change("pair", second), at(second)).await.unwrap();
    }
    let full = times.set(change("pair", 65), at(65)).await.unwrap_err();
    assert!(matches!(full, Declined::Full), "{full}");
    assert!(matches!(times.schedules.cancel(99, None).await, Err(Declined::Unknown(99))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_change_that_is_taken_back_is_over() {
    let mut times = Times::start(r#"{"pair": 1, "llm": "good", "pollMs": 20}"#).await;
    times.world.engine.worked(times.world.llm().1);
    let entry = times.set(change("llm", "bad"), lasting(1_800)).await.unwrap();
    assert_eq!(times.world.verdict().await.verdict, Decision::Applied);
    assert_eq!(times.world.fail().await.cause, Cause::Revert);
    let (id, fate, reason) = times.end().await;
    assert_eq!((id, fate), (entry.id, Fate::Failed), "{reason}");
    assert_eq!((times.world.llm().0.as_str(), times.verdicts().await), ("good", 4));
    assert!(!times.world.engine.status().drift);
    let times = times.restart_after(60).await;
    assert!(!times.world.engine.status().safe_mode);
    assert_eq!(times.world.llm().0, "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_that_can_be_read_was_taken_back_it_runs_rather_than_nothing_and_that_is_said() {
    let good = r#"{"pair": 1, "llm": "good", "pollMs": 20}"#;
    let mut times = Times::start(good).await;
    times.world.engine.worked(times.world.llm().1);
    times.set(change("llm", "bad"), lasting(1_800)).await.unwrap();
    assert_eq!(times.world.verdict().await.verdict, Decision::Applied);
    // Killed between the revert and the end of the change: what stands beside the file is in every content.
    times.keeper.abort();
    assert_eq!(times.world.fail().await.cause, Cause::Revert);
    let mut times = times.restart_after(60).await;
    let status = times.world.engine.status();
    assert_eq!((status.safe_mode, status.drift), (false, false));
    assert_eq!((times.world.llm().0.as_str(), times.world.pair()), ("bad", 1), "the newest: the file");
    let start = status.last_verdict.unwrap();
    assert_ne!(times.world.engine.history(2)[1].cause, Cause::Start, "the file is not refused");
    assert_eq!((start.verdict, start.cause.clone(), start.outcome), (Decision::Applied, Cause::Start, None));
    let said = start.warnings.last().expect("that it was taken back").to_string();
    assert!(said.contains("401") && said.contains("run all the same"), "{said}");
    // What is bound keeps nothing else from being changed beside it.
    let read_again = times.world.engine.reload().await.unwrap();
    assert_eq!(times.world.verdict().await.id, read_again.id);
    assert_eq!(read_again.verdict, Decision::Unchanged, "{read_again}");
    // Where the file is of no use, an older content is taken, on the same terms.
    times.world.expect("{ half", Decision::Rejected).await;
    let mut times = times.restart_after(60).await;
    let status = times.world.engine.status();
    assert_eq!((status.safe_mode, status.drift), (false, true));
    assert_eq!((times.world.llm().0.as_str(), times.world.pair()), ("bad", 1));
    assert!(status.last_verdict.unwrap().warnings.last().is_some_and(|told| told.message.contains("401")));
    times.world.expect(good, Decision::Unchanged).await;
    times.pass(1_800);
    assert_eq!(times.end().await.1, Fate::Expired);
    assert_eq!(times.world.llm().0, "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_file_is_refused_a_temporary_change_stays_and_says_why() {
    let mut times = Times::start(r#"{"pair": 1, "rag": 1, "pollMs": 20}"#).await;
    let entry = times.set(change("pair", 7), lasting(60)).await.unwrap();
    assert_eq!(times.world.verdict().await.verdict, Decision::Applied);
    times.world.expect(r#"{"rag": "one", "pollMs": 20}"#, Decision::Rejected).await;
    times.pass(60);
    let told = times.world.verdict().await;
    assert_eq!((told.verdict, &told.cause), (Decision::Rejected, &Cause::Expiry), "{told}");
    crate::support::until(|| times.schedules.problem(entry.id).is_some()).await;
    assert!(times.schedules.problem(entry.id).unwrap().contains("`rag`"));
    assert_eq!(times.world.pair(), 7, "what is live stays live");
    times.world.rename(r#"{"pair": 1, "rag": 2, "pollMs": 20}"#);
    assert_eq!(times.end().await.1, Fate::Expired, "it is tried again by itself");
    let live = times.world.engine.live().load();
    assert_eq!((live.settings.pair, live.settings.rag), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_kept_from_being_noted_makes_nothing_void_that_follows_on_it() {
    let mut times = Times::start(r#"{"llm": "day", "pollMs": 20}"#).await;
    let night = times.set(change("llm", "night"), at(60)).await.unwrap();
    let morning = times.set(change("llm", "morning"), at(120)).await.unwrap();
    // What a kill leaves between the switch and the note of it.
    times.world.expect(r#"{"llm": "night", "pollMs": 20}"#, Decision::Applied).await;
    let mut times = times.restart_after(60).await;
    let (id, fate, reason) = times.end().await;
    assert_eq!((id, fate), (night.id, Fate::Done), "{reason}");
    times.pass(60);
    let (id, fate, reason) = times.end().await;
    assert_eq!((id, fate), (morning.id, Fate::Done), "{reason}");
    assert_eq!(times.world.llm().0, "morning");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_noted_is_noted_later_and_what_follows_on_it_waits_for_that() {
    let mut times = Times::start(r#"{"llm": "day", "pollMs": 20}"#).await;
    let night = times.set(change("llm", "night"), at(60)).await.unwrap();
    let morning = times.set(change("llm", "morning"), at(61)).await.unwrap();
    fs::create_dir(times.next()).unwrap();
    times.pass(61);
    let verdict = times.world.verdict().await;
    times.put_off(night.id).await;
    assert_eq!((times.fate(night.id), times.fate(morning.id)), (Some(Fate::Done), None));
    fs::remove_dir(times.next()).unwrap();
    assert_eq!(times.end().await.0, night.id);
    let listed = times.schedules.list();
    let noted = listed.iter().find(|entry| entry.id == night.id).unwrap().end.as_ref().unwrap();
    assert_eq!(noted.verdict, Some(verdict.id), "with what it was done by");
    let (id, fate, reason) = times.end().await;
    assert_eq!((id, fate), (morning.id, Fate::Done), "{reason}");
    assert_eq!((times.world.llm().0.as_str(), times.verdicts().await), ("morning", 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_temporary_change_that_cannot_be_noted_is_told_later() {
    let mut times = Times::start(r#"{"pair": 1, "llm": "good", "pollMs": 20}"#).await;
    times.world.engine.worked(times.world.llm().1);
    let over = times.set(change("pair", 7), lasting(60)).await.unwrap().id;
    let failed = times.set(change("llm", "bad"), lasting(1_800)).await.unwrap().id;
    let called_off = times.set(change("rag", 7), lasting(1_800)).await.unwrap().id;
    fs::create_dir(times.next()).unwrap();

    let refused = times.schedules.cancel(called_off, None).await.unwrap_err();
    assert!(matches!(refused, Declined::State(_)), "{refused}");
    let twice = times.schedules.cancel(called_off, None).await.unwrap_err();
    assert!(matches!(twice, Declined::Ended(_)), "{twice}");
    times.pass(60);
    times.put_off(over).await;
    let on_trial = times.world.llm().1;
    times.world.engine.fallback(on_trial).unwrap();
    times.world.engine.failed(on_trial, "it does not work");
    times.put_off(failed).await;
    let live = times.world.engine.live().load();
    assert_eq!((live.settings.pair, live.settings.llm.as_str(), live.settings.rag), (1, "good", 0));

    let fates = [(over, Fate::Expired), (failed, Fate::Failed), (called_off, Fate::Cancelled)];
    assert_eq!(fates.map(|(id, _)| (id, times.fate(id).unwrap())), fates, "they have ended, noted or not");
    fs::remove_dir(times.next()).unwrap();
    let mut told = [times.end().await, times.end().await, times.end().await].map(|(id, fate, _)| (id, fate));
    told.sort_by_key(|(id, _)| *id);
    assert_eq!(told, fates);
    assert_eq!(fates.map(|(id, _)| times.schedules.problem(id)), [None, None, None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_listed_while_the_disk_takes_its_time() {
    let times = Times::start(r#"{"pair": 1, "pollMs": 20}"#).await;
    // More than a pipe holds.
    let long = times.set(change("llm", "x".repeat(200_000)), at(60)).await.unwrap();
    crate::support::run("mkfifo", &[&times.next()]);
    let (schedules, next) = (times.schedules.clone(), times.next());
    let request = Request { changes: change("pair", 2), when: at(61), actor: None };
    let setting = tokio::spawn(async move { schedules.set(request).await });
    let pipe = tokio::task::spawn_blocking(move || fs::File::open(next)).await.unwrap().unwrap();
    let schedules = times.schedules.clone();
    // On a thread of its own, as this test is: whoever waits for the disk may keep every thread of the runtime busy.
    let (sender, listed) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(schedules.list()));
    let listed = listed.recv_timeout(PATIENCE);
    // Nobody writes on into a pipe that nobody reads.
    drop(pipe);
    let refused = setting.await.unwrap().unwrap_err();
    assert!(matches!(refused, Declined::State(_)), "{refused}");
    assert_eq!(listed.expect("it waits for the disk"), [long]);
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_changes_that_cannot_be_read_are_told_and_end_once_they_can() {
    let mut world = World::start(Some(r#"{"pair": 1, "pollMs": 20}"#)).await;
    let path = folder(world.folder.path()).join(TEMPORARY_FILE);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{").unwrap();
    assert_eq!(world.verdict().await.verdict, Decision::Rejected);
    let (mut times, damage) = Times::open(world, Arc::new(AtomicI64::new(NOON)), Swept::default());
    assert!(matches!(&*damage, [told] if told.contains(TEMPORARY_FILE)), "{damage:?}");
    let declined = times.set(change("pair", 8), lasting(60)).await.unwrap_err();
    assert!(matches!(declined, Declined::File(_)), "{declined}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{", "it stays as it is");

    let now = Timestamp::from_second(NOON).unwrap();
    let entry = json!({"id": 7, "kind": "temporary", "at": now, "relative": true, "set_at": now,
        "changes": change("pair", 7)});
    let aside = path.with_extension("mended");
    fs::write(&aside, json!({ "entries": [entry] }).to_string()).unwrap();
    fs::rename(aside, &path).unwrap();
    assert_eq!(times.world.verdict().await.verdict, Decision::Applied);
    let (id, fate, reason) = times.end().await;
    assert_eq!((id, fate, times.world.pair()), (7, Fate::Expired, 1), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_change_ends_also_if_whoever_set_it_did_not_wait_for_the_verdict() {
    let mut times = Times::start(r#"{"pair": 1, "pollMs": 20}"#).await;
    let changes = [change("pair", 7), change("fault", "wait")].concat();
    let (schedules, prepared) = (times.schedules.clone(), Arc::clone(&times.world.probes.prepared));
    let request = Request { changes, when: lasting(60), actor: None };
    let setting = tokio::spawn(async move { schedules.set(request).await });
    crate::support::until(|| prepared.load(Ordering::SeqCst) == 2).await;
    setting.abort();
    assert!(setting.await.unwrap_err().is_cancelled());
    times.world.probes.go_on.notify_one();
    assert_eq!(times.world.verdict().await.verdict, Decision::Applied);
    times.pass(60);
    let (_, fate, reason) = times.end().await;
    assert_eq!((fate, times.world.pair()), (Fate::Expired, 1), "{reason}");
}
