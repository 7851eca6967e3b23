//! Templates that are written once, with `templates!`, and named as `post_key!` where a literal stands else.
//!
//! Nobody but the compiler knows what a name means, so the attribute leaves it to the name: it becomes a call of the
//! macro that `templates!` has made, with all that is needed to go on, and that one calls `fill!`, with its text in
//! front.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{Attribute, LitStr, Path, Token, Visibility, braced};

use super::value::path_in_brackets;
use crate::template::{Segment, Template};

/// `pub(crate) post_key = "{username}_post_cache:{id}";`
pub(crate) struct SharedTemplate {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) name: Ident,
    pub(crate) template: LitStr,
}

/// `[$crate] post_key = "…"; user_tag = "…";`
pub(crate) struct SharedTemplates {
    pub(crate) krate: Path,
    pub(crate) templates: Vec<SharedTemplate>,
}

/// `"{username}_post_cache:{id}" cache {args} {item}`: who asked for the template, and what it goes on with.
pub(crate) struct Filling {
    pub(crate) template: LitStr,
    pub(crate) asked_by: Ident,
    pub(crate) args: TokenStream,
    pub(crate) item: TokenStream,
}

impl Parse for SharedTemplates {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let krate = path_in_brackets(input)?;
        let mut templates = Vec::new();
        while !input.is_empty() {
            templates.push(input.parse()?);
        }
        Ok(Self { krate, templates })
    }
}

impl Parse for SharedTemplate {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let shape = |error: syn::Error| {
            let message =
                "expected a template with its name: `post_key = \"{username}_post_cache:{id}\";`";
            syn::Error::new(error.span(), message)
        };
        let rest = |input: ParseStream<'_>| {
            let name = input.parse()?;
            input.parse::<Token![=]>()?;
            let template = input.parse()?;
            input.parse::<Token![;]>()?;
            Ok((name, template))
        };
        let (name, template) = rest(input).map_err(shape)?;
        if let Visibility::Public(public) = &vis {
            let message = "templates are shared within a crate: write `pub(crate)`";
            return Err(syn::Error::new_spanned(public, message));
        }
        Ok(Self {
            attrs,
            vis,
            name,
            template,
        })
    }
}

impl Parse for Filling {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (args, item);
        Ok(Self {
            template: input.parse()?,
            asked_by: input.parse()?,
            args: {
                braced!(args in input);
                args.parse()?
            },
            item: {
                braced!(item in input);
                item.parse()?
            },
        })
    }
}

impl Filling {
    /// The arguments, with the text in the place of the first name.
    pub(crate) fn filled(&self) -> syn::Result<TokenStream> {
        let mut found = None;
        let args = replace_first(self.args.clone(), &mut |name| {
            let template = self.template_for(&name.values);
            let literal = template.map(|template| LitStr::new(&template, name.span));
            let token = literal.as_ref().ok().map(LitStr::token);
            found = Some(literal.map(drop));
            token.map_or_else(TokenStream::new, |token| TokenTree::from(token).into())
        });
        found.unwrap_or(Ok(())).map(|()| args)
    }

    /// Its text, with other names in the place of those of its placeholders.
    fn template_for(&self, values: &TokenStream) -> syn::Result<String> {
        let values = Renaming::parse_all.parse2(values.clone())?;
        let mut template = Template::parse(&self.template)?;
        for value in &values {
            if !template.uses(&value.name) {
                let name = &value.name;
                let message = format!(
                    "`{name}` is not in the template `{}`: leave it out",
                    self.template.value()
                );
                return Err(syn::Error::new(value.span, message));
            }
        }
        for segment in &mut template.segments {
            let Segment::Placeholder(placeholder) = segment else {
                continue;
            };
            if let Some(value) = values.iter().find(|value| value.name == placeholder.root) {
                placeholder.root.clone_from(&value.path);
            }
        }
        Ok(template.to_string())
    }
}

/// `id = post.id`: what a placeholder of a shared template is called here.
struct Renaming {
    name: String,
    span: Span,
    path: String,
}

impl Renaming {
    fn parse_all(input: ParseStream<'_>) -> syn::Result<Vec<Self>> {
        let values = input.parse_terminated(Self::parse, Token![,])?;
        Ok(values.into_iter().collect())
    }
}

impl Parse for Renaming {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let given = |input: ParseStream<'_>| {
            let name = input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            Ok(name)
        };
        let name = given(input).map_err(|error: syn::Error| {
            let message = "expected what a placeholder is called here: `id = post.id`";
            syn::Error::new(error.span(), message)
        })?;
        let span = input.span();
        let mut path = String::new();
        while !input.is_empty() && !input.peek(Token![,]) {
            path.push_str(&input.parse::<TokenTree>()?.to_string());
        }
        // The same check as that of `resource_id_name`.
        Template::parse_path(&LitStr::new(&path, span))?;
        Ok(Self {
            name: name.unraw().to_string(),
            span: name.span(),
            path,
        })
    }
}

/// `names::post_key!(id = post.id)` in the place of a literal.
pub(crate) struct SharedName {
    /// `names::post_key`
    pub(crate) path: TokenStream,
    values: TokenStream,
    /// That of the name itself.
    span: Span,
}

/// The first name of a shared template in these arguments.
pub(crate) fn first_shared(args: &TokenStream) -> Option<SharedName> {
    let mut first = None;
    replace_first(args.clone(), &mut |name| {
        first = Some(name);
        TokenStream::new()
    });
    first
}

type Replace<'r> = &'r mut dyn FnMut(SharedName) -> TokenStream;

/// The arguments whose values are a template, or a list or dictionary of some. What else has a `!` is an expression.
const ONE: &str = "key_prefix";
const MANY: [&str; 4] = [
    "to_invalidate_extra",
    "pattern_to_invalidate_extra",
    "tags",
    "tags_to_invalidate",
];

/// Replaces the first name, in the order of the text.
fn replace_first(args: TokenStream, replace: Replace<'_>) -> TokenStream {
    let mut tokens: Vec<TokenTree> = args.into_iter().collect();
    let starts = (0..tokens.len()).filter(|&at| at == 0 || is(&tokens, at - 1, ','));
    for start in starts.collect::<Vec<_>>() {
        let name = match tokens.get(start) {
            Some(TokenTree::Ident(name)) if is(&tokens, start + 1, '=') => name.to_string(),
            // The first may stand without its name.
            _ if start == 0 => ONE.to_owned(),
            _ => continue,
        };
        let value = if is(&tokens, start + 1, '=') {
            start + 2
        } else {
            start
        };
        if name == ONE {
            if let Some((name, end)) = name_at(&tokens, value) {
                tokens.splice(value..end, replace(name));
                break;
            }
        } else if MANY.contains(&name.as_str())
            && let Some(TokenTree::Group(group)) = tokens.get_mut(value)
            && let Some(stream) = replace_in_list(group.stream(), replace)
        {
            let span = group.span();
            *group = Group::new(group.delimiter(), stream);
            group.set_span(span);
            break;
        }
    }
    tokens.into_iter().collect()
}

/// Nothing where there is no name.
fn replace_in_list(list: TokenStream, replace: Replace<'_>) -> Option<TokenStream> {
    let mut tokens: Vec<TokenTree> = list.into_iter().collect();
    let begins = |at: usize| at == 0 || is(&tokens, at - 1, ',') || is(&tokens, at - 1, ':');
    let mut starts = (0..tokens.len()).filter(|&at| begins(at));
    let (start, (name, end)) = starts.find_map(|start| Some((start, name_at(&tokens, start)?)))?;
    tokens.splice(start..end, replace(name));
    Some(tokens.into_iter().collect())
}

fn is(tokens: &[TokenTree], at: usize, expected: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == expected)
}

/// A path with a `!` behind it, or also names in parentheses; and where it ends.
fn name_at(tokens: &[TokenTree], start: usize) -> Option<(SharedName, usize)> {
    let is = |at, expected| is(tokens, at, expected);
    let is_path_sep = |at| is(at, ':') && is(at + 1, ':');
    let mut at = if is_path_sep(start) { start + 2 } else { start };
    let span = loop {
        let TokenTree::Ident(ident) = tokens.get(at)? else {
            return None;
        };
        at += 1;
        if !is_path_sep(at) {
            break ident.span();
        }
        at += 2;
    };
    if !is(at, '!') {
        return None;
    }
    let path = tokens[start..at].iter().cloned().collect();
    at += 1;
    let mut values = TokenStream::new();
    if let Some(TokenTree::Group(group)) = tokens.get(at)
        && group.delimiter() == Delimiter::Parenthesis
    {
        values = group.stream();
        at += 1;
    }
    let ends = at == tokens.len() || is(at, ',') || is(at, ':');
    ends.then_some((SharedName { path, values, span }, at))
}
