//! `kubernetes/thoth.yaml`: what it says fits together and is restricted, and the real binary lives in its layout.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Place, Thoth, installed, service, text};

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../kubernetes/thoth.yaml");

/// The objects of the manifest.
fn objects() -> Vec<Value> {
    let text = std::fs::read_to_string(MANIFEST).unwrap();
    serde_yaml::Deserializer::from_str(&text).map(|one| Value::deserialize(one).unwrap()).collect()
}

fn object(kind: &str) -> Value {
    objects().into_iter().find(|object| object["kind"] == kind).expect(kind)
}

fn names(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn its_parts_fit_together() {
    let (set, service, claim) = (object("StatefulSet"), object("Service"), object("PersistentVolumeClaim"));
    let pod = &set["spec"]["template"];
    let (spec, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
    assert_eq!(set["spec"]["replicas"], 1, "one process on one state");
    assert_eq!(set["spec"]["selector"]["matchLabels"], pod["metadata"]["labels"]);
    assert_eq!(service["spec"]["selector"], pod["metadata"]["labels"]);
    assert_eq!(set["spec"]["serviceName"], service["metadata"]["name"]);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], container["ports"][0]["name"]);

    let mut volumes = names(&spec["volumes"]);
    volumes.extend(
        set["spec"]["volumeClaimTemplates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|claim| claim["metadata"]["name"].as_str().unwrap().to_owned()),
    );
    assert_eq!(names(&container["volumeMounts"]), volumes, "each is mounted, and nothing else is");
    let volume = |name: &str| {
        let volumes = spec["volumes"].as_array().unwrap();
        volumes.iter().find(|volume| volume["name"] == name).unwrap().clone()
    };
    assert_eq!(volume("settings")["configMap"]["name"], object("ConfigMap")["metadata"]["name"]);
    assert_eq!(volume("vault")["persistentVolumeClaim"]["claimName"], claim["metadata"]["name"]);
    assert_eq!(volume("keys")["secret"]["optional"], true, "it starts without any key");
    let mounts = container["volumeMounts"].as_array().unwrap();
    assert!(
        mounts.iter().all(|mount| mount["subPath"].is_null()),
        "a single file would not follow its ConfigMap"
    );
    for variable in container["env"].as_array().unwrap() {
        let value = variable["value"].as_str().expect("a string, as Kubernetes wants it");
        let is_mounted = mounts.iter().any(|mount| value.starts_with(mount["mountPath"].as_str().unwrap()));
        assert_eq!(value.starts_with('/'), is_mounted, "{variable}");
    }
}

#[test]
fn it_is_restricted_as_the_strictest_standard_for_pods_wants_it() {
    let set = object("StatefulSet");
    let spec = &set["spec"]["template"]["spec"];
    let container = &spec["containers"][0]["securityContext"];
    assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
    assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["capabilities"], json!({ "drop": ["ALL"] }));
    assert_eq!(container["readOnlyRootFilesystem"], true);
    assert_eq!(spec["automountServiceAccountToken"], false);
    for host in ["hostNetwork", "hostPID", "hostIPC"] {
        assert_eq!(spec[host], Value::Null);
    }
    let allowed = ["configMap", "secret", "persistentVolumeClaim", "emptyDir"];
    for volume in spec["volumes"].as_array().unwrap() {
        let kind = volume.as_object().unwrap().keys().find(|key| *key != "name").unwrap();
        assert!(allowed.contains(&kind.as_str()), "{volume}");
    }
}

/// Everything of `ours` that `theirs` does not have: a field that Kubernetes does not know is not in what it gives back.
fn lost(ours: &Value, theirs: &Value, path: &str, found: &mut Vec<String>) {
    match ours {
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(name, value)| lost(value, &theirs[name], &format!("{path}.{name}"), found));
        }
        Value::Array(entries) => {
            let entries = entries.iter().enumerate();
            entries
                .for_each(|(index, value)| lost(value, &theirs[index], &format!("{path}[{index}]"), found));
        }
        value if value != theirs => found.push(format!("{path}: {value} became {theirs}")),
        _ => {}
    }
}

#[test]
fn kubectl_knows_every_field_of_the_set() {
    if !installed("kubectl") {
        return;
    }
    let place = Place::new();
    let check = |set: &Value| -> Vec<String> {
        let file = place.folder.path().join("set.json");
        // With another image, which is put right again: where nothing is to be done, nothing is printed.
        let mut other = set.clone();
        other["spec"]["template"]["spec"]["containers"][0]["image"] = json!("other");
        std::fs::write(&file, other.to_string()).unwrap();
        // No cluster is asked: this goes through the types that are compiled into `kubectl`.
        let mut kubectl = Command::new("kubectl");
        kubectl
            .args(["set", "image", "--local", "--output=json", "thoth=thoth:local", "--filename"])
            .arg(&file);
        let given = kubectl.env("KUBECONFIG", "/dev/null").output().unwrap();
        assert!(given.status.success(), "{}", text(&given));
        let mut found = Vec::new();
        lost(set, &serde_json::from_slice(&given.stdout).unwrap(), "", &mut found);
        found
    };
    let mut set = object("StatefulSet");
    assert_eq!(check(&set), [""; 0]);
    set["spec"]["template"]["spec"]["containers"][0]["readinessTest"] = json!({ "periodSeconds": 1 });
    assert_eq!(check(&set).len(), 1, "this test would see a field that is misspelt");
}

/// A mounted ConfigMap or Secret as the kubelet writes it: files are links into `..data`, which is a link to a folder of
/// this version, and is replaced in one step.
struct Mount<'a> {
    folder: &'a Path,
    name: &'a str,
}

impl Mount<'_> {
    fn write(&self, version: u32, content: &str) {
        let before = std::fs::read_link(self.folder.join("..data"));
        let data = format!("..2026_11_24_10_00_00.{version}");
        std::fs::create_dir_all(self.folder.join(&data)).unwrap();
        std::fs::write(self.folder.join(&data).join(self.name), content).unwrap();
        symlink(&data, self.folder.join("..data_tmp")).unwrap();
        std::fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data")).unwrap();
        match before {
            Ok(before) => std::fs::remove_dir_all(self.folder.join(before)).unwrap(),
            Err(_) => symlink(Path::new("..data").join(self.name), self.folder.join(self.name)).unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_follows_the_config_map_and_the_secret_in_this_layout() {
    let settings = object("ConfigMap")["data"]["settings.json"].as_str().unwrap().to_owned();
    let mut place = Place::new();
    let root = place.folder.path().to_owned();
    let set = object("StatefulSet");
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    for variable in container["env"].as_array().unwrap() {
        let (name, value) = (variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap());
        // These two are about a network of its own, which a test on loopback has not.
        if !matches!(name, "THOTH_DOCKER" | "THOTH_PUBLISHED_PORT") {
            let there =
                if value.starts_with('/') { format!("{}{value}", root.display()) } else { value.to_owned() };
            place = place.with(name, &there);
        }
    }
    let (config, keys) = (root.join("config"), root.join("keys"));
    for folder in [&config, &keys] {
        std::fs::create_dir(folder).unwrap();
    }
    let (config, keys) =
        (Mount { folder: &config, name: "settings.json" }, Mount { folder: &keys, name: "openrouterKey" });
    config.write(1, &settings);
    keys.write(1, "sk-or-v1-first");
    let checked =
        place.run(&["settings", "check", root.join("config/settings.json").to_str().unwrap(), "--json"]);
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&checked["problems"], &checked["warnings"]), (&json!([]), &json!([])));

    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    let probe = |name: &'static str| {
        let path = container[name]["httpGet"]["path"].as_str().unwrap();
        let request = thoth.client.get(thoth.url(path)).send();
        async { request.await.unwrap().status().as_u16() }
    };
    let model = async || thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"].clone();
    let mut verdicts = thoth.verdicts().await;
    let with = |model: &str| settings.replace("google/gemini-2.5-flash", model);
    for (version, content, decision, live) in [
        (2, with("m-2"), "applied", "m-2"),
        (3, with("m-3").replace("temperature", "temprature"), "rejected", "m-2"),
        (4, "{ \"llm\":".to_owned(), "rejected", "m-2"),
        (5, with("m-5"), "applied", "m-5"),
    ] {
        config.write(version, &content);
        let verdict = verdicts.next().await;
        assert_eq!(verdict["verdict"], decision, "{version}: {verdict}");
        assert_eq!(model().await, live);
        for name in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert_eq!(probe(name).await, 200, "{name}: nobody is killed over a typing error");
        }
    }
    // Nobody has to ask: the secret is watched as the settings are.
    keys.write(2, "sk-or-v1-second");
    let verdict = verdicts.next().await;
    assert_eq!(service(&verdict, "llm"), Some(("rebuilt", "a secret changed")), "{verdict}");
    assert_eq!(verdict["id"], 6, "one verdict for each swap, and no other");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_usable_settings_it_waits_and_is_not_killed() {
    let set = object("StatefulSet");
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let thoth = Thoth::start("{ \"llm\": 7 }").await;
    for (probe, status) in [("startupProbe", 200), ("livenessProbe", 200), ("readinessProbe", 503)] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        let answer = thoth.client.get(thoth.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{probe}");
    }
}
