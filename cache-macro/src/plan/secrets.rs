//! Checks that no secret becomes the name of a key, which whoever can list the server's keys would read.

use syn::Type;

use super::Planner;
use crate::handler::{Name, names_in};
use crate::template::{Placeholder, Template};

impl Planner<'_> {
    pub(super) fn check_secrets(&mut self, template: &Template) {
        for placeholder in template.placeholders() {
            let ty = match self.handler.name(&placeholder.root) {
                Some(Name::Type(_)) => continue,
                _ => self.handler.binding(&placeholder.root),
            };
            let ty = ty.and_then(|binding| binding.ty.as_ref());
            self.errors.extend(told_secret(placeholder, ty));
        }
    }
}

/// The mistake of a placeholder that has a secret in it and is not hashed. `ty` is the type of its first name, where
/// that is known.
pub(super) fn told_secret(placeholder: &Placeholder, ty: Option<&Type>) -> Option<syn::Error> {
    if placeholder.hashed || !is_secret(placeholder, ty) {
        return None;
    }
    let path = placeholder.path().join(".");
    let message = format!(
        "`{path}` is a secret, and whoever lists the keys would read it: write `{{{path}:hash}}`"
    );
    Some(syn::Error::new(placeholder.span, message))
}

/// The last name decides, so that `{token.user_id}` and `{token_id}` are none, while `{token.0}` is one. Where that is
/// a parameter, its type does as well.
fn is_secret(placeholder: &Placeholder, ty: Option<&Type>) -> bool {
    let path = placeholder.path();
    let last = path.iter().rposition(|name| !is_the_whole(name));
    let Some(last) = last else { return false };
    if names_a_secret(&words(path[last])) {
        return true;
    }
    let names = ty.filter(|_| last == 0).map(names_in).unwrap_or_default();
    names.iter().any(|name| names_a_secret(&words(name)))
}

/// `{token.0}`, `{token.value}`
fn is_the_whole(field: &str) -> bool {
    field.starts_with(|first: char| first.is_ascii_digit()) || matches!(field, "value" | "inner")
}

/// Whether these words end in one for a secret: `reset`, `token`.
fn names_a_secret(words: &[String]) -> bool {
    const SECRETS: [&str; 15] = [
        "apikey",
        "authorization",
        "bearer",
        "credential",
        "credentials",
        "jwt",
        "passphrase",
        "passwd",
        "password",
        "passwords",
        "pwd",
        "secret",
        "secrets",
        "token",
        "tokens",
    ];
    // What a type that holds a secret is also called.
    const WRAPPERS: [&str; 6] = ["auth", "box", "str", "string", "text", "value"];
    const KEYS: [&str; 5] = ["access", "api", "private", "secret", "signing"];
    match words {
        [rest @ .., last] if WRAPPERS.contains(&last.as_str()) => names_a_secret(rest),
        [.., first, last] if last == "key" && KEYS.contains(&first.as_str()) => true,
        [.., last] => SECRETS.contains(&last.as_str()),
        [] => false,
    }
}

/// `reset_token` and `ResetToken` → `reset`, `token`
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.trim_start_matches("r#").chars() {
        if letter == '_' || (letter.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = !letter.is_uppercase() && letter != '_';
        if letter != '_' {
            words
                .last_mut()
                .expect("never empty")
                .extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
