//! How the value of a setting is written: as the text of a variable, and in a file that serde reads.

use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::Secret;

/// A type of settings. A value is written in the same way wherever its type is the same.
pub(super) trait Value: Sized {
    /// Nothing, if the text is not such a value.
    fn from_text(text: &str) -> Option<Self>;

    fn from_file<'de, D: Deserializer<'de>>(file: D) -> Result<Self, D::Error>
    where
        Self: Deserialize<'de>,
    {
        Deserialize::deserialize(file)
    }
}

macro_rules! number {
    ($($type:ty),+) => {$(
        impl Value for $type {
            fn from_text(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }
        }
    )+};
}

number!(u16, i64, usize, f64);

impl Value for bool {
    fn from_text(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        }
    }
}

impl Value for String {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Value for Secret {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.into())
    }
}

/// Empty text is none: a template of a configuration file leaves it where nobody gave a value.
impl Value for Option<Secret> {
    fn from_text(text: &str) -> Option<Self> {
        Some((!text.is_empty()).then(|| text.into()))
    }

    fn from_file<'de, D: Deserializer<'de>>(file: D) -> Result<Self, D::Error> {
        let secret: Self = Deserialize::deserialize(file)?;
        Ok(secret.filter(|secret| !secret.is_empty()))
    }
}

/// Empty text is none, as above.
impl Value for Option<PathBuf> {
    fn from_text(text: &str) -> Option<Self> {
        Some((!text.is_empty()).then(|| text.into()))
    }

    fn from_file<'de, D: Deserializer<'de>>(file: D) -> Result<Self, D::Error> {
        let file: Self = Deserialize::deserialize(file)?;
        Ok(file.filter(|file| !file.as_os_str().is_empty()))
    }
}

/// Empty text is none, as above.
impl Value for Option<f64> {
    fn from_text(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(None);
        }
        f64::from_text(text).map(Some)
    }

    fn from_file<'de, D: Deserializer<'de>>(file: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "must be a number, such as 0.001")]
        enum Given {
            Number(f64),
            Text(String),
            None,
        }
        match Given::deserialize(file)? {
            Given::Number(number) => Ok(Some(number)),
            Given::Text(text) => Self::from_text(&text)
                .ok_or_else(|| D::Error::custom("must be a number, such as 0.001")),
            Given::None => Ok(None),
        }
    }
}

/// Seconds; empty text is none, as above.
impl Value for Option<Duration> {
    fn from_text(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(None);
        }
        Duration::from_text(text).map(Some)
    }

    fn from_file<'de, D: Deserializer<'de>>(file: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "must be seconds, such as 0.01")]
        enum Given {
            Seconds(f64),
            Text(String),
            Nothing,
        }
        match Given::deserialize(file)? {
            Given::Seconds(seconds) => seconds_from_file(seconds).map(Some),
            Given::Text(text) if text.is_empty() => Ok(None),
            Given::Text(_) => Err(D::Error::custom(SECONDS)),
            Given::Nothing => Ok(None),
        }
    }
}

const SECONDS: &str = "must be seconds, such as 5 or 0.5";

fn seconds_from_file<E: Error>(seconds: f64) -> Result<Duration, E> {
    Duration::try_from_secs_f64(seconds).map_err(|_| E::custom(SECONDS))
}

/// Seconds.
impl Value for Duration {
    fn from_text(text: &str) -> Option<Self> {
        let seconds = f64::from_text(text)?;
        Self::try_from_secs_f64(seconds).ok()
    }

    fn from_file<'de, D: Deserializer<'de>>(file: D) -> Result<Self, D::Error> {
        seconds_from_file(f64::deserialize(file)?)
    }
}

/// Items with commas between them; in a file also a list.
impl Value for Vec<String> {
    fn from_text(text: &str) -> Option<Self> {
        let items = text.split(',').map(str::trim);
        let items = items.filter(|item| !item.is_empty());
        Some(items.map(str::to_owned).collect())
    }

    fn from_file<'de, D: Deserializer<'de>>(file: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "must be a list, or text with commas between its items"
        )]
        enum List {
            Text(String),
            Items(Vec<String>),
        }
        Ok(match List::deserialize(file)? {
            List::Text(text) => Self::from_text(&text).unwrap_or_default(),
            List::Items(items) => items,
        })
    }
}
