//! The plan as tokens. Nothing can fail here, and nothing else quotes.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{Ident, Index, Type};

use crate::args::Time;
use crate::handler::Handler;
use crate::plan::{Flow, MethodSource, Plan, RESULT, Read, Windows, Write};
use crate::template::{Placeholder, Segment, Template};

/// Input: `async fn get_post(Path(id): Path<i64>) -> Json<Post> { body }`
///
/// Output: the same function, its block replaced by
/// ```text
/// {
///     let call = Read { key: …, … };            // borrows the parameters, for a moment
///     let handler = async move { body };        // takes them
///     let codec = …;                            // from the type of the answer
///     runtime::read(call, codec, |_| false, handler, Disabled).await
/// }
/// ```
/// Locals are at `Span::mixed_site()`, out of the body's reach.
pub(crate) fn expand(plan: &Plan, handler: &Handler) -> TokenStream {
    let Handler {
        attrs,
        vis,
        sig,
        body,
        ..
    } = handler;
    let krate = plan
        .krate
        .as_ref()
        .map_or_else(|| quote!(::cache_runtime), ToTokens::to_token_stream);
    let runtime = quote!(#krate::__private);
    let block = match &plan.flow {
        Flow::Pass => body.to_token_stream(),
        Flow::Read(read) => expand_read(read, plan, handler, &runtime),
        Flow::Write(write) => expand_write(write, plan, handler, &runtime),
    };
    quote!(#(#attrs)* #vis #sig #block)
}

fn expand_read(read: &Read, plan: &Plan, handler: &Handler, runtime: &TokenStream) -> TokenStream {
    let [call, body, codec] = ["call", "handler", "codec"].map(local);
    let cache = expand_cache(plan);
    let access = if read.is_explicit {
        quote!(::core::option::Option::Some(#runtime::Access::Read))
    } else {
        expand_access(&read.method, runtime)
    };
    let key = expand_template(&read.key, "key", runtime, &mut render);
    let tags: Vec<_> = read
        .tags
        .iter()
        .map(|tag| expand_template(tag, "key", runtime, &mut render))
        .collect();
    let expiration = expand_time(&read.expiration);
    let (windows, background) = expand_windows(&read.windows, runtime);
    let condition = read
        .condition
        .as_ref()
        .map_or_else(|| quote!(true), |condition| quote!(#condition));
    let unless = read
        .unless
        .as_ref()
        .map_or_else(|| quote!(|_| false), |unless| quote!(#unless));
    let future = expand_body(handler);
    let of_answer = quote_spanned!(handler.answer().span()=> codec);
    quote! {{
        let #call = {
            use #runtime::dispatch::*;
            #runtime::Read { cache: #cache, access: #access, key: #key, tags: #runtime::tags([#(#tags),*]), expiration: #expiration, windows: #windows, condition: #condition }
        };
        let #body = #future;
        let #codec = {
            use #runtime::dispatch::*;
            let layer = #runtime::output_of(&#body).layer();
            layer.wrap(layer.inner().#of_answer())
        };
        #runtime::read(#call, #codec, #unless, #body, #background).await
    }}
}

/// As a read, with the outcome in the codec's place and the keys that need `{result…}` made at the end:
/// what these take from the parameters is rendered at the beginning, into `parts`.
fn expand_write(
    write: &Write,
    plan: &Plan,
    handler: &Handler,
    runtime: &TokenStream,
) -> TokenStream {
    let [call, body, outcome] = ["call", "handler", "outcome"].map(local);
    let cache = expand_cache(plan);
    let access = expand_access(&write.method, runtime);
    let late_and_early = |templates| -> (Vec<&Template>, Vec<&Template>) {
        <&[Template]>::into_iter(templates).partition(|template| needs_result(template))
    };
    let (late_keys, keys) = late_and_early(&write.keys);
    let (late_tags, tags) = late_and_early(&write.tags);
    let (late_patterns, patterns) = late_and_early(&write.patterns);
    let stale = expand_stale([&keys, &tags, &patterns], runtime, &mut render);
    let (parts, late) = expand_late([&late_keys, &late_tags, &late_patterns], runtime);
    let future = expand_body(handler);
    quote! {{
        let #call = {
            use #runtime::dispatch::*;
            #runtime::Write { cache: #cache, access: #access, stale: #stale }
        };
        #parts
        let #body = #future;
        let #outcome = {
            use #runtime::dispatch::*;
            let layer = #runtime::output_of(&#body).layer();
            layer.wrap(layer.inner().outcome())
        };
        #runtime::write(#call, #outcome, #late, #body).await
    }}
}

/// The body as a future. The return that never happens gives it its type from the start, so that
/// inference, coercions and rustc's messages are those of the function itself.
fn expand_body(handler: &Handler) -> TokenStream {
    let body = &handler.body;
    let mut answer = handler.answer();
    HideImplTrait.visit_type_mut(&mut answer);
    if matches!(answer, Type::Infer(_) | Type::Never(_)) {
        return quote!(async move #body);
    }
    let never = local("never");
    let answer_never_given = quote_spanned! {answer.span()=>
        #[allow(clippy::all, clippy::pedantic)]
        if let ::core::option::Option::Some(#never) = ::core::option::Option::None::<#answer> {
            return #never;
        }
    };
    quote!(async move { #answer_never_given #body })
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

fn expand_cache(plan: &Plan) -> TokenStream {
    let Some(cache) = &plan.cache else {
        return quote!(::core::option::Option::None);
    };
    let clone = quote_spanned!(cache.span()=> ::core::clone::Clone::clone);
    let reference = quote_spanned!(cache.span()=> &(#cache));
    quote!(::core::option::Option::Some(#clone(#reference)))
}

/// The first parameter that knows the request's method says it.
fn expand_access(sources: &[MethodSource], runtime: &TokenStream) -> TokenStream {
    let ask = |source: &MethodSource| {
        let param = &source.param;
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

/// The windows, and where a refresh runs.
fn expand_windows(windows: &Windows, runtime: &TokenStream) -> (TokenStream, TokenStream) {
    let Windows {
        revalidate,
        error,
        on_thread,
    } = windows;
    let given = [("revalidate", revalidate), ("error", error)].into_iter();
    let given = given.filter_map(|(name, time)| {
        let (name, time) = (
            Ident::new(name, Span::call_site()),
            time.as_ref().map(expand_time)?,
        );
        Some(quote!(#name: #time,))
    });
    let rest = quote!(::core::default::Default::default());
    let background = match (revalidate, on_thread) {
        (None, _) => quote!(Disabled),
        (Some(_), true) => quote!(SpawnLocal),
        (Some(_), false) => quote!(Spawn),
    };
    let given: Vec<_> = given.collect();
    let windows = if given.is_empty() {
        rest
    } else {
        quote!(#runtime::Windows { #(#given)* ..#rest })
    };
    (windows, quote!(#runtime::#background))
}

fn expand_time(time: &Time) -> TokenStream {
    match time {
        Time::Literal(duration) => {
            let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            quote!(::core::time::Duration::from_millis(#milliseconds))
        }
        Time::Expression(expression) => quote!(#expression),
    }
}

/// `Stale::new([keys], [tags], [patterns])`
fn expand_stale(
    [keys, tags, patterns]: [&[&Template]; 3],
    runtime: &TokenStream,
    part: &mut dyn FnMut(&Placeholder, &TokenStream) -> TokenStream,
) -> TokenStream {
    let mut all = |templates: &[&Template], function| -> Vec<TokenStream> {
        let expand = |template: &&Template| expand_template(template, function, runtime, part);
        templates.iter().map(expand).collect()
    };
    let (keys, tags, patterns) = (all(keys, "key"), all(tags, "key"), all(patterns, "pattern"));
    quote!(#runtime::Stale::new([#(#keys),*], [#(#tags),*], [#(#patterns),*]))
}

fn needs_result(template: &Template) -> bool {
    template
        .placeholders()
        .any(|placeholder| placeholder.root == RESULT)
}

/// The parts that parameters give to late keys, and the closure that adds what the answer gives.
fn expand_late(templates: [&[&Template]; 3], runtime: &TokenStream) -> (TokenStream, TokenStream) {
    if templates.iter().all(|late| late.is_empty()) {
        return (TokenStream::new(), quote!(|_| #runtime::Stale::none()));
    }
    let result = local(RESULT);
    let (mut names, mut rendered) = (Vec::new(), Vec::new());
    let mut part = |placeholder: &Placeholder, runtime: &TokenStream| {
        if placeholder.root == RESULT {
            return render_at(placeholder, &result, runtime);
        }
        let name = local(&format!("part{}", names.len()));
        names.push(name.clone());
        rendered.push(render(placeholder, runtime));
        name.to_token_stream()
    };
    let stale = expand_stale(templates, runtime, &mut part);
    let parts = quote! {
        let [#(#names),*] = {
            use #runtime::dispatch::*;
            [#(#rendered),*]
        };
    };
    let parts = if names.is_empty() {
        TokenStream::new()
    } else {
        parts
    };
    (
        parts,
        quote!(move |#result| { use #runtime::dispatch::*; #stale }),
    )
}

/// Input: `{username}_posts:{id}`
///
/// Output: `key(&["", "_posts:", ""], [Value(&username).part(), Value(&id).part()])`
fn expand_template(
    template: &Template,
    function: &str,
    runtime: &TokenStream,
    part: &mut dyn FnMut(&Placeholder, &TokenStream) -> TokenStream,
) -> TokenStream {
    let mut literals = vec![String::new()];
    let mut parts = Vec::new();
    for segment in &template.segments {
        match segment {
            Segment::Literal(text) => literals.last_mut().expect("never empty").push_str(text),
            Segment::Placeholder(placeholder) => {
                parts.push(part(placeholder, runtime));
                literals.push(String::new());
            }
        }
    }
    let function = Ident::new(function, Span::call_site());
    quote!(#runtime::#function(&[#(#literals),*], [#(#parts),*]))
}

/// A placeholder that a parameter fills.
fn render(placeholder: &Placeholder, runtime: &TokenStream) -> TokenStream {
    render_at(
        placeholder,
        &name(&placeholder.root, placeholder.source.span()),
        runtime,
    )
}

/// `{type}` is the parameter `r#type`.
fn name(name: &str, span: Span) -> Ident {
    match syn::parse_str::<Ident>(name) {
        Err(_) if name != "self" => Ident::new_raw(name, span),
        _ => Ident::new(name, span),
    }
}

/// All tokens stand at the literal, so that rustc's own messages point there.
fn render_at(placeholder: &Placeholder, root: &Ident, runtime: &TokenStream) -> TokenStream {
    let span = placeholder.source.span();
    let fields = placeholder
        .fields
        .iter()
        .map(|field| match field.parse::<u32>() {
            Ok(index) => Index { index, span }.to_token_stream(),
            Err(_) => name(field, span).to_token_stream(),
        });
    let method = if placeholder.hashed {
        quote_spanned!(span=> hash)
    } else {
        quote_spanned!(span=> part)
    };
    quote_spanned!(span=> #runtime::Value(&#root #(.#fields)*).#method())
}

fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
