//! The function under the attribute: its signature, its body unread, the names and types that it binds.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{
    Attribute, FnArg, GenericArgument, Pat, PathArguments, ReturnType, Signature, Type, Visibility,
};

pub(crate) struct Handler {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// Tokens, not a syntax tree: a half-typed body still expands, and editors still complete in it.
    pub(crate) body: Group,
    pub(crate) params: Vec<Param>,
}

/// One parameter: `Path((username, id)): Path<(String, i64)>` binds two names.
pub(crate) struct Param {
    pub(crate) role: Role,
    pub(crate) bindings: Vec<Binding>,
    /// What it is called in messages, if it does not own all that it holds.
    borrowed: Option<String>,
    /// actix's own types, which can't leave their thread.
    pub(crate) stays_on_thread: bool,
}

pub(crate) struct Binding {
    pub(crate) ident: Ident,
    /// As templates write it, without `r#`.
    pub(crate) name: String,
    /// Where pattern and type have the same shape.
    pub(crate) ty: Option<Type>,
    /// The name is the whole parameter, not a part of it.
    pub(crate) whole: bool,
}

/// What a parameter is to its function, as far as the name of its type tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// `State`, `web::Data`: the answer does not depend on who asks.
    Infrastructure,
    /// `Method`, `Request`, `HttpRequest`, `Parts`: infrastructure that knows the request's method.
    Request,
    /// `Json`, `Form`, …: takes the request's body.
    Body,
    /// Any other part of a request.
    Extractor,
    /// Numbers, `bool`, `char`, text, `Uuid`, and options, lists and references of them.
    Plain,
    Unknown,
}

impl Parse for Handler {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        let start = input.span();
        let no_function = |_| syn::Error::new(start, "`#[cache]` goes on an `async fn`");
        let sig: Signature = if vis_then_fn(input) {
            input.parse()?
        } else {
            input.parse().map_err(no_function)?
        };
        require_async(&sig)?;
        if input.peek(syn::Token![;]) {
            let message =
                "`#[cache]` needs a body: put it on the implementation, not on the declaration";
            return Err(syn::Error::new(sig.ident.span(), message));
        }
        let body = input.parse()?;
        let params = sig.inputs.iter().filter_map(Param::of).collect();
        Ok(Self {
            attrs,
            vis,
            sig,
            body,
            params,
        })
    }
}

/// Whether the mistake, if there is one, lies within a function and not in there being none.
fn vis_then_fn(input: ParseStream<'_>) -> bool {
    input.peek(syn::Token![async]) || input.peek(syn::Token![fn]) || input.peek(syn::Token![unsafe])
}

fn require_async(sig: &Signature) -> syn::Result<()> {
    if sig.asyncness.is_some() {
        return Ok(());
    }
    let under_async_trait = sig
        .generics
        .lifetimes()
        .any(|param| param.lifetime.ident == "async_trait");
    let message = if under_async_trait {
        "`#[async_trait]` has already rewritten this method: put `#[cache]` on an inherent `async fn` and call that"
    } else {
        "`#[cache]` needs an `async fn`: write `async` before `fn`"
    };
    Err(syn::Error::new(sig.fn_token.span, message))
}

impl Handler {
    pub(crate) fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.params.iter().flat_map(|param| &param.bindings)
    }

    pub(crate) fn binding(&self, name: &str) -> Option<&Binding> {
        self.bindings().find(|binding| binding.name == name)
    }

    pub(crate) fn name(&self) -> String {
        self.sig.ident.unraw().to_string()
    }

    /// The answer's type; `()` where none is written.
    pub(crate) fn answer(&self) -> Type {
        match &self.sig.output {
            ReturnType::Type(_, ty) => (**ty).clone(),
            ReturnType::Default => syn::parse_quote!(()),
        }
    }

    /// The first parameter that is borrowed from the caller.
    pub(crate) fn borrowed(&self) -> Option<&str> {
        let receiver = self.sig.receiver();
        let receiver = receiver.filter(|receiver| borrows(receiver.to_token_stream()));
        let mut params = self.params.iter();
        receiver
            .map(|_| "self")
            .or_else(|| params.find_map(|param| param.borrowed.as_deref()))
    }

    /// A function whose parameters come out of a request, as opposed to one that is called by hand.
    pub(crate) fn takes_a_request(&self) -> bool {
        self.params
            .iter()
            .any(|param| !matches!(param.role, Role::Plain | Role::Unknown))
    }

    /// Why the function looks like a write, if it does: fits behind "it".
    pub(crate) fn looks_like_a_write(&self) -> Option<String> {
        const VERBS: [&str; 17] = [
            "add", "create", "delete", "destroy", "edit", "insert", "modify", "patch", "put",
            "remove", "rename", "replace", "save", "set", "store", "update", "upsert",
        ];
        const ROUTES: [&str; 4] = ["post", "put", "patch", "delete"];
        let route = self.attrs.iter().find_map(|attr| {
            let name = attr.path().segments.last()?.ident.to_string();
            ROUTES.contains(&name.as_str()).then_some(name)
        });
        if let Some(route) = route {
            return Some(format!("is routed by `#[{route}]`"));
        }
        if self.params.iter().any(|param| param.role == Role::Body) {
            return Some("takes a request's body".into());
        }
        let name = self.name();
        let verb = name.split('_').next().unwrap_or_default();
        VERBS.contains(&verb).then(|| format!("is named `{name}`"))
    }
}

impl Param {
    fn of(input: &FnArg) -> Option<Self> {
        let FnArg::Typed(typed) = input else {
            return None;
        };
        let mut bindings = Vec::new();
        bind(&typed.pat, Some(&typed.ty), &mut bindings);
        if let (Pat::Ident(_), [only]) = (&*typed.pat, bindings.as_mut_slice()) {
            only.whole = true;
        }
        let name = bindings.first().map(|binding| binding.name.clone());
        let name = || name.unwrap_or_else(|| typed.ty.to_token_stream().to_string());
        let ty = type_name(&typed.ty);
        Some(Self {
            role: Role::of(&typed.ty),
            borrowed: borrows(typed.ty.to_token_stream()).then(name),
            stays_on_thread: matches!(ty.as_deref(), Some("HttpRequest" | "Payload")),
            bindings,
        })
    }
}

/// Whether a type has a reference or a lifetime in it, other than `'static`.
fn borrows(ty: TokenStream) -> bool {
    let is = |token: &TokenTree, wanted| matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted);
    let mut tokens = ty.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let next = tokens.peek();
        let borrows = match &token {
            TokenTree::Group(group) => borrows(group.stream()),
            token if is(token, '&') => !next.is_some_and(|next| is(next, '\'')),
            token if is(token, '\'') => next.is_none_or(|next| next.to_string() != "static"),
            _ => false,
        };
        if borrows {
            return true;
        }
    }
    false
}

/// The names that a pattern binds, with their types as far as pattern and type have the same shape.
fn bind(pat: &Pat, ty: Option<&Type>, bindings: &mut Vec<Binding>) {
    let several = |pats: &mut dyn Iterator<Item = &Pat>, bindings: &mut Vec<Binding>| {
        pats.for_each(|pat| bind(pat, None, bindings));
    };
    match pat {
        Pat::Ident(pat) => {
            let name = pat.ident.unraw().to_string();
            bindings.push(Binding {
                ident: pat.ident.clone(),
                name,
                ty: ty.cloned(),
                whole: false,
            });
            if let Some((_, inner)) = &pat.subpat {
                bind(inner, None, bindings);
            }
        }
        Pat::TupleStruct(pat) if pat.elems.len() == 1 => {
            bind(&pat.elems[0], ty.and_then(|ty| type_argument(ty)), bindings);
        }
        Pat::Tuple(pat) => match ty {
            Some(Type::Tuple(ty)) if ty.elems.len() == pat.elems.len() && !has_rest(&pat.elems) => {
                pat.elems
                    .iter()
                    .zip(&ty.elems)
                    .for_each(|(pat, ty)| bind(pat, Some(ty), bindings));
            }
            _ => several(&mut pat.elems.iter(), bindings),
        },
        Pat::Reference(pat) => match ty {
            Some(Type::Reference(ty)) => bind(&pat.pat, Some(&ty.elem), bindings),
            _ => bind(&pat.pat, None, bindings),
        },
        Pat::Paren(pat) => bind(&pat.pat, ty, bindings),
        Pat::TupleStruct(pat) => several(&mut pat.elems.iter(), bindings),
        Pat::Struct(pat) => several(&mut pat.fields.iter().map(|field| &*field.pat), bindings),
        Pat::Slice(pat) => several(&mut pat.elems.iter(), bindings),
        _ => {}
    }
}

fn has_rest<'p>(pats: impl IntoIterator<Item = &'p Pat>) -> bool {
    pats.into_iter().any(|pat| matches!(pat, Pat::Rest(_)))
}

/// `web::Path<i64>` → `i64`: the only type argument of the last segment.
pub(crate) fn type_argument(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.next().filter(|_| types.next().is_none())
}

/// The last segment of a type's path, references taken off: `&'a web::Path<i64>` → `Path`.
pub(crate) fn type_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        Type::Reference(reference) => type_name(&reference.elem),
        Type::Paren(inner) => type_name(&inner.elem),
        Type::Group(inner) => type_name(&inner.elem),
        _ => None,
    }
}

impl Role {
    fn of(ty: &Type) -> Self {
        if is_plain(ty) {
            return Self::Plain;
        }
        let Some(name) = type_name(ty) else {
            return Self::Unknown;
        };
        // A user's own `State` or `std::path::Path` has no type argument.
        let wraps = type_argument(ty).is_some();
        match name.as_str() {
            "Method" | "Request" | "HttpRequest" | "Parts" => Self::Request,
            "State" | "Data" | "ThinData" if wraps => Self::Infrastructure,
            "Json" | "Body" | "Form" | "MultipartForm" | "TypedMultipart" if wraps => Self::Body,
            "Bytes" | "Multipart" | "Payload" => Self::Body,
            "Path" | "Query" | "Extension" | "ReqData" | "TypedHeader" | "Header"
            | "ConnectInfo" | "Session" | "QsQuery" | "Either"
                if wraps =>
            {
                Self::Extractor
            }
            "HeaderMap" | "RawQuery" | "RawPathParams" | "OriginalUri" | "Uri" | "Cookies"
            | "CookieJar" | "PrivateCookieJar" | "SignedCookieJar" | "Session" | "Identity"
            | "Host" | "PeerAddr" | "ConnectionInfo" | "BearerAuth" | "BasicAuth" => {
                Self::Extractor
            }
            _ => Self::Unknown,
        }
    }
}

pub(crate) fn is_integer(ty: &Type) -> bool {
    const INTEGERS: [&str; 12] = [
        "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize",
    ];
    type_name(ty)
        .is_some_and(|name| INTEGERS.contains(&name.as_str()) || name.starts_with("NonZero"))
}

pub(crate) fn is_text(ty: &Type) -> bool {
    match type_name(ty).as_deref() {
        Some("String" | "str") => true,
        Some("Cow" | "Box" | "Arc" | "Rc") => {
            strip(ty).and_then(type_argument).is_some_and(is_text)
        }
        _ => false,
    }
}

/// Data that can be nothing but an input.
fn is_plain(ty: &Type) -> bool {
    match ty {
        Type::Reference(ty) => is_plain(&ty.elem),
        Type::Slice(ty) => is_plain(&ty.elem),
        Type::Array(ty) => is_plain(&ty.elem),
        Type::Paren(ty) => is_plain(&ty.elem),
        Type::Group(ty) => is_plain(&ty.elem),
        Type::Tuple(ty) => !ty.elems.is_empty() && ty.elems.iter().all(is_plain),
        Type::Path(_) if is_integer(ty) || is_text(ty) => true,
        Type::Path(_) => match type_name(ty).as_deref() {
            Some("f32" | "f64" | "bool" | "char" | "Uuid") => true,
            Some("Option" | "Vec" | "Box" | "Arc" | "Rc" | "Cow") => {
                type_argument(ty).is_some_and(is_plain)
            }
            _ => false,
        },
        _ => false,
    }
}

fn strip(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Reference(ty) => strip(&ty.elem),
        Type::Paren(ty) => strip(&ty.elem),
        Type::Group(ty) => strip(&ty.elem),
        other => Some(other),
    }
}

/// Two types that are written alike but for paths and references: `uuid::Uuid` and `&Uuid`.
pub(crate) fn same_type(left: &Type, right: &Type) -> bool {
    (is_text(left) && is_text(right))
        || (type_name(left).is_some() && type_name(left) == type_name(right))
        || left.to_token_stream().to_string() == right.to_token_stream().to_string()
}
