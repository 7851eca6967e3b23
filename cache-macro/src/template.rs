//! Takes a string literal apart into literal text and placeholders. Nothing of the function is known here.

use proc_macro2::Span;
use syn::LitStr;

/// What the version of a key stands behind.
const VERSION: &str = "%v";

/// `{username}_posts:page_{page.number}`, taken apart.
#[derive(Clone, Default)]
pub(crate) struct Template {
    pub(crate) segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Segment {
    Literal(String),
    Placeholder(Placeholder),
}

/// `{page.number}` or `{filter:hash}`
#[derive(Clone)]
pub(crate) struct Placeholder {
    pub(crate) root: String,
    pub(crate) fields: Vec<String>,
    pub(crate) hashed: bool,
    /// The place of the literal, for messages.
    pub(crate) span: Span,
}

impl Template {
    pub(crate) fn parse(source: &LitStr) -> syn::Result<Self> {
        let span = source.span();
        let template = Self::scan(&source.value(), span).and_then(Self::check);
        template.map_err(|message| syn::Error::new(span, message))
    }

    /// Parses the path of one placeholder and nothing else, as `resource_id_name` has it.
    pub(crate) fn parse_path(source: &LitStr) -> syn::Result<Self> {
        let span = source.span();
        let placeholder = Placeholder::parse(&source.value(), span)
            .map_err(|message| syn::Error::new(span, message))?;
        Ok(Self {
            segments: vec![Segment::Placeholder(placeholder)],
        })
    }

    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Placeholder(placeholder) => Some(placeholder),
            Segment::Literal(_) => None,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Makes the placeholder of a whole parameter.
    pub(crate) fn of_parameter(name: &str, span: Span) -> Self {
        Self {
            segments: vec![Segment::Placeholder(Placeholder {
                root: name.to_owned(),
                fields: Vec::new(),
                hashed: false,
                span,
            })],
        }
    }

    pub(crate) fn uses(&self, name: &str) -> bool {
        self.placeholders()
            .any(|placeholder| placeholder.root == name)
    }

    /// Whether a placeholder has this name in its path: `{user_id}`, `{target.user_id}` and `{user.id}` all name
    /// `user_id`.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.placeholders().any(|placeholder| {
            let path = placeholder.path();
            let mut runs = (1..=path.len()).flat_map(|end| (0..end).map(move |start| start..end));
            runs.any(|run| path[run].join("_") == name)
        })
    }

    /// Appends a colon and the resource id, if there is one.
    pub(crate) fn with_id(mut self, id: Self) -> Self {
        if id.is_empty() {
            return self;
        }
        self.push_literal(":");
        for segment in id.segments {
            match segment {
                Segment::Literal(text) => self.push_literal(&text),
                placeholder @ Segment::Placeholder(_) => self.segments.push(placeholder),
            }
        }
        self
    }

    /// Appends `%v2`. No value is ever written so: behind a `%` in one there are two digits of an escape, which has none
    /// of them among `v`'s, or a sign.
    pub(crate) fn with_version(mut self, version: u32) -> Self {
        self.push_literal(&format!("{VERSION}{version}"));
        self
    }

    /// Whether it ends in what [`Self::with_version`] appends.
    pub(crate) fn has_version(&self) -> bool {
        match self.segments.last() {
            Some(Segment::Literal(text)) => text
                .rfind(VERSION)
                .is_some_and(|at| is_version(&text[at..])),
            _ => false,
        }
    }

    pub(crate) fn push_literal(&mut self, text: &str) {
        if let Some(Segment::Literal(last)) = self.segments.last_mut() {
            last.push_str(text);
        } else if !text.is_empty() {
            self.segments.push(Segment::Literal(text.to_owned()));
        }
    }

    fn scan(text: &str, span: Span) -> Result<Self, String> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (literal, from_brace) = rest.split_at(at);
            template.push_literal(literal);
            rest = match from_brace.get(..2) {
                Some("{{" | "}}") => {
                    template.push_literal(&from_brace[..1]);
                    &from_brace[2..]
                }
                _ => template.scan_placeholder(from_brace, span)?,
            };
        }
        template.push_literal(rest);
        Ok(template)
    }

    /// Input: `{name}rest`. Output: `rest`.
    fn scan_placeholder<'t>(&mut self, text: &'t str, span: Span) -> Result<&'t str, String> {
        let Some(inner) = text.strip_prefix('{') else {
            return Err("a `}` without its `{`; a literal brace is written `}}`".into());
        };
        let Some((inner, rest)) = inner.split_once('}') else {
            return Err("a `{` without its `}`; a literal brace is written `{{`".into());
        };
        self.segments
            .push(Segment::Placeholder(Placeholder::parse(inner, span)?));
        Ok(rest)
    }

    /// Refuses what would make two argument lists share a key.
    fn check(self) -> Result<Self, String> {
        let last = self.segments.len().saturating_sub(2);
        for (at, pair) in self.segments.windows(2).enumerate() {
            match pair {
                [Segment::Placeholder(_), Segment::Literal(text)]
                    if at == last && is_version(text) => {}
                [Segment::Placeholder(left), Segment::Placeholder(right)] => {
                    return Err(format!(
                        "`{left}{right}` needs text in between: without it different values make the same key"
                    ));
                }
                [Segment::Placeholder(left), Segment::Literal(text)] if text.starts_with('%') => {
                    return Err(format!(
                        "`{left}` can't be followed by `%`, which begins an escape in a key"
                    ));
                }
                _ => {}
            }
        }
        Ok(self)
    }
}

impl Placeholder {
    /// Its names: `page` and `number` of `{page.number}`.
    pub(crate) fn path(&self) -> Vec<&str> {
        let fields = self.fields.iter().map(String::as_str);
        std::iter::once(self.root.as_str()).chain(fields).collect()
    }

    fn parse(inner: &str, span: Span) -> Result<Self, String> {
        let (path, hashed) = match inner.split_once(':') {
            None => (inner, false),
            Some((path, "hash")) => (path, true),
            Some((_, format)) => {
                return Err(format!(
                    "unknown format `:{format}` in `{{{inner}}}`; the only one is `:hash`"
                ));
            }
        };
        let mut names = path.split('.').map(str::to_owned);
        let root = names.next().unwrap_or_default();
        let fields: Vec<String> = names.collect();
        let field_is_one = |field: &String| is_name(field) || is_index(field);
        if !is_name(&root) || !fields.iter().all(field_is_one) {
            return Err(if path.is_empty() {
                "a placeholder needs a name: a parameter (`{id}`) or a field of one (`{page.number}`)".into()
            } else {
                format!(
                    "`{path}` is not a placeholder: name a parameter (`id`) or a field of one (`page.number`)"
                )
            });
        }
        Ok(Self {
            root,
            fields,
            hashed,
            span,
        })
    }
}

/// As it is written.
impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Segment::Placeholder(placeholder) => write!(f, "{placeholder}"),
        })
    }
}

impl std::fmt::Display for Placeholder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{}", self.root)?;
        for field in &self.fields {
            write!(f, ".{field}")?;
        }
        f.write_str(if self.hashed { ":hash}" } else { "}" })
    }
}

impl std::fmt::Debug for Placeholder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl PartialEq for Placeholder {
    fn eq(&self, other: &Self) -> bool {
        (&self.root, &self.fields, self.hashed) == (&other.root, &other.fields, other.hashed)
    }
}

/// Whether this is the version of a key: `%v2`.
fn is_version(text: &str) -> bool {
    text.strip_prefix(VERSION).is_some_and(is_index)
}

/// A keyword is a name as well: `{type}` means the parameter `r#type`.
fn is_name(text: &str) -> bool {
    matches!(text, "self" | "Self") || syn::parse_str::<syn::Ident>(&format!("r#{text}")).is_ok()
}

fn is_index(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::Span;

    fn segments(text: &str) -> String {
        match Template::parse(&LitStr::new(text, Span::call_site())) {
            Ok(template) => format!("{:?}", template.segments),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn literal_text_and_placeholders_are_told_apart() {
        assert_eq!(
            segments("{username}_posts:page_{page.number}"),
            r#"[Placeholder({username}), Literal("_posts:page_"), Placeholder({page.number})]"#
        );
        assert_eq!(segments("countries"), r#"[Literal("countries")]"#);
        assert_eq!(
            segments("名前:{pair.0:hash}"),
            r#"[Literal("名前:"), Placeholder({pair.0:hash})]"#
        );
        assert_eq!(segments("{type}"), "[Placeholder({type})]");
        assert_eq!(segments(""), "[]");
    }

    #[test]
    fn doubled_braces_are_literal_ones() {
        assert_eq!(
            segments("{{user_{id}}}"),
            r#"[Literal("{user_"), Placeholder({id}), Literal("}")]"#
        );
        assert_eq!(segments("}}{{"), r#"[Literal("}{")]"#);
    }

    #[test]
    fn a_key_that_could_be_shared_is_refused() {
        assert!(segments("{a}{b}").starts_with("error: `{a}{b}` needs text in between"));
        assert!(segments("{a}%{b}").starts_with("error: `{a}` can't be followed by `%`"));
        assert_eq!(segments("%{a}"), r#"[Literal("%"), Placeholder({a})]"#);
    }

    #[test]
    fn a_version_may_follow_a_placeholder_at_the_end_alone() {
        let expected = r#"[Literal("a:"), Placeholder({a}), Literal("%v2")]"#;
        assert_eq!(segments("a:{a}%v2"), expected);
        for text in ["{a}%v", "{a}%v2b", "{a}%v2:{b}", "{a}%w2", "{a}%v-2"] {
            assert!(segments(text).starts_with("error: "), "{text}");
        }
    }

    #[test]
    fn what_is_no_placeholder_is_refused() {
        for text in [
            "{", "}", "{a", "a}", "{}", "{a b}", "{a.}", "{.a}", "{1}", "{a:hex}", "{a-b}", "{{a}",
            "{a{b}",
        ] {
            assert!(
                segments(text).starts_with("error: "),
                "{text} gave {}",
                segments(text)
            );
        }
    }
}
