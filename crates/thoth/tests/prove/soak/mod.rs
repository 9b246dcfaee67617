//! Ten thousand changeovers under load: every answer is of exactly one generation, none is older than what was told, and
//! what the process holds in the end is what it held after the first of them.

mod clients;
mod held;

use serde_json::{Value, json};

use crate::chance::{Chance, count};
use crate::support::{Place, Save, Thoth, client, settings};
use crate::verdicts::Verdicts;
use clients::Clients;
use held::Held;

/// Contents that go live, in all.
const CHANGEOVERS: usize = 10_000;
/// Between two looks at what the process holds.
const BLOCK: usize = 500;
/// Blocks that fill caches, pools, and the thousand verdicts of the history; what grows after them would grow for ever.
const WARM_UP_BLOCKS: usize = 2;
/// Looks of which the median is taken, at the beginning and at the end.
const LOOKS: usize = 5;
const GROWTH_KIB_MAX: i64 = 1_024;
/// The quiet after which a bad content is refused: shorter than the default, since there are a thousand of them.
const SETTLE_MS: u32 = 100;
/// Saves of one burst, at most.
const BURST_MAX: u64 = 6;

/// A settings file in which three values always change together, in two services.
fn content(number: u64, bad: bool) -> String {
    let temperature = if bad { json!("hot") } else { json!(temperature(number)) };
    settings(&json!({
        "llm": { "default": { "model": format!("m-{number}"), "temperature": temperature } },
        "rag": { "qa": { "temperature": temperature } },
        "reload": { "settleMs": SETTLE_MS },
    }))
}

fn temperature(number: u64) -> f64 {
    f64::from(u32::try_from(number % 1_000).unwrap()) / 1_000.0
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "ten thousand changeovers: make prove"]
async fn invariant_11_ten_thousand_changeovers_under_load_lose_nothing_and_leave_nothing() {
    let place = Place::new();
    std::fs::write(place.settings(), content(0, false)).unwrap();
    let mut thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    // Now and then a client opens a connection while the one before it comes back. Kept, it would be counted, and kept alive by
    // whoever looks whether it is gone.
    thoth.client = client(1);
    let clients = Clients::start(&thoth);
    let mut soak = Soak {
        verdicts: Verdicts::listen(&thoth).await,
        thoth,
        clients,
        chance: Chance::new(),
        number: 0,
        tally: Tally::default(),
    };
    let mut looks = Vec::new();
    let changeovers = count("PROVE_CHANGEOVERS", CHANGEOVERS);
    println!("{}", Held::HEAD);
    while soak.tally.applied < changeovers {
        let wanted = soak.tally.applied + BLOCK;
        while soak.tally.applied < wanted {
            soak.step().await;
        }
        soak.clients.pause().await;
        let held = Held::at_rest(&soak.thoth, looks.get(WARM_UP_BLOCKS)).await;
        println!("{}", held.row(soak.tally.applied));
        looks.push(held);
        soak.clients.go_on();
    }
    let Soak { clients, tally, .. } = soak;
    println!("{tally:?}");
    println!("{}", clients.finish().await);
    judge(&looks[WARM_UP_BLOCKS.min(looks.len() - 1)..]);
}

/// The medians of the first looks and of the last ones.
fn judge(looks: &[Held]) {
    let median = |looks: &[Held]| {
        let mut resident: Vec<i64> = looks.iter().map(|held| held.resident_kib).collect();
        resident.sort_unstable();
        resident[resident.len() / 2]
    };
    let (before, after) =
        (median(&looks[..LOOKS.min(looks.len())]), median(&looks[looks.len().saturating_sub(LOOKS)..]));
    println!("resident after warm-up {before} KiB, in the end {after} KiB: {:+} KiB", after - before);
    assert!(after - before < GROWTH_KIB_MAX, "{} KiB more than after warm-up", after - before);
}

/// What became of the saves.
#[derive(Debug, Default)]
struct Tally {
    applied: usize,
    refused: usize,
    bursts: usize,
    overtaken: usize,
    in_place: usize,
}

struct Soak {
    thoth: Thoth,
    verdicts: Verdicts,
    clients: Clients,
    chance: Chance,
    number: u64,
    tally: Tally,
}

impl Soak {
    async fn step(&mut self) {
        match self.chance.below(20) {
            0 | 1 => self.bad().await,
            2 => self.burst().await,
            _ => self.good().await,
        }
    }

    fn save(&mut self, bad: bool) {
        self.number += 1;
        self.clients.may_see(self.number);
        let how = self.chance.one_of(&Save::BOTH);
        self.tally.in_place += usize::from(matches!(how, Save::InPlace));
        how.save(&self.thoth.place.settings(), &content(self.number, bad));
    }

    async fn good(&mut self) {
        self.save(false);
        let (_, verdict) = self.verdicts.next().await;
        assert_eq!(verdict["verdict"], "applied", "{verdict}");
        self.clients.must_see(self.number);
        self.tally.applied += 1;
    }

    async fn bad(&mut self) {
        self.save(true);
        let (_, verdict) = self.verdicts.next().await;
        assert_eq!(verdict["verdict"], "rejected", "{verdict}");
        assert_eq!(verdict["problems"].as_array().unwrap().len(), 2, "{verdict}");
        self.tally.refused += 1;
    }

    /// Several saves without waiting: the last of them is live in the end, whatever was overtaken.
    async fn burst(&mut self) {
        let saves = 2 + self.chance.below(BURST_MAX - 1);
        for _ in 0..saves {
            self.save(false);
        }
        let reloaded = self.thoth.post("/api/v1/reloads", &json!({})).await;
        let mut applied = 0;
        loop {
            let (_, verdict) = self.verdicts.next().await;
            let decision = verdict["verdict"].as_str().unwrap();
            assert_ne!(decision, "rejected", "{verdict}");
            applied += u64::from(decision == "applied");
            if verdict["id"] == reloaded["id"] {
                break;
            }
        }
        self.clients.must_see(self.number);
        self.live(self.number).await;
        self.tally.bursts += 1;
        self.tally.applied += usize::try_from(applied).unwrap();
        self.tally.overtaken += usize::try_from(saves - applied.min(saves)).unwrap();
    }

    async fn live(&self, number: u64) {
        let shown: Value = self.thoth.get("/api/v1/settings").await;
        assert_eq!(shown["settings"]["llm"]["default"]["model"], format!("m-{number}"));
    }
}
