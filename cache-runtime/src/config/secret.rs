//! Text that must not be shown.

use std::path::Path;
use std::{fmt, fs};

use serde::{Deserialize, Deserializer};

use super::settings::refused;
use crate::error::CacheError;

/// A password, or a URL that may contain one: any text converts into it.
///
/// Its [`Debug`](fmt::Debug) output does not depend on the text, it has no `Display`, and an error of serde does
/// not quote it.
///
/// ```
/// let mut settings = cache_runtime::Settings::default();
/// settings.password = "hunter2".into();
/// assert_eq!(format!("{:?}", settings.password), "Secret(…)");
/// ```
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The text of a file, without the end of its line.
///
/// # Errors
///
/// Says of the variable why the file can't be read; nothing of what is in it.
pub(super) fn from_file(variable: &'static str, file: &Path) -> Result<Secret, CacheError> {
    let bytes = fs::read(file)
        .map_err(|error| CacheError::config(variable, format_args!("can't be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| refused(variable))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(refused(variable));
    }
    Ok(line.into())
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// An error about a plain `String` quotes what stands in its place: a password of digits, say.
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a secret must be text, in quotes")]
        enum Unquoted {
            Text(String),
        }
        let Unquoted::Text(text) = Unquoted::deserialize(deserializer)?;
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::from_variables;
    use crate::config::{CacheBuilder, Settings};

    #[test]
    fn a_secret_shows_neither_in_the_settings_nor_in_the_builder_nor_in_the_cache() {
        let settings = from_variables(&[
            ("REDIS_CACHE_PASSWORD", "s3cret"),
            ("REDIS_CACHE_SENTINEL_PASSWORD", "s3cret"),
            ("REDIS_CACHE_URL", "redis://:s3cret@db:1/2"),
        ]);
        let settings = settings.expect("all are right").expect("three are set");
        let builder = CacheBuilder::new(settings.clone());
        let cache = builder.clone().build().expect("the URL is right");
        assert_eq!(cache.store_name(), "redis://db:1/2");
        let shown = format!("{settings:?}{builder:?}{cache:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_file_in_which_a_secret_is_no_text_is_refused_without_it() {
        for field in ["password", "sentinel_password", "url"] {
            for value in [serde_json::json!(271_828), serde_json::json!([271_828])] {
                let file = serde_json::json!({ field: value });
                let error = serde_json::from_value::<Settings>(file).expect_err("refused");
                let error = format!("{error}{error:?}");
                assert!(!error.contains("271828"), "{error}");
                assert!(error.contains("must be text"), "{error}");
            }
        }
    }
}
