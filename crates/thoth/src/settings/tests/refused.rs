//! Files that are refused: at least three of every kind, each with path, line, column and message.

use super::{Expected, compare, home, running};

fn check(cases: &[(&str, &[Expected])]) {
    let home = home();
    for (text, expected) in cases {
        let problems =
            running(text, &home).map(|accepted| accepted.settings).expect_err(&format!("accepted: {text}"));
        compare(text, &problems, expected);
    }
}

#[test]
fn wrong_types() {
    check(&[
        (
            r#"{"llm": {"default": {"temperature": "0.7"}}}"#,
            &[("llm.default.temperature", 1, 37, "without quotes: `0.7`")],
        ),
        (
            r#"{"llm": {"default": {"model": 5}}}"#,
            &[("llm.default.model", 1, 31, "must be a string, not a number (write it in quotes: `\"5\"`)")],
        ),
        (
            r#"{"llm": {"default": {"model": null}}}"#,
            &[("llm.default.model", 1, 31, "not null (leave the key out")],
        ),
        (
            r#"{"llm": {"default": {"maxOutputTokens": 4000.0}}}"#,
            &[("llm.default.maxOutputTokens", 1, 41, "`4000.0` is not a whole number (write `4000`)")],
        ),
        (
            r#"{"rag": {"chunkSize": 1e3}}"#,
            &[("rag.chunkSize", 1, 23, "`1e3` is not a whole number (write `1000`)")],
        ),
        (r#"{"rag": {"chunkSize": -5}}"#, &[("rag.chunkSize", 1, 23, "`-5` is below 0")]),
        (r#"{"rag": {"chunkSize": 1000.5}}"#, &[("rag.chunkSize", 1, 23, "not a whole number")]),
        (r#"{"rag": {"chunkSize": "1000"}}"#, &[("rag.chunkSize", 1, 23, "without quotes: `1000`")]),
        (r#"{"rag": {"chunkSize": [1000]}}"#, &[("rag.chunkSize", 1, 23, "not a list")]),
        (r#"{"rag": {"chunkSize": true}}"#, &[("rag.chunkSize", 1, 23, "not a boolean")]),
        (
            r#"{"rag": {"rerankingEnabled": "true"}}"#,
            &[("rag.rerankingEnabled", 1, 30, "write `true`, without quotes")],
        ),
        (
            r#"{"rag": {"rerankingEnabled": 1}}"#,
            &[("rag.rerankingEnabled", 1, 30, "write `true` or `false`")],
        ),
        (r#"{"rag": {"rerankingEnabled": "off"}}"#, &[("rag.rerankingEnabled", 1, 30, "write `false`")]),
        (r#"{"servers": {"api": {"port": "8000"}}}"#, &[("servers.api.port", 1, 30, "without quotes")]),
        (
            r#"{"servers": {"api": {"allowedHosts": "a.example"}}}"#,
            &[("servers.api.allowedHosts", 1, 38, "write a list: `[\"a.example\"]`")],
        ),
        (
            r#"{"servers": {"api": {"allowedHosts": ["a", 1]}}}"#,
            &[("servers.api.allowedHosts", 1, 38, "nothing but strings")],
        ),
        (r#"{"paths": {"pdf": ["a", "b"]}}"#, &[("paths.pdf", 1, 19, "must be a string, not a list")]),
        (
            r#"{"llm": {"researchAgent": {"model": ["a"]}}}"#,
            &[("llm.researchAgent.model", 1, 37, "must be a string, not a list")],
        ),
        (r#"{"version": 1}"#, &[("version", 1, 13, "must be a string or null")]),
        // Also where the feature is lacking.
        (
            r#"{"discovery": {"rateLimitDelay": "1"}, "postgres": {"enabled": 1}}"#,
            &[
                ("discovery.rateLimitDelay", 1, 34, "without quotes"),
                ("postgres.enabled", 1, 64, "true or false"),
            ],
        ),
        (r#"{"apiGateway": {"endpoints": []}}"#, &[("apiGateway.endpoints", 1, 30, "must be an object")]),
    ]);
}

#[test]
fn a_section_that_is_no_object() {
    check(&[
        (r#"{"llm": "gpt-4"}"#, &[("llm", 1, 9, "must be an object, not a string")]),
        (r#"{"rag": {"qa": 4}}"#, &[("rag.qa", 1, 16, "must be an object, not a number")]),
        (r#"{"servers": []}"#, &[("servers", 1, 13, "must be an object, not a list")]),
        (r#"{"paths": null}"#, &[("paths", 1, 11, "must be an object, not null")]),
        (
            r#"{"llm": {"default": {"model": {"name": "x"}}}}"#,
            &[("llm.default.model", 1, 31, "must be a string, not an object")],
        ),
    ]);
}

#[test]
fn typing_errors() {
    check(&[
        (
            r#"{"llm": {"default": {"temprature": 0.7}}}"#,
            &[("llm.default.temprature", 1, 22, "did you mean `temperature`?")],
        ),
        (r#"{"llm": {"default": {"modle": "x"}}}"#, &[("llm.default.modle", 1, 22, "did you mean `model`?")]),
        (r#"{"llm": {"defualt": {}}}"#, &[("llm.defualt", 1, 10, "did you mean `default`?")]),
        (r#"{"ragg": {"chunkSize": 500}}"#, &[("ragg", 1, 2, "did you mean `rag`?")]),
        (r#"{"rag": {"chunksize": 500}}"#, &[("rag.chunksize", 1, 10, "did you mean `chunkSize`?")]),
        (r#"{"rag": {"chunk-size": 500}}"#, &[("rag.chunk-size", 1, 10, "did you mean `chunkSize`?")]),
        (r#"{"RAG": {"chunkSize": 500}}"#, &[("RAG", 1, 2, "did you mean `rag`?")]),
        (r#"{"path": {"pdf": "x"}}"#, &[("path", 1, 2, "did you mean `paths`?")]),
        (r#"{"server": {"api": {"port": 1}}}"#, &[("server", 1, 2, "did you mean `servers`?")]),
        (r#"{"servers": {"api": {"prot": 8100}}}"#, &[("servers.api.prot", 1, 22, "did you mean `port`?")]),
        (
            r#"{"loging": {"level": "INFO"}, "realod": {}}"#,
            &[("loging", 1, 2, "`logging`"), ("realod", 1, 31, "`reload`")],
        ),
        (r#"{"llmConfg": {"default": {}}}"#, &[("llmConfg", 1, 2, "did you mean `llm`?")]),
        (
            r#"{"apiKeys": {"openRouterKey": "k"}}"#,
            &[("apiKeys.openRouterKey", 1, 14, "did you mean `openrouterKey`?")],
        ),
        (
            r#"{"rag": {"qa": {"retreivalK": 4}}}"#,
            &[("rag.qa.retreivalK", 1, 17, "did you mean `retrievalK`?")],
        ),
    ]);
}

#[test]
fn out_of_bounds() {
    check(&[
        (
            r#"{"llm": {"default": {"temperature": 3}}}"#,
            &[("llm.default.temperature", 1, 37, "`3` is not within 0 to 2")],
        ),
        (
            r#"{"llm": {"default": {"temperature": -0.1, "topP": 1.01}}}"#,
            &[("llm.default.temperature", 1, 37, "0 to 2"), ("llm.default.topP", 1, 51, "0 to 1")],
        ),
        (
            r#"{"llm": {"default": {"maxOutputTokens": 0}}}"#,
            &[("llm.default.maxOutputTokens", 1, 41, "not within 1 to")],
        ),
        (
            r#"{"rag": {"chunkSize": 99, "chunkOverlap": 0}}"#,
            &[("rag.chunkSize", 1, 23, "`99` is not within 100 to")],
        ),
        (r#"{"rag": {"qa": {"retrievalK": 0}}}"#, &[("rag.qa.retrievalK", 1, 31, "not within 1 to")]),
        (
            r#"{"rag": {"hybridVectorWeight": 1.5, "hybridTextWeight": -1}}"#,
            &[("rag.hybridVectorWeight", 1, 32, "0 to 1"), ("rag.hybridTextWeight", 1, 57, "0 to 1")],
        ),
        (
            r#"{"rag": {"agenticRetrieval": {"maxStripsPerDocument": 4}}}"#,
            &[("rag.agenticRetrieval.maxStripsPerDocument", 1, 55, "5 to 50")],
        ),
        (r#"{"servers": {"api": {"port": 0}}}"#, &[("servers.api.port", 1, 30, "1 to 65535")]),
        (r#"{"servers": {"api": {"port": 80000}}}"#, &[("servers.api.port", 1, 30, "1 to 65535")]),
        (r#"{"servers": {"mcp": {"port": 65536}}}"#, &[("servers.mcp.port", 1, 30, "1 to 65535")]),
        (r#"{"reload": {"pollMs": 0}}"#, &[("reload.pollMs", 1, 23, "10 to 60000")]),
        (
            r#"{"reload": {"historyMax": 0, "settleMs": 99999999}}"#,
            &[("reload.historyMax", 1, 27, "1 to"), ("reload.settleMs", 1, 42, "0 to")],
        ),
        (
            r#"{"memory": {"letta": {"coreMemoryLimit": 99}}}"#,
            &[("memory.letta.coreMemoryLimit", 1, 42, "less than 100")],
        ),
        (
            r#"{"citation": {"processing": {"batchSize": 21}}}"#,
            &[("citation.processing.batchSize", 1, 43, "1 to 20")],
        ),
        (
            r#"{"llm": {"default": {"retriesMax": 99999999999999999999}}}"#,
            &[("llm.default.retriesMax", 1, 36, "not a whole number")],
        ),
    ]);
}

#[test]
fn not_one_of_the_names() {
    check(&[
        (r#"{"logging": {"level": "info"}}"#, &[("logging.level", 1, 23, "did you mean `INFO`?")]),
        (r#"{"logging": {"level": "WARN"}}"#, &[("logging.level", 1, 23, "is not one of `DEBUG`, `INFO`")]),
        (r#"{"logging": {"level": ""}}"#, &[("logging.level", 1, 23, "the default is `INFO`")]),
        (
            r#"{"logging": {"console": {"level": "VERBOSE"}}}"#,
            &[("logging.console.level", 1, 35, "is not one of")],
        ),
        (
            r#"{"citation": {"style": "ieee", "linkFormat": "html"}}"#,
            &[
                ("citation.style", 1, 24, "did you mean `IEEE`?"),
                ("citation.linkFormat", 1, 46, "is not one of"),
            ],
        ),
        (
            r#"{"rag": {"rerankerProvider": "Cohere"}}"#,
            &[("rag.rerankerProvider", 1, 30, "did you mean `cohere`?")],
        ),
    ]);
}

#[test]
fn names_urls_and_hosts() {
    check(&[
        (r#"{"llm": {"default": {"model": ""}}}"#, &[("llm.default.model", 1, 31, "must not be blank")]),
        (r#"{"llm": {"default": {"model": "  "}}}"#, &[("llm.default.model", 1, 31, "must not be blank")]),
        (r#"{"llm": {"citation": {"model": "\t"}}}"#, &[("llm.citation.model", 1, 32, "must not be blank")]),
        (
            r#"{"llm": {"tagConsolidator": {"mapModel": ""}}}"#,
            &[("llm.tagConsolidator.mapModel", 1, 42, "must not be blank")],
        ),
        (
            r#"{"llm": {"default": {"baseUrl": "openrouter.ai/api"}}}"#,
            &[("llm.default.baseUrl", 1, 33, "is not a URL")],
        ),
        (
            r#"{"llm": {"default": {"baseUrl": "localhost:11434/v1"}}}"#,
            &[("llm.default.baseUrl", 1, 33, "must begin with `http://`")],
        ),
        (
            r#"{"llm": {"default": {"baseUrl": "ftp://x/"}}}"#,
            &[("llm.default.baseUrl", 1, 33, "must begin with `http://`")],
        ),
        (
            r#"{"llm": {"default": {"baseUrl": "https://"}}}"#,
            &[("llm.default.baseUrl", 1, 33, "is not a URL")],
        ),
        (
            r#"{"llm": {"default": {"baseUrl": "https:///v1"}}}"#,
            &[("llm.default.baseUrl", 1, 33, "names no host")],
        ),
        (
            r#"{"llm": {"default": {"baseUrl": "http:/x"}}}"#,
            &[("llm.default.baseUrl", 1, 33, "must begin with")],
        ),
        (r#"{"llm": {"default": {"baseUrl": ""}}}"#, &[("llm.default.baseUrl", 1, 33, "is not a URL")]),
        (
            r#"{"llm": {"default": {"baseUrl": "https://me:pw@x/"}}}"#,
            &[("llm.default.baseUrl", 1, 33, "a name or a password")],
        ),
        (
            r#"{"llm": {"default": {"baseUrl": "https://x/?key=1"}}}"#,
            &[("llm.default.baseUrl", 1, 33, "after `?`")],
        ),
        (
            r#"{"llm": {"default": {"baseUrl": "http://x:99999/"}}}"#,
            &[("llm.default.baseUrl", 1, 33, "is not a URL")],
        ),
        (
            r#"{"memory": {"letta": {"serverUrl": "letta"}}}"#,
            &[("memory.letta.serverUrl", 1, 36, "is not a URL")],
        ),
        (
            r#"{"servers": {"api": {"host": "http://localhost"}}}"#,
            &[("servers.api.host", 1, 30, "not an address to listen on")],
        ),
        (
            r#"{"servers": {"api": {"host": "256.1.1.1"}}}"#,
            &[("servers.api.host", 1, 30, "not an address to listen on")],
        ),
        (
            r#"{"servers": {"api": {"host": ""}}}"#,
            &[("servers.api.host", 1, 30, "not an address to listen on")],
        ),
        (
            r#"{"servers": {"api": {"host": "localhost:8000"}}}"#,
            &[("servers.api.host", 1, 30, "not an address to listen on")],
        ),
        (
            r#"{"servers": {"mcp": {"host": "my host"}}}"#,
            &[("servers.mcp.host", 1, 30, "not an address to listen on")],
        ),
        (
            r#"{"servers": {"api": {"allowedHosts": ["good.example", "http://bad", "a:1", ""]}}}"#,
            &[("servers.api.allowedHosts[1]", 1, 55, "`http://bad`")],
        ),
        (r#"{"servers": {"api": {"baseUrl": "/api"}}}"#, &[("servers.api.baseUrl", 1, 33, "is not a URL")]),
    ]);
}

#[test]
fn paths() {
    check(&[
        (r#"{"paths": {"pdf": ""}}"#, &[("paths.pdf", 1, 19, "must not be empty")]),
        (r#"{"paths": {"notes": "  "}}"#, &[("paths.notes", 1, 21, "must not be empty")]),
        (r#"{"paths": {"pdf": "a\u0000b"}}"#, &[("paths.pdf", 1, 19, "control character")]),
        (r#"{"paths": {"pdf": "a\nb"}}"#, &[("paths.pdf", 1, 19, "control character")]),
        (r#"{"paths": {"pdf": "../outside"}}"#, &[("paths.pdf", 1, 19, "lies outside the vault")]),
        (r#"{"paths": {"pdf": "/etc"}}"#, &[("paths.pdf", 1, 19, "lies outside the vault")]),
        (r#"{"paths": {"pdf": "papers/../../x"}}"#, &[("paths.pdf", 1, 19, "`\"allowOutside\": true`")]),
        (r#"{"paths": {"notes": "/vault/../x"}}"#, &[("paths.notes", 1, 21, "lies outside the vault")]),
        (r#"{"paths": {"notes": "/vaults/x"}}"#, &[("paths.notes", 1, 21, "lies outside the vault")]),
        (
            r#"{"paths": {"prompts": "/tmp/x", "logs": ""}}"#,
            &[("paths.prompts", 1, 23, "lies outside the vault"), ("paths.logs", 1, 41, "must not be empty")],
        ),
        (
            r#"{"paths": {"discovery": {"sources": "../../x"}}}"#,
            &[("paths.discovery.sources", 1, 37, "lies outside the vault")],
        ),
        (r#"{"paths": {"pdf": "~/papers"}}"#, &[("paths.pdf", 1, 19, "`~` has no meaning")]),
        (r#"{"paths": {"pdf": "C:\\Users\\me\\papers"}}"#, &[("paths.pdf", 1, 19, "a path of Windows")]),
        (r#"{"paths": {"pdf": "\\\\server\\share"}}"#, &[("paths.pdf", 1, 19, "a path of Windows")]),
    ]);
}

#[test]
fn folders_that_cannot_be() {
    let home = home();
    let root = home.vault.root();
    std::fs::write(root.join("a-file"), "").expect("a file");
    let outside = home.folder.path().join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    std::os::unix::fs::symlink(&outside, root.join("link")).expect("a link");
    std::os::unix::fs::symlink(root.join("nowhere"), root.join("dangling")).expect("a link");
    let cases: &[(&str, &[Expected])] = &[
        (r#"{"paths": {"pdf": "a-file"}}"#, &[("paths.pdf", 1, 19, "`my vault/a-file` is not a folder")]),
        (r#"{"paths": {"workspace": "a-file/below"}}"#, &[("paths.workspace", 1, 25, "is not a folder")]),
        (r#"{"paths": {"notes": "link"}}"#, &[("paths.notes", 1, 21, "by a link")]),
        (r#"{"paths": {"notes": "link/deeper/notes"}}"#, &[("paths.notes", 1, 21, "by a link")]),
        (r#"{"paths": {"workspace": "dangling"}}"#, &[("paths.workspace", 1, 25, "is not a folder")]),
    ];
    for (text, expected) in cases {
        let problems = running(text, &home).map(|accepted| accepted.settings).expect_err(text);
        let shown: Vec<_> = problems
            .into_iter()
            .map(|mut problem| {
                problem.message = problem.message.replace(
                    &format!("{}/", home.folder.path().canonicalize().expect("it exists").display()),
                    "",
                );
                problem
            })
            .collect();
        compare(text, &shown, expected);
    }
    let inside = std::fs::read_dir(root).expect("the vault").count();
    assert_eq!(inside, 3, "a check makes nothing");
}

#[test]
fn across_keys() {
    check(&[
        (
            r#"{"rag": {"chunkSize": 500, "chunkOverlap": 500}}"#,
            &[("rag.chunkOverlap", 1, 44, "chunks of 500 tokens cannot overlap by 500")],
        ),
        (r#"{"rag": {"chunkSize": 150}}"#, &[("rag.chunkSize", 1, 23, "cannot overlap by 200 by default")]),
        (r#"{"rag": {"chunkOverlap": 1000}}"#, &[("rag.chunkOverlap", 1, 26, "chunks of 1000 tokens")]),
        (
            r#"{"servers": {"api": {"port": 8001}, "mcp": {"port": 8001, "host": "127.0.0.1", "enabled": true}}}"#,
            &[("servers.mcp.port", 1, 53, "`servers.api`'s already")],
        ),
        (
            r#"{"servers": {"api": {"port": 8001}, "mcp": {"enabled": true}}}"#,
            &[("servers.api.port", 1, 30, "port 8001 is `servers.mcp`'s already")],
        ),
        (
            r#"{"servers": {"mcp": {"enabled": true, "port": 8000}}}"#,
            &[("servers.mcp.port", 1, 47, "port 8000 is `servers.api`'s already")],
        ),
        (
            r#"{"servers": {"api": {"port": 9000, "host": "0.0.0.0"}, "mcp": {"port": 9000, "host": "10.0.0.1", "enabled": true}}}"#,
            &[("servers.mcp.port", 1, 72, "port 9000 is")],
        ),
        (
            r#"{"servers": {"mcp": {"port": 8765, "enabled": true}}, "discovery": {"chromeExtension": {"port": 8765}}}"#,
            &[("discovery.chromeExtension.port", 1, 97, "`servers.mcp`'s already")],
        ),
    ]);
}

#[test]
fn one_setting_in_two_spellings() {
    check(&[
        (
            "{\"llm\": {},\n \"llmConfig\": {\"default\": {\"temperature\": 1}}}",
            &[("llmConfig", 2, 2, "the same setting, `llm`, stands in line 1, column 2")],
        ),
        (
            r#"{"paths": {"pdf": "a", "pdfDir": "b"}}"#,
            &[("paths.pdfDir", 1, 24, "`paths.pdf`, stands in line 1, column 12")],
        ),
        (
            r#"{"rag": {"chunk_size": 500, "chunkSize": 500}}"#,
            &[("rag.chunkSize", 1, 29, "the same setting")],
        ),
        (
            r#"{"llm": {"default": {"temperature": 1}, "temperature": 1}}"#,
            &[("llm.temperature", 1, 41, "`llm.default.temperature`")],
        ),
        (
            r#"{"rag": {"topK": 3, "qa": {"retrieval_k": 4}}}"#,
            &[("rag.qa.retrieval_k", 1, 28, "`rag.qa.retrievalK`")],
        ),
        (r#"{"llm": {}, "llm": {"default": {}}}"#, &[("llm", 1, 13, "given twice")]),
    ]);
}

#[test]
fn redacted_values_pasted_back() {
    check(&[
        (
            r#"{"apiKeys": {"openrouterKey": "<redacted>"}}"#,
            &[("apiKeys.openrouterKey", 1, 31, "stands for a secret that Thoth does not show")],
        ),
        (
            r#"{"memory": {"letta": {"cloudApiKey": "<redacted>"}}}"#,
            &[("memory.letta.cloudApiKey", 1, 38, "`<redacted>`")],
        ),
        (
            r#"{"apiKeys": {"someOtherKey": "<redacted>"}}"#,
            &[("apiKeys.someOtherKey", 1, 30, "`<redacted>`")],
        ),
        (
            r#"{"apiGateway": {"endpoints": {"x": {"token": "<redacted>"}}}}"#,
            &[("apiGateway.endpoints.x.token", 1, 46, "`<redacted>`")],
        ),
    ]);
}

#[test]
fn nothing_set_while_running() {
    let nothing: &[Expected] = &[("", 1, 1, "the file sets nothing")];
    check(&[
        ("{}", nothing),
        (r#"{"llm": {}}"#, nothing),
        (r#"{"test": true}"#, nothing),
        (r#"{"llm": {"default": {}}, "paths": {}, "rag": {"qa": {}}}"#, nothing),
        (r#"{"version": "1.0.0", "lastModified": "2026-01-31T12:00:00Z"}"#, nothing),
        (r#"{"$schema": "./settings.schema.json", "_comment": "later"}"#, nothing),
        ("# nothing yet\n{ // later\n}", &[("", 2, 1, "the file sets nothing")]),
    ]);
}

/// What the parser refuses is the engine's corpus; here only that it comes through, and that a doubled key hides
/// nothing else.
#[test]
fn everything_at_once() {
    check(&[
        ("{\"a\": 1\n", &[("", 1, 8, "ends within an object")]),
        ("{\"rag\": {}}\n{\"test\": true}", &[("", 2, 1, "second value")]),
        (
            "{\n  \"llm\": {\"default\": {\"temperature\": 9, \"temperature\": 1, \"modle\": \"x\"}},\n  \"rag\": {\"chunkSize\": \"1\"},\n  \"servers\": {\"api\": {\"port\": 0}}\n}",
            &[
                ("llm.default.temperature", 2, 38, "not within 0 to 2"),
                ("llm.default.temperature", 2, 41, "given twice"),
                ("llm.default.modle", 2, 59, "did you mean `model`?"),
                ("rag.chunkSize", 3, 24, "without quotes"),
                ("servers.api.port", 4, 31, "1 to 65535"),
            ],
        ),
    ]);
}
