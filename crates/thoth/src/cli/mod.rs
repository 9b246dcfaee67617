//! The command line: what can be asked, and which file answers it.

mod answers;
mod chat;
mod cite;
mod edits;
mod init;
mod logging;
mod mcp;
mod notes;
mod origin;
mod output;
mod place;
mod plan;
mod references;
mod report;
mod schedules;
mod serve;
mod settings;
mod shell;
mod status;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::citations::export::Format;

pub use logging::LogFilter;
pub use place::Place;

use crate::instances::{Role, Roles};

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
        /// What this process does: `all`, or some of it, where others on the same state directory do the rest
        #[arg(long, value_name = "ROLE", env = "THOTH_ROLE", value_delimiter = ',', default_value = "all")]
        role: Vec<Role>,
    },
    /// Serve MCP to the program that starts this, on standard input and output
    Mcp,
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
    /// Talk to the agent at the Letta server; without a message line by line, until the end of input
    Chat {
        /// What to say
        message: Vec<String>,
        /// Show what the agent always remembers instead
        #[arg(long, conflicts_with = "message")]
        memory: bool,
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
    /// List what a paper cites
    References {
        /// The paper's id, as `thoth papers` shows it
        id: String,
        /// Print JSON, with all parts of each entry
        #[arg(long)]
        json: bool,
    },
    /// Check and show settings, and what became of each save
    Settings {
        /// What about them.
        #[command(subcommand)]
        command: SettingsCommand,
    },
    /// Have the running server read its settings file now, and print the verdict
    Reload {
        /// Give settings that went live and were taken back one more try
        #[arg(long)]
        retry: bool,
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
    /// Count what became of the saves of the last days: verdicts, success rate, times, what was refused most
    Report {
        /// How far to look back, as in `7d`, `36h`, `90m`
        #[arg(long, value_name = "PERIOD", default_value = "7d", value_parser = crate::when::period)]
        since: jiff::SignedDuration,
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
    /// Say what each service runs and since when, and how the last save went
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the processes that serve this vault, and whether they accepted the same settings (exit code 0 or 1)
    Instances {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the token that the API asks for
    Token,
    /// Print the completion script of a shell
    Completions {
        /// The shell
        #[arg(value_parser = PossibleValuesParser::new(shell::SHELLS).try_map(|name| name.parse::<Shell>()))]
        shell: Shell,
    },
    /// Print the manual's page of `thoth`
    Man {
        /// Write the pages of all commands into this folder instead
        #[arg(long, value_name = "FOLDER")]
        dir: Option<PathBuf>,
    },
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
    Show {
        /// Say of each key where its value comes from, what the file says where that differs, and which service runs
        /// with it since which generation
        #[arg(long)]
        origin: bool,
        /// Print JSON
        #[arg(long, requires = "origin")]
        json: bool,
    },
    /// Change a setting: now, in the file; or for a while, or at a time
    Set {
        /// The key, dotted: `llm.default.temperature`
        key: String,
        /// The value as JSON; what is no JSON is a string
        value: String,
        /// When.
        #[command(flatten)]
        times: schedules::Times,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a setting from the file: its default applies
    Unset {
        /// The key, dotted
        key: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Open the file in `$VISUAL` or `$EDITOR`; what you save there is checked before it takes the file's place
    Edit,
    /// Show what differs between what runs and the file, or between the contents of two verdicts
    Diff {
        /// A verdict's number [else: what runs]
        #[arg(long)]
        from: Option<u64>,
        /// A verdict's number [else: the file]
        #[arg(long)]
        to: Option<u64>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what a change would do, and do none of it: keys, services, risks, what would be refused (exit code 0 or 1)
    Plan {
        /// A settings file, `-` for standard input, or changes of the vault's file [else: that file as it stands, against
        /// what runs]
        #[arg(value_name = "FILE|KEY=VALUE|-")]
        what: Vec<String>,
        /// A key to remove from the vault's file; can be given several times
        #[arg(long, value_name = "KEY")]
        unset: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Put the content of an older verdict back, live and in the file; `history` has the numbers
    Rollback {
        /// The verdict's number
        id: u64,
        /// With the API keys of that time [else: today's stay]
        #[arg(long)]
        with_keys: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What waits for its time
    Schedule {
        /// What about it.
        #[command(subcommand)]
        command: ScheduleCommand,
    },
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

/// `thoth settings schedule …`.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// List the changes that wait for their time, and those that have ended
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Call a change off; a temporary one ends now
    Cancel {
        /// Its number
        id: u64,
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
        Command::Serve { listen, role } => serve::serve(vault, Roles::of(&role), listen),
        Command::Mcp => mcp::mcp(vault),
        Command::Ingest { files } => answers::ingest(vault, files),
        Command::Search { query, limit, json } => answers::search(vault, &query.join(" "), limit, json),
        Command::Ask { question, json } => answers::ask(vault, &question.join(" "), json),
        Command::Chat { message, memory } => chat::chat(vault, &message.join(" "), memory),
        Command::Papers { json } => answers::papers(vault, json),
        Command::Cite { papers, style, format } => cite::cite(vault, &papers, style.as_deref(), format),
        Command::Notes { command: NotesCommand::Refresh { papers, json } } => {
            notes::refresh(vault, papers, json)
        }
        Command::References { id, json } => references::references(vault, &id, json),
        Command::Settings { command } => match command {
            SettingsCommand::Check { file, json } => settings::check(vault, file, json),
            SettingsCommand::Show { origin: false, json: _ } => settings::show(vault),
            SettingsCommand::Show { origin: true, json } => origin::show(vault, json),
            SettingsCommand::Set { key, value, times, json } => {
                let key = edits::key(&key);
                let value = edits::value(key, value);
                match times.is_now() {
                    true => edits::change(vault, key, Some(value), json),
                    false => schedules::set(vault, key, Some(value), &times, json),
                }
            }
            SettingsCommand::Unset { key, json } => edits::change(vault, edits::key(&key), None, json),
            SettingsCommand::Plan { what, unset, json } => plan::plan(vault, what, unset, json),
            SettingsCommand::Edit => edits::edit(vault),
            SettingsCommand::Diff { from, to, json } => edits::diff(vault, from, to, json),
            SettingsCommand::Rollback { id, with_keys, json } => edits::rollback(vault, id, with_keys, json),
            SettingsCommand::Schedule { command: ScheduleCommand::List { json } } => {
                schedules::list(vault, json)
            }
            SettingsCommand::Schedule { command: ScheduleCommand::Cancel { id, json } } => {
                schedules::cancel(vault, id, json)
            }
            SettingsCommand::History { limit, json } => settings::history(vault, limit, json),
        },
        Command::Reload { retry, json } => settings::reload(vault, retry, json),
        Command::Watch { json } => watch::watch(vault, json),
        Command::Report { since, json } => report::report(vault, since, json),
        Command::Health { json } => watch::health(vault, json),
        Command::Status { json } => status::status(vault, json),
        Command::Instances { json } => status::instances(vault, json),
        Command::Token => settings::token(vault),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { dir } => shell::man(dir.as_deref()),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}
