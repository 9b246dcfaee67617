//! The model: what an engine has to do, said as plainly as possible, with nothing of how it does it.

mod starts;

use std::collections::{BTreeMap, BTreeSet};

use changeover::{Cause, Decision, Outcome};

use crate::product::Settings;
use crate::steps::{Fault, Text};

/// How often a content may be taken back until a save of it is refused as well.
const TRIES_MAX: u32 = 2;

/// What was built at one time, told from all others.
pub type Built = u32;

/// What runs.
#[derive(Clone, Debug)]
pub struct Runs {
    pub settings: Settings,
    /// All services together.
    pub services: Built,
    /// The object that can be on trial, where there is one.
    llm: Option<Built>,
    /// The content that says so, where there is one.
    pub content: Option<String>,
}

/// A verdict as the model foresees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub cause: Cause,
    pub decision: Decision,
    pub content: Option<String>,
    pub generation: u64,
    pub outcome: Option<Outcome>,
}

/// A commit that may still be taken back.
#[derive(Debug)]
struct OnTrial {
    /// Its place among the verdicts.
    verdict: usize,
    before: Option<Runs>,
    llm: Built,
    settings: Settings,
}

/// Everything that the model knows.
#[derive(Debug)]
pub struct Oracle {
    /// What stands in the file.
    pub file: Option<Text>,
    pub runs: Runs,
    pub generation: u64,
    pub safe_mode: bool,
    pub world_refuses: bool,
    /// What the world has refused, while the file still says so.
    pub waiting: Option<Text>,
    /// Every verdict since the first start.
    pub told: Vec<Told>,
    trials: Vec<OnTrial>,
    proven: BTreeSet<Built>,
    /// How often each settings were taken back, whatever their words, and by which verdict the last time.
    taken_back: BTreeMap<String, (u32, usize)>,
    built: Built,
}

/// What a preparation comes to.
enum Prepared {
    Done,
    /// By the world, which may think better of it.
    Refused,
    Broken,
}

fn settings(text: Text, at_start: bool) -> Option<Settings> {
    match text {
        Text::Good(said) => Some(said.settings()),
        Text::Nothing if at_start => Some(Settings::default()),
        _ => None,
    }
}

fn fault(text: Text) -> Fault {
    match text {
        Text::Good(said) => said.fault,
        _ => Fault::None,
    }
}

/// A start that the world does not allow.
#[derive(Debug, PartialEq)]
pub struct Refused;

impl Oracle {
    /// Nothing runs yet.
    pub fn new(file: Option<Text>) -> Self {
        let nothing = Runs { settings: Settings::default(), services: 0, llm: None, content: None };
        Self {
            file,
            runs: nothing,
            generation: 0,
            safe_mode: true,
            world_refuses: false,
            waiting: None,
            told: Vec::new(),
            trials: Vec::new(),
            proven: BTreeSet::new(),
            taken_back: BTreeMap::new(),
            built: 0,
        }
    }

    /// What the file says is read for a cause: a save, a reload.
    pub fn arrives(&mut self, cause: Cause, text: Option<Text>) {
        self.waiting = None;
        let content = text.map(Text::bytes);
        // Nobody has emptied or removed it since it went live.
        let is_as_it_was = !self.safe_mode && content == self.runs.content;
        let settings = match text {
            Some(text) => settings(text, is_as_it_was),
            None => Some(Settings::default()).filter(|_| is_as_it_was),
        };
        match settings.filter(|settings| !self.is_bound(settings, &cause)) {
            None => self.tell(cause, Decision::Rejected, content, None),
            Some(settings) => self.change(cause, text, settings, content),
        }
    }

    /// A text is asked for. Whether the file has it then.
    pub fn proposed(&mut self, text: Text) {
        let content = Some(text.bytes());
        let cause = Cause::Edit;
        match settings(text, false).filter(|settings| !self.is_bound(settings, &cause)) {
            None => self.tell(cause, Decision::Rejected, content, None),
            Some(settings) => self.change(cause, Some(text), settings, content),
        }
    }

    fn change(&mut self, cause: Cause, text: Option<Text>, settings: Settings, content: Option<String>) {
        let is_proposed = cause == Cause::Edit;
        if settings == self.runs.settings && !self.safe_mode {
            self.put(is_proposed, text);
            self.runs.content.clone_from(&content);
            return self.tell(cause, Decision::Unchanged, content, None);
        }
        match self.prepare(text.map_or(Fault::None, fault)) {
            Prepared::Done => {
                self.put(is_proposed, text);
                self.waiting = None;
                self.commit(cause, settings, content, false);
            }
            Prepared::Refused => {
                self.tell(cause, Decision::Rejected, content, None);
                if !is_proposed {
                    self.waiting = text;
                }
            }
            Prepared::Broken => self.tell(cause, Decision::Rejected, content, None),
        }
    }

    /// What is proposed stands in the file before it is live; what the file said before waits for nothing any more.
    fn put(&mut self, is_proposed: bool, text: Option<Text>) {
        if is_proposed && self.file != text {
            self.file = text;
            self.waiting = None;
        }
    }

    fn prepare(&self, fault: Fault) -> Prepared {
        match fault {
            Fault::AsksTheWorld if self.world_refuses => Prepared::Refused,
            Fault::None | Fault::AsksTheWorld => Prepared::Done,
            Fault::Hangs => Prepared::Refused,
            Fault::Panics => Prepared::Broken,
        }
    }

    fn commit(&mut self, cause: Cause, settings: Settings, content: Option<String>, anew: bool) {
        let same = !anew && self.runs.settings.llm == settings.llm;
        let llm = match (settings.llm.as_str(), self.runs.llm) {
            ("", _) => None,
            (_, Some(llm)) if same => Some(llm),
            _ => Some(self.build()),
        };
        let next = Runs { services: self.build(), settings, llm, content: content.clone() };
        let before = std::mem::replace(&mut self.runs, next);
        let before = Some(before).filter(|_| !self.safe_mode);
        self.safe_mode = false;
        self.generation += 1;
        let unproven = llm.filter(|llm| !self.proven.contains(llm));
        if let Some(llm) = unproven {
            let settings = self.runs.settings.clone();
            self.trials.push(OnTrial { verdict: self.told.len(), before, llm, settings });
        }
        let kept = Some(Outcome::Kept).filter(|_| unproven.is_none());
        if kept.is_some() {
            self.taken_back.remove(&meaning(&self.runs.settings));
        }
        self.tell(cause, Decision::Applied, content, kept);
    }

    /// The live settings are prepared once more.
    pub fn refreshed(&mut self, changed: bool) {
        let content = self.runs.content.clone();
        let asks = self.runs.settings.fault == "ask the world";
        let decision = match (self.safe_mode, asks && self.world_refuses, changed) {
            (true, ..) => Decision::Unchanged,
            (_, true, _) => Decision::Rejected,
            (.., false) => Decision::Unchanged,
            (.., true) => return self.commit(Cause::Refresh, self.runs.settings.clone(), content, false),
        };
        self.tell(Cause::Refresh, decision, content, None);
    }

    /// What the world has refused is tried again once it may come to something; nothing else of it is told.
    pub fn tried_again(&mut self) -> bool {
        let Some(text) = self.waiting else { return false };
        let Some(settings) = settings(text, false) else { return false };
        let content = Some(text.bytes());
        if settings == self.runs.settings {
            self.waiting = None;
            self.runs.content.clone_from(&content);
            self.tell(Cause::Retry, Decision::Unchanged, content, None);
            return true;
        }
        let allowed = matches!(self.prepare(fault(text)), Prepared::Done);
        if allowed {
            self.waiting = None;
            self.commit(Cause::Retry, settings, content, false);
        }
        allowed
    }

    /// The live `llm` was used, and it worked.
    pub fn worked(&mut self) {
        self.proven.extend(self.runs.llm);
    }

    /// The live `llm` fails where the one before it works. Whether something is taken back for that.
    pub fn failed(&mut self) -> bool {
        let Some((culprit, first)) = self.taken_back_from() else { return false };
        let reverted: Vec<OnTrial> = self.trials.drain(first..).collect();
        let Some(before) = reverted[0].before.clone() else { return false };
        for trial in &reverted {
            self.told[trial.verdict].outcome = Some(Outcome::Reverted);
        }
        // One revert is one try of each; what runs again is no culprit.
        let of = |trial: &OnTrial| meaning(&trial.settings);
        let culprits: BTreeSet<String> = reverted.iter().skip(culprit - first).map(of).collect();
        for culprit in culprits.into_iter().filter(|culprit| *culprit != meaning(&before.settings)) {
            let (tries, by) = self.taken_back.entry(culprit).or_default();
            (*tries, *by) = (*tries + 1, self.told.len());
        }
        let content = before.content.clone();
        self.runs = before;
        self.generation += 1;
        let waits = self.waiting.and_then(|text| settings(text, false));
        if waits.is_some_and(|settings| self.is_bound(&settings, &Cause::Retry)) {
            self.waiting = None;
        }
        self.tell(Cause::Revert, Decision::Applied, content, Some(Outcome::Kept));
        true
    }

    /// The commit that brought the live `llm`, and the first of those that are taken back with it: the next after the
    /// newest that works.
    fn taken_back_from(&self) -> Option<(usize, usize)> {
        let live = self.runs.llm.filter(|llm| !self.proven.contains(llm))?;
        let brought = |trial: &OnTrial| {
            trial.llm == live && trial.before.as_ref().is_some_and(|before| before.llm != Some(live))
        };
        let culprit = self.trials.iter().rposition(brought)?;
        let tested: Vec<Built> = self.trials.iter().map(|trial| trial.llm).collect();
        let works =
            |runs: &Runs| runs.llm.is_none_or(|llm| self.proven.contains(&llm) || !tested.contains(&llm));
        let to_what_works =
            (0..=culprit).rev().find(|index| self.trials[*index].before.as_ref().is_some_and(works));
        let to_the_oldest = || (0..=culprit).find(|index| self.trials[*index].before.is_some());
        Some((culprit, to_what_works.or_else(to_the_oldest)?))
    }

    /// Whether a revert has something to go back to.
    pub fn may_fail(&self) -> bool {
        self.taken_back_from().is_some()
    }

    /// The engine ends: what has shown that it works is kept.
    pub fn stopped(&mut self) {
        for trial in std::mem::take(&mut self.trials) {
            if self.proven.contains(&trial.llm) {
                self.told[trial.verdict].outcome = Some(Outcome::Kept);
                self.taken_back.retain(|of, (_, by)| *of != meaning(&trial.settings) || *by > trial.verdict);
            }
        }
        self.proven.clear();
        self.waiting = None;
    }

    /// Whether settings were taken back, so that this cause is not enough to try them again.
    fn is_bound(&self, settings: &Settings, cause: &Cause) -> bool {
        let tries = self.taken_back.get(&meaning(settings)).map_or(0, |(tries, _)| *tries);
        match cause {
            Cause::Try => false,
            // It runs all the same.
            Cause::Save | Cause::Reload | Cause::Edit if *settings == self.runs.settings => false,
            Cause::Save => tries >= TRIES_MAX,
            _ => tries > 0,
        }
    }

    /// The services that somebody still needs: what runs, and what a revert may go back to.
    pub fn needed(&self) -> BTreeSet<Built> {
        let before = self.trials.iter().filter_map(|trial| trial.before.as_ref());
        before.chain([&self.runs]).map(|runs| runs.services).collect()
    }

    /// Whether the file is something else than what runs.
    pub fn drift(&self) -> bool {
        self.file.map(Text::bytes) != self.runs.content
    }

    fn build(&mut self) -> Built {
        self.built += 1;
        self.built
    }

    fn tell(&mut self, cause: Cause, decision: Decision, content: Option<String>, outcome: Option<Outcome>) {
        self.told.push(Told { cause, decision, content, generation: self.generation, outcome });
    }
}

fn meaning(settings: &Settings) -> String {
    format!("{settings:?}")
}
