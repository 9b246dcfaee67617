//! What a content would do, without doing it: the same check, the same preparation and the same comparisons as on the way of a
//! save; then everything is let go.
//!
//! A plan stands beside the loop and not in it. So it supersedes nothing and no save waits for it; and the answer is about
//! the generation that was live when it began. One is made at a time.

use std::sync::Arc;

use crate::blueprint::Accepted;
use crate::changeover::says_the_same;
use crate::check;
use crate::engine::{Engine, Parts, Stopped};
use crate::generation::Generation;
use crate::history::{self, TakenBack};
use crate::judge::{Examined, Judged};
use crate::making::{Prepared, begin, refuse, within};
use crate::preparation::{Book, Preparation};
use crate::read::Content;
use crate::report::{Cause, Decision, Problem, ServiceReport};

/// What a content would do: [`Engine::plan`].
#[derive(Clone, Debug)]
pub struct Plan<S, T> {
    /// What the verdict would be: `applied`, `unchanged` or `rejected`.
    pub verdict: Decision,
    /// The live generation that it was compared with.
    pub generation: u64,
    /// The settings of that one.
    pub against: Arc<S>,
    /// Everything that it would be refused for.
    pub problems: Vec<Problem>,
    /// Whether it is the world that would refuse it: another try may succeed.
    pub by_the_world: bool,
    /// What is doubtful about it.
    pub warnings: Vec<Problem>,
    /// What would be done with each service, and why, in the words of a verdict. Empty unless it would be applied.
    pub services: Vec<ServiceReport>,
    /// The followers that it would concern.
    pub followers: Vec<&'static str>,
    /// That what it means was live and was taken back, if it was; also where one more try is allowed.
    pub taken_back: Option<Problem>,
    /// What it means; `None` where the check refuses it.
    pub settings: Option<Arc<S>>,
    /// What the caller saw in the two generations; `None` where there would be no other one.
    pub seen: Option<T>,
}

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Engine<S, V> {
    /// Says what a content of the settings file would do if it were read for this cause, with the other files as they
    /// stand. Nothing is written and nothing goes live. `look` is shown the live generation and the one that would take
    /// its place, which is dropped after that.
    ///
    /// The product's prepare function is really called, and may then run beside that of a save.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn plan<T: Send + 'static>(
        &self,
        content: Content,
        cause: Cause,
        look: impl FnOnce(&Generation<S, V>, &Generation<S, V>) -> T + Send + 'static,
    ) -> Result<Plan<S, T>, Stopped> {
        let parts = Arc::clone(&self.parts);
        // A task of its own: whoever asked may go, and what was begun is let go of all the same. `shutdown` waits for it.
        let made = self.parts.product.spawn(async move {
            let _alone = parts.plans.lock().await;
            parts.plan(content, cause, look).await
        });
        match made.await {
            Ok(plan) => plan,
            Err(error) => match error.try_into_panic() {
                // Only the caller's own code can panic there.
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Stopped),
            },
        }
    }
}

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Parts<S, V> {
    async fn plan<T>(
        &self,
        content: Content,
        cause: Cause,
        look: impl FnOnce(&Generation<S, V>, &Generation<S, V>) -> T,
    ) -> Result<Plan<S, T>, Stopped> {
        // The loop ends when nobody can send it anything any more.
        self.messages.upgrade().ok_or(Stopped)?;
        let live = self.live.load();
        let mut plan = Plan {
            verdict: Decision::Rejected,
            generation: live.number,
            against: Arc::clone(&live.settings),
            problems: Vec::new(),
            by_the_world: false,
            warnings: Vec::new(),
            services: Vec::new(),
            followers: Vec::new(),
            taken_back: None,
            settings: None,
            seen: None,
        };
        let judged = self.judged(&content, &cause, &mut plan).await?;
        let settings = match judged {
            Ok(Accepted { settings, warnings, .. }) => {
                plan.warnings.extend(warnings);
                settings
            }
            Err(problems) => return Ok(Plan { problems, ..plan }),
        };
        plan.settings = Some(Arc::clone(&settings));
        if !plan.problems.is_empty() {
            return Ok(plan);
        }
        if says_the_same(&live, &settings) {
            return Ok(Plan { verdict: Decision::Unchanged, ..plan });
        }
        self.foresee(&live, settings, look, &mut plan).await;
        plan.problems = check::placed(plan.problems, content.bytes().unwrap_or_default());
        Ok(plan)
    }

    /// What the check says. Whether the settings were taken back, and are therefore bound, is put into the plan.
    async fn judged<T>(
        &self,
        content: &Content,
        cause: &Cause,
        plan: &mut Plan<S, T>,
    ) -> Result<Judged<S>, Stopped> {
        let (judge, content) = (Arc::clone(&self.judge), content.clone());
        let (state_dir, version, cause) = (self.state_dir.clone(), self.version.clone(), cause.clone());
        let (live, live_content) = (self.live.load(), self.shared.live());
        let looked = tokio::task::spawn_blocking(move || {
            let Examined { judged, .. } = judge.examine(&content, None, live_content);
            let meaning = judged.as_ref().ok().map(|accepted| judge.meaning(&accepted.settings));
            let told = meaning.map(|meaning| {
                let is_new = |_: &Problem| !judge.runs(&live, &meaning);
                let told = history::taken_back(&state_dir, &version, &meaning, &cause);
                told.map(|TakenBack { known, bound }| TakenBack { known, bound: bound.filter(is_new) })
            });
            (judged, told.transpose())
        });
        let (judged, told) = looked.await.map_err(|_| Stopped)?;
        match told {
            Ok(Some(TakenBack { known, bound })) => {
                plan.taken_back = known;
                plan.problems.extend(bound);
            }
            Ok(None) => {}
            Err(error) => {
                let message = format!("whether these settings were taken back cannot be told: {error}");
                plan.warnings.push(Problem::new("", message));
            }
        }
        Ok(judged)
    }

    /// Prepares and compares, and lets go.
    async fn foresee<T>(
        &self,
        live: &Arc<Generation<S, V>>,
        settings: Arc<S>,
        look: impl FnOnce(&Generation<S, V>, &Generation<S, V>) -> T,
        plan: &mut Plan<S, T>,
    ) {
        let (book, number) = (Book::default(), live.number + 1);
        let preparation = Preparation {
            settings: Arc::clone(&settings),
            live: Some(Arc::clone(live)),
            number,
            safe_mode: false,
            scratch: history::plan_folder(&self.state_dir),
            book: book.clone(),
        };
        let (first, making) = begin(&self.product, &self.prepare, preparation);
        first.schedule();
        let limit = self.shared.tuning().prepare_deadline;
        let prepared = within(limit, &self.product, making, &book).await;
        let mut next = None;
        match prepared {
            Prepared::Services(services) => {
                let services = Arc::new(services);
                let generation = Generation { number, settings, services, safe_mode: false };
                plan.verdict = Decision::Applied;
                plan.services = book.reports();
                plan.followers = self.followers.concerned(&generation);
                plan.seen = Some(look(live, &generation));
                next = Some(generation);
            }
            Prepared::Refused(problems) => (plan.problems, plan.by_the_world) = (problems, true),
            Prepared::Broken(problems) => plan.problems = problems,
        }
        self.leave_nothing(next).await;
    }

    /// Drops what was built, where that may take its time, and sweeps what it made.
    async fn leave_nothing(&self, next: Option<Generation<S, V>>) {
        refuse(&self.product, next).await;
        let state_dir = self.state_dir.clone();
        match tokio::task::spawn_blocking(move || history::sweep_plan(&state_dir)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "a plan left something behind; the next start sweeps it");
            }
            Err(error) => tracing::error!(%error, "sweeping what a plan made failed"),
        }
    }
}
