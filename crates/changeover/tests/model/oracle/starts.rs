//! What a start does, as plainly as possible.

use std::collections::BTreeSet;

use changeover::{Cause, Decision, Outcome};

use super::{Oracle, Refused, Runs, settings};
use crate::product::Settings;
use crate::steps::Text;

impl Oracle {
    /// The engine starts: with the file, else with the last known good, else with what was taken back, else in safe mode.
    pub fn starts(&mut self) -> Result<(), Refused> {
        let content = self.file.map(Text::bytes);
        let file = self.file.map_or(Some(Settings::default()), |text| settings(text, true));
        let file = file.map(|settings| (settings, content.clone()));
        let is_free = |settings: &Settings| !self.is_bound(settings, &Cause::Start);
        let free = file.clone().filter(|(settings, _)| is_free(settings));
        let free = free.or_else(|| self.last_known_good(is_free));
        let first = free.or(file).or_else(|| self.last_known_good(|_| true));
        let asks = first.as_ref().is_some_and(|(settings, _)| settings.fault == "ask the world");
        let breaks = first.as_ref().is_some_and(|(settings, _)| settings.fault == "panic");
        if asks && self.world_refuses || breaks {
            return Err(Refused);
        }
        let from_the_file = first.as_ref().is_some_and(|(_, chosen)| *chosen == content);
        self.runs = Runs { settings: Settings::default(), services: self.build(), llm: None, content: None };
        self.safe_mode = true;
        let number = self.generation + 1;
        if !from_the_file {
            self.generation = number;
            self.tell(Cause::Start, Decision::Rejected, content, None);
        }
        if let Some((settings, content)) = first {
            let is_proven = content.as_ref().is_some_and(|content| self.is_proven(content))
                && !self.is_bound(&settings, &Cause::Start);
            self.generation = number - 1;
            if is_proven {
                // What was kept once needs no new proof.
                let next = self.built + 1;
                self.proven.insert(next);
            }
            self.commit(Cause::Start, settings, content, true);
        }
        Ok(())
    }

    /// The newest content that was kept; where none was, the newest that was applied and not taken back.
    fn last_known_good(&self, may: impl Fn(&Settings) -> bool) -> Option<(Settings, Option<String>)> {
        let newest = || self.told.iter().rev().filter(|told| told.content.is_some());
        let reverted: BTreeSet<_> = newest()
            .filter(|told| told.outcome == Some(Outcome::Reverted))
            .map(|told| told.content.clone())
            .collect();
        let kept = newest().filter(|told| told.outcome == Some(Outcome::Kept));
        let applied = newest()
            .filter(|told| told.decision == Decision::Applied)
            .filter(|told| !reverted.contains(&told.content));
        let without_a_file = self.told.iter().any(|told| {
            told.decision == Decision::Applied
                && told.content.is_none()
                && told.outcome != Some(Outcome::Reverted)
        });
        let defaults = without_a_file.then(|| Text::Nothing.bytes());
        let contents = kept.chain(applied).filter_map(|told| told.content.clone()).chain(defaults);
        let mut found = contents.map(|content| (read_again(&content), Some(content)));
        found.find(|(settings, _)| may(settings))
    }

    /// Whether the newest outcome of a content is that it was kept.
    fn is_proven(&self, content: &String) -> bool {
        let of_it = self.told.iter().rev().filter(|told| told.content.as_ref() == Some(content));
        of_it.filter_map(|told| told.outcome).next() == Some(Outcome::Kept)
    }
}

/// The settings in a content that was live once.
fn read_again(content: &str) -> Settings {
    let object = content.split(" //").next().unwrap();
    let value: serde_json::Value = serde_json::from_str(object).unwrap();
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Settings { pair: value["pair"].as_i64().unwrap_or_default(), llm: text("llm"), fault: text("fault") }
}
