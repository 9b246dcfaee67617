//! The start: the file, or the newest good content of the history, or safe mode.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::aside;
use crate::blueprint::{Accepted, Blueprint, Occasion, Prepare};
use crate::candidate::{Candidate, Source, Stages};
use crate::engine::{Parts, StartError};
use crate::files::Other;
use crate::generation::Generation;
use crate::history::History;
use crate::judge::{Examined, Fingerprint, Judge};
use crate::making::{Prepared, begin, within};
use crate::preparation::{Book, Preparation};
use crate::probation::OnTrial;
use crate::read::{Content, Look, read_at_rest};
use crate::report::{Cause, Problem, ServiceReport};
use crate::status::Shared;
use crate::tuning::Tuning;
use crate::watch::{Events, Waker, steps};
use crate::wiring::go_live;

/// What a first generation is made from.
struct First<S> {
    candidate: Candidate<S>,
    safe_mode: bool,
    /// What was wrong with the file, when something else took its place.
    refused: Option<(Source, Vec<Problem>)>,
}

impl<S> First<S> {
    fn of(
        Accepted { settings, warnings, secrets }: Accepted<Arc<S>>,
        source: Source,
        refused: Option<(Source, Vec<Problem>)>,
    ) -> Self {
        let candidate = Candidate { settings, warnings, secrets, source };
        Self { candidate, safe_mode: false, refused }
    }
}

/// What an engine stands on before it has read anything.
pub(crate) struct Ground<S, V> {
    pub(crate) file: PathBuf,
    pub(crate) state_dir: PathBuf,
    pub(crate) enabled: bool,
    pub(crate) judge: Arc<Judge<S>>,
    pub(crate) prepare: Arc<Prepare<S, V>>,
    pub(crate) on_trial: fn(&V) -> OnTrial,
    pub(crate) version: String,
    pub(crate) fallback: Box<dyn Fn() -> S + Send + Sync>,
    pub(crate) history: History,
    pub(crate) good_contents: Vec<Vec<u8>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: Events,
    pub(crate) waker: Waker,
}

/// What the first look at the file found.
pub(crate) struct Found {
    pub(crate) look: Look,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) others: Vec<Other>,
}

/// A first generation that is built, and not told yet.
pub(crate) struct Built<S, V> {
    pub(crate) generation: Generation<S, V>,
    pub(crate) candidate: Candidate<S>,
    pub(crate) refused: Option<(Source, Vec<Problem>)>,
    pub(crate) services: Vec<ServiceReport>,
}

pub(crate) async fn start<S, V>(blueprint: Blueprint<S, V>) -> Result<Parts<S, V>, StartError>
where
    S: PartialEq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let mut ground = ground(blueprint)?;
    let (found, first) = look(&mut ground).await?;
    let mut built = build(&mut ground, first).await?;
    let Generation { number, safe_mode, .. } = built.generation;
    let Candidate { source, secrets, .. } = &mut built.candidate;
    source.stages.done("prepare", Instant::now());
    if !safe_mode {
        let shown = source.fingerprint.shown();
        ground.history.intend(number, shown.as_deref().zip(source.content.bytes()), secrets)?;
    }
    go_live(ground, found, built)
}

/// The journal, the judge, and the events: before the first look, so that what is written while the first generation is
/// prepared is noticed too.
fn ground<S, V>(blueprint: Blueprint<S, V>) -> Result<Ground<S, V>, StartError> {
    let Blueprint { file, state_dir, key_file, watch: enabled, check, prepare, .. } = blueprint;
    let Blueprint { tuning, on_trial, meaning, version, fallback, .. } = blueprint;
    let file = std::path::absolute(&file).map_err(StartError::Place)?;
    let key = History::key(&key_file.unwrap_or_else(|| state_dir.join("hash-key")))?;
    let judge = Arc::new(Judge { check, tuning, meaning, key, file: file.clone() });
    let (history, found) = History::open(&state_dir, &version, usize::MAX)?;
    let shared = Arc::new(Shared::new(file.clone(), enabled));
    shared.history_damage(found.damage);
    aside::sweep(&file);
    let (mut events, waker) = Events::new().map_err(StartError::Watch)?;
    if enabled {
        events.follow(&steps(&file), false);
    }
    Ok(Ground {
        file,
        state_dir,
        enabled,
        judge,
        prepare: Arc::from(prepare),
        on_trial,
        version,
        fallback,
        history,
        good_contents: found.good_contents,
        shared,
        events,
        waker,
    })
}

/// Reads the file, and chooses what the first generation is made from.
async fn look<S: Send + Sync + 'static, V>(
    ground: &mut Ground<S, V>,
) -> Result<(Found, First<S>), StartError> {
    let begun = Instant::now();
    let (look, content) = read_first(Arc::clone(&ground.judge)).await?;
    ground.shared.looked(look.modified_seconds());
    let examined = ground.judge.examine_or_nothing(&content, None, Occasion::Start);
    let (fingerprint, others) = (examined.fingerprint, examined.others.clone());
    ground.shared.read(fingerprint.shown());
    ground.shared.others(&others);
    let good_contents = std::mem::take(&mut ground.good_contents);
    let found = (content, examined);
    let first = choose(&ground.judge, &ground.history, good_contents, found, begun, &ground.fallback);
    Ok((Found { look, fingerprint, others }, first))
}

async fn build<S, V>(ground: &mut Ground<S, V>, first: First<S>) -> Result<Built<S, V>, StartError>
where
    S: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let number = ground.history.last_generation() + 1;
    let (services, book) = prepare_first(ground, &first, number).await?;
    let First { candidate, safe_mode, refused } = first;
    let (settings, services) = (Arc::clone(&candidate.settings), Arc::new(services));
    let generation = Generation { number, settings, services, safe_mode };
    Ok(Built { generation, candidate, refused, services: book.reports() })
}

async fn read_first<S: Send + Sync + 'static>(judge: Arc<Judge<S>>) -> Result<(Look, Content), StartError> {
    let tuning = Tuning::default();
    let read = tokio::task::spawn_blocking(move || {
        let good = |content: &Content| judge.examine_on(content, None, Occasion::Start).judged.is_ok();
        read_at_rest(&judge.file, tuning.settle, tuning.open_max, good)
    });
    read.await.map_err(StartError::Read)
}

/// The file; else the newest content of the history that passes the check today and was not taken back; else the newest of them
/// all that passes it; else the fallback. The key that was taken back may stand in a file beside this one: then every content has
/// it, and one that fails in a service does better than none.
fn choose<S>(
    judge: &Judge<S>,
    history: &History,
    good_contents: Vec<Vec<u8>>,
    (content, Examined { judged, fingerprint, .. }): (Content, Examined<S>),
    begun: Instant,
    fallback: &dyn Fn() -> S,
) -> First<S> {
    let mut stages = Stages::since(begun);
    stages.done("read", Instant::now());
    let taken_back = |accepted: &Accepted<Arc<S>>| {
        history.quarantined(|| judge.meaning(&accepted.settings), &Cause::Start)
    };
    let judged = judged.map(|accepted| (taken_back(&accepted), accepted));
    stages.done("check", Instant::now());
    let source = Source { content, stages, ..Source::of(Cause::Start, fingerprint) };
    let (bound, problems) = match judged {
        Ok((None, accepted)) => return First::of(accepted, source, None),
        Ok((Some(problem), accepted)) => (Some((accepted, problem.clone())), vec![problem]),
        Err(problems) => (None, problems),
    };
    let mut older_bound = None;
    for bytes in good_contents {
        let content = Content::Bytes(bytes);
        let Examined { judged, fingerprint, .. } = judge.examine_on(&content, None, Occasion::Start);
        let Ok(accepted) = judged else { continue };
        let older = Source { content, stages: Stages::since(begun), ..Source::of(Cause::Start, fingerprint) };
        match taken_back(&accepted) {
            None => return First::of(accepted, older, Some((source, problems))),
            Some(problem) => _ = older_bound.get_or_insert((accepted, older, problem)),
        }
    }
    if let Some((accepted, problem)) = bound {
        return First::of(all_the_same(accepted, problem), source, None);
    }
    if let Some((accepted, older, problem)) = older_bound {
        return First::of(all_the_same(accepted, problem), older, Some((source, problems)));
    }
    let none = Source::of(Cause::Start, judge.fingerprint(&Content::Missing, &[]));
    let accepted = Accepted { settings: Arc::new(fallback()), warnings: Vec::new(), secrets: Vec::new() };
    First { safe_mode: true, ..First::of(accepted, none, Some((source, problems))) }
}

/// Settings that were taken back, and go live since every other content is refused or was taken back too. Said where people look:
/// in the verdict, and in the log.
fn all_the_same<S>(accepted: Accepted<Arc<S>>, bound: Problem) -> Accepted<Arc<S>> {
    let message = format!("{}; they run all the same, since nothing else is left to run", bound.message);
    let warning =
        Problem::new("", message).hint("mend what failed, in the file or in one beside it, and save");
    tracing::error!("{warning}");
    let mut warnings = accepted.warnings;
    warnings.push(warning);
    Accepted { warnings, ..accepted }
}

/// Pauses between the tries of a first preparation: a port may still be held by the process that went before.
const TRIES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(300), Duration::from_millis(1_500)];

/// Each try is a candidate of its own: it has a folder of its own, and has let go of everything when the next one begins.
async fn prepare_first<S, V>(
    ground: &mut Ground<S, V>,
    first: &First<S>,
    number: u64,
) -> Result<(V, Book), StartError>
where
    S: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let product = Handle::current();
    let limit = (ground.judge.tuning)(&first.candidate.settings).prepare_deadline;
    let mut problems = Vec::new();
    for pause in TRIES {
        tokio::time::sleep(pause).await;
        let (book, scratch) = (Book::default(), ground.history.scratch());
        let preparation = Preparation {
            settings: Arc::clone(&first.candidate.settings),
            live: None,
            number,
            safe_mode: first.safe_mode,
            scratch: scratch.clone(),
            book: book.clone(),
        };
        let (step, making) = begin(&product, &ground.prepare, preparation);
        step.schedule();
        problems = match within(limit, &product, making, &book).await {
            Prepared::Services(services) => return Ok((services, book)),
            Prepared::Refused(problems) | Prepared::Broken(problems) => problems,
        };
        if let Err(error) = ground.history.sweep(&scratch) {
            tracing::error!(%error, "a refused candidate left something behind; the next start sweeps it");
        }
    }
    Err(StartError::Refused(problems))
}
