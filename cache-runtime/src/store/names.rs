//! What the store calls things. Every helper of a key lies in the key's hash slot, so that a script may
//! touch both on Redis Cluster.

/// In front of all that is not an entry, behind the namespace.
const OWN: &str = "__cache:";

#[derive(Debug)]
pub(crate) struct Names {
    /// With its colon, or empty.
    namespace: String,
}

impl Names {
    pub(crate) fn new(namespace: &str) -> Self {
        let colon = if namespace.is_empty() || namespace.ends_with(':') {
            ""
        } else {
            ":"
        };
        Self {
            namespace: format!("{namespace}{colon}"),
        }
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(crate) fn entry(&self, key: impl Into<String>) -> String {
        let mut key = key.into();
        key.insert_str(0, &self.namespace);
        key
    }

    /// From here on, `key` is an entry's whole key.
    pub(crate) fn lease(&self, key: &str) -> String {
        self.helper("lease:", key)
    }

    pub(crate) fn fence(&self, key: &str) -> String {
        self.helper("fence:", key)
    }

    pub(crate) fn stage(&self, key: &str, nonce: &str) -> String {
        format!("{}:{nonce}", self.helper("stage:", key))
    }

    pub(crate) fn tag(&self, tag: &str) -> String {
        self.helper("tag:", tag)
    }

    /// Not `fence:tag:`, which is what a key `tag:{…}` would call its fence.
    pub(crate) fn tag_fence(&self, tag: &str) -> String {
        self.helper("tag-fence:", tag)
    }

    /// `{key}`, or `:key` where the key has a hash tag of its own: `x` and `{x}` must not share a lease.
    fn helper(&self, kind: &str, of: &str) -> String {
        let namespace = &self.namespace;
        if has_hash_tag(of) {
            format!("{namespace}{OWN}{kind}:{of}")
        } else {
            format!("{namespace}{OWN}{kind}{{{of}}}")
        }
    }

    pub(crate) fn is_entry(&self, key: &[u8]) -> bool {
        !key.strip_prefix(self.namespace.as_bytes())
            .is_some_and(|name| name.starts_with(OWN.as_bytes()))
    }

    /// What shows that a server can be written to.
    pub(crate) fn probe(&self) -> String {
        format!("{}{OWN}probe", self.namespace)
    }

    /// What all leases begin with.
    pub(crate) fn leases(&self) -> String {
        format!("{}{OWN}lease:", self.namespace)
    }

    /// The key that a lease is for.
    pub(crate) fn leased<'k>(&self, lease: &'k [u8]) -> Option<&'k [u8]> {
        match lease.strip_prefix(self.leases().as_bytes())? {
            [b'{', key @ .., b'}'] | [b':', key @ ..] => Some(key),
            _ => None,
        }
    }
}

/// Whether a part of the key chooses its slot: what is between its first `{` and the next `}`, unless that
/// is nothing.
fn has_hash_tag(key: &str) -> bool {
    let inside = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    inside.is_some_and(|(tag, _)| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Redis hashes of a key.
    fn hashed(key: &str) -> &str {
        let inside = key
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'));
        inside.map_or(key, |(tag, _)| if tag.is_empty() { key } else { tag })
    }

    fn helpers(names: &Names, key: &str) -> [String; 5] {
        [
            names.lease(key),
            names.fence(key),
            names.stage(key, "n"),
            names.tag(key),
            names.tag_fence(key),
        ]
    }

    #[test]
    fn helpers_lie_in_the_slot_of_their_key() {
        let names = Names::new("blog");
        for key in ["blog:post:1", "blog:{user_5}:posts", "{user_5}"] {
            for helper in helpers(&names, key) {
                assert_eq!(hashed(&helper), hashed(key), "{helper}");
                assert!(!names.is_entry(helper.as_bytes()), "{helper}");
            }
            assert!(names.is_entry(key.as_bytes()));
            let lease = names.lease(key);
            assert_eq!(names.leased(lease.as_bytes()), Some(key.as_bytes()));
        }
    }

    #[test]
    fn no_two_things_share_a_name() {
        let names = Names::new("");
        let keys = ["x", "{x}", ":{x}", "tag:{x}", "fence:{x}", "{x}:y", "x:{x}"];
        let mut all: Vec<String> = keys.map(|key| helpers(&names, key)).concat();
        all.extend(keys.map(|key| names.entry(key)));
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
    }
}
