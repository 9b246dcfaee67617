//! `bench-peers CRATE FILE ADDRESS`: loads the file with the crate, has it watched as the crate's first page shows, and answers
//! every request with the two values that are live in that moment. What the crate says of a reload goes to standard error.

#[path = "../../src/answer.rs"]
mod answer;

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, bail};
use dynamic_config::dynamic_config;
use serde::Deserialize;

/// Two values that always change together.
#[dynamic_config]
#[derive(Clone, Debug, Default, Deserialize)]
struct Values {
    one: String,
    two: String,
}

/// The wait that the first page of `dynamic-config` shows.
const SHOWN: Duration = Duration::from_millis(250);

/// The shortest wait that it can be given.
const SHORT: Duration = Duration::from_millis(1);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, file, address] = arguments.as_slice() else { bail!("usage: bench-peers CRATE FILE ADDRESS") };
    let listener = TcpListener::bind(address).with_context(|| format!("listening on `{address}`"))?;
    match name.as_str() {
        "dynamic-config" => dynamic(file, SHOWN, &listener),
        "dynamic-config-short" => dynamic(file, SHORT, &listener),
        "rtb-config" => rtb(file, &listener),
        other => bail!("there is no peer `{other}`"),
    }
}

fn dynamic(file: &str, wait: Duration, listener: &TcpListener) -> anyhow::Result<()> {
    let builder = Values::builder("values").file(file);
    builder.init()?;
    builder.watch(wait)?.detach();
    let values = || {
        let values = Values::current();
        (values.one.clone(), values.two.clone())
    };
    Ok(answer::serve(listener, values)?)
}

fn rtb(file: &str, listener: &TcpListener) -> anyhow::Result<()> {
    #[derive(Clone, Debug, Default, Deserialize)]
    struct File {
        values: Values,
    }
    let config = rtb_config::Config::<File>::builder().user_file(file).build()?;
    let _watch = config.watch_files()?;
    let values = move || {
        let file = config.get();
        (file.values.one.clone(), file.values.two.clone())
    };
    Ok(answer::serve(listener, values)?)
}
