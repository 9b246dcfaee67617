//! What must hold for any input at all: bolero makes them up. `scripts/prove/fuzz.sh` looks for longer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod edit;
mod kept;
mod parse;
mod state;

/// What files are made of, right and wrong, so that made-up ones come near to real ones.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"b\"",
    "\"a\":",
    "\"b\": {",
    "\"c\":[",
    "\"",
    "'",
    "a",
    "1",
    "-2.5e3",
    "0x1",
    "1e",
    ".5",
    "true",
    "null",
    "nul",
    "# c\n",
    "// c\n",
    "/* c */",
    "/*",
    "\n",
    "\r",
    "\r\n",
    "  ",
    "\t",
    "\\",
    "\\u12",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\"\\ud83d\"",
    "ä",
    "“",
    "‚",
    "\u{a0}",
    "\u{feff}",
    "\0",
    "\u{2028}",
    "=",
    ";",
    "<<<<<<<",
    "1_000",
    "00",
    "-",
    "NaN",
    "True",
    "\"x.y\":",
    "\"# no\"",
];

/// Made-up bytes: as they are, or as a choice of pieces.
fn file(made_up: &[u8]) -> Vec<u8> {
    match made_up.split_first() {
        Some((first, rest)) if first % 4 != 0 => {
            rest.iter().map(|byte| PIECES[usize::from(*byte) % PIECES.len()]).collect::<String>().into_bytes()
        }
        _ => made_up.to_vec(),
    }
}
