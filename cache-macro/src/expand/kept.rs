//! What `unless`, `errors` and `invalidate_on_error` use of the parameters. They run when the body has returned, which by
//! then has taken the parameters: so each that they name is cloned before.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprPath, FieldValue, Macro, PatIdent, Token};

use super::local;
use super::template::at;
use crate::handler::{Handler, Name};

/// The clones for one of them, `kept0`, `kept1`, ….
pub(super) struct Kept<'h> {
    name: &'static str,
    handler: &'h Handler,
    clones: Vec<KeptParam>,
}

struct KeptParam {
    name: String,
    /// The parameter, where it was named first: rustc's message for a type without `Clone` points there.
    param: Ident,
}

impl<'h> Kept<'h> {
    pub(super) fn new(name: &'static str, handler: &'h Handler) -> Self {
        Self {
            name,
            handler,
            clones: Vec::new(),
        }
    }

    /// The expression with the clones in place of the parameters. A closure takes its clones along, since a refresh in
    /// the background outlives the call.
    pub(super) fn replace_in(&mut self, expression: &Expr) -> Expr {
        let mut expression = expression.clone();
        let mut bound = BoundNames(Vec::new());
        bound.visit_expr_mut(&mut expression);
        let mut replace = Replace {
            kept: self,
            bound: bound.0,
            is_any: false,
        };
        replace.visit_expr_mut(&mut expression);
        if replace.is_any
            && let Expr::Closure(closure) = ungroup(&mut expression)
            && closure.capture.is_none()
        {
            closure.capture = Some(<Token![move]>::default());
        }
        expression
    }

    /// The statements that make the clones.
    pub(super) fn statements(&self, runtime: &TokenStream) -> TokenStream {
        let statements = self.clones.iter().enumerate().map(|(index, clone)| {
            let (param, span) = (&clone.param, clone.param.span());
            let kept = self.local(index, span);
            let cloned = quote_spanned!(span=> #runtime::Value(&#param).cloned());
            quote!(let #kept = { use #runtime::dispatch::*; #cloned };)
        });
        quote!(#(#statements)*)
    }

    /// The clone of this parameter, if it is one.
    fn clone_of(&mut self, ident: &Ident) -> Option<Ident> {
        let name = ident.unraw().to_string();
        if name != "self" && self.handler.binding(&name).is_none() {
            return None;
        }
        let Some(Name::Value(param)) = self.handler.name(&name) else {
            return None;
        };
        let param = at(param, ident.span());
        let known = self.clones.iter().position(|clone| clone.name == name);
        let index = known.unwrap_or_else(|| {
            self.clones.push(KeptParam { name, param });
            self.clones.len() - 1
        });
        Some(self.local(index, ident.span()))
    }

    fn local(&self, index: usize, span: Span) -> Ident {
        let mut kept = local(&format!("{}{index}", self.name));
        kept.set_span(kept.span().located_at(span));
        kept
    }
}

fn ungroup(expression: &mut Expr) -> &mut Expr {
    match expression {
        Expr::Group(group) => ungroup(&mut group.expr),
        Expr::Paren(paren) => ungroup(&mut paren.expr),
        other => other,
    }
}

/// The names that the expression binds itself.
struct BoundNames(Vec<Ident>);

impl VisitMut for BoundNames {
    fn visit_pat_ident_mut(&mut self, pat: &mut PatIdent) {
        self.0.push(pat.ident.clone());
        visit_mut::visit_pat_ident_mut(self, pat);
    }
}

struct Replace<'k, 'h> {
    kept: &'k mut Kept<'h>,
    bound: Vec<Ident>,
    is_any: bool,
}

impl Replace<'_, '_> {
    fn replace(&mut self, ident: &mut Ident) -> bool {
        if self.bound.contains(ident) {
            return false;
        }
        let Some(clone) = self.kept.clone_of(ident) else {
            return false;
        };
        *ident = clone;
        self.is_any = true;
        true
    }

    /// `matches!(value, Some(id) if *id == limit)`: a macro's tokens may be anything. What stands behind a dot is a
    /// field or a method, and what stands in front of a colon a field or a module.
    fn replace_in_tokens(&mut self, tokens: TokenStream) -> TokenStream {
        let is_punct = |token: Option<&TokenTree>, char| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char);
        let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for index in 0..tokens.len() {
            let before = |count| tokens.get(index.checked_sub(count)?);
            let is_behind_dot = is_punct(before(1), '.') && !is_punct(before(2), '.');
            let is_other = is_behind_dot || is_punct(tokens.get(index + 1), ':');
            match &mut tokens[index] {
                TokenTree::Ident(ident) if !is_other => {
                    self.replace(ident);
                }
                TokenTree::Group(group) => {
                    let inner = self.replace_in_tokens(group.stream());
                    let mut replaced = Group::new(group.delimiter(), inner);
                    replaced.set_span(group.span());
                    *group = replaced;
                }
                _ => {}
            }
        }
        tokens.into_iter().collect()
    }
}

impl VisitMut for Replace<'_, '_> {
    fn visit_expr_path_mut(&mut self, path: &mut ExprPath) {
        let segments = &mut path.path.segments;
        let is_name = path.qself.is_none() && path.path.leading_colon.is_none();
        if is_name && segments.len() == 1 && segments[0].arguments.is_none() {
            self.replace(&mut segments[0].ident);
        }
    }

    /// `Limit { page }` is `Limit { page: kept0 }`.
    fn visit_field_value_mut(&mut self, field: &mut FieldValue) {
        let was_any = std::mem::take(&mut self.is_any);
        visit_mut::visit_field_value_mut(self, field);
        if self.is_any && field.colon_token.is_none() {
            field.colon_token = Some(<Token![:]>::default());
        }
        self.is_any |= was_any;
    }

    fn visit_macro_mut(&mut self, invocation: &mut Macro) {
        invocation.tokens = self.replace_in_tokens(std::mem::take(&mut invocation.tokens));
    }
}
