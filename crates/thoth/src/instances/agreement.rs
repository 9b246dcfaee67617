//! Whether the instances of a state directory accepted the same settings, and if not, who did not and why; and who is
//! missing.

use std::fmt;
use std::io;
use std::path::Path;

use changeover::{Cause, Decision, Problem};
use serde::{Deserialize, Serialize};

use super::Roles;
use super::record::{Record, Seen, look};

/// How the instances of a state directory stand to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Whether all that live accepted the same content, and nobody is gone who did not end in order.
    pub agree: bool,
    /// Why they do not: whose settings are not what was read last, and who is gone.
    pub differ: Vec<Difference>,
    /// Roles that no process has, where processes run apart.
    #[serde(default)]
    pub vacant: Vec<String>,
    /// Every instance that has not ended in order.
    pub instances: Vec<Seen>,
}

/// An instance whose settings are not what was read last, or that is gone.
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
        let same = accepted.all(|content| Some(content) == first);
        // What the file says, as those know who watch it; else as the one knows who looked last.
        let looked = |record: &&Record| (record.watch, record.last_verdict.as_ref().map(|last| last.at));
        let file = living().max_by_key(looked).map(|record| &record.file);
        let others = living().filter(|record| !same && Some(&record.content) != file).map(Difference::of);
        let gone = instances.iter().filter(|seen| !seen.alive).map(|seen| Difference::gone(&seen.record));
        let differ: Vec<Difference> = others.chain(gone).collect();
        let held: Vec<&str> = living().flat_map(Record::each_role).collect();
        let is_vacant = |role: &&str| !held.is_empty() && !held.contains(role);
        let vacant = Roles::ALL.each().filter(is_vacant).map(str::to_owned).collect();
        Self { agree: same && differ.is_empty(), differ, vacant, instances }
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
    fn gone(record: &Record) -> Self {
        let Record { role, pid, host, .. } = record;
        Self {
            role: role.clone(),
            why: format!("is gone (it was process {pid} on `{host}`)"),
            problems: Vec::new(),
        }
    }

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
        let (living, gone) = (self.names(true), self.names(false));
        let is_gone = |difference: &&Difference| gone.contains(&difference.role.as_str());
        let differ: Vec<String> =
            self.differ.iter().filter(|one| !is_gone(one)).map(Difference::to_string).collect();
        let all = living.join(", ");
        match (differ.is_empty(), living.as_slice()) {
            (false, _) => write!(out, "instances differ: {}", differ.join("; "))?,
            (true, []) => write!(out, "no instance lives")?,
            (true, [one]) => write!(out, "one instance: {one}")?,
            // Whoever reads no further shall not take it for all of them.
            (true, _) if !gone.is_empty() || !self.vacant.is_empty() => {
                write!(out, "only {all} run, with the same settings")?;
            }
            (true, _) => write!(out, "instances agree: {all}")?,
        }
        for gone in self.differ.iter().filter(is_gone) {
            write!(out, "; {gone}")?;
        }
        let dead = || self.instances.iter().filter(|seen| !seen.alive);
        let is_said = |role: &str| dead().any(|seen| seen.record.each_role().any(|one| one == role));
        for role in self.vacant.iter().filter(|role| !is_said(role)) {
            write!(out, "; no process has the role `{role}`")?;
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
        let three = |content: &str, file: &str| {
            ["api", "mcp", "monitor"].map(|role| seen(role, content, file)).to_vec()
        };
        check(three("a", "a"), true, "instances agree: api, mcp, monitor");
        check(three("a", "b"), true, "instances agree: api, mcp, monitor");
        check(
            vec![seen("api-mcp", "a", "a"), seen("monitor", "a", "a")],
            true,
            "instances agree: api-mcp, monitor",
        );
        let one_refused = vec![seen("api", "a", "b"), seen("mcp", "b", "b"), seen("monitor", "b", "b")];
        let said = "instances differ: api refused the settings: `servers.api.port`: taken";
        check(one_refused.clone(), false, said);

        let mut not_watching = three("b", "b");
        not_watching[1] = seen("mcp", "a", "a");
        not_watching[1].record.watch = false;
        let said = "instances differ: mcp does not watch the settings file (`THOTH_HOT_RELOAD=0`); `thoth reload` makes it read";
        check(not_watching, false, said);

        let mut taken_back = one_refused.clone();
        if let Some(last) = &mut taken_back[0].record.last_verdict {
            (last.verdict, last.cause) = (Decision::Applied, Cause::Revert);
            last.problems = vec![Problem::new("llm", "as in generation 1: no such model")];
        }
        let said = "instances differ: api took the settings back: `llm`: as in generation 1: no such model";
        check(taken_back, false, said);
    }

    #[test]
    fn who_is_gone_and_which_role_nobody_has() {
        let check = |alive: [bool; 2], agree: bool, said: &str| {
            let mut instances = vec![seen("api-mcp", "a", "a"), seen("monitor", "b", "b")];
            for (seen, alive) in instances.iter_mut().zip(alive) {
                seen.alive = alive;
            }
            let agreement = Agreement::of(instances);
            assert_eq!((agreement.agree, agreement.to_string().as_str()), (agree, said));
        };
        // What the dead accepted is nobody's business.
        check([true, false], false, "one instance: api-mcp; monitor is gone (it was process 7 on `h`)");
        check([false, true], false, "one instance: monitor; api-mcp is gone (it was process 7 on `h`)");
        let both = "no instance lives; api-mcp is gone (it was process 7 on `h`); monitor is gone (it was process 7 on `h`)";
        check([false, false], false, both);

        let mut instances = ["api", "mcp", "monitor"].map(|role| seen(role, "a", "a")).to_vec();
        instances[2].alive = false;
        let gone = Agreement::of(instances.clone());
        assert_eq!(
            gone.to_string(),
            "only api, mcp run, with the same settings; monitor is gone (it was process 7 on `h`)"
        );
        assert_eq!((gone.agree, gone.differ[0].role.as_str()), (false, "monitor"));
        // It has ended in order: perhaps nobody wants it, but it is said.
        let ended = Agreement::of(instances[..2].to_vec());
        assert_eq!(
            ended.to_string(),
            "only api, mcp run, with the same settings; no process has the role `monitor`"
        );
        assert_eq!((ended.agree, ended.vacant), (true, vec!["monitor".to_owned()]));
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
