//! The wiring of an engine that has a first generation: channels, the loop, the watch, and the threads that they run on.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::runtime::{Handle, Runtime};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::aftermath::Trial;
use crate::candidate::{Candidate, Message, Said, Source};
use crate::changeover::Changeover;
use crate::engine::{Parts, StartError};
use crate::follow::Followers;
use crate::generation::{Live, WentLive};
use crate::probation::Probation;
use crate::relay::{self, Relay, Turn};
use crate::report::{Cause, Problem, ServiceReport};
use crate::retire::{Retired, retire};
use crate::start::{Built, Found, Ground};
use crate::watch::{self, Command, Events, Mounts, Place, Pulse, Settle, Standing, View, Watch, listen};

/// Verdicts that a slow listener may lag behind before it misses some.
const LAG_MAX: usize = 1_024;

/// Questions whether the engine answers that may wait at one time.
const QUESTIONS_MAX: usize = 8;

/// Ends of the loop's channels that others hold.
struct Ends<S, V> {
    retired: mpsc::UnboundedReceiver<Retired<S, V>>,
    trial: tokio::sync::watch::Receiver<Trial<S, V>>,
    messages: mpsc::UnboundedSender<Message<S>>,
    commands: Receiver<Command>,
    /// The loop itself, when all is ready for it.
    handed_over: Receiver<Changeover<S, V>>,
}

/// Puts the first generation in its place, and says its verdict as soon as there are threads to go on with.
pub(crate) fn go_live<S, V>(
    ground: Ground<S, V>,
    found: Found,
    built: Built<S, V>,
) -> Result<Parts<S, V>, StartError>
where
    S: PartialEq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let Ground { judge, prepare, on_trial, history, shared, waker, .. } = ground;
    let Built { generation, candidate, refused, services } = built;
    let live_fingerprint = candidate.source.fingerprint;
    shared.switched(generation.number, generation.safe_mode, (judge.tuning)(&generation.settings));
    shared.live_content(live_fingerprint);
    let (live, went_live) = Live::new(Arc::new(generation));
    let (retired, old) = mpsc::unbounded_channel();
    let (trial, trial_receiver) = tokio::sync::watch::channel(Vec::new());
    let (messages_sender, messages) = mpsc::unbounded_channel();
    let (commands, commands_receiver) = channel();
    let mut changeover = Changeover {
        live,
        followers: Followers::default(),
        history,
        shared,
        judge,
        prepare,
        verdicts: broadcast::Sender::new(LAG_MAX),
        retired,
        messages,
        product: Handle::current(),
        turn: Arc::default(),
        live_fingerprint,
        waiting: None,
        refreshes: Vec::new(),
        newest: found.fingerprint,
        probation: Probation::default(),
        on_trial,
        trial,
        failures: Vec::new(),
        outcomes: broadcast::Sender::new(LAG_MAX),
        again: None,
        commands,
        waker,
    };
    let (hand_over, handed_over) = channel();
    let ends = Ends {
        retired: old,
        trial: trial_receiver,
        messages: messages_sender,
        commands: commands_receiver,
        handed_over,
    };
    let at = (ground.file, ground.enabled, ground.events);
    let parts = set_going(&changeover, at, found, (ground.state_dir, ground.version), ends)?;
    first_verdicts(&mut changeover, went_live, candidate, refused, services);
    let ended = |_| StartError::Thread(std::io::Error::other("it has ended"));
    hand_over.send(changeover).map_err(ended)?;
    Ok(parts)
}

/// Starts the threads: that of the watch, and that of the loop, which waits until the loop is handed over.
fn set_going<S, V>(
    changeover: &Changeover<S, V>,
    at: (PathBuf, bool, Events),
    found: Found,
    (state_dir, version): (PathBuf, String),
    ends: Ends<S, V>,
) -> Result<Parts<S, V>, StartError>
where
    S: PartialEq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
    let parts = Parts {
        live: changeover.live.clone(),
        followers: changeover.followers.clone(),
        judge: Arc::clone(&changeover.judge),
        shared: Arc::clone(&changeover.shared),
        state_dir,
        history: changeover.history.verdicts(),
        verdicts: changeover.verdicts.clone(),
        outcomes: changeover.outcomes.clone(),
        trial: ends.trial,
        messages: ends.messages.downgrade(),
        commands: changeover.commands.clone(),
        waker: changeover.waker.clone(),
        questions,
        prepare: Arc::clone(&changeover.prepare),
        product: changeover.product.clone(),
        version,
        plans: tokio::sync::Mutex::default(),
        thread: Mutex::default(),
    };
    // The engine has threads of its own: a busy product does not delay a changeover, and a slow disk under the settings or the
    // history does not delay the product.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(StartError::Thread)?;
    let turn = Arc::clone(&changeover.turn);
    let relay = Relay::new(turn, ends.messages, runtime.handle().clone(), changeover.product.clone());
    let watch = watching(at, found, changeover, ends.commands, relay);
    let place = Arc::clone(&watch.place);
    let thread =
        looping(runtime, ends.handed_over, place, ends.retired, asked).map_err(StartError::Thread)?;
    *parts.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    watch::spawn(move || Box::new(watch).run()).map_err(StartError::Watch)?;
    Ok(parts)
}

/// What was wrong with the file, where something else took its place; and what went live.
fn first_verdicts<S, V>(
    changeover: &mut Changeover<S, V>,
    went_live: WentLive,
    candidate: Candidate<S>,
    refused: Option<(Source, Vec<Problem>)>,
    services: Vec<ServiceReport>,
) where
    S: PartialEq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    if let Some((source, problems)) = refused {
        changeover.say(source, Said::Rejected(problems), Vec::new());
    }
    let live = changeover.live.load();
    if live.safe_mode {
        return;
    }
    let objects = changeover.on_trial(&live.services);
    let shown = candidate.source.fingerprint.shown();
    let meaning = || changeover.judge.meaning(&candidate.settings);
    // What was taken back has to show anew that it works, whatever it did before.
    let is_bound = changeover.history.quarantined(meaning, &Cause::Start).is_some();
    if !is_bound && shown.is_some_and(|content| changeover.history.is_proven(&content)) {
        changeover.probation.known(&objects);
    }
    let time = changeover.shared.tuning().probation;
    let outcome = changeover.begin_probation(None, &candidate.settings, objects, time);
    let Candidate { source, warnings, .. } = candidate;
    changeover.say(source, Said::Applied(went_live, outcome, services), warnings);
}

fn watching<S, V>(
    (file, enabled, events): (PathBuf, bool, Events),
    Found { look, fingerprint, others }: Found,
    changeover: &Changeover<S, V>,
    commands: Receiver<Command>,
    relay: Relay<S>,
) -> Watch<S> {
    let (shared, mode) = (Arc::clone(&changeover.shared), events.mode());
    shared.watch(|counters| (counters.mode, counters.looked_at) = (mode, Some(Instant::now())));
    let view = View { main: look, others: others.iter().map(|other| other.look.clone()).collect() };
    Watch {
        file,
        enabled,
        events,
        mounts: Mounts::default(),
        settle: Settle::new(Instant::now(), Some((view, fingerprint.number()))),
        standing: Standing::default(),
        others: others.into_iter().map(|other| other.path).collect(),
        beside: Vec::new(),
        stirred: true,
        spared: false,
        found_good: false,
        late: Vec::new(),
        glanced: None,
        commands,
        judge: Arc::clone(&changeover.judge),
        relay,
        place: Arc::default(),
        _pulse: Pulse(Arc::clone(&shared)),
        shared,
    }
}

/// The thread of the loop, and of what is done beside it. It begins when the loop is handed over, and ends if that is never done.
fn looping<S, V>(
    runtime: Runtime,
    handed_over: Receiver<Changeover<S, V>>,
    place: Arc<Place<S>>,
    old: mpsc::UnboundedReceiver<Retired<S, V>>,
    asked: mpsc::Receiver<oneshot::Sender<()>>,
) -> std::io::Result<JoinHandle<()>>
where
    S: PartialEq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    std::thread::Builder::new().name("changeover".to_owned()).spawn(move || {
        let Ok(changeover) = handed_over.recv() else { return };
        let (pins, shared) = (Arc::clone(changeover.live.pins()), Arc::clone(&changeover.shared));
        runtime.block_on(async {
            let turn = Arc::clone(&changeover.turn);
            let retiring = retire(old, pins, Arc::clone(&shared), changeover.product.clone());
            let retiring = tokio::spawn(retiring);
            let beside = [
                tokio::spawn(listen(Arc::clone(&shared), place)),
                tokio::spawn(answer(asked, Arc::clone(&turn))),
            ];
            relay::stand_by(Arc::clone(&turn), relay::task(&turn, changeover.run())).await;
            beside.iter().for_each(tokio::task::JoinHandle::abort);
            if tokio::time::timeout(shared.tuning().prepare_deadline, retiring).await.is_err() {
                tracing::error!("the engine ends, and an old generation is still being dropped");
            }
        });
    })
}

/// Answers whoever asks whether the engine does.
async fn answer(mut asked: mpsc::Receiver<oneshot::Sender<()>>, turn: Arc<Turn>) {
    while let Some(reply) = asked.recv().await {
        turn.rests().await;
        if reply.send(()).is_err() {
            tracing::debug!("whoever asked whether the engine answers has gone");
        }
    }
}
