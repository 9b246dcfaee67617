//! Roles: which part of Thoth's work a process does.

use std::fmt;

use clap::ValueEnum;

/// A role, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything in one process
    All,
    /// Serve the API: search, answers, papers, settings
    Api,
    /// Serve MCP clients
    Mcp,
    /// Take PDFs, write notes, build the index
    Monitor,
}

/// The roles of one process: one at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Serves the API.
    pub api: bool,
    /// Serves MCP clients.
    pub mcp: bool,
    /// Takes PDFs, writes notes, builds the index.
    pub monitor: bool,
}

impl Roles {
    /// Every role: one process, as it mostly is.
    pub const ALL: Self = Self { api: true, mcp: true, monitor: true };

    /// The roles that are asked for; all where none is.
    pub fn of(asked: &[Role]) -> Self {
        let has = |role| asked.is_empty() || asked.contains(&Role::All) || asked.contains(&role);
        Self { api: has(Role::Api), mcp: has(Role::Mcp), monitor: has(Role::Monitor) }
    }

    /// Each of them by its name.
    pub fn each(self) -> impl Iterator<Item = &'static str> {
        let named = [(self.api, "api"), (self.mcp, "mcp"), (self.monitor, "monitor")];
        named.into_iter().filter_map(|(has, name)| has.then_some(name))
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Roles {
    /// The name of an instance with these roles: `all`, `monitor`, `api-mcp`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return out.pad("all");
        }
        out.pad(&self.each().collect::<Vec<_>>().join("-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for() {
        let check = |asked: &[Role], name: &str| assert_eq!(Roles::of(asked).to_string(), name);
        check(&[], "all");
        check(&[Role::All], "all");
        check(&[Role::Monitor, Role::Mcp, Role::Api], "all");
        check(&[Role::Api], "api");
        check(&[Role::Mcp, Role::Api], "api-mcp");
        check(&[Role::Monitor, Role::Monitor], "monitor");
    }
}
