//! The start: the file, or the newest good content of the history, or safe mode.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::aside;
use crate::blueprint::{Accepted, Blueprint, Occasion, Prepare};
use crate::candidate::{Candidate, Source, Stages};
use crate::changeover::{Changeover, spawn};
use crate::engine::{Parts, StartError};
use crate::follow::Followers;
use crate::generation::{Generation, Live};
use crate::history::History;
use crate::judge::{Examined, Judge};
use crate::preparation::{Book, Preparation};
use crate::probation::Probation;
use crate::read::{Content, Look, read_at_rest};
use crate::report::{Cause, Decision, Problem};
use crate::retire::retire;
use crate::status::Shared;
use crate::tuning::Tuning;
use crate::watch::{Events, Mount, Pulse, Settle, Standing, View, Watch, listen, steps};

/// Verdicts that a slow listener may lag behind before it misses some.
const LAG_MAX: usize = 1_024;

/// Questions whether the engine answers that may wait at one time.
const QUESTIONS_MAX: usize = 8;

/// What a first generation is made from.
struct First<S> {
    candidate: Candidate<S>,
    safe_mode: bool,
    /// What was wrong with the file, when something else took its place.
    refused: Option<(Source, Vec<Problem>)>,
}

pub(crate) async fn start<S, V>(blueprint: Blueprint<S, V>) -> Result<Parts<S, V>, StartError>
where
    S: PartialEq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let Blueprint {
        file,
        state_dir,
        key_file,
        watch,
        check,
        prepare,
        tuning,
        on_trial,
        meaning,
        version,
        fallback,
    } = blueprint;
    let file = std::path::absolute(&file)?;
    let prepare: Arc<Prepare<S, V>> = Arc::from(prepare);
    let key = History::key(&key_file.unwrap_or_else(|| state_dir.join("hash-key")))?;
    let judge = Arc::new(Judge { check, meaning, key, file: file.clone() });
    let (mut history, found) = History::open(&state_dir, &version, usize::MAX)?;
    let shared = Arc::new(Shared::new(file.clone(), watch));
    shared.history_problem(found.damage);

    aside::sweep(&file);
    let (mut events, waker) = Events::new()?;
    if watch {
        // Before the first look: what is written while the first generation is prepared must be noticed too.
        events.follow(&steps(&file));
    }
    let begun = Instant::now();
    let (look, content) = read_first(Arc::clone(&judge)).await?;
    shared.looked(look.modified_seconds());
    let examined = judge_at_start(&judge, &content);
    let (fingerprint, others) = (examined.fingerprint, examined.others.clone());
    shared.read(fingerprint.shown());
    shared.others(&others);
    let first = choose(&judge, &history, found.good_contents, (content, examined), begun, &fallback);

    let number = history.last_generation() + 1;
    let (services, book) = prepare_first(&prepare, &first, number, history.scratch(), tuning).await?;
    let First { mut candidate, safe_mode, refused } = first;
    candidate.source.stages.done("prepare", Instant::now());
    let tune = tuning(&candidate.settings);
    let settings = Arc::clone(&candidate.settings);
    let services = Arc::new(services);
    let objects = on_trial(&services);
    let live = Live::new(Arc::new(Generation { number, settings, services, safe_mode }));
    shared.switched(number, safe_mode, tune);
    shared.live_content(candidate.source.fingerprint.shown());

    let (verdicts, _) = broadcast::channel(LAG_MAX);
    let (outcomes, _) = broadcast::channel(LAG_MAX);
    let (retired, old) = mpsc::unbounded_channel();
    let (trial, trial_receiver) = watch::channel(Vec::new());
    let (messages_sender, messages) = mpsc::unbounded_channel();
    let followers = Followers::default();
    let verdict_history = history.verdicts();
    let shown = candidate.source.fingerprint.shown();
    if !safe_mode {
        let content = shown.as_deref().zip(candidate.source.content.bytes());
        history.intend(number, content, &candidate.secrets)?;
    }
    let (commands, commands_receiver) = channel();
    let product = Handle::current();
    let mut changeover = Changeover {
        live: live.clone(),
        followers: followers.clone(),
        history,
        shared: Arc::clone(&shared),
        judge: Arc::clone(&judge),
        prepare: Arc::clone(&prepare),
        tuning,
        verdicts: verdicts.clone(),
        retired,
        messages,
        product: product.clone(),
        live_fingerprint: candidate.source.fingerprint,
        waiting: None,
        refreshes: Vec::new(),
        newest: fingerprint,
        probation: Probation::default(),
        on_trial,
        trial,
        failures: Vec::new(),
        outcomes: outcomes.clone(),
        again: None,
        commands: commands.clone(),
        waker: waker.clone(),
    };
    if let Some((source, problems)) = refused {
        changeover.say(source, Decision::Rejected, None, problems, Vec::new(), Vec::new());
    }
    if !safe_mode {
        if shown.is_some_and(|content| changeover.history.is_proven(&content)) {
            changeover.probation.known(&objects);
        }
        let outcome = changeover.begin_probation(None, &candidate.settings, objects, tune.probation);
        let Candidate { source, warnings, .. } = candidate;
        changeover.say(source, Decision::Applied, outcome, Vec::new(), warnings, book.reports());
    }
    let message_sender = messages_sender.downgrade();

    let mode = events.mode();
    shared.watch(|counters| (counters.mode, counters.looked_at) = (mode, Some(Instant::now())));
    let view = View { main: look, others: others.iter().map(|other| other.look.clone()).collect() };
    let settle = Settle::new(Instant::now(), Some((view, fingerprint.number())));
    let watch = Watch {
        file,
        enabled: watch,
        events,
        mount: Mount::default(),
        settle,
        standing: Standing::default(),
        others: others.into_iter().map(|other| other.path).collect(),
        commands: commands_receiver,
        judge: Arc::clone(&judge),
        messages: messages_sender,
        shared: Arc::clone(&shared),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (pins, beside, pulse) = (Arc::clone(live.pins()), Arc::clone(&shared), Pulse(Arc::clone(&shared)));
    let (questions, mut asked) = mpsc::channel::<oneshot::Sender<()>>(QUESTIONS_MAX);
    // The engine has threads of its own: a busy product does not delay a changeover, and a slow disk under the
    // settings or the history does not delay the product.
    let threads = vec![
        std::thread::Builder::new().name("settings-watch".to_owned()).spawn(move || {
            let _pulse = pulse;
            watch.run();
        })?,
        std::thread::Builder::new().name("changeover".to_owned()).spawn(move || {
            runtime.block_on(async {
                let retirer = tokio::spawn(retire(old, pins, Arc::clone(&beside)));
                let listener = tokio::spawn(listen(beside));
                let answerer = tokio::spawn(async move {
                    while let Some(reply) = asked.recv().await {
                        if reply.send(()).is_err() {
                            tracing::debug!("whoever asked whether the engine answers has gone");
                        }
                    }
                });
                changeover.run().await;
                // What is still held then is dropped by whoever holds it.
                retirer.abort();
                listener.abort();
                answerer.abort();
            });
        })?,
    ];
    Ok(Parts {
        live,
        followers,
        judge,
        shared,
        state_dir,
        history: verdict_history,
        verdicts,
        outcomes,
        trial: trial_receiver,
        messages: message_sender,
        commands,
        waker,
        questions,
        prepare,
        product,
        version,
        plans: tokio::sync::Mutex::default(),
        threads: Mutex::new(threads),
    })
}

async fn read_first<S: Send + Sync + 'static>(judge: Arc<Judge<S>>) -> Result<(Look, Content), StartError> {
    let tuning = Tuning::default();
    let read = tokio::task::spawn_blocking(move || {
        let good = |content: &Content| judge.examine_on(content, None, Occasion::Start).judged.is_ok();
        read_at_rest(&judge.file, tuning.settle, tuning.open_max, good)
    });
    read.await.map_err(|error| StartError::Watch(std::io::Error::other(error)))
}

/// Checks the content that a start finds. No file is a file that says nothing.
fn judge_at_start<S>(judge: &Judge<S>, content: &Content) -> Examined<S> {
    match content {
        Content::Missing => {
            let nothing = Content::Bytes(b"{}".to_vec());
            let Examined { judged, others, .. } = judge.examine_on(&nothing, None, Occasion::Start);
            let fingerprint = judge.fingerprint(content, &others);
            Examined { judged, others, fingerprint }
        }
        content => judge.examine_on(content, None, Occasion::Start),
    }
}

/// The file; else the newest content of the history that passes the check today; else the fallback.
fn choose<S>(
    judge: &Judge<S>,
    history: &History,
    good_contents: Vec<Vec<u8>>,
    (content, examined): (Content, Examined<S>),
    begun: Instant,
    fallback: &dyn Fn() -> S,
) -> First<S> {
    let Examined { judged, fingerprint, .. } = examined;
    let mut stages = Stages::since(begun);
    stages.done("read", Instant::now());
    let free = |accepted| unbound(judge, history, accepted);
    let judged = judged.and_then(free);
    stages.done("check", Instant::now());
    let source = Source {
        cause: Cause::Start,
        actor: None,
        fingerprint,
        content,
        stages,
        proposed: None,
        reply: None,
    };
    let problems = match judged {
        Ok(Accepted { settings, warnings, secrets }) => {
            let candidate = Candidate { settings: Arc::new(settings), warnings, secrets, source };
            return First { candidate, safe_mode: false, refused: None };
        }
        Err(problems) => problems,
    };
    for bytes in good_contents {
        let content = Content::Bytes(bytes);
        let Examined { judged, fingerprint, .. } = judge.examine_on(&content, None, Occasion::Start);
        if let Ok(Accepted { settings, warnings, secrets }) = judged.and_then(free) {
            let stages = Stages::since(begun);
            let older = Source {
                cause: Cause::Start,
                actor: None,
                fingerprint,
                content,
                stages,
                proposed: None,
                reply: None,
            };
            let candidate = Candidate { settings: Arc::new(settings), warnings, secrets, source: older };
            return First { candidate, safe_mode: false, refused: Some((source, problems)) };
        }
    }
    let none = Source::of(Cause::Start, judge.fingerprint(&Content::Missing, &[]));
    let settings = Arc::new(fallback());
    let candidate = Candidate { settings, warnings: Vec::new(), secrets: Vec::new(), source: none };
    First { candidate, safe_mode: true, refused: Some((source, problems)) }
}

/// Settings that were not taken back, or the problem that they were.
fn unbound<S>(
    judge: &Judge<S>,
    history: &History,
    accepted: Accepted<S>,
) -> Result<Accepted<S>, Vec<Problem>> {
    match history.quarantined(|| judge.meaning(&accepted.settings), &Cause::Start) {
        Some(problem) => Err(vec![problem]),
        None => Ok(accepted),
    }
}

/// Pauses between the tries of a first preparation: a port may still be held by the process that went before.
const TRIES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(300), Duration::from_millis(1_500)];

async fn prepare_first<S, V>(
    prepare: &Arc<Prepare<S, V>>,
    first: &First<S>,
    number: u64,
    scratch: std::path::PathBuf,
    tuning: fn(&S) -> Tuning,
) -> Result<(V, Book), StartError>
where
    S: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let limit = tuning(&first.candidate.settings).prepare_deadline;
    let mut problems = Vec::new();
    for pause in TRIES {
        tokio::time::sleep(pause).await;
        let book = Book::default();
        let preparation = Preparation {
            settings: Arc::clone(&first.candidate.settings),
            live: None,
            number,
            safe_mode: first.safe_mode,
            scratch: scratch.clone(),
            book: book.clone(),
        };
        let mut task = spawn(&Handle::current(), prepare, preparation);
        problems = match tokio::time::timeout(limit, &mut task).await {
            Ok(Ok(Ok(services))) => return Ok((services, book)),
            Ok(Ok(Err(problems))) => problems,
            Ok(Err(error)) => vec![Problem::new("", format!("preparing the services failed: {error}"))],
            Err(_) => {
                task.abort();
                vec![book.late(limit)]
            }
        };
    }
    Err(StartError::Refused(problems))
}
