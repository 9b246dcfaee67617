//! What a service manager is told through its socket, and SIGHUP in every world.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::load::pair;
use crate::support::{PATIENCE, Place, Save, Thoth, installed, settings, until};

fn with(round: u32) -> String {
    settings(&json!({ "llm": { "default": pair(round) } }))
}

/// The socket of a service manager.
struct Told {
    socket: UnixDatagram,
}

impl Told {
    /// The next message that is more than a sign of life, line by line.
    fn next(&self) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let message = self.any();
            if message != ["WATCHDOG=1"] {
                return message;
            }
            assert!(Instant::now() < deadline, "nothing but signs of life");
        }
    }

    fn any(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("a message");
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert!(text.ends_with('\n'), "{text:?}");
        text.lines().map(str::to_owned).collect()
    }
}

/// A server whose service manager is this test.
async fn supervised(variables: &[(&str, &str)]) -> (Thoth, Told) {
    let mut place = Place::new();
    std::fs::write(place.settings(), with(1)).unwrap();
    let path = place.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    place = place.with("NOTIFY_SOCKET", path.to_str().unwrap());
    for (name, value) in variables {
        place = place.with(name, value);
    }
    (Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await, Told { socket })
}

fn hang_up(thoth: &Thoth) {
    let sent = Command::new("kill").args(["-HUP", &thoth.process().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn monotonic_usec() -> i128 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_when_it_serves_every_verdict_a_status_and_a_reload_is_told_from_begin_to_end() {
    let (thoth, told) = supervised(&[]).await;
    let ready = told.next();
    assert_eq!(ready[0], "READY=1");
    assert!(ready[1].starts_with("STATUS=#1 applied generation 1 in "), "{ready:?}");
    assert_eq!(thoth.get("/health/ready").await["ready"], true, "ready is said when it serves");

    thoth.save(Save::Rename, &with(2)).await;
    let status = told.next();
    assert!(
        status.len() == 1
            && status[0].starts_with("STATUS=#2 applied generation 2")
            && status[0].contains("llm"),
        "a save is a status and no reload: {status:?}"
    );
    thoth.save(Save::InPlace, "{ \"llm\": {\"default\": {\"temprature\": 1}}}").await;
    let status = told.next();
    assert!(status[0].starts_with("STATUS=#3 rejected") && status[0].contains("temprature"), "{status:?}");

    for (content, expected) in [(with(3), "#5 "), ("{ \"llm\": 7 }".to_owned(), "#7 rejected")] {
        thoth.save(Save::Rename, &content).await;
        told.next();
        let before = monotonic_usec();
        hang_up(&thoth);
        let reloading = told.next();
        assert_eq!(reloading[0], "RELOADING=1");
        let at: i128 = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
        assert!((before..=monotonic_usec()).contains(&at), "{before} {reloading:?}");
        // The verdict of the reload is told as a status too; the two messages may come in either order.
        let (one, other) = (told.next(), told.next());
        let (ready, status) = if one[0] == "READY=1" { (one, other) } else { (other, one) };
        assert_eq!(ready[0], "READY=1", "a refused reload ends as well: {ready:?}");
        assert!(ready[1].contains(expected) && status[0] == ready[1], "{ready:?} {status:?}");
    }

    let record = thoth.place.state().join("instances/all.json");
    thoth.terminate();
    assert_eq!(told.next(), ["STOPPING=1", "STATUS=stopping"]);
    assert!(!record.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_of_life_come_as_often_as_they_are_wanted_and_only_from_whom() {
    let (thoth, told) = supervised(&[("WATCHDOG_USEC", "400000")]).await;
    told.next();
    let begun = Instant::now();
    let mut signs = 0;
    while signs < 5 {
        signs += usize::from(told.any() == ["WATCHDOG=1"]);
    }
    assert!(begun.elapsed() >= Duration::from_millis(700), "five signs in {:?}", begun.elapsed());
    drop(thoth);

    let (thoth, told) = supervised(&[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")]).await;
    told.next();
    thoth.save(Save::Rename, &with(2)).await;
    assert!(told.any()[0].starts_with("STATUS=#2"), "another process is meant: no sign of life before it");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_manager_sighup_reads_again_too() {
    let place = Place::new().with("THOTH_HOT_RELOAD", "0").with("NOTIFY_SOCKET", "/nonexistent/socket");
    std::fs::write(place.settings(), with(1)).unwrap();
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    let mut verdicts = thoth.verdicts().await;
    std::fs::write(thoth.place.settings(), with(2)).unwrap();
    hang_up(&thoth);
    let verdict = verdicts.next().await;
    assert_eq!((&verdict["verdict"], &verdict["cause"]), (&json!("applied"), &json!("reload")), "{verdict}");
    until(async || thoth.log().contains("the service manager cannot be told")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_goes_ends_what_it_started() {
    if !installed("script") {
        return;
    }
    let place = Place::new();
    std::fs::write(place.settings(), with(1)).unwrap();
    let inner = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut line = format!("exec {}", inner.get_program().to_str().unwrap());
    for argument in inner.get_args() {
        line.push_str(&format!(" '{}'", argument.to_str().unwrap()));
    }
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--command", &line, "/dev/null"]).stdin(std::process::Stdio::null());
    terminal.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    terminal.env("SHELL", "/bin/sh").stdout(std::process::Stdio::null());
    let mut terminal = terminal.spawn().unwrap();
    let record = place.state().join("instances/all.json");
    until(async || record.exists()).await;
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    until(async || !record.exists()).await;
}
