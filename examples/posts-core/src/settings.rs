//! What the environment and the command line say.

use std::env::{self, VarError};
use std::io;

/// How the application is to run. The cache reads its own settings, `REDIS_CACHE_*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `HOST`: where to listen; 127.0.0.1 unless said otherwise.
    pub host: String,
    /// `PORT`: 3000 unless said otherwise; 0 lets the system choose.
    pub port: u16,
    /// `DATABASE_URL`: a database in memory unless said otherwise.
    pub database_url: String,
    /// `ADMIN_PASSWORD`: what the user `admin` has to know to see the page of the cache; without one there is none.
    pub admin_password: Option<String>,
    /// `--tour`: show what the cache does, then end.
    pub tour: bool,
    /// `--map`: print which function removes what which other one reads, then end.
    pub map: bool,
}

/// A setting that can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// `PORT` is not a port.
    #[error("`PORT` must be a number from 0 to 65535, not `{0}`")]
    Port(String),
    /// A variable holds bytes that are not UTF-8.
    #[error("`{0}` must be valid UTF-8")]
    NotUnicode(&'static str),
    /// The command line says something unknown.
    #[error("unknown argument `{0}`: there are `--tour` and `--map`")]
    Argument(String),
}

impl Settings {
    /// Reads the environment and the command line.
    ///
    /// # Errors
    ///
    /// If one of them holds something that can't be meant.
    pub fn read() -> Result<Self, SettingsError> {
        let port = variable("PORT", "3000")?;
        let mut settings = Self {
            host: variable("HOST", "127.0.0.1")?,
            port: port.parse().map_err(|_| SettingsError::Port(port))?,
            database_url: variable("DATABASE_URL", "sqlite::memory:")?,
            admin_password: Some(variable("ADMIN_PASSWORD", "")?).filter(|word| !word.is_empty()),
            tour: false,
            map: false,
        };
        for argument in env::args_os().skip(1) {
            match argument.to_string_lossy().as_ref() {
                "--tour" => settings.tour = true,
                "--map" => settings.map = true,
                unknown => return Err(SettingsError::Argument(unknown.to_owned())),
            }
        }
        Ok(settings)
    }

    /// The system's error, with what it leaves out: where.
    #[must_use]
    pub fn cannot_listen(&self, error: &io::Error) -> String {
        format!("can't listen on {}:{}: {error}", self.host, self.port)
    }
}

/// An empty variable counts as none: that is how a compose file passes on what nobody set.
fn variable(name: &'static str, default: &str) -> Result<String, SettingsError> {
    match env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        Ok(_) | Err(VarError::NotPresent) => Ok(default.to_owned()),
        Err(VarError::NotUnicode(_)) => Err(SettingsError::NotUnicode(name)),
    }
}
