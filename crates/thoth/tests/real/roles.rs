//! Several processes on one vault and one state directory.

use serde_json::{Value, json};

use crate::support::{Place, Thoth, settings, text};

/// The three of a development set-up, on one place.
struct Three {
    api: Thoth,
    mcp: Thoth,
    monitor: Thoth,
}

impl Three {
    async fn start(sections: &Value) -> Self {
        let place = Place::new();
        std::fs::write(place.settings(), settings(sections)).unwrap();
        let (api, mcp, monitor) = tokio::join!(
            Thoth::start_as("api", place.clone(), &["--listen", "127.0.0.1:0"]),
            Thoth::start_as("mcp", place.clone(), &["--listen", "127.0.0.1:0"]),
            Thoth::start_as("monitor", place.clone(), &[]),
        );
        Self { api, mcp, monitor }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_is_held_once_and_all_excludes_every_other() {
    let three = Three::start(&json!({})).await;
    let refused = |role: &str, holder: &Thoth| {
        let second = three.api.place.run(&["serve", "--role", role, "--listen", "127.0.0.1:0"]);
        let said = text(&second);
        assert!(
            !second.status.success()
                && said.contains(&format!("in use by process {} on `", holder.process())),
            "{said}"
        );
    };
    refused("monitor", &three.monitor);
    refused("mcp", &three.mcp);
    refused("all", &three.api);
    // A command that would work on the state directly is no exception.
    drop((three.api, three.mcp));
    let beside = three.monitor.place.run(&["serve", "--role", "all", "--listen", "127.0.0.1:0"]);
    assert!(text(&beside).contains("which has the role `monitor`"), "{}", text(&beside));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pdf_is_taken_once_by_the_monitor_and_found_by_the_others() {
    let three = Three::start(&json!({ "paths": { "pdf": "pdf", "notes": "notes" } })).await;
    three.api.place.drop_paper("okonkwo2024.pdf", "pdf");
    let rows = three.api.papers(1).await;
    assert_eq!(rows[0]["status"], "indexed", "{rows:?}");
    let hits = three.api.get("/api/v1/search?q=waggle%20dance").await;
    assert!(hits["hits"][0]["title"].as_str().unwrap().contains("Waggle"), "{hits}");
}
