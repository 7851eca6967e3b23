//! Methods that `#[async_trait]` has rewritten: they return a boxed future, and their body makes it.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::{GenericArgument, PathArguments, ReturnType, Signature, Type, TypeParamBound};

use super::types::{strip, type_argument};

/// What stands around the body.
pub(crate) struct Boxed {
    /// `Box::pin`
    pub(crate) make: TokenStream,
    /// What the future returns.
    pub(crate) output: Type,
}

impl Boxed {
    /// Input: `fn … -> Pin<Box<dyn Future<Output = T> + Send + 'async_trait>> { Box::pin(async move { body }) }`
    ///
    /// Output: `Box::pin` with the type `T`, and `{ body }`
    pub(super) fn of(sig: &Signature, block: &Group) -> Option<(Self, Group)> {
        let output = output_of_boxed(&sig.output)?;
        let mut make: Vec<TokenTree> = block.stream().into_iter().collect();
        let TokenTree::Group(argument) = make.pop()? else {
            return None;
        };
        let future: Vec<TokenTree> = argument.stream().into_iter().collect();
        let [
            TokenTree::Ident(first),
            TokenTree::Ident(second),
            TokenTree::Group(body),
        ] = future.as_slice()
        else {
            return None;
        };
        let is_future = argument.delimiter() == Delimiter::Parenthesis
            && first == "async"
            && second == "move"
            && body.delimiter() == Delimiter::Brace;
        let make = make.into_iter().collect();
        is_future.then(|| (Self { make, output }, body.clone()))
    }
}

/// `Pin<Box<dyn Future<Output = T> + …>>` → `T`
fn output_of_boxed(output: &ReturnType) -> Option<Type> {
    let ReturnType::Type(_, pinned) = output else {
        return None;
    };
    let Type::TraitObject(future) = strip(type_argument(type_argument(pinned)?)?) else {
        return None;
    };
    future.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let PathArguments::AngleBracketed(arguments) = &bound.path.segments.last()?.arguments
        else {
            return None;
        };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(assoc) if assoc.ident == "Output" => Some(assoc.ty.clone()),
            _ => None,
        })
    })
}
