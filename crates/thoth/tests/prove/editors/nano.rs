//! nano, which is only to be had on a terminal: `script` gives it one, and its questions are waited for.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use super::Task;
use crate::support::PATIENCE;

/// What nano shows (it draws only what is not on the screen yet), and the keys that are pressed then; `OLD` and `NEW` stand for the tokens.
const TALK: [(&str, &str); 7] = [
    ("GNU nano", "\u{1c}"),
    ("Search (to replace)", "OLD\r"),
    ("Replace with", "NEW\r"),
    ("this instance?", "a"),
    ("occurrence", "\u{f}"),
    ("Name to Write", "\r"),
    ("Wrote", "\u{18}"),
];

/// Replaces every token, writes out, and leaves.
pub fn save(task: &Task<'_>) {
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", r#"exec nano --ignorercfiles "$FILE""#, "/dev/null"]);
    script.env("FILE", task.file).env("TERM", "xterm").env("LC_ALL", "C").current_dir(task.beside);
    let mut child =
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut keys, shown) = (child.stdin.take().unwrap(), shown(child.stdout.take().unwrap()));
    for (words, answer) in TALK {
        wait_for(&shown, words);
        keys.write_all(answer.replace("OLD", task.old).replace("NEW", task.new).as_bytes()).unwrap();
        keys.flush().unwrap();
    }
    assert!(child.wait().unwrap().success());
}

fn shown(mut terminal: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = terminal.read(&mut chunk) {
            if sender.send(chunk[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Waits until these words are on the screen, written in one piece.
fn wait_for(shown: &Receiver<Vec<u8>>, words: &str) {
    let (deadline, mut screen) = (Instant::now() + PATIENCE, String::new());
    while !screen.contains(words) {
        match shown.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(chunk) => screen.push_str(&String::from_utf8_lossy(&chunk)),
            Err(RecvTimeoutError::Timeout) => panic!("nano never shows `{words}`: {screen:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("nano has ended before `{words}`: {screen:?}"),
        }
    }
}
