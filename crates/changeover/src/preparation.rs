//! One preparation of a candidate: build beside the live generation, carry over what is the same.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::generation::{Generation, Identity, Service};
use crate::report::{Action, Problem, ServiceReport};

/// One preparation of a candidate: what it starts from, and the book of what it did.
pub struct Preparation<S, V> {
    /// The candidate's settings.
    pub settings: Arc<S>,
    /// The generation that is live meanwhile; `None` at the start.
    pub live: Option<Arc<Generation<S, V>>>,
    /// The number that the candidate will have if it goes live.
    pub number: u64,
    /// Whether this is the emergency generation of a start without usable settings.
    pub safe_mode: bool,
    /// A folder that is the candidate's alone. Not made until somebody makes it; swept when the candidate is
    /// refused, and at the next start.
    pub scratch: PathBuf,
    pub(crate) book: Book,
}

/// What was done with each service, in the order in which it was begun.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<Vec<Entry>>>);

struct Entry {
    name: &'static str,
    done: Option<(Action, Reason)>,
}

/// Puts into words why that was done: when the services are live, for no service waits for words.
type Reason = Box<dyn FnOnce() -> String + Send>;

impl Book {
    fn open(&self, name: &'static str) {
        self.with(|entries| entries.push(Entry { name, done: None }));
    }

    fn close(&self, name: &'static str, action: Action, reason: Reason) {
        self.with(|entries| {
            if let Some(entry) = entries.iter_mut().find(|entry| entry.name == name) {
                entry.done = Some((action, reason));
            }
        });
    }

    /// The services that were begun and not finished.
    pub(crate) fn unfinished(&self) -> Vec<&'static str> {
        self.with(|entries| {
            entries.iter().filter(|entry| entry.done.is_none()).map(|entry| entry.name).collect()
        })
    }

    /// What is said of a preparation that did not end within `limit`. It may be outside of all services, on its way to one.
    pub(crate) fn late(&self, limit: Duration) -> Problem {
        let what = match self.unfinished().as_slice() {
            [] => "the services".to_owned(),
            unfinished => format!("`{}`", unfinished.join("`, `")),
        };
        Problem::new("", format!("preparing {what} took longer than {} ms", limit.as_millis()))
            .hint("save again, or allow more time for it")
    }

    /// Whether every service was carried over.
    pub(crate) fn all_kept(&self) -> bool {
        self.with(|entries| entries.iter().all(|entry| matches!(entry.done, Some((Action::Kept, _)))))
    }

    /// One line for each finished service. Closes the book: the inputs of before that it held are let go of, while their
    /// generation still holds them.
    pub(crate) fn reports(&self) -> Vec<ServiceReport> {
        let entries = self.with(std::mem::take);
        let finished = entries.into_iter().filter_map(|entry| Some((entry.name, entry.done?)));
        finished
            .map(|(name, (action, reason))| {
                // It serialises inputs, which is code of the product's: a panic of that, which the program's hook has told, costs
                // the words.
                let words = catch_unwind(AssertUnwindSafe(reason));
                let reason = words.unwrap_or_else(|_| NAMELESS.to_owned());
                ServiceReport { name: name.to_owned(), action, reason }
            })
            .collect()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<Entry>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S, V> Preparation<S, V> {
    /// One service of the candidate: carried over from `live` when `inputs` and `depends_on` are the same, built by
    /// `build` otherwise. Call it for independent services side by side. Which keys of the inputs changed is found by serialising
    /// both, after the switch, where the next changeover waits for it: it must not block.
    ///
    /// # Errors
    /// What `build` refuses with.
    pub async fn service<I, T, F>(
        &self,
        name: &'static str,
        live: Option<&Service<I, T>>,
        inputs: I,
        depends_on: &[(&'static str, Identity)],
        build: impl FnOnce(&I) -> F,
    ) -> Result<Service<I, T>, Vec<Problem>>
    where
        I: PartialEq + Serialize + Send + Sync + 'static,
        F: Future<Output = Result<T, Vec<Problem>>>,
    {
        self.book.open(name);
        let difference = live.map(|live| difference(live, &inputs, depends_on));
        if let (Some(live), Some(None)) = (live, &difference) {
            let reason = || "nothing that it is built from changed".to_owned();
            self.book.close(name, Action::Kept, Box::new(reason));
            return Ok(live.clone());
        }
        let object = build(&inputs).await?;
        let service = Service::new(object, inputs, depends_on, self.number);
        let (action, reason): (_, Reason) = match difference.flatten() {
            Some(difference) => {
                let inputs = service.shared_inputs();
                (Action::Rebuilt, Box::new(move || difference.words(&inputs)))
            }
            None => (Action::Built, Box::new(|| "first generation".to_owned())),
        };
        self.book.close(name, action, reason);
        Ok(service)
    }
}

/// Why a service cannot be carried over.
struct Difference<I> {
    /// What the one that is live was made from, if that is another.
    inputs: Option<Arc<I>>,
    /// What it depends on that is another.
    others: Vec<&'static str>,
}

/// Why a service cannot be carried over; `None` when it can.
fn difference<I: PartialEq, T>(
    live: &Service<I, T>,
    inputs: &I,
    depends_on: &[(&'static str, Identity)],
) -> Option<Difference<I>> {
    let inputs = (live.inputs() != inputs).then(|| live.shared_inputs());
    let others = depends_on.iter().filter(|dependency| !live.depends_on().contains(dependency));
    let others: Vec<_> = others.map(|(name, _)| *name).collect();
    (inputs.is_some() || !others.is_empty()).then_some(Difference { inputs, others })
}

impl<I: Serialize> Difference<I> {
    fn words(&self, inputs: &I) -> String {
        let keys = self.inputs.iter().map(|old| changed_keys(old.as_ref(), inputs));
        let others = self.others.iter().map(|name| format!("`{name}` changed"));
        keys.chain(others).collect::<Vec<_>>().join(", ")
    }
}

/// Keys that a reason names, at most.
const NAMED_MAX: usize = 5;

/// What is said where there is no key to name: of inputs that are a single value, or that cannot be serialised.
const NAMELESS: &str = "something that it is built from changed";

/// The keys in which two inputs differ, in words. Secrets serialise alike, so they are told as just that.
fn changed_keys<I: Serialize>(old: &I, new: &I) -> String {
    let (Ok(old), Ok(new)) = (serde_json::to_value(old), serde_json::to_value(new)) else {
        return NAMELESS.to_owned();
    };
    let mut keys = Vec::new();
    differing(&old, &new, &mut String::new(), &mut keys);
    if keys == [""] {
        return NAMELESS.to_owned();
    }
    if keys.is_empty() {
        return "a secret changed".to_owned();
    }
    let more = keys.len().saturating_sub(NAMED_MAX);
    let named: Vec<String> = keys.into_iter().take(NAMED_MAX).map(|key| format!("`{key}`")).collect();
    match more {
        0 => format!("{} changed", named.join(", ")),
        more => format!("{} and {more} more changed", named.join(", ")),
    }
}

fn differing(old: &Value, new: &Value, path: &mut String, keys: &mut Vec<String>) {
    let (Value::Object(old_members), Value::Object(new_members)) = (old, new) else {
        if old != new {
            keys.push(path.clone());
        }
        return;
    };
    let gone = old_members.keys().filter(|key| !new_members.contains_key(*key));
    for key in new_members.keys().chain(gone) {
        let length = path.len();
        if length > 0 {
            path.push('.');
        }
        path.push_str(key);
        let old_member = old_members.get(key).unwrap_or(&Value::Null);
        differing(old_member, new_members.get(key).unwrap_or(&Value::Null), path, keys);
        path.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(PartialEq, Serialize)]
    struct Inputs {
        llm: std::collections::BTreeMap<&'static str, u32>,
        #[serde(skip)]
        key: &'static str,
    }

    fn inputs(members: &[(&'static str, u32)], key: &'static str) -> Inputs {
        Inputs { llm: members.iter().copied().collect(), key }
    }

    #[test]
    fn a_reason_names_the_keys_or_the_dependency_and_never_a_secret() {
        let dependency = Identity::fresh();
        let live = Service::new((), inputs(&[("model", 1), ("topP", 2)], "a"), &[("llm", dependency)], 1);
        let check = |inputs: Inputs, dependency, expected: Option<&str>| {
            let difference = difference(&live, &inputs, &[("llm", dependency)]);
            assert_eq!(difference.map(|found| found.words(&inputs)).as_deref(), expected);
        };
        check(inputs(&[("model", 1), ("topP", 2)], "a"), dependency, None);
        check(inputs(&[("model", 3), ("topP", 2)], "a"), dependency, Some("`llm.model` changed"));
        check(inputs(&[("model", 1)], "a"), dependency, Some("`llm.topP` changed"));
        check(inputs(&[("model", 1), ("topP", 2)], "b"), dependency, Some("a secret changed"));
        check(inputs(&[("model", 1), ("topP", 2)], "a"), Identity::fresh(), Some("`llm` changed"));
    }

    #[test]
    fn inputs_without_keys_have_none_named() {
        assert_eq!(changed_keys(&"one", &"two"), NAMELESS);
        // JSON has no such keys.
        assert_eq!(changed_keys(&HashMap::from([([1], 1)]), &HashMap::from([([2], 1)])), NAMELESS);
    }

    #[derive(Debug, PartialEq)]
    struct Unspeakable(u32);

    impl Serialize for Unspeakable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("these inputs cannot be serialised")
        }
    }

    #[tokio::test]
    async fn inputs_that_cannot_be_put_into_words_end_nothing() {
        let preparation: Preparation<(), ()> = Preparation {
            settings: Arc::new(()),
            live: None,
            number: 2,
            safe_mode: false,
            scratch: PathBuf::new(),
            book: Book::default(),
        };
        let live = Service::new((), Unspeakable(1), &[], 1);
        let build = |_: &Unspeakable| async { Ok(()) };
        let service = preparation.service("one", Some(&live), Unspeakable(2), &[], build).await.unwrap();
        assert_eq!((service.inputs(), service.since()), (&Unspeakable(2), 2));
        let reports = preparation.book.reports();
        let told = |report: &ServiceReport| (report.action, report.reason.clone());
        assert_eq!(reports.iter().map(told).collect::<Vec<_>>(), [(Action::Rebuilt, NAMELESS.to_owned())]);
    }
}
