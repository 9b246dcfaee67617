//! Servers that come as wheels from PyPI.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use super::Tools;
use super::contender::{Contender, Ground, Plan, Told, free_address, version};

/// Caddy, told by its API what one route says.
pub fn caddy_patch(tools: &Tools) -> anyhow::Result<Contender> {
    let (ground, address, admin) = (Ground::new("caddy.json")?, free_address()?, free_address()?);
    let program = tools.wheels.join("caddy");
    let version = version(&program, "version")?;
    // The program starts with its whole settings; afterwards it is told its servers.
    let whole = ground.folder().join("whole.json");
    std::fs::write(&whole, caddy(admin, address, 0, None).to_string())?;
    let plan = Plan {
        name: "Caddy, PATCH",
        version,
        content: Box::new(move |round| caddy_servers(address, round, None).to_string()),
        impossible: Some(Box::new(move |round, port| caddy_servers(address, round, Some(port)).to_string())),
        told: Told::Patch(admin, "/config/apps/http/servers"),
        address,
        path: "/",
    };
    let mut command = Command::new(program);
    command.args(["run", "--config"]).arg(whole);
    at_home(&mut command, &ground);
    Contender::start(plan, ground, &mut command)
}

/// Caddy, watching its file.
pub fn caddy_watch(tools: &Tools) -> anyhow::Result<Contender> {
    let (ground, address, admin) = (Ground::new("caddy.json")?, free_address()?, free_address()?);
    let program = tools.wheels.join("caddy");
    let version = version(&program, "version")?;
    let plan = Plan {
        name: "Caddy, --watch",
        version,
        content: Box::new(move |round| caddy(admin, address, round, None).to_string()),
        impossible: Some(Box::new(move |round, port| caddy(admin, address, round, Some(port)).to_string())),
        told: Told::Watches,
        address,
        path: "/",
    };
    let mut command = Command::new(program);
    command.args(["run", "--watch", "--config"]).arg(ground.file());
    at_home(&mut command, &ground);
    Contender::start(plan, ground, &mut command)
}

/// Programs keep things in the home directory; theirs is the folder that is removed afterwards.
fn at_home(command: &mut Command, ground: &Ground) {
    for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(name, ground.folder());
    }
}

fn caddy(admin: SocketAddr, address: SocketAddr, round: usize, also: Option<u16>) -> Value {
    json!({
        "admin": { "listen": admin.to_string(), "config": { "persist": false } },
        "apps": { "http": { "servers": caddy_servers(address, round, also) } }
    })
}

fn caddy_servers(address: SocketAddr, round: usize, also: Option<u16>) -> Value {
    let says = format!("one-{round} two-{round}\n");
    let mut servers = json!({
        "main": {
            "listen": [address.to_string()],
            "automatic_https": { "disable": true },
            "routes": [{ "handle": [{ "handler": "static_response", "body": says }] }]
        }
    });
    if let Some(port) = also {
        servers["other"] =
            json!({ "listen": [format!("127.0.0.1:{port}")], "automatic_https": { "disable": true } });
    }
    servers
}

/// Envoy, with its listeners in a file.
pub fn envoy(tools: &Tools) -> anyhow::Result<Contender> {
    let program = tools.wheels.join("envoy");
    let version = version(&program, "--version")?;
    let (ground, address) = (Ground::new("listeners.json")?, free_address()?);
    let listeners = |address: SocketAddr, round: usize, also: Option<u16>| {
        let ports = [Some(address.port()), also];
        let resources: Vec<Value> =
            ports.into_iter().flatten().map(|port| envoy_listener(port, round)).collect();
        json!({ "resources": resources }).to_string()
    };
    let bootstrap = json!({
        "node": { "id": "bench", "cluster": "bench" },
        "dynamic_resources": {
            "lds_config": {
                "resource_api_version": "V3",
                "path_config_source": { "path": ground.file() }
            }
        }
    });
    let plan = Plan {
        name: "Envoy, file LDS",
        version,
        content: Box::new(move |round| listeners(address, round, None)),
        impossible: Some(Box::new(move |round, port| listeners(address, round, Some(port)))),
        told: Told::Watches,
        address,
        path: "/",
    };
    let mut command = Command::new(program);
    command
        .args(["--disable-hot-restart", "--log-level", "warning", "--config-yaml"])
        .arg(bootstrap.to_string());
    Contender::start(plan, ground, &mut command)
}

fn envoy_listener(port: u16, round: usize) -> Value {
    let route = json!({
        "match": { "prefix": "/" },
        "direct_response": { "status": 200, "body": { "inline_string": format!("one-{round} two-{round}\n") } }
    });
    let kind = "type.googleapis.com/envoy.extensions.filters";
    let manager = json!({
        "@type": format!("{kind}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "bench",
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [route] }] },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": format!("{kind}.http.router.v3.Router") }
        }]
    });
    json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": format!("listener-{port}"),
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": port } },
        "filter_chains": [{
            "filters": [{ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }]
        }]
    })
}

/// Traefik, with its routes in a file.
pub fn traefik(tools: &Tools) -> anyhow::Result<Contender> {
    let program = tools.wheels.join("traefik");
    let version = version(&program, "version")?;
    let (ground, address) = (Ground::new("routes.yaml")?, free_address()?);
    let content = |round: usize, middleware: &str| {
        json!({ "http": {
            "routers": { "main": {
                "rule": "PathPrefix(`/`)", "service": "ping@internal", "middlewares": [middleware]
            } },
            "middlewares": { "pair": { "headers": { "customResponseHeaders": {
                "X-One": format!("one-{round}"), "X-Two": format!("two-{round}")
            } } } }
        } })
        .to_string()
    };
    let plan = Plan {
        name: "Traefik, file",
        version,
        content: Box::new(move |round| content(round, "pair")),
        // Its file opens no port; what it cannot put into effect is a route by a middleware that is not there.
        impossible: Some(Box::new(move |round, _| content(round, "absent"))),
        told: Told::Watches,
        address,
        path: "/",
    };
    let mut command = Command::new(program);
    command
        .arg(format!("--entrypoints.web.address={address}"))
        .arg(format!("--providers.file.filename={}", ground.file().display()))
        .args(["--providers.file.watch=true", "--ping=true", "--ping.manualrouting=true"])
        .args(["--global.checknewversion=false", "--global.sendanonymoususage=false"]);
    Contender::start(plan, ground, &mut command)
}
