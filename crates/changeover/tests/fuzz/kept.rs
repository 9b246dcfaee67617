//! Inputs that have failed are kept: each target begins with those of its folder, and puts there what fails anew. The
//! smallest one stays, because bolero goes on with smaller ones and the file is written over. Commit it with the mend.

use std::panic::{AssertUnwindSafe, RefUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use bolero::TypeGenerator;
use bolero::generator::bolero_generator::driver::{ByteSliceDriver, Options};

/// Asks for inputs that nobody knows, and says how long (`scripts/prove/fuzz.sh`). Without it they are the same each time.
const TIME: &str = "BOLERO_RANDOM_TEST_TIME_MS";

/// How many those are, and their bytes at most: what the slowest target tries in a few seconds.
const INPUTS: usize = 300;
const BYTES_MAX: u16 = 1_024;

/// What must hold for every input of a target.
pub struct Target {
    /// The folder of its inputs.
    pub folder: &'static str,
    /// Panics where it does not hold.
    pub holds: fn(&[u8]),
}

impl Target {
    /// Every input that has failed once.
    pub fn replay(&self) {
        for entry in std::fs::read_dir(self.folder).into_iter().flatten().flatten() {
            (self.holds)(&std::fs::read(entry.path()).unwrap());
        }
    }

    /// One more input. If it fails, it is kept.
    pub fn try_with(&self, input: &[u8]) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.holds)(input))) {
            std::fs::create_dir_all(self.folder).unwrap();
            std::fs::write(Path::new(self.folder).join("found"), input).unwrap();
            resume_unwind(panic);
        }
    }
}

/// Tries made-up bytes.
pub fn made_up(tried: impl Fn(&[u8]) + RefUnwindSafe) {
    if std::env::var_os(TIME).is_some() {
        return bolero::check!().for_each(|bytes: &[u8]| tried(bytes));
    }
    // Xorshift: it need not be good, but the same everywhere.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    for _ in 0..INPUTS {
        let [.., low, high] = next();
        let length = usize::from(u16::from_le_bytes([low, high]) % BYTES_MAX);
        let mut bytes: Vec<u8> = std::iter::repeat_with(&mut next).flatten().take(length).collect();
        // Half of what people could write is short.
        bytes.truncate(if low % 2 == 0 { length } else { length / 16 });
        tried(&bytes);
    }
}

/// Made-up bytes as a value of some type.
pub fn value_of<T: TypeGenerator>(bytes: &[u8]) -> T {
    T::generate(&mut ByteSliceDriver::new(bytes, &Options::default())).unwrap()
}
