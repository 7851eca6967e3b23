//! What stands for an entry and for a tag, once they are whole.

/// An entry's whole key, with its namespace: as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EntryKey(String);

impl EntryKey {
    /// The key of the entry that a template, or a caller by hand, calls `key`.
    pub(crate) fn new(namespace: &str, key: impl Into<String>) -> Self {
        let mut whole = key.into();
        whole.insert_str(0, namespace);
        Self(whole)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A tag as its template renders it: `user:5`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tag(String);

impl Tag {
    pub(crate) fn new(tag: impl Into<String>) -> Self {
        Self(tag.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
