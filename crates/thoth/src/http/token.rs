//! The bearer token: made at the first start, kept in `state/token`, never logged.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use subtle::ConstantTimeEq;

use crate::settings::Secret;

/// Name of the file in the state directory.
const NAME: &str = "token";
/// Random bytes of a token that we make.
const RANDOM_BYTES: usize = 32;
/// What a token must have. Wrong guesses are slowed down, but a right one is let in whatever came before it, or one stranger
/// could keep its holder out: it must be too long to be guessed.
const CHARACTERS_MIN: usize = 16;

/// The token that changes, and reads from elsewhere, need.
#[derive(Clone, Debug)]
pub struct Token {
    secret: Secret,
    hash: blake3::Hash,
}

impl Token {
    /// The token of a state directory, made if there is none; `given` (`THOTH_API_TOKEN`) stands in for it.
    ///
    /// # Errors
    /// What the file system says; or that `given` cannot be sent in a header, or can be guessed.
    pub fn load_or_create(state_dir: &Path, given: Option<&str>) -> io::Result<Self> {
        if let Some(given) = given {
            return Self::given(given);
        }
        match Self::load(state_dir)? {
            Some(token) => Ok(token),
            None => create(state_dir),
        }
    }

    /// The token of a state directory, if there is one.
    ///
    /// # Errors
    /// What the file system says; or that the file holds no token.
    pub fn load(state_dir: &Path) -> io::Result<Option<Self>> {
        let path = state_dir.join(NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mode = std::fs::metadata(&path)?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!("`{}` was readable by others; now it is yours alone", path.display());
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        }
        let token = Self::new(text.trim()).map_err(|message| {
            let way_out = "remove it, and the next start makes a new one";
            io::Error::new(io::ErrorKind::InvalidData, format!("`{}` {message}; {way_out}", path.display()))
        })?;
        Ok(Some(token))
    }

    /// A token out of the environment.
    ///
    /// # Errors
    /// That it cannot be sent in a header, or can be guessed.
    pub fn given(text: &str) -> io::Result<Self> {
        Self::new(text.trim()).map_err(|message| {
            let way_out = "without it, Thoth makes one, and `thoth token` shows it";
            io::Error::new(io::ErrorKind::InvalidInput, format!("`THOTH_API_TOKEN` {message}; {way_out}"))
        })
    }

    /// The token itself, for `thoth token` and for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.secret.expose()
    }

    /// Whether this is the token. Takes the same time whatever the guess, its length included.
    pub fn matches(&self, guess: &str) -> bool {
        let guess = blake3::hash(guess.as_bytes());
        self.hash.as_bytes().ct_eq(guess.as_bytes()).into()
    }

    fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("holds no token".to_owned());
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("holds characters that no header can carry".to_owned());
        }
        if text.len() < CHARACTERS_MIN {
            return Err(format!("is shorter than {CHARACTERS_MIN} characters, and could be guessed"));
        }
        Ok(Self { secret: Secret::new(text), hash: blake3::hash(text.as_bytes()) })
    }
}

/// Makes a token: written aside and linked into place, so that of two first starts both get the same.
fn create(state_dir: &Path) -> io::Result<Token> {
    let mut random = [0_u8; RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let text = random.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    });
    let aside = state_dir.join(format!("{NAME}.{}.new", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(format!("{text}\n").as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&aside, state_dir.join(NAME));
    std::fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Token::load(state_dir)?.ok_or_else(|| io::Error::other("the token vanished while it was made")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        assert!(Token::load(state.path()).unwrap().is_none());
        let first = Token::load_or_create(state.path(), None).unwrap();
        let again = Token::load_or_create(state.path(), None).unwrap();
        assert_eq!(first.expose(), again.expose());
        assert_eq!(first.expose().len(), 2 * RANDOM_BYTES);
        let mode = std::fs::metadata(state.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn two_first_starts_agree() {
        let state = tempfile::tempdir().unwrap();
        let first = create(state.path()).unwrap();
        let second = create(state.path()).unwrap();
        assert_eq!(first.expose(), second.expose());
    }

    #[test]
    fn the_environment_stands_in() {
        let state = tempfile::tempdir().unwrap();
        let token = Token::load_or_create(state.path(), Some("given-from-outside")).unwrap();
        assert!(token.matches("given-from-outside"));
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_matches() {
        let token = Token::given("the-token-of-many").unwrap();
        for (guess, matches) in [
            ("the-token-of-many", true),
            ("the-token-of-man", false),
            ("the-token-of-many-", false),
            ("", false),
        ] {
            assert_eq!(token.matches(guess), matches, "{guess}");
        }
        assert!(!format!("{token:?}").contains("the-token-of-many"));
    }

    #[test]
    fn what_is_no_token_is_refused_with_the_way_out() {
        let state = tempfile::tempdir().unwrap();
        for content in ["", "\n", "two words, and a third", "der-schlüssel-zum-haus", "fifteen-letters"] {
            std::fs::write(state.path().join(NAME), content).unwrap();
            let error = Token::load(state.path()).unwrap_err().to_string();
            assert!(error.contains("remove it"), "{error}");
            assert!(Token::given(content).is_err(), "{content:?}");
        }
    }

    #[test]
    fn a_token_that_others_can_read_is_closed_to_them() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(NAME);
        std::fs::write(&path, "open-to-all-of-them").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Token::load(state.path()).unwrap().is_some());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
