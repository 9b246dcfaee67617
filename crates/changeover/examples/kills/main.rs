//! Goal: an engine that is killed in the middle of whatever it does, a thousand times, and each time another one that
//! starts on what is left and finds everything in order.
//!
//! `kills [COUNT] [SEED]` starts itself as `kills --child FOLDER SEED NUMBER`: that one saves and proposes without pause, from
//! this number on, says on its standard output what it is doing, and is killed.

mod child;
mod judge;
mod product;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Whatever keeps the program from going on; a thing that is not in order among it.
pub type Failure = Box<dyn Error + Send + Sync>;

const KILLS: usize = 1_000;
/// On a machine that is too busy for all of them, half of them have to do, and that is said.
const TIME_MAX: Duration = Duration::from_secs(180);
/// Verdicts that a life gives before it may be killed, at least; up to as many again come by chance.
const VERDICTS_MIN: u64 = 3;
/// The kill comes after so many more steps, at most, and so many microseconds. By time alone most kills would come between
/// two saves; by steps alone always at the beginning of one.
const STEPS_MAX: u64 = 12;
const DELAYS_US_MAX: [u64; 3] = [1, 150, 2_500];
/// One life in so many, after the first, is killed before that, at any time within so many microseconds after its start.
const EARLY_ONE_IN: u64 = 5;
const EARLY_US_MAX: u64 = 20_000;
/// A save fails seldom, so a life in so many ends soon after one has.
const FAILING_ONE_IN: u64 = 3;
/// Numbers that a life may use up, so that none is saved again by a later one.
const NUMBERS: u64 = 100_000;

/// SplitMix64: small, and good enough to spread kills.
pub struct Chance(pub u64);

impl Chance {
    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn one_of(&mut self, all: &[u64]) -> u64 {
        let at = self.below(all.len() as u64);
        all.iter().zip(0..).find(|(_, index)| *index == at).map_or(1, |(value, _)| *value)
    }
}

/// Something that must be so.
pub fn must(so: bool, words: impl FnOnce() -> String) -> Result<(), Failure> {
    if so { Ok(()) } else { Err(words().into()) }
}

/// What a life said: the verdicts that were told, and what it was doing last.
#[derive(Default)]
pub struct Life {
    /// Every verdict.
    pub told: Vec<child::Told>,
    /// The last thing that it said of itself.
    pub doing: String,
    /// The numbers whose client failed its trial.
    pub failing: Vec<u64>,
}

/// Lets a child live, and kills it.
fn live_and_be_killed(folder: &Path, chance: &mut Chance, first: u64) -> Result<Life, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--child").arg(folder).arg(chance.below(u64::MAX).to_string()).arg(first.to_string());
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let said = child.stdout.take().ok_or("a child without an output")?;
    let enough = VERDICTS_MIN + chance.below(VERDICTS_MIN);
    let (mut steps, delay_max) = (chance.below(STEPS_MAX), chance.one_of(&DELAYS_US_MAX));
    let (mut life, mut killed) = (Life { doing: "starting".to_owned(), ..Life::default() }, false);
    if chance.below(EARLY_ONE_IN) == 0 && first > NUMBERS {
        std::thread::sleep(Duration::from_micros(chance.below(EARLY_US_MAX)));
        child.kill()?;
        killed = true;
    }
    for line in BufReader::new(said).lines() {
        // What was said before the kill can be read after it.
        let line = line?;
        if let Some(told) = child::Told::parse(&line) {
            life.told.push(told);
            life.doing = "told".to_owned();
        } else if let Some(number) = line.strip_prefix("failing ") {
            life.failing.push(number.parse()?);
            life.doing = "failing".to_owned();
        } else {
            life.doing = line;
        }
        let at_once = life.doing == "failing" && chance.below(FAILING_ONE_IN) == 0;
        if killed || (!at_once && (life.told.len() as u64) < enough) {
            continue;
        }
        if !at_once && steps > 0 {
            steps -= 1;
            continue;
        }
        std::thread::sleep(Duration::from_micros(chance.below(delay_max)));
        child.kill()?;
        killed = true;
    }
    child.wait()?;
    must(killed, || "the child ended by itself".to_owned())?;
    Ok(life)
}

/// What a life may be killed at, as it says it and in words.
const MOMENTS: [(&str, &str); 9] = [
    ("starting", "starting"),
    ("checking", "checking a content"),
    ("checked", "waiting, or beginning a preparation"),
    ("preparing", "preparing, with things made in the scratch folder"),
    ("prepared", "writing secrets, intent or a proposal; switching"),
    ("following", "switched, with a follower at work"),
    ("followed", "writing the verdict"),
    ("told", "between two saves, or reading one"),
    ("failing", "putting a content in quarantine, and going back to the one before it"),
];

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, folder, seed, number] = arguments.as_slice()
        && first == "--child"
    {
        return child::live(Path::new(folder), Chance(seed.parse()?), number.parse()?).await;
    }
    let number = |at: usize| arguments.get(at).map(|argument| argument.parse::<u64>()).transpose();
    let kills = number(0)?.map_or(Ok(KILLS), usize::try_from)?;
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let seed = number(1)?.unwrap_or(clock.subsec_nanos().into());
    println!("seed: {seed}");
    let (mut chance, folder) = (Chance(seed), tempfile::tempdir()?);
    let (mut judge, mut moments, mut told) =
        (judge::Judge::new(folder.path()), BTreeMap::<String, usize>::new(), 0);
    std::fs::write(product::file(folder.path()), product::content(0, false))?;
    let (begun, mut done, mut first) = (Instant::now(), 0, 0);
    while done < kills && begun.elapsed() < TIME_MAX {
        first += NUMBERS;
        let life = live_and_be_killed(folder.path(), &mut chance, first)?;
        judge.judge(&life).await?;
        *moments.entry(life.doing).or_insert(0) += 1;
        told += life.told.len();
        done += 1;
    }
    println!(
        "{done} of {kills} kills, {told} verdicts told before them, in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    println!("{}", judge.in_words());
    for (doing, words) in MOMENTS {
        println!("{:>5}  {words}", moments.get(doing).unwrap_or(&0));
    }
    must(done * 2 >= kills, || format!("only {done} of {kills} kills in {} s", TIME_MAX.as_secs()))?;
    // Of fewer kills some moment may be missed by chance.
    let missed: Vec<_> = MOMENTS.iter().filter(|(doing, _)| !moments.contains_key(*doing)).collect();
    must(missed.is_empty() || done < KILLS, || format!("nobody was killed at {missed:?}"))?;
    must(judge.has_seen_reverts() || done < KILLS, || "no save was taken back".to_owned())
}
