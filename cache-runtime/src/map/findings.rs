//! What is probably a mistake on the map.

use std::fmt;

use super::{Map, MapEntry, MapEntryKind, Through};

/// Something on the [`map`](crate::map()) that is probably a mistake. It is displayed as a sentence that says what to do.
///
/// ```
/// for finding in cache_runtime::map().findings() {
///     println!("{:?}: {finding}", finding.kind());
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Finding {
    kind: FindingKind,
    message: String,
}

/// What was found.
///
/// ```
/// use cache_runtime::FindingKind;
///
/// let map = cache_runtime::map();
/// let mut findings = map.findings();
/// findings.retain(|finding| finding.kind() == FindingKind::SharedKey);
/// println!("{} keys are shared", findings.len());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// No write can remove what a function reads: a change is seen when the entry expires.
    NeverRemoved,
    /// A write, a [`tag!`](crate::tag!) or a [`pattern!`](crate::pattern!) names what no function reads, perhaps for a
    /// typo.
    NeverRead,
    /// Two functions can read one key, and each would be served what the other has stored.
    SharedKey,
    /// Something was allowed that is not found, so the allowance hides what may come.
    AllowedInVain,
    /// There are no cached functions: the program that was to be looked at is not linked into this one.
    Nothing,
}

/// What was looked at, and is right.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    never_removed: Vec<[String; 1]>,
    never_read: Vec<[String; 1]>,
    shared_keys: Vec<[String; 2]>,
}

impl Map {
    /// Allows a function's entries to be removed by nothing but their expiration. It is named as
    /// [`MapEntry::name`] has it, or by the end of that: `countries`, `handlers::countries`.
    ///
    /// ```
    /// let map = cache_runtime::map().allow_never_removed("handlers::countries");
    /// ```
    pub fn allow_never_removed(mut self, reader: impl Into<String>) -> Self {
        self.allowed.never_removed.push([reader.into()]);
        self
    }

    /// Allows writes to name a key, a tag or a pattern that no function of this program reads, since another program
    /// does, or since it is put there by its text. It is named by its template, as the finding has it: `post:{id}`.
    ///
    /// ```
    /// let map = cache_runtime::map().allow_never_read("post:{id}").allow_shared_key("post", "draft");
    /// for finding in map.findings() {
    ///     println!("{finding}");
    /// }
    /// ```
    pub fn allow_never_read(mut self, template: impl Into<String>) -> Self {
        self.allowed.never_read.push([template.into()]);
        self
    }

    /// Allows two functions to read one key, since they return the same for it, or since their caches have namespaces of
    /// their own. They are named as in [`Map::allow_never_removed`], in either order.
    ///
    /// ```
    /// let map = cache_runtime::map().allow_shared_key("post", "draft");
    /// ```
    pub fn allow_shared_key(mut self, one: impl Into<String>, other: impl Into<String>) -> Self {
        self.allowed.shared_keys.push([one.into(), other.into()]);
        self
    }

    /// What is probably a mistake, but for what is allowed.
    ///
    /// ```
    /// for finding in cache_runtime::map().findings() {
    ///     println!("{finding}");
    /// }
    /// ```
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        if self.entries.iter().all(|entry| entry.kind.is_by_hand()) {
            let message = "no cached function is linked into this program: name the crate that has them, with `use my_application as _;`";
            return vec![Finding::new(FindingKind::Nothing, message.into())];
        }
        let mut findings = Vec::new();
        self.find_never_removed(&mut findings);
        self.find_never_read(&mut findings);
        self.find_shared_keys(&mut findings);
        findings
    }

    /// For tests: asserts that every entry is removed by some write, that every key, tag and pattern of a write is that
    /// of some entry, and that no two functions read one key, but for what is allowed.
    ///
    /// ```no_run
    /// // In a test of its own.
    /// cache_runtime::map().allow_never_removed("countries").assert_coherent();
    /// ```
    ///
    /// # Panics
    ///
    /// If there are [`findings`](Self::findings). The message has all of them.
    #[track_caller]
    pub fn assert_coherent(&self) {
        let findings = self.findings();
        let lines = findings.iter().map(|finding| format!("\n- {finding}"));
        let lines = lines.collect::<Vec<_>>().concat();
        assert!(
            findings.is_empty(),
            "the map of this program's cached functions has mistakes:{lines}"
        );
    }

    fn find_never_removed(&self, findings: &mut Vec<Finding>) {
        let mut allowed = Allowances::new(&self.allowed.never_removed);
        for (at, reader) in self.readers() {
            if self.links.iter().any(|link| link.reader == at)
                || allowed.has(|[name]| reader.is_called(name))
            {
                continue;
            }
            findings.push(Finding::new(FindingKind::NeverRemoved, format!(
                "no write removes `{}`, which {} reads: a change is seen when it expires; name it in a write, or allow it with `allow_never_removed`",
                reader.key(), reader.described(),
            )));
        }
        allowed.tell_of_the_others("allow_never_removed", findings);
    }

    fn find_never_read(&self, findings: &mut Vec<Finding>) {
        let mut allowed = Allowances::new(&self.allowed.never_read);
        // What both reads and writes names its own entry. A key by hand may be of an entry that is put there by hand.
        let told_of = |entry: &&MapEntry| {
            matches!(
                entry.kind,
                MapEntryKind::Writer | MapEntryKind::Tag | MapEntryKind::Pattern
            )
        };
        for writer in self.entries.iter().filter(told_of) {
            let read: Vec<Through<'_>> = self
                .entries
                .iter()
                .filter(|entry| entry.may_be_stored())
                .flat_map(|reader| writer.can_remove(reader))
                .collect();
            for (through, ..) in writer.names(writer) {
                if read.contains(&through) || allowed.has(|[template]| through.template == template)
                {
                    continue;
                }
                findings.push(Finding::new(FindingKind::NeverRead, format!(
                    "{} removes the {} `{}`, which no function reads: look for a typo in either, or allow it with `allow_never_read`",
                    writer.described(), through.kind, through.template,
                )));
            }
        }
        allowed.tell_of_the_others("allow_never_read", findings);
    }

    fn find_shared_keys(&self, findings: &mut Vec<Finding>) {
        let mut allowed = Allowances::new(&self.allowed.shared_keys);
        for (at, one) in self.readers() {
            for (_, other) in self.readers().skip_while(|&(other, _)| other <= at) {
                let Some(common) = one.shared_key(other) else {
                    continue;
                };
                if allowed.has(|[first, second]| {
                    (one.is_called(first) && other.is_called(second))
                        || (one.is_called(second) && other.is_called(first))
                }) {
                    continue;
                }
                findings.push(Finding::new(FindingKind::SharedKey, format!(
                    "{} and {} can both read a key such as `{common}`: `{}` and `{}` have it in common; give one a prefix of its own, or allow it with `allow_shared_key`",
                    one.described(), other.described(), one.key(), other.key(),
                )));
            }
        }
        allowed.tell_of_the_others("allow_shared_key", findings);
    }
}

/// What is allowed of one kind, and what of it was made use of.
struct Allowances<'a, const N: usize> {
    all: &'a [[String; N]],
    used: Vec<bool>,
}

impl<'a, const N: usize> Allowances<'a, N> {
    fn new(all: &'a [[String; N]]) -> Self {
        let used = vec![false; all.len()];
        Self { all, used }
    }

    /// Whether one of them is meant.
    fn has(&mut self, is_meant: impl Fn(&[String; N]) -> bool) -> bool {
        let mut has = false;
        for (allowed, used) in self.all.iter().zip(&mut self.used) {
            if is_meant(allowed) {
                *used = true;
                has = true;
            }
        }
        has
    }

    /// Finds those that nothing was found for.
    fn tell_of_the_others(&self, method: &str, findings: &mut Vec<Finding>) {
        for (allowed, _) in self.all.iter().zip(&self.used).filter(|(_, used)| !**used) {
            let names: Vec<String> = allowed.iter().map(|name| format!("{name:?}")).collect();
            let message = format!(
                "`{method}({})` allows what is not found: leave it out",
                names.join(", ")
            );
            findings.push(Finding::new(FindingKind::AllowedInVain, message));
        }
    }
}

impl MapEntry {
    /// Whether this is its name, or the end of it.
    fn is_called(&self, name: &str) -> bool {
        self.name
            .strip_suffix(name)
            .is_some_and(|module| module.is_empty() || module.ends_with("::"))
    }

    /// Its name, and where it stands.
    fn described(&self) -> String {
        format!("`{}` ({})", self.name, self.place())
    }

    /// Whether there may be an entry of its key.
    fn may_be_stored(&self) -> bool {
        self.kind.reads() || self.kind == MapEntryKind::Key
    }

    /// A key that both may have.
    fn shared_key(&self, other: &Self) -> Option<String> {
        self.keys.iter().find_map(|key| {
            other
                .keys
                .iter()
                .find_map(|other| key.texts.common(&other.texts))
        })
    }
}

impl Finding {
    fn new(kind: FindingKind, message: String) -> Self {
        Self { kind, message }
    }

    /// What was found.
    ///
    /// ```
    /// use cache_runtime::FindingKind;
    ///
    /// let findings = cache_runtime::map().findings();
    /// let typos = findings.iter().filter(|finding| finding.kind() == FindingKind::NeverRead);
    /// println!("{}", typos.count());
    /// ```
    pub fn kind(&self) -> FindingKind {
        self.kind
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
