//! A question, and what it shows of the language model: whether the one that went live last works.
//!
//! A key can be well-formed and wrong; only a use shows that. When the model of a new generation fails, the one before it
//! is asked the same, now, and then the new one once more. Only if that fails again is it the settings that are wrong, and the
//! engine takes them back. An outage at the provider fails both, and one that ends between two questions is over at the third:
//! neither takes anybody's save back.

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
    let rag = generation.services.rag.handle();
    let mut answer = rag.ask(question).await?;
    if matches!(answer.model, Model::Failed(_))
        && let Some(older) = engine.fallback(rag.asks())
        && older.services.rag.handle().ask(question).await?.model == Model::Answered
    {
        answer = rag.ask(question).await?;
        if let Model::Failed(reason) = &answer.model {
            engine.failed(rag.asks(), reason);
        }
    }
    if answer.model == Model::Answered {
        engine.worked(rag.asks());
    }
    Ok(answer)
}
