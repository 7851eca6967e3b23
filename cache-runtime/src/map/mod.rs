//! The map of a program: its cached functions with their templates, and which write can remove which read. What the
//! functions do is known when the program is linked, so it can be told without running one of them.

mod findings;
mod print;
mod registry;
mod template;

use std::fmt;

use self::findings::Allowed;
pub use self::findings::{Finding, FindingKind};
pub use self::registry::{MapEntryKind, Registered, RegisteredTemplate};
use self::template::Template;

/// The map of this program: every function under `#[cache]` and every [`key!`](crate::key!), [`tag!`](crate::tag!) and
/// [`pattern!`](crate::pattern!) that is linked into it, and which of them can remove what.
///
/// Nothing is called and nothing is connected to. A crate is linked into a test only if the test names it: write
/// `use my_application as _;` where nothing else does.
///
/// ```standalone_crate
/// use cache_runtime::cache;
///
/// #[cache("post:{id}")]
/// async fn post(id: u64) -> String {
///     format!("post {id}")
/// }
///
/// #[cache("post:{id}", method = "PUT")]
/// async fn update_post(id: u64, text: String) {}
///
/// #[cache("countries")]
/// async fn countries() -> Vec<String> {
///     vec!["Norway".into()]
/// }
///
/// # fn main() {
/// let map = cache_runtime::map();
/// let removals: Vec<String> = map.removals().map(|removal| removal.to_string()).collect();
/// assert_eq!(removals.len(), 1);
/// assert!(removals[0].ends_with("post reads: key post:{id}"), "{removals:?}");
///
/// // In a test: countries change with a release only, so no write removes them.
/// map.allow_never_removed("countries").assert_coherent();
/// # }
/// ```
pub fn map() -> Map {
    Map::new(inventory::iter::<Registered>())
}

/// The cached functions of a program, and what they can do to each other. Made by [`map`], which has an example.
#[derive(Debug)]
#[must_use]
pub struct Map {
    entries: Vec<MapEntry>,
    links: Vec<Link>,
    allowed: Allowed,
}

/// A cached function, or a name that is made by hand.
///
/// It is displayed by its name; one by hand with its place too.
///
/// ```
/// for entry in cache_runtime::map().entries() {
///     println!("{} at {}", entry.name(), entry.place());
/// }
/// ```
#[derive(Debug)]
pub struct MapEntry {
    kind: MapEntryKind,
    name: &'static str,
    file: &'static str,
    line: u32,
    keys: Vec<Template>,
    tags: Vec<Template>,
    patterns: Vec<Template>,
}

/// That a write can remove what a read has stored, and by what.
///
/// It is displayed as a sentence.
///
/// ```
/// for removal in cache_runtime::map().removals() {
///     println!("{removal}");
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Removal<'m> {
    writer: &'m MapEntry,
    reader: &'m MapEntry,
    through: Through<'m>,
}

/// What a write names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Through<'m> {
    kind: &'static str,
    template: &'m str,
}

/// A removal, by the places of its two entries.
#[derive(Debug)]
struct Link {
    writer: usize,
    reader: usize,
    through: Through<'static>,
}

impl Map {
    fn new(registered: impl Iterator<Item = &'static Registered>) -> Self {
        let mut entries: Vec<MapEntry> = registered.map(MapEntry::new).collect();
        entries.sort_by_key(|entry| (entry.name, entry.file, entry.line));
        let mut links = Vec::new();
        for (writer, writing) in entries.iter().enumerate() {
            for (reader, reading) in entries.iter().enumerate() {
                let through = writing.can_remove(reading).filter(|_| reading.kind.reads());
                links.extend(through.map(|through| Link {
                    writer,
                    reader,
                    through,
                }));
            }
        }
        Self {
            entries,
            links,
            allowed: Allowed::default(),
        }
    }

    /// All functions and names by hand, in the order of their names.
    ///
    /// ```
    /// for entry in cache_runtime::map().entries() {
    ///     let keys: Vec<&str> = entry.keys().collect();
    ///     println!("{entry} at {}: {keys:?}", entry.place());
    /// }
    /// ```
    pub fn entries(&self) -> &[MapEntry] {
        &self.entries
    }

    /// Which write can remove what which read has stored: once for each key, tag and pattern that the write names.
    ///
    /// A write is told of wherever some values make its name that of an entry. It need not mean that one:
    /// `{username}_posts:*` removes `latest_posts:global` of a user called `latest`.
    ///
    /// ```
    /// for removal in cache_runtime::map().removals() {
    ///     println!("{} removes {} by {}", removal.writer(), removal.reader(), removal.template());
    /// }
    /// ```
    pub fn removals(&self) -> impl Iterator<Item = Removal<'_>> {
        self.links.iter().map(|link| Removal {
            writer: &self.entries[link.writer],
            reader: &self.entries[link.reader],
            through: link.through,
        })
    }

    fn readers(&self) -> impl Iterator<Item = (usize, &MapEntry)> {
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.kind.reads())
    }
}

impl MapEntry {
    fn new(registered: &Registered) -> Self {
        let all =
            |templates: &[RegisteredTemplate]| templates.iter().map(Template::of_key).collect();
        Self {
            kind: registered.kind,
            name: registered.name,
            file: registered.file,
            line: registered.line,
            keys: all(registered.keys),
            tags: all(registered.tags),
            patterns: registered
                .patterns
                .iter()
                .map(Template::of_pattern)
                .collect(),
        }
    }

    /// What it does.
    ///
    /// ```
    /// use cache_runtime::MapEntryKind;
    /// for entry in cache_runtime::map().entries() {
    ///     if entry.kind() == MapEntryKind::Writer {
    ///         println!("{entry} removes something");
    ///     }
    /// }
    /// ```
    pub fn kind(&self) -> MapEntryKind {
        self.kind
    }

    /// Its name with that of its module: `blog::handlers::post`. A method has no type in it. One by hand is
    /// `blog::jobs::key!`.
    ///
    /// ```
    /// for entry in cache_runtime::map().entries() {
    ///     println!("{}", entry.name());
    /// }
    /// ```
    pub fn name(&self) -> &str {
        self.name
    }

    /// Where its attribute stands: a file and a line, `src/handlers.rs:12`.
    ///
    /// ```
    /// for entry in cache_runtime::map().entries() {
    ///     println!("{entry} is in {}", entry.place());
    /// }
    /// ```
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// The templates of the keys that it keeps or removes: `post:{id}`.
    ///
    /// ```
    /// for entry in cache_runtime::map().entries() {
    ///     for template in entry.keys() {
    ///         println!("{entry}: {template}");
    ///     }
    /// }
    /// ```
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|template| template.text)
    }

    /// The templates of the tags that its entries have, or that it invalidates.
    ///
    /// ```
    /// for entry in cache_runtime::map().entries() {
    ///     println!("{entry} has {} tags", entry.tags().count());
    /// }
    /// ```
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|template| template.text)
    }

    /// The templates of the patterns that it removes, with the `*` that they end in.
    ///
    /// ```
    /// for entry in cache_runtime::map().entries() {
    ///     println!("{entry} removes {} patterns", entry.patterns().count());
    /// }
    /// ```
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|template| template.text)
    }

    /// The template of what it reads.
    fn key(&self) -> &str {
        self.keys().next().unwrap_or_default()
    }

    /// What it names as a write, beside the templates of another entry that could make the same.
    fn names<'m>(
        &'m self,
        other: &'m Self,
    ) -> impl Iterator<Item = (Through<'static>, &'m Template, &'m [Template])> {
        let kinds = [
            ("key", &self.keys, &other.keys),
            ("tag", &self.tags, &other.tags),
            ("pattern", &self.patterns, &other.keys),
        ];
        // The tags of what both reads and writes are those of its entry.
        let is_named = |(kind, ..): &(&str, _, _)| match self.kind {
            MapEntryKind::Reader => false,
            MapEntryKind::ReaderAndWriter => *kind != "tag",
            _ => true,
        };
        kinds
            .into_iter()
            .filter(is_named)
            .flat_map(|(kind, own, others)| {
                own.iter().map(move |own| {
                    let through = Through {
                        kind,
                        template: own.text,
                    };
                    (through, own, others.as_slice())
                })
            })
    }

    /// What this one as a write removes of another one.
    fn can_remove<'m>(&'m self, other: &'m Self) -> impl Iterator<Item = Through<'static>> {
        let meets = |(through, own, others): (Through<'static>, &Template, &[Template])| {
            others
                .iter()
                .any(|other| own.texts.common(&other.texts).is_some())
                .then_some(through)
        };
        self.names(other).filter_map(meets)
    }
}

impl<'m> Removal<'m> {
    /// The function that writes, or the name by hand.
    ///
    /// ```
    /// for removal in cache_runtime::map().removals() {
    ///     println!("{} removes", removal.writer());
    /// }
    /// ```
    pub fn writer(&self) -> &'m MapEntry {
        self.writer
    }

    /// The function whose entry is removed.
    ///
    /// ```
    /// for removal in cache_runtime::map().removals() {
    ///     println!("{} is removed", removal.reader());
    /// }
    /// ```
    pub fn reader(&self) -> &'m MapEntry {
        self.reader
    }

    /// The kind of what the writer names, and its template: `key post:{id}`.
    #[cfg(feature = "admin")]
    pub(crate) fn through(&self) -> String {
        self.through.to_string()
    }

    /// The template that the writer names: of a key, a tag or a pattern.
    ///
    /// ```
    /// for removal in cache_runtime::map().removals() {
    ///     println!("by {}", removal.template());
    /// }
    /// ```
    pub fn template(&self) -> &'m str {
        self.through.template
    }
}

impl fmt::Display for MapEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.kind.is_by_hand() {
            write!(f, " ({}:{})", self.file, self.line)?;
        }
        Ok(())
    }
}

impl fmt::Display for Removal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            writer,
            reader,
            through,
        } = self;
        write!(f, "{writer} removes what {reader} reads: {through}")
    }
}

impl fmt::Display for Through<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.template)
    }
}
