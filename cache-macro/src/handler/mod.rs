//! The function under the attribute: its signature with the names that it binds, and its body, which stays
//! unparsed.

mod bindings;
mod role;
mod types;

use proc_macro2::Group;
use quote::ToTokens as _;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, Pat, Signature, Token, Visibility};

pub(crate) use self::bindings::Binding;
pub(crate) use self::role::Role;
use self::types::borrows;
pub(crate) use self::types::{is_integer, is_text, same_type, type_argument, type_name};

pub(crate) struct Handler {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// These are tokens, not a syntax tree, so that a half-typed body expands and editors complete in it.
    pub(crate) body: Group,
    pub(crate) params: Vec<Param>,
}

/// One parameter: `Path((username, id)): Path<(String, i64)>` binds two names.
pub(crate) struct Param {
    pub(crate) role: Role,
    pub(crate) bindings: Vec<Binding>,
    /// Whether its pattern is a name.
    is_named: bool,
    /// What messages call it, if it borrows something from the caller.
    borrowed: Option<String>,
    /// Whether it is of one of actix's own types that aren't `Send`.
    pub(crate) is_local: bool,
}

impl Parse for Handler {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        let sig = parse_signature(input)?;
        require_async(&sig)?;
        if input.peek(Token![;]) {
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

    /// The first parameter that borrows something from the caller.
    pub(crate) fn borrowed(&self) -> Option<&str> {
        let receiver = self.sig.receiver();
        let receiver = receiver.filter(|receiver| borrows(receiver.to_token_stream()));
        let mut params = self.params.iter();
        receiver
            .map(|_| "self")
            .or_else(|| params.find_map(|param| param.borrowed.as_deref()))
    }

    /// Whether the parameters come out of a request, as opposed to a function that is called by hand.
    pub(crate) fn takes_a_request(&self) -> bool {
        self.params
            .iter()
            .any(|param| !matches!(param.role, Role::Plain | Role::Unknown))
    }
}

impl Param {
    fn of(input: &FnArg) -> Option<Self> {
        let FnArg::Typed(typed) = input else {
            return None;
        };
        let bindings = Binding::all(&typed.pat, &typed.ty);
        let name = bindings.first().map(|binding| binding.name.clone());
        let name = || name.unwrap_or_else(|| typed.ty.to_token_stream().to_string());
        let ty = type_name(&typed.ty);
        Some(Self {
            role: Role::of(&typed.ty),
            is_named: matches!((&*typed.pat, bindings.as_slice()), (Pat::Ident(_), [_])),
            borrowed: borrows(typed.ty.to_token_stream()).then(name),
            is_local: matches!(ty.as_deref(), Some("HttpRequest" | "Payload")),
            bindings,
        })
    }

    /// The name of the whole parameter, if its pattern is one.
    pub(crate) fn name(&self) -> Option<&Binding> {
        self.bindings.first().filter(|_| self.is_named)
    }
}
