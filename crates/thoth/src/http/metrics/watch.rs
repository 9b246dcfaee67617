//! What is counted of the settings watch, and of generations that are no more the live one.

use std::sync::atomic::Ordering;

use changeover::Status;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByFinder {
    by: &'static str,
}

/// What the engine says of its watch, and of generations that are no more the live one.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    running: Gauge,
    with_events: Gauge,
    events: Counter,
    events_lost: Counter,
    polls: Counter,
    saves: Family<ByFinder, Counter>,
    generations_held: Gauge,
    generations_overdue: Gauge,
}

impl Watch {
    pub(super) fn register(&self, registry: &mut Registry) {
        let watch = registry.sub_registry_with_prefix("thoth_watch");
        watch.register("running", "1 while the settings watch looks at the file", self.running.clone());
        watch.register(
            "with_events",
            "1 while nothing keeps events from telling of saves, 0 where the poll finds them",
            self.with_events.clone(),
        );
        watch.register("events", "Events that named the settings file", self.events.clone());
        watch.register(
            "events_lost",
            "Times that the kernel had more events than it keeps",
            self.events_lost.clone(),
        );
        watch.register("polls", "Looks at the settings file without an event", self.polls.clone());
        watch.register("saves", "Saves, by who found them", self.saves.clone());
        let held = "Old generations that some unit of work holds";
        registry.register("thoth_generations_held", held, self.generations_held.clone());
        let overdue = "Old generations that are held for too long";
        registry.register("thoth_generations_overdue", overdue, self.generations_overdue.clone());
    }

    pub(super) fn stands(&self, status: &Status) {
        let Status { watch, watch_running, retiring, overdue, .. } = status;
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.running.set(i64::from(*watch_running));
        let with_events = *watch_running && watch.mode == "inotify+poll" && watch.without_events.is_none();
        self.with_events.set(i64::from(with_events));
        self.events.inner().store(watch.events_seen, Ordering::Relaxed);
        self.events_lost.inner().store(watch.events_lost, Ordering::Relaxed);
        self.polls.inner().store(watch.polls_seen, Ordering::Relaxed);
        for (by, saves) in [("event", watch.seen_by_event), ("poll", watch.seen_by_poll)] {
            self.saves.get_or_create(&ByFinder { by }).inner().store(saves, Ordering::Relaxed);
        }
        self.generations_held.set(number(*retiring));
        self.generations_overdue.set(number(overdue.len()));
    }
}
