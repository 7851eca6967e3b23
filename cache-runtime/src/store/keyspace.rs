//! What the store calls things. Every helper of a key lies in the key's hash slot, so that a script may
//! touch both on Redis Cluster.

use super::hash_slot::{SLOTS, Slot, hash_tag, text_in_slot, text_in_slot_of};
use crate::key::{EntryKey, Pattern, Tag};

/// In front of all that is not an entry, behind the namespace.
const OWN: &str = "__cache:";

/// At so many places a cluster is told of sweeps.
const SWEEPS: u16 = 16;

#[derive(Clone, Debug)]
pub(crate) struct Keyspace {
    /// With its colon, or empty.
    namespace: String,
}

impl Keyspace {
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

    pub(crate) fn entry(&self, key: impl Into<String>) -> EntryKey {
        EntryKey::new(&self.namespace, key)
    }

    /// The pattern of the same entries, as the store knows them.
    pub(crate) fn pattern(&self, pattern: Pattern) -> Pattern {
        pattern.within(&self.namespace)
    }

    /// The pattern of all entries, where a namespace tells them from what is not the cache's own.
    pub(crate) fn everything(&self) -> Option<Pattern> {
        (!self.namespace.is_empty()).then(|| Pattern::starting_with(&self.namespace))
    }

    pub(super) fn lease(&self, key: &EntryKey) -> String {
        self.helper("lease:", key.as_str())
    }

    pub(super) fn fence(&self, key: &EntryKey) -> String {
        self.helper("fence:", key.as_str())
    }

    /// What tells that the last load came to nothing.
    pub(super) fn nothing(&self, key: &EntryKey) -> String {
        self.helper("nothing:", key.as_str())
    }

    /// Where a value waits for the script that puts it in its place.
    pub(super) fn staging(&self, key: &EntryKey, nonce: &str) -> String {
        format!("{}:{nonce}", self.helper("stage:", key.as_str()))
    }

    pub(super) fn tag(&self, tag: &Tag) -> String {
        self.helper("tag:", tag.as_str())
    }

    /// Not `fence:tag:`, which is what a key `tag:{…}` would call its fence.
    pub(super) fn tag_fence(&self, tag: &Tag) -> String {
        self.helper("tag-fence:", tag.as_str())
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

    pub(super) fn is_entry(&self, key: &[u8]) -> bool {
        !key.strip_prefix(self.namespace.as_bytes())
            .is_some_and(|name| name.starts_with(OWN.as_bytes()))
    }

    /// What shows that a server can be written to.
    pub(crate) fn probe(&self) -> String {
        format!("{}{OWN}probe", self.namespace)
    }

    /// Where writers tell of the patterns that they are looking for.
    pub(super) fn sweeps(&self) -> String {
        format!("{}{OWN}sweeps", self.namespace)
    }

    /// The same on a cluster: all of these places, of which a reader looks at one. So one that is near its entry is
    /// there as long as the entry is.
    pub(super) fn all_sweeps(&self) -> impl Iterator<Item = String> {
        (0..SWEEPS).map(|place| self.sweeps_in(place))
    }

    /// The place of [`Self::all_sweeps`] that is near this slot, and the next one.
    pub(super) fn sweeps_near(&self, slot: Slot) -> [String; 2] {
        let place = slot / (SLOTS / SWEEPS);
        [place, (place + 1) % SWEEPS].map(|place| self.sweeps_in(place))
    }

    fn sweeps_in(&self, place: u16) -> String {
        let slot = place * (SLOTS / SWEEPS);
        format!("{}:{{{}}}", self.sweeps(), text_in_slot(slot))
    }

    /// What tells in which run of a server, or of one node of a cluster by one of its slots, its entries can be
    /// trusted.
    pub(super) fn trusted_run(&self, slot: Option<Slot>) -> String {
        self.of_server("run", slot)
    }

    /// Held by the process that clears a server.
    pub(super) fn clearing(&self, slot: Option<Slot>) -> String {
        self.of_server("clearing", slot)
    }

    fn of_server(&self, kind: &str, slot: Option<Slot>) -> String {
        let name = format!("{}{OWN}{kind}", self.namespace);
        match slot {
            Some(slot) => format!("{name}:{{{}}}", text_in_slot(slot)),
            None => name,
        }
    }

    /// What shows that a server tells what changes.
    pub(crate) fn tracking_probe(&self, slot: Option<Slot>) -> String {
        self.of_server("tracking", slot)
    }

    /// Where processes that have copies in memory say so.
    pub(super) fn near(&self, is_cluster: bool) -> String {
        self.of_server("near", is_cluster.then_some(0))
    }

    /// Whether a key goes when a server is cleared: an entry, or the nonce of a tag. Fences stay, since a writer
    /// may have set them since.
    pub(super) fn is_cleared(&self, key: &[u8]) -> bool {
        let tags = format!("{}{OWN}tag:", self.namespace);
        self.is_entry(key) || key.starts_with(tags.as_bytes())
    }

    /// What all leases begin with.
    pub(super) fn leases(&self) -> String {
        format!("{}{OWN}lease:", self.namespace)
    }

    /// The key that a lease is for.
    pub(super) fn leased<'k>(&self, lease: &'k [u8]) -> Option<&'k [u8]> {
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

/// Whether keys behind this namespace can share a slot with their helpers: its first `{` has to begin a
/// hash tag in the namespace itself.
pub(crate) fn can_share_slots(namespace: &str) -> bool {
    !namespace.contains('{') || hash_tag(namespace.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::hash_slot::slot;
    use super::*;

    fn helpers(keyspace: &Keyspace, text: &str) -> [String; 6] {
        let (key, tag) = (keyspace.entry(text), Tag::new(text));
        [
            keyspace.lease(&key),
            keyspace.fence(&key),
            keyspace.nothing(&key),
            keyspace.staging(&key, "n"),
            keyspace.tag(&tag),
            keyspace.tag_fence(&tag),
        ]
    }

    #[track_caller]
    fn assert_together(keyspace: &Keyspace, key: &str) {
        let key = keyspace.entry(key);
        for helper in [
            keyspace.lease(&key),
            keyspace.fence(&key),
            keyspace.nothing(&key),
            keyspace.staging(&key, "n"),
        ] {
            assert_eq!(slot(helper.as_bytes()), slot(key.as_bytes()), "{helper}");
            assert!(!keyspace.is_entry(helper.as_bytes()), "{helper}");
        }
        assert!(keyspace.is_entry(key.as_bytes()));
        let lease = keyspace.lease(&key);
        assert_eq!(keyspace.leased(lease.as_bytes()), Some(key.as_bytes()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn helpers_lie_in_the_slot_of_their_key(
            namespace in "[a{}:]{0,4}", key in "[a{}:=]{0,8}", tag in "[a{}:=]{0,8}",
        ) {
            prop_assume!(can_share_slots(&namespace));
            let keyspace = Keyspace::new(&namespace);
            assert_together(&keyspace, &key);
            let tag = Tag::new(tag);
            let [tag, fence] = [keyspace.tag(&tag), keyspace.tag_fence(&tag)];
            prop_assert_eq!(slot(tag.as_bytes()), slot(fence.as_bytes()), "{}", tag);
        }
    }

    #[test]
    fn sweeps_are_told_of_in_every_part_of_the_slots() {
        let keyspace = Keyspace::new("");
        let all: Vec<String> = keyspace.all_sweeps().collect();
        let slots = all.iter().map(|place| slot(place.as_bytes()));
        assert!(slots.eq((0..16).map(|part| part * 1024)));
        for (slot, near) in [
            (0, [0, 1]),
            (1023, [0, 1]),
            (1024, [1, 2]),
            (16_383, [15, 0]),
        ] {
            assert_eq!(
                keyspace.sweeps_near(slot),
                near.map(|place: usize| all[place].clone())
            );
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
            assert_eq!(can_share_slots(namespace), possible, "{namespace}");
        }
    }

    #[test]
    fn no_two_things_share_a_name() {
        let keyspace = Keyspace::new("");
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
        let mut all: Vec<String> = keys.map(|key| helpers(&keyspace, key)).concat();
        all.extend(keys.map(|key| keyspace.entry(key).as_str().to_owned()));
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
    }
}
