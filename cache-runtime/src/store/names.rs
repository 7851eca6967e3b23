//! What the store calls things. Every helper of a key lies in the key's hash slot, so that a script may
//! touch both on Redis Cluster.

use super::slot::{hash_tag, text_in_slot_of};

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

    /// `{key}`, or `:key` where the key has a hash tag of its own: `x` and `{x}` must not share a lease. A key
    /// that would be another one between braces is `={text}=key`, with a text of the same slot.
    fn helper(&self, kind: &str, of: &str) -> String {
        let namespace = &self.namespace;
        if hash_tag(of.as_bytes()).is_some() {
            format!("{namespace}{OWN}{kind}:{of}")
        } else if of.is_empty() || of.contains('}') {
            let text = text_in_slot_of(of.as_bytes());
            format!("{namespace}{OWN}{kind}={{{text}}}={of}")
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
            [b'=', rest @ ..] => {
                let end = rest.windows(2).position(|pair| pair == b"}=")?;
                Some(&rest[end + 2..])
            }
            _ => None,
        }
    }
}

/// Whether what is behind this namespace can share a slot with its helpers: its first `{` has to begin a
/// hash tag in the namespace itself.
pub(crate) fn is_possible(namespace: &str) -> bool {
    !namespace.contains('{') || hash_tag(namespace.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::slot::slot;
    use super::*;

    fn helpers(names: &Names, key: &str) -> [String; 5] {
        [
            names.lease(key),
            names.fence(key),
            names.stage(key, "n"),
            names.tag(key),
            names.tag_fence(key),
        ]
    }

    #[track_caller]
    fn assert_together(names: &Names, key: &str) {
        let key = names.entry(key);
        for helper in [names.lease(&key), names.fence(&key), names.stage(&key, "n")] {
            assert_eq!(slot(helper.as_bytes()), slot(key.as_bytes()), "{helper}");
            assert!(!names.is_entry(helper.as_bytes()), "{helper}");
        }
        assert!(names.is_entry(key.as_bytes()));
        let lease = names.lease(&key);
        assert_eq!(names.leased(lease.as_bytes()), Some(key.as_bytes()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn helpers_lie_in_the_slot_of_their_key(
            namespace in "[a{}:]{0,4}", key in "[a{}:=]{0,8}", tag in "[a{}:=]{0,8}",
        ) {
            prop_assume!(is_possible(&namespace));
            let names = Names::new(&namespace);
            assert_together(&names, &key);
            let [tag, fence] = [names.tag(&tag), names.tag_fence(&tag)];
            prop_assert_eq!(slot(tag.as_bytes()), slot(fence.as_bytes()), "{}", tag);
        }
    }

    #[test]
    fn a_namespace_that_opens_a_brace_for_its_keys_is_impossible() {
        for (namespace, possible) in [
            ("a{b", false),
            ("a{}b", false),
            ("a{b}", true),
            ("a}", true),
        ] {
            assert_eq!(is_possible(namespace), possible, "{namespace}");
        }
    }

    #[test]
    fn no_two_things_share_a_name() {
        let names = Names::new("");
        let keys = [
            "",
            "x",
            "{x}",
            ":{x}",
            "tag:{x}",
            "fence:{x}",
            "{x}:y",
            "x:{x}",
            "x}",
            "={0}=x",
            "=x}",
        ];
        let mut all: Vec<String> = keys.map(|key| helpers(&names, key)).concat();
        all.extend(keys.map(|key| names.entry(key)));
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
    }
}
