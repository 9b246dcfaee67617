//! Whether the instances of a state directory accepted the same settings, and if not, who did not and why.

use std::fmt;
use std::io;
use std::path::Path;

use changeover::{Cause, Decision, Problem};
use serde::{Deserialize, Serialize};

use super::record::{Record, Seen, look};

/// How the instances of a state directory stand to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Whether all that live accepted the same content.
    pub agree: bool,
    /// Those whose settings are not what was read last, when they do not all agree.
    pub differ: Vec<Difference>,
    /// Every instance that has not ended in order.
    pub instances: Vec<Seen>,
}

/// An instance whose settings are not what was read last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Its name.
    pub role: String,
    /// Why, in words.
    pub why: String,
    /// What it refused the settings for.
    pub problems: Vec<Problem>,
}

/// How the instances of this state directory stand now.
///
/// # Errors
/// What the file system says.
pub fn agreement(state_dir: &Path) -> io::Result<Agreement> {
    Ok(Agreement::of(look(state_dir)?))
}

impl Agreement {
    /// Compares what they accepted.
    pub fn of(instances: Vec<Seen>) -> Self {
        let living = || instances.iter().filter(|seen| seen.alive).map(|seen| &seen.record);
        let mut accepted = living().map(|record| &record.content);
        let first = accepted.next();
        let agree = accepted.all(|content| Some(content) == first);
        // What the file says, as those know who watch it; else as the one knows who looked last.
        let looked = |record: &&Record| (record.watch, record.last_verdict.as_ref().map(|last| last.at));
        let file = living().max_by_key(looked).map(|record| &record.file);
        let differ = match agree {
            true => Vec::new(),
            false => living().filter(|record| Some(&record.content) != file).map(Difference::of).collect(),
        };
        Self { agree, differ, instances }
    }

    /// The names of those that live, or of those that are gone.
    pub fn names(&self, alive: bool) -> Vec<&str> {
        let those = self.instances.iter().filter(|seen| seen.alive == alive);
        those.map(|seen| seen.record.role.as_str()).collect()
    }

    /// Whether somebody should hear of it when this follows `before`: not of another generation that all have.
    pub fn is_news(&self, before: &Self) -> bool {
        (self.agree, &self.differ) != (before.agree, &before.differ)
            || [true, false].iter().any(|alive| self.names(*alive) != before.names(*alive))
    }
}

impl Difference {
    fn of(record: &Record) -> Self {
        let last = record.last_verdict.as_ref();
        let why = match last {
            Some(last) if last.verdict == Decision::Rejected => "refused the settings".to_owned(),
            Some(last) if last.cause == Cause::Revert => "took the settings back".to_owned(),
            _ if record.safe_mode => "runs in safe mode".to_owned(),
            _ if !record.watch => {
                "does not watch the settings file (`THOTH_HOT_RELOAD=0`); `thoth reload` makes it read"
                    .to_owned()
            }
            _ => "has not taken the settings over yet".to_owned(),
        };
        let problems = last.map(|last| last.problems.clone()).unwrap_or_default();
        Self { role: record.role.clone(), why, problems }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.role, self.why)?;
        for (index, problem) in self.problems.iter().enumerate() {
            write!(out, "{} {problem}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Agreement {
    /// One line, as `thoth watch` prints it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let living = self.names(true);
        match (self.agree, living.as_slice()) {
            (true, []) => write!(out, "no instance lives")?,
            (true, [one]) => write!(out, "one instance: {one}")?,
            (true, several) => write!(out, "instances agree: {}", several.join(", "))?,
            (false, _) => {
                let differ: Vec<String> = self.differ.iter().map(Difference::to_string).collect();
                write!(out, "instances differ: {}", differ.join("; "))?;
            }
        }
        for gone in self.instances.iter().filter(|seen| !seen.alive) {
            let Record { role, pid, host, .. } = &gone.record;
            write!(out, "; {role} is gone (it was process {pid} on `{host}`)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::instances::record::LastVerdict;

    /// An instance that accepted `content`, while the file is `file`, and whether it refused that.
    fn seen(role: &str, content: &str, file: &str) -> Seen {
        let refused = content != file;
        let last_verdict = LastVerdict {
            id: 1,
            verdict: if refused { Decision::Rejected } else { Decision::Applied },
            cause: Cause::Save,
            at: Timestamp::UNIX_EPOCH,
            content: Some(file.to_owned()),
            problems: if refused { vec![Problem::new("servers.api.port", "taken")] } else { Vec::new() },
        };
        let record = Record {
            role: role.to_owned(),
            pid: 7,
            host: "h".to_owned(),
            version: String::new(),
            started_at: Timestamp::UNIX_EPOCH,
            address: None,
            generation: 3,
            safe_mode: false,
            watch: true,
            content: Some(content.to_owned()),
            file: Some(file.to_owned()),
            since: Timestamp::UNIX_EPOCH,
            last_verdict: Some(last_verdict),
        };
        Seen { record, alive: true }
    }

    #[test]
    fn who_agrees_and_who_does_not() {
        let check = |instances: Vec<Seen>, agree: bool, said: &str| {
            let agreement = Agreement::of(instances);
            assert_eq!((agreement.agree, agreement.to_string().as_str()), (agree, said));
        };
        check(Vec::new(), true, "no instance lives");
        check(vec![seen("all", "a", "a")], true, "one instance: all");
        check(vec![seen("api", "a", "a"), seen("monitor", "a", "a")], true, "instances agree: api, monitor");
        let both_refused = vec![seen("api", "a", "b"), seen("monitor", "a", "b")];
        check(both_refused, true, "instances agree: api, monitor");
        let one_refused = vec![seen("api", "a", "b"), seen("mcp", "b", "b"), seen("monitor", "b", "b")];
        let said = "instances differ: api refused the settings: `servers.api.port`: taken";
        check(one_refused.clone(), false, said);

        let mut not_watching = vec![seen("api", "b", "b"), seen("mcp", "a", "a")];
        not_watching[1].record.watch = false;
        let said = "instances differ: mcp does not watch the settings file (`THOTH_HOT_RELOAD=0`); `thoth reload` makes it read";
        check(not_watching, false, said);

        let mut taken_back = vec![seen("api", "a", "b"), seen("mcp", "b", "b")];
        if let Some(last) = &mut taken_back[0].record.last_verdict {
            (last.verdict, last.cause) = (Decision::Applied, Cause::Revert);
            last.problems = vec![Problem::new("llm", "as in generation 1: no such model")];
        }
        let said = "instances differ: api took the settings back: `llm`: as in generation 1: no such model";
        check(taken_back, false, said);

        // The dead have no say.
        let mut gone = one_refused;
        gone[0].alive = false;
        check(gone, true, "instances agree: mcp, monitor; api is gone (it was process 7 on `h`)");
    }

    #[test]
    fn another_generation_that_all_have_is_no_news() {
        let both =
            |content: &str| Agreement::of(vec![seen("api", content, content), seen("mcp", content, content)]);
        assert!(!both("b").is_news(&both("a")));
        let mut one_gone = both("a").instances;
        one_gone[1].alive = false;
        assert!(Agreement::of(one_gone).is_news(&both("a")));
        assert!(Agreement::of(vec![seen("api", "a", "b"), seen("mcp", "b", "b")]).is_news(&both("a")));
    }
}
