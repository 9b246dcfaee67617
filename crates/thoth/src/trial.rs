//! A question, and what it shows of the language model: whether the one that went live last works.
//!
//! A key can be well-formed and wrong; only a use shows that. When the model of a new generation fails, the one before it
//! is asked the same, now. Only if that one answers is it the settings that are wrong, and the engine takes them back.
//! An outage at the provider fails both, and takes nobody's save back.

use changeover::{Engine, Generation};

use crate::rag::ask::{Answer, Model};
use crate::services::Services;
use crate::settings::Settings;

/// Answers a question on one generation.
///
/// # Errors
/// What SQLite refuses.
pub async fn ask(
    engine: &Engine<Settings, Services>,
    generation: &Generation<Settings, Services>,
    question: &str,
) -> rusqlite::Result<Answer> {
    let services = &generation.services;
    let answer = services.rag.handle().ask(question).await?;
    let llm = services.llm.identity();
    match &answer.model {
        Model::NotAsked => {}
        Model::Answered => engine.worked(llm),
        Model::Failed(reason) => {
            if let Some(older) = engine.fallback(llm)
                && older.services.rag.handle().ask(question).await?.model == Model::Answered
            {
                engine.failed(llm, reason);
            }
        }
    }
    Ok(answer)
}
