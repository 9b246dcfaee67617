//! Chance that can be repeated: the seed is printed, and `PROVE_SEED` takes it.

/// SplitMix64: small, and good enough to spread kills and saves.
pub struct Chance(u64);

impl Chance {
    /// Another seed each time, or the one that `PROVE_SEED` names.
    pub fn new() -> Self {
        let seed = match std::env::var("PROVE_SEED") {
            Ok(seed) => seed.parse().expect("`PROVE_SEED` is a whole number"),
            Err(_) => {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes).unwrap();
                u64::from_ne_bytes(bytes)
            }
        };
        eprintln!("seed: PROVE_SEED={seed}");
        Self(seed)
    }

    /// Another source, for another thread.
    pub fn split(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// A count that a person may change: `NAME=number`.
pub fn count(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |count| count.parse().expect("a whole number"))
}
