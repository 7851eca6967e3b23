//! axum's own types.

use std::fmt::Display;

use axum::Json;
use axum::extract::Path;

use crate::key::Part;
use crate::request::AsPart;
use crate::value::json_answer;

json_answer!(AxumJson, Json);

/// `{id}` where the parameter is `id: Path<i64>`.
impl<T: Display> AsPart for Path<T> {
    fn as_part(&self) -> Part {
        Part::text(&self.0)
    }
}
