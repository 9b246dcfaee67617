//! Servers from Debian's packages: they are told when to read their file again.

use std::process::Command;

use rustix::process::Signal;

use super::Tools;
use super::contender::{Contender, Ground, Plan, Told, free_address, version, version_of};

pub fn nginx(tools: &Tools) -> anyhow::Result<Contender> {
    let program = tools.debian.join("usr/sbin/nginx");
    let version = version(&program, "-v")?;
    let (ground, address) = (Ground::new("nginx.conf")?, free_address()?);
    let folder = ground.folder().display().to_string();
    let content = move |round: usize, also: &str| {
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("  {name}_temp_path {folder}/{name};\n"))
            .collect();
        format!(
            "daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n  access_log off;\n{temporary}  \
             server {{\n    listen {address};\n    location / {{ return 200 \"one-{round} two-{round}\\n\"; }}\n  }}\n{also}}}\n"
        )
    };
    let (plain, with) = (content.clone(), content);
    let plan = Plan {
        name: "nginx, SIGHUP",
        version,
        content: Box::new(move |round| plain(round, "")),
        impossible: Some(Box::new(move |round, port| {
            with(round, &format!("  server {{ listen 127.0.0.1:{port}; }}\n"))
        })),
        told: Told::Signal(Signal::HUP),
        address,
        path: "/",
    };
    let mut command = Command::new(program);
    command.arg("-p").arg(ground.folder()).arg("-c").arg(ground.file()).args(["-e", "stderr"]);
    Contender::start(plan, ground, &mut command)
}

pub fn haproxy(tools: &Tools) -> anyhow::Result<Contender> {
    let program = tools.debian.join("usr/sbin/haproxy");
    let libraries = tools.debian.join("usr/lib/x86_64-linux-gnu");
    let haproxy = || {
        let mut command = Command::new(&program);
        command.env("LD_LIBRARY_PATH", &libraries);
        command
    };
    let version = version_of(haproxy().arg("-v"))?;
    let (ground, address) = (Ground::new("haproxy.cfg")?, free_address()?);
    let content = move |round: usize, also: &str| {
        format!(
            "defaults\n  mode http\n  timeout client 5s\n  timeout connect 5s\n  timeout server 5s\n\
             frontend main\n  bind {address}\n  \
             http-request return status 200 content-type text/plain string \"one-{round} two-{round}\"\n{also}"
        )
    };
    let plan = Plan {
        name: "HAProxy, SIGUSR2",
        version,
        content: Box::new(move |round| content(round, "")),
        impossible: Some(Box::new(move |round, port| {
            content(round, &format!("frontend other\n  bind 127.0.0.1:{port}\n  http-request deny\n"))
        })),
        told: Told::Signal(Signal::USR2),
        address,
        path: "/",
    };
    // With a master, which starts the next worker and lets the last one finish.
    let mut command = haproxy();
    command.args(["-W", "-f"]).arg(ground.file());
    Contender::start(plan, ground, &mut command)
}

pub fn prometheus(tools: &Tools) -> anyhow::Result<Contender> {
    let program = tools.debian.join("usr/bin/prometheus");
    let version = version(&program, "--version")?;
    let (ground, address) = (Ground::new("prometheus.yml")?, free_address()?);
    let broken = ground.folder().join("broken.yml");
    std::fs::write(&broken, "groups:\n- name: broken\n  rules:\n  - record: x\n    expr: '('\n")?;
    let content =
        |round: usize| format!("global:\n  external_labels:\n    one: one-{round}\n    two: two-{round}\n");
    let plan = Plan {
        name: "Prometheus, /-/reload",
        version,
        content: Box::new(content),
        // It opens no second port; what it cannot put into effect is a file of rules that is broken.
        impossible: Some(Box::new(move |round, _| {
            format!("{}rule_files: [\"{}\"]\n", content(round), broken.display())
        })),
        told: Told::Post(address, "/-/reload"),
        address,
        path: "/api/v1/status/config",
    };
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", ground.file().display()))
        .arg(format!("--storage.tsdb.path={}", ground.folder().join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--web.enable-lifecycle");
    Contender::start(plan, ground, &mut command)
}
