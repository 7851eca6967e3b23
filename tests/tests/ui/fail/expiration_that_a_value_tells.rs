//! What a value may tell of how long it is stored, and how it is asked.

use std::time::Duration;

use cache_runtime::cache;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Token {
    expires_in: Option<u64>,
    life: f64,
}

impl Token {
    fn life(&self) -> Duration {
        Duration::from_secs_f64(self.life)
    }
}

fn token() -> Token {
    Token { expires_in: None, life: 1.0 }
}

#[cache("fraction", expiration = |token| token.life)]
async fn fraction(id: u64) -> Token {
    token()
}

#[cache("option", expiration = |token| token.expires_in)]
async fn option(id: u64) -> Result<Token, String> {
    Ok(token())
}

#[cache("nothing", expiration = |token| { token.life(); })]
async fn nothing(id: u64) -> Token {
    token()
}

#[cache("text", expiration = {|_| "5m", max = "7d"})]
async fn text(id: u64) -> Token {
    token()
}

#[cache("future", expiration = |token| async { 60 })]
async fn future(id: u64) -> Token {
    token()
}

#[cache("missing", expiration = |token| token.expires_at)]
async fn missing(id: u64) -> Token {
    token()
}

#[cache("by_value", expiration = |token: Token| token.life())]
async fn by_value(id: u64) -> Token {
    token()
}

#[cache("another", expiration = |token: &String| 60)]
async fn another(id: u64) -> Token {
    token()
}

#[cache("function", expiration = Token::life)]
async fn function(id: u64) -> Token {
    token()
}

#[cache("function_of_another", expiration = {String::len, max = 60})]
async fn function_of_another(id: u64) -> Token {
    token()
}

#[cache("longest", expiration = {Token::life, max = MAX})]
async fn longest(id: u64) -> Token {
    token()
}

const MAX: u64 = 60;

#[cache("taken", skip(limit), expiration = |token| limit.0)]
async fn taken(id: u64, limit: Limit) -> Token {
    token()
}

struct Limit(u64);

fn main() {
    let _ = (fraction(1), option(1), nothing(1), text(1), future(1), missing(1), by_value(1));
    let _ = (another(1), function(1), function_of_another(1), longest(1), taken(1, Limit(1)));
}
