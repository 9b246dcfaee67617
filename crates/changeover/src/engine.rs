//! The handle to a running engine.

use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::aftermath::Trial;
use crate::blueprint::{Accepted, Blueprint, Occasion, Prepare};
use crate::candidate::{Message, Use};
use crate::files::Files;
use crate::follow::{Follower, Followers};
use crate::generation::{Generation, Identity, Live};
use crate::history::{self, HistoryError, Verdicts, read_content};
use crate::judge::Judge;
use crate::proposal::{NotProposed, Proposal};
use crate::read::Content;
use crate::report::{Cause, Outcome, Problem, Verdict};
use crate::start;
use crate::status::{Shared, Status};
use crate::watch::{Command, Waker};

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state directory cannot be used.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The path of the settings file leads nowhere: it is empty, or relative to a working directory that is gone.
    #[error("where the settings file stands cannot be told: {0}")]
    Place(#[source] std::io::Error),
    /// The first read of the settings file was broken off: the product's runtime is ending, or the check has panicked.
    #[error("the first read of the settings file was broken off: {0}")]
    Read(#[source] tokio::task::JoinError),
    /// The operating system gives no thread for the watch, or no event descriptor.
    #[error("the settings watch cannot be started: {0}")]
    Watch(#[source] std::io::Error),
    /// The operating system gives no thread for the changeovers, or nothing to wait with.
    #[error("the thread of the changeovers cannot be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The world does not allow the first generation: a port is taken, a folder cannot be made.
    #[error("the settings cannot be put into effect: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Problem>),
}

/// The engine has stopped and gives no verdicts any more.
#[derive(Debug, thiserror::Error)]
#[error("the engine has stopped")]
pub struct Stopped;

/// The handle to a running engine. Cheap to clone. The engine runs until [`Engine::shutdown`], or until the last handle is
/// dropped: keep one. A [`Live`] or a [`Follower`] does not keep it running.
pub struct Engine<S, V> {
    pub(crate) parts: Arc<Parts<S, V>>,
}

impl<S, V> Clone for Engine<S, V> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

/// What the handle needs of the running engine.
pub(crate) struct Parts<S, V> {
    pub(crate) live: Live<S, V>,
    pub(crate) followers: Followers<S, V>,
    pub(crate) judge: Arc<Judge<S>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) state_dir: PathBuf,
    pub(crate) history: Arc<Verdicts>,
    pub(crate) verdicts: broadcast::Sender<Arc<Verdict>>,
    pub(crate) outcomes: broadcast::Sender<Arc<Verdict>>,
    pub(crate) trial: watch::Receiver<Trial<S, V>>,
    /// The loop ends when the watch, which holds the other end, has.
    pub(crate) messages: mpsc::WeakUnboundedSender<Message<S>>,
    pub(crate) commands: Sender<Command>,
    pub(crate) waker: Waker,
    pub(crate) questions: mpsc::Sender<oneshot::Sender<()>>,
    pub(crate) prepare: Arc<Prepare<S, V>>,
    pub(crate) product: Handle,
    /// Of the product.
    pub(crate) version: String,
    /// Held while a plan is made.
    pub(crate) plans: tokio::sync::Mutex<()>,
    /// Of the loop, which ends when the watch has.
    pub(crate) thread: Mutex<Option<JoinHandle<()>>>,
}

impl<S, V> Drop for Parts<S, V> {
    /// The last handle ends the threads; nobody waits for them here.
    fn drop(&mut self) {
        drop(self.commands.send(Command::Stop));
        self.waker.wake();
    }
}

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Engine<S, V> {
    /// Reads, checks and prepares the first generation on the current tokio runtime, and starts to watch.
    ///
    /// A content that the check refuses does not keep the engine from starting: the newest content of the history
    /// that still passes takes its place, or else the fallback, in safe mode. The verdict says so.
    ///
    /// # Errors
    /// [`StartError`]: the state directory cannot be used, the world does not allow the first generation, or the operating
    /// system not what an engine runs on. Then no verdict has said that anything is live.
    pub async fn start(blueprint: Blueprint<S, V>) -> Result<Self, StartError> {
        let parts = start::start(blueprint).await?;
        Ok(Self { parts: Arc::new(parts) })
    }

    /// The pointer to the live generation.
    pub fn live(&self) -> &Live<S, V> {
        &self.parts.live
    }

    /// Where everything stands now.
    pub fn status(&self) -> Status {
        self.parts.shared.status()
    }

    /// Every verdict from now on. A receiver that falls 1,024 behind is told so by `RecvError::Lagged`, and goes on with what
    /// came after; [`Engine::history`] has the rest.
    pub fn verdicts(&self) -> broadcast::Receiver<Arc<Verdict>> {
        self.parts.verdicts.subscribe()
    }

    /// From now on, every verdict whose outcome has become known while it was at hand ([`Engine::history`]). One that had its
    /// outcome from the beginning, because nothing of it was on trial, is not told again.
    pub fn outcomes(&self) -> broadcast::Receiver<Arc<Verdict>> {
        self.parts.outcomes.subscribe()
    }

    /// The generation that would take over if this object, which is live and on trial, failed. Who sees it fail asks
    /// the older object the same, now: only if that one succeeds is it evidence for [`Engine::failed`]. So an outage
    /// elsewhere takes nobody's save back. An answer that was asked for in time may come up to a minute late.
    pub fn fallback(&self, object: Identity) -> Option<Arc<Generation<S, V>>> {
        let trial = self.parts.trial.borrow();
        let older =
            trial.iter().find(|(on_trial, _)| *on_trial == object).map(|(_, older)| Arc::clone(older));
        drop(trial);
        if older.is_some() {
            self.used(object, Use::Asked);
        }
        older
    }

    /// Says that an object which is on trial was used, and worked.
    pub fn worked(&self, object: Identity) {
        self.used(object, Use::Worked);
    }

    /// Says that an object failed where [`Engine::fallback`] works; what it came with is taken back. `reason` is shown to
    /// people: no secret may stand in it.
    pub fn failed(&self, object: Identity, reason: impl Into<String>) {
        self.used(object, Use::Failed(reason.into()));
    }

    fn used(&self, object: Identity, used: Use) {
        if let Some(messages) = self.parts.messages.upgrade() {
            // A loop that has ended has no trials.
            drop(messages.send(Message::Used(object, used)));
        }
    }

    /// The newest verdicts, newest first, those of earlier processes on this state directory included;
    /// [`crate::RECENT_MAX`] at most.
    pub fn history(&self, limit: usize) -> Vec<Arc<Verdict>> {
        self.parts.history.recent(limit)
    }

    /// The newest of the verdicts whose ids are below `before`, newest first. Older ones come out of the journal: blocking.
    ///
    /// # Errors
    /// What the file system says.
    pub fn history_before(&self, before: u64, limit: usize) -> Result<Vec<Arc<Verdict>>, HistoryError> {
        self.parts.history.before(before, limit)
    }

    /// What became of a commit, by the id of its verdict; `None` where that is not known (yet), or forgotten.
    pub fn outcome_of(&self, verdict: u64) -> Option<Outcome> {
        self.parts.history.outcome_of(verdict)
    }

    /// The content that a verdict was about, with its secrets; `None` where there is no such verdict, or its content was
    /// never live or is kept no longer. Reads the journal: blocking.
    ///
    /// # Errors
    /// What the file system says.
    pub fn content_of(&self, verdict: u64) -> Result<Option<Vec<u8>>, HistoryError> {
        read_content(&self.parts.state_dir, verdict)
    }

    /// Reads the file again, whether or not it changed, and waits for the verdict.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn reload(&self) -> Result<Arc<Verdict>, Stopped> {
        self.read(Cause::Reload, None).await
    }

    /// The same, for somebody whose name the verdict has.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn reload_for(&self, actor: impl Into<String>) -> Result<Arc<Verdict>, Stopped> {
        self.read(Cause::Reload, Some(actor.into())).await
    }

    /// The same as [`Engine::reload`], and gives a content that was taken back one more try.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn try_again(&self) -> Result<Arc<Verdict>, Stopped> {
        self.read(Cause::Try, None).await
    }

    /// The same, for somebody whose name the verdict has.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn try_again_for(&self, actor: impl Into<String>) -> Result<Arc<Verdict>, Stopped> {
        self.read(Cause::Try, Some(actor.into())).await
    }

    /// Has a content checked, prepared, put in the file's place and made live, all of that or nothing, and waits for the
    /// verdict. Nothing is written before everything else that can fail is done; a save of somebody else that comes
    /// meanwhile wins. A content that the world refuses is not tried again: whoever asked knows.
    ///
    /// # Errors
    /// [`NotProposed`]: there is no verdict, since nothing was tried.
    pub async fn propose(&self, proposal: Proposal) -> Result<Arc<Verdict>, NotProposed> {
        let (reply, taken) = oneshot::channel();
        self.parts.commands.send(Command::Propose(proposal, reply)).map_err(|_| Stopped)?;
        self.parts.waker.wake();
        let verdict = taken.await.map_err(|_| Stopped)??;
        Ok(verdict.await.map_err(|_| Stopped)?)
    }

    /// Prepares the live settings once more, because something else that services are built from has changed (an
    /// index was built, a template was edited), and waits for the verdict: `unchanged` if every service is the same.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn refresh(&self) -> Result<Arc<Verdict>, Stopped> {
        let (reply, verdict) = oneshot::channel();
        let messages = self.parts.messages.upgrade().ok_or(Stopped)?;
        messages.send(Message::Refresh(reply)).map_err(|_| Stopped)?;
        drop(messages);
        verdict.await.map_err(|_| Stopped)
    }

    /// Waits for an answer of the loop that owns the switch. It comes at once, also while a preparation or a follower
    /// takes its time; it does not come while the disk under the history hangs. For watchdogs: give it a deadline.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn answers(&self) -> Result<(), Stopped> {
        let (reply, answer) = oneshot::channel();
        self.parts.questions.send(reply).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    async fn read(&self, cause: Cause, actor: Option<String>) -> Result<Arc<Verdict>, Stopped> {
        let (reply, verdict) = oneshot::channel();
        self.parts.commands.send(Command::Read(cause, actor, reply)).map_err(|_| Stopped)?;
        self.parts.waker.wake();
        verdict.await.map_err(|_| Stopped)
    }

    /// Checks a content without doing anything. Other files are read as they stand.
    ///
    /// # Errors
    /// Everything that is wrong with the content.
    pub fn check(&self, content: &[u8], occasion: Occasion) -> Result<Accepted<S>, Vec<Problem>> {
        self.parts.judge.check(&Files::around(content), occasion)
    }

    /// That settings, or what failed in them with other settings beside it, were live and were taken back; `None` where that
    /// is not so. Reads a file: blocking.
    ///
    /// # Errors
    /// What the file system says.
    pub fn taken_back(&self, settings: &S) -> Result<Option<Problem>, HistoryError> {
        let Parts { judge, state_dir, version, .. } = &*self.parts;
        Ok(history::taken_back(state_dir, version, &judge.meaning(settings), &Cause::Save)?.known)
    }

    /// The keyed hash of a content of the settings file, with the other files as they stand: what [`crate::Status::content`]
    /// is of the content that stands there.
    pub fn content_hash(&self, content: &[u8]) -> Option<String> {
        let content = Content::Bytes(content.to_vec());
        self.parts.judge.examine(&content, None, None).fingerprint.shown()
    }

    /// Registers the owner of something that a process has only once (a listener, a folder watch, the log filter).
    /// From now on `applied` is said only after this follower has followed, or is told to be late. It is woken when
    /// what `inputs` takes out of a generation is not what it followed before; a pure function, and a quick one: the
    /// engine's loop calls it after each switch.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn follower<I: PartialEq + Send + 'static>(
        &self,
        name: &'static str,
        inputs: impl Fn(&Generation<S, V>) -> I + Send + Sync + 'static,
    ) -> Result<Follower<S, V>, Stopped> {
        self.parts.followers.join(name, self.parts.live.clone(), inputs).ok_or(Stopped)
    }

    /// Stops the watch and the changeovers, and waits until they have ended. The live generation stays.
    pub async fn shutdown(&self) {
        drop(self.parts.commands.send(Command::Stop));
        self.parts.waker.wake();
        self.parts.followers.close();
        let thread = self.parts.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let joined = tokio::task::spawn_blocking(move || thread.map_or(Ok(()), JoinHandle::join));
        match joined.await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("the thread of the changeovers has panicked"),
            Err(error) => tracing::error!(%error, "waiting for the engine's thread failed"),
        }
        // A plan in the making lets go of everything. None begins any more, now that the loop has ended.
        drop(self.parts.plans.lock().await);
    }
}
