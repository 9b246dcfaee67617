//! Load on the real server, every answer checked: `wrk` with a Lua check of each body, on kept and on fresh
//! connections, and a client of our own that moves with the port.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Thoth, installed};

/// The model and the temperature always change together: `m-7` with 0.007.
pub fn pair(round: u32) -> Value {
    json!({ "model": format!("m-{round}"), "temperature": f64::from(round) / 1000.0 })
}

/// Answers that each client is to have more than.
const ENOUGH: u64 = 100;

/// `ENOUGH` stands before it. A file says that there were as many: on a slow machine that may be later than what is tried meanwhile.
const CHECK: &str = r#"
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args)
  bad, seen, first, mark = 0, 0, "", args[2]
  if args[1] == "fresh" then wrk.headers["Connection"] = "close" end
end
function response(status, headers, body)
  seen = seen + 1
  if seen == ENOUGH + 1 then io.open(mark, "w"):close() end
  local section = body:match('"default":(%b{})') or ""
  local round = section:match('"model":"m%-(%d+)"')
  local temperature = section:match('"temperature":([%d%.]+)')
  local fits = round and temperature and math.abs(tonumber(round) / 1000 - tonumber(temperature)) < 1e-9
  if status ~= 200 or not fits then
    bad = bad + 1
    if first == "" then first = status .. " " .. body:sub(1, 300) end
  end
end
function done(summary)
  local bad, seen, first = 0, 0, ""
  for _, thread in ipairs(threads) do
    bad, seen = bad + thread:get("bad"), seen + thread:get("seen")
    if first == "" then first = thread:get("first") end
  end
  local e = summary.errors
  print(string.format("checked %d bad %d lost %d first %s", seen, bad, e.connect + e.read + e.write + e.timeout, first))
end
"#;

/// Running `wrk`s. `None` where there is no `wrk`.
pub struct Wrk {
    children: Vec<(Child, PathBuf)>,
}

impl Wrk {
    /// Begins to ask for the settings, for 50 s at most.
    pub fn start(thoth: &Thoth) -> Option<Self> {
        if !installed("wrk") {
            return None;
        }
        let script = thoth.place.folder.path().join("check.lua");
        std::fs::write(&script, format!("local ENOUGH = {ENOUGH}\n{CHECK}")).unwrap();
        let children = ["kept", "fresh"].map(|connections| {
            let mark = thoth.place.folder.path().join(connections);
            let child = Command::new("wrk")
                .args(["-t1", "-c2", "-d50s", "-s"])
                .arg(&script)
                .arg(thoth.url("/api/v1/settings"))
                .args(["--", connections])
                .arg(&mark)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            (child, mark)
        });
        Some(Self { children: children.into() })
    }

    /// Ends the load; not one answer may have been wrong or lost.
    pub fn finish(self) {
        for (mut child, mark) in self.children {
            while !mark.exists() && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(2));
            }
            // Interrupted, it prints its summary.
            Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            let mut said = String::new();
            child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
            child.wait().unwrap();
            let line =
                said.lines().find(|line| line.starts_with("checked ")).unwrap_or_else(|| panic!("{said}"));
            let number = |name: &str| -> u64 {
                let mut words = line.split(' ').skip_while(|word| *word != name);
                words.nth(1).unwrap().parse().unwrap()
            };
            assert_eq!((number("bad"), number("lost")), (0, 0), "{line}");
            assert!(number("checked") > ENOUGH, "{line}");
        }
    }
}

/// Clients that ask without pause, on one kept connection and on fresh ones, at the port they are told.
pub struct Movers {
    port: Arc<AtomicU16>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Movers {
    pub fn start(port: u16) -> Self {
        let (port, stop) = (Arc::new(AtomicU16::new(port)), Arc::new(AtomicBool::new(false)));
        let answered = Arc::new(AtomicU64::new(0));
        let threads = [true, false].map(|keep| {
            let (port, stop, answered) = (Arc::clone(&port), Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || {
                let mut kept: Option<(u16, TcpStream)> = None;
                while !stop.load(Ordering::SeqCst) {
                    let wanted = port.load(Ordering::SeqCst);
                    let stream = match kept.take() {
                        Some((port, stream)) if port == wanted => stream,
                        _ => TcpStream::connect(("127.0.0.1", wanted)).expect("every connection is answered"),
                    };
                    let (body, open, stream) = ask(stream, keep);
                    assert!(body.contains("\"model\":\"m-"), "{body}");
                    answered.fetch_add(1, Ordering::SeqCst);
                    kept = (keep && open).then_some((wanted, stream));
                }
            })
        });
        Self { port, stop, answered, threads: threads.into() }
    }

    /// The clients ask at another port from their next request on.
    pub fn move_to(&self, port: u16) {
        self.port.store(port, Ordering::SeqCst);
    }

    /// Waits for so many more answers.
    pub async fn answers(&self, more: u64) {
        let wanted = self.answered.load(Ordering::SeqCst) + more;
        crate::support::until(async || {
            assert!(self.threads.iter().all(|thread| !thread.is_finished()), "a client has failed");
            self.answered.load(Ordering::SeqCst) >= wanted
        })
        .await;
    }

    /// Ends them; a client that saw anything but the expected answer fails the test here.
    pub fn finish(self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().expect("every answer is 200 with the expected body");
        }
    }
}

/// One request; the body, whether the server keeps the connection, and the connection.
fn ask(mut stream: TcpStream, keep: bool) -> (String, bool, TcpStream) {
    let connection = if keep { "keep-alive" } else { "close" };
    let request =
        format!("GET /api/v1/settings HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("the head of an answer");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).expect("the whole body");
    (String::from_utf8(body).unwrap(), !head.contains("connection: close"), stream)
}
