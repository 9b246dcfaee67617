//! Several processes on one vault and one state directory.

use serde_json::{Value, json};

use crate::load::pair;
use crate::mcp_client::Client;
use crate::support::{PAPERS, PATIENCE, Place, Save, Thoth, free_port, lines_of, settings, text, until};

/// The three of a development set-up, on one place.
pub struct Three {
    pub api: Thoth,
    mcp: Thoth,
    monitor: Thoth,
    /// Where MCP clients come in.
    mcp_port: u16,
}

impl Three {
    pub async fn start(sections: &Value) -> Self {
        let (place, mcp_port) = (Place::new(), free_port());
        std::fs::write(place.settings(), on_ports(sections, mcp_port, None)).unwrap();
        let (api, mcp, monitor) = tokio::join!(
            Thoth::start_as("api", place.clone(), &["--listen", "127.0.0.1:0"]),
            Thoth::start_as("mcp", place.clone(), &[]),
            Thoth::start_as("monitor", place.clone(), &[]),
        );
        Self { api, mcp, monitor, mcp_port }
    }

    /// Saves these sections.
    fn save(&self, how: Save, sections: &Value) {
        how.save(&self.api.place.settings(), &on_ports(sections, self.mcp_port, None));
    }

    pub fn each(&self) -> [&Thoth; 3] {
        [&self.api, &self.mcp, &self.monitor]
    }

    /// Waits until every one runs this model.
    async fn run(&self, model: &str) {
        for thoth in self.each() {
            until(async || {
                thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"] == model
            })
            .await;
        }
    }

    /// Waits until `thoth instances` says something like this, and gives it.
    pub async fn instances(&self, so: impl Fn(&Value) -> bool) -> Value {
        let place = &self.api.place;
        told(async || serde_json::from_slice(&place.run(&["instances", "--json"]).stdout).unwrap(), so).await
    }
}

/// Waits until this instance says something like this of all of them, and gives it.
async fn agreement(thoth: &Thoth, so: impl Fn(&Value) -> bool) -> Value {
    told(async || thoth.get("/api/v1/instances").await, so).await
}

async fn told(ask: impl AsyncFn() -> Value, so: impl Fn(&Value) -> bool) -> Value {
    let last = std::sync::Mutex::default();
    until(async || {
        let answer = ask().await;
        let is_so = so(&answer);
        *last.lock().unwrap() = answer;
        is_so
    })
    .await;
    last.into_inner().unwrap()
}

fn model(round: u32) -> Value {
    json!({ "llm": { "default": pair(round) } })
}

/// A settings file with these sections and ports.
fn on_ports(sections: &Value, mcp: u16, api: Option<u16>) -> String {
    let mut sections = sections.clone();
    sections["servers"] = json!({ "mcp": { "port": mcp } });
    if let Some(port) = api {
        sections["servers"]["api"] = json!({ "port": port });
    }
    settings(&sections)
}

/// The instance of this role.
fn instance<'a>(instances: &'a Value, role: &str) -> &'a Value {
    let all = instances["instances"].as_array().unwrap();
    all.iter().find(|one| one["role"] == role).unwrap_or_else(|| panic!("no {role}: {instances}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_is_held_once_and_all_excludes_every_other() {
    let three = Three::start(&json!({})).await;
    let refused = |arguments: &[&str], holder: &Thoth| {
        let second = three.api.place.run(arguments);
        let said = text(&second);
        let first = format!("in use by process {} on `", holder.process());
        assert!(!second.status.success() && said.contains(&first), "{said}");
    };
    refused(&["serve", "--role", "monitor"], &three.monitor);
    refused(&["serve", "--role", "monitor,mcp"], &three.mcp);
    refused(&["serve"], &three.api);
    drop((three.api, three.mcp));
    let place = &three.monitor.place;
    let beside = text(&place.run(&["serve", "--listen", "127.0.0.1:0"]));
    assert!(beside.contains("which has the role `monitor`"), "{beside}");
    let all = Thoth::start(&settings(&model(1))).await;
    let part = text(&all.place.run(&["serve", "--role", "monitor"]));
    assert!(
        part.contains(&format!("in use by process {}", all.process())) && part.contains("(as `all`)"),
        "{part}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pdf_is_taken_once_by_the_monitor_and_known_to_the_others() {
    let three = Three::start(&json!({ "paths": { "pdf": "pdf", "notes": "notes" } })).await;
    let place = three.api.place.clone();
    let mut events = three.api.verdicts().await;
    place.drop_paper("okonkwo2024.pdf", "pdf");
    while events.named("paper").await["status"] != "indexed" {}
    // Handed in at the API, read by the monitor.
    let handed_in = place.run(&["ingest", &format!("{PAPERS}/ferreira2022.pdf")]);
    assert!(handed_in.status.success() && text(&handed_in).contains("indexed"), "{}", text(&handed_in));
    for row in three.api.papers(2).await {
        let taken = format!("status=reading id={}", row["id"].as_str().unwrap());
        let file = row["file"].as_str().unwrap();
        let read = |thoth: &Thoth| thoth.log().matches(&format!("file={file} status=reading")).count();
        assert_eq!(three.each().map(read), [0, 0, 1], "{taken}");
        assert!(place.vault().join(row["note"].as_str().unwrap()).is_file(), "{row}");
    }
    let hits = three.api.get("/api/v1/search?q=waggle%20dance").await;
    assert!(hits["hits"][0]["title"].as_str().unwrap().contains("Waggle"), "{hits}");
    let client = Client::begin(&three.mcp, format!("http://127.0.0.1:{}/mcp", three.mcp_port)).await;
    let found = client.call("search", json!({ "query": "waggle dance" })).await;
    assert!(found.to_string().contains("Waggle"), "{found}");
    // Without a monitor it waits in the queue, which the answer says; the next monitor takes it.
    drop(client);
    drop(three.monitor);
    let queued = place.run(&["ingest", &format!("{PAPERS}/lindqvist2025.pdf")]);
    assert!(text(&queued).contains("queued"), "{}", text(&queued));
    let monitor = Thoth::start_as("monitor", place, &[]).await;
    let rows = three.api.papers(3).await;
    assert!(rows.iter().all(|row| row["status"] == "indexed"), "{rows:?}\n{}", monitor.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_write_at_the_same_time_and_nothing_is_lost() {
    const EACH: usize = 8;
    let three = Three::start(&json!({ "paths": { "pdf": "pdf", "notes": "notes" } })).await;
    let folder = three.api.place.vault().join("pdf");
    std::fs::create_dir_all(&folder).unwrap();
    let paper = std::fs::read(format!("{PAPERS}/okonkwo2024.pdf")).unwrap();
    // What follows the end of a PDF makes it another file of the same paper.
    let another = |number: usize| [paper.as_slice(), format!("\n% {number}\n").as_bytes()].concat();
    let url = three.api.url("/api/v1/papers");
    let mut handed_in = tokio::task::JoinSet::new();
    for number in 0..EACH {
        let (client, url, token) = (three.api.client.clone(), url.clone(), three.api.token());
        let body = another(number);
        handed_in.spawn(async move {
            let request = client.post(format!("{url}?name=handed-{number}.pdf"));
            request.bearer_auth(token).body(body).send().await.unwrap().status().as_u16()
        });
        std::fs::write(folder.join(format!("dropped-{number}.pdf")), another(EACH + number)).unwrap();
    }
    while let Some(status) = handed_in.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    let rows = three.api.papers(2 * EACH).await;
    assert!(rows.iter().all(|row| row["status"] == "indexed"), "{rows:?}");
    for thoth in three.each() {
        let log = thoth.log();
        assert!(!log.contains("locked") && !log.contains("refused") && !log.contains("ERROR"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_reaches_all_three_and_they_agree() {
    let three = Three::start(&model(1)).await;
    let place = three.api.place.clone();
    three.save(Save::Rename, &model(2));
    three.run("m-2").await;
    let instances =
        three.instances(|now| now["agree"] == true && now["instances"][2]["generation"] == 2).await;
    let contents = ["api", "mcp", "monitor"].map(|role| instance(&instances, role)["content"].clone());
    assert!(contents[0].is_string() && contents.iter().all(|content| *content == contents[0]), "{instances}");
    for (thoth, role) in three.each().into_iter().zip(["api", "mcp", "monitor"]) {
        let one = instance(&instances, role);
        assert_eq!((&one["pid"], &one["alive"]), (&json!(thoth.process()), &json!(true)));
        assert_eq!(one["last_verdict"]["verdict"], "applied");
        assert_eq!(thoth.get("/api/v1/instances").await["agree"], true);
        assert_eq!(
            thoth.get("/api/v1/reloads?limit=1").await["reloads"][0]["verdict"],
            "applied",
            "a journal each"
        );
    }
    // The command line finds each of them, and every one of these commands works there.
    for role in ["api", "mcp", "monitor"] {
        let own = |arguments: &[&str]| place.clone().with("THOTH_ROLE", role).run(arguments);
        assert!(own(&["health"]).status.success(), "{}", text(&own(&["health"])));
        let reloaded = text(&own(&["reload"]));
        assert!(reloaded.contains("unchanged generation 2"), "{reloaded}");
    }
    let status = text(&place.run(&["status"]));
    for said in [
        "api: ok, generation 2",
        "monitor: ok, generation 2",
        "pdf        ok",
        "`m-2` at ",
        "instances agree: api, mcp, monitor",
    ] {
        assert!(status.contains(said), "{said}: {status}");
    }
    let elsewhere = three.monitor.get("/api/v1/search?q=x").await;
    assert!(elsewhere["hint"].as_str().unwrap().contains("this process runs as `monitor`"), "{elsewhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_the_api_cannot_take_is_refused_by_the_api_alone_and_told() {
    let three = Three::start(&model(1)).await;
    let place = three.api.place.clone();
    let mut watch = place.clone().with("THOTH_ROLE", "monitor").command(&["watch"]);
    let mut watch =
        watch.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let lines = lines_of(watch.stdout.take().unwrap());
    let said = |part: &str| {
        let deadline = std::time::Instant::now() + PATIENCE;
        let mut before = Vec::new();
        while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(std::time::Instant::now()))
        {
            if line.contains(part) {
                return line;
            }
            before.push(line);
        }
        panic!("never said {part}: {before:?}");
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let on = |port: u16| on_ports(&model(2), three.mcp_port, Some(port));
    Save::Rename.save(&place.settings(), &on(port));
    let instances = three
        .instances(|now| {
            now["differ"].as_array().unwrap().len() == 1 && now["differ"][0]["why"] == "refused the settings"
        })
        .await;
    assert_eq!(instances["differ"][0]["role"], "api");
    assert_eq!(instances["agree"], false);
    let problem = &instances["differ"][0]["problems"][0];
    assert_eq!(problem["message"], format!("port {port} on 127.0.0.1 is taken"), "{instances}");
    assert_ne!(instance(&instances, "api")["content"], instance(&instances, "mcp")["content"]);
    let line = said("instances differ");
    assert!(line.contains("api refused the settings") && line.contains("is taken"), "{line}");
    let shown = place.run(&["instances"]);
    assert!(
        shown.status.code() == Some(1) && text(&shown).contains("instances differ: api refused"),
        "{}",
        text(&shown)
    );
    for thoth in [&three.mcp, &three.monitor] {
        assert_eq!(thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"], "m-2");
        agreement(thoth, |now| now["agree"] == false).await;
    }
    assert_eq!(three.api.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"], "m-1");
    Save::InPlace.save(&place.settings(), &on(free_port()));
    three.run("m-2").await;
    three.instances(|now| now["agree"] == true).await;
    assert!(said("instances agree").contains("api, mcp, monitor"));
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_killed_is_seen_to_be_gone_and_comes_back() {
    let three = Three::start(&model(1)).await;
    let place = three.api.place.clone();
    let before = three.monitor.process();
    let Three { api, mcp, monitor, mcp_port } = three;
    drop(monitor.kill());
    let instances = agreement(&api, |now| instance(now, "monitor")["alive"] == false).await;
    assert_eq!(
        (&instances["agree"], &instance(&instances, "monitor")["pid"]),
        (&json!(false), &json!(before))
    );
    assert_eq!(instances["differ"][0]["role"], "monitor", "{instances}");
    let gone = place.clone().with("THOTH_ROLE", "monitor").run(&["health"]);
    assert!(!gone.status.success(), "nobody answers in place of the monitor: {}", text(&gone));
    let told = place.run(&["instances"]);
    let said = text(&told);
    assert!(
        !told.status.success() && said.contains("monitor is gone (it was process") && !said.contains("agree"),
        "{said}"
    );
    until(async || api.log().contains("monitor is gone")).await;
    // What is saved meanwhile is what it starts with.
    Save::Rename.save(&place.settings(), &on_ports(&model(7), mcp_port, None));
    let monitor = Thoth::start_as("monitor", place.clone(), &[]).await;
    let three = Three { api, mcp, monitor, mcp_port };
    three.run("m-7").await;
    let instances = three.instances(|now| now["agree"] == true).await;
    assert_eq!(instance(&instances, "monitor")["alive"], true);
    // One that ends in order leaves nothing.
    let Three { api, mcp, monitor, .. } = three;
    monitor.terminate();
    let instances = api.get("/api/v1/instances").await;
    assert_eq!(instances["instances"].as_array().unwrap().len(), 2, "{instances}");
    assert_eq!((&instances["agree"], &instances["vacant"]), (&json!(true), &json!(["monitor"])));
    let said = text(&place.run(&["instances"]));
    assert!(said.contains("no process has the role `monitor`") && !said.contains("agree"), "{said}");
    drop(mcp);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_monitor_builds_another_recipe_and_the_api_takes_it_over_by_itself() {
    let sizes = |round: u32, size: u32| json!({ "llm": { "default": pair(round) }, "rag": { "chunkSize": size, "chunkOverlap": 20 }, "paths": { "pdf": "pdf" } });
    let three = Three::start(&sizes(1, 800)).await;
    for paper in ["okonkwo2024.pdf", "ferreira2022.pdf", "lindqvist2025.pdf"] {
        three.api.place.drop_paper(paper, "pdf");
    }
    three.api.papers(3).await;
    for (round, (save, size)) in (2..).zip([(Save::Rename, 200), (Save::InPlace, 400)]) {
        three.save(save, &sizes(round, size));
        let runs = format!("chunks of {size} tokens");
        for thoth in three.each() {
            let rag = async || thoth.get("/health").await["services"]["rag"].clone();
            until(async || {
                let hits = three.api.get("/api/v1/search?q=waggle%20dance&limit=3").await;
                assert!(
                    hits["hits"][0]["title"].as_str().is_some_and(|title| title.contains("Waggle")),
                    "{hits}"
                );
                let rag = rag().await;
                rag["status"] == "ok" && rag["runs"].as_str().unwrap().contains(&runs)
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_without_a_watch_differs_until_it_is_told_to_read() {
    let place = Place::new();
    std::fs::write(place.settings(), settings(&model(1))).unwrap();
    let blind = place.clone().with("THOTH_HOT_RELOAD", "0");
    let (api, monitor) = tokio::join!(
        Thoth::start_as("api", place.clone(), &["--listen", "127.0.0.1:0"]),
        Thoth::start_as("monitor", blind, &[]),
    );
    Save::Rename.save(&place.settings(), &settings(&model(2)));
    let differ = agreement(&api, |now| now["differ"][0]["role"] == "monitor").await["differ"].clone();
    assert!(differ[0]["why"].as_str().unwrap().contains("THOTH_HOT_RELOAD=0"), "{differ}");
    let reloaded = place.clone().with("THOTH_ROLE", "monitor").run(&["reload"]);
    assert!(text(&reloaded).contains("applied generation 2"), "{}", text(&reloaded));
    agreement(&api, |now| now["agree"] == true).await;
    drop(monitor);
}

#[tokio::test(flavor = "multi_thread")]
async fn alone_it_is_one_instance_and_the_status_tells_everything() {
    let nobody = Place::new();
    let said = nobody.run(&["status"]);
    assert!(
        !said.status.success() && text(&said).contains("no server runs for this vault"),
        "{}",
        text(&said)
    );
    let sections =
        json!({ "llm": { "default": pair(1) }, "apiKeys": { "openrouterKey": "sk-or-v1-secret" } });
    let thoth = Thoth::start(&settings(&sections)).await;
    thoth
        .save(
            Save::Rename,
            &settings(&json!({ "llm": { "default": pair(2) }, "logging": { "level": "DEBUG" } })),
        )
        .await;
    let instances = thoth.place.run(&["instances"]);
    assert!(
        instances.status.success() && text(&instances).contains("one instance: all"),
        "{}",
        text(&instances)
    );
    let health = thoth.get("/health").await;
    let check = |name: &str, since: u64, runs: &str| {
        let service = &health["services"][name];
        assert_eq!(service["since"], since, "{name}: {health}");
        assert!(service["runs"].as_str().unwrap().contains(runs), "{name}: {health}");
    };
    check("llm", 2, "`m-2` at openrouter.ai");
    check("rag", 2, "chunks of 1000 tokens");
    check("http", 1, &thoth.address());
    check("ports", 1, &thoth.address());
    check("pdf", 1, "thoth/papers/pdfs");
    check("log", 2, "level DEBUG");
    let status = text(&thoth.place.run(&["status"]));
    for said in [
        "all: ok, generation 2",
        "since 2    level DEBUG",
        "watch      runs (inotify+poll)",
        "#2 applied generation 2",
    ] {
        assert!(status.contains(said), "{said}: {status}");
    }
    let json = text(&thoth.place.run(&["status", "--json"]));
    assert!(json.contains("\"running\": true") && !json.contains("sk-or"), "{json}");
    thoth.save(Save::Rename, "{").await;
    assert!(text(&thoth.place.run(&["status"])).contains("the file is not what runs"));
}
