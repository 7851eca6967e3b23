//! What the attribute makes of a function, and what it says of a mistake.

mod goldens;
mod messages;

use proc_macro2::TokenStream;

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("a test's tokens are tokens")
}
