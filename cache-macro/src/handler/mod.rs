//! The function under the attribute: its signature with the names that it binds, and its body, which stays
//! unparsed.

mod bindings;
mod boxed;
mod dependencies;
mod extractors;
mod role;
mod types;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, GenericParam, Pat, Signature, Token, Visibility};

pub(crate) use self::bindings::Binding;
use self::bindings::Bindings;
pub(crate) use self::boxed::Boxed;
pub(crate) use self::extractors::Extraction;
pub(crate) use self::role::Role;
use self::types::borrows;
pub(crate) use self::types::{
    has_no_display, is_integer, is_plain, is_text, lent, names_in, same_type, strip, type_argument,
    type_name,
};

pub(crate) struct Handler {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// These are tokens, not a syntax tree, so that a half-typed body expands and editors complete in it.
    pub(crate) body: Group,
    /// What stands around the body under `#[async_trait]`.
    pub(crate) boxed: Option<Boxed>,
    pub(crate) params: Vec<Param>,
}

#[derive(Clone, Copy)]
pub(crate) enum Generic {
    Type,
    Const,
}

/// What a placeholder names.
pub(crate) enum Name {
    /// A parameter, `self`, or a constant of the function's generics.
    Value(Ident),
    /// A type parameter, or `Self`.
    Type(Ident),
}

/// One parameter: `Path((username, id)): Path<(String, i64)>` binds two names.
pub(crate) struct Param {
    pub(crate) role: Role,
    pub(crate) bindings: Vec<Binding>,
    /// The places of `..` in its pattern.
    pub(crate) rests: Vec<Span>,
    /// Whether its pattern is a name.
    is_named: bool,
    /// What messages call it, if it borrows something from the caller.
    borrowed: Option<String>,
    pub(crate) extraction: Extraction,
    /// Whether it is of one of actix's own types that aren't `Send`.
    pub(crate) is_local: bool,
}

impl Parse for Handler {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        let sig = parse_signature(input)?;
        if input.peek(Token![;]) {
            let message =
                "`#[cache]` needs a body: put it on the implementation, not on the declaration";
            return Err(syn::Error::new(sig.ident.span(), message));
        }
        let block = parse_block(input)?;
        let (boxed, body) = match Boxed::of(&sig, &block) {
            Some((boxed, body)) if is_under_async_trait(&sig) => (Some(boxed), body),
            _ => {
                require_async(&sig)?;
                (None, block)
            }
        };
        let params = sig.inputs.iter().filter_map(Param::of).collect();
        Ok(Self {
            attrs,
            vis,
            sig,
            body,
            boxed,
            params,
        })
    }
}

/// Passes on what syn says of a mistake within a function. Where there is no function, the message says so.
fn parse_signature(input: ParseStream<'_>) -> syn::Result<Signature> {
    let start = input.span();
    let begins_a_function =
        input.peek(Token![async]) || input.peek(Token![fn]) || input.peek(Token![unsafe]);
    let sig = input.parse();
    if begins_a_function {
        return sig;
    }
    sig.map_err(|_| syn::Error::new(start, "`#[cache]` goes on an `async fn`"))
}

fn parse_block(input: ParseStream<'_>) -> syn::Result<Group> {
    let start = input.span();
    match input.parse()? {
        TokenTree::Group(block) => Ok(ungroup(block)),
        _ => Err(syn::Error::new(start, "expected the function's body")),
    }
}

/// A body that is a fragment of a `macro_rules!` comes in an invisible group.
fn ungroup(block: Group) -> Group {
    let mut tokens = block.stream().into_iter();
    match (block.delimiter(), tokens.next(), tokens.next()) {
        (Delimiter::None, Some(TokenTree::Group(inner)), None) => ungroup(inner),
        _ => block,
    }
}

fn require_async(sig: &Signature) -> syn::Result<()> {
    if sig.asyncness.is_some() {
        return Ok(());
    }
    let message = "`#[cache]` needs an `async fn`: write `async` before `fn`";
    Err(syn::Error::new(sig.fn_token.span, message))
}

fn is_under_async_trait(sig: &Signature) -> bool {
    sig.asyncness.is_none()
        && (sig.generics.lifetimes()).any(|param| param.lifetime.ident == "async_trait")
}

impl Handler {
    pub(crate) fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.params.iter().flat_map(|param| &param.bindings)
    }

    pub(crate) fn binding(&self, name: &str) -> Option<&Binding> {
        self.bindings().find(|binding| binding.name == name)
    }

    /// The type parameters and constants of the function itself.
    pub(crate) fn generics(&self) -> impl Iterator<Item = (&Ident, Generic)> {
        self.sig
            .generics
            .params
            .iter()
            .filter_map(|param| match param {
                GenericParam::Type(param) => Some((&param.ident, Generic::Type)),
                GenericParam::Const(param) => Some((&param.ident, Generic::Const)),
                GenericParam::Lifetime(_) => None,
            })
    }

    /// Finds what a placeholder's name stands for, with the place where the function declares it.
    pub(crate) fn name(&self, name: &str) -> Option<Name> {
        if let Some(binding) = self.binding(name) {
            return Some(Name::Value(binding.ident.clone()));
        }
        if name == "self" {
            let receiver = self.sig.receiver()?;
            return Some(Name::Value(Ident::new("self", receiver.self_token.span)));
        }
        if name == "Self" {
            return Some(Name::Type(Ident::new("Self", Span::call_site())));
        }
        let mut generics = self.generics();
        let (ident, generic) = generics.find(|(ident, _)| ident.unraw() == name)?;
        Some(match generic {
            Generic::Type => Name::Type(ident.clone()),
            Generic::Const => Name::Value(ident.clone()),
        })
    }

    /// The first parameter that borrows something from the caller.
    pub(crate) fn borrowed(&self) -> Option<&str> {
        let receiver = self.sig.receiver();
        let receiver = receiver.filter(|receiver| borrows(receiver.to_token_stream()));
        let mut params = self.params.iter();
        receiver
            .map(|_| "self")
            .or_else(|| params.find_map(|param| param.borrowed.as_deref()))
    }
}

impl Param {
    fn of(input: &FnArg) -> Option<Self> {
        let FnArg::Typed(typed) = input else {
            return None;
        };
        let Bindings {
            all: bindings,
            rests,
        } = Bindings::of(&typed.pat, &typed.ty);
        let name = bindings.first().map(|binding| binding.name.clone());
        let name = || name.unwrap_or_else(|| typed.ty.to_token_stream().to_string());
        let ty = type_name(&typed.ty);
        Some(Self {
            role: Role::of(&typed.ty),
            extraction: Extraction::of(&typed.ty),
            is_named: matches!((&*typed.pat, bindings.as_slice()), (Pat::Ident(_), [_])),
            borrowed: borrows(typed.ty.to_token_stream()).then(name),
            is_local: matches!(ty.as_deref(), Some("HttpRequest" | "Payload")),
            bindings,
            rests,
        })
    }

    /// The name of the whole parameter, if its pattern is one.
    pub(crate) fn name(&self) -> Option<&Binding> {
        self.bindings.first().filter(|_| self.is_named)
    }
}
