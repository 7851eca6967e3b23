//! Turns the plan into tokens. Nothing can fail here, and no other room quotes.

mod by_hand;
mod kept;
mod map;
mod read;
mod shared;
mod template;
mod unless;
mod write;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{Expr, Path, ReturnType, Type};

pub(crate) use self::by_hand::{expand_by_hand, expand_mistakes};
pub(crate) use self::shared::{ask_for, expand_shared};
use crate::handler::{Boxed, Handler};
use crate::plan::{Kind, MethodSource, Plan};

/// Input: `async fn get_post(Path(id): Path<i64>) -> Json<Post> { body }`
///
/// Output: the same function, its block replaced by
/// ```text
/// {
///     runtime::mapped! { … }                    // for the map of the program, if there is one
///     let call = Read { key: …, … };            // borrows the parameters, for a moment
///     let (handler, output) = output_of(async move { body });  // takes them
///     let codec = …;                            // from the type of the output
///     runtime::read(call, codec, |_| false, handler, Disabled).await
/// }
/// ```
/// Locals are at `Span::mixed_site()`, out of the body's reach.
pub(crate) fn expand(plan: &Plan<'_>, handler: &Handler) -> TokenStream {
    let Handler {
        attrs,
        vis,
        sig,
        body,
        ..
    } = handler;
    let krate = plan.krate.map_or_else(
        || quote!(::cache_runtime),
        |path| own(path).into_token_stream(),
    );
    let runtime = quote!(#krate::__private);
    let cache = expand_cache(plan);
    let call = match &plan.kind {
        Kind::Pass => None,
        Kind::Read(read) => Some(read::expand(read, &cache, handler, &runtime)),
        Kind::Write(write) => Some(write::expand(write, &cache, handler, &runtime)),
    };
    let mapped = plan.mapped.as_ref();
    let mapped = mapped.map(|mapped| map::expand(mapped, &runtime));
    let block = call.map_or_else(|| body.to_token_stream(), |call| quote!({ #mapped #call }));
    let block = match &handler.boxed {
        None => block,
        Some(Boxed { make, .. }) => quote!({ #make(async move #block) }),
    };
    quote!(#(#attrs)* #vis #sig #block)
}

/// Turns the body into a future. A `return` that never happens gives the future its type from the start, so
/// that inference, coercions and rustc's messages are those of the function itself.
fn expand_body(handler: &Handler) -> TokenStream {
    let mut body = handler.body.clone();
    let mut ty = return_type(handler);
    HideImplTrait.visit_type_mut(&mut ty);
    // `#[async_trait]` has such a `return` of its own.
    if handler.boxed.is_some() || matches!(ty, Type::Infer(_) | Type::Never(_)) {
        return quote!(async move #body);
    }
    // With these spans, lints take the statement and the braces for what they are, the attribute's own.
    let generated = |span: Span| span.resolved_at(Span::mixed_site());
    let never = local("never");
    let return_that_never_happens = quote_spanned! {generated(ty.span())=>
        if let ::core::option::Option::Some(#never) = ::core::option::Option::None::<#ty> {
            return #never;
        }
    };
    body.set_span(generated(body.span()));
    quote!(async move { #return_that_never_happens #body })
}

/// The return type as it is written, or `()`.
fn return_type(handler: &Handler) -> Type {
    match (&handler.boxed, &handler.sig.output) {
        (Some(Boxed { output, .. }), _) => output.clone(),
        (None, ReturnType::Type(_, ty)) => (**ty).clone(),
        (None, ReturnType::Default) => syn::parse_quote_spanned!(handler.sig.ident.span()=> ()),
    }
}

/// `Result<impl IntoResponse, E>` → `Result<_, E>`: an opaque type can't be written down a second time.
struct HideImplTrait;

impl VisitMut for HideImplTrait {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if matches!(ty, Type::ImplTrait(_)) {
            *ty = syn::parse_quote!(_);
        } else {
            visit_type_mut(self, ty);
        }
    }
}

/// The function's static, which no name in the body or in an argument means: it has a block of its own.
fn expand_function(handler: &Handler, runtime: &TokenStream) -> TokenStream {
    let name = format!("::{}", handler.sig.ident.unraw());
    quote! {{
        static FUNCTION: #runtime::Function = #runtime::Function::new(::core::concat!(::core::module_path!(), #name));
        &FUNCTION
    }}
}

fn expand_cache(plan: &Plan<'_>) -> TokenStream {
    let Some(cache) = plan.cache else {
        return quote!(::core::option::Option::None);
    };
    let clone = quote_spanned!(cache.span()=> ::core::clone::Clone::clone);
    let reference = quote_spanned!(cache.span()=> &(#cache));
    quote!(::core::option::Option::Some(#clone(#reference)))
}

/// Asks the parameters for the request's method, in turn: the first that knows it tells it.
fn expand_method(sources: &[MethodSource<'_>], runtime: &TokenStream) -> TokenStream {
    let ask = |source: &MethodSource<'_>| {
        let param = source.param;
        let span = param.span();
        if source.required {
            quote_spanned!(span=> #runtime::access_of(&#param))
        } else {
            quote_spanned!(span=> #runtime::Value(&#param).access())
        }
    };
    let Some((first, others)) = sources.split_first() else {
        return quote!(::core::option::Option::None);
    };
    let (first, others) = (ask(first), others.iter().map(ask));
    quote!(#first #(.or_else(|| #others))*)
}

/// A predicate of the error, as the layer makes it. rustc's message where there is no `Result` points at it.
fn expand_errors(errors: &Expr, method: &str, runtime: &TokenStream) -> TokenStream {
    let method = Ident::new(method, errors.span().resolved_at(Span::call_site()));
    let errors = expand_predicate(errors, runtime);
    quote!(layer.#method(#errors))
}

/// The predicate within a closure, which is of the type that the runtime asks for whatever the predicate is: so a wrong
/// one is told of once, where it stands.
fn expand_predicate(predicate: &Expr, runtime: &TokenStream) -> TokenStream {
    let value = local("value");
    quote!(move |#value: &_| #runtime::holds(#value, #predicate))
}

fn expand_option(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

/// The path as if the attribute had written it, so that lints take what is imported from there for the attribute's own.
/// `$crate` stays the crate that the `macro_rules!` stands in.
fn own(path: &Path) -> Path {
    let mut path = path.clone();
    for segment in &mut path.segments {
        if segment.ident != "$crate" {
            let span = segment.ident.span().resolved_at(Span::call_site());
            segment.ident.set_span(span);
        }
    }
    path
}

fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
