//! Arguments whose mistake only types can show.

use std::rc::Rc;

use cache_runtime::cache;

struct Name;

const LOADS: u64 = 8;

#[cache("condition", condition = page)]
async fn condition(page: u32) -> u32 {
    page
}

#[cache("unless", unless = |value| value + 1)]
async fn unless(id: u64) -> u64 {
    id
}

#[cache("unless_of_another", unless = Vec::is_empty)]
async fn unless_of_another(id: u64) -> u64 {
    id
}

#[cache("errors", stale_if_error = {60, errors = |error| error.is_timeout()})]
async fn errors(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cache("errors_of_another", stale_if_error = {60, errors = String::is_empty})]
async fn errors_of_another(id: u64) -> Result<u64, u64> {
    Ok(id)
}

#[cache("id", resource_id_name = "name")]
async fn id_without_display(name: Name) -> u64 {
    1
}

#[cache("tag", tags = ["tag:{name}"], skip(name))]
async fn tag_without_display(name: &Name) -> u64 {
    1
}

#[cache("patterns:{id}", pattern_to_invalidate_extra = ["patterns_{result.name}_*"], method = "PUT")]
async fn result_without_field(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cache("borrowed")]
async fn borrowed(id: u64) -> &'static str {
    "text"
}

#[cache("refreshed", stale_while_revalidate = 60)]
async fn refreshed(id: u64) -> u64 {
    let held = Rc::new(id);
    std::future::ready(()).await;
    *held
}

#[cache("detached", detached)]
async fn detached(id: u64) -> u64 {
    let held = Rc::new(id);
    std::future::ready(()).await;
    *held
}

#[cache("unsendable", detached)]
async fn unsendable(id: u64) -> Result<u64, Rc<u64>> {
    Ok(id)
}

#[cache("limited", max_loads = LOADS)]
async fn limited(id: u64) -> u64 {
    id
}

#[cache("renamed", crate = some_cache)]
async fn renamed(id: u64) -> u64 {
    id
}

fn main() {
    let _ = (condition(1), unless(1), unless_of_another(1), errors(1), errors_of_another(1));
    let _ = (id_without_display(Name), tag_without_display(&Name), result_without_field(1));
    let _ = (borrowed(1), refreshed(1), detached(1), unsendable(1), limited(1), renamed(1));
}
