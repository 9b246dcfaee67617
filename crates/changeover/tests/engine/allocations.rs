//! What taking the live generation allocates. The C library counts: `libmemusage.so` of glibc, in a process of its own.

use std::hint::black_box;
use std::process::Command;

use changeover::Decision::Applied;

use crate::support::World;

const TEST: &str = "allocations::invariant_3_who_takes_the_live_generation_allocates_nothing";

/// What the process takes, and how often.
const TAKE: &str = "CHANGEOVER_TEST_TAKE";

const COUNT: u64 = 200_000;

/// Takes the live generation this often, while saves go live.
async fn take(what: &str, count: u64) {
    let mut world = World::start(Some(r#"{"pair": 0}"#)).await;
    let (live, what) = (world.engine.live().clone(), what.to_owned());
    let reader = std::thread::spawn(move || {
        for _ in 0..count {
            match what.as_str() {
                "load" => drop(black_box(live.load())),
                "peek" => drop(black_box(live.peek())),
                _ => drop(black_box(live.pin(format_args!("unit")))),
            }
        }
    });
    for pair in 1..6 {
        world.expect(&format!(r#"{{"pair": {pair}}}"#), Applied).await;
    }
    reader.join().unwrap();
}

/// Allocations of a process that does this; `None` where nobody counts.
fn allocations(what: &str, count: u64) -> Option<u64> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", TEST]).env(TAKE, format!("{what} {count}")).env("LD_PRELOAD", "libmemusage.so");
    let output = command.output().unwrap();
    let [done, said] =
        [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned());
    // Not its status: once the library has told its figures it no longer knows what other threads free.
    assert!(done.contains("1 passed"), "{done}{said}");
    let line = said.lines().find_map(|line| line.split_once("malloc|"))?.1;
    let total = line.split(|letter: char| !letter.is_ascii_digit()).find(|word| word.len() > 1)?;
    Some(total.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_3_who_takes_the_live_generation_allocates_nothing() {
    if let Ok(asked) = std::env::var(TAKE) {
        let (what, count) = asked.split_once(' ').unwrap();
        return take(what, count.parse().unwrap()).await;
    }
    // Beside what the saves need, which differs a little from one run to the next.
    for (what, each) in [("load", 0), ("peek", 0), ("pin", 1)] {
        let (Some(with), Some(without)) = (allocations(what, COUNT), allocations(what, 0)) else {
            eprintln!("skipped: {TEST}: there is no `libmemusage.so` here, which counts");
            return;
        };
        let more = with.abs_diff(without);
        assert!(more.abs_diff(each * COUNT) < COUNT / 10, "`{what}`: {with} with, {without} without");
    }
}
