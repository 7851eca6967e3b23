//! A value of more than one field.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Page {
    pub(crate) number: u32,
    pub(crate) r#type: String,
}

pub(crate) fn page() -> Page {
    Page {
        number: 3,
        r#type: "new".into(),
    }
}
