//! Where this command works: the vault, its settings file, its state; and the environment, captured once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::http::client::{Client, ClientError, server_here};
use crate::http::token::Token;
use crate::settings::{Environment, Layers, Vault, find_vault, local_file, settings_file, state_dir};

/// Where a command works.
#[derive(Clone, Debug)]
pub struct Place {
    /// The vault.
    pub vault: Vault,
    /// The settings file; it need not exist.
    pub settings_file: PathBuf,
    /// The state directory; it need not exist.
    pub state_dir: PathBuf,
    /// The variables that settings listen to.
    pub environment: Environment,
    variables: BTreeMap<String, String>,
}

impl Place {
    /// Finds the vault and everything that follows from it.
    ///
    /// # Errors
    /// No vault, an impossible variable, no place for state.
    pub fn find(vault: Option<&Path>) -> anyhow::Result<Self> {
        let (variables, working_dir) = surroundings()?;
        let variable = |name: &str| variables.get(name).cloned();
        let vault = find_vault(vault, variable, &working_dir)?;
        Self::at(vault, variables, &working_dir)
    }

    /// The same for a vault that is known.
    ///
    /// # Errors
    /// An impossible variable, no place for state.
    pub fn at(vault: Vault, variables: BTreeMap<String, String>, working_dir: &Path) -> anyhow::Result<Self> {
        let variable = |name: &str| variables.get(name).cloned();
        let environment = environment(&variables)?;
        Ok(Self {
            settings_file: settings_file(&vault, variable, working_dir),
            state_dir: state_dir(&vault, variable, working_dir)?,
            vault,
            environment,
            variables,
        })
    }

    /// The files of the settings, without temporary changes: only a server keeps their times.
    pub fn layers(&self) -> Layers {
        Layers {
            local: local_file(&self.settings_file),
            temporary: None,
            environment: self.environment.clone(),
            vault: self.vault.clone(),
        }
    }

    /// A variable of the environment; `None` where it is not set or blank.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The token of the server of this vault; `None` where none was made yet.
    ///
    /// # Errors
    /// What the file system says, or that it is no token.
    pub fn token(&self) -> std::io::Result<Option<Token>> {
        match self.variable("THOTH_API_TOKEN") {
            Some(given) => Token::given(given).map(Some),
            None => Token::load(&self.state_dir),
        }
    }

    /// [`Place::client`], with the reason why none can be had.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn server(&self) -> Result<Client, ClientError> {
        Client::from_state(&self.state_dir, self.variable("THOTH_ROLE"), self.token()?)
    }

    /// Asks the server of this vault; `None` where none lives, so that a command may do itself what it would do.
    ///
    /// # Errors
    /// [`ClientError`]; that a server lives and gives no answer is one.
    pub(super) async fn ask<T>(
        &self,
        ask: impl AsyncFnOnce(Client) -> Result<T, ClientError>,
    ) -> Result<Option<T>, ClientError> {
        let asked = match self.server() {
            Ok(client) => ask(client).await,
            Err(error) => Err(error),
        };
        match asked {
            Ok(told) => Ok(Some(told)),
            Err(ClientError::NoServer) => Ok(None),
            // It may have ended since it was looked up: only the locks tell.
            Err(ClientError::Silent(address)) => {
                match server_here(&self.state_dir, self.variable("THOTH_ROLE")) {
                    Ok((record, _)) => {
                        let why = format!("and does not answer at {address}; ask it again, or end it");
                        Err(ClientError::out_of_reach(record, why))
                    }
                    Err(ClientError::NoServer) => Ok(None),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The client of the server that runs on this vault; of several, the one on this host, or with the role that
    /// `THOTH_ROLE` names.
    ///
    /// # Errors
    /// That no server runs.
    pub fn client(&self) -> anyhow::Result<Client> {
        self.server().with_context(|| format!("the state directory is `{}`", self.state_dir.display()))
    }
}

/// The folder of a file in place of a vault, and the environment: for a file that is to be checked where no vault is.
///
/// # Errors
/// No such folder, an impossible variable.
pub(super) fn around(file: &Path) -> anyhow::Result<(Vault, Environment)> {
    let (variables, working_dir) = surroundings()?;
    let file = working_dir.join(file);
    let folder = file.parent().unwrap_or(&working_dir);
    let vault = Vault::at(folder).with_context(|| format!("`{}` cannot be read", file.display()))?;
    Ok((vault, environment(&variables)?))
}

fn environment(variables: &BTreeMap<String, String>) -> anyhow::Result<Environment> {
    Environment::from_pairs(variables.clone()).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(all.join("; "))
    })
}

/// The environment's variables that are text, and the working directory.
pub(super) fn surroundings() -> anyhow::Result<(BTreeMap<String, String>, PathBuf)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let variables = std::env::vars_os().filter_map(text).collect();
    Ok((variables, std::env::current_dir().context("the working directory is gone")?))
}
