//! axum's own types.

use std::fmt::Display;

use axum::Json;
use axum::extract::Path;

use crate::key::Part;
use crate::request::Value;
use crate::value::json_answer;

json_answer!(AxumJson, Json);

impl<T: Display> Value<'_, Path<T>> {
    /// `{id}` where the parameter is `id: Path<i64>`.
    pub fn part(self) -> Part {
        Part::text(&self.0.0)
    }
}
