//! `unless` runs when the body has taken the parameters.

use cache_runtime::cache;

struct Limit(usize);

#[cache("text:{name}", skip(limit), unless = |text| text.len() > limit.0)]
async fn text(name: String, limit: Limit) -> String {
    drop(limit);
    name
}

#[cache("number:{n}", skip(service), stale_if_error = {60, errors = |error| *error > service.0})]
async fn number(service: &mut Limit, n: u8) -> Result<u8, usize> {
    service.0 += 1;
    Ok(n)
}

fn main() {}
