//! Inputs that have failed are kept: each target begins with those of its folder, and puts there what fails anew. The
//! smallest one stays, because bolero goes on with smaller ones and the file is written over. Commit it with the mend.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Duration;

/// How long a target looks for inputs in `make test`; `BOLERO_RANDOM_TEST_TIME_MS` says otherwise.
pub const SHORT: Duration = Duration::from_millis(500);

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
