//! The command line: what can be asked, and which file answers it.

mod answers;
mod cite;
mod init;
mod logging;
mod notes;
mod output;
mod place;
mod serve;
mod settings;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::citations::export::Format;

pub use logging::LogFilter;
pub use place::Place;

/// A research assistant beside an Obsidian vault. It reads the PDFs that you drop into the vault, writes notes,
/// finds and answers; and any setting can be changed while it works.
#[derive(Debug, Parser)]
#[command(name = "thoth", version, max_term_width = 100)]
pub struct Arguments {
    /// The vault [else: OBSIDIAN_VAULT_PATH, OBSIDIAN_VAULT, THOTH_VAULT_PATH, the folder upwards from here that has
    /// `.obsidian` or `.thoth`, ~/Documents/thoth]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub vault: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the folders and a settings file in a vault
    Init {
        /// Write a settings file in which every setting is explained
        #[arg(long)]
        example: bool,
    },
    /// Serve the vault until Ctrl-C
    Serve {
        /// Serve this address instead of `servers.api`, until that setting changes (port 0: any free one)
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Read PDFs now; those outside of the vault are copied into it
    Ingest {
        /// The PDFs
        #[arg(required = true, value_name = "PDF")]
        files: Vec<PathBuf>,
    },
    /// Find passages
    Search {
        /// Words, or a '"phrase in quotes"'
        #[arg(required = true)]
        query: Vec<String>,
        /// How many hits
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Ask a question; the answer names its sources
    Ask {
        /// The question
        #[arg(required = true)]
        question: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the papers, and what became of each PDF
    Papers {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print papers as citations: in a style, as BibTeX or as CSL-JSON
    Cite {
        /// The papers' ids, as `thoth papers` prints them [else: all that were read]
        #[arg(value_name = "ID")]
        papers: Vec<String>,
        /// IEEE, APA, MLA, Chicago, Harvard, or a `.csl` file in the vault [else: `citation.style`]
        #[arg(long)]
        style: Option<String>,
        /// What to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Bring notes up to date
    Notes {
        /// What about them.
        #[command(subcommand)]
        command: NotesCommand,
    },
    /// Check and show settings, and what became of each save
    Settings {
        /// What about them.
        #[command(subcommand)]
        command: SettingsCommand,
    },
    /// Have the running server read its settings file now, and print the verdict
    Reload {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print one line for each verdict of the running server, until Ctrl-C
    Watch {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Judge whether the running server is well (exit code 0 or 1)
    Health {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the token that the API asks for
    Token,
}

/// `thoth notes …`.
#[derive(Debug, Subcommand)]
pub enum NotesCommand {
    /// Write Thoth's part of the notes anew, by the settings as they are now; what you wrote stays
    Refresh {
        /// The papers' ids, as `thoth papers` prints them [else: every note]
        #[arg(value_name = "ID")]
        papers: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `thoth settings …`.
#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// Say everything that is wrong with a settings file (exit code 0 or 1)
    Check {
        /// The file [else: the vault's]
        file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the settings in effect, without secrets
    Show,
    /// Show the last verdicts, newest first
    History {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Carries the command out. Errors go to standard error; the exit code is 1.
pub fn run(arguments: Arguments) -> ExitCode {
    let vault = arguments.vault.as_deref();
    let done = match arguments.command {
        Command::Init { example } => init::init(vault, example),
        Command::Serve { listen } => serve::serve(vault, listen),
        Command::Ingest { files } => answers::ingest(vault, files),
        Command::Search { query, limit, json } => answers::search(vault, &query.join(" "), limit, json),
        Command::Ask { question, json } => answers::ask(vault, &question.join(" "), json),
        Command::Papers { json } => answers::papers(vault, json),
        Command::Cite { papers, style, format } => cite::cite(vault, &papers, style.as_deref(), format),
        Command::Notes { command: NotesCommand::Refresh { papers, json } } => notes::refresh(vault, papers, json),
        Command::Settings { command } => match command {
            SettingsCommand::Check { file, json } => settings::check(vault, file, json),
            SettingsCommand::Show => settings::show(vault),
            SettingsCommand::History { limit, json } => settings::history(vault, limit, json),
        },
        Command::Reload { json } => settings::reload(vault, json),
        Command::Watch { json } => watch::watch(vault, json),
        Command::Health { json } => watch::health(vault, json),
        Command::Token => settings::token(vault),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}
